//! Events written as the chunks of a streamed answer.
//!
//! The text of a chunk is put together by hand: this runs for every token of every answer. Calls
//! are gathered, because Google's clients take them whole; why the answer ended, its sources and its
//! usage come in the last chunk.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use tollgate_api::{Call, Citation, Cost, Event, Framing, Seal, Sealer, StopReason, Usage};

use super::parts::args;
use super::{error, finish, grounding, logprobs, thinking, usage};
use crate::dialect::{AnswerHead, Encode, Failure};

/// Writes one streamed answer.
pub(crate) struct ChunkWriter {
    framing: Framing,
    /// Whether the client asked for thoughts. Many read the first part of an answer as its text.
    thoughts: bool,
    /// Every chunk after its candidates.
    after: Vec<u8>,
    choices: BTreeMap<u32, Choice>,
    usage: Option<(Usage, Option<Cost>)>,
    /// Whether a chunk is out.
    opened: bool,
    /// Whether the last is.
    over: bool,
}

/// What is kept of a choice until it is complete.
#[derive(Default)]
struct Choice {
    calls: BTreeMap<u32, CallSoFar>,
    text: String,
    citations: Vec<Citation>,
    finish: Option<StopReason>,
}

/// A tool call, gathered.
pub(super) struct CallSoFar {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) seal: Option<String>,
    pub(super) arguments: String,
}

/// One part of an answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(flatten)]
    pub(super) kind: Kind<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought_signature: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind<'a> {
    Text(&'a str),
    #[serde(rename_all = "camelCase")]
    InlineData {
        mime_type: &'a str,
        data: &'a str,
    },
    FunctionCall {
        id: &'a str,
        name: &'a str,
        args: Cow<'a, RawValue>,
    },
}

impl ChunkWriter {
    /// A writer for the answer with this head to this call.
    pub(crate) fn new(head: &AnswerHead, call: &Call) -> Self {
        let mut after = b",\"modelVersion\":".to_vec();
        json(&mut after, &head.model);
        after.extend_from_slice(b",\"responseId\":");
        json(&mut after, &head.id);
        Self {
            framing: call.framing,
            thoughts: thinking::shown(&call.body),
            after,
            choices: BTreeMap::new(),
            usage: None,
            opened: false,
            over: false,
        }
    }

    fn choice(&mut self, choice: u32) -> &mut Choice {
        self.choices.entry(choice).or_default()
    }

    /// One chunk, whose candidates `write` adds.
    fn chunk(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        self.open(out);
        out.extend_from_slice(b"{\"candidates\":[");
        write(out);
        out.push(b']');
        out.extend_from_slice(&self.after);
        out.push(b'}');
        self.close(out);
    }

    fn open(&mut self, out: &mut Vec<u8>) {
        let first = !std::mem::replace(&mut self.opened, true);
        out.extend_from_slice(match self.framing {
            Framing::JsonArray if first => b"[",
            Framing::JsonArray => b",\r\n",
            Framing::Sse | Framing::EventStream => b"data: ",
        });
    }

    fn close(&self, out: &mut Vec<u8>) {
        if self.framing != Framing::JsonArray {
            out.extend_from_slice(b"\r\n\r\n");
        }
    }

    /// One chunk with these parts of one choice.
    fn parts(&mut self, choice: u32, parts: &[Part<'_>], out: &mut Vec<u8>) {
        self.chunk(out, |out| {
            out.extend_from_slice(b"{\"content\":{\"parts\":");
            json(out, parts);
            out.extend_from_slice(b",\"role\":\"model\"},\"index\":");
            json(out, &choice);
            out.push(b'}');
        });
    }

    fn text(&mut self, choice: u32, text: &str, out: &mut Vec<u8>) {
        self.choice(choice).text.push_str(text);
        self.chunk(out, |out| {
            out.extend_from_slice(b"{\"content\":{\"parts\":[{\"text\":");
            json(out, text);
            out.extend_from_slice(b"}],\"role\":\"model\"},\"index\":");
            out.extend_from_slice(itoa::Buffer::new().format(choice).as_bytes());
            out.push(b'}');
        });
    }

    fn logprobs(&mut self, choice: u32, tokens: &str, out: &mut Vec<u8>) {
        let mut result = logprobs::Member::default();
        result.add(tokens);
        self.chunk(out, |out| {
            out.extend_from_slice(b"{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},\"logprobsResult\":");
            json(out, &result);
            out.extend_from_slice(b",\"index\":");
            json(out, &choice);
            out.push(b'}');
        });
    }

    /// The choice is complete, and so are its calls.
    fn stop(&mut self, choice: u32, reason: StopReason, out: &mut Vec<u8>) {
        let kept = self.choice(choice);
        kept.finish = Some(reason);
        let calls = std::mem::take(&mut kept.calls);
        let parts: Vec<_> = calls.values().map(CallSoFar::part).collect();
        if !parts.is_empty() {
            self.parts(choice, &parts, out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        // An answer without a word still has its one choice.
        self.choice(0);
        let unfinished: Vec<u32> =
            self.choices.iter().filter(|(_, kept)| kept.finish.is_none()).map(|(choice, _)| *choice).collect();
        for choice in unfinished {
            self.stop(choice, StopReason::EndOfTurn, out);
        }
        self.over = true;
        if let Some((usage, cost)) = self.usage {
            self.after.extend_from_slice(b",\"usageMetadata\":");
            json(&mut self.after, &usage::write(&usage, cost));
        }
        let choices = std::mem::take(&mut self.choices);
        self.chunk(out, |out| {
            for (i, (choice, kept)) in choices.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                kept.last(*choice, out);
            }
        });
        if self.framing == Framing::JsonArray {
            out.push(b']');
        }
    }
}

impl Choice {
    /// What the last chunk says of this choice. Clients keep a turn only if every chunk has a part.
    fn last(&self, choice: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},\"finishReason\":");
        json(out, finish::write(self.finish.unwrap_or(StopReason::EndOfTurn)));
        out.extend_from_slice(b",\"index\":");
        json(out, &choice);
        if let Some(member) = grounding::write(&self.citations, &self.text) {
            out.extend_from_slice(b",\"groundingMetadata\":");
            json(out, &member);
        }
        out.push(b'}');
    }
}

impl CallSoFar {
    /// A call that begins.
    pub(super) fn new(id: &str, name: &str, seal: Option<&Seal>) -> Self {
        let seal = seal.map(|seal| seal.spelled_for(Sealer::Google).into_owned());
        Self { id: id.to_owned(), name: name.to_owned(), seal, arguments: String::new() }
    }

    /// The call as a part.
    pub(super) fn part(&self) -> Part<'_> {
        let kind = Kind::FunctionCall { id: &self.id, name: &self.name, args: args(&self.arguments) };
        Part { kind, thought: false, thought_signature: self.seal.as_deref().map(Cow::Borrowed) }
    }
}

/// Thinking as a part, where the client is to have it: its text if it asked for thoughts, and a seal
/// where that can stand without what is not shown.
pub(super) fn thought<'a>(text: &'a str, seal: Option<&'a Seal>, shown: bool) -> Option<Part<'a>> {
    let googles = seal.is_some_and(|seal| seal.by == Sealer::Google);
    let text = if shown { text } else { "" };
    if text.is_empty() && !(shown && seal.is_some() || googles) {
        return None;
    }
    let thought_signature = seal.map(|seal| seal.spelled_for(Sealer::Google));
    // Google's own seal stands beside the answer, another vendor's belongs to its thoughts.
    Some(Part { kind: Kind::Text(text), thought: !(googles && text.is_empty()), thought_signature })
}

impl Encode for ChunkWriter {
    fn event(&mut self, event: &Event, cost: Option<Cost>, out: &mut Vec<u8>) {
        match event {
            // A failure is the last word, and so is the end.
            _ if self.over => {}
            Event::Text { choice, text } | Event::Refusal { choice, text } => self.text(*choice, text, out),
            Event::Thinking { choice, text, seal } => {
                if let Some(part) = thought(text, seal.as_ref(), self.thoughts) {
                    self.parts(*choice, &[part], out);
                }
            }
            Event::RedactedThinking { seal } => {
                if let Some(part) = thought("", Some(seal), self.thoughts) {
                    self.parts(0, &[part], out);
                }
            }
            Event::ToolStart { choice, index, id, name, seal } => {
                self.choice(*choice).calls.insert(*index, CallSoFar::new(id, name, seal.as_ref()));
            }
            Event::ToolArguments { choice, index, json } => {
                if let Some(call) = self.choice(*choice).calls.get_mut(index) {
                    call.arguments.push_str(json);
                }
            }
            Event::Cited { choice, citation } => self.choice(*choice).citations.push((**citation).clone()),
            Event::Logprobs { choice, tokens } => self.logprobs(*choice, tokens, out),
            Event::Image { choice, media_type, data } => {
                let kind = Kind::InlineData { mime_type: media_type, data };
                self.parts(*choice, &[Part { kind, thought: false, thought_signature: None }], out);
            }
            Event::Stop { choice, reason, .. } => self.stop(*choice, *reason, out),
            Event::Usage(usage) => self.usage = Some((*usage, cost)),
            Event::Start { .. } | Event::Failed { .. } => {}
            Event::End => self.end(out),
        }
    }

    fn fail(&mut self, why: &Failure<'_>, out: &mut Vec<u8>) {
        self.over = true;
        let body = error::failure(why, self.framing);
        if self.framing == Framing::JsonArray {
            self.open(out);
            out.extend(body);
            out.push(b']');
        } else {
            out.extend(body);
        }
    }
}

fn json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("strings and numbers are JSON, and memory takes all");
}
