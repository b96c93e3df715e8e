//! When the standard tier must start, so that the answer does within its time.

use std::time::Duration;

use crate::Latency;

/// What the start is computed from, beside what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The answer is to start within this, from the arrival of the request.
    pub within: Duration,
    /// What is taken for the 95th percentile of the standard tier while too little was seen.
    pub prior: Duration,
    /// It is never taken for less.
    pub least: Duration,
    /// The share of requests that may start late, in millionths.
    pub late_millionths: u32,
}

/// When to start what, and why so: all times from the arrival of the request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Start {
    /// When the standard tier starts, if flex has not begun to answer.
    pub standard_at: Duration,
    /// The time that it is given.
    pub standard_takes: Duration,
    /// Which quantile of what was seen that is; `None` where it is the prior.
    pub quantile: Option<f64>,
    /// How many answers of the standard tier were seen.
    pub samples: u64,
    /// The share of flex attempts that do not begin in time, as far as is known.
    pub flex_misses: Option<f64>,
    /// Whether flex is worth a start: not where even its fastest answers begin too late.
    pub flex_may_start: bool,
}

/// The quantile of the standard tier by which it is started, at least.
const USUAL: f64 = 0.95;
/// What only so few answers undercut is out of reach.
const FASTEST: f64 = 0.05;

/// Computes the start. `standard` and `flex` are what was seen of each; `now` is how long the request has
/// waited already.
#[must_use]
pub fn start(times: &Times, standard: &Latency, flex: &Latency, now: Duration) -> Start {
    let usual = standard.quantile(USUAL);
    let at = |takes: Duration| times.within.saturating_sub(takes.max(times.least));
    let first = at(usual.unwrap_or(times.prior));
    let flex_misses = flex.share_after(first.saturating_sub(now));
    let quantile = wanted(times.late_millionths, flex_misses);
    let takes = standard.quantile(quantile).unwrap_or(times.prior).max(times.least);
    let standard_at = at(takes);
    let left = times.within.saturating_sub(now);
    let is_out_of_reach = flex.quantile(FASTEST).is_some_and(|fastest| fastest > left);
    Start {
        standard_at,
        standard_takes: takes,
        quantile: usual.map(|_| quantile),
        samples: standard.samples(),
        flex_misses,
        flex_may_start: standard_at > now && !is_out_of_reach,
    }
}

/// How much of what may be late is left for what nobody can foresee: a busy machine, the client's network.
const SPARE: f64 = 0.5;

/// The oftener flex misses, the surer the standard tier must be: of all requests, those that miss both are
/// `misses` × (1 − quantile). At a tenth of misses the 95th percentile keeps 99.5 % in time, of which half a
/// per cent is spare.
fn wanted(late_millionths: u32, misses: Option<f64>) -> f64 {
    let late = f64::from(late_millionths) / 1e6 * (1.0 - SPARE);
    let misses = misses.unwrap_or(1.0).clamp(1e-6, 1.0);
    (1.0 - late / misses).clamp(USUAL, 0.9999)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    const TIMES: Times = Times { within: ms(30_000), prior: ms(3000), least: ms(100), late_millionths: 10_000 };

    fn seen(all: impl Iterator<Item = u64>) -> Latency {
        let latency = Latency::default();
        all.for_each(|took| latency.answered(ms(took), 0));
        latency
    }

    #[test]
    fn before_anything_was_seen_the_prior_counts() {
        let start = start(&TIMES, &Latency::default(), &Latency::default(), ms(0));
        assert_eq!((start.standard_at, start.quantile, start.samples), (ms(27_000), None, 0));
        assert!(start.flex_may_start);
    }

    #[test]
    fn the_standard_tier_is_given_its_95th_percentile_where_flex_seldom_misses() {
        let (standard, flex) = (seen(1..=1000), seen((0..1000).map(|_| 50)));
        let start = start(&TIMES, &standard, &flex, ms(0));
        assert_eq!(start.quantile, Some(0.95));
        assert!((950..1100).contains(&start.standard_takes.as_millis()), "{start:?}");
        assert_eq!(start.standard_at, TIMES.within - start.standard_takes);
    }

    #[test]
    fn where_flex_often_misses_the_standard_tier_is_given_more() {
        let standard = seen(1..=1000);
        let half = seen((0..1000).map(|n| if n % 2 == 0 { 50 } else { 100_000 }));
        let start = start(&TIMES, &standard, &half, ms(0));
        assert!((start.quantile.expect("enough") - 0.99).abs() < 0.001, "{start:?}");
        assert_eq!(wanted(10_000, None), 0.995, "nothing is known of flex: it may never begin");
        assert_eq!(wanted(10_000, Some(0.0)), 0.95);
    }

    #[test]
    fn the_floor_holds_and_no_time_is_below_nothing() {
        let fast = seen((0..1000).map(|_| 1));
        let times = Times { within: ms(100), ..TIMES };
        let found = start(&times, &fast, &Latency::default(), ms(0));
        assert_eq!((found.standard_takes, found.standard_at, found.flex_may_start), (ms(100), ms(0), false));
        let none = start(&Times { within: ms(1), ..TIMES }, &fast, &fast, ms(0));
        assert_eq!((none.standard_at, none.flex_may_start), (ms(0), false));
        let day = start(&Times { within: ms(86_400_000), ..TIMES }, &fast, &fast, ms(0));
        assert_eq!((day.standard_at, day.flex_may_start), (ms(86_399_900), true));
    }

    #[test]
    fn a_request_that_has_waited_too_long_goes_straight_to_the_standard_tier() {
        let late = start(&TIMES, &Latency::default(), &Latency::default(), ms(27_000));
        assert!(!late.flex_may_start);
        assert!(start(&TIMES, &Latency::default(), &Latency::default(), ms(26_999)).flex_may_start);
    }

    #[test]
    fn flex_whose_fastest_answers_are_too_slow_is_not_tried() {
        let slow = seen((0..100).map(|_| 60_000));
        assert!(!start(&TIMES, &Latency::default(), &slow, ms(0)).flex_may_start);
    }
}
