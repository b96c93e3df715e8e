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
use crate::record::{Kind, Leaf, LogId, Record};
use crate::shelf::Shelf;
use crate::time::month_text;
use crate::vault::replace;

/// What one model cost a tenant in one month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
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
    let mut one = Sum { requests: 1, fee: record.fee.unwrap_or(0), ..Sum::default() };
    one.cost = record.cost.map_or(0, |cost| cost.input.saturating_add(cost.output));
    if let Some(usage) = &record.usage {
        (one.cached, one.input, one.output) = (usage.cached, prompt(usage), usage.output);
    }
    sum.add(&one);
}

impl Sum {
    /// Integers in canonical JSON have an end, and so have sums.
    fn add(&mut self, other: &Self) {
        let add = |to: &mut u64, more: u64| *to = to.saturating_add(more).min(canonical::INTEGER_MAX);
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
