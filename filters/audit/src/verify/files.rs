//! The files of an export: those that the format names, no other; and the details, where they were opened.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::leaves::Told;
use super::{Result, Subject, at, wrong};
use crate::canonical;
use crate::hash::{Hash, hex_into};
use crate::record::{Kind, Leaf, LogId, Record};
use crate::shelf::CHUNK;

/// Every file is one that the format names, and the price lists are those that records name.
pub(super) fn only_those_named(
    folder: &Path,
    subjects: &[Subject],
    told: &BTreeMap<LogId, Told>,
    details: bool,
) -> Result<()> {
    let mut named: BTreeSet<PathBuf> = ["deployment.json", "export.json", "keys/log.pub", "totals.json"]
        .iter()
        .map(|name| folder.join(name))
        .collect();
    for subject in subjects {
        let dir = subject.shelf.dir();
        named.extend(["log.json", "checkpoint", "tree.0"].map(|name| dir.join(name)));
        named.extend((0..subject.signed.size.div_ceil(CHUNK)).map(|chunk| subject.shelf.leaves(chunk)));
        named.extend(told[&subject.id].prices.iter().map(|version| folder.join(format!("prices/{version}.json"))));
        if details && subject.id != LogId::DEPLOYMENT {
            named.insert(dir.join("details.jsonl"));
        }
    }
    let mut found = BTreeSet::new();
    at(folder.display(), walk(folder, &mut found))?;
    match found.iter().find(|path| !named.contains(*path)) {
        Some(path) => wrong(path.display(), "the format names no such file, or no record names it"),
        None => Ok(()),
    }
}

fn walk(folder: &Path, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), found)?;
        } else {
            found.insert(entry.path());
        }
    }
    Ok(())
}

/// A line of `details.jsonl`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened<'a> {
    #[serde(borrow)]
    detail: &'a RawValue,
    salt: &'a str,
    seq: u64,
}

/// Each opened detail is the one that its record is committed to; each that is missing was destroyed.
pub(super) fn details(subject: &Subject, told: &Told) -> Result<()> {
    if subject.id == LogId::DEPLOYMENT {
        return Ok(());
    }
    let path = subject.shelf.dir().join("details.jsonl");
    let mut lines = BufReader::new(at(path.display(), File::open(&path))?);
    let mut next = at(path.display(), next_line(&mut lines))?;
    let checked = subject.shelf.each_leaf(0, subject.signed.size, &mut |seq, line| {
        let leaf: Option<Leaf<'_>> = line.map(serde_json::from_slice).transpose()?;
        let leaf = leaf.filter(|leaf| matches!(leaf.kind, Kind::Request | Kind::Lost));
        let record: Option<Record<'_>> = leaf.map(|leaf| serde_json::from_str(leaf.record.get())).transpose()?;
        let committed = record.as_ref().and_then(|record| record.detail.as_deref());
        let opened = next.as_ref().map(|line| serde_json::from_slice::<Opened<'_>>(line)).transpose()?;
        let opened = opened.filter(|opened| opened.seq == seq);
        let is_erased = told.erased.iter().any(|[from, to]| (*from..*to).contains(&seq));
        let wrong = |what: &str| Err(io::Error::other(format!("leaf {seq}: {what}")));
        match (committed, opened) {
            (Some(committed), Some(opened)) if is_committed(committed, &opened) => next = next_line(&mut lines)?,
            (_, Some(_)) => return wrong("the detail is not the one that the record is committed to"),
            (Some(_), None) if !is_erased => return wrong("its detail is missing, and no `erase` says so"),
            _ => {}
        }
        Ok(())
    });
    at(path.display(), checked)?;
    match next {
        Some(_) => wrong(path.display(), "it has lines of no record, or out of order"),
        None => Ok(()),
    }
}

fn is_committed(committed: &str, opened: &Opened<'_>) -> bool {
    let mut salt = [0; 32];
    let text = opened.detail.get().as_bytes();
    hex_into(opened.salt, &mut salt) && Hash::of_parts(&[b"tollgate-audit-detail/v1\n", &salt, text]).hex() == committed
}

fn next_line(lines: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if lines.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(io::Error::other("its last line has no end"));
    }
    canonical::check(&line).map_err(io::Error::other)?;
    Ok(Some(line))
}
