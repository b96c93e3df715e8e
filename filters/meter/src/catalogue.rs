//! Which models there are and what their vendors ask: the YAML's types, and looking a model up.
//!
//! A model that is not in it has no price. That is said as `None` and never as zero.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::{Capability, DataPolicy, Date, Mode, Prices, Tariff};

/// An answer that has not begun after an hour is not going to.
const FIRST_CONTENT_MS_MAX: u32 = 3_600_000;

/// What is known of a vendor that nobody has written a policy for.
static UNKNOWN: DataPolicy = DataPolicy {
    trains: crate::Trains::Unknown,
    retention_days: None,
    zdr: crate::Zdr::Unknown,
    region: None,
    source: None,
    checked_on: None,
};

/// One file of the catalogue: the models of a vendor.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogueFile {
    /// The vendor, as `providers:` names it.
    pub provider: String,
    /// Where the figures are from.
    pub source: String,
    /// The day they were looked up, `YYYY-MM-DD`.
    pub checked_on: Date,
    /// What the vendor does with what it is sent. Left out: what an earlier file of the vendor says.
    #[serde(default)]
    pub data: Option<DataPolicy>,
    /// The vendor sells its priority tier by contract alone: what it serves by that tier costs what the
    /// standard tier costs.
    #[serde(default)]
    pub priority_by_contract: bool,
    /// The models.
    pub models: Vec<ModelEntry>,
}

/// A model as the vendor sells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// The vendor's id. A dated snapshot of it (`-2026-08-07`, `-20260807`) is found under it too.
    pub id: String,
    /// Other ids that the vendor has for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What it is for. Left out: conversations.
    #[serde(default)]
    pub mode: Mode,
    /// Tokens that fit in, where known.
    #[serde(default)]
    pub context: Option<u64>,
    /// Tokens that come out at most, where known.
    #[serde(default)]
    pub max_output: Option<u64>,
    /// Milliseconds within which 95 of 100 answers of its standard tier begin, where known: what is reckoned with
    /// until enough of them have been seen. At most an hour.
    #[serde(default, deserialize_with = "milliseconds")]
    #[schemars(range(min = 1, max = FIRST_CONTENT_MS_MAX))]
    pub first_content_ms: Option<u32>,
    /// What it can do.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// The day it came out, where known.
    #[serde(default)]
    pub released: Option<Date>,
    /// The day from which the vendor no longer serves it, where one is announced.
    #[serde(default)]
    pub deprecated: Option<Date>,
    /// What the vendor does with what this model is sent, where that is not what it does otherwise.
    #[serde(default)]
    pub data: Option<DataPolicy>,
    /// US dollars per million tokens. Left out: the model is served, and marked as unpriced.
    #[serde(default)]
    pub prices: Option<Tariff>,
}

/// A model, ready to be looked up.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is for.
    pub mode: Mode,
    /// Tokens that fit in, where known.
    pub context: Option<u64>,
    /// Tokens that come out at most, where known.
    pub max_output: Option<u64>,
    /// Within which 95 of 100 answers of its standard tier begin, where known.
    pub first_content: Option<Duration>,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// The day it came out, where known.
    pub released: Option<Date>,
    /// The day from which the vendor no longer serves it, where one is announced.
    pub deprecated: Option<Date>,
    /// What it costs; `None` is unknown, not free.
    pub prices: Option<Prices>,
    data: Option<DataPolicy>,
}

/// Two files say different things, or one says what cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CatalogueError {
    /// A vendor has a model twice.
    #[error(
        "`{provider}` has the model `{model}` twice, in the entries of `{first}` and `{second}`: remove one, or rename it"
    )]
    Duplicate {
        /// The vendor.
        provider: String,
        /// The id or alias that is there twice.
        model: String,
        /// The id of the model that has it first.
        first: String,
        /// The id of the model that has it again.
        second: String,
    },
    /// Steps must rise, or the wrong one would be taken.
    #[error("`{provider}/{model}`: the steps of `long_context` must rise: write the shortest first, each once")]
    Steps {
        /// The vendor.
        provider: String,
        /// The model.
        model: String,
    },
}

/// All models of all vendors.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    entries: HashMap<String, HashMap<String, Entry>>,
    data: HashMap<String, DataPolicy>,
    priority_by_contract: HashSet<String>,
}

impl Catalogue {
    /// Puts files together. A later file of the same vendor adds models and replaces those of the
    /// same id: that is how an operator's prices stand over ours.
    ///
    /// # Errors
    /// When one file has a model twice, or steps that do not rise.
    pub fn new(files: impl IntoIterator<Item = CatalogueFile>) -> Result<Self, CatalogueError> {
        let mut catalogue = Self::default();
        for file in files {
            if file.priority_by_contract {
                catalogue.priority_by_contract.insert(file.provider.clone());
            }
            let models = file.entries(catalogue.priority_by_contract.contains(&file.provider))?;
            if let Some(data) = file.data {
                catalogue.data.insert(file.provider.clone(), data);
            }
            catalogue.entries.entry(file.provider).or_default().extend(models);
        }
        Ok(catalogue)
    }

    /// Finds a model by its id, an alias, or as a dated snapshot of one.
    #[must_use]
    pub fn lookup(&self, provider: &str, model: &str) -> Option<&Entry> {
        let of_vendor = self.entries.get(provider)?;
        of_vendor.get(model).or_else(|| of_vendor.get(undated(model)?))
    }

    /// What a vendor does with what it is sent for this model: as the model's entry says, or the vendor's
    /// own. Nothing is known of a vendor that is not in the catalogue.
    #[must_use]
    pub fn data(&self, provider: &str, model: &str) -> &DataPolicy {
        let own = self.lookup(provider, model).and_then(|entry| entry.data.as_ref());
        own.or_else(|| self.data.get(provider)).unwrap_or(&UNKNOWN)
    }
}

impl CatalogueFile {
    /// Everything in which it contradicts itself.
    #[must_use]
    pub fn contradictions(&self) -> Vec<CatalogueError> {
        let mut found = Vec::new();
        let mut holders: HashMap<&str, &str> = HashMap::new();
        for model in &self.models {
            if !model.prices.iter().all(Tariff::steps_rise) {
                found.push(CatalogueError::Steps { provider: self.provider.clone(), model: model.id.clone() });
            }
            for name in std::iter::once(&model.id).chain(&model.aliases) {
                match holders.get(&**name) {
                    None => drop(holders.insert(name, &model.id)),
                    Some(first) => found.push(CatalogueError::Duplicate {
                        provider: self.provider.clone(),
                        model: name.clone(),
                        first: (*first).to_owned(),
                        second: model.id.clone(),
                    }),
                }
            }
        }
        found
    }

    fn entries(&self, priority_by_contract: bool) -> Result<HashMap<String, Entry>, CatalogueError> {
        if let Some(error) = self.contradictions().into_iter().next() {
            return Err(error);
        }
        let named = |model: &ModelEntry| {
            let entry = Entry::new(model, priority_by_contract);
            let names = std::iter::once(&model.id).chain(&model.aliases);
            names.map(|name| (name.clone(), entry.clone())).collect::<Vec<_>>()
        };
        Ok(self.models.iter().flat_map(named).collect())
    }
}

impl Entry {
    fn new(model: &ModelEntry, priority_by_contract: bool) -> Self {
        let ModelEntry {
            id: _,
            aliases: _,
            mode,
            context,
            max_output,
            first_content_ms,
            capabilities,
            released,
            deprecated,
            data,
            prices,
        } = model;
        Self {
            mode: *mode,
            context: *context,
            max_output: *max_output,
            first_content: first_content_ms.map(|ms| Duration::from_millis(ms.into())),
            capabilities: capabilities.clone(),
            released: *released,
            deprecated: *deprecated,
            prices: prices.as_ref().map(|tariff| Prices::new(tariff, priority_by_contract)),
            data: data.clone(),
        }
    }
}

fn milliseconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let given: Option<u32> = Option::deserialize(from)?;
    match given.filter(|ms| !(1..=FIRST_CONTENT_MS_MAX).contains(ms)) {
        Some(ms) => Err(serde::de::Error::custom(format_args!(
            "{ms} is out of bounds: write whole milliseconds, 1 to {FIRST_CONTENT_MS_MAX}"
        ))),
        None => Ok(given),
    }
}

/// The id without the date of its snapshot: `-2026-08-07` or `-20260807` at its end.
pub(crate) fn undated(model: &str) -> Option<&str> {
    let cut = |tail: usize| {
        model.len().checked_sub(tail).filter(|at| model.is_char_boundary(*at)).map(|at| model.split_at(at))
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if let Some((base, tail)) = cut(9)
        && let Some(date) = tail.strip_prefix('-')
        && digits(date)
    {
        return Some(base);
    }
    let (base, tail) = cut(11)?;
    let mut parts = tail.strip_prefix('-')?.split('-');
    let lengths = [4, 2, 2].map(|length| parts.next().is_some_and(|p| p.len() == length && digits(p)));
    (lengths == [true; 3] && parts.next().is_none()).then_some(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_date_at_the_end_is_a_snapshot() {
        assert_eq!(undated("gpt-5-2026-08-07"), Some("gpt-5"));
        assert_eq!(undated("claude-haiku-4-5-20251001"), Some("claude-haiku-4-5"));
        for id in ["gpt-5", "gpt-5-2026-08", "gpt-20260807x", "é-2026080", "", "2026-08-07"] {
            assert_eq!(undated(id), None, "{id}");
        }
    }

    fn file(text: &str) -> CatalogueFile {
        serde_saphyr::from_str(text).expect("a file of the catalogue")
    }

    const ONE: &str = "{provider: v, source: s, checked_on: 2026-11-20, models: [{id: m, aliases: [n], prices: {input: 0.075, output: 1}}]}";

    #[test]
    fn a_model_is_found_by_id_alias_and_snapshot_at_its_vendor_only() {
        let catalogue = Catalogue::new([file(ONE)]).expect("correct");
        for id in ["m", "n", "m-2026-01-02", "n-20260102"] {
            assert!(catalogue.lookup("v", id).is_some(), "{id}");
        }
        assert!(catalogue.lookup("w", "m").is_none() && catalogue.lookup("v", "m2").is_none());
    }

    #[test]
    fn a_later_file_stands_over_an_earlier_one() {
        let dearer = ONE.replace("0.075", "0.2");
        let catalogue = Catalogue::new([file(ONE), file(&dearer)]).expect("correct");
        let usage = tollgate_api::Usage { input: 1_000_000, ..Default::default() };
        let prices = catalogue.lookup("v", "m").and_then(|e| e.prices.as_ref()).expect("priced");
        assert_eq!(prices.cost(&usage).input.to_string(), "0.2");
    }

    #[test]
    fn a_name_twice_in_one_file_is_refused_with_both_that_have_it() {
        let own = ONE.replace("aliases: [n]", "aliases: [m]");
        let said = Catalogue::new([file(&own)]).expect_err("twice").to_string();
        assert!(said.starts_with("`v` has the model `m` twice, in the entries of `m` and `m`"), "{said}");
        let others = ONE.replace("models: [", "models: [{id: k, aliases: [n]}, ");
        let said = Catalogue::new([file(&others)]).expect_err("twice").to_string();
        assert!(said.starts_with("`v` has the model `n` twice, in the entries of `k` and `m`"), "{said}");
    }

    #[test]
    fn steps_that_do_not_rise_are_refused() {
        for steps in [
            "[{above: 2, input: 1, output: 1}, {above: 1, input: 1, output: 1}]",
            "[{above: 1, input: 1, output: 1}, {above: 1, input: 1, output: 1}]",
        ] {
            let text = ONE.replace("output: 1}", &format!("output: 1, long_context: {steps}}}"));
            assert!(matches!(Catalogue::new([file(&text)]), Err(CatalogueError::Steps { model, .. }) if model == "m"));
        }
    }

    #[test]
    fn a_model_without_prices_is_known_and_unpriced() {
        let text = ONE.replace(", prices: {input: 0.075, output: 1}", "");
        let catalogue = Catalogue::new([file(&text)]).expect("correct");
        assert!(catalogue.lookup("v", "m").is_some_and(|entry| entry.prices.is_none()));
    }

    #[test]
    fn when_an_answer_begins_is_said_in_whole_milliseconds_up_to_an_hour() {
        let with = |ms: &str| ONE.replace("id: m,", &format!("id: m, first_content_ms: {ms},"));
        let first_content = |text: &str| {
            let catalogue = Catalogue::new([file(text)]).expect("correct");
            catalogue.lookup("v", "n").and_then(|entry| entry.first_content)
        };
        assert_eq!(first_content(ONE), None);
        for (ms, millis) in [("1", 1), ("1200", 1200), ("3600000", 3_600_000)] {
            assert_eq!(first_content(&with(ms)), Some(Duration::from_millis(millis)), "{ms}");
        }
        for ms in ["0", "-1", "3600001", "1.5", "1s", "99999999999"] {
            assert!(serde_saphyr::from_str::<CatalogueFile>(&with(ms)).is_err(), "{ms}");
        }
    }

    #[test]
    fn a_price_is_the_text_that_was_written_and_never_a_float() {
        for (written, nano) in [
            ("0.075", 75_000_000),
            ("'0.075'", 75_000_000),
            ("0.000000001", 1),
            ("0.1", 100_000_000),
            ("9007199.254740993", 9_007_199_254_740_993),
        ] {
            let read = file(&ONE.replace("0.075", written));
            let input = read.models[0].prices.as_ref().map(|tariff| tariff.input);
            assert_eq!(input, Some(tollgate_api::Price::from_nano_per_million(nano)), "{written}");
        }
        for written in ["1e-1", ".5", "-1", "0x10", "~", "0.0000000001", "[1]", "true"] {
            let read: Result<CatalogueFile, _> = serde_saphyr::from_str(&ONE.replace("0.075", written));
            assert!(read.is_err(), "{written}");
        }
    }

    #[test]
    fn a_member_nobody_knows_is_refused() {
        let read: Result<CatalogueFile, _> = serde_saphyr::from_str(&ONE.replace("output: 1}", "output: 1, ouput: 1}"));
        assert!(read.is_err());
    }
}
