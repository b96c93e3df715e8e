//! What a client is told of its limits: the figures of the rate, and the refusals.

use std::num::NonZeroU32;
use std::time::Duration;

use tollgate_api::{Code, Refusal};

/// Where a key stands in its minute: `x-ratelimit-limit-requests`, `-remaining-requests` and
/// `-reset-requests`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many requests its minute holds.
    pub limit: u32,
    /// How many are left of them.
    pub remaining: u32,
    /// In how many seconds, rounded up, all are back.
    pub reset_seconds: u32,
}

impl Rate {
    pub(crate) fn new(limit: u32, remaining: u32, reset: Duration) -> Self {
        Self { limit, remaining, reset_seconds: whole_seconds(reset) }
    }
}

/// Why a key has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Its minute is used up.
    RateLimited(Rate),
    /// As many of its requests are open as may be.
    TooManyConcurrent(NonZeroU32),
}

impl Denied {
    /// The figures to send along, where the rate is what was exceeded.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        match self {
            Self::RateLimited(rate) => Some(*rate),
            Self::TooManyConcurrent(_) => None,
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::RateLimited(rate) => {
                let said = format!("This key has used its {} requests of this minute.", rate.limit);
                Refusal::new(Code::RateLimited, said).retry_after(Duration::from_secs(rate.reset_seconds.into()))
            }
            Self::TooManyConcurrent(limit) => {
                let said = format!("This key has {limit} requests open, which is its limit.");
                // When one will end is not known; a second keeps a client from asking in a loop.
                Refusal::new(Code::TooManyConcurrent, said).retry_after(Duration::from_secs(1))
            }
        }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        denied.refusal()
    }
}

/// Rounded up: who waits that long is let in.
fn whole_seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
