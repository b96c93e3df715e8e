//! What one price list says and another does not. It does not know which of the two is right.

use std::collections::BTreeMap;
use std::fmt;

use tollgate_api::Price;

use crate::catalogue::{CatalogueFile, ModelEntry, undated};
use crate::tariff::Step;

/// A figure that two lists have differently, or only one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The vendor.
    pub provider: String,
    /// The model, by our id where we have it.
    pub model: String,
    /// What differs.
    pub what: Differs,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Differs {
    /// Only we have the model.
    OnlyHere,
    /// Only they have the model.
    OnlyThere,
    /// A figure; `None` where a list does not have it.
    Figure {
        /// Which: `input`, `tiers.flex.cached`, `long_context.200000.output`, `context`.
        name: String,
        /// Ours.
        here: Option<String>,
        /// Theirs.
        there: Option<String>,
    },
}

/// What `there` says of one vendor's models otherwise than `here`: model by model, and what only one has.
#[must_use]
pub fn differences(here: &CatalogueFile, there: &[ModelEntry]) -> Vec<Difference> {
    let difference = |model: &str, what| Difference { provider: here.provider.clone(), model: model.to_owned(), what };
    let theirs: BTreeMap<&str, &ModelEntry> =
        there.iter().flat_map(|entry| names(entry).map(move |name| (name, entry))).collect();
    let mut found = Vec::new();
    for ours in &here.models {
        match names(ours).find_map(|name| theirs.get(name)) {
            Some(entry) => found.extend(figures(ours, entry).map(|what| difference(&ours.id, what))),
            None => found.push(difference(&ours.id, Differs::OnlyHere)),
        }
    }
    let known: Vec<&str> = here.models.iter().flat_map(names).collect();
    let knows = |name: &str| known.contains(&name) || undated(name).is_some_and(|base| known.contains(&base));
    let only_there = there.iter().filter(|entry| !names(entry).any(knows));
    found.extend(only_there.map(|entry| difference(&entry.id, Differs::OnlyThere)));
    found
}

fn names(entry: &ModelEntry) -> impl Iterator<Item = &str> {
    std::iter::once(&*entry.id).chain(entry.aliases.iter().map(|alias| &**alias))
}

fn figures(here: &ModelEntry, there: &ModelEntry) -> impl Iterator<Item = Differs> + use<> {
    let (ours, theirs) = (facts(here), facts(there));
    let mut all: Vec<String> = ours.keys().chain(theirs.keys()).cloned().collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().filter_map(move |name| {
        let (here, there) = (ours.get(&name).cloned(), theirs.get(&name).cloned());
        (here != there).then_some(Differs::Figure { name, here, there })
    })
}

fn facts(entry: &ModelEntry) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut note = |name: String, value: Option<String>| {
        if let Some(value) = value {
            facts.insert(name, value);
        }
    };
    note("context".into(), entry.context.map(|tokens| tokens.to_string()));
    note("max_output".into(), entry.max_output.map(|tokens| tokens.to_string()));
    note("first_content_ms".into(), entry.first_content_ms.map(|ms| ms.to_string()));
    note("deprecated".into(), entry.deprecated.map(|day| day.to_string()));
    let Some(tariff) = &entry.prices else { return facts };
    let mut list = |prefix: &str, prices: [(&str, Option<Price>); 7], steps: &[Step]| {
        for (name, price) in prices {
            note(format!("{prefix}{name}"), price.map(|price| price.to_string()));
        }
        for step in steps {
            for (name, price) in step.written().named() {
                note(format!("{prefix}long_context.{}.{name}", step.above), price.map(|price| price.to_string()));
            }
        }
    };
    list("", tariff.written().named(), &tariff.long_context);
    for (word, tier) in tariff.tiers.written() {
        list(&format!("tiers.{word}."), tier.written().named(), &tier.long_context);
    }
    facts
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, model, what } = self;
        write!(f, "{provider}/{model}: ")?;
        match what {
            Differs::OnlyHere => f.write_str("only here"),
            Differs::OnlyThere => f.write_str("only there"),
            Differs::Figure { name, here, there } => {
                let or_none = |figure: &Option<String>| figure.clone().unwrap_or_else(|| "none".to_owned());
                write!(f, "{name} {} here, {} there", or_none(here), or_none(there))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(models: &str) -> CatalogueFile {
        let text = format!("{{provider: v, source: s, checked_on: 2026-11-21, models: [{models}]}}");
        serde_saphyr::from_str(&text).expect("a file of the catalogue")
    }

    fn said(here: &str, there: &str) -> Vec<String> {
        differences(&file(here), &file(there).models).iter().map(ToString::to_string).collect()
    }

    const M: &str = "{id: m, aliases: [n], context: 10, prices: {input: 1, output: 2, cached: 0.1, \
                     long_context: [{above: 5, input: 2, output: 3}], tiers: {flex: {input: 0.5, output: 1}}}}";

    #[test]
    fn lists_that_say_the_same_do_not_differ() {
        assert_eq!(said(M, M), [""; 0]);
        assert_eq!(said(M, &M.replace("id: m, aliases: [n]", "id: n, aliases: [m]")), [""; 0]);
        assert_eq!(said(M, &format!("{M}, {}", M.replace("id: m, aliases: [n]", "id: m-2026-01-02"))), [""; 0]);
    }

    #[test]
    fn each_figure_that_differs_is_named() {
        for (from, to, said_of_it) in [
            ("input: 1,", "input: 1.5,", "v/m: input 1 here, 1.5 there"),
            (", cached: 0.1", "", "v/m: cached 0.1 here, none there"),
            (
                "{input: 0.5, output: 1}",
                "{input: 0.5, output: 1, cached: 0.05}",
                "v/m: tiers.flex.cached none here, 0.05 there",
            ),
            ("above: 5, input: 2", "above: 5, input: 3", "v/m: long_context.5.input 2 here, 3 there"),
            ("context: 10", "context: 11", "v/m: context 10 here, 11 there"),
            ("context: 10", "context: 10, first_content_ms: 5", "v/m: first_content_ms none here, 5 there"),
        ] {
            assert_eq!(said(M, &M.replace(from, to)), [said_of_it]);
        }
    }

    #[test]
    fn what_only_one_of_them_has_is_named() {
        assert_eq!(said(M, "{id: o}"), ["v/m: only here", "v/o: only there"]);
    }
}
