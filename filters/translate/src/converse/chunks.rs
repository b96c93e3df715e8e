//! Events written as the frames of a ConverseStream.
//!
//! Blocks come one after the other, each closed before the next begins; only a tool call whose
//! arguments are not complete yet stays open beside what follows it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::IgnoredAny;
use tollgate_api::{Cost, Event, Seal, Sealer, StopReason, Usage};

use super::cited::Cited;
use super::media::{Kind, format};
use super::pieces::{self, Bytes, Fields, METRICS, Metrics, json, sealed_bytes, stop_reason};
use super::usage::{self, Member, TierMember};
use crate::dialect::{Encode, Failure};
use crate::frames::write_event;

/// Writes one streamed answer.
#[derive(Default)]
pub(super) struct FrameWriter {
    begun: bool,
    /// The number of the next block.
    next: u32,
    /// The block that is open, if it is not a tool's.
    open: Option<(Prose, u32)>,
    /// Tool calls that are open, by their number.
    calls: BTreeMap<u32, Call>,
    usage: Option<(Usage, Option<Cost>)>,
    stopped: bool,
    /// Whether the last event is out.
    over: bool,
}

/// What pieces of a block have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prose {
    Text,
    /// Text of which a citation was told: more text is another block.
    Cited,
    Thinking,
}

/// An open tool call.
struct Call {
    block: u32,
    /// Its arguments so far.
    json: String,
    /// Whether they were incomplete when something else began: then it waits for the end.
    waits: bool,
}

#[derive(Serialize)]
struct MessageStart {
    role: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockStart<'a> {
    start: Start<'a>,
    content_block_index: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Start<'a> {
    #[serde(rename_all = "camelCase")]
    ToolUse {
        tool_use_id: &'a str,
        name: &'a str,
    },
    Image {
        format: &'static str,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockDelta<'a> {
    delta: Delta<'a>,
    content_block_index: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Delta<'a> {
    Text(&'a str),
    ToolUse { input: &'a str },
    ReasoningContent(Reasoning<'a>),
    Citation(Cited<'a>),
    Image { source: Bytes<'a> },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Reasoning<'a> {
    Text(&'a str),
    Signature(&'a str),
    RedactedContent(&'a str),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockStop {
    content_block_index: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageStop<'a> {
    stop_reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_model_response_fields: Option<Fields<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Member>,
    metrics: Metrics,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<TierMember>,
}

impl FrameWriter {
    fn start(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            write_event("messageStart", json(&MessageStart { role: "assistant" }), out);
        }
    }

    /// The block for a piece of this kind: the open one, or a new one.
    fn block(&mut self, kind: Prose, out: &mut Vec<u8>) -> u32 {
        if let Some((open, block)) = self.open
            && open == kind
        {
            return block;
        }
        self.close(out);
        let block = self.number();
        self.open = Some((kind, block));
        block
    }

    fn number(&mut self) -> u32 {
        let number = self.next;
        self.next += 1;
        number
    }

    fn delta(&mut self, content_block_index: u32, delta: Delta<'_>, out: &mut Vec<u8>) {
        write_event("contentBlockDelta", json(&BlockDelta { delta, content_block_index }), out);
    }

    /// Closes what nothing can be added to: the prose, and the calls whose arguments are complete.
    fn close(&mut self, out: &mut Vec<u8>) {
        if let Some((_, block)) = self.open.take() {
            stop_block(block, out);
        }
        let complete = |call: &mut Call| {
            // Looked at once: an upstream could make it long and have it looked at often.
            call.waits = call.waits || serde_json::from_str::<IgnoredAny>(&call.json).is_err();
            !call.waits
        };
        let closed: Vec<_> = self.calls.extract_if(.., |_, call| complete(call)).collect();
        closed.iter().for_each(|(_, call)| stop_block(call.block, out));
    }

    /// Closes everything; a call without arguments has the empty object.
    fn close_all(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        for (_, Call { block, json, .. }) in std::mem::take(&mut self.calls) {
            if json.is_empty() {
                self.delta(block, Delta::ToolUse { input: "{}" }, out);
            }
            stop_block(block, out);
        }
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        let block = self.block(Prose::Text, out);
        self.delta(block, Delta::Text(text), out);
    }

    /// A citation is of the text before it.
    fn cited(&mut self, cited: Cited<'_>, out: &mut Vec<u8>) {
        let block = match self.open {
            Some((Prose::Text | Prose::Cited, block)) => block,
            _ => self.block(Prose::Text, out),
        };
        self.open = Some((Prose::Cited, block));
        self.delta(block, Delta::Citation(cited), out);
    }

    /// Thinking; its seal closes the block.
    fn thinking(&mut self, text: &str, seal: Option<&Seal>, out: &mut Vec<u8>) {
        let block = self.block(Prose::Thinking, out);
        if !text.is_empty() {
            self.delta(block, Delta::ReasoningContent(Reasoning::Text(text)), out);
        }
        if let Some(seal) = seal {
            let signature = seal.spelled_for(Sealer::Anthropic);
            self.delta(block, Delta::ReasoningContent(Reasoning::Signature(&signature)), out);
            self.close(out);
        }
    }

    /// A block of one piece.
    fn alone(&mut self, start: Option<Start<'_>>, delta: Delta<'_>, out: &mut Vec<u8>) {
        self.close(out);
        let block = self.number();
        if let Some(start) = start {
            write_event("contentBlockStart", json(&BlockStart { start, content_block_index: block }), out);
        }
        self.delta(block, delta, out);
        stop_block(block, out);
    }

    fn call(&mut self, number: u32, id: &str, name: &str, seal: Option<&Seal>, out: &mut Vec<u8>) {
        if let Some(seal) = seal {
            // A call has no place for a seal: reasoning without words, just before it, has.
            self.close(out);
            self.thinking("", Some(seal), out);
        }
        self.close(out);
        let block = self.number();
        self.calls.insert(number, Call { block, json: String::new(), waits: false });
        let start = Start::ToolUse { tool_use_id: id, name };
        write_event("contentBlockStart", json(&BlockStart { start, content_block_index: block }), out);
    }

    fn arguments(&mut self, number: u32, piece: &str, out: &mut Vec<u8>) {
        if let Some(call) = self.calls.get_mut(&number) {
            call.json.push_str(piece);
            let block = call.block;
            self.delta(block, Delta::ToolUse { input: piece }, out);
        }
    }

    fn stop(&mut self, reason: StopReason, sequence: Option<&String>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        self.close_all(out);
        let fields = sequence.map(|stop_sequence| Fields { stop_sequence });
        let stop = MessageStop { stop_reason: stop_reason(reason), additional_model_response_fields: fields };
        write_event("messageStop", json(&stop), out);
    }

    /// The count is the last that an answer says.
    fn end(&mut self, out: &mut Vec<u8>) {
        self.stop(StopReason::EndOfTurn, None, out);
        self.over = true;
        let usage = self.usage.take();
        let service_tier = usage.and_then(|(usage, _)| usage::tier(&usage));
        let usage = usage.map(|(usage, cost)| usage::write(&usage, cost));
        write_event("metadata", json(&Metadata { usage, metrics: METRICS, service_tier }), out);
    }
}

impl Encode for FrameWriter {
    fn event(&mut self, event: &Event, cost: Option<Cost>, out: &mut Vec<u8>) {
        // After the stop there is only the count to say.
        if self.over || (self.stopped && !matches!(event, Event::Usage(_) | Event::End)) {
            return;
        }
        self.start(out);
        match event {
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => self.text(text, out),
            Event::Thinking { choice: 0, text, seal } => self.thinking(text, seal.as_ref(), out),
            Event::RedactedThinking { seal } => {
                let data = sealed_bytes(seal);
                self.alone(None, Delta::ReasoningContent(Reasoning::RedactedContent(&data)), out);
            }
            Event::ToolStart { choice: 0, index, id, name, seal } => self.call(*index, id, name, seal.as_ref(), out),
            Event::ToolArguments { choice: 0, index, json } => self.arguments(*index, json, out),
            Event::Cited { choice: 0, citation } => self.cited(Cited::of(citation), out),
            Event::Image { choice: 0, media_type, data } => {
                if let Some(format) = format(Kind::Image, media_type) {
                    self.alone(Some(Start::Image { format }), Delta::Image { source: Bytes { bytes: data } }, out);
                }
            }
            Event::Stop { choice: 0, reason, sequence } => self.stop(*reason, sequence.as_ref(), out),
            Event::Usage(usage) => self.usage = Some((*usage, cost)),
            Event::End => self.end(out),
            // There is one answer; and nothing follows a failure, which comes another way.
            _ => {}
        }
    }

    fn fail(&mut self, failure: &Failure<'_>, out: &mut Vec<u8>) {
        self.over = true;
        out.extend(pieces::failure(failure));
    }
}

fn stop_block(content_block_index: u32, out: &mut Vec<u8>) {
    write_event("contentBlockStop", json(&BlockStop { content_block_index }), out);
}
