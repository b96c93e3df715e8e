//! What is found in a data folder: keys, logs as far as they are signed, and what the journal has beyond.
//! It makes good what a crash left half done, and changes nothing where something is damaged.

use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::audit::OpenError;
use crate::deeds::{Named, logs};
use crate::entry::{Entry, entries};
use crate::hash::{hex, hex_into};
use crate::journal::Open;
use crate::kept::{Kept, open_log, origin};
use crate::keyring::Keyring;
use crate::log::Arrived;
use crate::notary::Fault;
use crate::record::{Kind, Leaf, LogId};
use crate::segment;
use crate::shelf::Shelf;
use crate::totals::Totals;
use crate::vault::{self, Key, TenantKeys, draw, replace};

/// `deployment.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deployment {
    pub(crate) deployment: String,
    v: u8,
}

/// What was found in a data folder.
pub(crate) struct Found {
    pub(crate) deployment: String,
    pub(crate) master: Key,
    pub(crate) keyring: Keyring,
    /// The key is new, and what is signed was signed by the one before.
    pub(crate) is_rotated: bool,
    pub(crate) logs: BTreeMap<LogId, Kept>,
    pub(crate) keys: HashMap<LogId, TenantKeys>,
    pub(crate) tenants: HashMap<String, LogId>,
    pub(crate) open: Open,
    pub(crate) journal: segment::Read,
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
pub(crate) fn take(data: &Path) -> Result<File, OpenError> {
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
pub(crate) fn find(data: &Path) -> Result<Found, Fault> {
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
pub(crate) fn totals(data: &Path, logs: &BTreeMap<LogId, Kept>) -> io::Result<Totals> {
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
pub(crate) fn name_log(data: &Path, deployment: &str, log: LogId, tenant: &str) -> io::Result<()> {
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
