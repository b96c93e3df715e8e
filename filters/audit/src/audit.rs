//! The audit log as the gateway uses it: opened, handed records, asked whether they are on disk, closed.
//!
//! Behind it stand two threads: the journal's writer and the notary. Neither is ever waited for by a
//! worker but by its turn.

use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::deeds::{Named, Retention, logs};
use crate::hash::{hex, hex_into};
use crate::journal::{Clock, Detail, Entry, Failed, Item, Open, Shared, Ticket, Writer, entries, lock};
use crate::keyring::Keyring;
use crate::log::Arrived;
use crate::notary::{Fault, Kept, Notary, open_log, origin};
use crate::prices::PriceList;
use crate::record::{Kind, Leaf, LogId};
use crate::refusals::Refusals;
use crate::segment::{self, Segment};
use crate::shelf::Shelf;
use crate::totals::Totals;
use crate::vault::{self, Key, TenantKeys, draw, replace};
use crate::witness::{Post, Remote};

/// What the log promises before an answer goes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is on disk.
    #[default]
    Strict,
    /// It is with the operating system; a loss of power may take the last second.
    Relaxed,
    /// Nothing is written.
    Off,
}

impl Mode {
    /// The word in configuration and in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Relaxed => "relaxed",
            Self::Off => "off",
        }
    }
}

/// How to open it.
pub struct Settings {
    /// The data folder.
    pub data: PathBuf,
    /// What it promises.
    pub mode: Mode,
    /// How long what is kept.
    pub retention: Retention,
    /// The size of a journal file.
    pub segment_bytes: u64,
    /// Microseconds since 1970.
    pub clock: Clock,
    /// Who cosigns the deployment's checkpoint, and how to reach them.
    pub witnesses: Option<(Vec<Remote>, Post)>,
    /// Who writes, for the `start` leaf.
    pub software: String,
    /// Called once when the disk has failed or does not hold what was written: the process must end,
    /// for only a restart finds out what is really there.
    pub on_failure: Box<dyn FnOnce(String) + Send>,
}

/// The size of a journal file where nothing else is asked for.
pub const SEGMENT_BYTES: u64 = 16 << 20;

/// Why the log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{0} is in use by another process: stop that one, or configure another `audit.data_dir`")]
    InUse(PathBuf),
    /// It holds something that was not written so.
    #[error(
        "the audit log is damaged: {0}. Nothing was changed. Keep a copy of the folder, find out what wrote to it, \
         and put back a backup of it, or begin a new one by another `audit.data_dir`"
    )]
    Damaged(String),
    /// It cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The data folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// The audit log, open.
pub struct Audit {
    data: PathBuf,
    deployment: String,
    mode: Mode,
    shared: Arc<Shared>,
    master: Key,
    keys: Arc<Mutex<HashMap<LogId, TenantKeys>>>,
    tenants: Arc<Mutex<HashMap<String, LogId>>>,
    refusals: Arc<Refusals>,
    clock: Clock,
    closing: Arc<AtomicBool>,
    writer: Mutex<Option<JoinHandle<()>>>,
    notary: Mutex<Option<JoinHandle<()>>>,
    /// Held as long as the folder is ours.
    _lock: File,
}

/// `deployment.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deployment {
    pub(crate) deployment: String,
    v: u8,
}

/// What was found in a data folder.
struct Found {
    deployment: String,
    master: Key,
    keyring: Keyring,
    /// The key is new, and what is signed was signed by the one before.
    is_rotated: bool,
    logs: BTreeMap<LogId, Kept>,
    keys: HashMap<LogId, TenantKeys>,
    tenants: HashMap<String, LogId>,
    open: Open,
    journal: segment::Read,
}

impl Audit {
    /// Opens the data folder, makes good what a crash left half done, and starts to write.
    ///
    /// # Errors
    /// [`OpenError`]; a damaged log is left as it is.
    pub fn open(settings: Settings) -> Result<Arc<Self>, OpenError> {
        let data = settings.data.clone();
        let lock_file = take(&data)?;
        let found = find(&data).map_err(|fault| OpenError::of(&data, fault))?;
        Self::start(settings, lock_file, found).map_err(|error| OpenError::of(&data, Fault::from(error)))
    }

    fn start(settings: Settings, lock_file: File, found: Found) -> io::Result<Arc<Self>> {
        let Settings { data, mode, retention, segment_bytes, clock, witnesses, software, on_failure } = settings;
        let Found { deployment, master, keyring, is_rotated, logs, keys, tenants, open, journal } = found;
        let shared = Arc::new(Shared::new());
        let keys = Arc::new(Mutex::new(keys));
        let tenants = Arc::new(Mutex::new(tenants));
        let refusals = Arc::new(Refusals::default());
        let closing = Arc::new(AtomicBool::new(false));
        let heads = logs.iter().map(|(id, kept)| Ok((*id, kept.log.head()?))).collect::<io::Result<_>>()?;
        let dir = data.join("journal");
        let mut segment = Segment::allocate(dir.join("first.spare"), segment_bytes)?;
        segment.begin(&dir, journal.next_file, journal.next_frame)?;
        let writer = Writer {
            shared: Arc::clone(&shared),
            dir,
            segment_bytes,
            strict: Arc::new(AtomicBool::new(mode == Mode::Strict)),
            clock: Arc::clone(&clock),
            segment,
            next_file: journal.next_file + 1,
            next_frame: journal.next_frame,
            synced: journal.next_frame - 1,
            heads: Arc::new(Mutex::new(heads)),
            keys: Arc::clone(&keys),
            open: open.clone(),
        };
        let carried = journal.next_frame - 1;
        lock(&shared.retired).extend(journal.files.into_iter().map(|path| (path, carried)));
        let notary = Notary {
            data: data.clone(),
            deployment: deployment.clone(),
            shared: Arc::clone(&shared),
            keys: Arc::clone(&keys),
            keyring,
            is_rotated,
            tenants: Arc::clone(&tenants),
            witnesses,
            totals: totals(&data, &logs)?,
            logs,
            refusals: Arc::clone(&refusals),
            retention,
            swept: 0,
            clock: Arc::clone(&clock),
            segment_bytes,
            frames: VecDeque::new(),
            carried,
            closing: Arc::clone(&closing),
        };
        if let Err(Fault::Io(error)) = notary.keep_spares() {
            tracing::error!(%error, "no room for the audit journal: new requests are refused");
        }
        let empty: Vec<LogId> = notary.logs.iter().filter(|(_, k)| k.log.size() == 0).map(|(id, _)| *id).collect();
        let (writer, notary) = set_to_work(writer, notary, on_failure)?;
        let audit = Arc::new(Self {
            data,
            deployment,
            mode,
            shared,
            master,
            keys,
            tenants,
            refusals,
            clock,
            closing,
            writer: Mutex::new(Some(writer)),
            notary: Mutex::new(Some(notary)),
            _lock: lock_file,
        });
        audit.begin_again(empty, open, &software)?;
        Ok(audit)
    }

    /// The first leaves after a start: logs that are new, requests that were lost, the start itself.
    fn begin_again(&self, empty: Vec<LogId>, lost: Open, software: &str) -> io::Result<()> {
        for log in empty {
            self.append_open(log);
        }
        let recovered = lost.len();
        let mut last = None;
        for (request, (log, record)) in lost {
            last = Some(self.shared.append(Item::Leaf { log, kind: Kind::Lost, request, record, detail: None }));
        }
        let says = json!({"recovered": recovered, "software": software});
        last = Some(self.append(LogId::DEPLOYMENT, Kind::Start, &says)).or(last);
        let before = std::fs::read_to_string(self.data.join("mode")).unwrap_or_else(|_| "off".to_owned());
        if before != self.mode.as_str() {
            let says = json!({"from": before, "to": self.mode.as_str()});
            last = Some(self.append(LogId::DEPLOYMENT, Kind::Mode, &says));
        }
        if let Some(ticket) = last {
            self.shared.block_until_durable(ticket).map_err(io::Error::other)?;
        }
        replace(&self.data.join("mode"), self.mode.as_str().as_bytes(), 0o644)
    }

    fn append_open(&self, log: LogId) {
        let name = log.to_string();
        let says = json!({"deployment": self.deployment, "log": name, "origin": origin(&self.deployment, log)});
        self.append(log, Kind::Open, &says);
    }

    fn append(&self, log: LogId, kind: Kind, record: &serde_json::Value) -> Ticket {
        let record = crate::canonical::write(record);
        self.shared.append(Item::Leaf { log, kind, request: [0; 16], record, detail: None })
    }

    /// The log of a tenant; made where it has none yet. Called when configuration loads.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn log_of(&self, tenant: &str) -> io::Result<LogId> {
        let mut tenants = lock(&self.tenants);
        if let Some(log) = tenants.get(tenant) {
            return Ok(*log);
        }
        let log = LogId(draw()?);
        name_log(&self.data, &self.deployment, log, tenant)?;
        let keys = TenantKeys::load(&self.data.join("logs").join(log.to_string()), log, &self.master)?;
        lock(&self.keys).insert(log, keys);
        tenants.insert(tenant.to_owned(), log);
        self.append_open(log);
        Ok(log)
    }

    /// Keeps a price list, so that records can name it. Returns its version.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_prices(&self, list: &PriceList) -> io::Result<String> {
        list.keep(&self.data)
    }

    /// What it promises.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether new requests may begin: the disk works, and there is room.
    #[must_use]
    pub fn accepts(&self) -> bool {
        self.shared.accepts()
    }

    /// A request begins. `record` is what stays of it if nothing more comes.
    pub fn begin(&self, log: LogId, request: [u8; 16], record: Vec<u8>) -> Ticket {
        self.shared.append(Item::Begin { log, request, record })
    }

    /// A request has ended.
    pub fn end(&self, log: LogId, request: [u8; 16], record: Vec<u8>, detail: Option<Detail>) -> Ticket {
        self.shared.append(Item::Leaf { log, kind: Kind::Request, request, record, detail })
    }

    /// Waits until it is as durable as the mode promises.
    ///
    /// # Errors
    /// [`Failed`]: it never will be.
    pub async fn durable(&self, ticket: Ticket) -> Result<(), Failed> {
        match self.mode {
            Mode::Strict => self.shared.durable(ticket).await,
            Mode::Relaxed | Mode::Off if self.shared.has_failed() => Err(Failed),
            Mode::Relaxed | Mode::Off => Ok(()),
        }
    }

    /// Counts a request that was refused without a known caller. `code` comes from a closed set.
    pub fn refused(&self, code: &'static str) {
        self.refusals.count(code, (self.clock)());
    }

    /// An administrative act.
    pub fn admin(&self, log: LogId, by: &str, what: &str) -> Ticket {
        self.append(log, Kind::Admin, &json!({"by": by, "what": what}))
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A log, to be read.
    #[must_use]
    pub fn shelf(&self, log: LogId) -> Shelf {
        Shelf::at(self.data.join("logs").join(log.to_string()))
    }

    /// Writes and signs what is left, and lets the folder go. Only the first call does anything; any other
    /// waits for it.
    pub fn close(&self) {
        let mut running = lock(&self.notary);
        let Some(notary) = running.take() else { return };
        for (minute, codes) in self.refusals.take(u64::MAX) {
            self.append(LogId::DEPLOYMENT, Kind::Refused, &json!({"codes": codes, "minute": minute}));
        }
        let ticket = self.append(LogId::DEPLOYMENT, Kind::Stop, &json!({}));
        let _ = self.shared.block_until_durable(ticket);
        self.closing.store(true, SeqCst);
        let _ = notary.join();
        self.shared.close();
        if let Some(writer) = lock(&self.writer).take() {
            let _ = writer.join();
        }
    }
}

impl OpenError {
    fn of(data: &Path, fault: Fault) -> Self {
        match fault {
            Fault::Io(error) => Self::Io { path: data.to_owned(), error },
            Fault::Integrity(what) => Self::Damaged(what),
        }
    }
}

/// Starts the two threads. Whichever fails first says so; a notary that fails stops the journal too.
fn set_to_work(
    writer: Writer,
    notary: Notary,
    on_failure: Box<dyn FnOnce(String) + Send>,
) -> io::Result<(JoinHandle<()>, JoinHandle<()>)> {
    let on_failure = Arc::new(Mutex::new(Some(on_failure)));
    let shared = Arc::clone(&writer.shared);
    let writing = move || writer.run().map_err(|error| error.to_string());
    let signing = move || {
        notary.run().map_err(|fault| {
            shared.fail();
            match fault {
                Fault::Io(error) => error.to_string(),
                Fault::Integrity(what) => what,
            }
        })
    };
    Ok((spawn("audit-journal", writing, Arc::clone(&on_failure))?, spawn("audit-notary", signing, on_failure)?))
}

type OnFailure = Arc<Mutex<Option<Box<dyn FnOnce(String) + Send>>>>;

fn spawn(
    name: &str,
    work: impl FnOnce() -> Result<(), String> + Send + 'static,
    on_failure: OnFailure,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let Err(what) = work() else { return };
        let told = lock(&on_failure).take();
        if let Some(tell) = told {
            tell(what);
        }
    })
}

/// Deletes what is made from the records, while nobody has the folder open; opening it makes it again.
///
/// # Errors
/// [`OpenError`].
pub fn forget_projections(data: &Path) -> Result<(), OpenError> {
    let _lock = take(data)?;
    match std::fs::remove_file(data.join("totals.json")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(OpenError::Io { path: data.to_owned(), error }),
        _ => Ok(()),
    }
}

/// Whether the journal holds what is not signed yet: the gateway was killed, and was not started since.
///
/// # Errors
/// [`OpenError::InUse`] while a gateway has the folder open; otherwise when the folder cannot be read.
pub fn has_unsigned(data: &Path) -> Result<bool, OpenError> {
    let _lock = take(data)?;
    unsigned(data).map_err(|error| OpenError::of(data, error.into()))
}

fn unsigned(data: &Path) -> io::Result<bool> {
    let mut open = HashSet::new();
    let mut signed: HashMap<LogId, u64> = HashMap::new();
    for payload in segment::read(&data.join("journal"))?.payloads {
        for entry in entries(&payload) {
            match entry {
                Entry::Begin { request, .. } => drop(open.insert(request)),
                Entry::Leaf { log, request, seq, .. } => {
                    open.remove(&request);
                    let size = match signed.entry(log) {
                        Occupied(known) => *known.get(),
                        Vacant(place) => *place.insert(Shelf::at(data.join("logs").join(log.to_string())).signed()?),
                    };
                    if seq >= size {
                        return Ok(true);
                    }
                }
                Entry::Key { .. } => {}
            }
        }
    }
    Ok(!open.is_empty())
}

/// Makes the folder and takes it for this process alone.
fn take(data: &Path) -> Result<File, OpenError> {
    let io = |error| OpenError::Io { path: data.to_owned(), error };
    for folder in ["journal", "keys", "logs", "prices"] {
        // Nobody else has to look into it; an auditor gets an export.
        DirBuilder::new().recursive(true).mode(0o700).create(data.join(folder)).map_err(io)?;
    }
    let file = File::options().create(true).truncate(false).write(true).open(data.join("LOCK")).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse(data.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(io(error)),
    }
}

/// Reads the folder: keys, logs as far as they are signed, and what the journal has beyond.
fn find(data: &Path) -> Result<Found, Fault> {
    let deployment = deployment(data)?;
    let master = vault::master(&data.join("keys/master.key"))?;
    let mut keyring = Keyring::open(data, &origin(&deployment, LogId::DEPLOYMENT))?;
    name_log(data, &deployment, LogId::DEPLOYMENT, "")?;
    let mut tenants = HashMap::new();
    let mut kept = BTreeMap::new();
    for (id, tenant) in logs(data)? {
        let shelf = Shelf::at(data.join("logs").join(id.to_string()));
        kept.insert(id, open_log(shelf, &deployment, id, &keyring)?);
        if id != LogId::DEPLOYMENT {
            tenants.insert(tenant, id);
        }
    }
    let journal = segment::read(&data.join("journal"))?;
    remove_spares(&data.join("journal"))?;
    let open = replay(data, &journal, &mut kept)?;
    let is_rotated = finish_rotation(&mut keyring, &kept)?;
    let mut keys = HashMap::new();
    for log in tenants.values() {
        keys.insert(*log, TenantKeys::load(&data.join("logs").join(log.to_string()), *log, &master)?);
    }
    Ok(Found { deployment, master, keyring, is_rotated, logs: kept, keys, tenants, open, journal })
}

/// Takes a new key into use whose announcement is in the log already: the process ended in between.
fn finish_rotation(keyring: &mut Keyring, logs: &BTreeMap<LogId, Kept>) -> Result<bool, Fault> {
    let Some(next) = keyring.pending()? else { return Ok(false) };
    let vkey = next.verifier().to_string();
    if keyring.signer.verifier() == next.verifier() {
        keyring.drop_pending()?;
        return Ok(true);
    }
    let mut is_announced = false;
    if let Some(kept) = logs.get(&LogId::DEPLOYMENT) {
        kept.log.shelf.each_leaf(0, kept.log.size(), &mut |_, line| {
            let leaf: Leaf<'_> = serde_json::from_slice(line.unwrap_or_default())?;
            is_announced |= leaf.kind == Kind::Key && leaf.record.get().contains(&vkey);
            Ok(())
        })?;
    }
    match is_announced {
        true => keyring.change(next)?,
        false => keyring.drop_pending()?,
    }
    Ok(is_announced)
}

/// Carries what the journal has into the logs. Returns the requests that never ended.
fn replay(data: &Path, journal: &segment::Read, logs: &mut BTreeMap<LogId, Kept>) -> Result<Open, Fault> {
    let mut open = Open::new();
    for payload in &journal.payloads {
        for entry in entries(payload) {
            match entry {
                Entry::Begin { log, request, record } => {
                    open.insert(request, (log, record.to_vec()));
                }
                Entry::Key { log, line } => vault::add(&data.join("logs").join(log.to_string()), line)?,
                Entry::Leaf { log, request, seq, hash, leaf, detail } => {
                    open.remove(&request);
                    let kept = logs.get_mut(&log).ok_or_else(|| {
                        Fault::Integrity(format!("the journal has leaves of log {log}, which is gone"))
                    })?;
                    if seq > kept.log.size() {
                        let what = format!("log {log}: the journal goes on at leaf {seq}, the log ends before");
                        return Err(Fault::Integrity(what));
                    }
                    if seq == kept.log.size() {
                        kept.log.push(&Arrived { leaf, hash, request, detail })?;
                    }
                }
            }
        }
    }
    for kept in logs.values_mut() {
        kept.log.sync()?;
    }
    Ok(open)
}

/// Totals as far as what is signed; made anew where they are not of these logs.
fn totals(data: &Path, logs: &BTreeMap<LogId, Kept>) -> io::Result<Totals> {
    let mut totals = Totals::load(data);
    for (id, kept) in logs.iter().filter(|(id, _)| **id != LogId::DEPLOYMENT) {
        let (next, signed) = (totals.next(*id), kept.log.signed);
        if next > signed || next == 0 {
            totals.rebuild(*id, &kept.log.shelf, signed)?;
        } else {
            kept.log.shelf.each_leaf(next, signed, &mut |_, line| match line {
                Some(line) => totals.count(*id, &serde_json::from_slice(line)?),
                None => Ok(()),
            })?;
        }
    }
    totals.store(data)?;
    Ok(totals)
}

fn remove_spares(journal: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(journal)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "spare") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn deployment(data: &Path) -> io::Result<String> {
    let path = data.join("deployment.json");
    match std::fs::read(&path) {
        Ok(text) => {
            let read: Deployment = serde_json::from_slice(&text)?;
            if hex_into(&read.deployment, &mut [0; 8]) {
                return Ok(read.deployment);
            }
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} holds no id", path.display())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let deployment = hex(&draw::<8>()?);
            write_line(&path, &Deployment { deployment: deployment.clone(), v: 1 })?;
            Ok(deployment)
        }
        Err(error) => Err(error),
    }
}

/// Makes a log's folder and says whose it is.
fn name_log(data: &Path, deployment: &str, log: LogId, tenant: &str) -> io::Result<()> {
    let dir = data.join("logs").join(log.to_string());
    let path = dir.join("log.json");
    if path.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(&dir)?;
    File::open(data.join("logs"))?.sync_all()?;
    write_line(&path, &Named { id: log.to_string(), origin: origin(deployment, log), tenant: tenant.to_owned(), v: 1 })
}

fn write_line(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut text = crate::canonical::write(value);
    text.push(b'\n');
    replace(path, &text, 0o644)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use crate::scratch::Scratch;

    const HOUR_US: u64 = 3_600_000_000;

    fn settings(data: &Path, now: u64) -> Settings {
        Settings {
            data: data.to_owned(),
            mode: Mode::Strict,
            retention: Retention::default(),
            segment_bytes: 1 << 20,
            clock: Arc::new(move || now),
            witnesses: None,
            software: "test".to_owned(),
            on_failure: Box::new(|what| panic!("{what}")),
        }
    }

    fn record(id: &str) -> Vec<u8> {
        let record = Record {
            id: id.into(),
            key: "k".into(),
            outcome: "answered".into(),
            surface: "s".into(),
            ..Record::default()
        };
        crate::canonical::write(&record)
    }

    fn detail() -> Detail {
        Detail { subject: "ann".to_owned(), salt: [1; 32], json: b"{}".to_vec() }
    }

    fn kinds(shelf: &Shelf) -> Vec<Kind> {
        let mut kinds = Vec::new();
        let size = shelf.hashes().expect("a size");
        shelf
            .each_leaf(0, size, &mut |_, line| {
                kinds.push(serde_json::from_slice::<Leaf<'_>>(line.unwrap_or_default())?.kind);
                Ok(())
            })
            .expect("readable");
        kinds
    }

    #[test]
    fn what_was_begun_and_never_ended_is_lost_and_what_ended_is_there_once() {
        let scratch = Scratch::new();
        let audit = Audit::open(settings(scratch.path(), 5)).expect("opened");
        let log = audit.log_of("acme").expect("a log");
        for i in 0..100 {
            audit.begin(log, [i; 16], record("begun"));
            if i != 7 {
                audit.end(log, [i; 16], record("ended"), Some(detail()));
            }
        }
        audit.close();
        drop(audit);
        let again = Audit::open(settings(scratch.path(), 6)).expect("opened again");
        assert_eq!(again.log_of("acme").expect("the same"), log);
        again.close();
        let kinds = kinds(&again.shelf(log));
        assert_eq!(kinds.len(), 101);
        assert_eq!(kinds.iter().filter(|k| **k == Kind::Request).count(), 99);
        assert_eq!(kinds.last(), Some(&Kind::Lost));
        let totals = Totals::load(scratch.path());
        assert_eq!((totals.next(log), totals.logs[&log.to_string()]["1970-01"]["-"].requests), (101, 100));
    }

    #[test]
    fn a_folder_has_one_owner() {
        let scratch = Scratch::new();
        let audit = Audit::open(settings(scratch.path(), 5)).expect("opened");
        assert!(matches!(Audit::open(settings(scratch.path(), 5)), Err(OpenError::InUse(_))));
        audit.close();
    }

    #[test]
    fn a_clock_that_went_back_an_hour_changes_nothing_but_the_times() {
        let scratch = Scratch::new();
        for now in [2 * HOUR_US, HOUR_US, 3 * HOUR_US] {
            let audit = Audit::open(settings(scratch.path(), now)).expect("opened");
            let log = audit.log_of("acme").expect("a log");
            audit.end(log, [1; 16], record("a"), None);
            audit.close();
        }
        let log = log_of_acme(scratch.path());
        let shelf = Shelf::at(scratch.path().join("logs").join(log.to_string()));
        let at = |seq| {
            let line = shelf.leaf(seq).expect("a leaf");
            serde_json::from_slice::<Leaf<'_>>(&line).expect("a leaf").at / HOUR_US
        };
        assert_eq!([at(0), at(1), at(2), at(3)], [2, 2, 2, 3]);
    }

    fn log_of_acme(data: &Path) -> LogId {
        crate::log_of(data, "acme").expect("readable").expect("a log")
    }

    #[test]
    fn a_changed_leaf_is_not_signed_over() {
        let scratch = Scratch::new();
        let audit = Audit::open(settings(scratch.path(), 5)).expect("opened");
        let log = audit.log_of("acme").expect("a log");
        audit.end(log, [1; 16], record("a"), None);
        audit.close();
        drop(audit);
        let file = Shelf::at(scratch.path().join("logs").join(log.to_string())).leaves(0);
        let text = std::fs::read_to_string(&file).expect("readable");
        std::fs::write(&file, text.replace("answered", "Answered")).expect("written");
        let refused = Audit::open(settings(scratch.path(), 5)).map(drop).expect_err("must not open");
        assert!(refused.to_string().contains("is not the one that was signed"), "{refused}");
    }

    #[test]
    fn a_rotated_key_signs_and_the_old_one_has_said_so() {
        let scratch = Scratch::new();
        let audit = Audit::open(settings(scratch.path(), 5)).expect("opened");
        let log = audit.log_of("acme").expect("a log");
        audit.end(log, [1; 16], record("a"), None);
        let done = crate::ask(scratch.path(), &crate::Deed::RotateKey { by: "ann".to_owned() }).expect("asked");
        audit.close();
        assert!(std::fs::read_to_string(done).expect("an answer").contains("signed by tollgate/"));
        let keys = crate::keyring::verifiers(scratch.path()).expect("keys");
        assert_eq!(keys.len(), 2);
        for log in [LogId::DEPLOYMENT, log] {
            let note = audit.shelf(log).checkpoint().expect("readable").expect("signed");
            crate::note::Checkpoint::open(&note, &keys[1]).expect("by the new key");
        }
    }

    #[test]
    fn what_is_too_old_is_dropped_and_its_hashes_and_totals_stay() {
        const DAY_US: u64 = 24 * HOUR_US;
        let scratch = Scratch::new();
        let data = scratch.path();
        let audit = Audit::open(settings(data, DAY_US)).expect("opened");
        let log = audit.log_of("acme").expect("a log");
        for i in 0..crate::shelf::CHUNK + 10 {
            audit.end(log, u128::from(i + 1).to_le_bytes(), record("a"), (i < 3).then(detail));
        }
        audit.close();
        drop(audit);
        let before = Totals::load(data);
        let retention = Retention { details_days: Some(90), leaves_days: Some(30) };
        let audit = Audit::open(Settings { retention, ..settings(data, 200 * DAY_US) }).expect("opened");
        audit.close();
        let shelf = audit.shelf(log);
        drop(audit);
        assert!(!shelf.leaves(0).exists() && !shelf.details(0).exists() && shelf.leaves(1).exists());
        let last =
            serde_json::from_slice::<Leaf<'_>>(&shelf.leaf(shelf.signed().expect("signed") - 1).expect("a leaf"))
                .map(|leaf| leaf.kind);
        assert_eq!(last.expect("a leaf"), Kind::Purge);
        crate::verify(data, &crate::Kept::default()).expect("it still holds");
        let export = data.join("export");
        crate::export(data, &export, true).expect("exported");
        crate::verify(&export, &crate::Kept::default()).expect("the export holds");
        crate::forget_projections(data).expect("forgotten");
        Audit::open(settings(data, 200 * DAY_US)).expect("opened").close();
        let after = Totals::load(data);
        assert_eq!(before.logs, after.logs, "what was dropped is still counted");
        assert!(shelf.receipt(5).is_err() && shelf.prove_inclusion(5, None).is_ok(), "its hash is still in the tree");
    }

    #[test]
    fn an_erased_subject_is_gone_from_the_folder_and_the_log_says_so() {
        let scratch = Scratch::new();
        let audit = Audit::open(settings(scratch.path(), 5)).expect("opened");
        let log = audit.log_of("acme").expect("a log");
        audit.end(log, [1; 16], record("a"), Some(detail()));
        let bob = Detail { subject: "bob".to_owned(), ..detail() };
        audit.end(log, [2; 16], record("b"), Some(bob));
        let deed = crate::Deed::Erase {
            by: "officer".to_owned(),
            subject: "ann".to_owned(),
            tenant: "acme".to_owned(),
            why: "she asked".to_owned(),
        };
        let done = crate::ask(scratch.path(), &deed).expect("asked");
        audit.close();
        assert_eq!(std::fs::read_to_string(done).expect("an answer"), "erased the details of 1 records");
        drop(audit);
        let audit = Audit::open(settings(scratch.path(), 5)).expect("opened");
        let keys = lock(&audit.keys);
        let open = |seq| keys[&log].open(&audit.shelf(log).sealed_detail(seq).expect("readable").expect("sealed"));
        assert_eq!((open(1).expect("erased"), open(2).expect("kept").is_some()), (None, true));
        drop(keys);
        assert!(kinds(&audit.shelf(log)).contains(&Kind::Erase));
        audit.close();
    }
}
