//! Usage times price, exactly: integers throughout, rounded once per side.
//!
//! It knows no model. Where a tariff leaves a price out, it says here which one stands in.

use tollgate_api::{Cost, Money, Price, Usage};

use crate::catalogue::{Step, Tariff};

/// What a model's tokens cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prices {
    base: Rates,
    /// Rising thresholds.
    long: Vec<(u64, Rates)>,
}

/// A price for each kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rates {
    input: Price,
    cached: Price,
    cache_write: Price,
    cache_write_1h: Price,
    output: Price,
}

impl Prices {
    /// A price left out is that of fresh input; that of an hour's cache write, of `cache_write`.
    pub(crate) fn new(tariff: &Tariff) -> Self {
        let Tariff { input, output, cached, cache_write, cache_write_1h, long_context } = tariff;
        let write = cache_write.unwrap_or(*input);
        let base = Rates {
            input: *input,
            cached: cached.unwrap_or(*input),
            cache_write: write,
            cache_write_1h: cache_write_1h.unwrap_or(write),
            output: *output,
        };
        Self { base, long: long_context.iter().map(|step| (step.above, base.at(step))).collect() }
    }

    /// Each list of prices: past which length of prompt it holds (`None` for any), and its prices for
    /// input, cached, cache write, an hour's cache write, output.
    pub fn lists(&self) -> impl Iterator<Item = (Option<u64>, [Price; 5])> + '_ {
        let all = |r: &Rates| [r.input, r.cached, r.cache_write, r.cache_write_1h, r.output];
        std::iter::once((None, all(&self.base))).chain(self.long.iter().map(move |(above, r)| (Some(*above), all(r))))
    }

    /// What this usage costs. A prompt over a long-context threshold, cached tokens included,
    /// reprices the whole request.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Cost {
        let prompt = usage.prompt();
        let step = self.long.iter().rev().find(|(above, _)| prompt > *above);
        let rates = step.map_or(&self.base, |(_, rates)| rates);
        let input = [
            rates.input.femto(usage.input),
            rates.cached.femto(usage.cached),
            rates.cache_write.femto(usage.cache_write),
            rates.cache_write_1h.femto(usage.cache_write_1h),
        ];
        Cost { input: rounded(input), output: rounded([rates.output.femto(usage.output)]) }
    }
}

impl Rates {
    /// The rates past a threshold. A step has no price of its own for an hour's cache write: it
    /// keeps its proportion to the shorter write, as on the lists of the vendors that sell both.
    fn at(&self, step: &Step) -> Self {
        let Step { above: _, input, output, cached, cache_write } = *step;
        let write = cache_write.unwrap_or(input);
        Self {
            input,
            cached: cached.unwrap_or(input),
            cache_write: write,
            cache_write_1h: in_proportion(write, self.cache_write_1h, self.cache_write),
            output,
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
        Prices::new(&Tariff {
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
            }],
        })
    }

    fn plain(input: &str, output: &str) -> Tariff {
        let (input, output) = (price(input), price(output));
        Tariff { input, output, cached: None, cache_write: None, cache_write_1h: None, long_context: vec![] }
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
        let step = |above, dollars: &str| Step {
            above,
            input: price(dollars),
            output: price(dollars),
            cached: None,
            cache_write: None,
        };
        let prices = Prices::new(&Tariff { long_context: vec![step(10, "2"), step(20, "3")], ..plain("1", "1") });
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
        let plain = Prices::new(&plain("2", "4"));
        let split = Usage { input: 1, cached: 2, cache_write: 3, cache_write_1h: 4, ..Usage::default() };
        let whole = Usage { input: 10, ..Usage::default() };
        assert_eq!(plain.cost(&split), plain.cost(&whole));
    }

    #[test]
    fn each_side_is_rounded_once_and_not_each_kind_of_token() {
        // Four times 0.25 nano-dollars is one; rounded apart they would be none.
        let quarter = Prices::new(&plain("0.00025", "0.0004"));
        let usage = Usage { input: 1, cached: 1, cache_write: 1, cache_write_1h: 1, output: 1, ..Usage::default() };
        assert_eq!(quarter.cost(&usage), Cost { input: Money::from_nano(1), output: Money::ZERO });
    }

    #[test]
    fn the_dearest_prices_of_the_most_tokens_cost_all_that_money_holds() {
        let dearest = Prices::new(&plain("9223372036.854775807", "9223372036.854775807"));
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
}
