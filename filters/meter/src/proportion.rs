//! Prices that load but look mistyped: the proportions that every vendor's price list keeps.
//!
//! It refuses nothing. A vendor may break every one of these rules, and an operator's prices are the
//! operator's.

use std::fmt;

use tollgate_api::Price;

use crate::catalogue::{CatalogueFile, ModelEntry};
use crate::tariff::{Step, Tariff, TierTariff, Written};
use crate::{Capability, Mode};

/// What a tier's `input` and `output` are to those of the standard tier, in hundredths. Flex and batch are
/// half everywhere but at xAI (0.8); priority is 1 to 2.5, ultrafast 6, Anthropic's fast 2 to 6 (2026-11).
const TIERS: [(&str, i64, i64); 5] =
    [("flex", 40, 60), ("batch", 40, 85), ("priority", 100, 300), ("fast", 100, 700), ("ultrafast", 500, 700)];
/// What `cache_write` is of `input` at most, in hundredths: 1.25 for minutes, 2 for hours.
const CACHE_WRITE_MOST: i64 = 210;
/// What audio is of text, in hundredths: 67 times as dear at the most (gpt-4o-mini-audio-preview).
const AUDIO: (i64, i64) = (50, 10_000);

/// A price out of proportion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// The vendor.
    pub provider: String,
    /// The model's id.
    pub model: String,
    /// The service tier whose prices have it; `None` in those of the standard tier.
    pub tier: Option<&'static str>,
    /// The threshold of the `long_context` step that has it; `None` in the prices for any length.
    pub above: Option<u64>,
    /// What is odd.
    pub rule: Proportion,
}

/// What prices of one model are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proportion {
    /// `output` of a model that talks is at least half of `input`.
    Output,
    /// `cached` is at most `input`.
    Cached,
    /// `cache_write` is nothing, or 1 to 2.1 times `input`.
    CacheWrite,
    /// `cache_write_1h` is at least `cache_write`, and at most 2.1 times `input`.
    CacheWriteHour,
    /// Audio is half to a hundred times as dear as text.
    Audio,
    /// No price falls past a threshold.
    Rising,
    /// A tier is as much cheaper or dearer than the standard one as such tiers are.
    Tier,
    /// A tier has the thresholds that the standard one has.
    TierSteps,
}

impl Proportion {
    fn sentence(self) -> &'static str {
        match self {
            Self::Output => "`output` is less than half of `input`",
            Self::Cached => "`cached` is more than `input`",
            Self::CacheWrite => "`cache_write` is neither nothing nor 1 to 2.1 times `input`",
            Self::CacheWriteHour => "`cache_write_1h` is less than `cache_write`, or over 2.1 times `input`",
            Self::Audio => "a price of audio is not half to a hundred times that of text",
            Self::Rising => "a price falls as prompts get longer",
            Self::Tier => "a price is not what such a tier asks beside the standard one",
            Self::TierSteps => "the steps of `long_context` are not those of the standard tier",
        }
    }
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, model, tier, above, rule } = self;
        write!(f, "`{provider}/{model}`: {}", rule.sentence())?;
        if let Some(above) = above {
            write!(f, " above {above} tokens")?;
        }
        if let Some(tier) = tier {
            write!(f, ", in the tier `{tier}`")?;
        }
        f.write_str(": compare it with the vendor's price list")
    }
}

impl CatalogueFile {
    /// The prices that look mistyped, in the order of the file.
    #[must_use]
    pub fn oddities(&self) -> Vec<Oddity> {
        self.models.iter().flat_map(|model| model.oddities(&self.provider)).collect()
    }
}

/// Where in a tariff something is odd, and what.
type Odd = (Option<&'static str>, Option<u64>, Proportion);

impl ModelEntry {
    /// Its prices that look mistyped; the vendor is for the sentence.
    #[must_use]
    pub fn oddities(&self, provider: &str) -> Vec<Oddity> {
        let Some(tariff) = &self.prices else { return Vec::new() };
        // What speaks or only listens may ask more for what goes in.
        let talks = self.mode == Mode::Chat && !self.capabilities.contains(&Capability::AudioOutput);
        let standard = lists(&tariff.written(), &tariff.long_context, talks);
        let mut odd: Vec<Odd> = standard.map(|(above, rule)| (None, above, rule)).collect();
        for (tier, list) in tariff.tiers.written() {
            odd.extend(of_tier(tier, list, tariff, talks).map(|(above, rule)| (Some(tier), above, rule)));
        }
        let oddity =
            |(tier, above, rule)| Oddity { provider: provider.to_owned(), model: self.id.clone(), tier, above, rule };
        odd.into_iter().map(oddity).collect()
    }
}

/// A list and its steps, by themselves and each against the one before.
fn lists(base: &Written, steps: &[Step], talks: bool) -> impl Iterator<Item = (Option<u64>, Proportion)> + use<> {
    let mut odd: Vec<_> = base.broken(talks).map(|rule| (None, rule)).collect();
    let mut shorter = *base;
    for step in steps {
        let list = step.written();
        let falls = list.falls_below(&shorter).then_some(Proportion::Rising);
        odd.extend(list.broken(talks).chain(falls).map(|rule| (Some(step.above), rule)));
        shorter = list;
    }
    odd.into_iter()
}

fn of_tier(
    tier: &'static str,
    list: &TierTariff,
    standard: &Tariff,
    talks: bool,
) -> impl Iterator<Item = (Option<u64>, Proportion)> + use<> {
    let mut odd: Vec<_> = lists(&list.written(), &list.long_context, talks).collect();
    let range = TIERS.iter().find(|(word, ..)| *word == tier).map(|(_, least, most)| (*least, *most));
    let differs = |here: &Written, there: &Written| range.is_some_and(|range| !here.is_within(there, range));
    if differs(&list.written(), &standard.written()) {
        odd.push((None, Proportion::Tier));
    }
    if list.long_context.iter().map(|step| step.above).ne(standard.long_context.iter().map(|step| step.above)) {
        odd.push((None, Proportion::TierSteps));
    } else {
        let pairs = list.long_context.iter().zip(&standard.long_context);
        let beyond = pairs.filter(|(here, there)| differs(&here.written(), &there.written()));
        odd.extend(beyond.map(|(here, _)| (Some(here.above), Proportion::Tier)));
    }
    odd.into_iter()
}

/// Whether a price is so many hundredths of another; nothing is any part of nothing.
fn is_part(price: Price, of: Price, (least, most): (i64, i64)) -> bool {
    let [price, least, most] = [(price, 100), (of, least), (of, most)]
        .map(|(price, times)| i128::from(price.nano_per_million()) * i128::from(times));
    (least..=most).contains(&price)
}

impl Written {
    fn broken(&self, talks: bool) -> impl Iterator<Item = Proportion> + use<> {
        let (input, output) = (self.input, self.output);
        let write = |price: Price| price == Price::ZERO || is_part(price, input, (100, CACHE_WRITE_MOST));
        let hour = |price: Price| {
            let shorter = self.cache_write.unwrap_or(input);
            price >= shorter && is_part(price, input, (0, CACHE_WRITE_MOST))
        };
        // What is priced as audio alone has no price of text to compare with.
        let audio = |price: Option<Price>, text: Price| {
            price.is_none_or(|price| text == Price::ZERO || is_part(price, text, AUDIO))
        };
        let kept = [
            (Proportion::Output, !talks || is_part(output, input, (50, i64::MAX))),
            (Proportion::Cached, self.cached.is_none_or(|cached| cached <= input)),
            (Proportion::CacheWrite, self.cache_write.is_none_or(write)),
            (Proportion::CacheWriteHour, self.cache_write_1h.is_none_or(hour)),
            (Proportion::Audio, audio(self.audio_input, input) && audio(self.audio_output, output)),
        ];
        kept.into_iter().filter(|(_, kept)| !kept).map(|(rule, _)| rule)
    }

    fn falls_below(&self, shorter: &Self) -> bool {
        let falls = |here: Option<Price>, before: Option<Price>| here.zip(before).is_some_and(|(h, b)| h < b);
        self.input < shorter.input
            || self.output < shorter.output
            || falls(self.cached, shorter.cached)
            || falls(self.cache_write, shorter.cache_write)
    }

    /// Whether input and output are within a range of hundredths of the standard's, and the cache is on the
    /// same side of it: some vendors take no less for what flex reads from the cache.
    fn is_within(&self, standard: &Self, range: (i64, i64)) -> bool {
        let is_cheaper = range.1 <= 100;
        let sides = |here: Option<Price>, there: Option<Price>| {
            here.zip(there).is_none_or(|(here, there)| if is_cheaper { here <= there } else { here >= there })
        };
        is_part(self.input, standard.input, range)
            && is_part(self.output, standard.output, range)
            && sides(self.cached, standard.cached)
            && sides(self.cache_write, standard.cache_write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd_of(entry: &str) -> Vec<Odd> {
        let text = format!("{{provider: v, source: s, checked_on: 2026-11-20, models: [{{id: m, {entry}}}]}}");
        let file: CatalogueFile = serde_saphyr::from_str(&text).expect("a file of the catalogue");
        file.oddities().into_iter().map(|oddity| (oddity.tier, oddity.above, oddity.rule)).collect()
    }

    fn odd(prices: &str) -> Vec<Odd> {
        odd_of(&format!("prices: {{{prices}}}"))
    }

    #[test]
    fn a_price_list_as_vendors_write_them_is_not_odd() {
        for prices in [
            "input: 3, output: 15",
            "input: 0.2, output: 0.1, cached: 0.2",
            "input: 3, output: 15, cached: 0.3, cache_write: 3.75, cache_write_1h: 6",
            "input: 3, output: 15, cached: 0.3, cache_write: 0",
            "input: 0, output: 0, cached: 0, cache_write: 0, tiers: {flex: {input: 0, output: 0}}",
            "input: 2.5, output: 10, audio_input: 32, audio_output: 64",
            "input: 3, output: 15, long_context: [{above: 9, input: 6, output: 22.5}]",
            "input: 2, output: 10, cached: 0.2, long_context: [{above: 9, input: 4, output: 15}], tiers: \
             {flex: {input: 1, output: 5, cached: 0.2, long_context: [{above: 9, input: 2, output: 7.5}]}, \
             ultrafast: {input: 12, output: 60, cached: 1.2, long_context: [{above: 9, input: 24, output: 90}]}}",
        ] {
            assert_eq!(odd(prices), [], "{prices}");
        }
    }

    #[test]
    fn each_proportion_is_looked_at() {
        for (prices, rule) in [
            ("input: 3, output: 1.499999999", Proportion::Output),
            ("input: 3, output: 15, cached: 30", Proportion::Cached),
            ("input: 3, output: 15, cache_write: 2.9", Proportion::CacheWrite),
            ("input: 3, output: 15, cache_write: 6.300000001", Proportion::CacheWrite),
            ("input: 3, output: 15, cache_write: 4, cache_write_1h: 3.5", Proportion::CacheWriteHour),
            ("input: 3, output: 15, cache_write_1h: 60", Proportion::CacheWriteHour),
            ("input: 3, output: 15, audio_input: 0.3", Proportion::Audio),
            ("input: 3, output: 15, audio_output: 1501", Proportion::Audio),
        ] {
            assert_eq!(odd(prices), [(None, None, rule)], "{prices}");
        }
    }

    #[test]
    fn what_embeds_has_no_output_to_price() {
        assert_eq!(odd_of("mode: embedding, prices: {input: 0.02, output: 0}"), []);
        assert_eq!(odd("input: 0.02, output: 0"), [(None, None, Proportion::Output)]);
    }

    #[test]
    fn each_tier_is_held_to_what_such_tiers_ask() {
        for (tier, wrong, right) in [
            ("flex", ["0.39", "0.61"], ["0.4", "0.6"]),
            ("batch", ["0.39", "0.86"], ["0.4", "0.85"]),
            ("priority", ["0.99", "3.01"], ["1", "3"]),
            ("fast", ["0.99", "7.01"], ["1", "7"]),
            ("ultrafast", ["4.99", "7.01"], ["5", "7"]),
        ] {
            let list = |times: &str| {
                odd(&format!("input: 1, output: 1, tiers: {{{tier}: {{input: {times}, output: {times}}}}}"))
            };
            for times in wrong {
                assert_eq!(list(times), [(Some(tier), None, Proportion::Tier)], "{tier} {times}");
            }
            for times in right {
                assert_eq!(list(times), [], "{tier} {times}");
            }
        }
    }

    #[test]
    fn a_tier_is_dearer_and_cheaper_in_its_cache_too() {
        let list = |tier: &str| odd(&format!("input: 1, output: 1, cached: 0.1, tiers: {{{tier}}}"));
        assert_eq!(list("flex: {input: 0.5, output: 0.5, cached: 0.11}"), [(Some("flex"), None, Proportion::Tier)]);
        assert_eq!(list("fast: {input: 2, output: 2, cached: 0.09}"), [(Some("fast"), None, Proportion::Tier)]);
    }

    #[test]
    fn a_tier_without_the_steps_of_the_standard_one_is_odd() {
        let odd = odd(
            "input: 1, output: 1, long_context: [{above: 9, input: 2, output: 2}], tiers: {flex: {input: 0.5, output: 0.5}}",
        );
        assert_eq!(odd, [(Some("flex"), None, Proportion::TierSteps)]);
    }

    #[test]
    fn a_step_is_looked_at_by_itself_and_against_the_one_before() {
        let steps = "{above: 9, input: 6, output: 30, cached: 60}, {above: 10, input: 5, output: 30}";
        let prices = format!("input: 3, output: 15, long_context: [{steps}]");
        assert_eq!(odd(&prices), [(None, Some(9), Proportion::Cached), (None, Some(10), Proportion::Rising)]);
    }

    #[test]
    fn an_oddity_says_where_and_what() {
        let oddity = Oddity {
            provider: "v".into(),
            model: "m".into(),
            tier: Some("flex"),
            above: Some(9),
            rule: Proportion::Cached,
        };
        let said = "`v/m`: `cached` is more than `input` above 9 tokens, in the tier `flex`: \
                    compare it with the vendor's price list";
        assert_eq!(oddity.to_string(), said);
    }
}
