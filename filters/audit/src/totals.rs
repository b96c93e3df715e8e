//! Monthly totals per log and model, made from the leaves alone: delete the file, and it is made again.
//!
//! Records are counted when the notary reads them back before it signs, so the totals are those of what
//! was signed, and of nothing else.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::prices::prompt;
use crate::record::{Cost, Kind, Leaf, LogId, Record};
use crate::shelf::Shelf;
use crate::time::month_text;
use crate::vault::replace;

/// What one model cost a tenant in one month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// Nano-dollars that lost attempts may have cost beside `cost`. Left out where there are none, so that
    /// what was written before there were races keeps its form.
    #[serde(default, skip_serializing_if = "is_none")]
    pub at_most: u64,
    /// Tokens read from a vendor's cache.
    pub cached: u64,
    /// Nano-dollars, both sides.
    pub cost: u64,
    /// Nano-dollars.
    pub fee: u64,
    /// Tokens of prompts.
    pub input: u64,
    /// Tokens of answers.
    pub output: u64,
    /// How many records.
    pub requests: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_none(amount: &u64) -> bool {
    *amount == 0
}

/// By month (`2026-11`), then by model.
pub type Months = BTreeMap<String, BTreeMap<String, Sum>>;

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// By log.
    pub logs: BTreeMap<String, Months>,
    /// How many leaves of each log were counted.
    pub next: BTreeMap<String, u64>,
    v: u8,
}

/// A `purge` leaf's record.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Purge {
    pub(crate) by: String,
    pub(crate) from: u64,
    pub(crate) months: Months,
    pub(crate) root: String,
    pub(crate) to: u64,
    pub(crate) why: String,
}

impl Default for Totals {
    fn default() -> Self {
        Self { logs: BTreeMap::new(), next: BTreeMap::new(), v: 1 }
    }
}

impl Totals {
    /// Reads `totals.json`. A file that is missing or broken is as good as none: it is made again.
    #[must_use]
    pub fn load(data: &Path) -> Self {
        let read = std::fs::read(data.join("totals.json")).ok();
        read.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    pub(crate) fn store(&self, data: &Path) -> io::Result<()> {
        let mut text = canonical::write(self);
        text.push(b'\n');
        replace(&data.join("totals.json"), &text, 0o644)
    }

    /// How many leaves of this log were counted.
    pub(crate) fn next(&self, log: LogId) -> u64 {
        self.next.get(&log.to_string()).copied().unwrap_or(0)
    }

    /// Counts the next leaf of a tenant's log.
    pub(crate) fn count(&mut self, log: LogId, leaf: &Leaf<'_>) -> io::Result<()> {
        let name = log.to_string();
        if matches!(leaf.kind, Kind::Request | Kind::Lost) {
            let record: Record<'_> = serde_json::from_str(leaf.record.get())?;
            add_record(self.logs.entry(name.clone()).or_default(), &record);
        } else {
            self.logs.entry(name.clone()).or_default();
        }
        self.next.insert(name, leaf.seq + 1);
        Ok(())
    }

    /// Counts a log anew up to `size`; what was purged, by what the purge left of it.
    pub(crate) fn rebuild(&mut self, log: LogId, shelf: &Shelf, size: u64) -> io::Result<()> {
        let purges = purges(shelf, size)?;
        let purged = |seq: u64| purges.iter().any(|(_, p)| (p.from..p.to).contains(&seq));
        let mut months = Months::new();
        purges.iter().filter(|(seq, _)| !purged(*seq)).for_each(|(_, p)| merge(&mut months, &p.months));
        shelf.each_leaf(0, size, &mut |seq, line| {
            let Some(line) = line.filter(|_| !purged(seq)) else { return Ok(()) };
            let leaf: Leaf<'_> = serde_json::from_slice(line)?;
            if matches!(leaf.kind, Kind::Request | Kind::Lost) {
                add_record(&mut months, &serde_json::from_str(leaf.record.get())?);
            }
            Ok(())
        })?;
        self.logs.insert(log.to_string(), months);
        self.next.insert(log.to_string(), size);
        Ok(())
    }
}

/// The `purge` leaves of a log, with their places.
pub(crate) fn purges(shelf: &Shelf, size: u64) -> io::Result<Vec<(u64, Purge)>> {
    let mut purges = Vec::new();
    shelf.each_leaf(0, size, &mut |seq, line| {
        if let Some(line) = line {
            let leaf: Leaf<'_> = serde_json::from_slice(line)?;
            if leaf.kind == Kind::Purge {
                purges.push((seq, serde_json::from_str(leaf.record.get())?));
            }
        }
        Ok(())
    })?;
    Ok(purges)
}

/// Adds one record to its month and model.
pub(crate) fn add_record(months: &mut Months, record: &Record<'_>) {
    let month = month_text(record.started_us);
    if !months.contains_key(&*month) {
        months.insert(month.to_owned(), BTreeMap::new());
    }
    let Some(of_month) = months.get_mut(&*month) else { return };
    let model = record.model.as_deref().unwrap_or("-");
    let sum = match of_month.get_mut(model) {
        Some(sum) => sum,
        None => of_month.entry(model.to_owned()).or_default(),
    };
    let (at_most, fee) = (record.at_most(), record.fee.unwrap_or(0));
    let cost = record.cost.map_or(0, Cost::total);
    let mut one = Sum { at_most, cost, fee, requests: 1, ..Sum::default() };
    if let Some(usage) = &record.usage {
        (one.cached, one.input, one.output) = (usage.cached, prompt(usage), usage.output);
    }
    sum.add(&one);
}

impl Sum {
    /// Integers in canonical JSON have an end, and so have sums.
    fn add(&mut self, other: &Self) {
        let add = |to: &mut u64, more: u64| *to = to.saturating_add(more).min(canonical::INTEGER_MAX);
        add(&mut self.at_most, other.at_most);
        add(&mut self.cached, other.cached);
        add(&mut self.cost, other.cost);
        add(&mut self.fee, other.fee);
        add(&mut self.input, other.input);
        add(&mut self.output, other.output);
        add(&mut self.requests, other.requests);
    }
}

/// Adds what was counted elsewhere.
pub(crate) fn merge(into: &mut Months, other: &Months) {
    for (month, models) in other {
        let of_month = into.entry(month.clone()).or_default();
        for (model, sum) in models {
            of_month.entry(model.clone()).or_default().add(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Attempt;

    fn raced(at_most: Option<u64>) -> Record<'static> {
        let lost = Attempt { at_most, endpoint: "a".into(), failed: Some("lost".into()), ..Attempt::default() };
        Record { attempts: vec![lost], cost: Some(Cost { input: 1, output: 2 }), fee: Some(3), ..Record::default() }
    }

    fn sum(months: &Months) -> Sum {
        months["1970-01"]["-"]
    }

    #[test]
    fn what_lost_attempts_may_have_cost_is_summed_beside_the_cost_of_the_winners() {
        let mut months = Months::new();
        for at_most in [Some(40), None, Some(2)] {
            add_record(&mut months, &raced(at_most));
        }
        let expected = Sum { at_most: 42, cost: 9, fee: 9, requests: 3, ..Sum::default() };
        assert_eq!(sum(&months), expected);
        let other = months.clone();
        merge(&mut months, &other);
        assert_eq!((sum(&months).at_most, sum(&months).cost), (84, 18));
        add_record(&mut months, &raced(Some(u64::MAX)));
        assert_eq!(sum(&months).at_most, canonical::INTEGER_MAX);
    }

    #[test]
    fn totals_without_lost_attempts_are_written_as_before_there_were_any() {
        let line = r#"{"cached":0,"cost":3,"fee":3,"input":0,"output":0,"requests":1}"#;
        let mut months = Months::new();
        add_record(&mut months, &raced(None));
        assert_eq!(canonical::write(&sum(&months)), line.as_bytes());
        assert_eq!(serde_json::from_str::<Sum>(line).expect("a sum"), sum(&months));
        add_record(&mut months, &raced(Some(1)));
        let written = canonical::write(&sum(&months));
        assert!(written.starts_with(br#"{"at_most":1,"cached":0"#));
        assert_eq!(canonical::check(&written), Ok(()));
    }
}
