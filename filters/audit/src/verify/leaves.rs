//! The leaves of a log: each file read once, side by side with the others, and what they say put together.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::priced::priced;
use super::{Result, Subject, Wrong, at, wrong};
use crate::canonical;
use crate::export::Named;
use crate::hash::Hash;
use crate::journal::lock;
use crate::prices::PriceList;
use crate::record::{Kind, Leaf, LogId, Record};
use crate::shelf::{CHUNK, Shelf};
use crate::totals::{Months, Purge, add_record};
use crate::tree::Frontier;

/// What the leaves of a log say, put together from its files.
#[derive(Default)]
pub(super) struct Told {
    /// The totals of each file, by its number.
    pub(super) months: BTreeMap<u64, Months>,
    pub(super) purges: Vec<Purge>,
    /// Ranges of records whose details were destroyed.
    pub(super) erased: Vec<[u64; 2]>,
    /// The price lists that records name.
    pub(super) prices: BTreeSet<String>,
    /// Only the deployment's log: `checkpoint` and `key` leaves, by place.
    pub(super) named: BTreeMap<u64, Named>,
    pub(super) keys: BTreeMap<u64, NewKey>,
    /// The first and last leaf of each file: its `prev`, and its own time.
    pub(super) seams: BTreeMap<u64, Seam>,
    /// Of each file, the roots over its own leaves alone: at its end, and at each size that is asked for.
    pub(super) roots: BTreeMap<u64, Hash>,
}

/// A `key` leaf's record.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    pub(super) signed: String,
    pub(super) vkey: String,
}

pub(super) struct Seam {
    pub(super) prev: String,
    pub(super) first_at: u64,
    pub(super) last_at: u64,
}

/// An `open` leaf's record.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    deployment: String,
    log: String,
    origin: String,
}

/// An `erase` leaf's record.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Erased {
    #[serde(rename = "by")]
    _by: String,
    seqs: Vec<[u64; 2]>,
    #[serde(rename = "what")]
    _what: String,
    #[serde(rename = "why")]
    _why: String,
}

/// Reads all leaves of a log, its files side by side.
pub(super) fn leaves(folder: &Path, subject: &Subject, sizes: &BTreeSet<u64>) -> Result<Told> {
    let chunks = subject.signed.size.div_ceil(CHUNK);
    let next = AtomicU64::new(0);
    let told = Mutex::new(Ok(Told::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(usize::try_from(chunks).unwrap_or(usize::MAX)) {
            scope.spawn(|| {
                let mut prices = Prices { folder, lists: BTreeMap::new() };
                loop {
                    let chunk = next.fetch_add(1, Relaxed);
                    if chunk >= chunks || lock(&told).is_err() {
                        return;
                    }
                    let found = chunk_of(subject, chunk, sizes, &mut prices);
                    let mut told = lock(&told);
                    match (found, &mut *told) {
                        (Ok(found), Ok(all)) => all.take(found),
                        (Err(error), Ok(_)) => *told = Err(error),
                        (_, Err(_)) => {}
                    }
                }
            });
        }
    });
    told.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Told {
    fn take(&mut self, other: Self) {
        self.months.extend(other.months);
        self.purges.extend(other.purges);
        self.erased.extend(other.erased);
        self.prices.extend(other.prices);
        self.named.extend(other.named);
        self.keys.extend(other.keys);
        self.seams.extend(other.seams);
        self.roots.extend(other.roots);
    }
}

/// The price lists of a folder, each read once.
struct Prices<'a> {
    folder: &'a Path,
    lists: BTreeMap<String, PriceList>,
}

impl Prices<'_> {
    fn list(&mut self, version: &str) -> io::Result<&PriceList> {
        if !self.lists.contains_key(version) {
            // A version is part of a path: nothing but digits may be in it.
            if version.len() != 16 || !version.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(io::Error::other("a price list's version is not 16 digits"));
            }
            let path = self.folder.join("prices").join(format!("{version}.json"));
            self.lists.insert(version.to_owned(), PriceList::read(&path)?);
        }
        Ok(&self.lists[version])
    }
}

/// One file of leaves, and the part of the tree above it.
fn chunk_of(subject: &Subject, chunk: u64, sizes: &BTreeSet<u64>, prices: &mut Prices<'_>) -> Result<Told> {
    let path = subject.shelf.leaves(chunk);
    let mut told = Told::default();
    let (from, to) = (chunk * CHUNK, subject.signed.size.min((chunk + 1) * CHUNK));
    let hashes = at(subject.shelf.tree(0).display(), hashes(&subject.shelf, from, to))?;
    let mut frontier = Frontier::default();
    for (size, hash) in (from + 1..).zip(hashes.chunks_exact(32)) {
        frontier.push(Hash::from_slice(hash).unwrap_or_default());
        if size == to || sizes.contains(&size) {
            told.roots.insert(size, frontier.root());
        }
    }
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(told),
        Err(error) => return wrong(path.display(), error),
    };
    let mut lines = BufReader::with_capacity(1 << 17, file);
    let mut line = Vec::with_capacity(2048);
    let mut prev: Option<Hash> = None;
    let mut seam = Seam { prev: String::new(), first_at: 0, last_at: 0 };
    for (seq, written) in (from..to).zip(hashes.chunks_exact(32)) {
        // Made only where something is wrong.
        let wrong_here = |what: String| Wrong { place: format!("log {}, leaf {seq}", subject.id), what };
        line.clear();
        at(path.display(), lines.read_until(b'\n', &mut line))?;
        if line.pop() != Some(b'\n') {
            return Err(wrong_here("the file ends before it".to_owned()));
        }
        let hash = Hash::of_leaf(&line);
        if hash.0 != written {
            return Err(wrong_here("its hash is not the one in tree.0".to_owned()));
        }
        let text = canonical::checked(&line).map_err(|e| wrong_here(e.to_string()))?;
        // Nearly all leaves are of requests: those are read in one go.
        let here = if is_request(text) && subject.id != LogId::DEPLOYMENT {
            let leaf: Leaf<'_, Record<'_>> = serde_json::from_str(text).map_err(|e| wrong_here(e.to_string()))?;
            told.count(chunk, &leaf.record, prices).map_err(|e| wrong_here(e.to_string()))?;
            Place::of(&leaf)
        } else {
            let leaf: Leaf<'_> = serde_json::from_str(text).map_err(|e| wrong_here(e.to_string()))?;
            told.listen(&leaf, subject, prices).map_err(|e| wrong_here(e.to_string()))?;
            Place::of(&leaf)
        };
        if here.seq != seq || here.v != 1 || (here.kind == Kind::Open) != (seq == 0) {
            return Err(wrong_here(format!("another leaf, {}, stands there", here.seq)));
        }
        match prev {
            None => (seam.prev, seam.first_at) = (here.prev.hex(), here.at),
            Some(prev) if here.prev != prev => {
                return Err(wrong_here("it does not follow the leaf before".to_owned()));
            }
            Some(_) if here.at < seam.last_at => {
                return Err(wrong_here("its time is before that of the leaf before".to_owned()));
            }
            Some(_) => {}
        }
        seam.last_at = here.at;
        prev = Some(hash);
    }
    told.seams.insert(from, seam);
    let rest = at(path.display(), lines.fill_buf().map(<[u8]>::is_empty))?;
    if !rest && subject.shelf.dir().join("../../export.json").exists() {
        return wrong(path.display(), "it goes on past the checkpoint");
    }
    Ok(told)
}

fn hashes(shelf: &Shelf, from: u64, to: u64) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; usize::try_from(32 * (to - from)).map_err(io::Error::other)?];
    File::open(shelf.tree(0))?.read_exact_at(&mut bytes, 32 * from)?;
    Ok(bytes)
}

/// Where a leaf says that it stands.
struct Place {
    at: u64,
    kind: Kind,
    prev: Hash,
    seq: u64,
    v: u8,
}

impl Place {
    fn of<R>(leaf: &Leaf<'_, R>) -> Self {
        // What is no hash is no leaf's.
        let prev = Hash::from_hex(&leaf.prev).unwrap_or(Hash([0xff; 32]));
        Self { at: leaf.at, kind: leaf.kind, prev, seq: leaf.seq, v: leaf.v }
    }
}

/// Canonical JSON has the kind in the second place.
fn is_request(line: &str) -> bool {
    line.as_bytes()
        .iter()
        .take(40)
        .position(|b| *b == b',')
        .is_some_and(|at| line[at..].starts_with(",\"kind\":\"request\","))
}

impl Told {
    /// Holds a record's amounts against the list that it names, and counts it.
    fn count(&mut self, chunk: u64, record: &Record<'_>, prices: &mut Prices<'_>) -> io::Result<()> {
        let list = record.prices.as_deref().map(|version| prices.list(version)).transpose()?;
        priced(record, list).map_err(io::Error::other)?;
        if let Some(version) = record.prices.as_deref().filter(|version| !self.prices.contains(*version)) {
            self.prices.insert(version.to_owned());
        }
        add_record(self.months.entry(chunk).or_default(), record);
        Ok(())
    }

    /// Takes in what a leaf says.
    fn listen(&mut self, leaf: &Leaf<'_>, subject: &Subject, prices: &mut Prices<'_>) -> io::Result<()> {
        let text = leaf.record.get();
        let in_deployment = subject.id == LogId::DEPLOYMENT;
        match leaf.kind {
            Kind::Request | Kind::Lost if !in_deployment => {
                self.count(leaf.seq / CHUNK, &serde_json::from_str(text)?, prices)?;
            }
            Kind::Purge if !in_deployment => self.purges.push(serde_json::from_str(text)?),
            Kind::Erase if !in_deployment => self.erased.extend(serde_json::from_str::<Erased>(text)?.seqs),
            Kind::Checkpoint if in_deployment => {
                let named: Named = serde_json::from_str(text)?;
                LogId::parse(&named.log).ok_or_else(|| io::Error::other("it names no log"))?;
                self.named.insert(leaf.seq, named);
            }
            Kind::Key if in_deployment => {
                self.keys.insert(leaf.seq, serde_json::from_str(text)?);
            }
            Kind::Start | Kind::Stop | Kind::Mode | Kind::Refused if in_deployment => {}
            Kind::Admin => {}
            Kind::Open => {
                let opened: Opened = serde_json::from_str(text)?;
                let is_ours = opened.deployment == subject.deployment
                    && (opened.log, opened.origin) == (subject.id.to_string(), subject.signed.origin.clone());
                if !is_ours {
                    return Err(io::Error::other("it opens another log"));
                }
            }
            kind => {
                return Err(io::Error::other(format!(
                    "a leaf of kind `{}` does not belong in this log",
                    kind.as_str()
                )));
            }
        }
        Ok(())
    }
}
