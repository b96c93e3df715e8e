//! One decoded piece of an answer, in no vendor's words.

use crate::Usage;

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
        /// The piece; empty when only a signature comes.
        text: String,
        /// The vendor's seal over the thinking so far, to be sent back on the next turn.
        signature: Option<String>,
    },
    /// Reasoning that the vendor hides, sealed for the next turn.
    RedactedThinking {
        /// The sealed data as it came.
        data: String,
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
