//! Verifies an export or a data folder: every leaf, chain, root, signature, price and total. It trusts
//! nothing that the gateway wrote, and shares with it only the words of the format.
//!
//! Files of leaves are read side by side, each once; memory does not grow with the log.

mod files;
mod leaves;
mod priced;
mod tree;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use self::leaves::{Told, leaves};
use self::tree::{roots_to_find, tree};
use crate::canonical;
use crate::deeds::{Named as LogFile, announcement, logs};
use crate::export::{Export, Named};
use crate::hash::Hash;
use crate::kept::origin;
use crate::keyring::verifiers;
use crate::note::{Checkpoint, Note, Verifier};
use crate::opening::Deployment;
use crate::record::LogId;
use crate::shelf::{CHUNK, Shelf};
use crate::totals::{Months, Totals, merge};

/// What is wrong, and where.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Wrong {
    /// A file, or a leaf of a log.
    pub place: String,
    /// What was found.
    pub what: String,
}

/// What an auditor brings along.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Checkpoints kept from before: the log must still extend them.
    pub checkpoints: Vec<String>,
    /// The first key of the deployment, as it was published.
    pub key: Option<String>,
    /// Witnesses that must have signed the deployment's checkpoint.
    pub witnesses: Vec<String>,
}

/// What was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Each log's size and root.
    pub logs: BTreeMap<LogId, (u64, Hash)>,
}

type Result<T> = std::result::Result<T, Wrong>;

fn wrong<T>(place: impl std::fmt::Display, what: impl std::fmt::Display) -> Result<T> {
    Err(Wrong { place: place.to_string(), what: what.to_string() })
}

fn at<T, E: std::fmt::Display>(place: impl std::fmt::Display, result: std::result::Result<T, E>) -> Result<T> {
    result.or_else(|error| wrong(place, error))
}

/// One log to be verified.
struct Subject {
    id: LogId,
    deployment: String,
    tenant: String,
    shelf: Shelf,
    signed: Checkpoint,
    note: Note,
}

/// Verifies a folder.
///
/// # Errors
/// The first thing found wrong.
pub fn verify(folder: &Path, kept: &Kept) -> Result<Verified> {
    let keys = at(folder.join("keys/log.pub").display(), verifiers(folder))?;
    let Some(first) = keys.first() else { return wrong(folder.join("keys/log.pub").display(), "there are no keys") };
    if kept.key.as_ref().is_some_and(|key| *key != first.to_string()) {
        return wrong("keys/log.pub", "the first key is not the one that was published");
    }
    let subjects = subjects(folder, &keys)?;
    // The deployment's log comes first: it names sizes of the others, whose roots are to be found.
    let mut told: BTreeMap<LogId, Told> = BTreeMap::new();
    let mut verified = Verified::default();
    for subject in &subjects {
        let named = told.get(&LogId::DEPLOYMENT);
        let roots = roots_to_find(subject, named, kept, &keys)?;
        let found = leaves(folder, subject, &roots.keys().copied().collect())?;
        tree(subject, roots, &found)?;
        verified.logs.insert(subject.id, (subject.signed.size, subject.signed.root));
        told.insert(subject.id, found);
    }
    let Some(deployment) = told.get(&LogId::DEPLOYMENT) else {
        return wrong(folder.display(), "the deployment's log is gone");
    };
    keys_are_announced(&keys, deployment)?;
    logs_are_named(folder, &subjects, deployment)?;
    witnessed(&subjects, kept)?;
    totals(folder, &subjects, &told)?;
    for subject in subjects.iter().filter(|s| s.id != LogId::DEPLOYMENT) {
        purges_follow(subject, &told[&subject.id])?;
    }
    let export = folder.join("export.json");
    if export.exists() {
        let Export { details, .. } = at(export.display(), read_line(&export))?;
        files::only_those_named(folder, &subjects, &told, details)?;
        if details {
            subjects.iter().try_for_each(|subject| files::details(subject, &told[&subject.id]))?;
        }
    }
    Ok(verified)
}

fn subjects(folder: &Path, keys: &[Verifier]) -> Result<Vec<Subject>> {
    let path = folder.join("deployment.json");
    let Deployment { deployment, .. } = at(path.display(), read_line(&path))?;
    let mut subjects = Vec::new();
    for (id, _) in at(folder.join("logs").display(), logs(folder))? {
        let shelf = Shelf::at(folder.join("logs").join(id.to_string()));
        let path = shelf.dir().join("checkpoint");
        let Some(text) = at(path.display(), shelf.checkpoint())? else {
            // Made, but not signed yet; nothing of it was promised to anyone.
            continue;
        };
        let note = at(path.display(), Note::parse(&text))?;
        let signed = at(path.display(), Checkpoint::parse(&note.text))?;
        let newest = keys.last().is_some_and(|key| key.verify(&note).is_ok());
        if !newest {
            return wrong(path.display(), "it is not signed by the newest key");
        }
        let named: LogFile = at(shelf.dir().join("log.json").display(), read_line(&shelf.dir().join("log.json")))?;
        if named.origin != signed.origin || signed.origin != origin(&deployment, id) {
            return wrong(path.display(), format!("it is of {}, not of {}", signed.origin, origin(&deployment, id)));
        }
        subjects.push(Subject { id, deployment: deployment.clone(), tenant: named.tenant, shelf, signed, note });
    }
    Ok(subjects)
}

/// Reads a file of one canonical line.
fn read_line<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<T> {
    let text = std::fs::read(path)?;
    let line = text.strip_suffix(b"\n").ok_or_else(|| io::Error::other("it does not end with a newline"))?;
    canonical::check(line).map_err(io::Error::other)?;
    Ok(serde_json::from_slice(line)?)
}

/// Every key after the first is named by a leaf, in order, and that name is signed by the key before.
fn keys_are_announced(keys: &[Verifier], deployment: &Told) -> Result<()> {
    if deployment.keys.len() + 1 != keys.len() {
        return wrong("keys/log.pub", "its keys are not those that the deployment's log names");
    }
    for ((seq, new), pair) in deployment.keys.iter().zip(keys.windows(2)) {
        let place = format!("log deployment, leaf {seq}");
        let note = Note::parse(&format!("{}\n{}\n", announcement(&new.vkey), new.signed));
        if new.vkey != pair[1].to_string() || pair[0].verify(&at(&place, note)?).is_err() {
            return wrong(place, "the key before has not signed this new one");
        }
    }
    Ok(())
}

/// Each tenant's log is named by the deployment's, and each named one is there.
fn logs_are_named(folder: &Path, subjects: &[Subject], deployment: &Told) -> Result<()> {
    let is_export = folder.join("export.json").exists();
    let last: BTreeMap<&str, &Named> = deployment.named.values().map(|named| (&*named.log, named)).collect();
    for id in last.keys() {
        if !subjects.iter().any(|s| s.id.to_string() == *id) {
            return wrong(format!("log {id}"), "the deployment's log names it, and it is gone");
        }
    }
    for subject in subjects.iter().filter(|s| s.id != LogId::DEPLOYMENT) {
        let place = format!("log {}", subject.id);
        let Some(named) = last.get(&*subject.id.to_string()) else {
            return wrong(place, "the deployment's log does not name it");
        };
        if named.tenant != subject.tenant {
            return wrong(place, "its `log.json` names another tenant than the deployment's log");
        }
        let size = subject.signed.size;
        let same = (named.size, &named.root) == (size, &subject.signed.root.hex());
        // In a folder in use, the tenant's checkpoint is replaced after the deployment's.
        if !same && (is_export || named.size < size) {
            return wrong(
                place,
                format!("the deployment's log names it with {} leaves, its checkpoint with {size}", named.size),
            );
        }
    }
    Ok(())
}

/// A purge begins where the one before it ended.
fn purges_follow(subject: &Subject, told: &Told) -> Result<()> {
    let mut purges: Vec<_> = told.purges.iter().map(|purge| (purge.from, purge.to)).collect();
    purges.sort_unstable();
    match purges.windows(2).find(|pair| pair[0].1 != pair[1].0) {
        Some(pair) => wrong(
            format!("log {}", subject.id),
            format!("the purge to {} is not followed by one from there", pair[0].1),
        ),
        None => Ok(()),
    }
}

/// The deployment's checkpoint covers all others: it is what witnesses sign.
fn witnessed(subjects: &[Subject], kept: &Kept) -> Result<()> {
    for text in &kept.witnesses {
        let witness = at(text, Verifier::parse(text))?;
        for subject in subjects.iter().filter(|s| s.id == LogId::DEPLOYMENT) {
            at(subject.shelf.dir().join("checkpoint").display(), witness.verify(&subject.note))?;
        }
    }
    Ok(())
}

/// `totals.json` is what the records add up to.
fn totals(folder: &Path, subjects: &[Subject], told: &BTreeMap<LogId, Told>) -> Result<()> {
    let path: PathBuf = folder.join("totals.json");
    let written: Totals = at(path.display(), read_line(&path))?;
    let mut again = canonical::write(&written);
    again.push(b'\n');
    if at(path.display(), std::fs::read(&path))? != again {
        return wrong(path.display(), "it is not written in the one way that there is: an `at_most` of 0 is left out");
    }
    for subject in subjects.iter().filter(|s| s.id != LogId::DEPLOYMENT) {
        // In a folder in use they are of an older checkpoint; `tollgate audit rebuild` compares those.
        if written.next.get(&subject.id.to_string()) != Some(&subject.signed.size)
            && !folder.join("export.json").exists()
        {
            continue;
        }
        let mut months = Months::new();
        let purges = &told[&subject.id].purges;
        // After a crash, files may still be there that a purge has dropped: their records count once.
        let dropped = purges.iter().map(|purge| purge.to / CHUNK).max().unwrap_or(0);
        let files = told[&subject.id].months.iter().filter(|(chunk, _)| **chunk >= dropped);
        files.for_each(|(_, file)| merge(&mut months, file));
        purges.iter().for_each(|purge| merge(&mut months, &purge.months));
        if written.logs.get(&subject.id.to_string()) != Some(&months) {
            return wrong(path.display(), format!("the totals of log {} are not those of its records", subject.id));
        }
    }
    Ok(())
}
