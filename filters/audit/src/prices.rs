//! Price lists as the log keeps them: integers, named by their own hash, so that a record's cost can be
//! computed again for ever. It knows no vendor and no catalogue.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::hash::{Hash, hex};
use crate::record::{Cost, Usage};
use crate::vault::replace;

/// What an endpoint's tokens cost, in nano-dollars per million.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
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
}

/// Prices past a length of the prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in `Listed`")]
pub struct Long {
    /// For prompts of more tokens than this.
    pub above: u64,
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

impl Listed {
    /// What this usage costs: exact, then rounded once per side, halves up.
    #[must_use]
    pub fn cost(&self, usage: &Usage<'_>) -> Cost {
        let prompt = prompt(usage);
        let own = [self.input, self.cached, self.cache_write, self.cache_write_1h, self.output];
        let rates = self.long.iter().rev().find(|long| prompt > long.above);
        let rates = rates.map_or(own, |l| [l.input, l.cached, l.cache_write, l.cache_write_1h, l.output]);
        let [input, cached, write, write_1h, output] = rates.map(u128::from);
        let side = u128::from(usage.input) * input
            + u128::from(usage.cached) * cached
            + u128::from(usage.cache_write) * write
            + u128::from(usage.cache_write_1h) * write_1h;
        Cost { input: rounded(side), output: rounded(u128::from(usage.output) * output) }
    }
}

/// All tokens of the prompt.
pub(crate) fn prompt(usage: &Usage<'_>) -> u64 {
    [usage.input, usage.cached, usage.cache_write, usage.cache_write_1h].into_iter().fold(0, u64::saturating_add)
}

fn rounded(femto: u128) -> u64 {
    u64::try_from((femto + 500_000) / 1_000_000).unwrap_or(canonical::INTEGER_MAX).min(canonical::INTEGER_MAX)
}
