//! Whether a tier that comes and goes is worth a try: it rests after it was refused, after it was silent
//! too often, and for long where it does not exist.
//!
//! Like the health of an endpoint, but apart from it: that flex is full says nothing of the standard tier.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// For how long it rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestPolicy {
    /// After a refusal for want of room; a fifth more or less.
    pub refused: Duration,
    /// So many in a row that did not start in time.
    pub stalls: u32,
    /// And then for so long; doubles each time, up to four times.
    pub stalled: Duration,
}

/// A model that has no such tier is not asked again for so long.
const LACKING: Duration = Duration::from_secs(6 * 3600);
/// One that tries again after a rest is given so long before another may.
const PROBE_MS: u64 = 10_000;

/// What is known of one endpoint's tier. Lock-free; a race between two reports loses at most one of them.
#[derive(Debug, Default)]
pub struct Rest {
    /// 0 while it works; otherwise when its rest ends.
    until_ms: AtomicU64,
    /// 0, or until when a try after the rest counts.
    probe_until_ms: AtomicU64,
    /// How many tries there were.
    tries: AtomicU64,
    /// The latest of them that has begun to answer.
    latest_start: AtomicU64,
    /// The latest of them that was refused.
    latest_refusal: AtomicU64,
    /// Those that stalled and began after it.
    stalls: AtomicU32,
    /// Rests after stalls, in a row.
    rests: AtomicU32,
}

impl Rest {
    /// Asks leave to try: the number of the try. After a rest only one at a time gets it.
    pub fn may_try(&self, now_ms: u64) -> Option<u64> {
        let may = match self.until_ms.load(Relaxed) {
            0 => true,
            until if now_ms < until => false,
            _ => {
                let probe = self.probe_until_ms.load(Relaxed);
                now_ms >= probe
                    && self.probe_until_ms.compare_exchange(probe, now_ms + PROBE_MS, Relaxed, Relaxed).is_ok()
            }
        };
        may.then(|| self.tries.fetch_add(1, Relaxed) + 1)
    }

    /// What is left of its rest.
    #[must_use]
    pub fn left(&self, now_ms: u64) -> Option<Duration> {
        let left = self.until_ms.load(Relaxed).checked_sub(now_ms).filter(|left| *left > 0)?;
        Some(Duration::from_millis(left))
    }

    /// An answer has begun, to the try of this number: it works.
    pub fn started(&self, number: u64) {
        self.latest_start.fetch_max(number, Relaxed);
        if number < self.latest_refusal.load(Relaxed) {
            // It was let in before the vendor said that there was no more room.
            return;
        }
        // The common case only reads what else there is.
        if self.stalls.load(Relaxed) != 0 || self.until_ms.load(Relaxed) != 0 {
            self.stalls.store(0, Relaxed);
            self.rests.store(0, Relaxed);
            self.probe_until_ms.store(0, Relaxed);
            self.until_ms.store(0, Relaxed);
        }
    }

    /// The vendor has no room for the try of this number. `chance` is any random number: not all nodes come back
    /// at once.
    pub fn refused(&self, policy: &RestPolicy, now_ms: u64, number: u64, chance: u64) {
        self.latest_refusal.fetch_max(number, Relaxed);
        let fifth = policy.refused / 5;
        let drawn = u64::try_from(fifth.as_millis()).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(1);
        let rest = policy.refused.saturating_sub(fifth) + Duration::from_millis(chance % drawn);
        self.rest(rest, now_ms);
    }

    /// The model has no such tier.
    pub fn lacking(&self, now_ms: u64) {
        self.rest(LACKING, now_ms);
    }

    /// The try of this number had not begun to answer when the answer had to be sought elsewhere. That speaks
    /// against the tier where none that began later has been answered: the slow ones of many that were sent at
    /// once all come to their end together, after all the fast ones.
    pub fn stalled(&self, policy: &RestPolicy, now_ms: u64, number: u64) {
        let until = self.until_ms.load(Relaxed);
        // One that began before the rest did says nothing new either.
        if number < self.latest_start.load(Relaxed) || now_ms < until {
            return;
        }
        let stalls = self.stalls.fetch_add(1, Relaxed).saturating_add(1);
        let was_probe = until != 0;
        if stalls >= policy.stalls || was_probe {
            let rests = self.rests.fetch_add(1, Relaxed).min(4);
            self.rest(policy.stalled.saturating_mul(1 << rests), now_ms);
        }
    }

    fn rest(&self, rest: Duration, now_ms: u64) {
        let until = now_ms.saturating_add(u64::try_from(rest.as_millis()).unwrap_or(u64::MAX)).max(1);
        self.probe_until_ms.store(0, Relaxed);
        self.until_ms.fetch_max(until, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RestPolicy =
        RestPolicy { refused: Duration::from_secs(60), stalls: 3, stalled: Duration::from_secs(300) };

    #[test]
    fn a_refusal_is_a_rest_of_a_minute_more_or_less() {
        for (chance, rest) in [(0, 48_000), (24_000, 72_000), (12_000, 60_000)] {
            let flex = Rest::default();
            flex.refused(&POLICY, 1000, 0, chance);
            assert_eq!(flex.left(1000), Some(Duration::from_millis(rest)));
            assert_eq!(flex.may_try(1000 + rest - 1), None);
            assert_eq!((flex.may_try(1000 + rest), flex.may_try(1000 + rest)), (Some(1), None), "one at a time");
            flex.started(1);
            assert_eq!((flex.may_try(1000 + rest), flex.left(0)), (Some(2), None));
        }
    }

    #[test]
    fn a_single_stall_is_nothing_and_many_in_a_row_are_a_rest_that_doubles() {
        let flex = Rest::default();
        flex.stalled(&POLICY, 0, 1);
        flex.stalled(&POLICY, 0, 2);
        flex.started(3);
        flex.stalled(&POLICY, 0, 4);
        flex.stalled(&POLICY, 0, 5);
        assert!(flex.may_try(0).is_some());
        flex.stalled(&POLICY, 0, 6);
        assert_eq!(flex.left(0), Some(Duration::from_secs(300)));
        flex.stalled(&POLICY, 1, 7);
        assert_eq!(flex.left(0), Some(Duration::from_secs(300)), "those that began before add nothing");
        assert!(flex.may_try(300_000).is_some());
        flex.stalled(&POLICY, 300_000, 8);
        assert_eq!(flex.left(300_000), Some(Duration::from_secs(600)));
        for number in 9..18 {
            let now = flex.left(0).map_or(0, |left| u64::try_from(left.as_millis()).unwrap_or(0));
            flex.stalled(&POLICY, now, number);
            assert!(flex.left(now) <= Some(Duration::from_secs(16 * 300)));
        }
    }

    #[test]
    fn the_slow_ones_of_many_that_were_sent_at_once_are_no_stalls_in_a_row() {
        let flex = Rest::default();
        let tries: Vec<u64> = (0..200).filter_map(|_| flex.may_try(0)).collect();
        tries.iter().filter(|number| *number % 7 != 0).for_each(|number| flex.started(*number));
        tries.iter().filter(|number| *number % 7 == 0).for_each(|number| flex.stalled(&POLICY, 0, *number));
        assert_eq!(flex.left(0), None);
    }

    #[test]
    fn an_answer_to_a_try_before_the_refusal_does_not_end_the_rest() {
        let flex = Rest::default();
        assert_eq!((flex.may_try(0), flex.may_try(0)), (Some(1), Some(2)));
        flex.refused(&POLICY, 0, 2, 0);
        flex.started(1);
        assert!(flex.left(0).is_some());
    }

    #[test]
    fn a_tier_that_does_not_exist_is_not_asked_for_hours() {
        let flex = Rest::default();
        flex.lacking(0);
        flex.refused(&POLICY, 0, 1, 0);
        assert_eq!(flex.left(0), Some(LACKING), "a shorter rest does not end a longer one");
    }

    #[test]
    fn no_time_is_too_long() {
        let flex = Rest::default();
        let policy = RestPolicy { refused: Duration::MAX, stalls: 0, stalled: Duration::MAX };
        flex.refused(&policy, u64::MAX - 1, 1, u64::MAX);
        flex.stalled(&policy, u64::MAX, 1);
    }
}
