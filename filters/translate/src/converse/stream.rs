//! Answers of Converse: the events of a stream, or a whole answer as the same events.
//!
//! Tools that Amazon runs itself, and every event or block that is newer than this code, are passed
//! over: the client could not answer them.

use std::collections::BTreeMap;

use aws_smithy_types::base64;
use serde_json::value::RawValue;
use tollgate_api::{Event, Seal, Sealer, StopReason};

use super::answer::{Block, CitationsContent, Cited, Delta, Frame, Image, Reasoning, Start, ToolUse, Whole, sequence};
use super::media::{Kind, media_type};
use super::usage::{Report, Served};
use crate::complaint;
use crate::dialect::{Decode, Garbage};
use crate::frames::EXCEPTION;
use crate::json::Text;

/// Tool calls in one answer, at most.
const CALLS_MAX: u32 = 1024;
/// The longest picture that is put together of pieces, in bytes.
const IMAGE_MAX: usize = 32 * 1024 * 1024;
/// The events that are understood: any other may have any shape.
const KNOWN: [&str; 6] =
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];

/// Reads one streamed answer.
#[derive(Default)]
pub(super) struct Stream {
    started: bool,
    stopped: bool,
    counted: bool,
    ended: bool,
    /// Tool calls that began.
    calls: u32,
    /// Those that are still open, by the number of their block.
    open: BTreeMap<u32, Call>,
    /// The picture that is still coming.
    picture: Option<Picture>,
}

/// A tool call whose block is open.
struct Call {
    number: u32,
    argued: bool,
}

struct Picture {
    media_type: String,
    bytes: Vec<u8>,
}

/// Reads a whole answer.
pub(super) fn whole(body: &[u8], out: &mut Vec<Event>) -> Result<(), Garbage> {
    let whole: Whole<'_> = serde_json::from_slice(body).map_err(|error| garbage("the body", &error))?;
    let Some(message) = whole.output.and_then(|output| output.message) else {
        return Err(Garbage("the body is JSON, but has no `output.message`".into()));
    };
    let mut stream = Stream::default();
    stream.start(out);
    for block in message.content.unwrap_or_default() {
        stream.block(block, out)?;
    }
    if let Some(reason) = whole.stop_reason {
        stream.stop(&reason.0, whole.additional_model_response_fields, out);
    }
    if let Some(report) = whole.usage {
        stream.tally(&report, whole.service_tier.as_ref(), out);
    }
    out.push(Event::End);
    Ok(())
}

impl Decode for Stream {
    fn event(&mut self, name: Option<&str>, data: &str, out: &mut Vec<Event>) -> Result<(), Garbage> {
        let name = name.unwrap_or_default();
        if let Some(kind) = name.strip_prefix(EXCEPTION) {
            out.push(failed(kind, data));
            return Ok(());
        }
        if !KNOWN.contains(&name) {
            return Ok(());
        }
        let frame = serde_json::from_str(data).map_err(|error| garbage("an event", &error))?;
        self.frame(name, frame, out)
    }
}

impl Stream {
    fn frame(&mut self, name: &str, frame: Frame<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        let index = frame.content_block_index.unwrap_or_default();
        self.start(out);
        match name {
            "contentBlockStart" => frame.start.map_or(Ok(()), |start| self.begin(index, start, out))?,
            "contentBlockDelta" => frame.delta.map_or(Ok(()), |delta| self.delta(index, delta, out))?,
            "contentBlockStop" => self.close(index, out),
            "messageStop" => {
                let reason = frame.stop_reason.map_or_else(String::new, |reason| reason.0.into_owned());
                self.stop(&reason, frame.additional_model_response_fields, out);
            }
            _ => {
                if let Some(report) = frame.usage {
                    self.tally(&report, frame.service_tier.as_ref(), out);
                }
            }
        }
        // The count comes after the stop; some recordings have it before.
        if self.stopped && self.counted && !std::mem::replace(&mut self.ended, true) {
            out.push(Event::End);
        }
        Ok(())
    }

    /// The answer begins, whichever event says so first: it has neither an id nor a model.
    fn start(&mut self, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start { id: String::new(), model: String::new() });
        }
    }

    /// One block of a whole answer.
    fn block(&mut self, block: Block<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        out.extend(text(block.text));
        if let Some(Reasoning { reasoning_text, redacted_content }) = block.reasoning_content {
            if let Some(piece) = reasoning_text {
                out.extend(thinking(piece.text, piece.signature));
            }
            out.extend(redacted(redacted_content));
        }
        if let Some(CitationsContent { content, citations }) = block.citations_content {
            out.extend(content.into_iter().flatten().filter_map(|piece| text(piece.text)));
            out.extend(citations.into_iter().flatten().map(cited));
        }
        if let Some(call) = block.tool_use {
            let input = call.input.map_or("{}", RawValue::get).to_owned();
            if let Some(number) = self.call(call, out)? {
                out.push(Event::ToolArguments { choice: 0, index: number, json: input });
            }
        }
        if let Some(image) = block.image {
            self.picture = Some(Picture::of(&image));
            self.draw(image)?;
            self.show(out);
        }
        Ok(())
    }

    fn begin(&mut self, index: u32, start: Start<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        self.close(index, out);
        if let Some(call) = start.tool_use
            && let Some(number) = self.call(call, out)?
        {
            self.open.insert(index, Call { number, argued: false });
        }
        if let Some(image) = start.image {
            self.picture = Some(Picture::of(&image));
        }
        Ok(())
    }

    /// A tool call begins: its number, where it is the client's to answer.
    fn call(&mut self, call: ToolUse<'_>, out: &mut Vec<Event>) -> Result<Option<u32>, Garbage> {
        if call.kind.is_some_and(|kind| kind.0 == "server_tool_use") {
            return Ok(None);
        }
        if self.calls == CALLS_MAX {
            return Err(Garbage(format!("more than {CALLS_MAX} tool calls in one answer")));
        }
        let number = self.calls;
        self.calls += 1;
        let id = Text::said(call.tool_use_id).unwrap_or_else(|| format!("tooluse_{number}"));
        let name = Text::said(call.name).unwrap_or_default();
        out.push(Event::ToolStart { choice: 0, index: number, id, name, seal: None });
        Ok(Some(number))
    }

    fn delta(&mut self, index: u32, delta: Delta<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        out.extend(text(delta.text));
        if let Some(piece) = delta.reasoning_content {
            out.extend(thinking(piece.text, piece.signature));
            out.extend(redacted(piece.redacted_content));
        }
        out.extend(delta.citation.map(cited));
        if let Some(json) = delta.tool_use.and_then(|piece| Text::said(piece.input))
            && let Some(call) = self.open.get_mut(&index)
        {
            call.argued = true;
            out.push(Event::ToolArguments { choice: 0, index: call.number, json });
        }
        delta.image.map_or(Ok(()), |image| self.draw(image))
    }

    /// A block is complete: a call without arguments has the empty object.
    fn close(&mut self, index: u32, out: &mut Vec<Event>) {
        if let Some(Call { number, argued: false }) = self.open.remove(&index) {
            out.push(Event::ToolArguments { choice: 0, index: number, json: "{}".into() });
        }
        self.show(out);
    }

    /// Adds a piece to the picture.
    fn draw(&mut self, piece: Image<'_>) -> Result<(), Garbage> {
        let Some(data) = piece.source.and_then(|source| Text::said(source.bytes)) else { return Ok(()) };
        let bytes = base64::decode(data).map_err(|_| Garbage("a picture is not base64".into()))?;
        let Some(picture) = &mut self.picture else { return Ok(()) };
        if picture.bytes.len() + bytes.len() > IMAGE_MAX {
            return Err(Garbage(format!("a picture is longer than {IMAGE_MAX} bytes")));
        }
        picture.bytes.extend(bytes);
        Ok(())
    }

    /// The picture is complete.
    fn show(&mut self, out: &mut Vec<Event>) {
        if let Some(Picture { media_type, bytes }) = self.picture.take().filter(|picture| !picture.bytes.is_empty()) {
            out.push(Event::Image { choice: 0, media_type, data: base64::encode(bytes) });
        }
    }

    fn stop(&mut self, reason: &str, fields: Option<&RawValue>, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        while let Some((&index, _)) = self.open.first_key_value() {
            self.close(index, out);
        }
        self.show(out);
        out.push(Event::Stop { choice: 0, reason: stop_reason(reason), sequence: fields.and_then(sequence) });
    }

    fn tally(&mut self, report: &Report<'_>, served: Option<&Served<'_>>, out: &mut Vec<Event>) {
        self.counted = true;
        out.push(Event::Usage(report.usage(served)));
    }
}

impl Picture {
    fn of(image: &Image<'_>) -> Self {
        let format = image.format.as_ref().map_or("png", |format| &format.0);
        Self { media_type: media_type(Kind::Image, format), bytes: Vec::new() }
    }
}

fn text(piece: Option<Text<'_>>) -> Option<Event> {
    Text::said(piece).map(|text| Event::Text { choice: 0, text })
}

fn thinking(piece: Option<Text<'_>>, signature: Option<Text<'_>>) -> Option<Event> {
    let (text, signature) = (Text::said(piece), Text::said(signature));
    let something = text.is_some() || signature.is_some();
    let seal = signature.map(|signature| Seal::new(Sealer::Anthropic, signature));
    something.then(|| Event::Thinking { choice: 0, text: text.unwrap_or_default(), seal })
}

fn redacted(data: Option<Text<'_>>) -> Option<Event> {
    Text::said(data).map(|data| Event::RedactedThinking { seal: Seal::new(Sealer::Anthropic, data) })
}

fn cited(citation: Cited<'_>) -> Event {
    Event::Cited { choice: 0, citation: Box::new(citation.citation()) }
}

fn stop_reason(word: &str) -> StopReason {
    match word {
        "max_tokens" | "model_context_window_exceeded" => StopReason::MaxTokens,
        "stop_sequence" => StopReason::StopSequence,
        "tool_use" => StopReason::ToolUse,
        "guardrail_intervened" | "content_filtered" => StopReason::Refused,
        _ => StopReason::EndOfTurn,
    }
}

/// An exception, by the name that Amazon's documents give it: on the wire it begins small.
fn failed(kind: &str, data: &str) -> Event {
    let said = complaint::in_stream(&serde_json::from_str(data).unwrap_or_default());
    let mut letters = kind.chars().filter(char::is_ascii_alphanumeric).take(64);
    let kind = letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect();
    Event::Failed { kind, message: said.message }
}

fn garbage(what: &str, error: &serde_json::Error) -> Garbage {
    let not = if error.is_data() { "not of Converse's shape" } else { "not JSON" };
    Garbage(format!("{what} is {not} at line {}, column {}", error.line(), error.column()))
}
