//! What a request is about: the outcome of classification.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind of work a prompt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Multi-step thinking: mathematics, logic, planning.
    Reasoning,
    /// Writing, reading or mending programs.
    Code,
    /// Stories, poems, names, slogans.
    Creative,
    /// The same text said differently.
    Rewrite,
    /// Conversation and plain questions.
    Chat,
    /// Structured facts out of given text.
    Extraction,
    /// A shorter text out of a longer one.
    Summarize,
    /// The same text in another language.
    Translation,
}

impl Task {
    /// Every task, in declaration order.
    pub const ALL: [Self; 8] = [
        Self::Reasoning,
        Self::Code,
        Self::Creative,
        Self::Rewrite,
        Self::Chat,
        Self::Extraction,
        Self::Summarize,
        Self::Translation,
    ];

    /// The word used in configuration, headers, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reasoning => "reasoning",
            Self::Code => "code",
            Self::Creative => "creative",
            Self::Rewrite => "rewrite",
            Self::Chat => "chat",
            Self::Extraction => "extraction",
            Self::Summarize => "summarize",
            Self::Translation => "translation",
        }
    }
}

/// How hard the work looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    /// A small or local model will do.
    Simple,
    /// Wants a strong model.
    Complex,
}

impl Complexity {
    /// The word used in configuration, headers, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Complex => "complex",
        }
    }
}

/// What classification said, and what made it say so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// The kind of work; `None` when the classifier is unsure and says so.
    pub task: Option<Task>,
    /// How hard it looks.
    pub complexity: Complexity,
    /// The name of the rule (or model) that decided.
    pub rule: Cow<'static, str>,
}
