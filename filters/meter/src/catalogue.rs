//! Which models there are and what their vendors ask: the YAML's types, and looking a model up.
//!
//! A model that is not in it has no price. That is said as `None` and never as zero.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Deserialize;
use thiserror::Error;
use tollgate_api::Price;

use crate::Prices;

/// One file of the catalogue: the models of a vendor.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogueFile {
    /// The vendor, as `providers:` names it.
    pub provider: String,
    /// Where the figures are from.
    pub source: String,
    /// The day they were looked up, `YYYY-MM-DD`.
    pub checked_on: String,
    /// The models.
    pub models: Vec<ModelEntry>,
}

/// A model as the vendor sells it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// The vendor's id. A dated snapshot of it (`-2026-08-07`, `-20260807`) is found under it too.
    pub id: String,
    /// Other ids that the vendor has for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Tokens that fit in, where known.
    #[serde(default)]
    pub context: Option<u64>,
    /// Tokens that come out at most, where known.
    #[serde(default)]
    pub max_output: Option<u64>,
    /// What it can do.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// US dollars per million tokens. Left out: the model is served, and marked as unpriced.
    #[serde(default)]
    pub prices: Option<Tariff>,
}

/// What a model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Calls tools.
    Tools,
    /// Reads images.
    Images,
    /// Answers in a given JSON schema.
    JsonSchema,
    /// Thinks before it answers.
    Reasoning,
    /// Caches prompts.
    PromptCache,
}

/// US dollars per million tokens. A price left out is that of `input`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tariff {
    /// Fresh input.
    pub input: Price,
    /// Output, reasoning included.
    pub output: Price,
    /// Input read from the vendor's cache.
    #[serde(default)]
    pub cached: Option<Price>,
    /// Input written to the vendor's cache.
    #[serde(default)]
    pub cache_write: Option<Price>,
    /// Input written to the vendor's cache for an hour; left out: that of `cache_write`.
    #[serde(default)]
    pub cache_write_1h: Option<Price>,
    /// Dearer prices for long prompts, shortest first. They reprice the whole request.
    #[serde(default)]
    pub long_context: Vec<Step>,
}

/// What a request costs whose whole prompt is longer than a threshold.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Prompts of more tokens than this, cached ones included.
    pub above: u64,
    /// Fresh input.
    pub input: Price,
    /// Output.
    pub output: Price,
    /// Input read from the vendor's cache.
    #[serde(default)]
    pub cached: Option<Price>,
    /// Input written to the vendor's cache.
    #[serde(default)]
    pub cache_write: Option<Price>,
}

/// A model, ready to be looked up.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Tokens that fit in, where known.
    pub context: Option<u64>,
    /// Tokens that come out at most, where known.
    pub max_output: Option<u64>,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// What it costs; `None` is unknown, not free.
    pub prices: Option<Prices>,
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
            let models = models(&file)?;
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
}

fn models(file: &CatalogueFile) -> Result<HashMap<String, Entry>, CatalogueError> {
    let mut models = HashMap::new();
    let mut holders: HashMap<&str, &str> = HashMap::new();
    for model in &file.models {
        let entry = Entry::new(&file.provider, model)?;
        for name in std::iter::once(&model.id).chain(&model.aliases) {
            if let Some(first) = holders.insert(name, &model.id) {
                return Err(CatalogueError::Duplicate {
                    provider: file.provider.clone(),
                    model: name.clone(),
                    first: first.to_owned(),
                    second: model.id.clone(),
                });
            }
            models.insert(name.clone(), entry.clone());
        }
    }
    Ok(models)
}

impl Entry {
    fn new(provider: &str, model: &ModelEntry) -> Result<Self, CatalogueError> {
        let ModelEntry { id, aliases: _, context, max_output, capabilities, prices } = model;
        if prices.as_ref().is_some_and(|tariff| !tariff.long_context.is_sorted_by(|a, b| a.above < b.above)) {
            return Err(CatalogueError::Steps { provider: provider.to_owned(), model: id.clone() });
        }
        Ok(Self {
            context: *context,
            max_output: *max_output,
            capabilities: capabilities.clone(),
            prices: prices.as_ref().map(Prices::new),
        })
    }
}

/// The id without the date of its snapshot: `-2026-08-07` or `-20260807` at its end.
fn undated(model: &str) -> Option<&str> {
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
            assert_eq!(input, Some(Price::from_nano_per_million(nano)), "{written}");
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
