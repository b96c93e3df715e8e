//! A counter of one window of time in one atomic word. It enforces exactly and never waits.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The largest limit of requests a minute that means anything; a higher one is taken as this.
/// 280,000 a second.
pub const REQUESTS_PER_MINUTE_MAX: u32 = (1 << 24) - 1;

/// The largest limit of tokens a minute that means anything; a higher one is taken as this.
pub const TOKENS_PER_MINUTE_MAX: u64 = (1 << 30) - 1;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// How a word is divided between the beginning of its window and the count.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// In what the beginning is counted.
    unit_ms: u64,
    length_ms: u64,
    count_bits: u32,
}

/// Counts from the first request on for the length of the window; the first request after that
/// begins anew. A day is one of UTC, because its unit is as long as itself.
///
/// A fixed window lets twice the limit through in a minute laid across its end. It is taken all the
/// same: its rule can be told to a client in one sentence, and `remaining` and `reset` are exact.
#[derive(Debug)]
pub(crate) struct Window {
    shape: Shape,
    /// When it began, in units, and what was counted since. Nothing counted, no window.
    word: AtomicU64,
}

/// What is left of a window, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) amount: u64,
    pub(crate) time: Duration,
}

/// The window that was taken from, so that what is put back finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begun(u64);

impl Window {
    /// Requests of a minute: 34 years in milliseconds, 16 million requests.
    pub(crate) const fn requests_of_a_minute() -> Self {
        Self::of(Shape { unit_ms: 1, length_ms: MINUTE_MS, count_bits: 24 })
    }

    /// Tokens of a minute: a thousand million, for which the beginning is rounded down to 20 ms.
    pub(crate) const fn tokens_of_a_minute() -> Self {
        Self::of(Shape { unit_ms: 20, length_ms: MINUTE_MS, count_bits: 30 })
    }

    /// Anything of a UTC day: 179 years, 281 million million.
    pub(crate) const fn of_a_day() -> Self {
        Self::of(Shape { unit_ms: DAY_MS, length_ms: DAY_MS, count_bits: 48 })
    }

    const fn of(shape: Shape) -> Self {
        Self { shape, word: AtomicU64::new(0) }
    }

    /// The limit in force: a count has only so many bits.
    pub(crate) fn most(&self, limit: u64) -> u64 {
        limit.min(self.shape.count_max())
    }

    /// Takes so much out of the window, or says how much is left and how long that stays so.
    ///
    /// What is larger than the limit passes an empty window, or it never could.
    pub(crate) fn take(&self, amount: u64, limit: u64, now: Duration) -> Result<(Begun, Left), Left> {
        let (shape, limit, now) = (self.shape, self.most(limit), millis(now));
        let add = |word| {
            let (begun, count) = shape.now(word, now);
            let sum = count.saturating_add(amount);
            (count == 0 || sum <= limit).then(|| shape.pack(begun, sum.min(shape.count_max())))
        };
        match self.word.fetch_update(Relaxed, Relaxed, add) {
            Ok(before) => {
                let after = add(before).unwrap_or(before);
                Ok((Begun(shape.unpack(after).0), shape.left(after, limit, now)))
            }
            Err(full) => Err(shape.left(full, limit, now)),
        }
    }

    /// Replaces what was taken by what it turned out to be, as long as its window lasts.
    pub(crate) fn correct(&self, taken_from: Begun, taken: u64, used: u64) {
        let shape = self.shape;
        let change = |word| {
            let (begun, count) = shape.unpack(word);
            // A window of nothing gives way to one that begins a little later: that one it became.
            let same = begun.saturating_sub(taken_from.0).saturating_mul(shape.unit_ms) < shape.length_ms;
            let sum = count.saturating_add(used).saturating_sub(taken).min(shape.count_max());
            same.then(|| shape.pack(begun, sum))
        };
        // Nothing to do where the window is over.
        let _ = self.word.fetch_update(Relaxed, Relaxed, change);
    }

    /// What is left, without taking.
    pub(crate) fn left(&self, limit: u64, now: Duration) -> Left {
        self.shape.left(self.word.load(Relaxed), self.most(limit), millis(now))
    }
}

impl Shape {
    const fn count_max(self) -> u64 {
        (1 << self.count_bits) - 1
    }

    fn pack(self, begun: u64, count: u64) -> u64 {
        begun << self.count_bits | count
    }

    fn unpack(self, word: u64) -> (u64, u64) {
        (word >> self.count_bits, word & self.count_max())
    }

    /// The window that a request of this moment falls into, and its count.
    fn now(self, word: u64, now: u64) -> (u64, u64) {
        let (begun, count) = self.unpack(word);
        // A thread that read its clock earlier than another may come after it.
        let over = now.saturating_sub(begun * self.unit_ms) >= self.length_ms;
        if count == 0 || over { (begun.max(now / self.unit_ms), 0) } else { (begun, count) }
    }

    fn left(self, word: u64, limit: u64, now: u64) -> Left {
        let (begun, count) = self.now(word, now);
        let since = now.saturating_sub(begun * self.unit_ms).min(self.length_ms);
        // Of a window of nothing all is there already.
        let wait = if count == 0 { 0 } else { self.length_ms - since };
        Left { amount: limit.saturating_sub(count), time: Duration::from_millis(wait) }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn left(amount: u64, time: u64) -> Left {
        Left { amount, time: ms(time) }
    }

    fn take(window: &Window, limit: u64, now: u64) -> Result<Left, Left> {
        window.take(1, limit, ms(now)).map(|(_, left)| left)
    }

    #[test]
    fn the_window_begins_with_the_first_request_and_ends_to_the_millisecond() {
        let window = Window::requests_of_a_minute();
        assert_eq!(take(&window, 2, 700), Ok(left(1, 60_000)));
        assert_eq!(take(&window, 2, 30_700), Ok(left(0, 30_000)));
        assert_eq!(take(&window, 2, 60_699), Err(left(0, 1)));
        assert_eq!(take(&window, 2, 60_700), Ok(left(1, 60_000)));
    }

    #[test]
    fn a_request_at_the_birth_of_the_gate_counts() {
        let window = Window::requests_of_a_minute();
        assert!(take(&window, 1, 0).is_ok());
        assert_eq!(take(&window, 1, 0), Err(left(0, 60_000)));
    }

    #[test]
    fn a_clock_that_lags_behind_another_thread_opens_no_new_window() {
        let window = Window::requests_of_a_minute();
        assert!(take(&window, 1, 100).is_ok());
        assert_eq!(take(&window, 1, 99), Err(left(0, 60_000)));
        let day = Window::of_a_day();
        assert!(take(&day, 1, DAY_MS).is_ok());
        assert!(take(&day, 1, DAY_MS - 1).is_err());
    }

    #[test]
    fn a_limit_lowered_within_the_window_holds_at_once() {
        let window = Window::requests_of_a_minute();
        for _ in 0..5 {
            assert!(take(&window, 10, 0).is_ok());
        }
        assert_eq!(take(&window, 3, 1), Err(left(0, 59_999)));
        assert_eq!(take(&window, 6, 1), Ok(left(0, 59_999)));
    }

    #[test]
    fn a_limit_beyond_what_can_be_counted_never_spills_into_the_time() {
        for window in [Window::requests_of_a_minute(), Window::tokens_of_a_minute(), Window::of_a_day()] {
            let most = window.most(u64::MAX);
            assert!(window.take(most - 1, u64::MAX, ms(5)).is_ok());
            assert_eq!(take(&window, u64::MAX, 5).map(|left| left.amount), Ok(0));
            assert!(take(&window, u64::MAX, 6).is_err());
        }
        let window = Window::tokens_of_a_minute();
        let (begun, _) = window.take(u64::MAX, 1, ms(0)).expect("an empty window");
        window.correct(begun, 0, u64::MAX);
        assert_eq!(window.left(5, ms(0)), left(0, 60_000));
    }

    #[test]
    fn after_decades_it_still_counts() {
        let window = Window::requests_of_a_minute();
        let late = (1 << 40) - 1;
        assert!(take(&window, 1, late).is_ok());
        assert!(take(&window, 1, late).is_err());
    }

    #[test]
    fn a_day_ends_at_midnight_and_not_after_24_hours() {
        let window = Window::of_a_day();
        let noon = 20_000 * DAY_MS + DAY_MS / 2;
        assert_eq!(take(&window, 1, noon), Ok(left(0, DAY_MS / 2)));
        assert_eq!(take(&window, 1, noon + DAY_MS / 2 - 1), Err(left(0, 1)));
        assert_eq!(take(&window, 1, noon + DAY_MS / 2), Ok(left(0, DAY_MS)));
    }

    #[test]
    fn what_is_larger_than_the_limit_passes_an_empty_window_only() {
        let window = Window::tokens_of_a_minute();
        assert!(window.take(1, 10, ms(0)).is_ok());
        assert!(window.take(50, 10, ms(0)).is_err());
        assert!(window.take(50, 10, ms(60_000)).is_ok());
        assert!(window.take(1, 10, ms(60_000)).is_err());
    }

    #[test]
    fn a_correction_reaches_its_own_window_and_no_later_one() {
        let window = Window::tokens_of_a_minute();
        let (begun, _) = window.take(40, 100, ms(0)).expect("room");
        window.correct(begun, 40, 90);
        assert_eq!(window.left(100, ms(1)).amount, 10);
        let (later, _) = window.take(30, 100, ms(60_000)).expect("a new window");
        window.correct(begun, 90, 0);
        assert_eq!(window.left(100, ms(60_001)).amount, 70);
        window.correct(later, 30, 0);
        assert_eq!(window.left(100, ms(60_001)), left(100, 0));
    }

    #[test]
    fn what_was_estimated_at_nothing_still_counts_once_it_is_known() {
        let window = Window::tokens_of_a_minute();
        let (begun, _) = window.take(0, 100, ms(0)).expect("room");
        assert!(window.take(5, 100, ms(1_000)).is_ok());
        window.correct(begun, 0, 60);
        assert_eq!(window.left(100, ms(1_000)).amount, 35);
    }
}
