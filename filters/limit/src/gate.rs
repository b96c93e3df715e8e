//! The gate that each request of a key or a tenant passes: a slot among the open ones, a place and
//! tokens in the minute and the day.
//!
//! It keeps nothing of the request. What it hands out gives the slot back by itself.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::limits::{KeyLimits, Limits};
use crate::refused::{Denied, Exceeded, Per, Rate, Whose};
use crate::window::{Begun, Left, Window};

/// The gate of one key or tenant: its limits, and its counts, which outlive a reload.
#[derive(Debug)]
pub struct Gate {
    whose: Whose,
    limits: Limits,
    counts: Arc<Counts>,
}

/// The four windows, always in this order. The requests come first.
const WINDOWS: [Per; 4] = [Per::Minute, Per::Day, Per::Minute, Per::Day];
const REQUESTS: usize = 2;

struct Counts {
    born: Instant,
    /// The same moment, since 1970.
    born_unix: Duration,
    windows: [Window; 4],
    open: AtomicU32,
}

impl Gate {
    /// A gate that nobody passed yet. `unix` is the same moment as `now`, since 1970: by it days
    /// are told.
    #[must_use]
    pub fn new(whose: Whose, limits: Limits, now: Instant, unix: Duration) -> Self {
        let windows =
            [Window::requests_of_a_minute(), Window::of_a_day(), Window::tokens_of_a_minute(), Window::of_a_day()];
        let counts = Counts { born: now, born_unix: unix, windows, open: AtomicU32::new(0) };
        Self { whose, limits, counts: Arc::new(counts) }
    }

    /// Its limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The same gate under other limits: what it counted still counts.
    #[must_use]
    pub fn renew(&self, limits: Limits) -> Self {
        Self { whose: self.whose, limits, counts: self.counts.clone() }
    }

    /// Lets one request in that may need so many tokens, or says why not.
    ///
    /// A request that is refused uses nothing up: what it took of one limit before it met another
    /// is put back. One that asks in between may be refused for it, never let in for it.
    ///
    /// # Errors
    /// When all slots are taken, or a minute or a day has no room left.
    pub fn admit(&self, now: Instant, tokens_estimate: u64) -> Result<Admission, Denied> {
        if self.limits.is_unlimited() {
            return Ok(Admission::default());
        }
        let mut held = Held {
            counts: self.counts.clone(),
            slot: false,
            taken: [None; 4],
            tokens: tokens_estimate,
            settled: false,
        };
        let (mut requests, mut tokens) = (None, None);
        if let Err((exceeded, wait)) = self.take(&mut held, now, &mut requests, &mut tokens) {
            held.withdraw();
            let [requests, tokens] = self.figures(now);
            return Err(Denied { whose: self.whose, exceeded, wait, requests, tokens });
        }
        Ok(Admission { requests, tokens, held: Some(held) })
    }

    /// How many requests are open, as far as they were counted.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.counts.open.load(Relaxed)
    }

    /// Where requests and tokens stand, without taking any.
    #[must_use]
    pub fn figures(&self, now: Instant) -> [Option<Rate>; 2] {
        let rate = |i: usize| {
            let (window, limit) = (&self.counts.windows[i], self.limit(i)?);
            Some(Rate::new(window.most(limit), window.left(limit, self.counts.clock(i, now))))
        };
        [Rate::tighter(rate(0), rate(1)), Rate::tighter(rate(2), rate(3))]
    }

    fn take(
        &self,
        held: &mut Held,
        now: Instant,
        requests: &mut Option<Rate>,
        tokens: &mut Option<Rate>,
    ) -> Result<(), (Exceeded, Duration)> {
        if let Some(limit) = self.limits.concurrent_requests {
            held.take_slot(limit)?;
        }
        for (i, window) in self.counts.windows.iter().enumerate() {
            let Some(limit) = self.limit(i) else { continue };
            let limit = window.most(limit);
            let (begun, left) = window
                .take(held.amount(i), limit, self.counts.clock(i, now))
                .map_err(|left| (exceeded(i, limit, left, held.tokens), left.time))?;
            held.taken[i] = Some(begun);
            let rate = if i < REQUESTS { &mut *requests } else { &mut *tokens };
            *rate = Rate::tighter(*rate, Some(Rate::new(limit, left)));
        }
        Ok(())
    }

    fn limit(&self, window: usize) -> Option<u64> {
        let wide = |limit: NonZeroU32| u64::from(limit.get());
        match window {
            0 => self.limits.requests_per_minute.map(wide),
            1 => self.limits.requests_per_day.map(wide),
            2 => self.limits.tokens_per_minute.map(Into::into),
            _ => self.limits.tokens_per_day.map(Into::into),
        }
    }
}

/// Lets one request in through all of these gates, or through none.
///
/// # Errors
/// What the first gate says that has no room.
pub fn admit_all<const N: usize>(
    gates: [Option<&Gate>; N],
    now: Instant,
    tokens_estimate: u64,
) -> Result<[Option<Admission>; N], Denied> {
    let mut admitted = [const { None }; N];
    for (i, gate) in gates.into_iter().enumerate() {
        match gate.map(|gate| gate.admit(now, tokens_estimate)).transpose() {
            Ok(admission) => admitted[i] = admission,
            Err(denied) => {
                admitted.into_iter().flatten().for_each(Admission::withdraw);
                return Err(denied);
            }
        }
    }
    Ok(admitted)
}

fn exceeded(window: usize, limit: u64, left: Left, estimate: u64) -> Exceeded {
    let per = WINDOWS[window];
    if window < REQUESTS {
        Exceeded::Requests { per, limit }
    } else {
        Exceeded::Tokens { per, limit, remaining: left.amount, estimate }
    }
}

impl Counts {
    /// The clock of this window: minutes are told from the birth of the gate, days from 1970.
    fn clock(&self, window: usize, now: Instant) -> Duration {
        let age = now.saturating_duration_since(self.born);
        match WINDOWS[window] {
            Per::Minute => age,
            Per::Day => self.born_unix.saturating_add(age),
        }
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counts").field("open", &self.open).finish_non_exhaustive()
    }
}

/// The right to be open. Held for the life of a request; dropping it frees the slot.
///
/// Dropped before [`Admission::used_tokens`] it gives its estimate back: the request came to nothing.
#[must_use = "the slot is free again as soon as this is dropped"]
#[derive(Debug, Default)]
pub struct Admission {
    requests: Option<Rate>,
    tokens: Option<Rate>,
    held: Option<Held>,
}

impl Admission {
    /// Where the requests stand; nothing where they have no limit.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        self.requests
    }

    /// Where the tokens stand; nothing where they have no limit.
    #[must_use]
    pub fn tokens(&self) -> Option<Rate> {
        self.tokens
    }

    /// Puts what the request really used in the place of the estimate, in the windows that the
    /// estimate was taken from. Said again, the last word counts.
    pub fn used_tokens(&mut self, used: u64) {
        if let Some(held) = &mut self.held {
            held.correct_tokens(used);
            held.settled = true;
        }
    }

    /// Gives all back, the place of the request too: it was refused for another reason.
    pub fn withdraw(mut self) {
        if let Some(held) = self.held.take() {
            held.withdraw();
        }
    }
}

/// What one request took of the counts.
#[derive(Debug)]
struct Held {
    counts: Arc<Counts>,
    slot: bool,
    taken: [Option<Begun>; 4],
    /// The estimate, and once it is known what was used.
    tokens: u64,
    settled: bool,
}

impl Held {
    fn take_slot(&mut self, limit: NonZeroU32) -> Result<(), (Exceeded, Duration)> {
        let one_more = |open| (open < limit.get()).then(|| open + 1);
        match self.counts.open.fetch_update(Relaxed, Relaxed, one_more) {
            Ok(_) => {
                self.slot = true;
                Ok(())
            }
            Err(_) => Err((Exceeded::Concurrent { limit: limit.get().into() }, Denied::WAIT_FOR_A_SLOT)),
        }
    }

    fn amount(&self, window: usize) -> u64 {
        if window < REQUESTS { 1 } else { self.tokens }
    }

    fn correct_tokens(&mut self, used: u64) {
        for (window, taken) in self.counts.windows.iter().zip(self.taken).skip(REQUESTS) {
            if let Some(begun) = taken {
                window.correct(begun, self.tokens, used);
            }
        }
        self.tokens = used;
    }

    fn withdraw(mut self) {
        for (window, taken) in self.counts.windows.iter().zip(self.taken).take(REQUESTS) {
            if let Some(begun) = taken {
                window.correct(begun, 1, 0);
            }
        }
        self.settled = false;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.settled {
            self.correct_tokens(0);
        }
        if self.slot {
            self.counts.open.fetch_sub(1, Relaxed);
        }
    }
}

/// The gate of a key whose limits need neither the size of a request nor the date.
#[derive(Debug)]
pub struct KeyGate(Gate);

impl KeyGate {
    /// A gate that nobody passed yet.
    #[must_use]
    pub fn new(limits: KeyLimits, now: Instant) -> Self {
        Self(Gate::new(Whose::Key, limits.into(), now, Duration::ZERO))
    }

    /// The same gate under other limits: what it counted still counts.
    #[must_use]
    pub fn renew(&self, limits: KeyLimits) -> Self {
        Self(self.0.renew(limits.into()))
    }

    /// Lets one request in, or says why not. A request that is refused uses nothing up.
    ///
    /// # Errors
    /// When the key's minute is used up, or all its slots are taken.
    pub fn admit(&self, now: Instant) -> Result<Admission, Denied> {
        self.0.admit(now, 0)
    }

    /// How many requests are open, as far as they were counted.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.0.open()
    }
}
