//! The guard on addresses: so many requests a minute from one.
//!
//! It keeps no address, only counts under keyed hashes whose key is drawn anew by each process. With
//! very many addresses in one minute it counts too many rather than too few.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::refused::{Denied, Exceeded, Per, Rate, Whose};
use crate::sketch::{Sketch, network};
use crate::window::Left;

/// With 4 × 65,536 counters of 8 bytes, twice, the guard takes 4 MiB, and 60,000 addresses that send
/// one request in the same minute are on the whole still counted right.
const SLOTS: usize = 1 << 16;
const MINUTE: Duration = Duration::from_secs(60);

/// What an address may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressLimits {
    /// Requests a minute.
    pub requests_per_minute: NonZeroU32,
}

/// Refuses what one address sends beyond its limit within a minute.
#[derive(Debug)]
pub struct AddressGuard {
    limits: AddressLimits,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Counts {
    hashed: RandomState,
    sketch: Sketch,
}

impl AddressGuard {
    /// A guard that has seen nobody. Its minutes begin now, and `hashed` is drawn for it alone.
    #[must_use]
    pub fn new(limits: AddressLimits, hashed: RandomState, now: Instant) -> Self {
        let counts = Counts { hashed, sketch: Sketch::new(SLOTS, MINUTE, now) };
        Self { limits, counts: Arc::new(counts) }
    }

    /// The same guard under other limits: what it counted still counts.
    #[must_use]
    pub fn renew(&self, limits: AddressLimits) -> Self {
        Self { limits, counts: self.counts.clone() }
    }

    /// Counts a request from this address. An IPv6 network of 64 bits counts as one.
    ///
    /// # Errors
    /// When the address has sent more than its limit in this minute.
    pub fn admit(&self, ip: IpAddr, now: Instant) -> Result<Rate, Denied> {
        let limit = u64::from(self.limits.requests_per_minute.get());
        let sent = self.counts.sketch.add(self.counts.hash(ip), now);
        let wait = self.counts.sketch.left(now);
        let rate = Rate::new(limit, Left { amount: limit.saturating_sub(sent), time: wait });
        if sent <= limit {
            return Ok(rate);
        }
        let exceeded = Exceeded::Requests { per: Per::Minute, limit };
        Err(Denied { whose: Whose::Address, exceeded, wait, requests: Some(rate), tokens: None })
    }

    /// Forgets the minute that is over. Requests do so by themselves; called once a minute it keeps
    /// the promise, that all is forgotten within two minutes, where no request comes.
    pub fn forget(&self, now: Instant) {
        self.counts.sketch.turn(now);
    }
}

impl Counts {
    fn hash(&self, ip: IpAddr) -> u64 {
        self.hashed.hash_one(network(ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_of_an_address_two_minutes_later() {
        let born = Instant::now();
        let limits = AddressLimits { requests_per_minute: NonZeroU32::MIN };
        let guard = AddressGuard::new(limits, RandomState::new(), born);
        let ip = "192.0.2.1".parse().expect("an address");
        let hash = guard.counts.hash(ip);
        assert!(guard.admit(ip, born + Duration::from_secs(1)).is_ok());
        assert!(guard.counts.sketch.keeps(hash));
        guard.forget(born + Duration::from_secs(59));
        assert!(guard.counts.sketch.keeps(hash));
        guard.forget(born + Duration::from_secs(60));
        assert!(!guard.counts.sketch.keeps(hash));
    }

    #[test]
    fn two_guards_hash_an_address_differently() {
        let limits = AddressLimits { requests_per_minute: NonZeroU32::MIN };
        let ip = "192.0.2.1".parse().expect("an address");
        let hash = || AddressGuard::new(limits, RandomState::new(), Instant::now()).counts.hash(ip);
        assert_ne!(hash(), hash());
    }
}
