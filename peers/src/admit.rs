//! Letting a request in at all nodes' counts together: one question, one step in Redis, all or none.
//!
//! It decides nothing about what to do when Redis is away; the caller has gates of its own.

use std::fmt;
use std::time::Duration;

use crate::Peers;
use crate::courier::{Courier, Entry};
use crate::line::Reply;
use crate::options::Names;
use crate::script::Run;

/// Numbers above this are not exact in Lua.
const MOST: u64 = (1 << 53) - 1;

/// Whose counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// Of the key with this id.
    Key(&'a str),
    /// Of this tenant.
    Tenant(&'a str),
    /// Of the address with this hash, which all nodes make with one secret. Only its limits of a
    /// minute are counted here: nothing is kept of an address for longer than two minutes.
    Address(&'a str),
}

/// What somebody may do. What is `None` is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests a minute, from the first one on.
    pub requests_per_minute: Option<u64>,
    /// Requests a UTC day.
    pub requests_per_day: Option<u64>,
    /// Tokens a minute, from the first request on.
    pub tokens_per_minute: Option<u64>,
    /// Tokens a UTC day.
    pub tokens_per_day: Option<u64>,
    /// Requests open at once.
    pub concurrent_requests: Option<u64>,
}

/// One of the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Of [`Limits::requests_per_minute`].
    RequestsPerMinute,
    /// Of [`Limits::requests_per_day`].
    RequestsPerDay,
    /// Of [`Limits::tokens_per_minute`].
    TokensPerMinute,
    /// Of [`Limits::tokens_per_day`].
    TokensPerDay,
    /// Of [`Limits::concurrent_requests`].
    ConcurrentRequests,
}

/// To be let in at these counts. A scope may be asked for once in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask<'a> {
    /// Whose.
    pub scope: Scope<'a>,
    /// What they may do.
    pub limits: Limits,
    /// How many tokens the request is thought to need.
    pub tokens_estimate: u64,
}

/// Where somebody stands in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// How much the window holds.
    pub limit: u64,
    /// How much is left of it.
    pub remaining: u64,
    /// How long until all is back.
    pub reset: Duration,
}

/// What Redis said.
#[derive(Debug)]
pub enum Answer {
    /// Come in.
    Admitted(Pass),
    /// Wait. Nothing was taken.
    Denied(Denial),
    /// Nothing: count for yourself.
    Away,
}

/// Which limit was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// By which of the asks.
    pub ask: usize,
    /// Which of its limits.
    pub limit: Limit,
    /// How much that is.
    pub most: u64,
    /// How long it stays met; for slots, when to ask again.
    pub wait: Duration,
    /// Where the requests of that ask stand.
    pub requests: Option<Figure>,
    /// Where the tokens of that ask stand.
    pub tokens: Option<Figure>,
}

/// The right to be open at every node. Dropping it frees the slots, in the background.
///
/// Dropped before [`Pass::used_tokens`] it gives its estimates back: the request came to nothing.
#[must_use = "the slots are free again as soon as this is dropped"]
pub struct Pass {
    requests: Option<Figure>,
    tokens: Option<Figure>,
    used: u64,
    withdrawn: bool,
    taken: Taken,
}

impl Pass {
    /// Where the requests of the first ask stand; nothing where they have no limit.
    #[must_use]
    pub fn requests(&self) -> Option<Figure> {
        self.requests
    }

    /// Where the tokens of the first ask stand; nothing where they have no limit.
    #[must_use]
    pub fn tokens(&self) -> Option<Figure> {
        self.tokens
    }

    /// Puts what the request really used in the place of the estimates, in the windows that they
    /// were taken from. It is told when the pass is dropped. Said again, the last word counts.
    pub fn used_tokens(&mut self, used: u64) {
        self.used = used;
    }

    /// Gives all back, the place of the request too: it was refused for another reason.
    pub fn withdraw(mut self) {
        self.withdrawn = true;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let Taken { let_in, requests, tokens, .. } = &mut self.taken;
        let used = if self.withdrawn { 0 } else { self.used };
        let change = |used: u64, taken: u64| used.min(MOST).cast_signed() - taken.min(MOST).cast_signed();
        let mut entries = Vec::with_capacity(tokens.len() + 1);
        for (key, estimate) in tokens.drain(..) {
            entries.push(Entry::Window { key, let_in: *let_in, change: change(used, estimate) });
        }
        if self.withdrawn {
            let given_back = |key| Entry::Window { key, let_in: *let_in, change: -1 };
            entries.extend(requests.drain(..).map(given_back));
        }
        entries.retain(|entry| !matches!(entry, Entry::Window { change: 0, .. }));
        self.taken.others = entries;
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("requests", &self.requests).field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

/// What a request takes in Redis. It exists before Redis is asked: should the client hang up in
/// between, or no answer come, its slots are freed all the same.
struct Taken {
    courier: Courier,
    id: String,
    let_in: u64,
    requests: Vec<String>,
    tokens: Vec<(String, u64)>,
    slots: Vec<String>,
    others: Vec<Entry>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut entries = std::mem::take(&mut self.others);
        let id = std::mem::take(&mut self.id);
        entries.extend(self.slots.drain(..).map(|key| Entry::Slot { key, id: id.clone() }));
        self.courier.tell(entries);
    }
}

impl Peers {
    /// Lets the request in at all of these counts, or at none, in one round trip.
    ///
    /// When no answer came, Redis may have counted the request nevertheless: for the rest of its
    /// windows one too many, never one too few.
    pub async fn admit(&self, request_id: &str, asks: &[Ask<'_>]) -> Answer {
        let inner = &*self.inner;
        let open_max = inner.options.open_max.as_millis();
        let mut run = Run { keys: Vec::new(), arguments: vec![open_max.to_string(), request_id.to_owned()] };
        let mut taken = Taken::nothing(inner.courier.clone(), request_id);
        for ask in asks {
            ask.put(&inner.names, &mut run, &mut taken);
        }
        if taken.is_nothing() {
            return Answer::Admitted(Pass::new(None, None, taken));
        }
        let question = |connection| inner.admit.run::<Vec<i64>>(connection, &run);
        match inner.line.ask(inner.options.timeout, question).await {
            Reply::Said(said) => taken.answer(&said),
            Reply::NotAsked => {
                taken.forget();
                Answer::Away
            }
            Reply::Unknown => Answer::Away,
        }
    }
}

impl Ask<'_> {
    fn put(&self, names: &Names, run: &mut Run, taken: &mut Taken) {
        let (kind, id) = match self.scope {
            Scope::Key(id) => ("key", id),
            Scope::Tenant(id) => ("tenant", id),
            Scope::Address(hash) => ("ip", hash),
        };
        let of = self.limits;
        let lasting = !matches!(self.scope, Scope::Address(_));
        let limits = [
            ("rpm", of.requests_per_minute),
            ("rpd", of.requests_per_day.filter(|_| lasting)),
            ("tpm", of.tokens_per_minute),
            ("tpd", of.tokens_per_day.filter(|_| lasting)),
            ("open", of.concurrent_requests.filter(|_| lasting)),
        ];
        for (i, (what, limit)) in limits.into_iter().enumerate() {
            let key = names.count(kind, id, what);
            run.arguments.push(limit.map_or("-1".to_owned(), |limit| limit.min(MOST).to_string()));
            run.keys.push(key.clone());
            match (i, limit) {
                (_, None) => {}
                (0 | 1, _) => taken.requests.push(key),
                (2 | 3, _) => taken.tokens.push((key, self.tokens_estimate.min(MOST))),
                _ => taken.slots.push(key),
            }
        }
        run.arguments.push(self.tokens_estimate.min(MOST).to_string());
    }
}

impl Taken {
    fn nothing(courier: Courier, id: &str) -> Self {
        let (requests, tokens, slots, others) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { courier, id: id.to_owned(), let_in: 0, requests, tokens, slots, others }
    }

    fn is_nothing(&self) -> bool {
        self.requests.is_empty() && self.tokens.is_empty() && self.slots.is_empty()
    }

    fn forget(mut self) {
        self.slots.clear();
    }

    /// Reads what `admit.lua` says.
    fn answer(mut self, said: &[i64]) -> Answer {
        let &[admitted, ask, met, time, most, ref figures @ ..] = said else {
            tracing::error!(numbers = said.len(), "Redis answered something else than was asked");
            return Answer::Away;
        };
        let (requests, tokens) = (figure(figures.get(..3)), figure(figures.get(3..6)));
        if admitted == 1 {
            self.let_in = time.unsigned_abs();
            return Answer::Admitted(Pass::new(requests, tokens, self));
        }
        self.forget();
        let limit = match met {
            1 => Limit::RequestsPerMinute,
            2 => Limit::RequestsPerDay,
            3 => Limit::TokensPerMinute,
            4 => Limit::TokensPerDay,
            _ => Limit::ConcurrentRequests,
        };
        let (ask, most) = (usize::try_from(ask).unwrap_or(0), most.unsigned_abs());
        Answer::Denied(Denial { ask, limit, most, wait: millis(time), requests, tokens })
    }
}

impl Pass {
    fn new(requests: Option<Figure>, tokens: Option<Figure>, taken: Taken) -> Self {
        Self { requests, tokens, used: 0, withdrawn: false, taken }
    }
}

fn figure(said: Option<&[i64]>) -> Option<Figure> {
    match said {
        Some(&[limit, remaining, reset]) if limit >= 0 => {
            Some(Figure { limit: limit.unsigned_abs(), remaining: remaining.unsigned_abs(), reset: millis(reset) })
        }
        _ => None,
    }
}

fn millis(said: i64) -> Duration {
    Duration::from_millis(u64::try_from(said).unwrap_or(0))
}
