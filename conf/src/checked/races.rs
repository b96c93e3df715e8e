//! What the file means for second attempts: deadline races, and hedging.

use std::time::Duration;

use tollgate_api::{RaceMode, StartWithin};

/// How requests with a time in `start_within` are served by the flex tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// What is taken where neither request nor tenant says; a time is not longer than `longest`.
    pub start_within: Option<StartWithin>,
    /// Whether a request that does not say, and has no default, is refused.
    pub require: bool,
    /// What happens to the flex attempt when the standard one starts.
    pub race: RaceMode,
    /// A longer `start_within` is refused.
    pub longest: Duration,
    /// The least that a standard tier's time to first content is taken for.
    pub least_wait: Duration,
    /// The 95th percentile of that time where nothing else says one.
    pub first_content: Duration,
    /// The share of requests that may start too late, in millionths: above 0, below half a million.
    pub late_millionths: u32,
    /// How long flex is left alone after a refusal for want of room, before a fifth more or less is drawn.
    pub flex_rest: Duration,
    /// So many stalls in a row, at least one, make flex be left alone.
    pub flex_stalls: u32,
    /// For how long at first; doubles with each further stall, up to four times.
    pub flex_stalled_rest: Duration,
}

/// A second attempt where the first one is slow to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hedge {
    /// Attempts beyond one in a million requests of the route: above 0, at most a million.
    pub extra_millionths: u32,
}
