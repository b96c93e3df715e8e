//! The part of the file about second attempts: deadline races between service tiers, and hedging.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_api::RaceMode;

use super::Text;
use crate::quantity::Time;

/// How requests that say by `start_within` when their answer is to start are served by the flex tier.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DeadlinesFile {
    /// What is taken where neither request nor tenant says: `default` (the ordinary tier), `priority` (the dear
    /// and fast one), `auto` (whatever the account with the vendor is set to), or a time (`30s`, `1m30s`,
    /// `PT30S`), which is not longer than `longest`. Default: none.
    pub(crate) start_within: Option<Text>,
    /// Whether a request that does not say is refused (`missing_start_within`), also one that names a
    /// `service_tier`. One whose tenant has a default is not, and none is where `start_within` above is one for
    /// everybody.
    pub(crate) require: bool,
    /// What happens to the flex attempt when the standard one has to start.
    pub(crate) race: RaceMode,
    /// The longest time that `start_within` may ask for; a longer one is refused.
    pub(crate) longest: Time,
    /// When the start of the standard attempt is computed, its time to first content is never taken for less than
    /// this, however fast the endpoint was seen to be.
    pub(crate) least_wait: Time,
    /// The 95th percentile of the time to first content that is taken for an endpoint's standard tier where the
    /// catalogue has no `first_content_ms` and too little was seen yet.
    pub(crate) first_content: Time,
    /// How many in a hundred requests are to start in time: more than 50, less than 100. Where flex often misses,
    /// the standard attempt starts earlier than at its 95th percentile, so that this share is kept; half of what
    /// may be late is kept in reserve.
    pub(crate) in_time_percent: Text,
    /// After the vendor refuses a flex attempt for want of room (429, 498, 503, 529), flex is left alone at that
    /// endpoint for about this long: a fifth more or less, drawn each time.
    pub(crate) flex_rest: Time,
    /// After so many flex attempts in a row that had not started when the standard one had to, flex is left alone
    /// at that endpoint for `flex_stalled_rest`.
    pub(crate) flex_stalls: NonZeroU32,
    /// How long flex is left alone at an endpoint after `flex_stalls`; doubles with each further stall, up to four
    /// times.
    pub(crate) flex_stalled_rest: Time,
}

/// A second attempt where the first one is slow to begin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HedgeFile {
    /// At most so many attempts beyond one in a hundred requests of this route: more than 0, at most 100. Each
    /// costs what it would cost alone.
    pub(crate) extra_percent: Text,
}
