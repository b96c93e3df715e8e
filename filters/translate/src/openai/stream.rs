//! Answers in OpenAI's dialect: the chunks of a stream, or a whole completion as the same events.
//!
//! Many vendors speak it with an accent; what is known of each is at its place below.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::{Event, StopReason, Tier};

use super::calls::{Calls, Fragment, Function};
use super::cited;
use super::content::Content;
use super::details::{Detail, Told};
use super::image;
use super::message::ThinkingBlock;
use super::usage::{Groq, Report, Timings};
use crate::complaint;
use crate::dialect::{Decode, Garbage, VendorError};
use crate::json::{Text, one_line};

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
    /// Groq's: the same usage again, or where nobody asked for any the only one.
    x_groq: Option<Groq>,
    /// llama.cpp's: it counts in them even where nobody asked for usage.
    timings: Option<Timings>,
    #[serde(borrow)]
    service_tier: Option<Text<'a>>,
    /// Perplexity's and xAI's, repeated in every chunk.
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
    #[serde(borrow)]
    search_results: Option<&'a RawValue>,
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
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
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
    /// OpenRouter's.
    #[serde(borrow)]
    reasoning_details: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Fragment<'a>>>,
    #[serde(borrow)]
    function_call: Option<Function<'a>>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
    /// OpenRouter's.
    #[serde(borrow)]
    images: Option<&'a RawValue>,
}

/// Reads one streamed answer.
#[derive(Default)]
pub(crate) struct Chunks {
    started: bool,
    /// Whether the pages that the answer was made from were told.
    sourced: bool,
    /// The tier that the vendor named last.
    tier: Option<Tier>,
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
        self.tier = chunk.service_tier.map(|word| Tier::of_word(&word.0)).or(self.tier);
        if !self.sourced && choices.iter().any(|choice| choice.finish_reason.is_some()) {
            self.sourced = true;
            cited::pages(chunk.search_results, chunk.citations, out);
        }
        for choice in choices {
            self.choice(choice, out)?;
        }
        let report = chunk.usage.or(chunk.x_groq.and_then(|groq| groq.usage));
        let usage = report.map(|report| report.usage(self.tier));
        out.extend(usage.or_else(|| chunk.timings.map(Timings::usage)).map(Event::Usage));
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
        out.extend(choice.logprobs.and_then(|raw| logprobs(index, raw)));
        if let Some(word) = Text::said(choice.finish_reason) {
            progress.stop(index, &word, choice.stop_reason, out);
        }
        Ok(())
    }
}

impl Progress {
    fn delta(&mut self, choice: u32, mut delta: Delta<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        self.think(choice, &mut delta, out)?;
        if let Some(content) = delta.content {
            content.tell(choice, out);
        }
        out.extend(Text::said(delta.refusal).map(|text| Event::Refusal { choice, text }));
        if let Some(list) = delta.annotations {
            cited::annotations(list, choice, out);
        }
        if let Some(list) = delta.images {
            image::tell(list, choice, out);
        }
        let older = delta.function_call.map(Fragment::from);
        for fragment in delta.tool_calls.into_iter().flatten().chain(older) {
            self.calls.fragment(choice, fragment, out)?;
        }
        Ok(())
    }

    /// Thinking comes under several names at once: the blocks and the details say what the plain
    /// text beside them says, and bring the seal.
    fn think(&mut self, choice: u32, delta: &mut Delta<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        if let Some(blocks) = delta.thinking_blocks.take().filter(|blocks| !blocks.is_empty()) {
            out.extend(blocks.into_iter().filter_map(|block| block.event(choice)));
            return Ok(());
        }
        let text = Text::said(delta.reasoning_content.take()).or_else(|| Text::said(delta.reasoning.take()));
        let plain = text.map(|text| Event::Thinking { choice, text, seal: None });
        let Some(list) = delta.reasoning_details.filter(|list| list.get() != "[]") else {
            out.extend(plain);
            return Ok(());
        };
        let details: Vec<Detail> = serde_json::from_str(list.get()).unwrap_or_default();
        let told: Vec<_> = details.into_iter().filter_map(Detail::told).collect();
        if !told.iter().any(|told| matches!(told, Told::Thinking(text, _) if !text.is_empty())) {
            out.extend(plain);
        }
        for told in told {
            match told {
                Told::Thinking(text, seal) => out.push(Event::Thinking { choice, text, seal }),
                Told::Redacted(seal) => out.push(Event::RedactedThinking { seal }),
                Told::OfCall(id, seal) => self.calls.expect(id, seal)?,
            }
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

/// The likelihoods of the tokens in this piece. Those of a refusal or of reasoning have no place.
fn logprobs(choice: u32, raw: &RawValue) -> Option<Event> {
    #[derive(Deserialize)]
    struct Logprobs<'a> {
        #[serde(borrow)]
        content: Option<&'a RawValue>,
    }
    let content = serde_json::from_str::<Logprobs<'_>>(raw.get()).ok()?.content?.get();
    let is_list = content.starts_with('[') && content != "[]";
    is_list.then(|| Event::Logprobs { choice, tokens: one_line(content).into() })
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
