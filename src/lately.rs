//! How long an endpoint's answers took to start, lately: at its standard tier and at flex, streamed and
//! whole apart. It decides nothing.

use std::time::Duration;

use tollgate_race::Latency;

use crate::clock;
use crate::deadlines::Asked;

/// What was seen of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct Lately {
    standard: [Latency; 2],
    flex: [Latency; 2],
}

impl Lately {
    /// Of the standard tier.
    pub(crate) fn standard(&self, stream: bool) -> &Latency {
        &self.standard[usize::from(stream)]
    }

    /// Of the flex tier.
    pub(crate) fn flex(&self, stream: bool) -> &Latency {
        &self.flex[usize::from(stream)]
    }

    /// Of a tier; `None` where nothing is kept of it.
    fn of(&self, tier: Asked, stream: bool) -> Option<&Latency> {
        match tier {
            Asked::Standard => Some(self.standard(stream)),
            Asked::Flex => Some(self.flex(stream)),
            Asked::Priority | Asked::Auto => None,
        }
    }

    /// An answer began.
    pub(crate) fn answered(&self, tier: Asked, stream: bool, took: Duration) {
        if let Some(latency) = self.of(tier, stream) {
            latency.answered(took, clock::now_ms());
        }
    }

    /// None had begun when it was given up.
    pub(crate) fn cut(&self, tier: Asked, stream: bool, after: Duration) {
        if let Some(latency) = self.of(tier, stream) {
            latency.cut(after, clock::now_ms());
        }
    }
}
