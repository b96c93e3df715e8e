//! Events gathered into one whole message.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use tollgate_api::{Citation, Cost, Event, Seal, Sealer, StopReason, Usage};

use super::blocks::{call_id, input};
use super::citation::{self, Location};
use super::usage::{self, Member};
use super::words::stop_reason;
use crate::dialect::AnswerHead;

#[derive(Serialize)]
struct Message<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Wire<'a>>,
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
    usage: Member,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Wire<'a> {
    Text {
        text: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<Location<'a>>,
    },
    Thinking {
        thinking: &'a str,
        signature: Cow<'a, str>,
    },
    RedactedThinking {
        data: Cow<'a, str>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Cow<'a, RawValue>,
    },
}

/// A block as it grows.
enum Block<'a> {
    Text { text: String, citations: Vec<&'a Citation> },
    Thinking { text: String, seal: Option<&'a Seal> },
    Redacted(&'a Seal),
    Call { id: &'a str, name: &'a str, arguments: String },
}

/// What the events add up to.
#[derive(Default)]
struct Gathered<'a> {
    blocks: Vec<Block<'a>>,
    /// Sources that came before any text: they go with the first.
    early: Vec<&'a Citation>,
    /// Which block each call is.
    calls: BTreeMap<u32, usize>,
    usage: Usage,
    stop: Option<(StopReason, Option<&'a str>)>,
    refused: bool,
}

/// The whole answer as JSON.
pub(crate) fn assemble(head: &AnswerHead, events: &[Event], cost: Option<Cost>) -> Vec<u8> {
    let mut gathered = Gathered::default();
    for event in events {
        gathered.take(event);
    }
    gathered.cite_early();
    let (reason, stop_sequence) = gathered.stop.unwrap_or((StopReason::EndOfTurn, None));
    let message = Message {
        id: &head.id,
        kind: "message",
        role: "assistant",
        model: &head.model,
        content: gathered.blocks.iter().map(Block::wire).collect(),
        stop_reason: stop_reason(reason, gathered.refused),
        stop_sequence,
        usage: usage::write(&gathered.usage, cost),
    };
    serde_json::to_vec(&message).expect("strings and numbers are JSON")
}

impl<'a> Gathered<'a> {
    fn cite_early(&mut self) {
        let early = std::mem::take(&mut self.early);
        let texts = self.blocks.iter_mut().filter_map(|block| match block {
            Block::Text { citations, .. } => Some(citations),
            _ => None,
        });
        texts.take(1).for_each(|citations| citations.extend(&early));
    }

    fn take(&mut self, event: &'a Event) {
        match event {
            Event::Text { choice: 0, text } => self.text(text),
            Event::Refusal { choice: 0, text } => {
                self.refused = true;
                self.text(text);
            }
            Event::Thinking { choice: 0, text, seal } => self.think(text, seal.as_ref()),
            Event::RedactedThinking { seal } => self.blocks.push(Block::Redacted(seal)),
            Event::ToolStart { choice: 0, index, id, name, seal } => {
                self.blocks.extend(seal.as_ref().map(Block::Redacted));
                self.calls.insert(*index, self.blocks.len());
                self.blocks.push(Block::Call { id, name, arguments: String::new() });
            }
            Event::ToolArguments { choice: 0, index, json } => self.argue(*index, json),
            Event::Cited { choice: 0, citation } => match self.blocks.last_mut() {
                Some(Block::Text { citations, .. }) => citations.push(citation),
                _ => self.early.push(citation),
            },
            Event::Stop { choice: 0, reason, sequence } => {
                self.stop.get_or_insert((*reason, sequence.as_deref()));
            }
            Event::Usage(usage) => self.usage = *usage,
            _ => {}
        }
    }

    fn text(&mut self, piece: &str) {
        match self.blocks.last_mut() {
            _ if piece.is_empty() => {}
            // What is cited is a block of its own, as Anthropic has it.
            Some(Block::Text { text, citations }) if citations.is_empty() => text.push_str(piece),
            _ => self.blocks.push(Block::Text { text: piece.to_owned(), citations: Vec::new() }),
        }
    }

    fn think(&mut self, piece: &str, seal: Option<&'a Seal>) {
        match self.blocks.last_mut() {
            _ if piece.is_empty() && seal.is_none() => {}
            Some(Block::Thinking { text, seal: open @ None }) => {
                text.push_str(piece);
                *open = seal;
            }
            _ => self.blocks.push(Block::Thinking { text: piece.to_owned(), seal }),
        }
    }

    fn argue(&mut self, index: u32, json: &str) {
        let place = self.calls.get(&index).copied();
        if let Some(Block::Call { arguments, .. }) = place.and_then(|place| self.blocks.get_mut(place)) {
            arguments.push_str(json);
        }
    }
}

impl Block<'_> {
    fn wire(&self) -> Wire<'_> {
        match self {
            Self::Text { text, citations } => {
                Wire::Text { text, citations: citations.iter().map(|citation| citation::write(citation)).collect() }
            }
            Self::Thinking { text, seal } => {
                // A signature is required of every block: that of unsealed thinking stays empty.
                let signature = seal.map_or(Cow::Borrowed(""), |seal| seal.spelled_for(Sealer::Anthropic));
                Wire::Thinking { thinking: text, signature }
            }
            Self::Redacted(seal) => Wire::RedactedThinking { data: seal.spelled_for(Sealer::Anthropic) },
            Self::Call { id, name, arguments, .. } => Wire::ToolUse { id: call_id(id), name, input: input(arguments) },
        }
    }
}
