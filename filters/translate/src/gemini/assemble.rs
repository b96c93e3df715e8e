//! Events gathered into one whole answer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_api::{Call, Citation, Cost, Event, Seal, Sealer, StopReason, Usage};

use super::chunks::{CallSoFar, Kind, Part, thought};
use super::{finish, grounding, logprobs, thinking, usage};
use crate::dialect::AnswerHead;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    candidates: Vec<Candidate<'a>>,
    model_version: &'a str,
    response_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<usage::Member>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    content: Content<'a>,
    finish_reason: &'static str,
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    grounding_metadata: Option<grounding::Member<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs_result: Option<&'a logprobs::Member>,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: Vec<Part<'a>>,
    role: &'static str,
}

/// What the events of one choice add up to.
#[derive(Default)]
struct Choice {
    pieces: Vec<Piece>,
    text: String,
    citations: Vec<Citation>,
    logprobs: Option<logprobs::Member>,
    finish: Option<StopReason>,
}

/// A part, gathered.
enum Piece {
    Text { text: String, seal: Option<String> },
    Thinking { text: String, seal: Option<Seal> },
    Image { media_type: String, data: String },
    Call { index: u32, call: CallSoFar },
}

/// The whole answer to this call as JSON.
pub(super) fn assemble(head: &AnswerHead, call: &Call, events: &[Event], cost: Option<Cost>) -> Vec<u8> {
    let mut choices: BTreeMap<u32, Choice> = BTreeMap::new();
    let mut usage: Option<Usage> = None;
    for event in events {
        match event {
            Event::Usage(latest) => usage = Some(*latest),
            event => {
                if let Some(choice) = choice_of(event) {
                    choices.entry(choice).or_default().take(event);
                }
            }
        }
    }
    // An answer without a word still has its one choice.
    choices.entry(0).or_default();
    let thoughts = thinking::shown(&call.body);
    let answer = Answer {
        candidates: choices.iter().map(|(index, choice)| choice.candidate(*index, thoughts)).collect(),
        model_version: &head.model,
        response_id: &head.id,
        usage_metadata: usage.map(|usage| usage::write(&usage, cost)),
    };
    serde_json::to_vec(&answer).expect("strings and numbers are JSON")
}

fn choice_of(event: &Event) -> Option<u32> {
    match event {
        Event::Text { choice, .. }
        | Event::Thinking { choice, .. }
        | Event::Refusal { choice, .. }
        | Event::ToolStart { choice, .. }
        | Event::ToolArguments { choice, .. }
        | Event::Cited { choice, .. }
        | Event::Logprobs { choice, .. }
        | Event::Image { choice, .. }
        | Event::Stop { choice, .. } => Some(*choice),
        Event::RedactedThinking { .. } => Some(0),
        Event::Start { .. } | Event::Usage(_) | Event::Failed { .. } | Event::End => None,
    }
}

impl Choice {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Text { text, .. } | Event::Refusal { text, .. } => self.say(text),
            Event::Thinking { text, seal, .. } => self.think(text, seal.as_ref()),
            Event::RedactedThinking { seal } => {
                self.pieces.push(Piece::Thinking { text: String::new(), seal: Some(seal.clone()) });
            }
            Event::ToolStart { index, id, name, seal, .. } => {
                self.pieces.push(Piece::Call { index: *index, call: CallSoFar::new(id, name, seal.as_ref()) });
            }
            Event::ToolArguments { index, json, .. } => self.argue(*index, json),
            Event::Cited { citation, .. } => self.citations.push((**citation).clone()),
            Event::Logprobs { tokens, .. } => self.logprobs.get_or_insert_default().add(tokens),
            Event::Image { media_type, data, .. } => {
                self.pieces.push(Piece::Image { media_type: media_type.clone(), data: data.clone() });
            }
            Event::Stop { reason, .. } => self.finish = Some(*reason),
            Event::Start { .. } | Event::Usage(_) | Event::Failed { .. } | Event::End => {}
        }
    }

    fn say(&mut self, more: &str) {
        self.text.push_str(more);
        match self.pieces.last_mut() {
            Some(Piece::Text { text, seal: None }) => text.push_str(more),
            _ => self.pieces.push(Piece::Text { text: more.to_owned(), seal: None }),
        }
    }

    /// Google's seal without thoughts stands on the text before it; any other closes its thoughts.
    fn think(&mut self, more: &str, seal: Option<&Seal>) {
        match self.pieces.last_mut() {
            Some(Piece::Thinking { text, seal: last @ None }) => {
                text.push_str(more);
                *last = seal.cloned();
            }
            Some(Piece::Text { seal: last @ None, .. })
                if more.is_empty() && seal.is_some_and(|seal| seal.by == Sealer::Google) =>
            {
                *last = seal.map(|seal| seal.spelled_for(Sealer::Google).into_owned());
            }
            _ => self.pieces.push(Piece::Thinking { text: more.to_owned(), seal: seal.cloned() }),
        }
    }

    fn argue(&mut self, number: u32, json: &str) {
        let of = |piece: &&mut Piece| matches!(piece, Piece::Call { index, .. } if *index == number);
        if let Some(Piece::Call { call, .. }) = self.pieces.iter_mut().rev().find(of) {
            call.arguments.push_str(json);
        }
    }

    fn candidate(&self, index: u32, thoughts: bool) -> Candidate<'_> {
        let mut parts: Vec<_> = self.pieces.iter().filter_map(|piece| piece.part(thoughts)).collect();
        if parts.is_empty() {
            // Clients keep a turn only if it has a part.
            parts.push(Part { kind: Kind::Text(""), thought: false, thought_signature: None });
        }
        Candidate {
            content: Content { parts, role: "model" },
            finish_reason: finish::write(self.finish.unwrap_or(StopReason::EndOfTurn)),
            index,
            grounding_metadata: grounding::write(&self.citations, &self.text),
            logprobs_result: self.logprobs.as_ref(),
        }
    }
}

impl Piece {
    fn part(&self, thoughts: bool) -> Option<Part<'_>> {
        let plain = |kind| Part { kind, thought: false, thought_signature: None };
        Some(match self {
            Self::Text { text, seal } => {
                let thought_signature = seal.as_deref().map(Cow::Borrowed);
                Part { thought_signature, ..plain(Kind::Text(text)) }
            }
            Self::Thinking { text, seal } => return thought(text, seal.as_ref(), thoughts),
            Self::Image { media_type, data } => plain(Kind::InlineData { mime_type: media_type, data }),
            Self::Call { call, .. } => call.part(),
        })
    }
}
