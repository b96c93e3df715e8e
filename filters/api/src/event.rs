//! One decoded piece of an answer, in no vendor's words.

use crate::{Seal, Usage};

/// A piece of an answer, streamed or whole. A whole answer is the same sequence, all at once.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The answer begins. Empty strings where the vendor says nothing.
    Start {
        /// The vendor's id of the answer.
        id: String,
        /// The model that the vendor says answers.
        model: String,
    },
    /// Text for the reader.
    Text {
        /// Which of several choices (`n` > 1); 0 otherwise.
        choice: u32,
        /// The piece.
        text: String,
    },
    /// Reasoning that the vendor shows.
    Thinking {
        /// Which of several choices; 0 otherwise.
        choice: u32,
        /// The piece; empty when only a seal comes.
        text: String,
        /// The vendor's seal over the thinking so far, to be sent back on the next turn.
        seal: Option<Seal>,
    },
    /// Reasoning that the vendor hides, sealed for the next turn.
    RedactedThinking {
        /// The sealed data as it came.
        seal: Seal,
    },
    /// A refusal in the vendor's own member (OpenAI `refusal`).
    Refusal {
        /// Which of several choices; 0 otherwise.
        choice: u32,
        /// The piece.
        text: String,
    },
    /// A tool call begins.
    ToolStart {
        /// Which of several choices; 0 otherwise.
        choice: u32,
        /// The call's number within the answer, from 0.
        index: u32,
        /// The id that its result must name.
        id: String,
        /// The tool's name.
        name: String,
        /// The vendor's seal over the thinking that led to the call (Gemini), to be sent back with it.
        seal: Option<Seal>,
    },
    /// A piece of a tool call's arguments, as JSON text.
    ToolArguments {
        /// Which of several choices; 0 otherwise.
        choice: u32,
        /// The call's number within the answer.
        index: u32,
        /// The piece: the pieces of one call joined are one JSON value.
        json: String,
    },
    /// Where something in the text so far is from.
    Cited {
        /// Which of several choices; 0 otherwise.
        choice: u32,
        /// The source.
        citation: Box<Citation>,
    },
    /// How likely the tokens of the text so far were.
    Logprobs {
        /// Which of several choices; 0 otherwise.
        choice: u32,
        /// A JSON array in OpenAI's shape: `[{"token", "logprob", "bytes", "top_logprobs"}]`.
        tokens: Box<str>,
    },
    /// A picture that the model made.
    Image {
        /// Which of several choices; 0 otherwise.
        choice: u32,
        /// Such as `image/png`.
        media_type: String,
        /// The bytes in base64.
        data: String,
    },
    /// A choice is complete.
    Stop {
        /// Which of several choices; 0 otherwise.
        choice: u32,
        /// Why.
        reason: StopReason,
        /// The stop sequence that was met, where the vendor names it.
        sequence: Option<String>,
    },
    /// Tokens so far; a later one replaces an earlier one.
    Usage(Usage),
    /// The vendor reports a failure in place of, or in the middle of, an answer.
    Failed {
        /// The vendor's error type or code.
        kind: String,
        /// The vendor's words.
        message: String,
    },
    /// The vendor says that the answer is whole.
    End,
}

/// A source that an answer names. Members that the vendor leaves out are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Citation {
    /// Where it is, for a page of the web.
    pub url: Option<String>,
    /// What it is called.
    pub title: Option<String>,
    /// The words of the source.
    pub quote: Option<String>,
    /// Which of the request's documents, counted from 0.
    pub document: Option<u64>,
    /// Where in the answer's text the cited words begin and end, in characters.
    pub cited: Option<(u64, u64)>,
    /// Where in the source the quoted words begin and end, in the vendor's unit.
    pub source: Option<CitedSpan>,
}

/// A place within a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CitedSpan {
    /// Characters, counted from 0.
    Characters(u64, u64),
    /// Pages, counted from 1.
    Pages(u64, u64),
    /// Content blocks, counted from 0.
    Blocks(u64, u64),
}

/// Why a choice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The model was done.
    EndOfTurn,
    /// A stop sequence was met.
    StopSequence,
    /// The cap on output tokens was reached.
    MaxTokens,
    /// The model wants tools called.
    ToolUse,
    /// The vendor's content filter, or the model, refused.
    Refused,
    /// The vendor pauses a long turn and expects it back.
    Paused,
}
