//! The most that a request can cost, before it is sent. Pure.
//!
//! Its promise is one-sided: no vendor bills more than this for the bytes that are sent and the cap that
//! is set. How near it comes is a matter of not refusing what could be paid.

use std::collections::BTreeMap;

use memchr::memmem;
use serde_json::value::RawValue;
use tollgate_api::{Call, Cost, Surface, Tier, Usage, UsageSource};
use tollgate_conf::Fees;
use tollgate_ledger::Need;
use tollgate_meter::{List, Prices, Rates};

use super::reach::{TIER_MEMBERS, within};

/// What a vendor's own template adds to a prompt: a beginning, an end, the marks of a message are shorter
/// than its JSON.
const TEMPLATE_TOKENS: u64 = 64;
/// What a vendor's own prompt for using tools adds (Anthropic, 2026-11: 346 to 675).
const TOOLS_TOKENS: u64 = 1024;
/// What one image is read as at most (OpenAI's small models, high detail, 2026-11: 48,169).
const IMAGE_TOKENS: u64 = 50_000;
/// A file may be as long as the longest context on sale, whatever the bytes that name or hold it.
const FILE_TOKENS: u64 = 2_000_000;

/// By what the surfaces name a picture.
const IMAGES: [&str; 5] = ["\"image_url\"", "\"image\"", "\"input_image\"", "\"inlineData\"", "\"inline_data\""];
/// By what they name a file, or a film.
const FILES: [&str; 11] = [
    "\"file_id\"",
    "\"file_data\"",
    "\"file_url\"",
    "\"fileData\"",
    "\"file_uri\"",
    "\"fileUri\"",
    "\"document\"",
    "\"video\"",
    "\"application/pdf\"",
    "\"video/",
    "\"s3Location\"",
];
/// By what they name something to listen to.
const AUDIO: [&str; 3] = ["\"input_audio\"", "\"audio\"", "\"audio/"];

/// The tokens of a prompt at most: a tokenizer over bytes makes at most one of each.
pub(super) fn prompt_tokens(call: &Call) -> u64 {
    let messages = call.messages();
    let count = |words: &[&str]| words.iter().map(|w| memmem::find_iter(messages, w.as_bytes()).count() as u64).sum();
    let images: u64 = count(&IMAGES);
    // What is sent along is no shorter: a page of a few bytes is read as an image.
    let files: u64 = count(&FILES);
    (call.body.len() as u64)
        .saturating_add(TEMPLATE_TOKENS)
        .saturating_add(if call.tools { TOOLS_TOKENS } else { 0 })
        .saturating_add(images.saturating_mul(IMAGE_TOKENS))
        .saturating_add(files.saturating_mul(FILE_TOKENS))
}

/// A tool that is the vendor's to run: what it costs no cap bounds. So is listening to audio: no vendor says
/// how many tokens a file of so many bytes is at most.
pub(super) fn unbounded(call: &Call) -> Option<&'static str> {
    // What a tier costs the catalogue knows: it is held for.
    if let Some(member) = call.unbounded.filter(|member| !TIER_MEMBERS.contains(member)) {
        return Some(member);
    }
    if AUDIO.iter().any(|word| memmem::find(call.messages(), word.as_bytes()).is_some()) {
        return Some("messages");
    }
    let span = call.spans.tools.clone().filter(|_| call.tools)?;
    let tools: Vec<BTreeMap<String, &RawValue>> = serde_json::from_slice(&call.body[span]).ok()?;
    let is_ours = |tool: &BTreeMap<String, &RawValue>| the_client_runs(call.surface, tool);
    (!tools.iter().all(is_ours)).then_some("tools")
}

/// Whether a tool is the client's to run: only its answer is billed.
fn the_client_runs(surface: Surface, tool: &BTreeMap<String, &RawValue>) -> bool {
    match surface {
        Surface::GenerateContent => {
            tool.keys().all(|name| matches!(name.as_str(), "functionDeclarations" | "function_declarations"))
        }
        Surface::Converse => tool.keys().all(|name| matches!(name.as_str(), "toolSpec" | "cachePoint")),
        _ => {
            let kind = tool.get("type").map_or("null", |kind| kind.get()).trim_matches('"');
            matches!(kind, "null" | "function" | "custom" | "local_shell" | "apply_patch" | "shell")
        }
    }
}

/// What the worst use of so many tokens costs: a prompt that is written to the vendor's cache for an hour,
/// or at the dearest of the other prices, at the dearest tier.
pub(super) fn worst_usage(prompt: u64, output: u64, tier: Tier) -> Usage {
    Usage { cache_write_1h: prompt, output, tier, source: UsageSource::Estimated, ..Usage::default() }
}

/// What a request needs at one endpoint, without fees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Price {
    /// The prompt, in nano-dollars.
    pub(super) prompt: i64,
    /// A million tokens of output, in nano-dollars.
    pub(super) output: i64,
}

impl Price {
    /// What a request may cost at a place: its prompt twice, where two may be asked at once.
    pub(super) fn of(is_twice: bool, prices: &Prices, prompt: u64, tier: Tier) -> Self {
        let price = Self::dearest(prices, prompt, tier);
        let times = if is_twice { 2 } else { 1 };
        Self { prompt: price.prompt.saturating_mul(times), ..price }
    }

    /// How many tokens of output this much money leaves, for each choice; `None` where not even the prompt.
    pub(super) fn affords(self, nano: i64, choices: u32) -> Option<u64> {
        let left = nano.checked_sub(self.prompt).filter(|left| *left >= 0)?;
        let each = i128::from(self.output).saturating_mul(i128::from(choices.max(1)));
        match each {
            0 => Some(u64::MAX),
            each => u64::try_from(i128::from(left) * 1_000_000 / each).ok(),
        }
    }

    /// At the dearest of all the endpoint's lists that may apply, up to a tier.
    pub(super) fn dearest(prices: &Prices, prompt: u64, tier: Tier) -> Self {
        let mut worst = Self::default();
        let is_met = |list: &List| within(list.tier, tier) && list.above.is_none_or(|above| prompt > above);
        for List { rates, .. } in prices.lists().filter(is_met) {
            let Rates { input, cached, cache_write, cache_write_1h, output, audio_input, audio_output } = rates;
            let into = [input, cached, cache_write, cache_write_1h, audio_input];
            let rate = into.into_iter().map(|p| p.nano_per_million()).max().unwrap_or(0);
            worst.prompt = worst.prompt.max(per_million(rate, prompt));
            worst.output = worst.output.max(output.max(audio_output).nano_per_million());
        }
        worst
    }

    /// The dearer of two, side by side.
    pub(super) fn or(self, other: Self) -> Self {
        Self { prompt: self.prompt.max(other.prompt), output: self.output.max(other.output) }
    }

    /// With a fee on top, or of the fee alone.
    pub(super) fn with_fee(self, millionths: u32, fee_only: bool) -> Self {
        let part = |nano: i64| {
            let fee = i128::from(nano) * i128::from(millionths);
            // One nano-dollar more, for the rounding of fee and cost apart.
            let fee = i64::try_from((fee + 999_999) / 1_000_000).unwrap_or(i64::MAX).saturating_add(1);
            if fee_only { fee } else { nano.saturating_add(fee) }
        };
        Self { prompt: part(self.prompt).saturating_add(2), output: part(self.output) }
    }

    /// As the ledger's rules want it.
    pub(super) fn need(self, asked: u64, likely: u64, least: u64, choices: u32) -> Need {
        let choices = i64::from(choices.max(1));
        Need { fixed: self.prompt, per_million: self.output.saturating_mul(choices), asked, likely, least }
    }
}

/// Rounded up.
fn per_million(nano: i64, tokens: u64) -> i64 {
    let product = i128::from(nano.max(0)) * i128::from(tokens);
    i64::try_from((product + 999_999) / 1_000_000).unwrap_or(i64::MAX)
}

/// The fee on a cost: in millionths of it, to the nearest nano-dollar, halves away from zero.
pub(crate) fn fee(cost: Cost, own: bool, fees: &Fees) -> i64 {
    let millionths = if own { fees.byok } else { fees.cost };
    let product = i128::from(cost.total().nano()) * i128::from(millionths);
    i64::try_from((product + 500_000) / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tollgate_api::{Address, Price as PerMillion};
    use tollgate_meter::{Catalogue, CatalogueFile, Encoding, ModelEntry, Step, Tariff, TierTariff, Tiers};

    use super::*;

    fn call(body: &str) -> Call {
        tollgate_translate::request::read(&Address::of(Surface::ChatCompletions), body.to_owned().into())
            .expect("a request")
    }

    fn prices(tariff: Tariff) -> Prices {
        let entry = ModelEntry { id: "m".into(), prices: Some(tariff), ..ModelEntry::default() };
        let file = CatalogueFile {
            provider: "p".into(),
            source: "s".into(),
            checked_on: "2026-11-21".parse().expect("a day"),
            data: None,
            priority_by_contract: false,
            models: vec![entry],
        };
        let catalogue = Catalogue::new([file]).expect("a catalogue");
        catalogue.lookup("p", "m").and_then(|entry| entry.prices.clone()).expect("priced")
    }

    fn any_price() -> impl Strategy<Value = PerMillion> {
        (0..100_000_000_000_i64).prop_map(PerMillion::from_nano_per_million)
    }

    fn any_step() -> impl Strategy<Value = Option<Step>> {
        let some = || prop::option::of(any_price());
        let hour = (some(), some(), some());
        prop::option::of((1_u64..50_000, any_price(), any_price(), some(), some(), hour)).prop_map(|step| {
            step.map(|(above, input, output, cached, cache_write, (cache_write_1h, audio_input, audio_output))| Step {
                above,
                input,
                output,
                cached,
                cache_write,
                cache_write_1h,
                audio_input,
                audio_output,
            })
        })
    }

    fn any_list() -> impl Strategy<Value = TierTariff> {
        let some = || prop::option::of(any_price());
        (any_price(), any_price(), some(), some(), some(), some(), some(), any_step()).prop_map(
            |(input, output, cached, cache_write, cache_write_1h, audio_input, audio_output, step)| TierTariff {
                input,
                output,
                cached,
                cache_write,
                cache_write_1h,
                audio_input,
                audio_output,
                long_context: step.into_iter().collect(),
            },
        )
    }

    fn any_tariff() -> impl Strategy<Value = Tariff> {
        let tier = || prop::option::of(any_list());
        (any_list(), tier(), tier(), tier(), tier(), tier()).prop_map(
            |(standard, flex, batch, priority, fast, ultrafast)| Tariff {
                input: standard.input,
                output: standard.output,
                cached: standard.cached,
                cache_write: standard.cache_write,
                cache_write_1h: standard.cache_write_1h,
                audio_input: standard.audio_input,
                audio_output: standard.audio_output,
                long_context: standard.long_context,
                tiers: Tiers { flex, batch, priority, fast, ultrafast },
            },
        )
    }

    proptest! {
        /// The promise: whatever a vendor reports within the bounds, it costs no more than was held.
        #[test]
        fn no_use_within_the_bounds_costs_more_than_is_held(
            tariff in any_tariff(),
            prompt in 0_u64..100_000,
            parts in prop::array::uniform3(0_u64..=1000),
            (cap, said, choices) in (0_u64..40_000, 0_u64..=1000, 1_u32..4),
            (asked, served, audio) in (0_usize..6, 0_usize..6, 0_u64..=2000),
            (cost_fee, byok_fee) in (0_u32..=200_000, 0_u32..=200_000),
        ) {
            let prices = prices(tariff);
            let fees = Fees { cost: cost_fee, byok: byok_fee, saving: 0 };
            // Any split of any prompt up to the bound, any answer up to the cap.
            let [a, b, c] = parts.map(|part| prompt / 3 * part / 1000);
            let rest = prompt - a - b - c;
            let output = cap * u64::from(choices) * said / 1000;
            let (asked, tier) = (Tier::ALL[asked], Tier::ALL[served]);
            prop_assume!(within(tier, asked));
            let heard = Usage { audio_input: audio, audio_output: audio, tier, output, ..Usage::default() };
            for used in [
                Usage { input: a, cached: b, cache_write: c, cache_write_1h: rest, ..heard },
                Usage { input: rest, cached: a, cache_write: b, cache_write_1h: c, ..heard },
            ] {
                let cost = prices.cost(&used);
                let price = Price::dearest(&prices, prompt, asked);
                for own in [false, true] {
                    let fee = fee(cost, own, &fees);
                    let of = if own { fees.byok } else { fees.cost };
                    let held = price.with_fee(of, false).need(cap, cap, cap, choices).worst(cap);
                    prop_assert!(cost.total().nano() + fee <= held, "{cost:?} + {fee} of {held}");
                    let held = price.with_fee(of, true).need(cap, cap, cap, choices).worst(cap);
                    prop_assert!(fee <= held, "a fee of {fee} of {held}");
                }
            }
        }

        #[test]
        fn no_tokenizer_makes_more_of_a_prompt_than_is_held_for(text in "\\PC{0,300}") {
            let body = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": text}]}).to_string();
            let call = call(&body);
            let messages = std::str::from_utf8(call.messages()).expect("UTF-8");
            for model in ["gpt-4", "gpt-5.4-mini"] {
                let counted = Encoding::of_model(model).prompt(messages);
                prop_assert!(counted <= prompt_tokens(&call), "{counted}");
            }
        }
    }

    #[test]
    fn images_and_files_that_are_only_named_count_as_the_largest_there_are() {
        let plain = call(r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#);
        let image = call(
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x"}}]}]}"#,
        );
        let file =
            call(r#"{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]}"#);
        assert!(prompt_tokens(&plain) < 200);
        assert!(prompt_tokens(&image) >= IMAGE_TOKENS);
        assert!(prompt_tokens(&file) >= FILE_TOKENS);
    }

    #[test]
    fn a_fee_is_rounded_to_the_nearest_nano_dollar() {
        let cost = |nano| Cost { input: tollgate_api::Money::from_nano(nano), ..Cost::default() };
        let fees = Fees { cost: 25_000, byok: 500_000, saving: 0 };
        assert_eq!(fee(cost(19), false, &fees), 0);
        assert_eq!(fee(cost(20), false, &fees), 1);
        assert_eq!(fee(cost(1_000_000_000), false, &fees), 25_000_000);
        assert_eq!(fee(cost(3), true, &fees), 2);
        assert_eq!(fee(Cost::default(), true, &fees), 0);
    }
}
