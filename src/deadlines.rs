//! How soon, at which tier, and for how much at most: what the client, its tenant and the operator say, and
//! what that makes of a plan. It sends nothing and keeps no time.

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use tollgate_api::{Call, Code, Money, RaceMode, Refusal, StartWithin, Surface, Tier};
use tollgate_conf::Deadlines;
use tollgate_race::RestPolicy;
use tollgate_translate::TierSaid;
use tollgate_translate::neutral::TierAsked;

use crate::accounts::TenantState;
use crate::endpoint::Endpoint;
use crate::plan::{Candidate, NoneLeft, Plan};

static START_WITHIN: HeaderName = HeaderName::from_static("x-tollgate-start-within");
static MAX_LATENCY: HeaderName = HeaderName::from_static("x-tollgate-max-latency-ms");
static MAX_COST: HeaderName = HeaderName::from_static("x-tollgate-max-cost-usd");

/// A tier as it is asked of a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Standard,
    Flex,
    Priority,
    /// What the account with the vendor is set to.
    Auto,
}

impl Asked {
    /// The word in records, headers and logs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Auto => "auto",
        }
    }

    /// As the dialects know it.
    pub(crate) fn to_dialects(self) -> TierAsked {
        match self {
            Self::Standard => TierAsked::Default,
            Self::Flex => TierAsked::Flex,
            Self::Priority => TierAsked::Priority,
            Self::Auto => TierAsked::Auto,
        }
    }

    /// The tier by which it is priced where the vendor does not say at which it was served.
    pub(crate) fn priced_as(self) -> Tier {
        match self {
            Self::Standard | Self::Auto => Tier::Standard,
            Self::Flex => Tier::Flex,
            Self::Priority => Tier::Priority,
        }
    }

    /// What a vendor is told that lacks it.
    fn lacking(self, vendor: &'static str) -> Refusal {
        let (code, what) = match self {
            Self::Flex => (Code::FlexUnsupported, "flex tier"),
            Self::Priority => (Code::PriorityUnsupported, "priority tier"),
            // Everybody has the ordinary one.
            Self::Auto | Self::Standard => (Code::AutoUnsupported, "account settings for the tier"),
        };
        Refusal::new(code, format!("{vendor} has no {what}")).at("start_within").of_vendor(vendor)
    }
}

/// What is wished for a request, beside what its body asks of the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// How soon it must start.
    pub(crate) start: Option<StartWithin>,
    /// Whether nobody said so for this very request: a model that cannot is no mistake of its client.
    is_default: bool,
    /// The first content has come after this, or the request has failed.
    pub(crate) latency: Option<Duration>,
    /// What it may cost at most.
    pub(crate) cost: Option<Money>,
    /// What happens to flex when the standard tier starts.
    race: RaceMode,
}

impl Wishes {
    /// Of a request of which nothing else is known.
    pub(crate) fn of_start(said: Option<StartWithin>, deadlines: &Deadlines) -> Self {
        let start = said.or(deadlines.start_within);
        Self { start, is_default: said.is_none(), race: deadlines.race, ..Self::default() }
    }

    /// Of this request.
    ///
    /// # Errors
    /// A word that is none, a contradiction, or silence where a word is required.
    pub(crate) fn of(
        call: &Call,
        headers: &HeaderMap,
        state: &TenantState,
        deadlines: &Deadlines,
    ) -> Result<Self, Refusal> {
        let said = call.start_within.map_or_else(|| start(headers), |said| Ok(Some(said)))?;
        if let (Some(_), Some(member)) = (said, call.asks_tier) {
            let what = format!("`{member}` asks for a tier, and `start_within` decides on it: send one of them");
            return Err(Refusal::new(Code::InvalidRequest, what).at(member));
        }
        let default = state.start_within.or(deadlines.start_within);
        let says_enough = said.or(default).is_some() || call.surface == Surface::Embeddings;
        // Whoever names a tier is taken at that word, and vectors are not waited for.
        let default = default.filter(|_| call.asks_tier.is_none() && call.surface != Surface::Embeddings);
        // A tenant's time may be longer than the operator's: then it is the operator's.
        let default = default.map(|default| match default {
            StartWithin::Time(time) => StartWithin::Time(time.min(deadlines.longest)),
            word => word,
        });
        let wishes = Self {
            start: said.or(default),
            is_default: said.is_none(),
            latency: millis(headers)?,
            cost: dollars(headers)?,
            race: state.race.unwrap_or(deadlines.race),
        };
        match wishes.start {
            Some(StartWithin::Time(time)) if time > deadlines.longest => {
                let what = format!("`start_within` is at most {}", StartWithin::Time(deadlines.longest));
                Err(Refusal::new(Code::InvalidRequest, what).at("start_within"))
            }
            _ if state.requires_start.unwrap_or(deadlines.require) && !says_enough => {
                let what = "neither the body nor a header says how soon the answer must start";
                Err(Refusal::new(Code::MissingStartWithin, what).at("start_within"))
            }
            _ => Ok(wishes),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // What is no text is as wrong as any other.
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

fn start(headers: &HeaderMap) -> Result<Option<StartWithin>, Refusal> {
    let read = |said: &str| {
        let wrong = |no| Refusal::new(Code::InvalidRequest, format!("`{START_WITHIN}` {no}")).at(START_WITHIN.as_str());
        said.parse().map_err(wrong)
    };
    text(headers, &START_WITHIN).map(read).transpose()
}

fn millis(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    const DAY_MS: u64 = 86_400_000;
    let read = |said: &str| {
        let millis = said.parse().ok().filter(|millis| (1..=DAY_MS).contains(millis)).map(Duration::from_millis);
        let what = || format!("`{MAX_LATENCY}` must be a whole number of milliseconds, from 1 to {DAY_MS}");
        millis.ok_or_else(|| Refusal::new(Code::InvalidRequest, what()).at(MAX_LATENCY.as_str()))
    };
    text(headers, &MAX_LATENCY).map(read).transpose()
}

fn dollars(headers: &HeaderMap) -> Result<Option<Money>, Refusal> {
    let read = |said: &str| {
        let money = said.parse::<Money>().ok().filter(|money| money.nano() > 0);
        let what = || format!("`{MAX_COST}` must be an amount of US dollars, such as `0.05`");
        money.ok_or_else(|| Refusal::new(Code::InvalidRequest, what()).at(MAX_COST.as_str()))
    };
    text(headers, &MAX_COST).map(read).transpose()
}

/// When flex is left alone.
pub(crate) fn rest_policy(deadlines: &Deadlines) -> RestPolicy {
    RestPolicy { refused: deadlines.flex_rest, stalls: deadlines.flex_stalls, stalled: deadlines.flex_stalled_rest }
}

/// How the candidates of a plan are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pace {
    /// One after the other, for whatever tier the request says.
    #[default]
    AsItComes,
    /// One after the other, at this tier.
    At(Asked),
    /// The flex tier of one of them against the standard tier of all: the answer starts within this time.
    Race { within: Duration, mode: RaceMode },
}

impl<'a> Plan<'a> {
    /// Leaves the candidates that can do what is wished, and says how they are asked.
    ///
    /// # Errors
    /// When none can; the refusal names what the first of them lacks.
    pub(crate) fn paced(mut self, wishes: &Wishes, surface: Surface) -> Result<Self, Refusal> {
        let paced = match wishes.start {
            None => return Ok(self),
            // Vectors are made at one tier.
            Some(StartWithin::Default | StartWithin::Auto) if surface == Surface::Embeddings => return Ok(self),
            Some(StartWithin::Priority) if surface == Surface::Embeddings => {
                Err(Asked::Priority.lacking(self.first().endpoint().vendor.name))
            }
            Some(StartWithin::Default) => self.at(Asked::Standard, surface),
            Some(StartWithin::Priority) => self.at(Asked::Priority, surface),
            Some(StartWithin::Auto) => self.at(Asked::Auto, surface),
            Some(StartWithin::Time(within)) => self.race(within, wishes.race, surface),
        };
        match paced {
            Ok(pace) => self.pace = pace,
            Err(_) if wishes.is_default => {}
            Err(refusal) => return Err(refusal),
        }
        Ok(self)
    }

    fn at(&mut self, asked: Asked, surface: Surface) -> Result<Pace, Refusal> {
        let has = |c: &Candidate<'_>| c.endpoint().tier_said(surface, asked) != TierSaid::Missing;
        let kept = self.retain(has);
        kept.map_err(|NoneLeft| asked.lacking(self.first().endpoint().vendor.name))?;
        Ok(Pace::At(asked))
    }

    fn race(&mut self, within: Duration, mode: RaceMode, surface: Surface) -> Result<Pace, Refusal> {
        let can = |c: &Candidate<'_>| c.endpoint().sells_flex(surface);
        if self.mark_flex(can) {
            return Ok(Pace::Race { within, mode });
        }
        let first: &Endpoint = self.first().endpoint();
        Err(match first.tier_said(surface, Asked::Flex) {
            TierSaid::Missing => Asked::Flex.lacking(first.vendor.name),
            _ if surface == Surface::Embeddings => {
                Refusal::new(Code::ModelNotFlexCapable, "vectors are made at one tier").at("start_within")
            }
            _ => {
                let what = format!("the catalogue has no flex price for {}", first.name);
                Refusal::new(Code::ModelNotFlexCapable, what).at("model")
            }
        })
    }

    /// The dearest tier that is asked for on top of what the request says.
    pub(crate) fn tier(&self) -> Tier {
        match self.pace {
            Pace::At(asked) => asked.priced_as(),
            Pace::AsItComes | Pace::Race { .. } => Tier::Standard,
        }
    }
}
