//! The audit log as the gateway uses it: opened, handed records, asked whether they are on disk, closed.
//!
//! Behind it stand two threads: the journal's writer and the notary. Neither is ever waited for by a
//! worker but by its turn.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::json;

use self::threads::{make_ready, set_to_work};
use crate::deeds::Retention;
use crate::journal::{Clock, Detail, Failed, Item, Open, Shared, Ticket, Writer, lock};
use crate::kept::origin;
use crate::notary::{Fault, Notary};
use crate::opening::{Found, find, name_log, take, totals};
use crate::prices::PriceList;
use crate::record::{Head, Kind, LogId};
use crate::refusals::Refusals;
use crate::segment::Segment;
use crate::shelf::Shelf;
use crate::vault::{Key, TenantKeys, draw, replace};
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
    found: HashMap<LogId, u64>,
    closing: Arc<AtomicBool>,
    writer: Mutex<Option<JoinHandle<()>>>,
    notary: Mutex<Option<JoinHandle<()>>>,
    /// Held as long as the folder is ours.
    _lock: File,
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
        let heads: HashMap<LogId, Head> =
            logs.iter().map(|(id, kept)| Ok((*id, kept.log.head()?))).collect::<io::Result<_>>()?;
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
        let empty = make_ready(&notary);
        let heads = Arc::clone(&writer.heads);
        let (writer, notary) = set_to_work(writer, notary, on_failure)?;
        let mut audit = Self {
            data,
            deployment,
            mode,
            shared,
            master,
            keys,
            tenants,
            refusals,
            clock,
            found: HashMap::new(),
            closing,
            writer: Mutex::new(Some(writer)),
            notary: Mutex::new(Some(notary)),
            _lock: lock_file,
        };
        audit.begin_again(empty, open, &software)?;
        audit.found = lock(&heads).iter().map(|(log, head)| (*log, head.seq)).collect();
        Ok(Arc::new(audit))
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

    /// Whose a log is.
    #[must_use]
    pub fn tenant_of(&self, log: LogId) -> Option<String> {
        lock(&self.tenants).iter().find(|(_, of)| **of == log).map(|(name, _)| name.clone())
    }

    /// Keeps a price list, so that records can name it. Returns its version.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_prices(&self, list: &PriceList) -> io::Result<String> {
        list.keep(&self.data)
    }

    /// How many leaves of each log can be read in its files by now. What is durable gets there within a
    /// fraction of a second.
    #[must_use]
    pub fn written(&self) -> HashMap<LogId, u64> {
        lock(&self.shared.written).clone()
    }

    /// How many leaves each log had when it was opened, those of lost requests included: whatever comes
    /// after them is of this process.
    #[must_use]
    pub fn found(&self) -> &HashMap<LogId, u64> {
        &self.found
    }

    /// The id of the deployment.
    #[must_use]
    pub fn deployment(&self) -> &str {
        &self.deployment
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

    /// Waits until it is out of this process's hands, whatever the mode promises beside: what the system has
    /// outlives a process that is killed.
    ///
    /// # Errors
    /// [`Failed`]: it never will be.
    pub async fn handed_on(&self, ticket: Ticket) -> Result<(), Failed> {
        self.shared.durable(ticket).await
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
    pub(crate) fn of(data: &Path, fault: Fault) -> Self {
        match fault {
            Fault::Io(error) => Self::Io { path: data.to_owned(), error },
            Fault::Integrity(what) => Self::Damaged(what),
        }
    }
}

mod threads;

#[cfg(test)]
mod tests;
