//! How many hedges there may be: so many for a hundred requests, and a few in reserve.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// What one hedge takes.
const ONE: i64 = 1_000_000;
/// Hedges that may be saved up.
const RESERVE: i64 = 10;

/// A bucket that requests fill and hedges empty. It needs no clock.
#[derive(Debug, Default)]
pub struct Quota {
    millionths: AtomicI64,
}

impl Quota {
    /// A request has come: so many millionths of a hedge are added.
    pub fn earn(&self, millionths: u32) {
        let add = |have: i64| Some((have + i64::from(millionths)).min(RESERVE * ONE));
        let _ = self.millionths.fetch_update(Relaxed, Relaxed, add);
    }

    /// Takes one hedge, where there is one.
    #[must_use]
    pub fn take(&self) -> bool {
        self.millionths.fetch_update(Relaxed, Relaxed, |have| (have >= ONE).then(|| have - ONE)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hedges_are_never_more_than_their_share_of_requests() {
        let quota = Quota::default();
        let mut hedges = 0;
        for request in 1..=10_000 {
            quota.earn(50_000);
            hedges += i32::from(quota.take());
            assert!(hedges * 20 <= request, "{hedges} of {request}");
        }
        assert_eq!(hedges, 500);
    }

    #[test]
    fn a_quiet_time_saves_up_no_more_than_the_reserve() {
        let quota = Quota::default();
        (0..100_000).for_each(|_| quota.earn(1_000_000));
        assert_eq!((0..100).filter(|_| quota.take()).count(), 10);
    }
}
