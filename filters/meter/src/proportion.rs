//! Prices that load but look mistyped: the proportions that every vendor's price list keeps.
//!
//! It refuses nothing. A vendor may break every one of these rules, and an operator's prices are the
//! operator's.

use std::fmt;

use tollgate_api::Price;

use crate::catalogue::{CatalogueFile, ModelEntry, Step, Tariff};

/// A price out of proportion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// The vendor.
    pub provider: String,
    /// The model's id.
    pub model: String,
    /// The threshold of the `long_context` step that has it; `None` in the prices for any length.
    pub above: Option<u64>,
    /// What is odd.
    pub rule: Proportion,
}

/// What prices of one model are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proportion {
    /// `output` is at least `input`.
    Output,
    /// `cached` is at most `input`.
    Cached,
    /// `cache_write` is one to three times `input`.
    CacheWrite,
    /// `cache_write_1h` is at least `cache_write`, and at most three times `input`.
    CacheWriteHour,
    /// No price falls past a threshold.
    Rising,
}

impl Proportion {
    fn sentence(self) -> &'static str {
        match self {
            Self::Output => "`output` is less than `input`",
            Self::Cached => "`cached` is more than `input`",
            Self::CacheWrite => "`cache_write` is not one to three times `input`",
            Self::CacheWriteHour => "`cache_write_1h` is less than `cache_write`, or over three times `input`",
            Self::Rising => "a price falls as prompts get longer",
        }
    }
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, model, above, rule } = self;
        write!(f, "`{provider}/{model}`: {}", rule.sentence())?;
        if let Some(above) = above {
            write!(f, " above {above} tokens")?;
        }
        f.write_str(": compare it with the vendor's price list")
    }
}

impl CatalogueFile {
    /// The prices that look mistyped, in the order of the file.
    #[must_use]
    pub fn oddities(&self) -> Vec<Oddity> {
        self.models.iter().flat_map(|model| of_model(&self.provider, model)).collect()
    }
}

fn of_model(provider: &str, model: &ModelEntry) -> Vec<Oddity> {
    let Some(tariff) = &model.prices else { return Vec::new() };
    let mut odd: Vec<_> = List::of(tariff).broken().map(|rule| (None, rule)).collect();
    let mut shorter = List::of(tariff);
    for step in &tariff.long_context {
        let list = List::at(step);
        let falls = list.falls_below(&shorter).then_some(Proportion::Rising);
        odd.extend(list.broken().chain(falls).map(|rule| (Some(step.above), rule)));
        shorter = list;
    }
    let oddity = |(above, rule)| Oddity { provider: provider.to_owned(), model: model.id.clone(), above, rule };
    odd.into_iter().map(oddity).collect()
}

/// The prices of one length of prompt, as they are written.
struct List {
    input: Price,
    output: Price,
    cached: Option<Price>,
    write: Option<Price>,
    hour: Option<Price>,
}

impl List {
    fn of(tariff: &Tariff) -> Self {
        let Tariff { input, output, cached, cache_write, cache_write_1h, long_context: _ } = *tariff;
        Self { input, output, cached, write: cache_write, hour: cache_write_1h }
    }

    fn at(step: &Step) -> Self {
        let Step { above: _, input, output, cached, cache_write } = *step;
        Self { input, output, cached, write: cache_write, hour: None }
    }

    fn broken(&self) -> impl Iterator<Item = Proportion> + use<> {
        let within = |price: Price, least: Price| price >= least && price.femto(1) <= self.input.femto(3);
        let kept = [
            (Proportion::Output, self.output >= self.input),
            (Proportion::Cached, self.cached.is_none_or(|cached| cached <= self.input)),
            (Proportion::CacheWrite, self.write.is_none_or(|write| within(write, self.input))),
            (Proportion::CacheWriteHour, self.hour.is_none_or(|hour| within(hour, self.write.unwrap_or(self.input)))),
        ];
        kept.into_iter().filter(|(_, kept)| !kept).map(|(rule, _)| rule)
    }

    fn falls_below(&self, shorter: &Self) -> bool {
        let falls = |here: Option<Price>, before: Option<Price>| here.zip(before).is_some_and(|(h, b)| h < b);
        self.input < shorter.input
            || self.output < shorter.output
            || falls(self.cached, shorter.cached)
            || falls(self.write, shorter.write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd(prices: &str) -> Vec<(Option<u64>, Proportion)> {
        let text =
            format!("{{provider: v, source: s, checked_on: 2026-11-20, models: [{{id: m, prices: {{{prices}}}}}]}}");
        let file: CatalogueFile = serde_saphyr::from_str(&text).expect("a file of the catalogue");
        file.oddities().into_iter().map(|oddity| (oddity.above, oddity.rule)).collect()
    }

    #[test]
    fn a_price_list_as_vendors_write_them_is_not_odd() {
        for prices in [
            "input: 3, output: 15",
            "input: 0.2, output: 0.2, cached: 0.2",
            "input: 3, output: 15, cached: 0.3, cache_write: 3.75, cache_write_1h: 6",
            "input: 0, output: 0, cached: 0, cache_write: 0",
            "input: 3, output: 15, long_context: [{above: 9, input: 6, output: 22.5}]",
        ] {
            assert_eq!(odd(prices), [], "{prices}");
        }
    }

    #[test]
    fn each_proportion_is_looked_at() {
        for (prices, rule) in [
            ("input: 3, output: 0.15", Proportion::Output),
            ("input: 3, output: 15, cached: 30", Proportion::Cached),
            ("input: 3, output: 15, cache_write: 2.9", Proportion::CacheWrite),
            ("input: 3, output: 15, cache_write: 9.000000001", Proportion::CacheWrite),
            ("input: 3, output: 15, cache_write: 4, cache_write_1h: 3.5", Proportion::CacheWriteHour),
            ("input: 3, output: 15, cache_write_1h: 60", Proportion::CacheWriteHour),
        ] {
            assert_eq!(odd(prices), [(None, rule)], "{prices}");
        }
    }

    #[test]
    fn a_step_is_looked_at_by_itself_and_against_the_one_before() {
        let steps = "{above: 9, input: 6, output: 30, cached: 60}, {above: 10, input: 5, output: 30}";
        let prices = format!("input: 3, output: 15, long_context: [{steps}]");
        assert_eq!(odd(&prices), [(Some(9), Proportion::Cached), (Some(10), Proportion::Rising)]);
    }

    #[test]
    fn an_oddity_says_where_and_what() {
        let oddity = Oddity { provider: "v".into(), model: "m".into(), above: Some(9), rule: Proportion::Cached };
        let said = "`v/m`: `cached` is more than `input` above 9 tokens: compare it with the vendor's price list";
        assert_eq!(oddity.to_string(), said);
    }
}
