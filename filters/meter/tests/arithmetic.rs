//! Cost against slow, obvious arithmetic in fractions, for tariffs and usages drawn at random.

use proptest::prelude::*;
use tollgate_api::{Cost, Money, Price, Usage};
use tollgate_meter::{Catalogue, CatalogueFile, ModelEntry, Prices, Step, Tariff};

/// Nano-dollars per million tokens of each kind: input, output, cached, cache write, an hour's write.
type Nanos = [i64; 5];

/// A fraction in lowest terms.
#[derive(Clone, Copy)]
struct Fraction {
    over: i128,
    under: i128,
}

impl Fraction {
    fn new(over: i128, under: i128) -> Self {
        let shared = gcd(over, under);
        Self { over: over / shared, under: under / shared }
    }

    fn plus(self, other: Self) -> Self {
        Self::new(self.over * other.under + other.over * self.under, self.under * other.under)
    }

    /// To the nearest whole, halves up.
    fn round(self) -> i128 {
        let (whole, rest) = (self.over / self.under, self.over % self.under);
        if 2 * rest >= self.under { whole + 1 } else { whole }
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

/// Nano-dollars for all of `parts`, each some tokens at some nano-dollars per million.
fn slowly(parts: &[(u64, i64)]) -> Money {
    let nothing = Fraction::new(0, 1);
    let sum = parts.iter().fold(nothing, |sum, (tokens, price)| {
        sum.plus(Fraction::new(i128::from(*tokens) * i128::from(*price), 1_000_000))
    });
    Money::from_nano(i64::try_from(sum.round()).expect("drawn small enough"))
}

fn cost_slowly([input, output, cached, write, hour]: Nanos, usage: &Usage) -> Cost {
    let parts =
        [(usage.input, input), (usage.cached, cached), (usage.cache_write, write), (usage.cache_write_1h, hour)];
    Cost { input: slowly(&parts), output: slowly(&[(usage.output, output)]) }
}

fn priced(nanos: Nanos, long_context: Vec<Step>) -> Prices {
    let [input, output, cached, write, hour] = nanos.map(Price::from_nano_per_million);
    let tariff = Tariff {
        input,
        output,
        cached: Some(cached),
        cache_write: Some(write),
        cache_write_1h: Some(hour),
        long_context,
        ..Tariff::default()
    };
    let model = ModelEntry { id: "m".into(), prices: Some(tariff), ..ModelEntry::default() };
    let file = CatalogueFile {
        provider: "v".into(),
        source: "drawn".into(),
        checked_on: "2026-11-20".parse().expect("a day"),
        data: None,
        priority_by_contract: false,
        models: vec![model],
    };
    let catalogue = Catalogue::new([file]).expect("one model");
    catalogue.lookup("v", "m").and_then(|entry| entry.prices.clone()).expect("priced")
}

/// The step whose prices are `by` nano-dollars over these.
fn dearer([input, output, cached, write, _]: Nanos, above: u64, by: i64) -> Step {
    let [input, output, cached, write] = [input, output, cached, write].map(|p| Price::from_nano_per_million(p + by));
    Step { above, input, output, cached: Some(cached), cache_write: Some(write), ..Step::default() }
}

fn usage([input, cached, cache_write, cache_write_1h, output]: [u64; 5]) -> Usage {
    Usage { input, cached, cache_write, cache_write_1h, output, ..Usage::default() }
}

/// Up to a thousand dollars per million.
fn nanos() -> impl Strategy<Value = Nanos> {
    prop::array::uniform5(1..1_000_000_000_000_i64)
}

fn tokens() -> impl Strategy<Value = [u64; 5]> {
    prop::array::uniform5(prop_oneof![0..10_u64, 0..1_000_000_u64, 0..1_000_000_000_u64])
}

proptest! {
    #[test]
    fn cost_is_what_fractions_say(nanos in nanos(), tokens in tokens()) {
        let usage = usage(tokens);
        prop_assert_eq!(priced(nanos, vec![]).cost(&usage), cost_slowly(nanos, &usage));
    }

    #[test]
    fn more_tokens_of_any_kind_never_cost_less(
        nanos in nanos(), tokens in tokens(), more in tokens(), above in 0..2_000_000_u64, by in 0..1_000_000_000_i64,
    ) {
        let prices = priced(nanos, vec![dearer(nanos, above, by)]);
        let both = std::array::from_fn(|kind| tokens[kind] + more[kind]);
        let (few, many) = (prices.cost(&usage(tokens)), prices.cost(&usage(both)));
        prop_assert!(many.input >= few.input && many.output >= few.output, "{few:?} {many:?}");
    }

    #[test]
    fn at_equal_prices_it_does_not_matter_which_kind_a_token_is(price in 1..1_000_000_000_000_i64, tokens in tokens()) {
        let prices = priced([price; 5], vec![]);
        let [input, cached, write, hour, output] = tokens;
        let fresh = usage([input + cached + write + hour, 0, 0, 0, output]);
        prop_assert_eq!(prices.cost(&usage(tokens)), prices.cost(&fresh));
    }

    #[test]
    fn a_threshold_changes_nothing_up_to_it_and_everything_past_it(nanos in nanos(), tokens in tokens(), over in any::<bool>()) {
        let usage = usage(tokens);
        let above = usage.prompt().saturating_sub(u64::from(over));
        let step = dearer(nanos, above, 1_000_000);
        let past = usage.prompt() > above;
        let output = if past { nanos[1] + 1_000_000 } else { nanos[1] };
        prop_assert_eq!(priced(nanos, vec![step]).cost(&usage).output, slowly(&[(usage.output, output)]));
    }
}
