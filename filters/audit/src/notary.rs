//! The notary: one thread that carries what is durable from the journal into the logs, proves what it
//! is about to sign by a second reading of the disk, and signs.
//!
//! It never signs a tree that is smaller than, or does not extend, the one it signed before.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::deeds::Retention;
use crate::entry::{Entry, entries};
use crate::journal::{Clock, Frame, Item, Shared, Ticket, lock};
use crate::kept::{Kept, checkpoint_of, open_log, reread};
use crate::keyring::Keyring;
use crate::log::Arrived;
use crate::note::Checkpoint;
use crate::record::{Kind, LogId};
use crate::refusals::Refusals;
use crate::segment::Segment;
use crate::shelf::Shelf;
use crate::totals::Totals;
use crate::tree::Frontier;
use crate::vault::{self, TenantKeys, replace};
use crate::witness::{Post, Remote};

/// How long it waits for something to do.
const TICK: Duration = Duration::from_millis(100);
/// How often it signs, where there is something new.
const SIGN_EVERY: Duration = Duration::from_secs(1);
/// How often it repeats that the disk is full.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Journal files that are kept ready.
const SPARES: usize = 2;

/// Why the notary stops.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The disk is full or fails: tried again.
    Io(io::Error),
    /// What is on disk is not what was written. It must not be signed.
    Integrity(String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Self::Integrity(error.to_string()),
            _ => Self::Io(error),
        }
    }
}

/// What it works on.
pub(crate) struct Notary {
    pub(crate) data: PathBuf,
    pub(crate) deployment: String,
    pub(crate) shared: Arc<Shared>,
    pub(crate) keys: Arc<Mutex<HashMap<LogId, TenantKeys>>>,
    pub(crate) keyring: Keyring,
    /// What is signed was signed by the key before.
    pub(crate) is_rotated: bool,
    pub(crate) tenants: Arc<Mutex<HashMap<String, LogId>>>,
    pub(crate) witnesses: Option<(Vec<Remote>, Post)>,
    pub(crate) logs: BTreeMap<LogId, Kept>,
    pub(crate) totals: Totals,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) retention: Retention,
    /// The day (since 1970) on which it was last looked for what is too old.
    pub(crate) swept: u64,
    pub(crate) clock: Clock,
    pub(crate) segment_bytes: u64,
    /// Frames that wait to be carried.
    pub(crate) frames: VecDeque<Frame>,
    /// The last frame that has been carried into the logs.
    pub(crate) carried: u64,
    /// Set when the gateway leaves.
    pub(crate) closing: Arc<AtomicBool>,
}

impl Notary {
    /// Works until the audit is closed, then signs once more.
    pub(crate) fn run(mut self) -> Result<(), Fault> {
        if std::mem::take(&mut self.is_rotated) {
            self.sign_again()?;
        }
        let mut signed = Instant::now();
        let mut told: Option<Instant> = None;
        loop {
            let closing = self.closing.load(SeqCst);
            let due = closing || signed.elapsed() >= SIGN_EVERY;
            let worked = self.tick(due);
            if due {
                signed = Instant::now();
            }
            match worked {
                Ok(()) if closing => return Ok(()),
                Ok(()) => {}
                Err(Fault::Io(error)) if !closing => {
                    if told.is_none_or(|told| told.elapsed() > TELL_EVERY) {
                        told = Some(Instant::now());
                        tracing::error!(%error, "the audit log waits for its disk");
                    }
                }
                Err(fault) => return Err(fault),
            }
            if self.shared.has_failed() {
                return Ok(());
            }
        }
    }

    fn tick(&mut self, sign: bool) -> Result<(), Fault> {
        let carried = self.carry(TICK);
        // Room for the journal comes first: without it nobody is served.
        self.keep_spares()?;
        carried?;
        if sign {
            self.note_refusals();
            self.perform_deeds()?;
            self.sweep()?;
            self.sign()?;
        }
        Ok(())
    }

    /// Carries frames into the logs. After an error it can be called again: a frame stays until all of it
    /// is where it belongs.
    pub(crate) fn carry(&mut self, patience: Duration) -> Result<(), Fault> {
        let patience = if self.frames.is_empty() { patience } else { Duration::ZERO };
        self.frames.extend(self.shared.take_frames(patience));
        while let Some(frame) = self.frames.pop_front() {
            if let Err(fault) = self.unpack(&frame) {
                self.frames.push_front(frame);
                return Err(fault);
            }
            self.carried = frame.number;
        }
        for kept in self.logs.values_mut() {
            kept.log.write()?;
        }
        self.tell_written();
        Ok(())
    }

    /// Says how far each log can be read now.
    pub(crate) fn tell_written(&self) {
        lock(&self.shared.written).extend(self.logs.iter().map(|(id, kept)| (*id, kept.log.size())));
    }

    fn unpack(&mut self, frame: &Frame) -> Result<(), Fault> {
        let mut new_keys: HashMap<LogId, Vec<u8>> = HashMap::new();
        for entry in entries(&frame.payload) {
            match entry {
                Entry::Begin { .. } => {}
                Entry::Key { log, line } => new_keys.entry(log).or_default().extend_from_slice(line),
                Entry::Leaf { log, request, seq, hash, leaf, detail } => {
                    self.place(log, seq, &Arrived { leaf, hash, request, detail })?;
                }
            }
        }
        for (log, lines) in new_keys {
            vault::add(self.dir(log).as_path(), &lines)?;
        }
        Ok(())
    }

    fn dir(&self, log: LogId) -> PathBuf {
        self.data.join("logs").join(log.to_string())
    }

    /// Puts a leaf where it belongs; one that is there already is passed over.
    pub(crate) fn place(&mut self, log: LogId, seq: u64, arrived: &Arrived<'_>) -> Result<(), Fault> {
        let kept = self.kept(log)?;
        match seq.cmp(&kept.log.size()) {
            std::cmp::Ordering::Less => Ok(()),
            std::cmp::Ordering::Equal => Ok(kept.log.push(arrived)?),
            std::cmp::Ordering::Greater => {
                let what = format!("log {log}: leaf {seq} comes after {} leaves", kept.log.size());
                Err(Fault::Integrity(what))
            }
        }
    }

    /// The log, opened if it is new.
    fn kept(&mut self, log: LogId) -> Result<&mut Kept, Fault> {
        if !self.logs.contains_key(&log) {
            let kept = open_log(Shelf::at(self.dir(log)), &self.deployment, log, &self.keyring)?;
            self.logs.insert(log, kept);
        }
        Ok(self.logs.get_mut(&log).expect("it was put there"))
    }

    /// Has journal files ready to be filled. Where the disk is full there are none, and new requests are
    /// refused.
    pub(crate) fn keep_spares(&self) -> Result<(), Fault> {
        while lock(&self.shared.spares).len() < SPARES {
            static NUMBER: AtomicU64 = AtomicU64::new(0);
            let number = NUMBER.fetch_add(1, SeqCst);
            let path = self.data.join(format!("journal/{number}.spare"));
            match Segment::allocate(path, self.segment_bytes) {
                Ok(spare) => self.shared.add_spare(spare),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn note_refusals(&self) {
        for (minute, codes) in self.refusals.take((self.clock)()) {
            self.append(LogId::DEPLOYMENT, Kind::Refused, &json!({"codes": codes, "minute": minute}));
        }
    }

    /// Hands a leaf of our own to the journal.
    pub(crate) fn append(&self, log: LogId, kind: Kind, record: &serde_json::Value) -> Ticket {
        let record = crate::canonical::write(record);
        self.shared.append(Item::Leaf { log, kind, request: [0; 16], record, detail: None })
    }

    /// Hands over a leaf and carries on until it is in its log. `None` when the journal has failed.
    pub(crate) fn append_and_carry(
        &mut self,
        log: LogId,
        kind: Kind,
        record: &serde_json::Value,
    ) -> Result<Option<()>, Fault> {
        let ticket = self.append(log, kind, record);
        if self.shared.block_until_durable(ticket).is_err() {
            return Ok(None);
        }
        self.carry(Duration::ZERO)?;
        Ok(Some(()))
    }

    /// Signs what is new: the tenants' logs first, each of which becomes a leaf of the deployment's log,
    /// and then that.
    pub(crate) fn sign(&mut self) -> Result<(), Fault> {
        let carried = self.carried;
        let mut proven = Vec::new();
        let tenants: Vec<LogId> = self.logs.keys().copied().filter(|id| *id != LogId::DEPLOYMENT).collect();
        for id in tenants {
            if let Some(checkpoint) = self.prove(id)? {
                proven.push((id, checkpoint));
            }
        }
        for (id, checkpoint) in &proven {
            let tenant = lock(&self.tenants).iter().find(|(_, log)| **log == *id).map(|(name, _)| name.clone());
            let (log, root) = (id.to_string(), checkpoint.root.hex());
            let says = json!({"log": log, "root": root, "size": checkpoint.size, "tenant": tenant.unwrap_or_default()});
            if self.append_and_carry(LogId::DEPLOYMENT, Kind::Checkpoint, &says)?.is_none() {
                return Ok(());
            }
        }
        if let Some(checkpoint) = self.prove(LogId::DEPLOYMENT)? {
            // First the log that names the others: a tenant's checkpoint is never newer than its leaf.
            self.publish(LogId::DEPLOYMENT, &checkpoint)?;
        }
        for (id, checkpoint) in &proven {
            self.publish(*id, checkpoint)?;
        }
        if !proven.is_empty() {
            self.totals.store(&self.data)?;
        }
        self.retire(carried)
    }

    /// Reads back from disk what was added since the last signature, and computes its root twice: from
    /// the leaves themselves, and from the levels of hashes beside them. `None` when nothing is new.
    fn prove(&mut self, id: LogId) -> Result<Option<Checkpoint>, Fault> {
        let Some(kept) = self.logs.get_mut(&id) else { return Ok(None) };
        let size = kept.log.size();
        if size == kept.log.signed {
            return Ok(None);
        }
        kept.log.sync()?;
        let shelf = &kept.log.shelf;
        let mut again = Frontier::at(shelf, kept.log.signed)?;
        if again.root() != kept.signed_root {
            return Err(Fault::Integrity(format!("log {id} no longer extends what was signed of it")));
        }
        let totals = &mut self.totals;
        reread(shelf, kept.log.signed, size, &mut again, |leaf| {
            // After an error half-way, some were counted already.
            let is_new = id != LogId::DEPLOYMENT && leaf.seq >= totals.next(id);
            if is_new { totals.count(id, leaf) } else { Ok(()) }
        })?;
        let root = again.root();
        if root != kept.log.root() || root != shelf.root(size)? {
            return Err(Fault::Integrity(format!("log {id} reads back with another root than it was written with")));
        }
        Ok(Some(Checkpoint { origin: kept.origin.clone(), size, root }))
    }

    /// Signs a checkpoint and puts it in the place of the one before.
    fn publish(&mut self, id: LogId, checkpoint: &Checkpoint) -> Result<(), Fault> {
        let mut note = checkpoint.sign(&self.keyring.signer);
        if id == LogId::DEPLOYMENT {
            note += &self.cosigned(&note, checkpoint.size);
        }
        let kept = self.kept(id)?;
        replace(&kept.log.shelf.dir().join("checkpoint"), note.as_bytes(), 0o644)?;
        kept.log.signed = checkpoint.size;
        kept.signed_root = checkpoint.root;
        Ok(())
    }

    /// What the witnesses sign under the deployment's checkpoint. One that does not answer is left out.
    fn cosigned(&mut self, note: &str, size: u64) -> String {
        let Some((witnesses, post)) = &mut self.witnesses else { return String::new() };
        let shelf = Shelf::at(self.data.join("logs").join(LogId::DEPLOYMENT.to_string()));
        let mut lines = String::new();
        for witness in witnesses {
            match witness.cosign(&shelf, note, size, post) {
                Ok(line) => lines.extend(line),
                Err(error) => tracing::warn!(%error, "a checkpoint is published without a witness"),
            }
        }
        lines
    }

    /// Signs everything anew, after a change of key.
    pub(crate) fn sign_again(&mut self) -> Result<(), Fault> {
        let all: Vec<_> = self.logs.iter().map(|(id, kept)| (*id, checkpoint_of(kept))).collect();
        all.into_iter().try_for_each(|(id, checkpoint)| self.publish(id, &checkpoint))
    }

    /// Removes journal files whose leaves are all in signed logs.
    fn retire(&self, carried: u64) -> Result<(), Fault> {
        let mut retired = lock(&self.shared.retired);
        while retired.front().is_some_and(|(_, last)| *last <= carried) {
            if let Some((path, _)) = retired.pop_front() {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}
