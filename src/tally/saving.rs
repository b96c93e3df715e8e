//! How a race ended, and what that saved. It is told, and decides nothing.

use tollgate_api::{Cost, Tier, Usage};

use crate::endpoint::Endpoint;
use crate::tally::Leg;

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RaceEnd {
    /// The flex tier.
    Flex,
    /// The standard tier.
    Standard,
    /// The endpoint that was asked first.
    First,
    /// The one that was asked because the first was late, or had failed.
    Second,
    /// Nobody.
    Nobody,
}

impl RaceEnd {
    /// Every end, in declaration order.
    pub(crate) const ALL: [Self; 5] = [Self::Flex, Self::Standard, Self::First, Self::Second, Self::Nobody];

    /// The word in records, headers, logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Standard => "standard",
            Self::First => "first",
            Self::Second => "second",
            Self::Nobody => "none",
        }
    }

    /// Of what both lines of attempts did; `None` where a hedge was never needed.
    pub(super) fn of(is_of_tiers: bool, first: &Leg, second: &Leg) -> Option<Self> {
        match (is_of_tiers, first.has_answered(), second.has_answered()) {
            (true, true, _) => Some(Self::Flex),
            (true, _, true) => Some(Self::Standard),
            (false, ..) if second.tried.is_empty() => None,
            (false, true, _) => Some(Self::First),
            (false, _, true) => Some(Self::Second),
            (_, false, false) => Some(Self::Nobody),
        }
    }
}

/// What the flex tier saved. Nano-dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Saving {
    /// Against the standard price of the same tokens.
    pub(crate) saved: i64,
    /// The part of the fee that is asked on it.
    pub(crate) fee: i64,
}

impl Saving {
    /// Of an answer that flex gave in a race; `None` where it was no cheaper.
    pub(super) fn of(
        end: Option<RaceEnd>,
        usage: &Usage,
        cost: Option<Cost>,
        endpoint: &Endpoint,
        millionths: u32,
    ) -> Option<Self> {
        if end != Some(RaceEnd::Flex) {
            return None;
        }
        let standard = endpoint.price(&Usage { tier: Tier::Standard, ..*usage })?;
        let saved = standard.total().nano().checked_sub(cost?.total().nano()).filter(|saved| *saved > 0)?;
        let fee = (i128::from(saved) * i128::from(millionths) + 500_000) / 1_000_000;
        Some(Self { saved, fee: i64::try_from(fee).unwrap_or(saved) })
    }
}
