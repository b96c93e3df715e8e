//! What one event of an OpenAI stream means to those who only pass it on.
//!
//! It parses an event only where something may depend on it; most are looked through and left.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::{Framing, Usage};

use crate::dialect::{Dialect, Failure, Garbage};
use crate::relay::{Phase, Price};
use crate::scan::Needles;
use crate::sse::Fields;
use crate::witness::with_cost;

/// What becomes of an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes on as it came.
    Keep,
    /// The client does not get it.
    Drop,
    /// It goes on with other data.
    Data(Vec<u8>),
    /// Another event goes in its place.
    Event(bytes::Bytes),
}

/// What has come of the answer so far.
#[derive(Debug)]
pub(crate) struct Judge {
    wants_usage: bool,
    needles: Needles,
    pub(crate) phase: Phase,
    pub(crate) usage: Option<Usage>,
    pub(crate) output_chars: u64,
    /// Whether a choice said why it stopped, and none said anything since.
    pub(crate) stopped: bool,
}

/// The members of a chunk that matter here.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
}

/// Every member in which vendors send something to read, or to call.
#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_details: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
}

impl Judge {
    pub(crate) fn new(wants_usage: bool) -> Self {
        Self {
            wants_usage,
            needles: Needles::new(),
            phase: Phase::Waiting,
            usage: None,
            output_chars: 0,
            stopped: false,
        }
    }

    /// Whether nothing more is to come.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended | Phase::Failed { .. })
    }

    /// Takes the next event.
    pub(crate) fn event(&mut self, fields: &Fields<'_>, price: Price<'_>) -> Result<Fate, Garbage> {
        if self.is_over() {
            return Ok(Fate::Drop);
        }
        let data = fields.data.as_deref().unwrap_or_default().trim_ascii();
        match data {
            b"" => return Ok(Fate::Keep),
            b"[DONE]" if self.phase == Phase::Waiting => {
                return Err(Garbage("the stream ended before any content".into()));
            }
            b"[DONE]" => {
                self.phase = Phase::Ended;
                return Ok(Fate::Keep);
            }
            _ => {}
        }
        let chars = self.needles.output_chars(data);
        self.output_chars += chars;
        self.stopped = self.needles.finishes(data) || (self.stopped && chars == 0);
        if fields.name == Some(b"error") || data.starts_with(b"[") {
            return Ok(self.fail(data));
        }
        if self.phase == Phase::Content && !self.needles.worth_parsing(data) {
            return Ok(Fate::Keep);
        }
        self.chunk(data, price)
    }

    fn chunk(&mut self, data: &[u8], price: Price<'_>) -> Result<Fate, Garbage> {
        let chunk: Chunk<'_> = serde_json::from_slice(data)
            .map_err(|_| Garbage("an event of the stream is not a chat completion chunk".into()))?;
        if chunk.is_error() {
            return Ok(self.fail(data));
        }
        if self.phase == Phase::Waiting && chunk.has_content() {
            self.phase = Phase::Content;
        }
        let Some(reported) = chunk.usage else { return Ok(Fate::Keep) };
        let Some(usage) = Dialect::OpenAi.usage(data) else { return Ok(Fate::Keep) };
        self.usage = Some(usage);
        if !self.wants_usage {
            let for_us_alone = chunk.choices.is_none_or(|choices| choices.is_empty());
            return Ok(if for_us_alone { Fate::Drop } else { Fate::Keep });
        }
        let Some(cost) = price(&usage) else { return Ok(Fate::Keep) };
        let data = std::str::from_utf8(data).unwrap_or_default();
        Ok(with_cost(data, reported.get(), cost).map_or(Fate::Keep, Fate::Data))
    }

    /// The vendor gave up. Its own event goes on where clients know it for an error.
    fn fail(&mut self, data: &[u8]) -> Fate {
        let error = Dialect::OpenAi.error(200, data);
        let known =
            serde_json::from_slice::<Chunk<'_>>(data).is_ok_and(|chunk| chunk.error.is_some_and(says_something));
        let fate = if known {
            Fate::Keep
        } else {
            let code = error.code.as_deref().unwrap_or(&error.kind);
            let failure = Failure { code, message: &error.message, kind: &error.kind };
            Fate::Event(Dialect::OpenAi.failure(&failure, Framing::Sse).into())
        };
        self.phase = Phase::Failed { kind: error.kind, message: error.message };
        fate
    }
}

impl Chunk<'_> {
    fn is_error(&self) -> bool {
        let says_error = |member: Option<&RawValue>| member.is_some_and(|json| json.get() == "\"error\"");
        self.error.is_some_and(says_something) || says_error(self.object) || says_error(self.kind)
    }

    /// Whether a reader would see something, or the answer is complete without.
    fn has_content(&self) -> bool {
        let choices = self.choices.as_deref().unwrap_or_default();
        choices
            .iter()
            .any(|choice| choice.finish_reason.is_some() || choice.delta.as_ref().is_some_and(Delta::says_something))
    }
}

impl Delta<'_> {
    fn says_something(&self) -> bool {
        let Self { content, tool_calls, function_call, reasoning_content, .. } = self;
        let Self { reasoning, reasoning_details, refusal, audio, .. } = self;
        let spoken = [content, reasoning_content, reasoning, reasoning_details, refusal, audio];
        spoken.into_iter().chain([tool_calls, function_call]).flatten().any(|json| says_something(json))
    }
}

/// Whether a value is more than a way to say nothing.
fn says_something(json: &RawValue) -> bool {
    !matches!(json.get(), "\"\"" | "[]" | "{}" | "null" | "false")
}
