//! Up to which service tier a request may be served: by what it asks for. Pure.
//!
//! What a tier costs is the catalogue's to say.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::{Call, Tier};

/// The members by which a request asks for a service tier, in the words of some vendor.
pub(super) const TIER_MEMBERS: [&str; 3] = ["service_tier", "serviceTier", "speed"];

/// The dearest tier at which a request may be served. A vendor serves at a lower tier than was asked for, and
/// never at a dearer one; a word that nobody knows may be the name of the dearest.
///
/// An account at a vendor can be set to a dearer tier where a request names none. That is the operator's own
/// doing, and counted as a breach if it costs more than was held.
pub(super) fn tier(call: &Call) -> Tier {
    #[derive(Default, Deserialize)]
    struct Asked<'a> {
        #[serde(borrow, default)]
        service_tier: Option<&'a RawValue>,
        #[serde(borrow, default, rename = "serviceTier")]
        camel: Option<&'a RawValue>,
        #[serde(borrow, default)]
        speed: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        word: String,
    }
    if !call.unbounded.is_some_and(|member| TIER_MEMBERS.contains(&member)) {
        return Tier::Standard;
    }
    let read = |value: &RawValue| {
        let word = serde_json::from_str::<String>(value.get());
        let typed = || serde_json::from_str::<Typed>(value.get()).map(|typed| typed.word);
        word.or_else(|_| typed()).unwrap_or_else(|_| "?".to_owned())
    };
    let named = |word: String| match word.to_ascii_lowercase().as_str() {
        "" | "auto" | "default" | "standard" | "standard_only" | "on_demand" | "unspecified" => Tier::Standard,
        word => Some(Tier::of_word(word)).filter(|tier| *tier != Tier::Standard).unwrap_or(Tier::Ultrafast),
    };
    let asked: Asked<'_> = serde_json::from_slice(&call.body).unwrap_or_default();
    let tiers = [asked.service_tier, asked.camel].into_iter().flatten().map(|value| named(read(value)));
    // Anthropic's fast machines are no priority.
    let speed = asked.speed.map(read).map(|word| match word.as_str() {
        "standard" => Tier::Standard,
        "fast" => Tier::Fast,
        _ => Tier::Ultrafast,
    });
    tiers.chain(speed).max_by_key(|tier| dearness(*tier)).unwrap_or(Tier::Ultrafast)
}

/// The dearer of two tiers.
pub(super) fn dearer(one: Tier, other: Tier) -> Tier {
    if dearness(other) > dearness(one) { other } else { one }
}

/// How dear a tier is, beside others.
fn dearness(tier: Tier) -> u8 {
    match tier {
        Tier::Standard | Tier::Flex | Tier::Batch => 0,
        // The one stands for the other: OpenAI answers `priority` to `fast`.
        Tier::Priority => 1,
        Tier::Fast => 2,
        Tier::Ultrafast => 3,
    }
}

/// Whether a request that may be served at `most` may be served at this tier.
pub(super) fn within(tier: Tier, most: Tier) -> bool {
    match most {
        Tier::Priority => dearness(tier) <= dearness(Tier::Fast),
        most => dearness(tier) <= dearness(most),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tollgate_api::{Address, Surface};

    use super::*;

    fn call(body: &str) -> Call {
        let body = Bytes::from(body.to_owned());
        tollgate_translate::request::read(&Address::of(Surface::ChatCompletions), body).expect("a request")
    }

    #[test]
    fn a_request_is_held_for_at_the_dearest_tier_that_it_asks_for() {
        let asking =
            |more: &str| tier(&call(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}]{more}}}"#)));
        for (more, dearest) in [
            ("", Tier::Standard),
            (r#","service_tier":"auto""#, Tier::Standard),
            (r#","service_tier":"flex""#, Tier::Standard),
            (r#","service_tier":null"#, Tier::Standard),
            (r#","service_tier":"priority""#, Tier::Priority),
            (r#","service_tier":"fast""#, Tier::Priority),
            (r#","speed":"fast""#, Tier::Fast),
            (r#","service_tier":"ultrafast""#, Tier::Ultrafast),
            (r#","serviceTier":{"type":"priority"}"#, Tier::Priority),
            (r#","serviceTier":{"type":"default"}"#, Tier::Standard),
            (r#","service_tier":"flex","speed":"fast""#, Tier::Fast),
            (r#","service_tier":"instant""#, Tier::Ultrafast),
            (r#","service_tier":7"#, Tier::Ultrafast),
        ] {
            assert_eq!(asking(more), dearest, "{more}");
        }
    }

    #[test]
    fn no_tier_is_served_that_is_dearer_than_the_one_that_was_asked_for() {
        for (asked, served) in [
            (Tier::Standard, vec![Tier::Standard, Tier::Flex, Tier::Batch]),
            (Tier::Priority, vec![Tier::Standard, Tier::Flex, Tier::Priority, Tier::Batch, Tier::Fast]),
            (Tier::Ultrafast, Tier::ALL.to_vec()),
        ] {
            assert_eq!(Tier::ALL.into_iter().filter(|tier| within(*tier, asked)).collect::<Vec<_>>(), served);
        }
    }
}
