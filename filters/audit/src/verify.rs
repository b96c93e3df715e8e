//! Verifies an export or a data folder: every leaf, chain, root, signature, price and total. It trusts
//! nothing that the gateway wrote, and shares with it only the words of the format.
//!
//! Files of leaves are read side by side, each once; memory does not grow with the log.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::canonical;
use crate::deeds::{Named as LogFile, announcement, logs};
use crate::export::Named;
use crate::hash::Hash;
use crate::journal::lock;
use crate::keyring::verifiers;
use crate::note::{Checkpoint, Note, Verifier};
use crate::prices::PriceList;
use crate::record::{Kind, Leaf, LogId, Record};
use crate::shelf::{CHUNK, Shelf};
use crate::totals::{Months, Purge, Totals, add_record, merge};
use crate::tree::Frontier;

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
    tenant: String,
    shelf: Shelf,
    signed: Checkpoint,
    note: Note,
}

/// What the leaves of a log say, put together from its files.
#[derive(Default)]
struct Told {
    months: Months,
    purges: Vec<Purge>,
    /// Only the deployment's log: `checkpoint` and `key` leaves, by place.
    named: BTreeMap<u64, Named>,
    keys: BTreeMap<u64, NewKey>,
    /// The first and last leaf of each file: its `prev`, and its own time.
    seams: BTreeMap<u64, Seam>,
    /// Of each file, the roots over its own leaves alone: at its end, and at each size that is asked for.
    roots: BTreeMap<u64, Hash>,
}

/// A `key` leaf's record.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    signed: String,
    vkey: String,
}

struct Seam {
    prev: String,
    first_at: u64,
    last_at: u64,
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
    Ok(verified)
}

fn subjects(folder: &Path, keys: &[Verifier]) -> Result<Vec<Subject>> {
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
        if named.origin != signed.origin {
            return wrong(path.display(), format!("it is of {}, not of {}", signed.origin, named.origin));
        }
        subjects.push(Subject { id, tenant: named.tenant, shelf, signed, note });
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

/// Reads all leaves of a log, its files side by side.
fn leaves(folder: &Path, subject: &Subject, sizes: &BTreeSet<u64>) -> Result<Told> {
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
        merge(&mut self.months, &other.months);
        self.purges.extend(other.purges);
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
            told.count(&leaf.record, prices).map_err(|e| wrong_here(e.to_string()))?;
            Place::of(&leaf)
        } else {
            let leaf: Leaf<'_> = serde_json::from_str(text).map_err(|e| wrong_here(e.to_string()))?;
            told.listen(&leaf, subject.id, prices).map_err(|e| wrong_here(e.to_string()))?;
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
    /// Holds a record's price against the list that it names, and counts it.
    fn count(&mut self, record: &Record<'_>, prices: &mut Prices<'_>) -> io::Result<()> {
        priced(record, prices)?;
        add_record(&mut self.months, record);
        Ok(())
    }

    /// Takes in what a leaf says.
    fn listen(&mut self, leaf: &Leaf<'_>, log: LogId, prices: &mut Prices<'_>) -> io::Result<()> {
        let text = leaf.record.get();
        let in_deployment = log == LogId::DEPLOYMENT;
        match leaf.kind {
            Kind::Request | Kind::Lost if !in_deployment => {
                self.count(&serde_json::from_str(text)?, prices)?;
            }
            Kind::Purge if !in_deployment => self.purges.push(serde_json::from_str(text)?),
            Kind::Erase if !in_deployment => {}
            Kind::Checkpoint if in_deployment => {
                let named: Named = serde_json::from_str(text)?;
                LogId::parse(&named.log).ok_or_else(|| io::Error::other("it names no log"))?;
                self.named.insert(leaf.seq, named);
            }
            Kind::Key if in_deployment => {
                self.keys.insert(leaf.seq, serde_json::from_str(text)?);
            }
            Kind::Start | Kind::Stop | Kind::Mode | Kind::Refused if in_deployment => {}
            Kind::Open | Kind::Admin => {}
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

/// The cost of a record is the one that its list gives.
fn priced(record: &Record<'_>, prices: &mut Prices<'_>) -> io::Result<()> {
    let expected = match (&record.prices, &record.endpoint, &record.usage) {
        (Some(version), Some(endpoint), Some(usage)) => {
            prices.list(version)?.endpoints.get(&**endpoint).map(|listed| listed.cost(usage))
        }
        _ => None,
    };
    if record.cost == expected {
        return Ok(());
    }
    Err(io::Error::other(format!("its cost is {:?}, its price list says {expected:?}", record.cost)))
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

/// The roots that a log must have had, by size, and who says so.
type Roots = BTreeMap<u64, Vec<(String, String)>>;

fn roots_to_find(subject: &Subject, deployment: Option<&Told>, kept: &Kept, keys: &[Verifier]) -> Result<Roots> {
    let mut roots = Roots::new();
    let mut say = |size, root: String, who: String| roots.entry(size).or_default().push((root, who));
    say(subject.signed.size, subject.signed.root.hex(), "its checkpoint".to_owned());
    let mut before = 0;
    let id = subject.id.to_string();
    let all = deployment.into_iter().flat_map(|told| &told.named);
    for (seq, named) in all.filter(|(_, named)| named.log == id) {
        if named.size < before {
            return wrong(format!("log deployment, leaf {seq}"), format!("log {id} has become smaller"));
        }
        before = named.size;
        if named.size <= subject.signed.size {
            say(named.size, named.root.clone(), format!("leaf {seq} of the deployment's log"));
        }
    }
    for text in &kept.checkpoints {
        let note = at("a kept checkpoint", Note::parse(text))?;
        let checkpoint = at("a kept checkpoint", Checkpoint::parse(&note.text))?;
        if !keys.iter().any(|key| key.verify(&note).is_ok()) {
            return wrong("a kept checkpoint", "none of the log's keys has signed it");
        }
        if checkpoint.origin == subject.signed.origin {
            if checkpoint.size > subject.signed.size {
                return wrong(format!("log {id}"), "it is smaller than a checkpoint that was kept");
            }
            say(checkpoint.size, checkpoint.root.hex(), "a kept checkpoint".to_owned());
        }
    }
    Ok(roots)
}

/// Every root that anyone has named, the seams between files, and purges. A file's own root is that of
/// a whole subtree, so the tree above the files is built of those.
fn tree(subject: &Subject, mut roots: Roots, told: &Told) -> Result<()> {
    let id = subject.id;
    let place = |seq: u64| format!("log {id}, leaf {seq}");
    for purge in &told.purges {
        roots.entry(purge.to).or_default().push((purge.root.clone(), "a `purge` leaf".to_owned()));
    }
    let mut above = Frontier::default();
    let mut before = Hash::NONE;
    let mut last_at = 0;
    for (size, root) in &told.roots {
        let from = (size - 1) / CHUNK * CHUNK;
        let whole = above.root_with(*root);
        for (named, who) in roots.remove(size).unwrap_or_default() {
            if named != whole.hex() {
                return wrong(
                    format!("log {id}"),
                    format!("its first {size} leaves have another root than {who} says"),
                );
            }
        }
        if !size.is_multiple_of(CHUNK) && *size != subject.signed.size {
            continue;
        }
        match told.seams.get(&from) {
            Some(seam) if seam.prev != before.hex() || seam.first_at < last_at => {
                return wrong(place(from), "it does not follow the leaf before");
            }
            Some(seam) => last_at = seam.last_at,
            None if told.purges.iter().any(|p| (p.from..p.to).contains(&from)) => {}
            None => return wrong(subject.shelf.leaves(from / CHUNK).display(), "it is gone, and no `purge` says so"),
        }
        before = at(subject.shelf.tree(0).display(), subject.shelf.read_hashes(0, size - 1, 1))?[0];
        above.push(*root);
    }
    match roots.keys().next() {
        Some(size) => wrong(format!("log {id}"), format!("it is smaller than {size} leaves")),
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
    for subject in subjects.iter().filter(|s| s.id != LogId::DEPLOYMENT) {
        // In a folder in use they are of an older checkpoint; `tollgate audit rebuild` compares those.
        if written.next.get(&subject.id.to_string()) != Some(&subject.signed.size)
            && !folder.join("export.json").exists()
        {
            continue;
        }
        let mut months = told[&subject.id].months.clone();
        told[&subject.id].purges.iter().for_each(|purge| merge(&mut months, &purge.months));
        if written.logs.get(&subject.id.to_string()) != Some(&months) {
            return wrong(path.display(), format!("the totals of log {} are not those of its records", subject.id));
        }
    }
    Ok(())
}
