//! Why an attempt failed, and what follows from it. It does not decide where to go next.

use std::time::Duration;

use tollgate_translate::{Garbage, VendorError};
use tollgate_vendors::Vendor;

/// A failed attempt, with the facts that policy and the final error need.
#[derive(Debug)]
pub(crate) enum Fail {
    /// No connection: refused, unreachable, timed out, name not found.
    Connect(&'static str),
    /// The TLS handshake failed.
    Tls,
    /// Nothing came before the deadline for the first byte.
    FirstByteTimeout,
    /// The vendor answered with a status that is not success.
    Status {
        /// The status.
        status: u16,
        /// What its body says.
        error: VendorError,
        /// What that means at this vendor.
        verdict: Verdict,
        /// When it says to come back.
        retry_after: Option<Duration>,
    },
    /// A stream that opened with 200 said that it failed before any content.
    FirstEvent(VendorError),
    /// The connection broke, or the stream ended, before any content.
    Broken(&'static str),
    /// The answer does not speak the dialect.
    Garbage(Garbage),
    /// A filter objected.
    Vetoed(&'static str),
    /// The request cannot be said in this endpoint's dialect; another candidate may do.
    Unsayable(tollgate_api::Refusal),
    /// The endpoint has nothing for requests of this surface.
    Nowhere,
    /// The tenant's own credential cannot be opened.
    Sealed,
    /// Even its fastest answers take this long, and there is not so much time.
    TooLate(Duration),
}

/// Whom a refusing vendor finds at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// What its status says.
    AsTheStatusSays,
    /// Our account there: its credential, or its money.
    OurAccount,
    /// It lacks what was asked for, whatever the status says.
    Lacking,
}

impl Verdict {
    /// What an error means at this vendor.
    pub(crate) fn of(vendor: &Vendor, status: u16, error: &VendorError) -> Self {
        match status {
            400..=499 if vendor.blames_us(error) => Self::OurAccount,
            500.. if vendor.lacks_feature(error) => Self::Lacking,
            _ => Self::AsTheStatusSays,
        }
    }
}

/// The closed set of reasons, for metrics and headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailKind {
    Connect,
    Tls,
    FirstByteTimeout,
    RateLimited,
    ClientError,
    ServerError,
    FirstEvent,
    Broken,
    Garbage,
    Vetoed,
    Unsupported,
    Sealed,
    HungUp,
    /// Another one was faster, or took its place.
    Lost,
    TooLate,
}

impl FailKind {
    pub(crate) const ALL: [Self; 15] = [
        Self::Connect,
        Self::Tls,
        Self::FirstByteTimeout,
        Self::RateLimited,
        Self::ClientError,
        Self::ServerError,
        Self::FirstEvent,
        Self::Broken,
        Self::Garbage,
        Self::Vetoed,
        Self::Unsupported,
        Self::Sealed,
        Self::HungUp,
        Self::Lost,
        Self::TooLate,
    ];

    /// The word in headers, logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FirstByteTimeout => "timeout",
            Self::RateLimited => "status_429",
            Self::ClientError => "status_4xx",
            Self::ServerError => "status_5xx",
            Self::FirstEvent => "first_event",
            Self::Broken => "broken",
            Self::Garbage => "garbage",
            Self::Vetoed => "vetoed",
            Self::Unsupported => "unsupported",
            Self::Sealed => "sealed",
            Self::HungUp => "hung_up",
            Self::Lost => "lost",
            Self::TooLate => "too_late",
        }
    }
}

impl Fail {
    /// Its place in the closed set.
    pub(crate) fn kind(&self) -> FailKind {
        match self {
            Self::Connect(_) => FailKind::Connect,
            Self::Tls => FailKind::Tls,
            Self::FirstByteTimeout => FailKind::FirstByteTimeout,
            Self::Status { status: 429, .. } => FailKind::RateLimited,
            Self::Status { status: 400..=499, .. } => FailKind::ClientError,
            Self::Status { .. } => FailKind::ServerError,
            Self::FirstEvent(_) => FailKind::FirstEvent,
            Self::Broken(_) => FailKind::Broken,
            Self::Garbage(_) => FailKind::Garbage,
            Self::Vetoed(_) => FailKind::Vetoed,
            Self::Unsayable(_) | Self::Nowhere => FailKind::Unsupported,
            Self::Sealed => FailKind::Sealed,
            Self::TooLate(_) => FailKind::TooLate,
        }
    }

    /// What the headers and the final error say: `503`, `timeout`, `connect`.
    pub(crate) fn short(&self) -> String {
        match self {
            Self::Status { status, .. } => status.to_string(),
            other => other.kind().as_str().to_owned(),
        }
    }

    /// One sentence for the final error. The vendor's words were masked when they were read.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Connect(why) => format!("no connection ({why})"),
            Self::Tls => "the TLS handshake failed".to_owned(),
            Self::FirstByteTimeout => "no answer in time".to_owned(),
            Self::Status { status, error, .. } => format!("status {status}: {}", error.message),
            Self::FirstEvent(error) => format!("the stream began with an error: {}", error.message),
            Self::Broken(why) => format!("the connection broke ({why})"),
            Self::Garbage(garbage) => format!("the answer could not be read: {garbage}"),
            Self::Vetoed(why) => format!("a filter objected: {why}"),
            Self::Unsayable(refusal) => refusal.message.to_string(),
            Self::Nowhere => "it has nothing for requests of this surface".to_owned(),
            Self::Sealed => "your own credential for it cannot be opened".to_owned(),
            Self::TooLate(soonest) => format!("its fastest answers take {} ms, which is too long", soonest.as_millis()),
        }
    }

    /// Whether the next candidate may do better than one that gave this status. A vendor's 4xx is
    /// the client's to mend, but for those that speak of the vendor: our credential (401, 402, 403),
    /// a model it does not have (404), time (408, 409, 425), load (429) and Groq's 498.
    pub(crate) fn falls_back(status: u16, verdict: Verdict) -> bool {
        verdict != Verdict::AsTheStatusSays
            || matches!(status, 401 | 402 | 403 | 404 | 408 | 409 | 424 | 425 | 429 | 498 | 500..)
    }

    /// Whether it speaks against the endpoint's health, rather than against this request.
    pub(crate) fn is_the_endpoints_fault(&self) -> bool {
        match self {
            Self::Status { verdict: Verdict::Lacking, .. } => false,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 498 | 500..),
            Self::Vetoed(_) | Self::Unsayable(_) | Self::Nowhere | Self::Sealed | Self::TooLate(_) => false,
            _ => true,
        }
    }

    /// Whether it could not read the sealed reasoning of earlier turns.
    pub(crate) fn is_of_seals(&self, vendor: &Vendor) -> bool {
        matches!(self, Self::Status { status, error, .. } if vendor.cannot_unseal(*status, error))
    }

    /// When the vendor said to come back.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
