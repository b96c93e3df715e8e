//! The neutral request: what a model is asked, in no vendor's words.
//!
//! Every dialect is read into it and written from it, so that a new one costs one reader and one
//! writer. It carries what vendors share, and keeps the members that nobody here knows. The
//! neutral answer is [`tollgate_api::Event`].

use std::borrow::Cow;
use std::fmt;

use tollgate_api::Seal;

pub use crate::json::{Json, Members};
use crate::openai::Accent;

/// A request.
#[derive(Clone, Default, PartialEq)]
pub struct Request {
    /// The vendor's name of the model.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// The system prompt: text parts only.
    pub system: Vec<Part>,
    /// The conversation. Turns alternate: neighbours of one role are one turn.
    pub turns: Vec<Turn>,
    /// The tools that may be called.
    pub tools: Vec<Tool>,
    /// Which of them the model must or may call.
    pub choice: Option<ToolChoice>,
    /// Whether several may be called at once.
    pub parallel: Option<bool>,
    /// How to sample.
    pub sampling: Sampling,
    /// The shape that the answer must have.
    pub format: Option<Format>,
    /// How hard to think.
    pub reasoning: Option<Reasoning>,
    /// How much to say (`low`, `medium`, `high`).
    pub verbosity: Option<String>,
    /// How fast, and for how much.
    pub tier: Option<TierAsked>,
    /// Whom the client acts for.
    pub user: Option<String>,
    /// How the upstream speaks its dialect; only OpenAI's is spoken in more ways than one.
    pub accent: Accent,
    /// Top-level members that were not understood, as they came.
    pub unknown: Members,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The client's side, tools included.
    User,
    /// The model.
    Assistant,
    /// Whoever instructs the model, once the conversation has begun.
    System,
}

/// What one side says before the other speaks.
#[derive(Clone, PartialEq)]
pub struct Turn {
    /// Who.
    pub role: Role,
    /// What, in order.
    pub parts: Vec<Part>,
}

/// One part of a turn.
#[derive(Clone, PartialEq)]
pub struct Part {
    /// What it is.
    pub content: Content,
    /// Anthropic's `cache_control`, which clients of every surface attach.
    pub cache: Option<Json>,
}

/// What a part can be.
#[derive(Clone, PartialEq)]
pub enum Content {
    /// Text.
    Text(String),
    /// A picture.
    Image(Source),
    /// Something to listen to.
    Audio(Source),
    /// A file, such as a PDF or a film: what its media type says.
    Document {
        /// Its bytes or where they are.
        source: Source,
        /// Its file name.
        name: Option<String>,
    },
    /// The model calls a tool.
    ToolCall {
        /// What its result must name.
        id: String,
        /// The tool.
        name: String,
        /// JSON text; empty for a call without arguments.
        arguments: String,
        /// The vendor's seal over the thinking that led to it.
        seal: Option<Seal>,
    },
    /// What a tool answered.
    ToolResult {
        /// The call's id.
        id: String,
        /// The answer: text, images, documents.
        parts: Vec<Part>,
        /// Whether the tool failed.
        failed: bool,
    },
    /// The model's own reasoning, given back.
    Thinking {
        /// The text.
        text: String,
        /// The vendor's seal over it.
        seal: Option<Seal>,
    },
    /// Sealed reasoning, given back.
    RedactedThinking(Seal),
}

/// Where the bytes of an image or a file are.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// The vendor fetches them.
    Url(String),
    /// In the request.
    Base64 {
        /// Such as `image/png`.
        media_type: String,
        /// The bytes in base64.
        data: String,
    },
}

/// A tool.
#[derive(Clone, PartialEq)]
pub enum Tool {
    /// One that the client runs.
    Function {
        /// Its name.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// The JSON Schema of its arguments; `None` where it takes none.
        schema: Option<Json>,
        /// Whether the arguments must match the schema exactly.
        strict: Option<bool>,
        /// `cache_control`.
        cache: Option<Json>,
    },
    /// One that the client runs and whose argument is plain text (OpenAI's `custom`). The
    /// arguments of its calls are `{"input": text}`.
    Freeform {
        /// Its name.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// The grammar that its text must follow, in OpenAI's words.
        format: Option<Json>,
    },
    /// One that the vendor runs, in that vendor's words.
    Hosted(Json),
}

/// Which tools the model may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// None of them.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

/// How to sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// The cap on output tokens.
    pub max_output: Option<u64>,
    /// Randomness; a number as the client spelled it.
    pub temperature: Option<serde_json::Number>,
    /// Nucleus sampling.
    pub top_p: Option<serde_json::Number>,
    /// Sequences that end the answer.
    pub stop: Vec<String>,
    /// Of how many of the likeliest tokens one is drawn.
    pub top_k: Option<serde_json::Number>,
    /// How much a token's frequency so far speaks against it.
    pub frequency_penalty: Option<serde_json::Number>,
    /// How much its presence so far does.
    pub presence_penalty: Option<serde_json::Number>,
    /// For repeatable answers.
    pub seed: Option<i64>,
    /// How many answers.
    pub choices: Option<u64>,
    /// Whether to say how likely each token was, and so of how many others beside it.
    pub logprobs: Option<u64>,
}

/// How fast, and for how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TierAsked {
    /// As the vendor, or the client's contract with it, decides.
    Auto,
    /// The ordinary one.
    Default,
    /// Cheaper, when there is room.
    Flex,
    /// Dearer, and sooner.
    Priority,
    /// A word of one vendor.
    Other(String),
}

/// The shape that an answer must have.
#[derive(Clone, PartialEq)]
pub enum Format {
    /// Any JSON object.
    JsonObject,
    /// JSON that matches a schema.
    Schema {
        /// A name for it, where the vendor wants one.
        name: Option<String>,
        /// The JSON Schema.
        schema: Json,
        /// Whether it must match exactly.
        strict: Option<bool>,
    },
}

/// How hard to think.
#[derive(Clone, Debug, PartialEq)]
pub enum Reasoning {
    /// In words.
    Effort(Effort),
    /// In tokens.
    Budget(u64),
    /// In Anthropic's `thinking` member, as given.
    Thinking(Json),
}

/// Levels of effort, as vendors spell them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Do not think.
    None,
    /// As little as possible.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// More.
    XHigh,
    /// All that there is.
    Max,
}

impl From<Content> for Part {
    fn from(content: Content) -> Self {
        Self { content, cache: None }
    }
}

impl Request {
    /// Adds what `role` says, to its last turn if it has not been answered yet.
    pub fn say(&mut self, role: Role, parts: Vec<Part>) {
        match self.turns.last_mut() {
            _ if parts.is_empty() => {}
            Some(turn) if turn.role == role => turn.parts.extend(parts),
            _ => self.turns.push(Turn { role, parts }),
        }
    }

    /// Adds what the model is told: to its prompt, or where it stands once the conversation has begun. Between a
    /// call and its result no vendor takes a word.
    pub fn instruct(&mut self, parts: Vec<Part>) {
        let calls = |turn: &Turn| turn.parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. }));
        match self.turns.last() {
            Some(turn) if turn.role != Role::Assistant || !calls(turn) => self.say(Role::System, parts),
            _ => self.system.extend(parts),
        }
    }

    /// With all that the model is told in its prompt: for those that have one place for it.
    #[must_use]
    pub fn with_one_prompt(&self) -> Cow<'_, Self> {
        self.instructed(|_, _| false)
    }

    /// With what the model is told later in its prompt, where it may not stay between these two.
    pub(crate) fn instructed(&self, stays: impl Fn(Option<Role>, Option<Role>) -> bool) -> Cow<'_, Self> {
        let role = |at: usize| self.turns.get(at).map(|turn| turn.role);
        let moves = |at: usize| role(at) == Some(Role::System) && !stays(role(at.wrapping_sub(1)), role(at + 1));
        if !(0..self.turns.len()).any(moves) {
            return Cow::Borrowed(self);
        }
        let mut request = Self { turns: Vec::with_capacity(self.turns.len()), ..self.clone() };
        for (at, Turn { role, parts }) in self.turns.iter().cloned().enumerate() {
            if moves(at) { request.system.extend(parts) } else { request.say(role, parts) }
        }
        Cow::Owned(request)
    }

    /// Takes every seal out of it: its vendor cannot read them.
    pub fn unseal(&mut self) {
        for Turn { role, mut parts } in std::mem::take(&mut self.turns) {
            parts.retain(|part| !matches!(part.content, Content::RedactedThinking(_)));
            for part in &mut parts {
                if let Content::Thinking { seal, .. } | Content::ToolCall { seal, .. } = &mut part.content {
                    *seal = None;
                }
            }
            self.say(role, parts);
        }
    }
}

impl Source {
    /// A URL, or what a `data:` URL holds.
    #[must_use]
    pub fn from_url(url: String) -> Self {
        let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(','));
        match data.and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data))) {
            Some((head, data)) => {
                let media_type = head.split(';').next().unwrap_or_default();
                Self::Base64 { media_type: media_type.into(), data: data.into() }
            }
            None => Self::Url(url),
        }
    }

    /// The URL, a `data:` URL where the bytes are in the request.
    #[must_use]
    pub fn to_url(&self) -> String {
        match self {
            Self::Url(url) => url.clone(),
            Self::Base64 { media_type, data } => format!("data:{media_type};base64,{data}"),
        }
    }
}

/// Counts alone: a request is a prompt.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (turns, tools) = (self.turns.len(), self.tools.len());
        write!(f, "Request {{ turns: {turns}, tools: {tools} }}")
    }
}
