//! A counter of one minute in one atomic word. It enforces exactly and never waits.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The largest limit that means anything; a higher one is taken as this. 280,000 a second.
pub const REQUESTS_PER_MINUTE_MAX: u32 = (1 << COUNT_BITS) - 1;

const COUNT_BITS: u32 = 24;
const LENGTH_MS: u64 = 60_000;

/// Counts requests from the first one on for a minute; the first one after that begins anew.
///
/// A fixed window lets twice the limit through in a minute laid across its end. It is taken all the
/// same: its rule can be told to a client in one sentence, and `remaining` and `reset` are exact.
#[derive(Debug, Default)]
pub(crate) struct Window(
    /// When it began, in milliseconds since the birth of the gate (40 bits: 34 years), and how many
    /// requests it has let through (24 bits). No request, no window.
    AtomicU64,
);

/// What one request left of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) requests: u32,
    pub(crate) time: Duration,
}

impl Window {
    /// Takes one request out of the window, or says how long it stays full.
    pub(crate) fn take(&self, limit: NonZeroU32, now: Duration) -> Result<Left, Duration> {
        let limit = limit.get().min(REQUESTS_PER_MINUTE_MAX);
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let add = |word| {
            let (begun, count) = unpack(word);
            match count {
                0 => Some(pack(now, 1)),
                // A thread that read its clock earlier than another may come after it.
                _ if now.saturating_sub(begun) >= LENGTH_MS => Some(pack(now, 1)),
                _ if count < limit => Some(pack(begun, count + 1)),
                _ => None,
            }
        };
        let left_at = |begun: u64| Duration::from_millis(LENGTH_MS - now.saturating_sub(begun).min(LENGTH_MS));
        match self.0.fetch_update(Relaxed, Relaxed, add) {
            Ok(before) => {
                let (begun, count) = unpack(add(before).unwrap_or(before));
                Ok(Left { requests: limit.saturating_sub(count), time: left_at(begun) })
            }
            Err(full) => Err(left_at(unpack(full).0)),
        }
    }
}

fn pack(begun: u64, count: u32) -> u64 {
    begun << COUNT_BITS | u64::from(count)
}

fn unpack(word: u64) -> (u64, u32) {
    (word >> COUNT_BITS, (word & u64::from(REQUESTS_PER_MINUTE_MAX)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn limit(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).expect("not zero")
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_window_begins_with_the_first_request_and_ends_to_the_millisecond() {
        let window = Window::default();
        assert_eq!(window.take(limit(2), ms(700)), Ok(Left { requests: 1, time: ms(60_000) }));
        assert_eq!(window.take(limit(2), ms(30_700)), Ok(Left { requests: 0, time: ms(30_000) }));
        assert_eq!(window.take(limit(2), ms(60_699)), Err(ms(1)));
        assert_eq!(window.take(limit(2), ms(60_700)), Ok(Left { requests: 1, time: ms(60_000) }));
    }

    #[test]
    fn a_request_at_the_birth_of_the_gate_counts() {
        let window = Window::default();
        assert!(window.take(limit(1), ms(0)).is_ok());
        assert_eq!(window.take(limit(1), ms(0)), Err(ms(60_000)));
    }

    #[test]
    fn a_clock_that_lags_behind_another_thread_opens_no_new_window() {
        let window = Window::default();
        assert!(window.take(limit(1), ms(100)).is_ok());
        assert_eq!(window.take(limit(1), ms(99)), Err(ms(60_000)));
    }

    #[test]
    fn a_limit_lowered_within_the_window_holds_at_once() {
        let window = Window::default();
        for _ in 0..5 {
            assert!(window.take(limit(10), ms(0)).is_ok());
        }
        assert_eq!(window.take(limit(3), ms(1)), Err(ms(59_999)));
        assert_eq!(window.take(limit(6), ms(1)).map(|left| left.requests), Ok(0));
    }

    #[test]
    fn a_limit_beyond_what_can_be_counted_never_spills_into_the_time() {
        let window = Window(AtomicU64::new(pack(5, REQUESTS_PER_MINUTE_MAX - 1)));
        assert_eq!(window.take(NonZeroU32::MAX, ms(5)).map(|left| left.requests), Ok(0));
        assert_eq!(window.take(NonZeroU32::MAX, ms(6)), Err(ms(59_999)));
    }

    #[test]
    fn after_decades_it_still_counts() {
        let window = Window::default();
        let late = ms((1 << 40) - 1);
        assert!(window.take(limit(1), late).is_ok());
        assert!(window.take(limit(1), late).is_err());
    }
}
