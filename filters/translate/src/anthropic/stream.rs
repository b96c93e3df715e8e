//! Answers of Anthropic: the events of a stream, or a whole message as the same events.
//!
//! What no other client could use is passed over: pings, tools that the vendor runs itself,
//! summaries of what it forgot, and every event or block that is newer than this code.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::{Event, Seal, Sealer, StopReason};

use super::citation::{self, Cited};
use super::usage::Report;
use crate::complaint;
use crate::dialect::{Decode, Garbage, VendorError};
use crate::json::Text;

/// Tool calls in one answer, at most.
const CALLS_MAX: u32 = 1024;
/// The events that are understood: any other may have any shape.
const KNOWN: [&str; 6] =
    ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "error"];

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    index: Option<u32>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    content_block: Option<Block<'a>>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    usage: Option<Report>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    partial_json: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    citation: Option<&'a RawValue>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    stop_sequence: Option<Text<'a>>,
    #[serde(borrow)]
    stop_details: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<Vec<Block<'a>>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    stop_sequence: Option<Text<'a>>,
    #[serde(borrow)]
    stop_details: Option<&'a RawValue>,
    usage: Option<Report>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Reads one streamed answer.
#[derive(Default)]
pub(crate) struct Stream {
    started: bool,
    /// Whether any content block began.
    begun: bool,
    stopped: bool,
    /// Tool calls that began.
    calls: u32,
    /// Those that are still open, by the number of their block.
    open: BTreeMap<u32, Call>,
    cited: Cited,
    report: Report,
}

/// A tool call whose block is open.
struct Call {
    number: u32,
    /// Arguments that came with the start, to be told only if no pieces follow.
    whole: Option<String>,
}

/// Reads a whole answer.
pub(super) fn whole(body: &[u8], out: &mut Vec<Event>) -> Result<(), Garbage> {
    let message: Message<'_> = serde_json::from_slice(body).map_err(|error| garbage("the body", &error))?;
    if let Some(error) = message.error {
        out.push(failed(error));
        return Ok(());
    }
    if message.content.is_none() || message.kind.as_ref().is_some_and(|kind| kind.0 != "message") {
        return Err(Garbage("the body is JSON, but not a message".into()));
    }
    let mut stream = Stream::default();
    stream.message(message, out)?;
    out.push(Event::End);
    Ok(())
}

impl Decode for Stream {
    fn event(&mut self, _name: Option<&str>, data: &str, out: &mut Vec<Event>) -> Result<(), Garbage> {
        match serde_json::from_str::<Frame<'_>>(data) {
            Ok(frame) => self.frame(frame, out),
            Err(_) if is_foreign(data) => Ok(()),
            Err(error) => Err(garbage("an event", &error)),
        }
    }
}

impl Stream {
    fn frame(&mut self, frame: Frame<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        let index = frame.index.unwrap_or_default();
        match (&*frame.kind, frame.delta, frame.content_block, frame.message) {
            ("content_block_delta", Some(delta), ..) => self.delta(index, delta, out),
            ("content_block_start", _, Some(block), _) => self.block(index, block, out)?,
            ("content_block_stop", ..) => self.close(index, out),
            ("message_start", .., Some(message)) => self.message(message, out)?,
            ("message_delta", delta, ..) => {
                if let Some(Delta { stop_reason: Some(reason), stop_sequence, stop_details, .. }) = delta {
                    self.stop(&reason.0, stop_sequence, stop_details, out);
                }
                self.tally(frame.usage, out);
            }
            ("message_stop", ..) => {
                self.close_all(out);
                out.push(Event::End);
            }
            ("error", ..) => out.push(frame.error.map_or_else(unexplained, failed)),
            _ => {}
        }
        Ok(())
    }

    /// A message: empty at the start of a stream, complete in a whole answer.
    fn message(&mut self, message: Message<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        if self.begun {
            return Err(Garbage("a second message began in the middle of the first".into()));
        }
        if !std::mem::replace(&mut self.started, true) {
            let id = Text::said(message.id).unwrap_or_default();
            out.push(Event::Start { id, model: Text::said(message.model).unwrap_or_default() });
        }
        for (index, block) in (0..).zip(message.content.unwrap_or_default()) {
            self.block(index, block, out)?;
            self.close(index, out);
        }
        if let Some(reason) = message.stop_reason {
            self.stop(&reason.0, message.stop_sequence, message.stop_details, out);
        }
        self.tally(message.usage, out);
        Ok(())
    }

    fn block(&mut self, index: u32, block: Block<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        self.begun = true;
        self.cited.close(out);
        match &*block.kind {
            "text" => {
                out.extend(self.cited.text(block.text));
                self.cited.by(block.citations.map(citation::read_all).unwrap_or_default());
            }
            "thinking" => out.extend(thinking(block.thinking, block.signature)),
            "redacted_thinking" => {
                let data = Text::said(block.data).unwrap_or_default();
                out.push(Event::RedactedThinking { seal: Seal::new(Sealer::Anthropic, data) });
            }
            "tool_use" => self.call(index, block, out)?,
            _ => {}
        }
        Ok(())
    }

    fn call(&mut self, index: u32, block: Block<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        if self.calls == CALLS_MAX {
            return Err(Garbage(format!("more than {CALLS_MAX} tool calls in one answer")));
        }
        self.close(index, out);
        let number = self.calls;
        self.calls += 1;
        let whole = block.input.map_or_else(|| "{}".to_owned(), |input| input.get().to_owned());
        self.open.insert(index, Call { number, whole: Some(whole) });
        let id = Text::said(block.id).unwrap_or_else(|| format!("toolu_{number}"));
        let name = Text::said(block.name).unwrap_or_default();
        out.push(Event::ToolStart { choice: 0, index: number, id, name, seal: None });
        Ok(())
    }

    fn delta(&mut self, index: u32, delta: Delta<'_>, out: &mut Vec<Event>) {
        match delta.kind.as_ref().map_or("", |kind| &*kind.0) {
            "text_delta" => out.extend(self.cited.text(delta.text)),
            "citations_delta" => self.cited.by(delta.citation.and_then(citation::read)),
            "thinking_delta" | "signature_delta" => out.extend(thinking(delta.thinking, delta.signature)),
            "input_json_delta" => {
                let (Some(call), Some(json)) = (self.open.get_mut(&index), Text::said(delta.partial_json)) else {
                    return;
                };
                call.whole = None;
                out.push(Event::ToolArguments { choice: 0, index: call.number, json });
            }
            _ => {}
        }
    }

    /// A block is complete. What it cites is told now, and arguments that never came in pieces.
    fn close(&mut self, index: u32, out: &mut Vec<Event>) {
        self.cited.close(out);
        if let Some(Call { number, whole: Some(json) }) = self.open.remove(&index) {
            out.push(Event::ToolArguments { choice: 0, index: number, json });
        }
    }

    fn close_all(&mut self, out: &mut Vec<Event>) {
        self.cited.close(out);
        while let Some((&index, _)) = self.open.first_key_value() {
            self.close(index, out);
        }
    }

    fn stop(&mut self, reason: &str, sequence: Option<Text<'_>>, details: Option<&RawValue>, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        self.close_all(out);
        out.extend(details.and_then(explanation).map(|text| Event::Refusal { choice: 0, text }));
        // An empty stop sequence is met too: only `null` means that there was none.
        let sequence = sequence.map(|sequence| sequence.0.into_owned());
        out.push(Event::Stop { choice: 0, reason: stop_reason(reason), sequence });
    }

    fn tally(&mut self, report: Option<Report>, out: &mut Vec<Event>) {
        if let Some(report) = report {
            self.report.update(report);
            out.push(Event::Usage(self.report.usage()));
        }
    }
}

/// What Anthropic says of a refusal, beside the answer that it cut short.
fn explanation(details: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Details<'a> {
        #[serde(borrow)]
        explanation: Option<Text<'a>>,
    }
    serde_json::from_str::<Option<Details<'_>>>(details.get()).ok()?.and_then(|details| Text::said(details.explanation))
}

fn thinking(piece: Option<Text<'_>>, signature: Option<Text<'_>>) -> Option<Event> {
    let (text, signature) = (Text::said(piece), Text::said(signature));
    let something = text.is_some() || signature.is_some();
    let seal = signature.map(|signature| Seal::new(Sealer::Anthropic, signature));
    something.then(|| Event::Thinking { choice: 0, text: text.unwrap_or_default(), seal })
}

fn stop_reason(word: &str) -> StopReason {
    match word {
        "max_tokens" | "model_context_window_exceeded" => StopReason::MaxTokens,
        "stop_sequence" => StopReason::StopSequence,
        "tool_use" => StopReason::ToolUse,
        "refusal" => StopReason::Refused,
        "pause_turn" => StopReason::Paused,
        _ => StopReason::EndOfTurn,
    }
}

fn failed(error: &RawValue) -> Event {
    let value = serde_json::from_str(error.get()).unwrap_or_default();
    let VendorError { kind, message, .. } = complaint::in_stream(&value);
    Event::Failed { kind, message }
}

fn unexplained() -> Event {
    Event::Failed { kind: "error".into(), message: "the upstream reported an error without saying which".into() }
}

/// Whether `data` is an event that this code does not know, and so may look like anything.
fn is_foreign(data: &str) -> bool {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
    }
    data == "[DONE]" || serde_json::from_str::<Kind<'_>>(data).is_ok_and(|frame| !KNOWN.contains(&&*frame.kind))
}

fn garbage(what: &str, error: &serde_json::Error) -> Garbage {
    let not = if error.is_data() { "not of Anthropic's shape" } else { "not JSON" };
    Garbage(format!("{what} is {not} at line {}, column {}", error.line(), error.column()))
}
