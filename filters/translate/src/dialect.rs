//! A vendor's wire format, as small machines: payloads in, neutral events out, and back.
//!
//! It knows nothing of sockets or of SSE framing on the way in: a decoder takes one payload at a
//! time. Each dialect is a module of its own; this file only chooses between them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_api::{Call, Cost, Edit, Event, Refusal, Surface, Usage};

use crate::neutral::Request;
use crate::{anthropic, openai};

/// The wire format that an upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI Chat Completions, which most vendors and local servers also speak.
    #[serde(rename = "openai")]
    OpenAi,
    /// Anthropic Messages.
    Anthropic,
}

/// Reads a streamed answer.
pub trait Decode: Send {
    /// Takes one event of the stream, its SSE name and its data, and pushes what it means.
    ///
    /// # Errors
    /// The payload is not of this dialect.
    fn event(&mut self, name: Option<&str>, data: &str, out: &mut Vec<Event>) -> Result<(), Garbage>;
}

/// Writes a streamed answer.
pub trait Encode: Send {
    /// Appends complete SSE events to `out`. `cost` is only looked at beside [`Event::Usage`].
    fn event(&mut self, event: &Event, cost: Option<Cost>, out: &mut Vec<u8>);
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
}

impl Dialect {
    /// The word used in configuration, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }

    /// A fresh reader of one streamed answer.
    #[must_use]
    pub fn decoder(self) -> Box<dyn Decode> {
        match self {
            Self::OpenAi => Box::new(openai::Chunks::default()),
            Self::Anthropic => Box::new(anthropic::Stream::default()),
        }
    }

    /// Reads a whole answer as the same sequence of events that a stream would have been.
    ///
    /// # Errors
    /// The body is not an answer of this dialect.
    pub fn whole(self, body: &[u8], out: &mut Vec<Event>) -> Result<(), Garbage> {
        match self {
            Self::OpenAi => openai::whole(body, out),
            Self::Anthropic => anthropic::whole(body, out),
        }
    }

    /// The usage that a whole answer reports. Looks at that member alone.
    #[must_use]
    pub fn usage(self, body: &[u8]) -> Option<Usage> {
        match self {
            Self::OpenAi => openai::usage_of(body),
            Self::Anthropic => anthropic::usage_of(body),
        }
    }

    /// What an error body says. Accepts anything, HTML and nothing included.
    #[must_use]
    pub fn error(self, status: u16, body: &[u8]) -> VendorError {
        crate::complaint::read(status, body)
    }

    /// The call, with its edits, as a request of this dialect for `upstream_model`.
    ///
    /// # Errors
    /// The call is malformed, or asks for what this dialect cannot say.
    pub fn request(self, call: &Call, edits: &[Edit], upstream_model: &str) -> Result<Vec<u8>, Refusal> {
        let mut request = match call.surface {
            Surface::ChatCompletions => openai::read_request(&call.body, edits)?,
        };
        request.model = upstream_model.into();
        self.write(&request)
    }

    /// Reads a request of this dialect.
    ///
    /// # Errors
    /// The body is not one.
    pub fn read(self, body: &[u8]) -> Result<Request, Refusal> {
        match self {
            Self::OpenAi => openai::read_request(body, &[]),
            Self::Anthropic => anthropic::read_request(body),
        }
    }

    /// Writes a request in this dialect.
    ///
    /// # Errors
    /// The request asks for what this dialect cannot say.
    pub fn write(self, request: &Request) -> Result<Vec<u8>, Refusal> {
        match self {
            Self::OpenAi => openai::write_request(request),
            Self::Anthropic => anthropic::write_request(request),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A fresh writer of one streamed answer on this surface.
#[must_use]
pub fn encoder(surface: Surface, head: AnswerHead, wants_usage: bool) -> Box<dyn Encode> {
    match surface {
        Surface::ChatCompletions => Box::new(openai::ChunkWriter::new(&head, wants_usage)),
    }
}

/// A whole answer in the JSON of this surface.
#[must_use]
pub fn assemble(surface: Surface, head: AnswerHead, events: &[Event], cost: Option<Cost>) -> Vec<u8> {
    match surface {
        Surface::ChatCompletions => openai::assemble(&head, events, cost),
    }
}
