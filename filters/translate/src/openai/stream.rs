//! Answers in OpenAI's dialect: the chunks of a stream, or a whole completion as the same events.
//!
//! Many vendors speak it with an accent; what is known of each is at its place below.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tollgate_api::{Event, StopReason};

use super::message::{Calls, Fragment, ThinkingBlock};
use super::usage::Report;
use crate::complaint;
use crate::dialect::{Decode, Garbage, VendorError};
use crate::json::Text;

/// Choices in one answer, at most: OpenAI's own limit on `n`.
const CHOICES_MAX: u32 = 128;

/// A chunk, or a whole completion: they differ in `delta` and `message` alone.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    usage: Option<Report>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    /// In a whole answer. Perplexity sends both in both; in a stream this one repeats all so far.
    #[serde(borrow)]
    message: Option<Delta<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    /// vLLM's word for the stop sequence that was met; a token's number in other cases.
    #[serde(borrow)]
    stop_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    /// DeepSeek, vLLM, llama.cpp, and what LiteLLM and we say.
    #[serde(borrow)]
    reasoning_content: Option<Text<'a>>,
    /// Groq and OpenRouter.
    #[serde(borrow)]
    reasoning: Option<Text<'a>>,
    thinking_blocks: Option<Vec<ThinkingBlock>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Fragment<'a>>>,
}

/// Reads one streamed answer.
#[derive(Default)]
pub(crate) struct Chunks {
    started: bool,
    choices: BTreeMap<u32, Progress>,
}

/// How far one choice is.
#[derive(Default)]
struct Progress {
    calls: Calls,
    stopped: bool,
}

/// Reads a whole answer.
pub(super) fn whole(body: &[u8], out: &mut Vec<Event>) -> Result<(), Garbage> {
    let mut chunk: Chunk<'_> = serde_json::from_slice(body).map_err(|error| garbage("the body", &error))?;
    if chunk.choices.is_none() && chunk.error.is_none() {
        return Err(Garbage("the body is JSON, but has no `choices`".into()));
    }
    for choice in chunk.choices.iter_mut().flatten() {
        choice.delta = choice.message.take();
    }
    let answered = chunk.error.is_none();
    let mut chunks = Chunks::default();
    chunks.chunk(chunk, out)?;
    if answered {
        chunks.end(out);
    }
    Ok(())
}

impl Decode for Chunks {
    fn event(&mut self, _name: Option<&str>, data: &str, out: &mut Vec<Event>) -> Result<(), Garbage> {
        if data.trim() == "[DONE]" {
            self.end(out);
            return Ok(());
        }
        let chunk = serde_json::from_str(data).map_err(|error| garbage("a chunk", &error))?;
        self.chunk(chunk, out)
    }
}

impl Chunks {
    fn chunk(&mut self, chunk: Chunk<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        if let Some(error) = chunk.error {
            out.push(failed(error));
            return Ok(());
        }
        let choices = chunk.choices.unwrap_or_default();
        // Azure's first chunk has neither an id nor choices: it is not the start.
        if !self.started && (!choices.is_empty() || chunk.usage.is_some()) {
            self.started = true;
            let id = Text::said(chunk.id).unwrap_or_default();
            out.push(Event::Start { id, model: Text::said(chunk.model).unwrap_or_default() });
        }
        for choice in choices {
            self.choice(choice, out)?;
        }
        out.extend(chunk.usage.map(|report| Event::Usage(report.usage())));
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        for (&choice, progress) in &mut self.choices {
            progress.calls.close(choice, out);
        }
        out.push(Event::End);
    }

    fn choice(&mut self, choice: Choice<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        let index = choice.index.unwrap_or_default();
        if index >= CHOICES_MAX {
            return Err(Garbage(format!("choice {index} is beyond the {CHOICES_MAX} that may be asked for")));
        }
        let progress = self.choices.entry(index).or_default();
        if let Some(delta) = choice.delta {
            progress.delta(index, delta, out)?;
        }
        if let Some(word) = Text::said(choice.finish_reason) {
            progress.stop(index, &word, choice.stop_reason, out);
        }
        Ok(())
    }
}

impl Progress {
    fn delta(&mut self, choice: u32, delta: Delta<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        match delta.thinking_blocks {
            // The blocks say what `reasoning_content` beside them says, and bring the seal.
            Some(blocks) if !blocks.is_empty() => out.extend(blocks.into_iter().filter_map(|b| b.event(choice))),
            _ => {
                let text = Text::said(delta.reasoning_content).or_else(|| Text::said(delta.reasoning));
                out.extend(text.map(|text| Event::Thinking { choice, text, seal: None }));
            }
        }
        if let Some(content) = delta.content {
            content.tell(choice, out);
        }
        out.extend(Text::said(delta.refusal).map(|text| Event::Refusal { choice, text }));
        for fragment in delta.tool_calls.unwrap_or_default() {
            self.calls.fragment(choice, fragment, out)?;
        }
        Ok(())
    }

    fn stop(&mut self, choice: u32, word: &str, sequence: Option<&RawValue>, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        self.calls.close(choice, out);
        let sequence: Option<String> = sequence.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let reason = match word {
            "length" => StopReason::MaxTokens,
            "content_filter" => StopReason::Refused,
            "tool_calls" | "function_call" => StopReason::ToolUse,
            // Gemini's OpenAI surface says `stop` after tool calls too.
            _ if self.calls.any() => StopReason::ToolUse,
            _ if sequence.is_some() => StopReason::StopSequence,
            _ => StopReason::EndOfTurn,
        };
        out.push(Event::Stop { choice, reason, sequence });
    }
}

/// `content`: a string, or Mistral's list of text and thinking.
enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<ContentPart>),
}

#[derive(Deserialize)]
struct ContentPart {
    text: Option<String>,
    thinking: Option<Vec<ContentPart>>,
}

impl Content<'_> {
    fn tell(self, choice: u32, out: &mut Vec<Event>) {
        let parts = match self {
            Self::Text(text) if text.is_empty() => return,
            Self::Text(text) => return out.push(Event::Text { choice, text: text.into_owned() }),
            Self::Parts(parts) => parts,
        };
        for ContentPart { text, thinking } in parts {
            let thoughts = thinking.into_iter().flatten().filter_map(|part| part.text);
            out.extend(thoughts.map(|text| Event::Thinking { choice, text, seal: None }));
            out.extend(text.filter(|text| !text.is_empty()).map(|text| Event::Text { choice, text }));
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of parts")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Content::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Content::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = from.next_element()? {
            parts.push(part);
        }
        Ok(Content::Parts(parts))
    }
}

fn failed(error: &RawValue) -> Event {
    let value = serde_json::from_str(error.get()).unwrap_or_default();
    let VendorError { kind, code, message, .. } = complaint::in_stream(&value);
    // Vendors that name no type name a code.
    let kind = code.filter(|_| kind.starts_with("http_")).unwrap_or(kind);
    Event::Failed { kind, message }
}

fn garbage(what: &str, error: &serde_json::Error) -> Garbage {
    let not = if error.is_data() { "not of OpenAI's shape" } else { "not JSON" };
    Garbage(format!("{what} is {not} at line {}, column {}", error.line(), error.column()))
}
