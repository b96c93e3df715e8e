//! The guard against floods: so many requests a second from one address, before anything is read.
//!
//! It keeps no address, only counts under their hashes, and forgets those within two seconds. With
//! very many addresses in one second it counts too many rather than too few.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pingora_limits::estimator::Estimator;
use tollgate_api::{Code, Refusal};

/// With 4 × 4,096 counters of 8 bytes, twice, the guard takes 256 KiB, and 4,000 addresses that
/// send one request in the same second are on the whole still counted right.
const HASHES: usize = 4;
const SLOTS: usize = 4096;

/// Refuses what one address sends beyond its limit within a second.
#[derive(Debug)]
pub struct FloodGuard {
    limit: NonZeroU32,
    counts: Arc<Counts>,
}

impl FloodGuard {
    /// A guard that has seen nobody.
    #[must_use]
    pub fn new(requests_per_second: NonZeroU32, now: Instant) -> Self {
        Self { limit: requests_per_second, counts: Arc::new(Counts::new(now)) }
    }

    /// The same guard with another limit: what it counted still counts.
    #[must_use]
    pub fn renew(&self, requests_per_second: NonZeroU32) -> Self {
        Self { limit: requests_per_second, counts: self.counts.clone() }
    }

    /// Counts a request from this address. An IPv6 network of 64 bits counts as one address: it is
    /// what one customer gets.
    ///
    /// # Errors
    /// When the address has sent more than its limit in this second.
    pub fn admit(&self, ip: IpAddr, now: Instant) -> Result<(), Refusal> {
        if self.counts.add(network(ip), now) <= i64::from(self.limit.get()) {
            return Ok(());
        }
        let said = format!("This address has sent more than {} requests in one second.", self.limit);
        Err(Refusal::new(Code::Flood, said).retry_after(Duration::from_secs(1)))
    }
}

/// What is counted as one: an IPv4 address, or the upper half of an IPv6 address.
///
/// The two cannot be mistaken for each other: no IPv6 network in use has 32 leading zeros.
fn network(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => u64::from(ip.to_bits()),
        IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
    }
}

/// Two sketches: one counts this second, the other is empty and waits for the next.
struct Counts {
    born: Instant,
    /// The second that is being counted, and in its lowest bit which sketch counts it.
    turn: AtomicU64,
    sketches: [Estimator; 2],
}

impl Counts {
    fn new(born: Instant) -> Self {
        let sketch = || Estimator::new(HASHES, SLOTS);
        Self { born, turn: AtomicU64::new(0), sketches: [sketch(), sketch()] }
    }

    /// Counts one and says how many it makes in this second.
    fn add(&self, network: u64, now: Instant) -> i64 {
        let second = now.saturating_duration_since(self.born).as_secs();
        let turn = self.turn.load(Ordering::Acquire);
        let sketch = if turn >> 1 < second { self.advance(turn, second) } else { &self.sketches[which(turn)] };
        sketch.incr(network, 1) as i64
    }

    /// Goes on to `second`. Of several threads that see it begin one wins and clears the sketch just
    /// left, a whole second before it is needed. Who counts into that one meanwhile is forgotten,
    /// which is a handful of requests at most.
    fn advance(&self, turn: u64, second: u64) -> &Estimator {
        let next = second << 1 | (!turn & 1);
        match self.turn.compare_exchange(turn, next, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                self.sketches[which(turn)].reset();
                &self.sketches[which(next)]
            }
            Err(others) => &self.sketches[which(others)],
        }
    }
}

fn which(turn: u64) -> usize {
    usize::from(turn & 1 == 1)
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counts").field("second", &(self.turn.load(Ordering::Relaxed) >> 1)).finish_non_exhaustive()
    }
}
