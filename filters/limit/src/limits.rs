//! What somebody may do, as numbers. It counts nothing.

use std::num::{NonZeroU32, NonZeroU64};

/// What a key or a tenant may do. A limit that is not set costs nothing and counts nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests a minute, up to [`REQUESTS_PER_MINUTE_MAX`](crate::REQUESTS_PER_MINUTE_MAX).
    pub requests_per_minute: Option<NonZeroU32>,
    /// Requests a UTC day.
    pub requests_per_day: Option<NonZeroU32>,
    /// Tokens a minute, in and out, up to [`TOKENS_PER_MINUTE_MAX`](crate::TOKENS_PER_MINUTE_MAX).
    pub tokens_per_minute: Option<NonZeroU64>,
    /// Tokens a UTC day, in and out.
    pub tokens_per_day: Option<NonZeroU64>,
    /// Requests open at once.
    pub concurrent_requests: Option<NonZeroU32>,
}

impl Limits {
    /// These limits, and where one is not set that of `general`.
    #[must_use]
    pub fn or(self, general: Self) -> Self {
        let Self { requests_per_minute, requests_per_day, tokens_per_minute, tokens_per_day, concurrent_requests } =
            self;
        Self {
            requests_per_minute: requests_per_minute.or(general.requests_per_minute),
            requests_per_day: requests_per_day.or(general.requests_per_day),
            tokens_per_minute: tokens_per_minute.or(general.tokens_per_minute),
            tokens_per_day: tokens_per_day.or(general.tokens_per_day),
            concurrent_requests: concurrent_requests.or(general.concurrent_requests),
        }
    }

    /// Whether nothing is limited.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// The two limits that need neither the size of a request nor the date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// Requests a minute, up to [`REQUESTS_PER_MINUTE_MAX`](crate::REQUESTS_PER_MINUTE_MAX).
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

impl From<KeyLimits> for Limits {
    fn from(KeyLimits { requests_per_minute, concurrent_requests }: KeyLimits) -> Self {
        Self { requests_per_minute, concurrent_requests, ..Self::default() }
    }
}
