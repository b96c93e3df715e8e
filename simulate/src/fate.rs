//! What a request draws before it is answered: its waits, and whether it fails.

use std::time::Duration;

use crate::draw::Draw;
use crate::profile::Profile;

/// What a request draws, known beforehand for one that belongs to a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// Before the head of its answer; `Duration::MAX` where that never comes.
    pub latency: Duration,
    /// Between the head and the first content; `Duration::MAX` where that never comes.
    pub ttft: Duration,
    /// Whether it is among the `errors_per_mille`. A fault of the profile is not drawn, and not told here.
    pub fails: bool,
}

impl Foreseen {
    /// The draws of a request, in their order. Nothing else draws before these: what is foreseen is what happens.
    pub(crate) fn draw(profile: &Profile, draw: &mut Draw) -> Self {
        let latency = profile.latency.draw(draw);
        let fails = draw.per_mille(profile.errors_per_mille);
        Self { latency, fails, ttft: profile.ttft.draw(draw) }
    }
}
