//! Answers of Responses: the events of a stream, or a whole response as the same events.
//!
//! What the neutral form has no words for is passed over: progress, tools that the vendor runs
//! itself, and every event or item that is newer than this code. Items are known by their place,
//! because Copilot gives them another id in every event.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::{Event, StopReason};

use super::item::{Item, Progress};
use super::usage::Report;
use crate::complaint;
use crate::dialect::{Decode, Garbage, VendorError};
use crate::json::Text;

/// Tool calls in one answer, at most.
const CALLS_MAX: u32 = 1024;
/// Items of one answer that are open at once, at most.
const OPEN_MAX: usize = 4096;
/// How the events begin that are understood: any other may have any shape.
const KNOWN: [&str; 13] = [
    "error",
    "response.completed",
    "response.content_part.",
    "response.created",
    "response.custom_tool_call_input.",
    "response.failed",
    "response.function_call_arguments.",
    "response.in_progress",
    "response.incomplete",
    "response.output_item.",
    "response.output_text.",
    "response.reasoning_",
    "response.refusal.",
];

/// The events that end a stream.
const LAST: [&str; 3] = ["response.completed", "response.incomplete", "response.failed"];

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    output_index: Option<u32>,
    content_index: Option<u32>,
    summary_index: Option<u32>,
    #[serde(borrow)]
    delta: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
    #[serde(borrow)]
    annotation: Option<&'a RawValue>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// The response as it begins.
#[derive(Deserialize)]
struct Beginning<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
}

/// The response as it ends, and a whole answer.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    output: Option<Vec<&'a RawValue>>,
    usage: Option<Report>,
    #[serde(borrow)]
    service_tier: Option<Text<'a>>,
    incomplete_details: Option<Incomplete>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Incomplete {
    reason: Option<String>,
}

/// Reads one streamed answer.
#[derive(Default)]
pub(crate) struct Stream {
    started: bool,
    /// The vendor's id of the answer, of which ids are made for calls that have none.
    id: String,
    /// Whether any item began.
    begun: bool,
    ended: bool,
    /// Tool calls that began.
    calls: u32,
    /// Characters of text so far.
    said: u64,
    open: BTreeMap<u32, Progress>,
}

/// Reads a whole answer.
pub(super) fn whole(body: &[u8], out: &mut Vec<Event>) -> Result<(), Garbage> {
    let response: Response<'_> = serde_json::from_slice(body).map_err(|error| garbage("the body", &error))?;
    if response.output.is_none() && response.error.is_none() {
        return Err(Garbage("the body is JSON, but has no `output`".into()));
    }
    let mut stream = Stream::default();
    if response.error.is_none() {
        stream.start(response.id.as_ref(), response.model.as_ref(), out);
    }
    stream.finish(response, out)
}

impl Decode for Stream {
    fn event(&mut self, _name: Option<&str>, data: &str, out: &mut Vec<Event>) -> Result<(), Garbage> {
        match serde_json::from_str::<Frame<'_>>(data) {
            Ok(frame) if frame.kind == "error" => {
                self.fail(frame.error.map_or(data, RawValue::get), out);
                Ok(())
            }
            Ok(frame) => self.frame(frame, out),
            Err(_) if is_foreign(data) => Ok(()),
            Err(error) => Err(garbage("an event", &error)),
        }
    }
}

impl Stream {
    fn frame(&mut self, frame: Frame<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        let place = frame.output_index.unwrap_or_default();
        match (&*frame.kind, frame.delta) {
            _ if self.ended => {}
            ("response.output_text.delta", delta) => {
                let part = frame.content_index.unwrap_or_default();
                let (said, item) = self.item(place)?;
                item.text(part, said, text(delta), frame.logprobs, out);
            }
            ("response.refusal.delta", Some(Text(delta))) => self.item(place)?.1.refusal(delta.into_owned(), out),
            ("response.reasoning_summary_text.delta", Some(Text(delta))) => {
                self.item(place)?.1.thought(frame.summary_index.unwrap_or_default(), &delta, out);
            }
            ("response.reasoning_text.delta", Some(Text(delta))) => {
                self.item(place)?.1.thought(frame.content_index.unwrap_or_default(), &delta, out);
            }
            ("response.function_call_arguments.delta", Some(Text(delta))) => {
                self.item(place)?.1.arguments(delta.into_owned(), out);
            }
            ("response.custom_tool_call_input.delta", Some(Text(delta))) => self.item(place)?.1.input(&delta, out),
            ("response.function_call_arguments.done", _) => {
                if let Some(arguments) = frame.arguments {
                    self.item(place)?.1.all_arguments(arguments, out);
                }
            }
            ("response.output_text.annotation.added", _) => {
                if let Some(annotation) = frame.annotation {
                    self.item(place)?.1.cite(annotation, out);
                }
            }
            ("response.output_item.added", _) => self.add(place, frame.item, out)?,
            ("response.output_item.done", _) => self.done(place, frame.item, out)?,
            ("response.created" | "response.in_progress", _) => self.begin(frame.response, out)?,
            (kind, _) if LAST.contains(&kind) => {
                let response = frame.response.ok_or_else(|| Garbage("the last event has no `response`".into()))?;
                let response = serde_json::from_str(response.get()).map_err(|e| garbage("the response", &e))?;
                self.finish(response, out)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The vendor gave up. Some put what happened beside the event's type, where others nest it.
    fn fail(&mut self, error: &str, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.ended, true) {
            out.push(failed(error));
        }
    }

    fn begin(&mut self, response: Option<&RawValue>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        if self.started {
            return Ok(());
        }
        let Some(response) = response else { return Ok(()) };
        let response: Beginning<'_> = serde_json::from_str(response.get()).map_err(|e| garbage("the response", &e))?;
        self.start(response.id.as_ref(), response.model.as_ref(), out);
        Ok(())
    }

    fn start(&mut self, id: Option<&Text<'_>>, model: Option<&Text<'_>>, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            let said = |text: Option<&Text<'_>>| text.map(|text| text.0.to_string()).unwrap_or_default();
            self.id = said(id);
            out.push(Event::Start { id: self.id.clone(), model: said(model) });
        }
    }

    /// The item at this place, and how much text came so far. One that never began is a message, as
    /// far as can be told.
    fn item(&mut self, place: u32) -> Result<(&mut u64, &mut Progress), Garbage> {
        self.begun = true;
        if self.open.len() >= OPEN_MAX && !self.open.contains_key(&place) {
            return Err(Garbage(format!("more than {OPEN_MAX} items of one answer are open at once")));
        }
        Ok((&mut self.said, self.open.entry(place).or_default()))
    }

    fn add(&mut self, place: u32, item: Option<&RawValue>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        let item = Item::read(item)?;
        self.item(place)?;
        self.call(place, &item, out)
    }

    /// Begins the call that an item is, unless it began before.
    fn call(&mut self, place: u32, item: &Item<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        if !item.is_call() || self.item(place)?.1.is_call() {
            return Ok(());
        }
        if self.calls == CALLS_MAX {
            return Err(Garbage(format!("more than {CALLS_MAX} tool calls in one answer")));
        }
        let number = self.calls;
        self.calls += 1;
        let id = item.call_id().unwrap_or_else(|| format!("call_{}_{number}", self.id));
        out.push(Event::ToolStart { choice: 0, index: number, id, name: item.name(), seal: None });
        self.item(place)?.1.begin_call(number, item.is_freeform());
        Ok(())
    }

    /// An item is complete: what did not come in pieces is told now.
    fn done(&mut self, place: u32, item: Option<&RawValue>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        let item = Item::read(item)?;
        self.call(place, &item, out)?;
        self.item(place)?;
        let mut progress = self.open.remove(&place).unwrap_or_default();
        progress.complete(item, &mut self.said, out);
        Ok(())
    }

    fn finish(&mut self, response: Response<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        if !self.begun {
            // A vendor that streams nothing but the end, and a whole answer.
            for (place, item) in (0..).zip(response.output.into_iter().flatten()) {
                self.done(place, Some(item), out)?;
            }
        }
        for (_, mut progress) in std::mem::take(&mut self.open) {
            progress.close(out);
        }
        let tier = response.service_tier.as_ref().map(|tier| &*tier.0);
        let usage = response.usage.map(|report| Event::Usage(report.usage(tier)));
        let status = response.status.as_ref().map_or("", |status| &*status.0);
        if status == "failed" || status == "cancelled" || response.error.is_some() {
            out.extend(usage);
            self.fail(response.error.map_or("{}", RawValue::get), out);
            return Ok(());
        }
        self.ended = true;
        if matches!(status, "in_progress" | "queued") {
            return Err(Garbage("the response is not finished".into()));
        }
        let why = response.incomplete_details.and_then(|details| details.reason);
        out.push(Event::Stop { choice: 0, reason: self.reason(status, why.as_deref()), sequence: None });
        out.extend(usage);
        out.push(Event::End);
        Ok(())
    }

    fn reason(&self, status: &str, why: Option<&str>) -> StopReason {
        match (status, why) {
            (_, Some("content_filter")) => StopReason::Refused,
            (_, Some(_)) | ("incomplete", _) => StopReason::MaxTokens,
            _ if self.calls > 0 => StopReason::ToolUse,
            _ => StopReason::EndOfTurn,
        }
    }
}

/// The usage in the last event of a stream, which is where a client is shown it.
pub(super) fn shown_usage(data: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Last<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
        #[serde(borrow)]
        response: Option<Shown<'a>>,
    }
    #[derive(Deserialize)]
    struct Shown<'a> {
        #[serde(borrow)]
        usage: Option<&'a RawValue>,
    }
    // Most events are text, and are not read twice.
    if !LAST.iter().any(|last| data.contains(last)) {
        return None;
    }
    let Last { kind, response } = serde_json::from_str(data).ok()?;
    let usage = response.filter(|_| LAST.contains(&&*kind))?.usage?.get();
    usage.starts_with('{').then_some(usage)
}

fn text(delta: Option<Text<'_>>) -> String {
    delta.map(|delta| delta.0.into_owned()).unwrap_or_default()
}

fn failed(error: &str) -> Event {
    let value = serde_json::from_str(error).unwrap_or_default();
    let VendorError { kind, code, message, .. } = complaint::in_stream(&value);
    // A failed response names a code, and no type.
    let kind = if kind.starts_with("http_") { code.unwrap_or_else(|| "error".into()) } else { kind };
    Event::Failed { kind, message }
}

/// Whether `data` is an event that this code does not know, and so may look like anything.
fn is_foreign(data: &str) -> bool {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
    }
    let known = |kind: &str| KNOWN.iter().any(|known| kind.starts_with(known));
    data.trim() == "[DONE]" || serde_json::from_str::<Kind<'_>>(data).is_ok_and(|frame| !known(&frame.kind))
}

fn garbage(what: &str, error: &serde_json::Error) -> Garbage {
    let not = if error.is_data() { "not of the shape of Responses" } else { "not JSON" };
    Garbage(format!("{what} is {not} at line {}, column {}", error.line(), error.column()))
}
