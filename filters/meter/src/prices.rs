//! Usage times price, exactly: integers throughout, rounded once per side.

use tollgate_api::{Cost, Money, Price, Usage};

use crate::catalogue::{Step, Tariff};

/// What a model's tokens cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prices {
    base: Rates,
    /// Rising thresholds.
    long: Vec<(u64, Rates)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rates {
    input: Price,
    cached: Price,
    cache_write: Price,
    cache_write_1h: Price,
    output: Price,
}

impl Prices {
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
        let step = |step: &Step| {
            let write = step.cache_write.unwrap_or(step.input);
            let rates = Rates {
                input: step.input,
                cached: step.cached.unwrap_or(step.input),
                cache_write: write,
                cache_write_1h: write,
                output: step.output,
            };
            (step.above, rates)
        };
        Self { base, long: long_context.iter().map(step).collect() }
    }

    /// What this usage costs. A prompt over a long-context threshold, cached tokens included,
    /// reprices the whole request.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Cost {
        let prompt = usage.prompt();
        let step = self.long.iter().rev().find(|(above, _)| prompt > *above);
        let rates = step.map_or(&self.base, |(_, rates)| rates);
        let input = rates.input.femto(usage.input)
            + rates.cached.femto(usage.cached)
            + rates.cache_write.femto(usage.cache_write)
            + rates.cache_write_1h.femto(usage.cache_write_1h);
        Cost { input: Money::from_femto(input), output: Money::from_femto(rates.output.femto(usage.output)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
                cache_write: None,
            }],
        })
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
    fn a_price_left_out_is_that_of_fresh_input() {
        let plain = Prices::new(&Tariff {
            input: price("2"),
            output: price("4"),
            cached: None,
            cache_write: None,
            cache_write_1h: None,
            long_context: vec![],
        });
        let split = Usage { input: 1, cached: 2, cache_write: 3, cache_write_1h: 4, ..Usage::default() };
        let whole = Usage { input: 10, ..Usage::default() };
        assert_eq!(plain.cost(&split), plain.cost(&whole));
    }

    proptest! {
        #[test]
        fn more_tokens_never_cost_less(a in 0_u64..1 << 40, b in 0_u64..1 << 40) {
            let one = prices().cost(&Usage { input: a, ..Usage::default() });
            let both = prices().cost(&Usage { input: a + b, ..Usage::default() });
            prop_assert!(both.input >= one.input);
        }

        #[test]
        fn no_usage_overflows(usage in any::<[u64; 5]>()) {
            let [input, cached, cache_write, cache_write_1h, output] = usage;
            let cost = prices().cost(&Usage { input, cached, cache_write, cache_write_1h, output, ..Usage::default() });
            prop_assert!(cost.input >= Money::ZERO && cost.output >= Money::ZERO);
        }
    }
}
