//! Looks a file of the catalogue through: whether it contradicts itself, whether its figures are in
//! proportion, and whether it is old. Nothing in it stops the gateway; it is for those who keep the lists.

use std::fmt;

use crate::catalogue::{CatalogueError, CatalogueFile, ModelEntry};
use crate::{Date, Oddity};

/// Prices change every few weeks: figures that nobody has looked at for so many days are old.
const OLD_DAYS: i64 = 90;
/// Promises change more slowly.
const OLD_POLICY_DAYS: i64 = 180;

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The file contradicts itself and cannot be used.
    Contradiction(CatalogueError),
    /// A price is out of proportion.
    Odd(Oddity),
    /// A size cannot be, or makes a price unreachable.
    Size {
        /// `provider/model`.
        model: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The figures have not been looked at for so many days.
    Old(i64),
    /// The vendor's promises have not been looked at for so many days.
    OldPolicy(i64),
    /// The file says that it was checked in the future.
    NotYet(Date),
    /// The vendor no longer serves it.
    Withdrawn {
        /// `provider/model`.
        model: String,
        /// Since when.
        since: Date,
    },
    /// So many models have no price: they are served and marked, and refused where a budget is hard.
    Unpriced(usize),
}

impl Finding {
    /// Whether the file is wrong, rather than to be looked at some time.
    #[must_use]
    pub fn is_error(&self) -> bool {
        match self {
            Self::Contradiction(_) | Self::Odd(_) | Self::Size { .. } | Self::NotYet(_) => true,
            Self::Old(_) | Self::OldPolicy(_) | Self::Withdrawn { .. } | Self::Unpriced(_) => false,
        }
    }
}

impl CatalogueFile {
    /// Everything that there is to say of the file on a day.
    #[must_use]
    pub fn findings(&self, today: Date) -> Vec<Finding> {
        let mut found: Vec<_> = self.contradictions().into_iter().map(Finding::Contradiction).collect();
        found.extend(self.oddities().into_iter().map(Finding::Odd));
        found.extend(self.age(today));
        found.extend(self.models.iter().flat_map(|model| of_model(&self.provider, model, today)));
        let unpriced = self.models.iter().filter(|model| model.prices.is_none()).count();
        found.extend((unpriced > 0).then_some(Finding::Unpriced(unpriced)));
        found
    }

    fn age(&self, today: Date) -> impl Iterator<Item = Finding> + use<> {
        let days = today.days_after(self.checked_on);
        let figures = match days {
            ..0 => Some(Finding::NotYet(self.checked_on)),
            0..=OLD_DAYS => None,
            _ => Some(Finding::Old(days)),
        };
        let read = self.data.as_ref().and_then(|data| data.checked_on).map(|day| today.days_after(day));
        let promises = read.filter(|days| *days > OLD_POLICY_DAYS).map(Finding::OldPolicy);
        figures.into_iter().chain(promises)
    }
}

fn of_model(provider: &str, entry: &ModelEntry, today: Date) -> impl Iterator<Item = Finding> + use<> {
    let model = format!("{provider}/{}", entry.id);
    let steps = || entry.prices.iter().flat_map(|tariff| &tariff.long_context);
    let most = entry.context.unwrap_or(u64::MAX);
    let sizes = [
        (entry.max_output.is_some_and(|output| output > most), "`max_output` is more than `context`"),
        (
            steps().any(|step| step.above >= most),
            "no prompt is longer than a step of `long_context`: it is not within `context`",
        ),
    ];
    let size = |(is_wrong, why): (bool, &'static str)| is_wrong.then(|| Finding::Size { model: model.clone(), why });
    let mut found: Vec<_> = sizes.into_iter().filter_map(size).collect();
    if let Some(since) = entry.deprecated.filter(|date| today.days_after(*date) >= 0) {
        found.push(Finding::Withdrawn { model, since });
    }
    found.into_iter()
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contradiction(error) => write!(f, "{error}"),
            Self::Odd(oddity) => write!(f, "{oddity}"),
            Self::Size { model, why } => write!(f, "`{model}`: {why}: compare it with the vendor's list of models"),
            Self::Old(days) => {
                write!(
                    f,
                    "its figures were looked up {days} days ago: look them up again, and write the day as `checked_on`"
                )
            }
            Self::OldPolicy(days) => write!(f, "what it says of data was read {days} days ago: read the page again"),
            Self::NotYet(day) => {
                write!(f, "`checked_on` is {day}, which is still to come: write the day on which it was")
            }
            Self::Withdrawn { model, since } => {
                write!(f, "`{model}`: the vendor no longer serves it since {since}: remove it, or its `deprecated`")
            }
            Self::Unpriced(models) => {
                write!(f, "models without a price: {models}. Served and marked, and refused where a budget is hard")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(head: &str, models: &str) -> Vec<Finding> {
        let text = format!("{{provider: v, source: s, {head}, models: [{models}]}}");
        let file: CatalogueFile = serde_saphyr::from_str(&text).expect("a file of the catalogue");
        file.findings("2026-11-21".parse().expect("a day"))
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let models = "{id: a, prices: {input: 1, output: 0.1}}, {id: a, prices: {input: 1, output: 1}}, {id: b, aliases: [a]}, \
                      {id: c, context: 5, max_output: 6, prices: {input: 1, output: 1, long_context: [{above: 5, input: 2, output: 2}]}}";
        let found = findings("checked_on: 2026-11-21", models);
        let said: Vec<_> = found.iter().map(|finding| (finding.is_error(), finding.to_string())).collect();
        let begins = [
            (true, "`v` has the model `a` twice, in the entries of `a` and `a`"),
            (true, "`v` has the model `a` twice, in the entries of `a` and `b`"),
            (true, "`v/a`: `output` is less than half of `input`"),
            (true, "`v/c`: `max_output` is more than `context`"),
            (true, "`v/c`: no prompt is longer"),
            (false, "models without a price: 1."),
        ];
        assert_eq!(said.len(), begins.len(), "{said:?}");
        for ((is_error, begin), said) in begins.iter().zip(&said) {
            assert!(said.0 == *is_error && said.1.starts_with(begin), "{said:?}");
        }
    }

    #[test]
    fn a_list_grows_old_and_is_not_wrong_for_it() {
        assert_eq!(findings("checked_on: 2026-08-23", ""), []);
        assert_eq!(findings("checked_on: 2026-08-22", ""), [Finding::Old(91)]);
        let policy = "checked_on: 2026-11-21, data: {trains: no, checked_on: 2026-01-02}";
        assert_eq!(findings(policy, ""), [Finding::OldPolicy(323)]);
        assert!(!Finding::Old(91).is_error());
    }

    #[test]
    fn nothing_was_checked_tomorrow() {
        let found = findings("checked_on: 2026-11-22", "");
        assert!(matches!(&found[..], [Finding::NotYet(_)]) && found[0].is_error());
    }

    #[test]
    fn what_is_withdrawn_is_said_on_its_day() {
        let model = |date: &str| {
            findings(
                "checked_on: 2026-11-21",
                &format!("{{id: m, deprecated: {date}, prices: {{input: 1, output: 1}}}}"),
            )
        };
        assert_eq!(model("2026-11-22"), []);
        assert!(matches!(&model("2026-11-21")[..], [Finding::Withdrawn { model, .. }] if model == "v/m"));
    }
}
