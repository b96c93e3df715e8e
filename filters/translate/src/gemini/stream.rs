//! Answers of Gemini: the chunks of a stream, or a whole answer as the same events.
//!
//! What only Google's clients could use is passed over: the traces of tools that Google runs, and
//! every part that is newer than this code.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tollgate_api::{Event, Seal, Sealer, StopReason};

use super::finish::{self, Finish};
use super::grounding::Seen;
use super::logprobs;
use super::pieces::{Arguments, Piece};
use super::usage::Report;
use crate::complaint;
use crate::dialect::{Decode, Garbage, VendorError};
use crate::json::Text;

/// Choices in one answer, at most.
const CHOICES_MAX: u32 = 128;
/// Tool calls in one answer, at most.
const CALLS_MAX: u32 = 1024;
/// How much of the vendor's id of the answer goes into the ids of its calls. Other vendors take ids
/// of 40 characters.
const STEM_MAX: usize = 28;

/// A chunk, or a whole answer: they do not differ.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow)]
    prompt_feedback: Option<Feedback<'a>>,
    #[serde(borrow)]
    usage_metadata: Option<Report<'a>>,
    #[serde(borrow)]
    model_version: Option<Text<'a>>,
    #[serde(borrow)]
    response_id: Option<Text<'a>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    grounding_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    citation_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    logprobs_result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    thought: Option<bool>,
    #[serde(borrow)]
    thought_signature: Option<Text<'a>>,
    #[serde(borrow)]
    function_call: Option<Call<'a>>,
    #[serde(borrow)]
    inline_data: Option<Blob<'a>>,
    executable_code: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
    #[serde(borrow)]
    partial_args: Option<Vec<Piece<'a>>>,
    will_continue: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blob<'a> {
    #[serde(borrow)]
    mime_type: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow)]
    block_reason: Option<Text<'a>>,
}

/// Reads one streamed answer.
#[derive(Default)]
pub(crate) struct Chunks {
    started: bool,
    /// What the ids of calls begin with: unique to this answer.
    stem: String,
    /// Tool calls so far, over all choices.
    calls: u32,
    choices: BTreeMap<u32, Progress>,
}

/// How far one choice is.
#[derive(Default)]
struct Progress {
    /// Tool calls that began.
    calls: u32,
    /// The last of them, where its arguments come in pieces.
    open: Option<Arguments>,
    /// Whether it said why it stopped, and nothing since.
    stopped: bool,
    /// The text so far, in which citations say their places.
    text: String,
    seen: Seen,
}

/// Reads a whole answer.
pub(super) fn whole(body: &[u8], out: &mut Vec<Event>) -> Result<(), Garbage> {
    let text = std::str::from_utf8(body).map_err(|_| Garbage("the body is not UTF-8".into()))?;
    let mut chunks = Chunks::default();
    chunks.all(text, "the body", out)?;
    if out.iter().any(|event| matches!(event, Event::Failed { .. })) {
        return Ok(());
    }
    if chunks.choices.is_empty() {
        return Err(Garbage("the body is JSON, but has no `candidates`".into()));
    }
    chunks.end(out);
    Ok(())
}

impl Decode for Chunks {
    fn event(&mut self, _name: Option<&str>, data: &str, out: &mut Vec<Event>) -> Result<(), Garbage> {
        // Google sends no end mark; gateways that stand in for it do.
        if data.trim() == "[DONE]" {
            self.end(out);
            return Ok(());
        }
        self.all(data, "a chunk", out)
    }
}

impl Chunks {
    /// One chunk, or an array of them: Google wraps some errors so.
    fn all(&mut self, data: &str, what: &str, out: &mut Vec<Event>) -> Result<(), Garbage> {
        let read = |error| garbage(what, &error);
        let list: Vec<Chunk<'_>> = match data.trim_start().starts_with('[') {
            true => serde_json::from_str(data).map_err(read)?,
            false => return self.chunk(serde_json::from_str(data).map_err(read)?, data, out),
        };
        list.into_iter().try_for_each(|chunk| self.chunk(chunk, data, out))
    }

    fn chunk(&mut self, chunk: Chunk<'_>, data: &str, out: &mut Vec<Event>) -> Result<(), Garbage> {
        if let Some(error) = chunk.error {
            out.push(failed(error));
            return Ok(());
        }
        if !std::mem::replace(&mut self.started, true) {
            let id = Text::said(chunk.response_id).unwrap_or_default();
            self.stem = stem(&id, data);
            out.push(Event::Start { id, model: Text::said(chunk.model_version).unwrap_or_default() });
        }
        let mut broken = None;
        for (position, candidate) in (0..).zip(chunk.candidates.into_iter().flatten()) {
            broken = self.candidate(position, candidate, out)?.or(broken);
        }
        if chunk.prompt_feedback.is_some_and(|feedback| feedback.block_reason.is_some()) && self.choices.is_empty() {
            self.choices.entry(0).or_default().stopped = true;
            out.push(Event::Stop { choice: 0, reason: StopReason::Refused, sequence: None });
        }
        // What a failure cost is said before it: nothing is read after it.
        out.extend(chunk.usage_metadata.and_then(|report| report.usage()).map(Event::Usage));
        out.extend(broken.map(|kind| {
            let message = "the model wrote what Google could not read as an answer".into();
            Event::Failed { kind, message }
        }));
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        for (&choice, progress) in &mut self.choices {
            progress.close(choice, out);
        }
        out.push(Event::End);
    }

    /// Reads what one choice says; returns the word for it where the model failed.
    fn candidate(
        &mut self,
        position: u32,
        candidate: Candidate<'_>,
        out: &mut Vec<Event>,
    ) -> Result<Option<String>, Garbage> {
        let choice = candidate.index.unwrap_or(position);
        if choice >= CHOICES_MAX {
            return Err(Garbage(format!("choice {choice} is beyond the {CHOICES_MAX} that may be asked for")));
        }
        let progress = self.choices.entry(choice).or_default();
        let parts = candidate.content.and_then(|content| content.parts).unwrap_or_default();
        let runs_code = parts.last().is_some_and(|part| part.executable_code.is_some());
        for part in parts {
            match part.function_call {
                Some(call) => {
                    progress.call(choice, call, part.thought_signature, (&self.stem, &mut self.calls), out)?
                }
                None => progress.part(choice, part, out),
            }
        }
        if let Some(tokens) = candidate.logprobs_result.and_then(logprobs::read) {
            out.push(Event::Logprobs { choice, tokens });
        }
        let (grounding, citations) = (candidate.grounding_metadata, candidate.citation_metadata);
        let new = progress.seen.new_in(grounding, citations, &progress.text);
        out.extend(new.into_iter().map(|citation| Event::Cited { choice, citation: Box::new(citation) }));
        // `STOP` beside code that is yet to run: its result, and the answer, are still to come.
        let word = Text::said(candidate.finish_reason).filter(|word| !(runs_code && word == "STOP"));
        Ok(word.and_then(|word| progress.stop(choice, word, out)))
    }
}

impl Progress {
    /// A part that is no call.
    fn part(&mut self, choice: u32, part: Part<'_>, out: &mut Vec<Event>) {
        let mut seal = Text::said(part.thought_signature).map(|data| Seal::new(Sealer::Google, data));
        let before = out.len();
        match Text::said(part.text) {
            Some(text) if part.thought == Some(true) => {
                out.push(Event::Thinking { choice, text, seal: seal.take() });
            }
            Some(text) => {
                self.text.push_str(&text);
                out.push(Event::Text { choice, text });
            }
            None => out.extend(part.inline_data.and_then(|blob| blob.image(choice))),
        }
        // A seal beside anything but a call is over the thinking so far.
        out.extend(seal.map(|seal| Event::Thinking { choice, text: String::new(), seal: Some(seal) }));
        self.stopped &= out.len() == before;
    }

    fn call(
        &mut self,
        choice: u32,
        call: Call<'_>,
        seal: Option<Text<'_>>,
        (stem, calls): (&str, &mut u32),
        out: &mut Vec<Event>,
    ) -> Result<(), Garbage> {
        if let Some(name) = Text::said(call.name) {
            self.close(choice, out);
            if *calls == CALLS_MAX {
                return Err(Garbage(format!("more than {CALLS_MAX} tool calls in one answer")));
            }
            let id = Text::said(call.id).unwrap_or_else(|| format!("call_{stem}_{calls}"));
            let seal = Text::said(seal).map(|data| Seal::new(Sealer::Google, data));
            out.push(Event::ToolStart { choice, index: self.calls, id, name, seal });
            (self.calls, *calls, self.stopped) = (self.calls + 1, *calls + 1, false);
            if let Some(args) = call.args.filter(|args| args.get() != "null") {
                let json = args.get().to_owned();
                out.push(Event::ToolArguments { choice, index: self.calls - 1, json });
                return Ok(());
            }
            self.open = Some(Arguments::default());
        }
        if let Some(open) = &mut self.open {
            call.partial_args.into_iter().flatten().try_for_each(|piece| open.take(piece))?;
        }
        if call.will_continue != Some(true) {
            self.close(choice, out);
        }
        Ok(())
    }

    /// The arguments of the last call are complete; where none came, they are the empty object.
    fn close(&mut self, choice: u32, out: &mut Vec<Event>) {
        if let (Some(arguments), Some(index)) = (self.open.take(), self.calls.checked_sub(1)) {
            out.push(Event::ToolArguments { choice, index, json: arguments.json() });
        }
    }

    /// The choice said why it stopped; returns the word where that is no answer.
    fn stop(&mut self, choice: u32, word: String, out: &mut Vec<Event>) -> Option<String> {
        self.close(choice, out);
        match finish::read(&word, self.calls > 0) {
            Finish::Broken => return Some(word),
            Finish::Stop(_) if std::mem::replace(&mut self.stopped, true) => {}
            Finish::Stop(reason) => out.push(Event::Stop { choice, reason, sequence: None }),
        }
        None
    }
}

impl Blob<'_> {
    fn image(self, choice: u32) -> Option<Event> {
        let media_type = Text::said(self.mime_type).filter(|media_type| media_type.starts_with("image/"))?;
        Some(Event::Image { choice, media_type, data: Text::said(self.data)? })
    }
}

/// What the ids of an answer's calls begin with: they have to be unique over a whole conversation.
/// The vendor's id of the answer is that; without one, what it said, its token counts included, is
/// as good as unique.
fn stem(id: &str, data: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let plain: String = id.chars().filter(allowed).collect();
    if plain.is_empty() {
        // FNV-1a: telling apart is all that is wanted of it.
        let hash =
            data.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        return format!("{hash:016x}");
    }
    plain[plain.len().saturating_sub(STEM_MAX)..].to_owned()
}

fn failed(error: &RawValue) -> Event {
    let value = serde_json::from_str(error.get()).unwrap_or_default();
    let VendorError { kind, code, message, .. } = complaint::in_stream(&value);
    // Google names a status; what stands in for it may name a code only.
    let kind = code.filter(|_| kind.starts_with("http_")).unwrap_or(kind);
    Event::Failed { kind, message }
}

fn garbage(what: &str, error: &serde_json::Error) -> Garbage {
    let not = if error.is_data() { "not of Gemini's shape" } else { "not JSON" };
    Garbage(format!("{what} is {not} at line {}, column {}", error.line(), error.column()))
}
