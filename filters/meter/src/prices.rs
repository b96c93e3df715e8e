//! Usage times price, exactly: integers throughout, rounded once per side.
//!
//! It knows no model. Where a tariff leaves a price out, it says here which one stands in.

use tollgate_api::{Cost, Money, Price, Tier, Usage};

use crate::tariff::{Step, Tariff, TierTariff, Written};

/// What a priority tier that has no list is taken to ask, in times of the standard one: the most that the
/// rules of proportion let such a list ask, so that nobody is charged too little for what no list says.
const PRIORITY_TIMES: i64 = 3;
/// The same for fast machines.
const FAST_TIMES: i64 = 7;

/// What a model's tokens cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prices {
    /// One ladder for each tier, in the order of [`Tier::ALL`].
    ladders: [Ladder; Tier::ALL.len()],
    /// The tiers whose prices are written nowhere, and taken to be the most that they can be.
    guessed: Vec<Tier>,
    /// The tiers that have a list of their own, the standard one first.
    sold: Vec<Tier>,
}

/// The prices of a tier: for any prompt, and for those past rising thresholds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ladder {
    base: Rates,
    long: Vec<(u64, Rates)>,
}

/// A price for each kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Fresh input.
    pub input: Price,
    /// Read from the vendor's cache.
    pub cached: Price,
    /// Written to the vendor's cache.
    pub cache_write: Price,
    /// Written to the vendor's cache for an hour.
    pub cache_write_1h: Price,
    /// Output.
    pub output: Price,
    /// Fresh input that is audio.
    pub audio_input: Price,
    /// Output that is audio.
    pub audio_output: Price,
}

/// One list of prices, and when it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    /// The service tier.
    pub tier: Tier,
    /// Past which length of prompt; `None` for any.
    pub above: Option<u64>,
    /// Its prices.
    pub rates: Rates,
}

impl Prices {
    /// The prices of a tariff. A price left out is that of fresh input, or of output for what is spoken; that
    /// of an hour's cache write, of `cache_write`.
    ///
    /// A tier left out that is cheap is priced as the standard one: no vendor asks more for waiting. One that
    /// is dear is priced as the other dear one, since OpenAI answers `priority` to `fast`; where there is
    /// neither, as the most that such a tier asks anywhere. What is sold by contract was paid beforehand.
    pub(crate) fn new(tariff: &Tariff, priority_by_contract: bool) -> Self {
        let standard = Ladder::new(&tariff.written(), &tariff.long_context);
        let tiers = &tariff.tiers;
        let own = |list: &Option<TierTariff>| list.as_ref().map(|l| Ladder::new(&l.written(), &l.long_context));
        let fast = own(&tiers.fast);
        let priority = own(&tiers.priority).or_else(|| priority_by_contract.then(|| standard.clone()));
        let ultrafast = own(&tiers.ultrafast);
        let guessed = [
            (Tier::Priority, priority.is_none() && fast.is_none()),
            (Tier::Fast, fast.is_none() && (priority.is_none() || priority_by_contract)),
            (Tier::Ultrafast, ultrafast.is_none()),
        ];
        let ladder = |tier: Tier| match tier {
            Tier::Standard => standard.clone(),
            Tier::Flex => own(&tiers.flex).unwrap_or_else(|| standard.clone()),
            Tier::Batch => own(&tiers.batch).unwrap_or_else(|| standard.clone()),
            Tier::Priority => {
                priority.clone().or_else(|| fast.clone()).unwrap_or_else(|| standard.times(PRIORITY_TIMES))
            }
            Tier::Fast => {
                let other = priority.clone().filter(|_| !priority_by_contract);
                fast.clone().or(other).unwrap_or_else(|| standard.times(FAST_TIMES))
            }
            Tier::Ultrafast => ultrafast.clone().unwrap_or_else(|| standard.times(FAST_TIMES)),
        };
        Self {
            ladders: Tier::ALL.map(ladder),
            guessed: guessed.into_iter().filter_map(|(tier, guessed)| guessed.then_some(tier)).collect(),
            sold: Tier::ALL.into_iter().filter(|tier| *tier == Tier::Standard || tiers.of(*tier).is_some()).collect(),
        }
    }

    /// Each list of prices of each tier, the standard one first, and within a tier the shortest prompts first.
    pub fn lists(&self) -> impl Iterator<Item = List> + '_ {
        let of_tier = |(tier, ladder): (Tier, &'_ Ladder)| {
            let steps = ladder.long.iter().map(|(above, rates)| (Some(*above), *rates));
            let all: Vec<_> = std::iter::once((None, ladder.base)).chain(steps).collect();
            all.into_iter().map(move |(above, rates)| List { tier, above, rates })
        };
        Tier::ALL.into_iter().zip(&self.ladders).flat_map(of_tier)
    }

    /// Whether a list says what this tier costs, rather than the most that such a tier asks anywhere.
    #[must_use]
    pub fn says(&self, tier: Tier) -> bool {
        !self.guessed.contains(&tier)
    }

    /// Whether the vendor sells the model at this tier: there is a list of its own for it. A tier that is priced
    /// as another one, or by contract, has none; the standard one always has.
    #[must_use]
    pub fn sells(&self, tier: Tier) -> bool {
        self.sold.contains(&tier)
    }

    /// What this usage costs at the tier that served it. A prompt over a long-context threshold, cached
    /// tokens included, reprices the whole request.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Cost {
        let Rates { input, cached, cache_write, cache_write_1h, output, audio_input, audio_output } =
            self.ladder(usage.tier).at(usage.prompt());
        let (heard, spoken) = (usage.audio_input.min(usage.input), usage.audio_output.min(usage.output));
        let into = [
            input.femto(usage.input - heard),
            audio_input.femto(heard),
            cached.femto(usage.cached),
            cache_write.femto(usage.cache_write),
            cache_write_1h.femto(usage.cache_write_1h),
        ];
        let out = [output.femto(usage.output - spoken), audio_output.femto(spoken)];
        Cost { input: rounded(into), output: rounded(out) }
    }

    fn ladder(&self, tier: Tier) -> &Ladder {
        let at = Tier::ALL.iter().position(|known| *known == tier).unwrap_or_default();
        &self.ladders[at]
    }
}

impl Ladder {
    fn new(base: &Written, steps: &[Step]) -> Self {
        let base = Rates::new(base);
        Self { base, long: steps.iter().map(|step| (step.above, base.at(&step.written()))).collect() }
    }

    fn at(&self, prompt: u64) -> &Rates {
        let step = self.long.iter().rev().find(|(above, _)| prompt > *above);
        step.map_or(&self.base, |(_, rates)| rates)
    }

    fn times(&self, times: i64) -> Self {
        let long = self.long.iter().map(|(above, rates)| (*above, rates.times(times)));
        Self { base: self.base.times(times), long: long.collect() }
    }
}

impl Rates {
    fn new(list: &Written) -> Self {
        let Written { input, output, cached, cache_write, cache_write_1h, audio_input, audio_output } = *list;
        let write = cache_write.unwrap_or(input);
        Self {
            input,
            cached: cached.unwrap_or(input),
            cache_write: write,
            cache_write_1h: cache_write_1h.unwrap_or(write),
            output,
            audio_input: audio_input.unwrap_or(input),
            audio_output: audio_output.unwrap_or(output),
        }
    }

    /// The rates past a threshold. A step that has no price of its own for an hour's cache write, or for
    /// audio, keeps its proportion to the shorter write and to text, as on the lists of the vendors that sell
    /// both.
    fn at(&self, step: &Written) -> Self {
        let Written { input, output, cached, cache_write, cache_write_1h, audio_input, audio_output } = *step;
        let write = cache_write.unwrap_or(input);
        Self {
            input,
            cached: cached.unwrap_or(input),
            cache_write: write,
            cache_write_1h: cache_write_1h
                .unwrap_or_else(|| in_proportion(write, self.cache_write_1h, self.cache_write)),
            output,
            audio_input: audio_input.unwrap_or_else(|| in_proportion(input, self.audio_input, self.input)),
            audio_output: audio_output.unwrap_or_else(|| in_proportion(output, self.audio_output, self.output)),
        }
    }

    fn times(&self, times: i64) -> Self {
        let dearer = |price: Price| Price::from_nano_per_million(price.nano_per_million().saturating_mul(times));
        let Self { input, cached, cache_write, cache_write_1h, output, audio_input, audio_output } = *self;
        Self {
            input: dearer(input),
            cached: dearer(cached),
            cache_write: dearer(cache_write),
            cache_write_1h: dearer(cache_write_1h),
            output: dearer(output),
            audio_input: dearer(audio_input),
            audio_output: dearer(audio_output),
        }
    }
}

/// `price` × `part` / `whole`, a broken nano-dollar rounded up; `price` itself where `whole` is free.
fn in_proportion(price: Price, part: Price, whole: Price) -> Price {
    let [price_nano, part, whole] = [price, part, whole].map(|p| p.femto(1).unsigned_abs());
    if whole == 0 {
        return price;
    }
    let nano = (price_nano * part).div_ceil(whole);
    Price::from_nano_per_million(i64::try_from(nano).unwrap_or(i64::MAX))
}

/// The sum, rounded once. More than money can hold is the most it can hold.
fn rounded<const N: usize>(femto: [i128; N]) -> Money {
    // Half the range is far past what money holds, and leaves room to round.
    let sum = femto.into_iter().fold(0, i128::saturating_add);
    Money::from_femto(sum.min(i128::MAX / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(text: &str) -> Price {
        text.parse().expect("a price")
    }

    fn prices() -> Prices {
        let tariff = Tariff {
            input: price("3"),
            output: price("15"),
            cached: Some(price("0.3")),
            cache_write: Some(price("3.75")),
            cache_write_1h: Some(price("6")),
            long_context: vec![Step {
                above: 200_000,
                input: price("6"),
                output: price("22.5"),
                cached: Some(price("0.6")),
                cache_write: Some(price("7.5")),
                ..Step::default()
            }],
            ..Tariff::default()
        };
        Prices::new(&tariff, false)
    }

    fn plain(input: &str, output: &str) -> Tariff {
        Tariff { input: price(input), output: price(output), ..Tariff::default() }
    }

    fn priced(tariff: &Tariff) -> Prices {
        Prices::new(tariff, false)
    }

    fn tier(input: &str, output: &str) -> Option<TierTariff> {
        Some(TierTariff { input: price(input), output: price(output), ..TierTariff::default() })
    }

    fn cost(usage: Usage) -> (String, String) {
        let cost = prices().cost(&usage);
        (cost.input.to_string(), cost.output.to_string())
    }

    #[test]
    fn each_kind_of_token_has_its_price() {
        let usage =
            Usage { input: 1000, cached: 2000, cache_write: 100, cache_write_1h: 10, output: 7, ..Usage::default() };
        // 1000×3 + 2000×0.3 + 100×3.75 + 10×6 = 4035 millionths of a dollar; 7×15 = 105.
        assert_eq!(cost(usage), ("0.004035".into(), "0.000105".into()));
    }

    #[test]
    fn reasoning_is_part_of_output_and_not_charged_twice() {
        let usage = Usage { output: 100, reasoning: 90, ..Usage::default() };
        assert_eq!(cost(usage).1, "0.0015");
    }

    #[test]
    fn a_long_prompt_reprices_the_whole_request_and_cached_tokens_make_it_long() {
        let at = Usage { input: 100_000, cached: 100_000, output: 1000, ..Usage::default() };
        let over = Usage { cached: 100_001, ..at };
        assert_eq!(cost(at), ("0.33".into(), "0.015".into()));
        assert_eq!(cost(over), ("0.6600006".into(), "0.0225".into()));
    }

    #[test]
    fn of_several_thresholds_passed_the_highest_counts() {
        let step =
            |above, dollars: &str| Step { above, input: price(dollars), output: price(dollars), ..Step::default() };
        let prices = priced(&Tariff { long_context: vec![step(10, "2"), step(20, "3")], ..plain("1", "1") });
        for (tokens, dollars) in [(10, "0.00001"), (11, "0.000022"), (20, "0.00004"), (21, "0.000063")] {
            let cost = prices.cost(&Usage { input: tokens, ..Usage::default() });
            assert_eq!(cost.input.to_string(), dollars, "{tokens}");
        }
    }

    #[test]
    fn past_a_threshold_an_hours_write_keeps_its_proportion_to_the_short_one() {
        // 7.5 × 6 / 3.75 = 12 dollars per million.
        let usage = Usage { cache_write_1h: 1_000_000, ..Usage::default() };
        assert_eq!(cost(usage).0, "12");
        assert_eq!(in_proportion(price("1"), price("1"), price("3")), price("0.333333334"));
        assert_eq!(in_proportion(price("1"), price("5"), Price::ZERO), price("1"));
    }

    #[test]
    fn a_price_left_out_is_that_of_fresh_input() {
        let plain = priced(&plain("2", "4"));
        let split = Usage { input: 1, cached: 2, cache_write: 3, cache_write_1h: 4, ..Usage::default() };
        let whole = Usage { input: 10, ..Usage::default() };
        assert_eq!(plain.cost(&split), plain.cost(&whole));
    }

    #[test]
    fn each_side_is_rounded_once_and_not_each_kind_of_token() {
        // Four times 0.25 nano-dollars is one; rounded apart they would be none.
        let quarter = priced(&plain("0.00025", "0.0004"));
        let usage = Usage { input: 1, cached: 1, cache_write: 1, cache_write_1h: 1, output: 1, ..Usage::default() };
        assert_eq!(quarter.cost(&usage), Cost { input: Money::from_nano(1), output: Money::ZERO });
    }

    #[test]
    fn the_dearest_prices_of_the_most_tokens_cost_all_that_money_holds() {
        let dearest = priced(&plain("9223372036.854775807", "9223372036.854775807"));
        let most = u64::MAX;
        let usage = Usage {
            input: most,
            cached: most,
            cache_write: most,
            cache_write_1h: most,
            output: most,
            ..Usage::default()
        };
        let all = Money::from_nano(i64::MAX);
        assert_eq!(dearest.cost(&usage), Cost { input: all, output: all });
    }

    /// A million tokens of input and one of output at a tier, in dollars.
    fn million(prices: &Prices, tier: Tier) -> (String, String) {
        let cost = prices.cost(&Usage { input: 1_000_000, output: 1_000_000, tier, ..Usage::default() });
        (cost.input.to_string(), cost.output.to_string())
    }

    #[test]
    fn a_request_is_priced_by_the_tier_that_served_it() {
        let tiers = crate::Tiers {
            flex: tier("1", "5"),
            batch: tier("1.5", "7"),
            priority: tier("4", "20"),
            fast: tier("5", "25"),
            ultrafast: tier("12", "60"),
        };
        let prices = priced(&Tariff { tiers, ..plain("2", "10") });
        for (tier, input, output) in [
            (Tier::Standard, "2", "10"),
            (Tier::Flex, "1", "5"),
            (Tier::Batch, "1.5", "7"),
            (Tier::Priority, "4", "20"),
            (Tier::Fast, "5", "25"),
            (Tier::Ultrafast, "12", "60"),
        ] {
            assert_eq!(million(&prices, tier), (input.into(), output.into()), "{tier:?}");
            assert!(prices.says(tier) && prices.sells(tier), "{tier:?}");
        }
    }

    #[test]
    fn a_cheap_tier_without_a_list_costs_what_the_standard_one_does_and_a_dear_one_the_most_it_can() {
        let prices = priced(&plain("2", "10"));
        for (tier, input, says) in [
            (Tier::Flex, "2", true),
            (Tier::Batch, "2", true),
            (Tier::Priority, "6", false),
            (Tier::Fast, "14", false),
            (Tier::Ultrafast, "14", false),
        ] {
            assert_eq!((million(&prices, tier).0, prices.says(tier)), (input.to_owned(), says), "{tier:?}");
        }
    }

    #[test]
    fn a_tier_is_sold_where_it_has_a_list_of_its_own_and_the_standard_one_always() {
        let flex = crate::Tiers { flex: tier("1", "5"), ..crate::Tiers::default() };
        let fast = crate::Tiers { fast: tier("4", "20"), ..crate::Tiers::default() };
        for (tiers, by_contract, sold) in [
            (crate::Tiers::default(), true, vec![Tier::Standard]),
            (flex, false, vec![Tier::Standard, Tier::Flex]),
            (fast, false, vec![Tier::Standard, Tier::Fast]),
        ] {
            let prices = Prices::new(&Tariff { tiers, ..plain("2", "10") }, by_contract);
            assert_eq!(Tier::ALL.into_iter().filter(|tier| prices.sells(*tier)).collect::<Vec<_>>(), sold);
        }
    }

    #[test]
    fn of_priority_and_fast_the_one_that_is_listed_stands_for_the_other() {
        for tiers in [
            crate::Tiers { priority: tier("4", "20"), ..crate::Tiers::default() },
            crate::Tiers { fast: tier("4", "20"), ..crate::Tiers::default() },
        ] {
            let prices = priced(&Tariff { tiers, ..plain("2", "10") });
            for tier in [Tier::Priority, Tier::Fast] {
                assert_eq!((million(&prices, tier).0.as_str(), prices.says(tier)), ("4", true));
            }
        }
    }

    #[test]
    fn what_a_contract_paid_for_beforehand_costs_no_more_and_says_nothing_of_fast_machines() {
        let prices = Prices::new(&plain("2", "10"), true);
        assert_eq!((million(&prices, Tier::Priority).0.as_str(), prices.says(Tier::Priority)), ("2", true));
        assert_eq!((million(&prices, Tier::Fast).0.as_str(), prices.says(Tier::Fast)), ("14", false));
    }

    #[test]
    fn audio_is_part_of_what_goes_in_and_comes_out_and_has_its_own_price() {
        let tariff = Tariff { audio_input: Some(price("32")), audio_output: Some(price("64")), ..plain("2.5", "10") };
        let usage = Usage { input: 100, audio_input: 40, output: 50, audio_output: 50, ..Usage::default() };
        let cost = priced(&tariff).cost(&usage);
        // 60×2.5 + 40×32 = 1 430 millionths; 50×64 = 3 200.
        assert_eq!((cost.input.to_string(), cost.output.to_string()), ("0.00143".into(), "0.0032".into()));
        let without = priced(&plain("2.5", "10")).cost(&usage);
        assert_eq!((without.input.to_string(), without.output.to_string()), ("0.00025".into(), "0.0005".into()));
    }

    #[test]
    fn a_report_of_more_audio_than_tokens_charges_for_no_more_than_there_are() {
        let tariff = Tariff { audio_input: Some(price("32")), ..plain("2.5", "10") };
        let usage = Usage { input: 10, audio_input: u64::MAX, output: 1, audio_output: 2, ..Usage::default() };
        let cost = priced(&tariff).cost(&usage);
        assert_eq!((cost.input.to_string(), cost.output.to_string()), ("0.00032".into(), "0.00001".into()));
    }

    #[test]
    fn past_a_threshold_audio_keeps_its_proportion_to_text() {
        let step = Step { above: 10, input: price("5"), output: price("15"), ..Step::default() };
        let tariff = Tariff {
            audio_input: Some(price("32")),
            audio_output: Some(price("64")),
            long_context: vec![step],
            ..plain("2.5", "10")
        };
        let usage = Usage { input: 1000, audio_input: 1000, output: 1000, audio_output: 1000, ..Usage::default() };
        let cost = priced(&tariff).cost(&usage);
        assert_eq!((cost.input.to_string(), cost.output.to_string()), ("0.064".into(), "0.096".into()));
    }

    #[test]
    fn all_lists_of_all_tiers_are_there() {
        let steps = |tier: Tier| {
            prices().lists().filter(move |list| list.tier == tier).map(|list| list.above).collect::<Vec<_>>()
        };
        for tier in Tier::ALL {
            assert_eq!(steps(tier), [None, Some(200_000)], "{tier:?}");
        }
    }
}
