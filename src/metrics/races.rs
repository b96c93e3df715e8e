//! The metrics of deadlines and races: their names and what they say.

use prometheus::{CounterVec, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};
use tollgate_api::Tier;
use tollgate_race::Why;

use super::{VALID, counters, register};
use crate::deadlines::Asked;
use crate::lately::Lately;
use crate::tally::RaceEnd;

/// Times to start, up to the day that may be asked for.
const START_BUCKETS: &[f64] = &[
    0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 3600.0, 14_400.0,
    86_400.0,
];

/// Deadlines and races.
pub(crate) struct RaceMetrics {
    races: IntCounterVec,
    seconds: IntCounterVec,
    in_time: [IntCounter; 2],
    tiers: IntCounterVec,
    saved: CounterVec,
    at_most: CounterVec,
    first_content: GaugeVec,
    /// From arrival to the first content, where a time to start in was asked for.
    pub(crate) start: Histogram,
}

impl RaceMetrics {
    pub(super) fn new(r: &Registry) -> Self {
        let dollars = |name: &str, help: &str| {
            let family = CounterVec::new(Opts::new(name, help), &["endpoint"]).expect(VALID);
            register(r, &family);
            family
        };
        let first_content = Opts::new(
            "tollgate_first_content_seconds",
            "The time within which this share of an endpoint's answers begins, lately: what races and hedges go by.",
        );
        let first_content = GaugeVec::new(first_content, &["endpoint", "tier", "stream", "quantile"]).expect(VALID);
        register(r, &first_content);
        let start = HistogramOpts::new(
            "tollgate_start_seconds",
            "From the head of a request to the first content of its answer, where it asked for a time to start in.",
        );
        let start = Histogram::with_opts(start.buckets(START_BUCKETS.to_vec())).expect(VALID);
        register(r, &start);
        let in_time = "Requests that asked for a time to start in, by whether they did.";
        let in_time = counters(r, "tollgate_start_within_total", in_time, &["in_time"]);
        let races = Self {
            races: counters(
                r,
                "tollgate_races_total",
                "Races of two attempts by who answered: `flex`, `standard`, `first`, `second` (of a hedge), `none`.",
                &["winner"],
            ),
            seconds: counters(
                r,
                "tollgate_race_starts_total",
                "Second attempts of races by why they were started.",
                &["why"],
            ),
            in_time: ["yes", "no"].map(|word| in_time.with_label_values(&[word])),
            tiers: counters(
                r,
                "tollgate_tiers_total",
                "Answers by the service tier that was asked for and the one that the vendor says it served.",
                &["endpoint", "asked", "served"],
            ),
            saved: dollars(
                "tollgate_saved_usd_total",
                "What flex answers cost less than the standard price (for graphs).",
            ),
            at_most: dollars(
                "tollgate_duplicate_usd_total",
                "What attempts that were called off may have cost, in US dollars (for graphs).",
            ),
            first_content,
            start,
        };
        for end in RaceEnd::ALL {
            races.races.with_label_values(&[end.as_str()]);
        }
        races
    }

    /// Counts a race, and why its second attempt was started, where it was.
    pub(crate) fn ended(&self, end: RaceEnd, second: Option<Why>) {
        self.races.with_label_values(&[end.as_str()]).inc();
        if let Some(why) = second {
            self.seconds.with_label_values(&[why.as_str()]).inc();
        }
    }

    /// Counts a request that asked for a time to start in.
    pub(crate) fn started(&self, is_in_time: bool) {
        self.in_time[usize::from(!is_in_time)].inc();
    }

    /// Counts an answer for which a tier was asked.
    pub(crate) fn served(&self, endpoint: &str, asked: Asked, served: Tier) {
        self.tiers.with_label_values(&[endpoint, asked.as_str(), served.as_str()]).inc();
    }

    /// Forgets how long answers took; called before it is said anew, for endpoints and samples come and go.
    pub(crate) fn forget_times(&self) {
        self.first_content.reset();
    }

    /// Says how long an endpoint's answers take to begin, as far as that is known; called when metrics are read.
    pub(crate) fn takes(&self, endpoint: &str, lately: &Lately) {
        for (stream, word) in [(false, "false"), (true, "true")] {
            for (tier, seen) in [(Tier::Standard, lately.standard(stream)), (Tier::Flex, lately.flex(stream))] {
                for (share, quantile) in [(0.5, "0.5"), (0.95, "0.95")] {
                    if let Some(time) = seen.quantile(share) {
                        let gauge = self.first_content.with_label_values(&[endpoint, tier.as_str(), word, quantile]);
                        gauge.set(time.as_secs_f64());
                    }
                }
            }
        }
    }

    /// Adds what was saved at an endpoint. Nano-dollars.
    pub(crate) fn saved(&self, endpoint: &str, nano: i64) {
        self.saved.with_label_values(&[endpoint]).inc_by(dollars_for_graphs(nano));
    }

    /// Adds what an attempt that was called off may have cost. Nano-dollars.
    pub(crate) fn lost(&self, endpoint: &str, nano: i64) {
        self.at_most.with_label_values(&[endpoint]).inc_by(dollars_for_graphs(nano));
    }
}

/// Prometheus knows only floating point. Nothing is computed from this but graphs.
#[expect(clippy::cast_precision_loss, reason = "graphs")]
fn dollars_for_graphs(nano: i64) -> f64 {
    nano.max(0) as f64 / 1e9
}
