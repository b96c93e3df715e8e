//! What the client asks for: its own bytes, and the few facts in them that decide anything.
//!
//! It holds no parsed tree. Members that nobody here needs are never looked at, so they reach a
//! same-dialect upstream byte for byte.

use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::StartWithin;

/// The wire API a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// OpenAI Chat Completions, `POST /v1/chat/completions`.
    ChatCompletions,
    /// OpenAI Responses, `POST /v1/responses`.
    Responses,
    /// Anthropic Messages, `POST /v1/messages`.
    Messages,
    /// Gemini, `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`.
    GenerateContent,
    /// Google Interactions, `POST /v1beta/interactions`.
    Interactions,
    /// Amazon Bedrock Converse, `POST /bedrock/model/{model}/converse` and `/converse-stream`.
    Converse,
    /// OpenAI Embeddings, `POST /v1/embeddings`.
    Embeddings,
    /// Anything else that a vendor has, passed on as it is.
    Native,
}

impl Surface {
    /// Every surface, in declaration order.
    pub const ALL: [Self; 8] = [
        Self::ChatCompletions,
        Self::Responses,
        Self::Messages,
        Self::GenerateContent,
        Self::Interactions,
        Self::Converse,
        Self::Embeddings,
        Self::Native,
    ];

    /// The word used in configuration, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::GenerateContent => "generate_content",
            Self::Interactions => "interactions",
            Self::Converse => "converse",
            Self::Embeddings => "embeddings",
            Self::Native => "native",
        }
    }
}

/// How the pieces of a streamed answer are told apart on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Server-sent events.
    #[default]
    Sse,
    /// One JSON array, an element at a time: Gemini without `alt=sse`.
    JsonArray,
    /// Amazon's binary event stream.
    EventStream,
}

/// What the path and query of a request say of it, before its body is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The API it speaks.
    pub surface: Surface,
    /// The model, where the path names it.
    pub model: Option<Box<str>>,
    /// Whether the answer is to be streamed, where the path says.
    pub stream: Option<bool>,
    /// How a stream is to be framed.
    pub framing: Framing,
}

impl Address {
    /// Of a surface whose body says everything.
    #[must_use]
    pub fn of(surface: Surface) -> Self {
        Self { surface, model: None, stream: None, framing: Framing::Sse }
    }
}

/// A byte range of the body.
pub type Span = Range<usize>;

/// Where the members that may be touched stand in the body. Each span covers the value alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// Just past the opening brace: where a new member goes.
    pub open: usize,
    /// Whether the object has any member (so that a new one needs a comma after it).
    pub has_members: bool,
    /// The value of `model`, quotes included, where the body names it.
    pub model: Option<Span>,
    /// The value of the conversation: `messages`, `input` or `contents`.
    pub messages: Span,
    /// The value of `tools`, where given.
    pub tools: Option<Span>,
    /// The value of `stream_options`, where given.
    pub stream_options: Option<Span>,
    /// The members of the body that are ours alone and no upstream must see.
    pub ours: SmallVec<[Ours; 2]>,
    /// Whether the body has `service_tier`, were it `null`.
    pub has_tier: bool,
}

/// A member of the body that is ours alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    /// Its name.
    pub name: &'static str,
    /// What goes with it, its comma included, where all of them go.
    pub cut: Span,
}

/// Which members of the body cap the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// `max_tokens`, the older one, which everybody understands.
    pub max_tokens: bool,
    /// `max_completion_tokens`, which OpenAI's later models insist on.
    pub max_completion_tokens: bool,
}

/// One request as it was read.
#[derive(Clone, Debug)]
pub struct Call {
    /// The client's own bytes: a JSON object, valid UTF-8.
    pub body: Bytes,
    /// The API it speaks.
    pub surface: Surface,
    /// The model asked for, unescaped.
    pub model: Box<str>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// How a stream is to be framed.
    pub framing: Framing,
    /// Whether the client itself asked for usage in the stream, or its surface always has it.
    pub wants_usage: bool,
    /// The client's cap on output tokens.
    pub max_output: Option<u64>,
    /// The members in which it stands.
    pub caps: Caps,
    /// How many answers are asked for.
    pub choices: u32,
    /// A member whose price no cap bounds, where there is one: a hosted search, say.
    pub unbounded: Option<&'static str>,
    /// Whom the client says that it asks for: OpenAI's `safety_identifier`, or `user` before it.
    pub end_user: Option<Box<str>>,
    /// Whether it brings tools.
    pub tools: bool,
    /// Whether what an upstream cannot express may be left out, rather than refused.
    pub drop_unsupported: bool,
    /// How soon the answer must start, where the client says.
    pub start_within: Option<StartWithin>,
    /// The member by which the client itself asks the vendor for a service tier, where it does.
    pub asks_tier: Option<&'static str>,
    /// Where the members that may be touched stand.
    pub spans: Spans,
}

/// A change of one top-level member of the body, to be spliced in before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The member's name.
    pub member: Box<str>,
    /// Its new value as JSON text; `None` removes it.
    pub value: Option<Box<str>>,
}

/// The changes filters asked for, in order; a later one wins.
pub type Edits = SmallVec<[Edit; 2]>;

impl Call {
    /// The JSON text of the conversation.
    #[must_use]
    pub fn messages(&self) -> &[u8] {
        &self.body[self.spans.messages.clone()]
    }

    /// The edits that take out what is ours alone.
    #[must_use]
    pub fn without_ours(&self) -> Edits {
        self.spans.ours.iter().map(|ours| Edit { member: ours.name.into(), value: None }).collect()
    }
}
