//! Events gathered into one whole answer of Converse.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use tollgate_api::{Cost, Event, Seal, Sealer, StopReason, Usage};

use super::cited::Cited;
use super::media::{Kind, format};
use super::pieces::{Bytes, Fields, METRICS, Metrics, input, json, sealed_bytes, stop_reason};
use super::usage::{self, Member, TierMember};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    output: Output<'a>,
    stop_reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Member>,
    metrics: Metrics,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_model_response_fields: Option<Fields<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<TierMember>,
}

#[derive(Serialize)]
struct Output<'a> {
    message: Message<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Block<'a> {
    Text(&'a str),
    CitationsContent {
        content: [Text<'a>; 1],
        citations: &'a [Cited<'a>],
    },
    ReasoningContent(Reasoning<'a>),
    #[serde(rename_all = "camelCase")]
    ToolUse {
        tool_use_id: &'a str,
        name: &'a str,
        input: Cow<'a, RawValue>,
    },
    Image {
        format: &'static str,
        source: Bytes<'a>,
    },
}

#[derive(Serialize)]
struct Text<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Reasoning<'a> {
    ReasoningText {
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<&'a str>,
    },
    RedactedContent(&'a str),
}

/// What the events add up to.
#[derive(Default)]
struct Gathered<'a> {
    pieces: Vec<Piece<'a>>,
    /// Where among them each tool call stands.
    calls: BTreeMap<u32, usize>,
    stopped: Option<(StopReason, Option<&'a str>)>,
    usage: Option<Usage>,
}

/// One block so far.
enum Piece<'a> {
    Text { text: String, citations: Vec<Cited<'a>> },
    Thinking { text: String, signature: Option<Cow<'a, str>> },
    Redacted(Cow<'a, str>),
    Call { id: &'a str, name: &'a str, json: String },
    Image { format: &'static str, data: &'a str },
}

/// The whole answer as JSON.
pub(super) fn assemble(events: &[Event], cost: Option<Cost>) -> Vec<u8> {
    let mut gathered = Gathered::default();
    events.iter().for_each(|event| gathered.take(event));
    let (reason, sequence) = gathered.stopped.unwrap_or((StopReason::EndOfTurn, None));
    let content = gathered.pieces.iter().map(Piece::block).collect();
    json(&Answer {
        output: Output { message: Message { role: "assistant", content } },
        stop_reason: stop_reason(reason),
        usage: gathered.usage.map(|usage| usage::write(&usage, cost)),
        metrics: METRICS,
        additional_model_response_fields: sequence.map(|stop_sequence| Fields { stop_sequence }),
        service_tier: gathered.usage.as_ref().and_then(usage::tier),
    })
}

impl<'a> Gathered<'a> {
    fn take(&mut self, event: &'a Event) {
        match event {
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => self.text(text),
            Event::Thinking { choice: 0, text, seal } => self.think(text, seal.as_ref()),
            Event::RedactedThinking { seal } => self.pieces.push(Piece::Redacted(sealed_bytes(seal))),
            Event::ToolStart { choice: 0, index, id, name, seal } => {
                // A call has no place for a seal: reasoning without words, just before it, has.
                self.pieces.extend(seal.as_ref().map(|seal| Piece::Thinking {
                    text: String::new(),
                    signature: Some(seal.spelled_for(Sealer::Anthropic)),
                }));
                self.calls.insert(*index, self.pieces.len());
                self.pieces.push(Piece::Call { id, name, json: String::new() });
            }
            Event::ToolArguments { choice: 0, index, json } => self.argue(*index, json),
            Event::Cited { choice: 0, citation } => self.cite(Cited::of(citation)),
            Event::Image { choice: 0, media_type, data } => {
                self.pieces.extend(format(Kind::Image, media_type).map(|format| Piece::Image { format, data }));
            }
            Event::Stop { choice: 0, reason, sequence } => self.stopped = Some((*reason, sequence.as_deref())),
            Event::Usage(usage) => self.usage = Some(*usage),
            _ => {}
        }
    }

    /// Adds to the text, until something of it is cited.
    fn text(&mut self, more: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Text { text, citations }) if citations.is_empty() => text.push_str(more),
            _ => self.pieces.push(Piece::Text { text: more.to_owned(), citations: Vec::new() }),
        }
    }

    /// A citation is of the text before it.
    fn cite(&mut self, cited: Cited<'a>) {
        match self.pieces.last_mut() {
            Some(Piece::Text { citations, .. }) => citations.push(cited),
            _ => self.pieces.push(Piece::Text { text: String::new(), citations: vec![cited] }),
        }
    }

    /// Adds to the thinking, and to its last block until that is sealed.
    fn think(&mut self, more: &str, seal: Option<&'a Seal>) {
        let sealed = seal.map(|seal| seal.spelled_for(Sealer::Anthropic));
        match self.pieces.last_mut() {
            Some(Piece::Thinking { text, signature: signature @ None }) => {
                text.push_str(more);
                *signature = sealed;
            }
            _ => self.pieces.push(Piece::Thinking { text: more.to_owned(), signature: sealed }),
        }
    }

    fn argue(&mut self, number: u32, more: &str) {
        let place = self.calls.get(&number).copied();
        if let Some(Piece::Call { json, .. }) = place.and_then(|place| self.pieces.get_mut(place)) {
            json.push_str(more);
        }
    }
}

impl Piece<'_> {
    fn block(&self) -> Block<'_> {
        match self {
            Self::Text { text, citations } if citations.is_empty() => Block::Text(text),
            Self::Text { text, citations } => Block::CitationsContent { content: [Text { text }], citations },
            Self::Thinking { text, signature } => {
                Block::ReasoningContent(Reasoning::ReasoningText { text, signature: signature.as_deref() })
            }
            Self::Redacted(data) => Block::ReasoningContent(Reasoning::RedactedContent(data)),
            Self::Call { id, name, json } => Block::ToolUse { tool_use_id: id, name, input: input(json) },
            Self::Image { format, data } => Block::Image { format, source: Bytes { bytes: data } },
        }
    }
}
