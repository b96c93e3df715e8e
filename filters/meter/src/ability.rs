//! What models are for, and what they can do: closed lists, so that a route can be checked against them.

use schemars::JsonSchema;
use serde::Deserialize;

/// What a model is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Conversations.
    #[default]
    Chat,
    /// Vectors for texts.
    Embedding,
    /// Speech to text, or text to speech.
    Audio,
    /// Making images.
    Image,
    /// Ordering texts by how well they answer a question.
    Rerank,
    /// Finding what should not be said.
    Moderation,
}

/// What a model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Calls tools.
    Tools,
    /// Calls several tools at once.
    ParallelTools,
    /// Reads images.
    Images,
    /// Reads PDF files.
    Pdf,
    /// Watches video.
    Video,
    /// Listens to audio.
    AudioInput,
    /// Speaks.
    AudioOutput,
    /// Answers in a given JSON schema.
    JsonSchema,
    /// Thinks before it answers.
    Reasoning,
    /// Caches prompts.
    PromptCache,
    /// Searches the web by itself.
    WebSearch,
    /// Uses a computer: looks at its screen, moves its mouse.
    ComputerUse,
}

impl Mode {
    /// As the catalogue writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embedding => "embedding",
            Self::Audio => "audio",
            Self::Image => "image",
            Self::Rerank => "rerank",
            Self::Moderation => "moderation",
        }
    }
}

impl Capability {
    /// As the catalogue writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::ParallelTools => "parallel_tools",
            Self::Images => "images",
            Self::Pdf => "pdf",
            Self::Video => "video",
            Self::AudioInput => "audio_input",
            Self::AudioOutput => "audio_output",
            Self::JsonSchema => "json_schema",
            Self::Reasoning => "reasoning",
            Self::PromptCache => "prompt_cache",
            Self::WebSearch => "web_search",
            Self::ComputerUse => "computer_use",
        }
    }
}
