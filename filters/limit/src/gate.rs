//! The gate that each request of a key passes: a slot among the open ones, a place in the minute.
//!
//! It keeps nothing of the request. What it hands out gives the slot back by itself.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Instant;

use crate::window::Window;
use crate::{Denied, REQUESTS_PER_MINUTE_MAX, Rate};

/// What a key may do. A limit that is not set costs nothing and counts nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// Requests a minute, up to [`REQUESTS_PER_MINUTE_MAX`].
    pub requests_per_minute: Option<NonZeroU32>,
    /// Requests open at once.
    pub concurrent_requests: Option<NonZeroU32>,
}

impl KeyLimits {
    /// These limits, and where one is not set that of `general`.
    #[must_use]
    pub fn or(self, general: Self) -> Self {
        let Self { requests_per_minute, concurrent_requests } = self;
        Self {
            requests_per_minute: requests_per_minute.or(general.requests_per_minute),
            concurrent_requests: concurrent_requests.or(general.concurrent_requests),
        }
    }
}

/// The gate of one key: its limits, and its counts, which outlive a reload.
#[derive(Debug)]
pub struct KeyGate {
    limits: KeyLimits,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Counts {
    born: Instant,
    minute: Window,
    open: AtomicU32,
}

impl KeyGate {
    /// A gate that nobody passed yet.
    #[must_use]
    pub fn new(limits: KeyLimits, now: Instant) -> Self {
        let counts = Counts { born: now, minute: Window::default(), open: AtomicU32::new(0) };
        Self { limits, counts: Arc::new(counts) }
    }

    /// The same gate under other limits: what it counted still counts.
    #[must_use]
    pub fn renew(&self, limits: KeyLimits) -> Self {
        Self { limits, counts: self.counts.clone() }
    }

    /// Lets one request in, or says why not. A request that is refused uses nothing up.
    ///
    /// # Errors
    /// When the key's minute is used up, or all its slots are taken.
    pub fn admit(&self, now: Instant) -> Result<Admission, Denied> {
        let slot = self.limits.concurrent_requests.map(|limit| Slot::take(&self.counts, limit)).transpose()?;
        let rate = self.limits.requests_per_minute.map(|limit| self.counts.count(limit, now)).transpose()?;
        Ok(Admission { rate, slot })
    }

    /// How many requests are open, as far as they were counted.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.counts.open.load(Relaxed)
    }
}

impl Counts {
    fn count(&self, limit: NonZeroU32, now: Instant) -> Result<Rate, Denied> {
        let most = limit.get().min(REQUESTS_PER_MINUTE_MAX);
        match self.minute.take(limit, now.saturating_duration_since(self.born)) {
            Ok(left) => Ok(Rate::new(most, left.requests, left.time)),
            Err(wait) => Err(Denied::RateLimited(Rate::new(most, 0, wait))),
        }
    }
}

/// The right to be open. Held for the life of a request; dropping it frees the slot.
#[must_use = "the slot is free again as soon as this is dropped"]
#[derive(Debug)]
pub struct Admission {
    rate: Option<Rate>,
    /// Never read: it is there to be dropped.
    #[expect(dead_code, reason = "what counts is its Drop")]
    slot: Option<Slot>,
}

impl Admission {
    /// Where the key stands in its minute; nothing where it has no limit.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        self.rate
    }
}

/// One of the requests that are open.
struct Slot(Arc<Counts>);

impl Slot {
    fn take(counts: &Arc<Counts>, limit: NonZeroU32) -> Result<Self, Denied> {
        let one_more = |open| (open < limit.get()).then(|| open + 1);
        match counts.open.fetch_update(Relaxed, Relaxed, one_more) {
            Ok(_) => Ok(Self(counts.clone())),
            Err(_) => Err(Denied::TooManyConcurrent(limit)),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}
