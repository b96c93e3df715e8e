//! How long answers took to start, lately: a sketch that forgets, and that knows of those it never saw.
//!
//! An attempt that was called off says that it would have taken longer than it had. Leaving those out
//! would make every endpoint look fast that only its fast answers are seen of, so they are counted as what
//! they are, by the estimate of Kaplan and Meier (J. Am. Stat. Assoc. 53, 1958).

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A tenth of a millisecond is the least that is told apart.
const UNIT_NANOS: u128 = 100_000;
/// How finely: each power of two is cut into so many.
const PARTS: u64 = 8;
const PARTS_LOG: u32 = 3;
/// Up to more than a day.
const BUCKETS: usize = 28 * 8;
/// What one sample counts, so that it can be halved a few times before it is gone.
const WEIGHT: u32 = 16;
/// After this long a sample counts half.
const HALF_LIFE_MS: u64 = 600_000;
/// Fewer samples than this say nothing by themselves.
pub(crate) const ENOUGH: u64 = 20;

/// The sketch. Lock-free; a race between a sample and the forgetting loses at most that sample.
#[derive(Debug)]
pub struct Latency {
    answered: [AtomicU32; BUCKETS],
    cut: [AtomicU32; BUCKETS],
    /// The sum of both: each request asks for quantiles, and would add up all buckets for each of them.
    weight: AtomicU64,
    halved_ms: AtomicU64,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            answered: [const { AtomicU32::new(0) }; BUCKETS],
            cut: [const { AtomicU32::new(0) }; BUCKETS],
            weight: AtomicU64::new(0),
            halved_ms: AtomicU64::new(0),
        }
    }
}

impl Latency {
    /// An answer began after this long.
    pub fn answered(&self, took: Duration, now_ms: u64) {
        self.forget(now_ms);
        self.answered[bucket(took)].fetch_add(WEIGHT, Relaxed);
        self.weight.fetch_add(WEIGHT.into(), Relaxed);
    }

    /// An attempt was given up after this long, and had not begun to answer.
    pub fn cut(&self, after: Duration, now_ms: u64) {
        self.forget(now_ms);
        self.cut[bucket(after)].fetch_add(WEIGHT, Relaxed);
        self.weight.fetch_add(WEIGHT.into(), Relaxed);
    }

    /// How many samples there are, with what is left of the old ones.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.weight.load(Relaxed) / u64::from(WEIGHT)
    }

    /// The time within which this share of answers begins, where enough was seen to say. Where so many were
    /// given up that it is not known, the longest time that any was waited for.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let mut longest = 0;
        let mut left = self.enough()?;
        let mut late = 1.0;
        for (place, (answered, cut)) in self.counts().enumerate().filter(|(_, counts)| *counts != (0, 0)) {
            late *= 1.0 - ratio(answered, left);
            longest = place;
            if late <= 1.0 - share + f64::EPSILON && answered > 0 {
                return Some(upper_edge(place));
            }
            left = left.saturating_sub(answered + cut);
        }
        Some(upper_edge(longest))
    }

    /// The share of answers that begin later than this, where enough was seen to say.
    #[must_use]
    pub fn share_after(&self, time: Duration) -> Option<f64> {
        let mut left = self.enough()?;
        let mut late = 1.0;
        // What falls into the bucket of that time itself is taken for late.
        let mut before = self.counts().take(bucket(time));
        while left > 0
            && let Some((answered, cut)) = before.next()
        {
            if (answered, cut) != (0, 0) {
                late *= 1.0 - ratio(answered, left);
                left = left.saturating_sub(answered + cut);
            }
        }
        Some(late)
    }

    fn counts(&self) -> impl Iterator<Item = (u64, u64)> {
        let load = |count: &AtomicU32| u64::from(count.load(Relaxed));
        self.answered.iter().zip(&self.cut).map(move |(answered, cut)| (load(answered), load(cut)))
    }

    /// What all samples count, where they are enough to say something.
    fn enough(&self) -> Option<u64> {
        Some(self.weight.load(Relaxed)).filter(|weight| *weight >= ENOUGH * u64::from(WEIGHT))
    }

    /// Halves what there is, once for each half-life that has passed.
    fn forget(&self, now_ms: u64) {
        let halved = self.halved_ms.load(Relaxed);
        let Some(times) = now_ms.checked_sub(halved).map(|passed| passed / HALF_LIFE_MS).filter(|times| *times > 0)
        else {
            return;
        };
        let until = halved + times * HALF_LIFE_MS;
        if self.halved_ms.compare_exchange(halved, until, Relaxed, Relaxed).is_ok() {
            let times = u32::try_from(times.min(31)).unwrap_or(31);
            for count in self.answered.iter().chain(&self.cut) {
                count.store(count.load(Relaxed) >> times, Relaxed);
            }
            self.weight.store(self.counts().map(|(answered, cut)| answered + cut).sum(), Relaxed);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of samples, not money")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part.min(whole) as f64 / whole as f64 }
}

/// Where a time is counted: exact below `PARTS` units, then within an eighth.
fn bucket(time: Duration) -> usize {
    let units = u64::try_from(time.as_nanos() / UNIT_NANOS).unwrap_or(u64::MAX);
    if units < PARTS {
        return usize::try_from(units).unwrap_or(0);
    }
    let power = units.ilog2() - PARTS_LOG;
    let place = u64::from(power) * PARTS + (units >> power);
    usize::try_from(place).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The time at which the next bucket begins.
fn upper_edge(place: usize) -> Duration {
    let next = place as u64 + 1;
    let units = match (next / PARTS).checked_sub(1) {
        None => next,
        Some(power) => (PARTS + next % PARTS) << power,
    };
    Duration::from_micros(units * 100)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn within_an_eighth(found: Option<Duration>, exact: Duration) -> bool {
        found.is_some_and(|found| found >= exact && found <= exact + exact / 8 + Duration::from_micros(100))
    }

    #[test]
    fn a_quantile_is_within_an_eighth_of_the_exact_one_and_never_below() {
        let latency = Latency::default();
        (1..=1000).for_each(|n| latency.answered(ms(n), 0));
        for (share, exact) in [(0.05, 50), (0.5, 500), (0.95, 950), (0.99, 990)] {
            let found = latency.quantile(share);
            assert!(within_an_eighth(found, ms(exact)), "{share}: {found:?}");
        }
        let late = latency.share_after(ms(900)).expect("enough");
        assert!((0.1..0.2).contains(&late), "what is in the same bucket is taken for late: {late}");
    }

    #[test]
    fn a_few_samples_say_nothing() {
        let latency = Latency::default();
        (1..ENOUGH).for_each(|_| latency.answered(ms(10), 0));
        assert_eq!((latency.quantile(0.95), latency.share_after(ms(1))), (None, None));
        latency.answered(ms(10), 0);
        assert!(latency.quantile(0.95).is_some());
    }

    #[test]
    fn what_was_given_up_counts_as_slower_than_it_was_waited_for() {
        let (all, seen, cut) = (Latency::default(), Latency::default(), Latency::default());
        // Half of all answers take a second, and half of those are given up after 100 ms.
        for n in 0..1000 {
            let takes = if n % 2 == 0 { ms(50) } else { ms(1000) };
            all.answered(takes, 0);
            if n % 4 == 3 {
                cut.cut(ms(100), 0);
            } else {
                seen.answered(takes, 0);
                cut.answered(takes, 0);
            }
        }
        assert!((all.share_after(ms(500)).expect("enough") - 0.5).abs() < 0.01);
        assert!((cut.share_after(ms(500)).expect("enough") - 0.5).abs() < 0.01);
        assert!(seen.share_after(ms(500)).expect("enough") < 0.4, "without them it looks faster than it is");
    }

    #[test]
    fn where_nearly_all_were_given_up_the_longest_wait_is_the_least_that_is_known() {
        let latency = Latency::default();
        (0..30).for_each(|_| latency.cut(ms(2000), 0));
        assert!(within_an_eighth(latency.quantile(0.95), ms(2000)));
        assert_eq!(latency.share_after(ms(2000)), Some(1.0));
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let latency = Latency::default();
        (0..1000).for_each(|_| latency.answered(ms(5000), 0));
        assert!(within_an_eighth(latency.quantile(0.95), ms(5000)));
        let later = 10 * HALF_LIFE_MS;
        (0..40).for_each(|_| latency.answered(ms(100), later));
        assert!(within_an_eighth(latency.quantile(0.95), ms(100)));
        latency.answered(ms(1), 0);
        assert_eq!(latency.samples(), 41, "a clock that steps back forgets nothing");
    }

    proptest! {
        #[test]
        fn every_time_has_a_bucket_whose_edge_is_past_it(nanos in 0_u64..90_000_000_000_000) {
            let time = Duration::from_nanos(nanos);
            let edge = upper_edge(bucket(time));
            prop_assert!(edge > time || bucket(time) == BUCKETS - 1);
            prop_assert!(edge <= time + time / 8 + Duration::from_micros(100));
        }
    }
}
