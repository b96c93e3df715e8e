//! How many requests came from each address in a span of time, in fixed memory.
//!
//! It keeps no address, refuses nothing, and may count too many but never too few.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pingora_limits::estimator::Estimator;

const HASHES: usize = 4;

/// What is counted as one: an IPv4 address, or the upper half of an IPv6 address, which is what one
/// customer gets.
///
/// The two cannot be mistaken for each other: no IPv6 network in use has 32 leading zeros.
#[must_use]
pub fn network(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => u64::from(ip.to_bits()),
        IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
    }
}

/// Two sketches: one counts this span, the other is empty and waits for the next.
pub(crate) struct Sketch {
    born: Instant,
    span: Duration,
    /// The span that is being counted, and in its lowest bit which sketch counts it.
    turn: AtomicU64,
    sketches: [Estimator; 2],
}

impl Sketch {
    /// With 4 × `slots` counters of 8 bytes, twice.
    pub(crate) fn new(slots: usize, span: Duration, born: Instant) -> Self {
        let sketch = || Estimator::new(HASHES, slots);
        Self { born, span, turn: AtomicU64::new(0), sketches: [sketch(), sketch()] }
    }

    /// Counts one and says how many it makes in this span.
    pub(crate) fn add(&self, what: u64, now: Instant) -> u64 {
        self.sketches[which(self.turn(now))].incr(what, 1).unsigned_abs() as u64
    }

    /// How long the span still lasts.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        let span = self.turn.load(Ordering::Acquire) >> 1;
        let end = self.span.saturating_mul(u32::try_from(span.saturating_add(1)).unwrap_or(u32::MAX));
        end.saturating_sub(now.saturating_duration_since(self.born)).min(self.span)
    }

    /// Goes on to the span of `now`, and says which turn it is.
    ///
    /// Of several threads that see it begin one wins and clears the sketch just left, a whole span
    /// before it is needed. Who counts into that one meanwhile is forgotten, which is a handful of
    /// requests at most.
    pub(crate) fn turn(&self, now: Instant) -> u64 {
        let age = now.saturating_duration_since(self.born).as_millis() / self.span.as_millis().max(1);
        let span = u64::try_from(age).unwrap_or(u64::MAX >> 1);
        let turn = self.turn.load(Ordering::Acquire);
        if turn >> 1 >= span {
            return turn;
        }
        let next = span << 1 | (!turn & 1);
        match self.turn.compare_exchange(turn, next, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                self.sketches[which(turn)].reset();
                next
            }
            Err(others) => others,
        }
    }

    /// Whether something is still kept of this.
    #[cfg(test)]
    pub(crate) fn keeps(&self, what: u64) -> bool {
        self.sketches.iter().any(|sketch| sketch.get(what) > 0)
    }
}

fn which(turn: u64) -> usize {
    usize::from(turn & 1 == 1)
}

impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sketch").field("span", &(self.turn.load(Ordering::Relaxed) >> 1)).finish_non_exhaustive()
    }
}
