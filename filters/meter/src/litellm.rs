//! A row of LiteLLM's price file, read as an entry of ours. The file is a list of facts by many hands: flat
//! members, US dollars per token, floating point, and some rows are wrong.
//!
//! It takes a number as the text that was written, and judges no price: that is `proportion`'s.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use tollgate_api::Price;

use crate::catalogue::ModelEntry;
use crate::tariff::{Step, Tariff, TierTariff};
use crate::{Capability, Date, Mode};

/// A price of ten thousand dollars a token is none; more digits than these overflow.
const DIGITS_MAX: usize = 24;

/// A row: its members as they are written.
pub(crate) type Row<'a> = BTreeMap<String, &'a RawValue>;

/// Why a row is no entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is for something that is not metered in tokens, or not at all here.
    Mode(String),
    /// The vendor no longer serves it.
    Withdrawn(Date),
    /// It has no price per token.
    Unpriced,
    /// All its prices are nothing: whether that is so, an operator says.
    Free,
    /// A member is not what it should be.
    Member(String),
}

/// Each of our capabilities that the file has a member for.
const CAPABILITIES: [(&str, Capability); 13] = [
    ("supports_function_calling", Capability::Tools),
    ("supports_parallel_function_calling", Capability::ParallelTools),
    ("supports_vision", Capability::Images),
    ("supports_image_input", Capability::Images),
    ("supports_pdf_input", Capability::Pdf),
    ("supports_video_input", Capability::Video),
    ("supports_audio_input", Capability::AudioInput),
    ("supports_audio_output", Capability::AudioOutput),
    ("supports_response_schema", Capability::JsonSchema),
    ("supports_reasoning", Capability::Reasoning),
    ("supports_prompt_caching", Capability::PromptCache),
    ("supports_web_search", Capability::WebSearch),
    ("supports_computer_use", Capability::ComputerUse),
];

/// The members of one list of prices.
const PRICES: [&str; 7] = [
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
    "cache_creation_input_token_cost_above_1hr",
    "input_cost_per_audio_token",
    "output_cost_per_audio_token",
];

/// Reads a row as the entry of the model `id`.
pub(crate) fn entry(id: &str, row: &Row<'_>, today: Date) -> Result<ModelEntry, Unread> {
    let mode = mode(row)?;
    let deprecated = date(row, "deprecation_date");
    if let Some(date) = deprecated.filter(|date| today.days_after(*date) >= 0) {
        return Err(Unread::Withdrawn(date));
    }
    let prices = tariff(row, mode)?;
    if prices.input == Price::ZERO && prices.output == Price::ZERO {
        return Err(Unread::Free);
    }
    let context = number(row, "max_input_tokens");
    // The file counts what goes in alone; a context is never less than what comes out of it.
    let max_output = number(row, "max_output_tokens").filter(|_| mode == Mode::Chat);
    Ok(ModelEntry {
        id: id.to_owned(),
        mode,
        context: context.max(max_output),
        max_output,
        capabilities: capabilities(row),
        deprecated,
        prices: Some(prices),
        ..ModelEntry::default()
    })
}

fn mode(row: &Row<'_>) -> Result<Mode, Unread> {
    let text: String = row.get("mode").and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    match &*text {
        "chat" | "responses" => Ok(Mode::Chat),
        "embedding" => Ok(Mode::Embedding),
        "audio_transcription" | "audio_speech" => Ok(Mode::Audio),
        "rerank" => Ok(Mode::Rerank),
        "moderation" => Ok(Mode::Moderation),
        _ => Err(Unread::Mode(text)),
    }
}

fn capabilities(row: &Row<'_>) -> Vec<Capability> {
    let has = |(name, _): &&(&str, Capability)| row.get(*name).is_some_and(|raw| raw.get() == "true");
    let mut found: Vec<_> = CAPABILITIES.iter().filter(has).map(|(_, capability)| *capability).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn tariff(row: &Row<'_>, mode: Mode) -> Result<Tariff, Unread> {
    let TierTariff { input, output, cached, cache_write, cache_write_1h, audio_input, audio_output, long_context } =
        list(row, "", mode)?.ok_or(Unread::Unpriced)?;
    let mut tariff = Tariff {
        input,
        output,
        cached,
        cache_write,
        cache_write_1h,
        audio_input,
        audio_output,
        long_context,
        ..Tariff::default()
    };
    tariff.tiers.flex = list(row, "_flex", mode)?;
    tariff.tiers.batch = list(row, "_batches", mode)?;
    tariff.tiers.priority = list(row, "_priority", mode)?;
    tariff.tiers.ultrafast = list(row, "_ultrafast", mode)?;
    tariff.tiers.fast = multiplier(row, "fast")?.map(|hundredths| tariff.times(hundredths));
    Ok(tariff)
}

/// The list of a tier, `None` where it has none. What only takes in has no price for what comes out.
fn list(row: &Row<'_>, tier: &str, mode: Mode) -> Result<Option<TierTariff>, Unread> {
    let [input, output, cached, cache_write, cache_write_1h, audio_input, audio_output] = prices(row, "", tier)?;
    let output = output.or((mode != Mode::Chat && mode != Mode::Audio).then_some(Price::ZERO));
    let (Some(input), Some(output)) = (input, output) else { return Ok(None) };
    let long_context = thresholds(row).into_iter().filter_map(|thousands| step(row, thousands, tier).transpose());
    Ok(Some(TierTariff {
        input,
        output,
        cached: paid(cached, input),
        cache_write: paid(cache_write, input),
        cache_write_1h: paid(cache_write_1h, input),
        audio_input: paid(audio_input, input),
        audio_output: paid(audio_output, output),
        long_context: long_context.collect::<Result<_, _>>()?,
    }))
}

fn step(row: &Row<'_>, thousands: u64, tier: &str) -> Result<Option<Step>, Unread> {
    let above = format!("_above_{thousands}k_tokens");
    let [input, output, cached, cache_write, cache_write_1h, audio_input, audio_output] = prices(row, &above, tier)?;
    let (Some(input), Some(output)) = (input, output) else { return Ok(None) };
    Ok(Some(Step {
        above: thousands * 1000,
        input,
        output,
        cached: paid(cached, input),
        cache_write: paid(cache_write, input),
        cache_write_1h: paid(cache_write_1h, input),
        audio_input: paid(audio_input, input),
        audio_output: paid(audio_output, output),
    }))
}

/// Nothing beside a price that is something is taken for not known, so that nobody is charged too little.
fn paid(price: Option<Price>, beside: Price) -> Option<Price> {
    price.filter(|price| *price != Price::ZERO || beside == Price::ZERO)
}

fn prices(row: &Row<'_>, above: &str, tier: &str) -> Result<[Option<Price>; 7], Unread> {
    let mut found = [None; 7];
    for (slot, name) in found.iter_mut().zip(PRICES) {
        *slot = price(row, &format!("{name}{above}{tier}"))?;
    }
    Ok(found)
}

/// The thousands of tokens past which there are other prices, rising.
fn thresholds(row: &Row<'_>) -> Vec<u64> {
    let thousands =
        |name: &String| name.strip_prefix("input_cost_per_token_above_")?.strip_suffix("k_tokens")?.parse().ok();
    let mut found: Vec<u64> = row.keys().filter_map(thousands).filter(|thousands| *thousands < 1_000_000).collect();
    found.sort_unstable();
    found
}

fn price(row: &Row<'_>, name: &str) -> Result<Option<Price>, Unread> {
    let Some(raw) = row.get(name).map(|raw| raw.get()).filter(|raw| *raw != "null") else { return Ok(None) };
    // From dollars a token to nano-dollars a million of them.
    let nano = scaled(raw, 15).ok_or_else(|| Unread::Member(name.to_owned()))?;
    Ok(Some(Price::from_nano_per_million(nano)))
}

/// What a vendor's own member says that a mode of it costs, in hundredths of the standard prices.
fn multiplier(row: &Row<'_>, word: &str) -> Result<Option<i64>, Unread> {
    const NAME: &str = "provider_specific_entry";
    let Some(raw) = row.get(NAME) else { return Ok(None) };
    let Ok(members) = serde_json::from_str::<Row<'_>>(raw.get()) else { return Ok(None) };
    let Some(raw) = members.get(word) else { return Ok(None) };
    scaled(raw.get(), 2).map(Some).ok_or_else(|| Unread::Member(format!("{NAME}.{word}")))
}

fn number(row: &Row<'_>, name: &str) -> Option<u64> {
    scaled(row.get(name)?.get(), 0).and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0)
}

fn date(row: &Row<'_>, name: &str) -> Option<Date> {
    serde_json::from_str::<String>(row.get(name)?.get()).ok()?.parse().ok()
}

/// A JSON number times a power of ten, to the nearest whole; `None` for what is negative, too large, or no
/// number. The text is taken apart: as floating point, 4e-7 is not four of anything.
fn scaled(text: &str, power: i32) -> Option<i64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, part].concat();
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u128 = digits.parse().ok()?;
    let shift = exponent.checked_add(power)?.checked_sub(i32::try_from(part.len()).ok()?)?;
    let scaled = match u32::try_from(shift) {
        Ok(up) => value.checked_mul(10_u128.checked_pow(up)?)?,
        Err(_) => match 10_u128.checked_pow(shift.unsigned_abs()) {
            Some(down) => (value + down / 2) / down,
            None => 0,
        },
    };
    i64::try_from(scaled).ok()
}

impl Tariff {
    /// These prices times so many hundredths, as a tier's. The tiers are not part of it.
    fn times(&self, hundredths: i64) -> TierTariff {
        let times = |price: Price| {
            let nano = i128::from(price.nano_per_million()) * i128::from(hundredths);
            Price::from_nano_per_million(i64::try_from((nano + 99) / 100).unwrap_or(i64::MAX))
        };
        let step = |step: &Step| Step {
            above: step.above,
            input: times(step.input),
            output: times(step.output),
            cached: step.cached.map(times),
            cache_write: step.cache_write.map(times),
            cache_write_1h: step.cache_write_1h.map(times),
            audio_input: step.audio_input.map(times),
            audio_output: step.audio_output.map(times),
        };
        TierTariff {
            input: times(self.input),
            output: times(self.output),
            cached: self.cached.map(times),
            cache_write: self.cache_write.map(times),
            cache_write_1h: self.cache_write_1h.map(times),
            audio_input: self.audio_input.map(times),
            audio_output: self.audio_output.map(times),
            long_context: self.long_context.iter().map(step).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<ModelEntry, Unread> {
        let row: Row<'_> = serde_json::from_str(json).expect("a row");
        entry("m", &row, "2026-11-21".parse().expect("a day"))
    }

    fn price(text: &str) -> Price {
        text.parse().expect("a price")
    }

    #[test]
    fn a_number_is_its_text_and_never_a_float() {
        for (text, nano) in [
            ("1.25e-06", 1_250_000_000),
            ("4e-7", 400_000_000),
            ("3.9999999999999996e-07", 400_000_000),
            ("0.000002", 2_000_000_000),
            ("0", 0),
            ("1e-30", 0),
            ("2E-15", 2),
            ("1e-999999", 0),
        ] {
            assert_eq!(scaled(text, 15), Some(nano), "{text}");
        }
        for text in [
            "",
            "-1e-6",
            "1e",
            "e-6",
            "\"1e-6\"",
            "1e9",
            "1e99999999999",
            "0.0000000000000000000000000001",
            "true",
            "NaN",
        ] {
            assert_eq!(scaled(text, 15), None, "{text}");
        }
    }

    #[test]
    fn a_row_has_its_tiers_and_steps() {
        let entry = read(
            r#"{"mode": "chat", "max_input_tokens": 1000, "max_output_tokens": 100, "supports_vision": true,
                "supports_function_calling": true, "supports_reasoning": false, "deprecation_date": "2027-01-02",
                "input_cost_per_token": 2e-06, "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 2e-07,
                "cache_creation_input_token_cost": 0.0, "input_cost_per_audio_token": 4e-6,
                "input_cost_per_token_above_200k_tokens": 4e-06, "output_cost_per_token_above_200k_tokens": 1.5e-05,
                "input_cost_per_token_flex": 1e-06, "output_cost_per_token_flex": 5e-06,
                "input_cost_per_token_above_200k_tokens_flex": 2e-06,
                "output_cost_per_token_above_200k_tokens_flex": 7.5e-06,
                "provider_specific_entry": {"us": 1.1, "fast": 2.0}}"#,
        );
        let entry = entry.expect("an entry");
        assert_eq!((entry.context, entry.max_output), (Some(1000), Some(100)));
        assert_eq!(entry.capabilities, [Capability::Tools, Capability::Images]);
        assert_eq!(entry.deprecated.map(|date| date.to_string()).as_deref(), Some("2027-01-02"));
        let tariff = entry.prices.expect("priced");
        assert_eq!((tariff.input, tariff.output, tariff.cached), (price("2"), price("10"), Some(price("0.2"))));
        assert_eq!((tariff.cache_write, tariff.audio_input), (None, Some(price("4"))));
        let step = |above, input, output| Step { above, input: price(input), output: price(output), ..Step::default() };
        assert_eq!(tariff.long_context, [step(200_000, "4", "15")]);
        let flex = tariff.tiers.flex.expect("flex");
        assert_eq!(
            (flex.input, flex.output, flex.long_context),
            (price("1"), price("5"), vec![step(200_000, "2", "7.5")])
        );
        let fast = tariff.tiers.fast.expect("fast");
        assert_eq!(
            (fast.input, fast.cached, &fast.long_context[0].output),
            (price("4"), Some(price("0.4")), &price("30"))
        );
        assert!(tariff.tiers.priority.is_none() && tariff.tiers.batch.is_none());
    }

    #[test]
    fn what_is_no_entry_says_why() {
        let priced = r#""input_cost_per_token": 2e-06, "output_cost_per_token": 1e-05"#;
        for (row, why) in [
            (format!(r#"{{"mode": "image_generation", {priced}}}"#), Unread::Mode("image_generation".into())),
            (format!("{{{priced}}}"), Unread::Mode(String::new())),
            (
                format!(r#"{{"mode": "chat", "deprecation_date": "2026-11-21", {priced}}}"#),
                Unread::Withdrawn("2026-11-21".parse().expect("a day")),
            ),
            (r#"{"mode": "chat", "input_cost_per_token": 2e-06}"#.into(), Unread::Unpriced),
            (r#"{"mode": "audio_speech", "input_cost_per_character": 2e-06}"#.into(), Unread::Unpriced),
            (r#"{"mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": 0.0}"#.into(), Unread::Free),
            (
                r#"{"mode": "chat", "input_cost_per_token": "2", "output_cost_per_token": 1}"#.into(),
                Unread::Member("input_cost_per_token".into()),
            ),
        ] {
            assert_eq!(read(&row), Err(why), "{row}");
        }
    }

    #[test]
    fn what_embeds_needs_no_price_for_what_comes_out() {
        let entry = read(r#"{"mode": "embedding", "max_input_tokens": 8191, "input_cost_per_token": 2e-08}"#);
        let prices = entry.expect("an entry").prices.expect("priced");
        assert_eq!((prices.input, prices.output), (price("0.02"), Price::ZERO));
    }
}
