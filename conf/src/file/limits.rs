//! The part of the file about rates: of keys, and of addresses.

use std::num::{NonZeroU32, NonZeroU64};

use schemars::JsonSchema;
use serde::Deserialize;

/// What clients may ask for, and how often.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsFile {
    /// Requests a minute, for each key.
    pub(crate) requests_per_minute: Option<NonZeroU32>,
    /// Requests a day, for each key, UTC.
    pub(crate) requests_per_day: Option<NonZeroU32>,
    /// Tokens a minute, for each key, prompts and answers together.
    pub(crate) tokens_per_minute: Option<NonZeroU64>,
    /// Tokens a day, for each key, UTC.
    pub(crate) tokens_per_day: Option<NonZeroU64>,
    /// Requests open at once, for each key.
    pub(crate) concurrent_requests: Option<NonZeroU32>,
    /// Requests a second from one address, whatever their key.
    pub(crate) requests_per_second_per_ip: Option<NonZeroU32>,
    /// Requests a minute from one address, whatever their key. No address is kept for longer than two
    /// minutes, nor at all but as a hash.
    pub(crate) requests_per_minute_per_ip: Option<NonZeroU32>,
}

/// Limits of one key.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyLimitsFile {
    /// Requests a minute.
    pub(crate) requests_per_minute: Option<NonZeroU32>,
    /// Requests a day, UTC.
    pub(crate) requests_per_day: Option<NonZeroU32>,
    /// Tokens a minute, prompts and answers together.
    pub(crate) tokens_per_minute: Option<NonZeroU64>,
    /// Tokens a day, UTC.
    pub(crate) tokens_per_day: Option<NonZeroU64>,
    /// Requests open at once.
    pub(crate) concurrent_requests: Option<NonZeroU32>,
}
