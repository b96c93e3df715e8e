//! Events written as the stream of a response, item by item.
//!
//! A whole answer is what the last event of that stream says, so that the two cannot differ.

use std::collections::BTreeSet;

use tollgate_api::{Call as Asked, Cost, Event, Seal, StopReason};

use super::answer::{Answer, Status};
use super::calls::Call;
use super::echo::Echo;
use super::message::Message;
use super::page::{Page, Place, json, put};
use super::thought::{self, Thought};
use crate::dialect::{AnswerHead, Encode, Failure};

/// A number that no event of a stream comes near: for one that is written without knowing the others.
const LAST: u32 = i32::MAX.unsigned_abs();

/// Writes one streamed answer.
pub(crate) struct Writer {
    /// Our id of the answer, of which the ids of its items are made.
    id: String,
    answer: Answer,
    page: Page,
    /// The names of the tools whose argument is plain text.
    freeform: BTreeSet<String>,
    /// Items that began.
    items: u32,
    /// Characters of text so far.
    said: u64,
    /// What is being written: a message, reasoning or calls, and never two of them. Calls stay open
    /// until something else begins, as pieces of parallel ones may come in any order.
    message: Option<Message>,
    thought: Option<Thought>,
    calls: Vec<Call>,
    stopped: Option<StopReason>,
    began: bool,
    failed: bool,
}

impl Writer {
    /// A writer of the answer with this head to this call.
    pub(crate) fn new(head: &AnswerHead, call: &Asked) -> Self {
        let Echo { members, freeform } = Echo::of(std::str::from_utf8(&call.body).unwrap_or_default());
        Self {
            id: head.id.clone(),
            answer: Answer::new(head, &members),
            page: Page::default(),
            freeform,
            items: 0,
            said: 0,
            message: None,
            thought: None,
            calls: Vec::new(),
            stopped: None,
            began: false,
            failed: false,
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.began, true) {
            return;
        }
        for kind in ["response.created", "response.in_progress"] {
            self.show(kind, &Status::InProgress, out);
        }
    }

    fn show(&mut self, kind: &str, status: &Status<'_>, out: &mut Vec<u8>) {
        let answer = &self.answer;
        self.page.event(kind, out, |out| {
            put(out, &[",\"response\":"]);
            answer.write(status, out);
        });
    }

    /// A place for the next item, whose id begins so.
    fn place(&mut self, kind: &str) -> Place {
        let index = self.items;
        self.items += 1;
        let mut id = Vec::new();
        json(&mut id, &format!("{kind}_{}_{index}", self.id));
        Place { index, id: String::from_utf8(id).expect("what serde_json writes is UTF-8") }
    }

    /// What is open is complete.
    fn close(&mut self, status: &str, seal: Option<&Seal>, out: &mut Vec<u8>) {
        if let Some(message) = self.message.take() {
            self.answer.add(&message.end(status, &mut self.page, out));
        }
        if let Some(thought) = self.thought.take() {
            self.answer.add(&thought.end(seal, &mut self.page, out));
        }
        for call in self.calls.drain(..) {
            self.answer.add(&call.end(status, &mut self.page, out));
        }
    }

    /// The open message, begun if there is none; how much was said, and the page.
    fn message(&mut self, out: &mut Vec<u8>) -> (&mut Message, u64, &mut Page) {
        let message = match self.message.take() {
            Some(message) => message,
            None => {
                self.close("completed", None, out);
                let place = self.place("msg");
                Message::begin(place, &mut self.page, out)
            }
        };
        (self.message.insert(message), self.said, &mut self.page)
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        let (message, said, page) = self.message(out);
        message.text(text, said, page, out);
        self.said += text.chars().count() as u64;
    }

    fn think(&mut self, text: &str, seal: Option<&Seal>, out: &mut Vec<u8>) {
        let mut thought = match self.thought.take() {
            Some(thought) => thought,
            None => {
                self.close("completed", None, out);
                let place = self.place("rs");
                Thought::begin(place, &mut self.page, out)
            }
        };
        if !text.is_empty() {
            thought.push(text, &mut self.page, out);
        }
        self.thought = Some(thought);
        if seal.is_some() {
            self.close("completed", seal, out);
        }
    }

    /// Reasoning with nothing to show, or the seal of the call that follows.
    fn seal(&mut self, seal: &Seal, out: &mut Vec<u8>) {
        self.close("completed", None, out);
        let place = self.place("rs");
        self.answer.add(&thought::hidden(&place, seal, &mut self.page, out));
    }

    fn call(&mut self, number: u32, id: &str, name: &str, seal: Option<&Seal>, out: &mut Vec<u8>) {
        if let Some(seal) = seal {
            self.seal(seal, out);
        }
        if self.calls.is_empty() {
            self.close("completed", None, out);
        }
        let freeform = self.freeform.contains(name);
        let place = self.place(if freeform { "ctc" } else { "fc" });
        self.calls.push(Call::begin(place, number, (id, name), freeform, &mut self.page, out));
    }

    fn arguments(&mut self, number: u32, piece: &str, out: &mut Vec<u8>) {
        if let Some(call) = self.calls.iter_mut().rfind(|call| call.number == number) {
            call.push(piece, &mut self.page, out);
        }
    }

    fn image(&mut self, media_type: &str, data: &str, out: &mut Vec<u8>) {
        self.close("completed", None, out);
        let place = self.place("ig");
        let write = |status: &str, result: Option<&str>, out: &mut Vec<u8>| {
            put(out, &["{\"id\":", &place.id, ",\"type\":\"image_generation_call\",\"status\":\"", status]);
            put(out, &["\",\"output_format\":"]);
            json(out, media_type.strip_prefix("image/").unwrap_or(media_type));
            put(out, &[",\"result\":"]);
            json(out, &result);
            out.push(b'}');
        };
        self.page.item(&place, "response.output_item.added", out, |out| write("in_progress", None, out));
        let mut item = Vec::new();
        write("completed", Some(data), &mut item);
        self.page.item(&place, "response.output_item.done", out, |out| out.extend_from_slice(&item));
        self.answer.add(&item);
    }

    fn stop(&mut self, reason: StopReason, out: &mut Vec<u8>) {
        self.stopped = Some(reason);
        self.close(if reason == StopReason::MaxTokens { "incomplete" } else { "completed" }, None, out);
    }

    fn status(&self) -> Status<'static> {
        match self.stopped {
            Some(StopReason::MaxTokens) => Status::Incomplete("max_output_tokens"),
            Some(StopReason::Refused) => Status::Incomplete("content_filter"),
            _ => Status::Completed,
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close("completed", None, out);
        let status = self.status();
        self.show(&format!("response.{}", status.word()), &status, out);
    }
}

impl Encode for Writer {
    fn event(&mut self, event: &Event, cost: Option<Cost>, out: &mut Vec<u8>) {
        // A failure is the last word: an end after it would make it look like success.
        if self.failed {
            return;
        }
        self.begin(out);
        match event {
            Event::Start { .. } | Event::Failed { .. } => {}
            Event::Text { choice: 0, text } => self.text(text, out),
            Event::Refusal { choice: 0, text } if !text.is_empty() => {
                let (message, said, page) = self.message(out);
                message.refusal(text, said, page, out);
            }
            Event::Thinking { choice: 0, text, seal } => self.think(text, seal.as_ref(), out),
            Event::RedactedThinking { seal } => self.seal(seal, out),
            Event::ToolStart { choice: 0, index, id, name, seal } => self.call(*index, id, name, seal.as_ref(), out),
            Event::ToolArguments { choice: 0, index, json } => self.arguments(*index, json, out),
            Event::Cited { choice: 0, citation } => {
                let (message, said, page) = self.message(out);
                message.cite(citation, said, page, out);
            }
            Event::Logprobs { choice: 0, tokens } => {
                let (message, said, page) = self.message(out);
                message.logprobs(tokens, said, page, out);
            }
            Event::Image { choice: 0, media_type, data } => self.image(media_type, data, out),
            Event::Stop { choice: 0, reason, .. } => self.stop(*reason, out),
            Event::Usage(usage) => self.answer.count(*usage, cost),
            Event::End => self.end(out),
            // Responses has one choice, and so nobody asked for another.
            _ => {}
        }
    }

    fn fail(&mut self, why: &Failure<'_>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.failed, true) {
            return;
        }
        self.begin(out);
        self.page.event("error", out, |out| error(why, out));
        self.show("response.failed", &Status::Failed(why), out);
    }
}

/// A whole answer.
pub(super) fn assemble(head: &AnswerHead, call: &Asked, events: &[Event], cost: Option<Cost>) -> Vec<u8> {
    let (mut writer, mut streamed) = (Writer::new(head, call), Vec::new());
    for event in events.iter().filter(|event| **event != Event::End) {
        writer.event(event, cost, &mut streamed);
        streamed.clear();
    }
    writer.close("completed", None, &mut streamed);
    let mut body = Vec::new();
    writer.answer.write(&writer.status(), &mut body);
    body
}

/// The events that end a stream of which nothing else is known: SDKs raise at the first, and agents
/// wait for the second.
pub(super) fn failure(why: &Failure<'_>) -> Vec<u8> {
    let head = AnswerHead { id: String::new(), model: String::new(), created: 0 };
    let mut out = Vec::new();
    let mut page = Page::from(LAST - 2);
    page.event("error", &mut out, |out| error(why, out));
    page.event("response.failed", &mut out, |out| {
        put(out, &[",\"response\":"]);
        Answer::new(&head, &Echo::of("{}").members).write(&Status::Failed(why), out);
    });
    out
}

/// The members of an error: nested as OpenAI sends them, and beside each other as it documents them.
fn error(Failure { code, message, kind }: &Failure<'_>, out: &mut Vec<u8>) {
    put(out, &[",\"error\":{\"type\":"]);
    json(out, kind);
    for close in ["}", ""] {
        put(out, &[",\"code\":"]);
        json(out, code);
        put(out, &[",\"message\":"]);
        json(out, message);
        put(out, &[",\"param\":null", close]);
    }
}
