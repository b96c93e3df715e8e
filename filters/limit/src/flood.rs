//! The guard against floods: so many requests a second from one address, before anything is read.
//!
//! It keeps no address, only counts under their hashes, and forgets those within two seconds. With
//! very many addresses in one second it counts too many rather than too few.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_api::{Code, Refusal};

use crate::sketch::{Sketch, network};

/// With 4 × 4,096 counters of 8 bytes, twice, the guard takes 256 KiB, and 4,000 addresses that
/// send one request in the same second are on the whole still counted right.
const SLOTS: usize = 4096;
const SECOND: Duration = Duration::from_secs(1);

/// Refuses what one address sends beyond its limit within a second.
#[derive(Debug)]
pub struct FloodGuard {
    limit: NonZeroU32,
    counts: Arc<Sketch>,
}

impl FloodGuard {
    /// A guard that has seen nobody.
    #[must_use]
    pub fn new(requests_per_second: NonZeroU32, now: Instant) -> Self {
        Self { limit: requests_per_second, counts: Arc::new(Sketch::new(SLOTS, SECOND, now)) }
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
        if self.counts.add(network(ip), now) <= u64::from(self.limit.get()) {
            return Ok(());
        }
        let said = format!("This address has sent more than {} requests in one second.", self.limit);
        Err(Refusal::new(Code::Flood, said).retry_after(SECOND))
    }
}
