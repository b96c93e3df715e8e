//! Whether an endpoint may be tried: flowing, tripped until a moment, or probing.
//!
//! Pure state over a clock that comes in as an argument. It watches what attempts report; it never
//! sends anything itself.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How many failures trip an endpoint, and for how long it rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Consecutive failures that trip it.
    pub(crate) trip_after: u32,
    /// The first rest; doubles with each trip in a row.
    pub(crate) cooldown: Duration,
    /// The longest rest that we choose; a vendor's `Retry-After` may ask for more.
    pub(crate) cooldown_max: Duration,
}

/// What the plan sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Works as far as we know.
    Flowing,
    /// Rests until this moment (milliseconds of the proxy's clock).
    Tripped { until_ms: u64 },
    /// The rest is over and one attempt is out to see.
    Probing,
}

impl State {
    /// The word in metrics and in `explain`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Flowing => "flowing",
            Self::Tripped { .. } => "tripped",
            Self::Probing => "probing",
        }
    }
}

/// A failed probe is given this long before another may try.
const PROBE_MS: u64 = 10_000;

/// The health of one endpoint. Lock-free; a race between two reports loses at most one count.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Consecutive failures.
    failures: AtomicU32,
    /// Trips in a row, for the doubling.
    trips: AtomicU32,
    /// 0 while flowing; otherwise the moment its rest ends.
    until_ms: AtomicU64,
    /// 0, or the moment until which a probe that is out counts.
    probe_until_ms: AtomicU64,
    /// 0, or the moment until which the vendor itself asked to be left alone.
    told_until_ms: AtomicU64,
    /// The same, where it said so to this node: only that is passed on.
    told_here_until_ms: AtomicU64,
}

impl Health {
    /// The state at a moment.
    pub(crate) fn state(&self, now_ms: u64) -> State {
        let until_ms = self.until_ms.load(Relaxed);
        match until_ms {
            0 => State::Flowing,
            _ if now_ms < until_ms => State::Tripped { until_ms },
            _ => State::Probing,
        }
    }

    /// Asks leave to try. While probing, only one attempt at a time gets it.
    pub(crate) fn may_try(&self, now_ms: u64) -> bool {
        match self.state(now_ms) {
            State::Flowing => true,
            State::Tripped { .. } => false,
            State::Probing => {
                let probe = self.probe_until_ms.load(Relaxed);
                now_ms >= probe
                    && self.probe_until_ms.compare_exchange(probe, now_ms + PROBE_MS, Relaxed, Relaxed).is_ok()
            }
        }
    }

    /// An attempt was answered.
    pub(crate) fn succeeded(&self) {
        // The common case touches one cache line, read-only.
        if self.failures.load(Relaxed) == 0 && self.until_ms.load(Relaxed) == 0 {
            return;
        }
        self.failures.store(0, Relaxed);
        self.trips.store(0, Relaxed);
        self.probe_until_ms.store(0, Relaxed);
        self.until_ms.store(0, Relaxed);
    }

    /// An attempt failed in a way that speaks against the endpoint.
    pub(crate) fn failed(&self, policy: &Policy, now_ms: u64) {
        let failures = self.failures.fetch_add(1, Relaxed).saturating_add(1);
        let was_probing = self.state(now_ms) == State::Probing;
        if failures >= policy.trip_after || was_probing {
            let trips = self.trips.fetch_add(1, Relaxed).min(16);
            let rest = policy.cooldown.saturating_mul(1 << trips).min(policy.cooldown_max);
            self.rest_until(now_ms.saturating_add(millis(rest)));
        }
    }

    /// The vendor itself said when to come back: that rules, within a day.
    pub(crate) fn told_to_wait(&self, wait: Duration, now_ms: u64) {
        self.hear_of_wait(wait, now_ms);
        self.told_here_until_ms.fetch_max(self.told_until_ms.load(Relaxed), Relaxed);
    }

    /// Another node heard the vendor say so.
    pub(crate) fn hear_of_wait(&self, wait: Duration, now_ms: u64) {
        const DAY_MS: u64 = 86_400_000;
        let until_ms = now_ms.saturating_add(millis(wait).min(DAY_MS));
        self.told_until_ms.fetch_max(until_ms, Relaxed);
        self.rest_until(until_ms);
    }

    /// What is left of a wait that the vendor named to this node.
    pub(crate) fn wait_named_here(&self, now_ms: u64) -> Option<Duration> {
        let left = self.told_here_until_ms.load(Relaxed).checked_sub(now_ms)?;
        (left > 0).then(|| Duration::from_millis(left))
    }

    /// Whether the vendor itself asked to be left alone, and the wait is not over.
    pub(crate) fn was_told(&self, now_ms: u64) -> bool {
        now_ms < self.told_until_ms.load(Relaxed)
    }

    /// When its rest ends; 0 while flowing.
    pub(crate) fn rests_until(&self) -> u64 {
        self.until_ms.load(Relaxed)
    }

    fn rest_until(&self, until_ms: u64) {
        self.probe_until_ms.store(0, Relaxed);
        self.until_ms.fetch_max(until_ms.max(1), Relaxed);
    }
}

fn millis(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy =
        Policy { trip_after: 3, cooldown: Duration::from_secs(10), cooldown_max: Duration::from_secs(25) };

    #[test]
    fn it_trips_after_consecutive_failures_and_not_before() {
        let health = Health::default();
        health.failed(&POLICY, 0);
        health.failed(&POLICY, 0);
        assert_eq!(health.state(0), State::Flowing);
        health.succeeded();
        health.failed(&POLICY, 0);
        health.failed(&POLICY, 0);
        assert_eq!(health.state(0), State::Flowing, "a success in between starts the count anew");
        health.failed(&POLICY, 0);
        assert_eq!(health.state(0), State::Tripped { until_ms: 10_000 });
    }

    #[test]
    fn one_probe_at_a_time_is_let_through_when_the_rest_is_over() {
        let health = Health::default();
        (0..3).for_each(|_| health.failed(&POLICY, 0));
        assert!(!health.may_try(9_999));
        assert!(health.may_try(10_000));
        assert!(!health.may_try(10_001), "the first probe is still out");
        health.succeeded();
        assert!(health.may_try(10_002) && health.may_try(10_002));
    }

    #[test]
    fn a_failed_probe_doubles_the_rest_up_to_the_longest() {
        let health = Health::default();
        (0..3).for_each(|_| health.failed(&POLICY, 0));
        assert!(health.may_try(10_000));
        health.failed(&POLICY, 10_000);
        assert_eq!(health.state(10_001), State::Tripped { until_ms: 30_000 });
        assert!(health.may_try(30_000));
        health.failed(&POLICY, 30_000);
        assert_eq!(health.state(30_001), State::Tripped { until_ms: 55_000 }, "25 s, not 40 s");
    }

    #[test]
    fn what_another_node_heard_is_kept_and_not_passed_on() {
        let health = Health::default();
        health.hear_of_wait(Duration::from_secs(60), 1_000);
        assert!(health.was_told(60_999));
        assert_eq!(health.wait_named_here(1_000), None);
        health.told_to_wait(Duration::from_secs(30), 1_000);
        assert_eq!(health.wait_named_here(1_000), Some(Duration::from_secs(60)));
    }

    #[test]
    fn a_vendor_that_names_the_wait_is_believed_at_once() {
        let health = Health::default();
        health.told_to_wait(Duration::from_secs(60), 1_000);
        assert_eq!(health.state(60_999), State::Tripped { until_ms: 61_000 });
        assert!(health.was_told(60_999) && !health.was_told(61_000));
        assert!(health.may_try(61_000));
    }
}
