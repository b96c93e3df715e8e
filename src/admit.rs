//! How often, and how many at once: the limits of the caller's key.

use std::time::Instant;

use http::{HeaderName, HeaderValue};
use tollgate_limit::{Admission, Denied, Rate};

use crate::live::Holder;

/// Lets the request in, or says when to come back. The slot is free again when the admission drops.
pub(crate) fn admit(holder: &Holder, now: Instant) -> Result<Admission, Denied> {
    holder.gate.admit(now)
}

/// The headers by which clients pace themselves.
pub(crate) fn headers(rate: Rate) -> [(HeaderName, HeaderValue); 3] {
    [
        (HeaderName::from_static("x-ratelimit-limit-requests"), HeaderValue::from(rate.limit)),
        (HeaderName::from_static("x-ratelimit-remaining-requests"), HeaderValue::from(rate.remaining)),
        (HeaderName::from_static("x-ratelimit-reset-requests"), HeaderValue::from(rate.reset_seconds)),
    ]
}
