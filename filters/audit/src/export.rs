//! Copies what is signed into a folder for auditors: whole, cut at its checkpoints, without a secret.
//! It works beside a gateway that runs, and changes nothing in the data folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::deeds::logs;
use crate::hash::hex;
use crate::note::{Checkpoint, Note};
use crate::record::{Kind, Leaf, LogId, Record};
use crate::shelf::{CHUNK, Shelf};
use crate::totals::{Totals, purges};
use crate::vault::{self, TenantKeys};

/// A gateway that signs right now replaces its checkpoints one after the other.
const TRIES: usize = 40;
const BETWEEN_TRIES: Duration = Duration::from_millis(25);

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Leaves of each log.
    pub sizes: BTreeMap<LogId, u64>,
}

/// `export.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    pub(crate) details: bool,
    v: u8,
}

/// A `checkpoint` leaf's record.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    pub(crate) log: String,
    pub(crate) root: String,
    pub(crate) size: u64,
    pub(crate) tenant: String,
}

/// Exports `data` into the new folder `out`; with its details opened, where that is asked for.
///
/// # Errors
/// When `out` is there already, when something cannot be read or written, or when nothing is signed yet.
pub fn export(data: &Path, out: &Path, details: bool) -> io::Result<Exported> {
    let notes = settled(data)?;
    std::fs::create_dir(out)?;
    for folder in ["keys", "prices", "logs"] {
        std::fs::create_dir(out.join(folder))?;
    }
    for file in ["deployment.json", "keys/log.pub"] {
        std::fs::copy(data.join(file), out.join(file))?;
    }
    let master = details.then(|| vault::master(&data.join("keys/master.key"))).transpose()?;
    let mut totals = Totals::default();
    let mut prices = BTreeSet::new();
    let mut sizes = BTreeMap::new();
    for (id, (note, checkpoint)) in &notes {
        let name = id.to_string();
        let (from, to) = (Shelf::at(data.join("logs").join(&name)), Shelf::at(out.join("logs").join(&name)));
        std::fs::create_dir_all(to.dir().join("leaves"))?;
        std::fs::copy(from.dir().join("log.json"), to.dir().join("log.json"))?;
        std::fs::write(to.dir().join("checkpoint"), note)?;
        copy_leaves(&from, &to, checkpoint.size, &mut prices)?;
        File::open(from.tree(0))?.take(32 * checkpoint.size).read_to(&to.tree(0))?;
        if *id != LogId::DEPLOYMENT {
            totals.rebuild(*id, &from, checkpoint.size)?;
            if let Some(master) = &master {
                open_details(&from, &to, checkpoint.size, &TenantKeys::load(from.dir(), *id, master)?)?;
            }
        }
        sizes.insert(*id, checkpoint.size);
    }
    for version in prices {
        let file = format!("prices/{version}.json");
        std::fs::copy(data.join(&file), out.join(&file))?;
    }
    totals.store(out)?;
    let mut text = crate::canonical::write(&Export { details, v: 1 });
    text.push(b'\n');
    std::fs::write(out.join("export.json"), text)?;
    Ok(Exported { sizes })
}

trait ReadTo {
    fn read_to(self, path: &Path) -> io::Result<u64>;
}

impl<R: Read> ReadTo for R {
    fn read_to(mut self, path: &Path) -> io::Result<u64> {
        io::copy(&mut self, &mut File::create(path)?)
    }
}

type Notes = BTreeMap<LogId, (String, Checkpoint)>;

/// The checkpoints, at a moment at which each tenant's is the one that the deployment's log names.
fn settled(data: &Path) -> io::Result<Notes> {
    for _ in 0..TRIES {
        let mut notes = Notes::new();
        for (id, _) in logs(data)? {
            if let Some(text) = Shelf::at(data.join("logs").join(id.to_string())).checkpoint()? {
                let note = Note::parse(&text).map_err(io::Error::other)?;
                let checkpoint = Checkpoint::parse(&note.text).map_err(io::Error::other)?;
                notes.insert(id, (text, checkpoint));
            }
        }
        let Some((_, deployment)) = notes.get(&LogId::DEPLOYMENT) else {
            let what = "nothing is signed yet: a gateway signs a second after its start";
            return Err(io::Error::new(io::ErrorKind::NotFound, what));
        };
        let named = named(&Shelf::at(data.join("logs/deployment")), deployment.size)?;
        // A log that was made but never signed is not named, and not exported.
        notes.retain(|id, _| *id == LogId::DEPLOYMENT || named.contains_key(id));
        let fits = |(id, (size, root)): (&LogId, &(u64, String))| {
            notes.get(id).is_some_and(|(_, c)| c.size == *size && c.root.hex() == *root)
        };
        if named.iter().all(fits) {
            return Ok(notes);
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "the tenants' checkpoints are not those that the deployment's log names",
    ))
}

/// The last `checkpoint` leaf of each log among the first `size` leaves.
fn named(shelf: &Shelf, size: u64) -> io::Result<BTreeMap<LogId, (u64, String)>> {
    let mut all = BTreeMap::new();
    shelf.each_leaf(0, size, &mut |_, line| {
        let Some(line) = line else { return Ok(()) };
        let leaf: Leaf<'_> = serde_json::from_slice(line)?;
        if leaf.kind == Kind::Checkpoint {
            let named: Named = serde_json::from_str(leaf.record.get())?;
            let id = LogId::parse(&named.log).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
            all.insert(id, (named.size, named.root));
        }
        Ok(())
    })?;
    Ok(all)
}

/// Copies leaves file by file, and notes which price lists they name.
fn copy_leaves(from: &Shelf, to: &Shelf, size: u64, prices: &mut BTreeSet<String>) -> io::Result<()> {
    // A file may still be there after a crash though a purge has dropped it.
    let dropped = purges(from, size)?.iter().map(|(_, purge)| purge.to / CHUNK).max().unwrap_or(0);
    for chunk in dropped..size.div_ceil(CHUNK) {
        let mut file = BufWriter::new(File::create(to.leaves(chunk))?);
        from.each_leaf(chunk * CHUNK, size.min((chunk + 1) * CHUNK), &mut |_, line| {
            let line =
                line.ok_or_else(|| io::Error::new(io::ErrorKind::Interrupted, "purged while it was exported"))?;
            let leaf: Leaf<'_> = serde_json::from_slice(line)?;
            if matches!(leaf.kind, Kind::Request | Kind::Lost) {
                let record: Record<'_> = serde_json::from_str(leaf.record.get())?;
                if let Some(version) = record.prices.filter(|version| !prices.contains(&**version)) {
                    prices.insert(version.into_owned());
                }
            }
            file.write_all(line)?;
            file.write_all(b"\n")
        })?;
        file.flush()?;
    }
    Ok(())
}

/// Opens what can still be opened.
fn open_details(from: &Shelf, to: &Shelf, size: u64, keys: &TenantKeys) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(to.dir().join("details.jsonl"))?);
    for seq in 0..size {
        let sealed = match from.sealed_detail(seq) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            sealed => sealed?,
        };
        let Some(opened) = sealed.map(|line| keys.open(&line)).transpose()?.flatten() else { continue };
        let (salt, text) = opened.split_at_checked(32).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        let detail: serde_json::Value = serde_json::from_slice(text)?;
        file.write_all(&crate::canonical::write(&json!({"detail": detail, "salt": hex(salt), "seq": seq})))?;
        file.write_all(b"\n")?;
    }
    file.flush()
}
