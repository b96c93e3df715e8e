//! The handles of one model and of one endpoint: resolved when configuration loads, so that the
//! request path only adds to atomics. Names and labels stand in `metrics`.

use prometheus::{Counter, Histogram, IntCounter};
use tollgate_api::{Cost, Money, Outcome, Usage, UsageSource};

use crate::fail::FailKind;

/// How exchanges end, in the order of the handles.
pub(crate) const OUTCOMES: [Outcome; 5] =
    [Outcome::Answered, Outcome::Refused, Outcome::Failed, Outcome::CutUpstream, Outcome::HungUp];
/// Classes of statuses, in the order of the handles.
pub(crate) const STATUS_CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
/// The kinds of tokens; subsets (cached, reasoning) are told apart from what they are part of.
pub(crate) const TOKEN_KINDS: [&str; 5] = ["input", "cached", "cache_write", "output", "reasoning"];

/// The handles of one public model.
pub(crate) struct ModelMetrics {
    pub(crate) requests: Vec<IntCounter>,
    pub(crate) duration: [Histogram; 2],
}

/// The handles of one endpoint.
#[derive(Clone)]
pub(crate) struct EndpointMetrics {
    pub(crate) attempts: Vec<IntCounter>,
    pub(crate) attempt_duration: Histogram,
    /// Time to first content of answers it gave.
    pub(crate) first_content: Histogram,
    pub(crate) tokens: [IntCounter; TOKEN_KINDS.len()],
    pub(crate) cost_input: Counter,
    pub(crate) cost_output: Counter,
    pub(crate) reported: IntCounter,
    pub(crate) estimated: IntCounter,
    /// Exchanges of a model, or at a service tier, without a price.
    pub(crate) unpriced: IntCounter,
}

impl ModelMetrics {
    /// Counts a finished request.
    pub(crate) fn finished(&self, status: u16, outcome: Outcome, stream: bool, seconds: f64) {
        let class = match status {
            0..300 => 0,
            300..400 => 1,
            400..500 => 2,
            _ => 3,
        };
        let outcome = OUTCOMES.iter().position(|o| *o == outcome).unwrap_or(0);
        self.requests[class * OUTCOMES.len() + outcome].inc();
        self.duration[usize::from(stream)].observe(seconds);
    }
}

impl EndpointMetrics {
    /// Counts an attempt: `None` when it was answered.
    pub(crate) fn attempted(&self, failed: Option<FailKind>, seconds: f64) {
        let outcome = failed.map_or(0, |kind| 1 + kind as usize);
        self.attempts[outcome].inc();
        self.attempt_duration.observe(seconds);
    }

    /// Counts tokens and money; `is_guessed` is a cost at a service tier that no list has.
    pub(crate) fn metered(&self, usage: &Usage, cost: Option<Cost>, is_guessed: bool) {
        let counts =
            [usage.input, usage.cached, usage.cache_write + usage.cache_write_1h, usage.output, usage.reasoning];
        for (counter, count) in self.tokens.iter().zip(counts) {
            if count > 0 {
                counter.inc_by(count);
            }
        }
        match usage.source {
            UsageSource::Reported => self.reported.inc(),
            UsageSource::Estimated => self.estimated.inc(),
        }
        if let Some(cost) = cost {
            self.cost_input.inc_by(dollars_for_graphs(cost.input));
            self.cost_output.inc_by(dollars_for_graphs(cost.output));
        }
        if cost.is_none() || is_guessed {
            self.unpriced.inc();
        }
    }
}

/// Prometheus knows only floating point. Nothing is computed from this but graphs.
#[allow(clippy::cast_precision_loss)]
fn dollars_for_graphs(amount: Money) -> f64 {
    amount.nano() as f64 / 1e9
}
