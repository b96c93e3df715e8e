//! What a client is told of its limits: the figures of its rates, the sentence when it has to wait.
//!
//! It counts nothing and writes no header.

use std::fmt;
use std::time::Duration;

use tollgate_api::{Code, Refusal};

use crate::window::Left;

/// Where somebody stands in a window: `x-ratelimit-limit-…`, `-remaining-…` and `-reset-…`, once
/// for requests and once for tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How much the window holds.
    pub limit: u64,
    /// How much is left of it.
    pub remaining: u64,
    /// In how many seconds, rounded up, all is back.
    pub reset_seconds: u32,
}

impl Rate {
    pub(crate) fn new(limit: u64, left: Left) -> Self {
        Self { limit, remaining: left.amount, reset_seconds: whole_seconds(left.time) }
    }

    /// The one that is used up sooner: what a client is to pace itself by.
    pub(crate) fn tighter(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(a), Some(b)) if a.remaining < b.remaining => Some(a),
            (Some(a), Some(b)) if a.remaining == b.remaining && a.reset_seconds > b.reset_seconds => Some(a),
            (a, None) => a,
            (_, b) => b,
        }
    }
}

/// On whom a limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// One key.
    Key,
    /// All keys of a tenant together.
    Tenant,
    /// An IPv4 address or an IPv6 network of 64 bits.
    Address,
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Tenant => "tenant",
            Self::Address => "address",
        })
    }
}

/// How long a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// A minute from the first request on.
    Minute,
    /// A day of UTC.
    Day,
}

impl fmt::Display for Per {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "minute",
            Self::Day => "day (UTC)",
        })
    }
}

/// Which limit was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// So many requests in a window.
    Requests {
        /// Which window.
        per: Per,
        /// How many it holds.
        limit: u64,
    },
    /// So many tokens in a window.
    Tokens {
        /// Which window.
        per: Per,
        /// How many it holds.
        limit: u64,
        /// How many are left of them.
        remaining: u64,
        /// How many the request was thought to need.
        estimate: u64,
    },
    /// So many requests open at once.
    Concurrent {
        /// How many may be.
        limit: u64,
    },
}

/// Why somebody has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// On whom the limit is.
    pub whose: Whose,
    /// Which limit it is.
    pub exceeded: Exceeded,
    /// How long it stays exceeded.
    pub wait: Duration,
    /// Where its requests stand; `None` where they have no limit.
    pub requests: Option<Rate>,
    /// Where its tokens stand; `None` where they have no limit.
    pub tokens: Option<Rate>,
}

impl Denied {
    /// When a slot will be free is not known; a second keeps a client from asking in a loop.
    pub const WAIT_FOR_A_SLOT: Duration = Duration::from_secs(1);

    /// The figures of the requests, to send along.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        self.requests
    }

    /// The figures of the tokens, to send along.
    #[must_use]
    pub fn tokens(&self) -> Option<Rate> {
        self.tokens
    }

    /// What the client is told.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        let whose = self.whose;
        let (code, said) = match self.exceeded {
            Exceeded::Requests { per, limit } => {
                (Code::RateLimited, format!("This {whose} has used its {limit} requests of this {per}."))
            }
            Exceeded::Tokens { per, limit, remaining, estimate } => (
                Code::RateLimited,
                format!(
                    "This {whose} has {remaining} of its {limit} tokens of this {per} left; \
                     this request is estimated at {estimate}."
                ),
            ),
            Exceeded::Concurrent { limit } => {
                (Code::TooManyConcurrent, format!("This {whose} has {limit} requests open, which is its limit."))
            }
        };
        Refusal::new(code, said).retry_after(Duration::from_secs(whole_seconds(self.wait).into()))
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        denied.refusal()
    }
}

/// Rounded up: who waits that long is let in.
fn whole_seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
