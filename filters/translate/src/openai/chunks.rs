//! Events written as the chunks of a streamed completion.
//!
//! The text of a chunk is put together by hand: this runs for every token of every answer.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::value::RawValue;
use tollgate_api::{Citation, Cost, Event, Seal, StopReason, Usage};

use super::calling::{Custom, Function, Manner, WireCall};
use super::cited::Annotation;
use super::image::Image;
use super::message::{Extra, ThinkingBlock};
use super::usage;
use crate::dialect::{AnswerHead, Encode, Failure};
use crate::freeform;

/// Writes one streamed answer.
pub(crate) struct ChunkWriter {
    /// Every chunk up to the choice's number.
    before: Vec<u8>,
    /// Every chunk after its choices.
    after: &'static [u8],
    wants_usage: bool,
    manner: Manner,
    /// The arguments so far of calls that the client knows as plain text, by choice and number.
    texts: BTreeMap<(u32, u32), String>,
    /// Choices whose first delta, the one that names the role, is out.
    begun: BTreeSet<u32>,
    usage: Option<(Usage, Option<Cost>)>,
    failed: bool,
}

impl ChunkWriter {
    /// A writer for the answer with this head.
    pub(crate) fn new(head: &AnswerHead, wants_usage: bool, manner: Manner) -> Self {
        let mut before = b"data: {\"id\":".to_vec();
        json(&mut before, &head.id);
        before.extend_from_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        json(&mut before, &head.created);
        before.extend_from_slice(b",\"model\":");
        json(&mut before, &head.model);
        before.extend_from_slice(b",\"choices\":[");
        let after: &[u8] = if wants_usage { b"],\"usage\":null}\n\n" } else { b"]}\n\n" };
        let (texts, begun) = (BTreeMap::new(), BTreeSet::new());
        Self { before, after, wants_usage, manner, texts, begun, usage: None, failed: false }
    }

    /// One chunk with one delta, whose members `write` adds.
    fn delta(&mut self, choice: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        self.open(choice, out);
        write(out);
        out.extend_from_slice(b"},\"logprobs\":null,\"finish_reason\":null}");
        out.extend_from_slice(self.after);
    }

    /// A chunk up to where the members of its delta begin; the first of a choice says the role.
    fn open(&mut self, choice: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.before);
        out.extend_from_slice(b"{\"index\":");
        out.extend_from_slice(itoa::Buffer::new().format(choice).as_bytes());
        out.extend_from_slice(b",\"delta\":{");
        if self.begun.insert(choice) {
            out.extend_from_slice(b"\"role\":\"assistant\",");
        }
    }

    fn member(&mut self, choice: u32, name: &'static str, value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
        self.delta(choice, out, |out| member(out, name, value));
    }

    /// Thinking goes out twice: as the text that most clients show, and as the sealed block that a
    /// client gives back on the next turn.
    fn thinking(&mut self, choice: u32, text: &str, seal: Option<&Seal>, out: &mut Vec<u8>) {
        let block = ThinkingBlock::shown(text, seal);
        self.delta(choice, out, |out| {
            member(out, "reasoning_content", text);
            out.push(b',');
            member(out, "thinking_blocks", &[block]);
        });
    }

    fn cited(&mut self, choice: u32, citation: &Citation, out: &mut Vec<u8>) {
        if let Some(annotation) = Annotation::of(citation) {
            self.member(choice, "annotations", &[annotation], out);
        }
    }

    fn likelihoods(&mut self, choice: u32, tokens: &str, out: &mut Vec<u8>) {
        self.open(choice, out);
        if out.ends_with(b",") {
            out.pop();
        }
        out.extend_from_slice(b"},\"logprobs\":{\"content\":");
        out.extend_from_slice(tokens.as_bytes());
        out.extend_from_slice(b",\"refusal\":null},\"finish_reason\":null}");
        out.extend_from_slice(self.after);
    }

    fn call(&mut self, choice: u32, call: WireCall<'_>, out: &mut Vec<u8>) {
        self.member(choice, "tool_calls", &[call], out);
    }

    fn begin(&mut self, choice: u32, index: u32, id: &str, name: &str, seal: Option<&Seal>, out: &mut Vec<u8>) {
        if self.manner.older {
            let function = Function { name: Some(name), arguments: "" };
            // There is room for one.
            return if index == 0 {
                self.member(choice, "function_call", &function, out)
            };
        }
        let custom = self.manner.is_freeform(name).then_some(Custom { name: Some(name), input: "" });
        let function = custom.is_none().then_some(Function { name: Some(name), arguments: "" });
        if custom.is_some() {
            self.texts.insert((choice, index), String::new());
        }
        let kind = Some(if custom.is_some() { "custom" } else { "function" });
        let extra_content = seal.map(Extra::sealed);
        self.call(choice, WireCall { index: Some(index), id: Some(id), kind, function, custom, extra_content }, out);
    }

    fn arguments(&mut self, choice: u32, index: u32, json: &str, out: &mut Vec<u8>) {
        let function = Function { name: None, arguments: json };
        if let Some(text) = self.texts.get_mut(&(choice, index)) {
            text.push_str(json);
        } else if !self.manner.older {
            let (index, function) = (Some(index), Some(function));
            let call = WireCall { index, id: None, kind: None, function, custom: None, extra_content: None };
            self.call(choice, call, out);
        } else if index == 0 {
            self.member(choice, "function_call", &function, out);
        }
    }

    /// The texts of a choice's calls, whose arguments are whole now.
    fn texts(&mut self, choice: u32, out: &mut Vec<u8>) {
        let later = self.texts.split_off(&(choice.saturating_add(1), 0));
        let these = self.texts.split_off(&(choice, 0));
        self.texts.extend(later);
        for ((_, index), arguments) in these {
            let custom = Some(Custom { name: None, input: &freeform::unwrap(&arguments) });
            let (id, kind, function, extra_content) = (None, None, None, None);
            self.call(choice, WireCall { index: Some(index), id, kind, function, custom, extra_content }, out);
        }
    }

    fn stop(&mut self, choice: u32, reason: StopReason, sequence: Option<&String>, out: &mut Vec<u8>) {
        self.texts(choice, out);
        let first = !self.begun.contains(&choice);
        self.open(choice, out);
        if first {
            // An answer without content: the delta that says the role needs another member.
            member(out, "content", "");
        }
        out.extend_from_slice(b"},\"logprobs\":null,");
        member(out, "finish_reason", self.manner.finish_reason(reason));
        if let Some(sequence) = sequence {
            out.push(b',');
            member(out, "stop_reason", sequence);
        }
        out.push(b'}');
        out.extend_from_slice(self.after);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        while let Some(&(choice, _)) = self.texts.keys().next() {
            self.texts(choice, out);
        }
        if let Some((usage, cost)) = self.usage.filter(|_| self.wants_usage) {
            out.extend_from_slice(&self.before);
            out.extend_from_slice(b"],");
            member(out, "usage", &usage::write(&usage, cost));
            out.push(b',');
            member(out, "service_tier", usage::tier(usage.tier));
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

/// The event that ends a stream which cannot be finished: no `[DONE]` follows it.
pub(super) fn failure(failure: &Failure<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Error<'a> {
        message: &'a str,
        #[serde(rename = "type")]
        kind: &'a str,
        param: Option<&'a RawValue>,
        code: &'a str,
    }
    let Failure { code, message, kind } = *failure;
    let mut out = b"data: {".to_vec();
    member(&mut out, "error", &Error { message, kind, param: None, code });
    out.extend_from_slice(b"}\n\n");
    out
}

impl Encode for ChunkWriter {
    fn event(&mut self, event: &Event, cost: Option<Cost>, out: &mut Vec<u8>) {
        match event {
            // A failure is the last word: an end after it would make it look like success.
            _ if self.failed => {}
            Event::Start { .. } => {}
            Event::Text { choice, text } => self.member(*choice, "content", text, out),
            Event::Refusal { choice, text } => self.member(*choice, "refusal", text, out),
            Event::Thinking { choice, text, seal } => self.thinking(*choice, text, seal.as_ref(), out),
            Event::RedactedThinking { seal } => self.member(0, "thinking_blocks", &[ThinkingBlock::hidden(seal)], out),
            Event::ToolStart { choice, index, id, name, seal } => {
                self.begin(*choice, *index, id, name, seal.as_ref(), out);
            }
            Event::ToolArguments { choice, index, json } => self.arguments(*choice, *index, json, out),
            Event::Cited { choice, citation } => self.cited(*choice, citation, out),
            Event::Logprobs { choice, tokens } => self.likelihoods(*choice, tokens, out),
            Event::Image { choice, media_type, data } => {
                self.member(*choice, "images", &[Image::of(media_type, data)], out);
            }
            Event::Stop { choice, reason, sequence } => self.stop(*choice, *reason, sequence.as_ref(), out),
            Event::Usage(usage) => self.usage = Some((*usage, cost)),
            Event::Failed { .. } => {}
            Event::End => self.end(out),
        }
    }

    fn fail(&mut self, why: &Failure<'_>, out: &mut Vec<u8>) {
        self.failed = true;
        out.extend(failure(why));
    }
}

fn member(out: &mut Vec<u8>, name: &'static str, value: &(impl Serialize + ?Sized)) {
    json(out, name);
    out.push(b':');
    json(out, value);
}

fn json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("strings and numbers are JSON, and memory takes all");
}

#[cfg(test)]
mod tests {
    use tollgate_api::Money;

    use super::*;

    fn written(wants_usage: bool, events: &[Event]) -> String {
        let head = AnswerHead { id: "i".into(), model: "m".into(), created: 7 };
        let mut writer = ChunkWriter::new(&head, wants_usage, Manner::default());
        let cost = Cost { input: Money::from_nano(1_000_000), output: Money::ZERO };
        let mut out = Vec::new();
        for event in events {
            writer.event(event, Some(cost), &mut out);
        }
        String::from_utf8(out).expect("UTF-8")
    }

    fn text(text: &str) -> Event {
        Event::Text { choice: 0, text: text.into() }
    }

    fn stop() -> Event {
        Event::Stop { choice: 0, reason: StopReason::EndOfTurn, sequence: None }
    }

    #[test]
    fn the_first_delta_says_the_role_and_the_end_is_done() {
        let head = r#"data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"#;
        let expected = format!(
            "{head}\"delta\":{{\"role\":\"assistant\",\"content\":\"a\\n\"}},\"logprobs\":null,\"finish_reason\":null}}]}}\n\n\
             {head}\"delta\":{{\"content\":\"b\"}},\"logprobs\":null,\"finish_reason\":null}}]}}\n\n\
             {head}\"delta\":{{}},\"logprobs\":null,\"finish_reason\":\"stop\"}}]}}\n\n\
             data: [DONE]\n\n"
        );
        assert_eq!(written(false, &[text("a\n"), text("b"), stop(), Event::End]), expected);
    }

    #[test]
    fn usage_is_the_last_chunk_with_its_cost_and_only_if_asked_for() {
        let early = Usage { input: 1, output: 1, ..Usage::default() };
        let late = Usage { input: 3, output: 4, ..Usage::default() };
        let events = [text("a"), Event::Usage(early), stop(), Event::Usage(late), Event::End];
        let asked = written(true, &events);
        let usage_chunk = asked.lines().rfind(|line| line.contains("prompt_tokens")).expect("a usage chunk");
        assert!(usage_chunk.contains(r#""choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4"#));
        assert!(usage_chunk.contains(r#""cost":0.001"#), "{usage_chunk}");
        assert_eq!(asked.matches("prompt_tokens\"").count(), 1);
        assert_eq!(asked.matches(r#""usage":null"#).count(), 2);
        assert!(!written(false, &events).contains("usage"));
    }

    #[test]
    fn a_failure_in_mid_stream_is_never_followed_by_done() {
        let head = AnswerHead { id: "i".into(), model: "m".into(), created: 7 };
        let mut writer = ChunkWriter::new(&head, true, Manner::default());
        let mut out = Vec::new();
        writer.event(&text("a"), None, &mut out);
        let kind = "overloaded_error";
        writer.fail(&Failure { code: kind, message: "Overloaded", kind }, &mut out);
        [stop(), Event::End].iter().for_each(|event| writer.event(event, None, &mut out));
        let out = String::from_utf8(out).expect("UTF-8");
        let error =
            r#"{"error":{"message":"Overloaded","type":"overloaded_error","param":null,"code":"overloaded_error"}}"#;
        assert!(out.ends_with(&format!("data: {error}\n\n")), "{out}");
        assert!(!out.contains("[DONE]"));
    }
}
