//! A vendor's wire format, as small machines: payloads in, neutral events out, and back.
//!
//! It knows nothing of sockets or of framing on the way in: a decoder takes one payload at a time.
//! Each dialect is a module of its own that ends in one [`Tongue`]; this file only chooses between
//! them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_api::{Call, Cost, Edit, Event, Framing, Refusal, Surface, Usage};

use crate::losses::Losses;
use crate::neutral::{Request, TierAsked};
use crate::openai::Accent;
use crate::unseal::Seals;
use crate::{anthropic, converse, freeform, gemini, interactions, openai, responses};

/// The wire format that an upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI Chat Completions, which most vendors and local servers also speak.
    #[serde(rename = "openai")]
    OpenAi,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Anthropic,
    /// Gemini's `generateContent`.
    Gemini,
    /// Google Interactions.
    Interactions,
    /// Amazon Bedrock's Converse.
    Converse,
}

/// Reads a request, with the edits that filters asked for.
type Read = fn(&[u8], &[Edit], &mut Losses) -> Result<Request, Refusal>;

/// All that one dialect's module knows how to do.
pub(crate) struct Tongue {
    /// The word in configuration, logs and metrics.
    pub(crate) name: &'static str,
    /// How an upstream frames its streams.
    pub(crate) framing: Framing,
    /// Reads a request, with the edits that filters asked for. Where the path says the model, and
    /// whether to stream, the caller fills them in.
    pub(crate) read: Read,
    /// Writes a request.
    pub(crate) write: fn(&Request, &mut Losses) -> Result<Vec<u8>, Refusal>,
    /// A fresh reader of one streamed answer.
    pub(crate) decoder: fn() -> Box<dyn Decode>,
    /// Reads a whole answer as the events that a stream would have been.
    pub(crate) whole: fn(&[u8], &mut Vec<Event>) -> Result<(), Garbage>,
    /// The usage in a whole answer, looking at as little else as may be.
    pub(crate) usage: fn(&[u8]) -> Option<Usage>,
    /// A fresh writer of one streamed answer to this call.
    pub(crate) encoder: fn(&AnswerHead, &Call) -> Box<dyn Encode>,
    /// A whole answer to this call.
    pub(crate) assemble: fn(&AnswerHead, &Call, &[Event], Option<Cost>) -> Vec<u8>,
    /// The last event of a stream that cannot be finished.
    pub(crate) failure: fn(&Failure<'_>, Framing) -> Vec<u8>,
    /// In the data of a streamed event: the JSON text of the object in which the client is shown the
    /// final usage, to which the cost is added. `None` in every other event, and where there is no
    /// such place.
    pub(crate) shown_usage: fn(&str) -> Option<&str>,
}

/// Reads a streamed answer.
pub trait Decode: Send {
    /// Takes one event of the stream, its name and its data, and pushes what it means.
    ///
    /// # Errors
    /// The payload is not of this dialect.
    fn event(&mut self, name: Option<&str>, data: &str, out: &mut Vec<Event>) -> Result<(), Garbage>;
}

/// Writes a streamed answer.
pub trait Encode: Send {
    /// Appends complete events, framed as the call wants them, to `out`. `cost` is only looked at
    /// beside [`Event::Usage`]. [`Event::Failed`] comes as a [`Failure`].
    fn event(&mut self, event: &Event, cost: Option<Cost>, out: &mut Vec<u8>);

    /// Appends the last event of an answer that cannot be finished; nothing follows it.
    fn fail(&mut self, failure: &Failure<'_>, out: &mut Vec<u8>);
}

/// Why a stream ends before its end.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// A stable code, ours or the vendor's.
    pub code: &'a str,
    /// What happened.
    pub message: &'a str,
    /// The coarse kind, in OpenAI's and Anthropic's words: `api_error`, `overloaded_error`.
    pub kind: &'a str,
}

/// The upstream's answer is not of its dialect. Says what was wrong, and quotes nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Garbage(
    /// What was wrong.
    pub String,
);

/// What our own answer says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerHead {
    /// Our id of the answer.
    pub id: String,
    /// The model to name: the one that the client asked for, or the one that answered.
    pub model: String,
    /// Unix seconds.
    pub created: u64,
}

/// What a vendor's error body says: capped, and without the keys that vendors like to echo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorError {
    /// The vendor's error type, or `http_<status>` where it names none.
    pub kind: String,
    /// The vendor's code, where it has one.
    pub code: Option<String>,
    /// The vendor's words.
    pub message: String,
    /// When it says to come back, where it says so in the body.
    pub retry_after: Option<Duration>,
}

/// What is called: its model, and how it speaks its dialect.
#[derive(Clone, Copy, Debug)]
pub struct Upstream<'a> {
    /// The vendor's name of the model.
    pub model: &'a str,
    /// How a vendor speaks OpenAI's dialect; of no meaning to the others.
    pub accent: Accent,
    /// The tier to ask for, in place of what the client asked.
    pub tier: Option<&'a TierAsked>,
    /// Which seals of earlier turns it is shown.
    pub seals: Seals,
}

/// A request in an upstream's words.
#[derive(Debug)]
pub struct Said {
    /// The body.
    pub body: Vec<u8>,
    /// Members that could not be expressed, and that the client allowed to be dropped.
    pub dropped: Vec<String>,
}

impl Dialect {
    /// Every dialect, in declaration order.
    pub const ALL: [Self; 6] =
        [Self::OpenAi, Self::Responses, Self::Anthropic, Self::Gemini, Self::Interactions, Self::Converse];

    /// The dialect that clients of a surface speak; `None` where there is no
    /// conversation.
    #[must_use]
    pub fn of(surface: Surface) -> Option<Self> {
        Some(match surface {
            Surface::ChatCompletions => Self::OpenAi,
            Surface::Responses => Self::Responses,
            Surface::Messages => Self::Anthropic,
            Surface::GenerateContent => Self::Gemini,
            Surface::Interactions => Self::Interactions,
            Surface::Converse => Self::Converse,
            Surface::Embeddings | Surface::Native => return None,
        })
    }

    pub(crate) fn tongue(self) -> &'static Tongue {
        match self {
            Self::OpenAi => &openai::TONGUE,
            Self::Responses => &responses::TONGUE,
            Self::Anthropic => &anthropic::TONGUE,
            Self::Gemini => &gemini::TONGUE,
            Self::Interactions => &interactions::TONGUE,
            Self::Converse => &converse::TONGUE,
        }
    }

    /// The word used in configuration, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.tongue().name
    }

    /// How an upstream frames its streams.
    #[must_use]
    pub fn framing(self) -> Framing {
        self.tongue().framing
    }

    /// A fresh reader of one streamed answer.
    #[must_use]
    pub fn decoder(self) -> Box<dyn Decode> {
        (self.tongue().decoder)()
    }

    /// Reads a whole answer as the same sequence of events that a stream would have been.
    ///
    /// # Errors
    /// The body is not an answer of this dialect.
    pub fn whole(self, body: &[u8], out: &mut Vec<Event>) -> Result<(), Garbage> {
        (self.tongue().whole)(body, out)
    }

    /// The usage that a whole answer reports. Looks at that member alone.
    #[must_use]
    pub fn usage(self, body: &[u8]) -> Option<Usage> {
        (self.tongue().usage)(body)
    }

    /// What an error body says. Accepts anything, HTML and nothing included.
    #[must_use]
    pub fn error(self, status: u16, body: &[u8]) -> VendorError {
        crate::complaint::read(status, body)
    }

    /// The call, with its edits, as a request of this dialect for `upstream_model`.
    ///
    /// # Errors
    /// The call is malformed, or asks for what this dialect cannot say and the client does not let
    /// go.
    pub fn request(self, call: &Call, edits: &[Edit], upstream_model: &str) -> Result<Said, Refusal> {
        let accent = Accent::default();
        let upstream = Upstream { model: upstream_model, accent, tier: None, seals: Seals::Unmarked };
        self.request_to(call, edits, &upstream)
    }

    /// The call, with its edits, as a request of this dialect in the accent of this upstream.
    ///
    /// # Errors
    /// As for [`Dialect::request`].
    pub fn request_to(self, call: &Call, edits: &[Edit], upstream: &Upstream<'_>) -> Result<Said, Refusal> {
        let mut losses = Losses::new(call.drop_unsupported);
        let spoken = Self::of(call.surface).unwrap_or(self);
        let mut request = spoken.read(&call.body, edits, &mut losses)?;
        request.model = upstream.model.into();
        request.stream = call.stream;
        request.accent = upstream.accent;
        if let Some(tier) = upstream.tier {
            request.tier = Some(tier.clone());
        }
        if upstream.seals == Seals::None {
            request.unseal();
        }
        self.cross(spoken, &mut request, &mut losses)?;
        let body = self.write(&request, &mut losses)?;
        Ok(Said { body, dropped: losses.dropped() })
    }

    /// What a request of the dialect `from` leaves behind on its way to this one.
    fn cross(self, from: Self, request: &mut Request, losses: &mut Losses) -> Result<(), Refusal> {
        if self == from {
            return Ok(());
        }
        match from {
            Self::Responses => responses::leave(request, losses)?,
            Self::Interactions => interactions::leave(request, losses)?,
            Self::OpenAi | Self::Anthropic | Self::Gemini | Self::Converse => {}
        }
        // Chat Completions has such tools at some vendors, and sees to it by itself.
        if !matches!(self, Self::Responses | Self::OpenAi) {
            freeform::as_functions(request);
        }
        Ok(())
    }

    /// Reads a request of this dialect, with the edits that filters asked for.
    ///
    /// # Errors
    /// The body is not one.
    pub fn read(self, body: &[u8], edits: &[Edit], losses: &mut Losses) -> Result<Request, Refusal> {
        (self.tongue().read)(body, edits, losses)
    }

    /// Writes a request in this dialect.
    ///
    /// # Errors
    /// The request asks for what this dialect cannot say.
    pub fn write(self, request: &Request, losses: &mut Losses) -> Result<Vec<u8>, Refusal> {
        let request = match self {
            Self::Responses => Cow::Borrowed(request),
            Self::OpenAi if request.accent.instructs_anywhere() => Cow::Borrowed(request),
            Self::Anthropic => anthropic::instructed(request),
            Self::OpenAi | Self::Gemini | Self::Interactions | Self::Converse => request.with_one_prompt(),
        };
        (self.tongue().write)(&request, losses)
    }

    /// A fresh writer of one streamed answer to this call.
    #[must_use]
    pub fn encoder(self, head: &AnswerHead, call: &Call) -> Box<dyn Encode> {
        (self.tongue().encoder)(head, call)
    }

    /// A whole answer to this call.
    #[must_use]
    pub fn assemble(self, head: &AnswerHead, call: &Call, events: &[Event], cost: Option<Cost>) -> Vec<u8> {
        (self.tongue().assemble)(head, call, events, cost)
    }

    /// The last event of a stream that cannot be finished. No end mark follows it.
    #[must_use]
    pub fn failure(self, failure: &Failure<'_>, framing: Framing) -> Vec<u8> {
        (self.tongue().failure)(failure, framing)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
