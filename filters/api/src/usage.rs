//! Tokens counted, and by whom.

use serde::Serialize;

use crate::Tier;

/// Tokens of one exchange. The input counts `input`, `cached` and the cache writes do not overlap;
/// `reasoning` and the audio counts are parts of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Input tokens billed at the full price.
    pub input: u64,
    /// Input tokens read from the vendor's prompt cache.
    pub cached: u64,
    /// Input tokens written to the vendor's prompt cache (five minutes, or the only kind there is).
    pub cache_write: u64,
    /// Input tokens written to the vendor's prompt cache for an hour.
    pub cache_write_1h: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// The part of `output` spent on reasoning.
    pub reasoning: u64,
    /// The part of `input` that was listened to.
    pub audio_input: u64,
    /// The part of `output` that was spoken.
    pub audio_output: u64,
    /// The tier at which the vendor says it served them.
    pub tier: Tier,
    /// Who counted.
    pub source: UsageSource,
}

/// Where the figures come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// The upstream reported them.
    Reported,
    /// Counted here with a tokenizer, because the upstream reported none.
    #[default]
    Estimated,
}

impl Usage {
    /// All input tokens: what OpenAI calls `prompt_tokens`.
    #[must_use]
    pub fn prompt(&self) -> u64 {
        [self.cached, self.cache_write, self.cache_write_1h]
            .iter()
            .fold(self.input, |sum, part| sum.saturating_add(*part))
    }

    /// Input and output together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.prompt().saturating_add(self.output)
    }
}

impl UsageSource {
    /// The word in headers, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Estimated => "estimated",
        }
    }
}
