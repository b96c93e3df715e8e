//! Price lists as the log keeps them: integers, named by their own hash, so that a record's cost can be
//! computed again for ever. It knows no vendor and no catalogue.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::hash::{Hash, hex};
use crate::record::{Attempt, Cost, Record, Usage};
use crate::vault::replace;

/// What an endpoint's tokens cost, in nano-dollars per million.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Fresh input that is audio, where it has a price of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<u64>,
    /// Output that is audio, where it has a price of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<u64>,
    /// Written to the vendor's cache.
    pub cache_write: u64,
    /// Written to the vendor's cache for an hour.
    pub cache_write_1h: u64,
    /// Read from the vendor's cache.
    pub cached: u64,
    /// Fresh input.
    pub input: u64,
    /// Past a length of the prompt; rising.
    pub long: Vec<Long>,
    /// The vendor's model id.
    pub model: String,
    /// Output.
    pub output: u64,
    /// By service tier, where a tier's prices are not these.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tiers: BTreeMap<String, Tiered>,
}

/// What a service tier costs, all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in `Listed`")]
pub struct Tiered {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<u64>,
    pub cache_write: u64,
    pub cache_write_1h: u64,
    pub cached: u64,
    pub input: u64,
    pub long: Vec<Long>,
    pub output: u64,
}

/// Prices past a length of the prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in `Listed`")]
pub struct Long {
    /// For prompts of more tokens than this.
    pub above: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<u64>,
    pub cache_write: u64,
    pub cache_write_1h: u64,
    pub cached: u64,
    pub input: u64,
    pub output: u64,
}

/// All endpoints that have a price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceList {
    /// By the endpoint's name.
    pub endpoints: BTreeMap<String, Listed>,
    v: u8,
}

impl PriceList {
    /// A list.
    #[must_use]
    pub fn new(endpoints: BTreeMap<String, Listed>) -> Self {
        Self { endpoints, v: 1 }
    }

    /// Its name: the first 16 digits of its hash.
    #[must_use]
    pub fn version(&self) -> String {
        version_of(&canonical::write(self))
    }

    /// What a record's usage costs; nothing that is known where its endpoint has no price.
    #[must_use]
    pub fn cost(&self, record: &Record<'_>) -> Option<Cost> {
        self.cost_at(record, record.tier.as_deref())
    }

    /// What a record's race saved: the standard price of its usage less its cost, where the flex tier
    /// answered and that is more than nothing.
    #[must_use]
    pub fn saved(&self, record: &Record<'_>) -> Option<u64> {
        if record.race.as_deref() != Some("flex") {
            return None;
        }
        let standard = self.cost_at(record, None)?.total();
        let saved = standard.saturating_sub(self.cost(record)?.total()).min(canonical::INTEGER_MAX);
        (saved > 0).then_some(saved)
    }

    /// What a lost attempt may have cost, at the tier that it asked for. One that says nothing of tokens
    /// has cost nothing.
    #[must_use]
    pub fn at_most(&self, attempt: &Attempt<'_>) -> Option<u64> {
        let Attempt { endpoint, input, output, tier, .. } = attempt;
        input.or(*output)?;
        let usage = Usage { input: input.unwrap_or(0), output: output.unwrap_or(0), ..Usage::default() };
        let cost = self.endpoints.get(&**endpoint)?.cost(&usage, tier.as_deref());
        Some(cost.total().min(canonical::INTEGER_MAX))
    }

    fn cost_at(&self, record: &Record<'_>, tier: Option<&str>) -> Option<Cost> {
        let (endpoint, usage) = (record.endpoint.as_deref()?, record.usage.as_ref()?);
        Some(self.endpoints.get(endpoint)?.cost(usage, tier))
    }

    /// Writes it to the folder `prices`, where it is not there yet.
    pub(crate) fn keep(&self, data: &Path) -> io::Result<String> {
        let mut text = canonical::write(self);
        let version = version_of(&text);
        let path = data.join("prices").join(format!("{version}.json"));
        if !path.exists() {
            text.push(b'\n');
            replace(&path, &text, 0o644)?;
        }
        Ok(version)
    }

    /// Reads one, and holds it to its name.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let text = std::fs::read(path)?;
        let line = text.strip_suffix(b"\n").unwrap_or(&text);
        let named = path.file_stem().is_some_and(|stem| stem.to_str() == Some(&version_of(line)));
        if !named {
            let what = format!("{} is not the price list that its name says", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(serde_json::from_slice(line)?)
    }
}

fn version_of(line: &[u8]) -> String {
    hex(&Hash::of(line).0[..8])
}

/// One list of prices, wherever it stands.
struct Rates {
    input: u64,
    cached: u64,
    cache_write: u64,
    cache_write_1h: u64,
    output: u64,
    audio_input: Option<u64>,
    audio_output: Option<u64>,
}

impl Listed {
    /// What this usage costs at a service tier: exact, then rounded once per side, halves up.
    #[must_use]
    pub fn cost(&self, usage: &Usage<'_>, tier: Option<&str>) -> Cost {
        let prompt = prompt(usage);
        let (own, long) = match tier.and_then(|tier| self.tiers.get(tier)) {
            Some(tiered) => (tiered.rates(), &tiered.long),
            None => (self.rates(), &self.long),
        };
        let rates = long.iter().rev().find(|long| prompt > long.above).map_or(own, Long::rates);
        let times = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let (heard, spoken) = (usage.audio_input.min(usage.input), usage.audio_output.min(usage.output));
        let input = times(usage.input - heard, rates.input)
            + times(heard, rates.audio_input.unwrap_or(rates.input))
            + times(usage.cached, rates.cached)
            + times(usage.cache_write, rates.cache_write)
            + times(usage.cache_write_1h, rates.cache_write_1h);
        let output =
            times(usage.output - spoken, rates.output) + times(spoken, rates.audio_output.unwrap_or(rates.output));
        Cost { input: rounded(input), output: rounded(output) }
    }

    fn rates(&self) -> Rates {
        let Self { audio_input, audio_output, cache_write, cache_write_1h, cached, input, output, .. } = *self;
        Rates { input, cached, cache_write, cache_write_1h, output, audio_input, audio_output }
    }
}

impl Tiered {
    fn rates(&self) -> Rates {
        let Self { audio_input, audio_output, cache_write, cache_write_1h, cached, input, long: _, output } = *self;
        Rates { input, cached, cache_write, cache_write_1h, output, audio_input, audio_output }
    }
}

impl Long {
    fn rates(&self) -> Rates {
        let Self { above: _, audio_input, audio_output, cache_write, cache_write_1h, cached, input, output } = *self;
        Rates { input, cached, cache_write, cache_write_1h, output, audio_input, audio_output }
    }
}

/// All tokens of the prompt.
pub(crate) fn prompt(usage: &Usage<'_>) -> u64 {
    [usage.input, usage.cached, usage.cache_write, usage.cache_write_1h].into_iter().fold(0, u64::saturating_add)
}

fn rounded(femto: u128) -> u64 {
    u64::try_from((femto + 500_000) / 1_000_000).unwrap_or(canonical::INTEGER_MAX).min(canonical::INTEGER_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage() -> Usage<'static> {
        Usage { input: 1000, output: 100, ..Usage::default() }
    }

    /// A dollar a million for what goes in and ten for what comes out, and twice that past 5,000 tokens.
    fn listed() -> Listed {
        let long = |times: u64| Long { above: 5000, input: times * 2_000_000, output: 20_000_000, ..Long::default() };
        let flex = Tiered { input: 500_000, output: 5_000_000, long: vec![long(1)], ..Tiered::default() };
        Listed {
            input: 1_000_000,
            output: 10_000_000,
            audio_input: Some(4_000_000),
            long: vec![long(2)],
            tiers: [("flex".to_owned(), flex)].into(),
            ..Listed::default()
        }
    }

    #[test]
    fn a_record_is_priced_by_its_tier_and_by_the_standard_prices_where_its_tier_has_none() {
        for (tier, input, output) in
            [(None, 1000, 1000), (Some("standard"), 1000, 1000), (Some("flex"), 500, 500), (Some("batch"), 1000, 1000)]
        {
            assert_eq!(listed().cost(&usage(), tier), Cost { input, output }, "{tier:?}");
        }
        let long = Usage { input: 6000, ..usage() };
        assert_eq!(listed().cost(&long, Some("flex")).input, 12_000);
        assert_eq!(listed().cost(&long, None).input, 24_000);
    }

    #[test]
    fn audio_costs_what_audio_costs_and_is_no_more_than_all_there_is() {
        let heard = |audio_input| Usage { audio_input, ..usage() };
        assert_eq!(listed().cost(&heard(100), None).input, 900 + 400);
        assert_eq!(listed().cost(&heard(u64::MAX), None).input, 4000);
        assert_eq!(listed().cost(&heard(100), Some("flex")).input, 500);
    }

    #[test]
    fn a_list_of_before_there_were_tiers_is_read_and_keeps_its_name() {
        let line = r#"{"endpoints":{"e":{"cache_write":1,"cache_write_1h":2,"cached":3,"input":4,"long":[{"above":9,"cache_write":1,"cache_write_1h":2,"cached":3,"input":4,"output":5}],"model":"m","output":5}},"v":1}"#;
        let list: PriceList = serde_json::from_str(line).expect("a list");
        assert_eq!(list.version(), version_of(line.as_bytes()));
    }
}
