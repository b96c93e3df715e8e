//! The journal: one thread writes what all requests hand it, many at once, and says when it is on disk.
//!
//! It gives each leaf its place in its log. It keeps no log and signs nothing: what is on disk here
//! goes on to the notary.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::entry::Entry;
use crate::hash::Hash;
use crate::record::{Head, Kind, LogId};
use crate::segment::Segment;
use crate::time::month_of;
use crate::vault::{SubjectKeyId, TenantKeys};

/// A frame is closed when it is longer than this.
const FRAME_MAX: usize = 256 << 10;
/// How long the writer gathers in relaxed mode.
const GATHER: Duration = Duration::from_millis(2);
/// How long the writer waits for the disk to have room again before it looks once more.
const ROOM_AGAIN: Duration = Duration::from_millis(50);

/// A clock: microseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What is handed to the journal.
pub(crate) enum Item {
    /// A request begins; the record is what stays of it if nothing more comes.
    Begin { log: LogId, request: [u8; 16], record: Vec<u8> },
    /// A leaf. Its request, if it was begun, has ended.
    Leaf { log: LogId, kind: Kind, request: [u8; 16], record: Vec<u8>, detail: Option<Detail> },
    /// These keys are destroyed: forget them, and leave the file that may hold them.
    Forget { log: LogId, keys: Vec<SubjectKeyId> },
}

/// A detail on its way to being sealed.
#[derive(Debug)]
pub struct Detail {
    /// Whose it is: who asks for erasure names this.
    pub subject: String,
    /// Random bytes that hide the content from those who guess at the commitment.
    pub salt: [u8; 32],
    /// Canonical JSON.
    pub json: Vec<u8>,
}

impl Detail {
    /// What the record says of it.
    #[must_use]
    pub fn commitment(&self) -> Hash {
        Hash::of_parts(&[b"tollgate-audit-detail/v1\n", &self.salt, &self.json])
    }
}

/// The turn of something that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// The journal has failed: nothing is durable any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit journal cannot be written")]
pub struct Failed;

/// What the journal, the notary and those who hand over share.
pub(crate) struct Shared {
    queue: Mutex<Queue>,
    handed_over: Condvar,
    durable: AtomicU64,
    failed: AtomicBool,
    /// Files that are ready to be filled.
    pub(crate) spares: Mutex<Vec<Segment>>,
    /// How many there are, to be asked without a lock.
    pub(crate) spare_count: AtomicU64,
    /// Files that are full, with the number of their last frame.
    pub(crate) retired: Mutex<VecDeque<(PathBuf, u64)>>,
    /// How many leaves of each log can be read in its files.
    pub(crate) written: Mutex<HashMap<LogId, u64>>,
    inbox: Mutex<Vec<Frame>>,
    arrived: Condvar,
}

/// A frame on disk, for the notary.
pub(crate) struct Frame {
    pub(crate) number: u64,
    pub(crate) payload: Vec<u8>,
}

#[derive(Default)]
struct Queue {
    items: Vec<Item>,
    tickets: u64,
    waiters: Vec<(u64, oneshot::Sender<()>)>,
    closed: bool,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            queue: Mutex::default(),
            handed_over: Condvar::new(),
            durable: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            spares: Mutex::default(),
            spare_count: AtomicU64::new(0),
            retired: Mutex::default(),
            written: Mutex::default(),
            inbox: Mutex::default(),
            arrived: Condvar::new(),
        }
    }

    /// Hands something over.
    pub(crate) fn append(&self, item: Item) -> Ticket {
        let mut queue = lock(&self.queue);
        queue.items.push(item);
        queue.tickets += 1;
        let ticket = Ticket(queue.tickets);
        drop(queue);
        self.handed_over.notify_one();
        ticket
    }

    /// Puts a file where the writer finds it.
    pub(crate) fn add_spare(&self, spare: Segment) {
        let mut spares = lock(&self.spares);
        spares.push(spare);
        self.spare_count.store(spares.len() as u64, SeqCst);
    }

    /// Whether new requests may begin: there is room, and the disk works.
    pub(crate) fn accepts(&self) -> bool {
        !self.failed.load(SeqCst) && self.spare_count.load(SeqCst) > 0
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(SeqCst)
    }

    /// Waits until it is on disk.
    pub(crate) async fn durable(&self, ticket: Ticket) -> Result<(), Failed> {
        match self.wait(ticket)? {
            Some(turn) => turn.await.map_err(|_| Failed),
            None => Ok(()),
        }
    }

    /// The same, for a thread that may block.
    pub(crate) fn block_until_durable(&self, ticket: Ticket) -> Result<(), Failed> {
        match self.wait(ticket)? {
            Some(turn) => turn.blocking_recv().map_err(|_| Failed),
            None => Ok(()),
        }
    }

    fn wait(&self, ticket: Ticket) -> Result<Option<oneshot::Receiver<()>>, Failed> {
        if self.durable.load(SeqCst) >= ticket.0 {
            return Ok(None);
        }
        let mut queue = lock(&self.queue);
        if self.durable.load(SeqCst) >= ticket.0 {
            return Ok(None);
        }
        if self.failed.load(SeqCst) || queue.closed {
            return Err(Failed);
        }
        let (done, turn) = oneshot::channel();
        queue.waiters.push((ticket.0, done));
        Ok(Some(turn))
    }

    /// Everything up to this turn is on disk.
    fn publish(&self, upto: u64) {
        let mut queue = lock(&self.queue);
        self.durable.store(upto, SeqCst);
        for (_, done) in queue.waiters.extract_if(.., |(ticket, _)| *ticket <= upto) {
            // Whoever waited may have gone.
            let _ = done.send(());
        }
    }

    /// Nothing is on disk for sure any more. Those who wait are told by their channels closing.
    pub(crate) fn fail(&self) {
        let mut queue = lock(&self.queue);
        self.failed.store(true, SeqCst);
        queue.waiters.clear();
    }

    /// No more will be handed over: the writer ends when all is written.
    pub(crate) fn close(&self) {
        lock(&self.queue).closed = true;
        self.handed_over.notify_one();
    }

    /// What there is to write; `None` when no more will come.
    fn next_batch(&self) -> Option<(Vec<Item>, u64)> {
        let mut queue = lock(&self.queue);
        while queue.items.is_empty() {
            if queue.closed {
                return None;
            }
            queue = self.handed_over.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        Some((std::mem::take(&mut queue.items), queue.tickets))
    }

    /// Frames on disk that the notary has not taken yet; waits this long for some.
    pub(crate) fn take_frames(&self, patience: Duration) -> Vec<Frame> {
        let mut inbox = lock(&self.inbox);
        if inbox.is_empty() && !patience.is_zero() {
            inbox = self.arrived.wait_timeout(inbox, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::take(&mut *inbox)
    }
}

/// Requests that have begun: what would stay of each.
pub(crate) type Open = HashMap<[u8; 16], (LogId, Vec<u8>)>;

/// The thread that writes.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) dir: PathBuf,
    pub(crate) segment_bytes: u64,
    /// Whether each batch waits for the disk.
    pub(crate) strict: Arc<AtomicBool>,
    pub(crate) clock: Clock,
    pub(crate) segment: Segment,
    pub(crate) next_file: u64,
    pub(crate) next_frame: u64,
    /// The last frame that is on disk for sure.
    pub(crate) synced: u64,
    pub(crate) heads: Arc<Mutex<HashMap<LogId, Head>>>,
    pub(crate) keys: Arc<Mutex<HashMap<LogId, TenantKeys>>>,
    pub(crate) open: Open,
}

impl Writer {
    /// Writes until the journal is closed or the disk fails.
    pub(crate) fn run(mut self) -> io::Result<()> {
        while let Some((items, upto)) = self.shared.next_batch() {
            if let Err(error) = self.commit(items) {
                self.shared.fail();
                return Err(error);
            }
            self.shared.publish(upto);
            if !self.strict.load(SeqCst) {
                // Nobody waits for a turn: what comes meanwhile is written at once.
                std::thread::sleep(GATHER);
            }
        }
        self.segment.sync()
    }

    /// Writes a batch and, in strict mode, waits until it is on disk.
    fn commit(&mut self, items: Vec<Item>) -> io::Result<()> {
        let mut frames = Vec::new();
        let mut payload = Vec::with_capacity(FRAME_MAX.min(1 << 10) * items.len().min(64));
        let now = (self.clock)();
        for item in items {
            self.encode(item, now, &mut payload)?;
            if payload.len() >= FRAME_MAX {
                frames.push(self.write(std::mem::take(&mut payload))?);
            }
        }
        if !payload.is_empty() {
            frames.push(self.write(payload)?);
        }
        if self.strict.load(SeqCst) {
            self.sync()?;
        }
        lock(&self.shared.inbox).extend(frames);
        self.shared.arrived.notify_one();
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.segment.sync()?;
        self.synced = self.next_frame - 1;
        Ok(())
    }

    fn encode(&mut self, item: Item, now: u64, out: &mut Vec<u8>) -> io::Result<()> {
        match item {
            Item::Begin { log, request, record } => {
                Entry::Begin { log, request, record: &record }.write(out);
                self.open.insert(request, (log, record));
            }
            Item::Leaf { log, kind, request, record, detail } => {
                self.open.remove(&request);
                let heads = Arc::clone(&self.heads);
                let mut heads = lock(&heads);
                let head = heads.entry(log).or_insert(Head::EMPTY);
                let seq = head.seq;
                let mut leaf = Vec::with_capacity(record.len() + 160);
                let hash = head.append(kind, &record, now, &mut leaf);
                let detail = match detail {
                    Some(detail) => self.seal(log, seq, now, &detail, out)?,
                    None => Vec::new(),
                };
                Entry::Leaf { log, request, seq, hash, leaf: &leaf, detail: &detail }.write(out);
            }
            Item::Forget { log, keys } => {
                if let Some(tenant) = lock(&self.keys).get_mut(&log) {
                    tenant.forget(&keys);
                }
                self.rotate()?;
            }
        }
        Ok(())
    }

    /// Seals a detail; a key that had to be drawn goes before it.
    fn seal(&self, log: LogId, seq: u64, now: u64, detail: &Detail, out: &mut Vec<u8>) -> io::Result<Vec<u8>> {
        let mut keys = lock(&self.keys);
        let Some(tenant) = keys.get_mut(&log) else { return Ok(Vec::new()) };
        let plain = [&detail.salt[..], &detail.json].concat();
        let (line, drawn) = tenant.seal(&detail.subject, month_of(now), seq, &plain)?;
        if let Some(line) = drawn {
            Entry::Key { log, line: &line }.write(out);
        }
        Ok(line)
    }

    fn write(&mut self, payload: Vec<u8>) -> io::Result<Frame> {
        if !self.segment.has_room(payload.len()) {
            self.rotate()?;
        }
        let number = self.next_frame;
        self.segment.append(number, self.synced, &payload)?;
        self.next_frame += 1;
        Ok(Frame { number, payload })
    }

    /// Goes on in the next file. What had begun is written there once more, so that the files before
    /// can go as soon as their leaves are in their logs.
    fn rotate(&mut self) -> io::Result<()> {
        self.sync()?;
        let mut next = self.next_segment();
        next.begin(&self.dir, self.next_file, self.next_frame)?;
        self.next_file += 1;
        let full = std::mem::replace(&mut self.segment, next);
        lock(&self.shared.retired).push_back((full.path, self.next_frame - 1));
        let mut again = Vec::new();
        for (request, (log, record)) in &self.open {
            Entry::Begin { log: *log, request: *request, record }.write(&mut again);
        }
        if !again.is_empty() && self.segment.has_room(again.len()) {
            self.segment.append(self.next_frame, self.synced, &again)?;
            self.next_frame += 1;
            self.sync()?;
        }
        Ok(())
    }

    /// A file to go on in. Where the disk is full, new requests are refused already; those in flight
    /// wait here.
    fn next_segment(&mut self) -> Segment {
        loop {
            let spare = {
                let mut spares = lock(&self.shared.spares);
                let spare = spares.pop();
                self.shared.spare_count.store(spares.len() as u64, SeqCst);
                spare
            };
            if let Some(spare) = spare {
                return spare;
            }
            match Segment::allocate(self.dir.join("writer.spare"), self.segment_bytes) {
                Ok(segment) => return segment,
                Err(_) => std::thread::sleep(ROOM_AGAIN),
            }
        }
    }
}
