//! What people ask of the log: to forget somebody, to change the key, to drop what is old. Each leaves
//! a leaf that says so.
//!
//! A deed is a file in `acts/`, so that a command can ask it of a gateway that runs. The file goes when
//! the deed is done; after a crash it is done again, which is harmless.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::hash::hex;
use crate::journal::{Item, lock};
use crate::notary::{Fault, Notary};
use crate::record::{Kind, Leaf, LogId};
use crate::shelf::{CHUNK, Shelf};
use crate::time::month_of;
use crate::totals::{Months, Purge, add_record, merge, purges};
use crate::vault::{self, SubjectKeyId, draw, replace};

const DAY_US: u64 = 86_400_000_000;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum Deed {
    /// Destroy the details of one subject of a tenant.
    Erase {
        /// Who asks for it.
        by: String,
        /// Whose details.
        subject: String,
        /// The tenant, as configuration calls it.
        tenant: String,
        /// The reason, for the log.
        why: String,
    },
    /// Write down an act of management that was done beside the gateway.
    Note {
        /// Who did it.
        by: String,
        /// Of which tenant; none for the deployment itself.
        tenant: Option<String>,
        /// What.
        what: String,
    },
    /// Sign what there is, now.
    Sign,
    /// Sign with a new key from here on.
    RotateKey {
        /// Who asks for it.
        by: String,
    },
}

/// How long what is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Details, in days; for ever where `None`.
    pub details_days: Option<u64>,
    /// Leaves, in days; for ever where `None`. Their hashes and monthly totals stay.
    pub leaves_days: Option<u64>,
}

/// Asks a deed of whoever has this data folder open, and returns the path that will hold the answer.
///
/// # Errors
/// When it cannot be written.
pub fn ask(data: &Path, deed: &Deed) -> io::Result<std::path::PathBuf> {
    let acts = data.join("acts");
    std::fs::create_dir_all(&acts)?;
    // Deeds are done in the order of their names, which is that of their asking.
    let asked = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_micros());
    let path = acts.join(format!("{asked:016x}-{}.json", hex(&draw::<8>()?)));
    replace(&path, &crate::canonical::write(deed), 0o600)?;
    Ok(path.with_extension("done"))
}

impl Notary {
    /// Does what is asked in `acts/`.
    pub(crate) fn perform_deeds(&mut self) -> Result<(), Fault> {
        let acts = match std::fs::read_dir(self.data.join("acts")) {
            Ok(acts) => acts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mut asked = acts.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        asked.retain(|path| path.extension().is_some_and(|e| e == "json"));
        asked.sort();
        for path in asked {
            let deed = serde_json::from_slice(&std::fs::read(&path)?);
            // Nobody waits to be told that a note was taken.
            let is_note = matches!(deed, Ok(Deed::Note { .. }));
            let done = match deed {
                Ok(deed) => self.perform(deed)?,
                Err(error) => format!("not understood: {error}"),
            };
            if !is_note {
                replace(&path.with_extension("done"), done.as_bytes(), 0o600)?;
            }
            std::fs::remove_file(&path)?;
        }
        Ok(())
    }

    /// Does it, and says what was done.
    fn perform(&mut self, deed: Deed) -> Result<String, Fault> {
        match deed {
            Deed::Sign => self.sign().map(|()| "signed".to_owned()),
            Deed::RotateKey { by } => self.rotate_key(&by),
            Deed::Note { by, tenant, what } => {
                let log = match &tenant {
                    Some(tenant) => log_of(&self.data, tenant)?,
                    None => None,
                };
                // A tenant that has called nothing yet has no log: the deployment's knows its name.
                let what = match (log, tenant) {
                    (None, Some(tenant)) => format!("tenant {tenant}: {what}"),
                    _ => what,
                };
                self.append(log.unwrap_or(LogId::DEPLOYMENT), Kind::Admin, &json!({"by": by, "what": what}));
                Ok("written down".to_owned())
            }
            Deed::Erase { by, subject, tenant, why } => {
                let Some(log) = log_of(&self.data, &tenant)? else {
                    return Ok(format!("no log belongs to tenant `{tenant}`"));
                };
                let erased = self.erase(log, &by, "subject", &why, |name, _| name == subject)?;
                Ok(format!("erased the details of {erased} records"))
            }
        }
    }

    /// Destroys the keys that `whom` picks. Returns how many records lost their detail.
    fn erase(
        &mut self,
        log: LogId,
        by: &str,
        what: &str,
        why: &str,
        whom: impl Fn(&str, u32) -> bool,
    ) -> Result<u64, Fault> {
        let keys = lock(&self.keys).get(&log).map(|tenant| tenant.pick(whom)).unwrap_or_default();
        if keys.is_empty() {
            return Ok(0);
        }
        // From here on nothing more is sealed with them, and no journal file holds them once what was
        // written before is in its log.
        let ticket = self.shared.append(Item::Forget { log, keys: keys.clone() });
        if self.shared.block_until_durable(ticket).is_err() {
            return Ok(0);
        }
        self.carry(std::time::Duration::ZERO)?;
        self.sign()?;
        let shelf = Shelf::at(self.data.join("logs").join(log.to_string()));
        let places = sealed_with(&shelf, &keys)?;
        let seqs = ranges(&places);
        let says = json!({"by": by, "seqs": seqs, "what": what, "why": why});
        if self.append_and_carry(log, Kind::Erase, &says)?.is_some() {
            vault::destroy(shelf.dir(), &keys)?;
        }
        Ok(places.len() as u64)
    }

    /// The old key signs the leaf that names the new one, and everything before it.
    fn rotate_key(&mut self, by: &str) -> Result<String, Fault> {
        let next = self.keyring.successor()?;
        let vkey = next.verifier().to_string();
        // Whoever has not the old key cannot announce a new one.
        let signed = self.keyring.signer.sign(&announcement(&vkey));
        let says = json!({"signed": signed.trim_end(), "vkey": vkey});
        self.append(LogId::DEPLOYMENT, Kind::Admin, &json!({"by": by, "what": "rotate key"}));
        if self.append_and_carry(LogId::DEPLOYMENT, Kind::Key, &says)?.is_none() {
            return Ok("the journal has failed".to_owned());
        }
        self.sign()?;
        self.keyring.change(next)?;
        self.sign_again()?;
        Ok(format!("checkpoints are signed by {vkey}"))
    }

    /// Once a day: forgets what is kept no longer.
    pub(crate) fn sweep(&mut self) -> Result<(), Fault> {
        let now = (self.clock)();
        if now / DAY_US <= self.swept {
            return Ok(());
        }
        self.swept = now / DAY_US;
        let logs: Vec<LogId> = self.logs.keys().copied().filter(|id| *id != LogId::DEPLOYMENT).collect();
        for log in logs {
            if let Some(days) = self.retention.details_days {
                let oldest = month_of(now.saturating_sub(days * DAY_US));
                self.erase(log, "retention", "month", "older than `audit.detail_retention`", |_, m| m < oldest)?;
            }
            if let Some(days) = self.retention.leaves_days {
                self.purge(log, now.saturating_sub(days * DAY_US))?;
            }
        }
        Ok(())
    }

    /// Drops whole files of leaves that are all older than this. Their hashes stay, and their totals.
    fn purge(&mut self, log: LogId, before: u64) -> Result<(), Fault> {
        let Some(kept) = self.logs.get(&log) else { return Ok(()) };
        let shelf = kept.log.shelf.clone();
        // The last file stays, whatever its age: the next leaf names the last one's hash.
        let full = kept.log.signed.saturating_sub(1) / CHUNK;
        // What a purge before this one has dropped, also where its files are still there after a crash.
        let first = purges(&shelf, kept.log.signed)?.iter().map(|(_, purge)| purge.to / CHUNK).max().unwrap_or(0);
        remove_chunks(&shelf, 0..first)?;
        let mut months = Months::new();
        let mut to = first;
        while to < full && at(&shelf, (to + 1) * CHUNK - 1)? < before {
            count(&shelf, to, &mut months)?;
            to += 1;
        }
        if to == first {
            return Ok(());
        }
        let says = json!({
            "by": "retention", "from": first * CHUNK, "months": months, "root": shelf.root(to * CHUNK)?.hex(),
            "to": to * CHUNK, "why": "older than `audit.retention`",
        });
        if self.append_and_carry(log, Kind::Purge, &says)?.is_none() {
            return Ok(());
        }
        self.sign()?;
        remove_chunks(&shelf, first..to)?;
        Ok(())
    }
}

/// Removes files of leaves, and what stands beside them; those that are gone are gone.
fn remove_chunks(shelf: &Shelf, chunks: std::ops::Range<u64>) -> io::Result<()> {
    for chunk in chunks {
        for path in [shelf.details(chunk), shelf.index(chunk), shelf.leaves(chunk)] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// What a key signs to announce the one after it.
pub(crate) fn announcement(vkey: &str) -> String {
    format!("tollgate-audit-key/v1\n{vkey}\n")
}

/// When a leaf was written.
fn at(shelf: &Shelf, seq: u64) -> io::Result<u64> {
    let line = shelf.leaf(seq)?;
    Ok(serde_json::from_slice::<Leaf<'_>>(&line)?.at)
}

fn count(shelf: &Shelf, chunk: u64, months: &mut Months) -> io::Result<()> {
    shelf.each_leaf(chunk * CHUNK, (chunk + 1) * CHUNK, &mut |_, line| {
        let leaf: Leaf<'_> = serde_json::from_slice(line.unwrap_or_default())?;
        match leaf.kind {
            Kind::Request | Kind::Lost => add_record(months, &serde_json::from_str(leaf.record.get())?),
            Kind::Purge => merge(months, &serde_json::from_str::<Purge>(leaf.record.get())?.months),
            _ => {}
        }
        Ok(())
    })
}

/// The records whose detail is sealed with one of these keys.
fn sealed_with(shelf: &Shelf, keys: &[SubjectKeyId]) -> io::Result<Vec<u64>> {
    let names: BTreeSet<String> = keys.iter().map(|key| hex(key)).collect();
    let mut places = Vec::new();
    for chunk in 0..shelf.hashes()?.div_ceil(CHUNK) {
        let text = match std::fs::read(shelf.details(chunk)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for line in text.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let (key, seq) = vault::key_and_seq(line)?;
            if names.contains(&key) {
                places.push(seq);
            }
        }
    }
    Ok(places)
}

/// Neighbours as one: `[from, to)`.
fn ranges(places: &[u64]) -> Vec<[u64; 2]> {
    let mut ranges: Vec<[u64; 2]> = Vec::new();
    for &place in places {
        match ranges.last_mut() {
            Some(last) if last[1] == place => last[1] += 1,
            _ => ranges.push([place, place + 1]),
        }
    }
    ranges
}

/// `log.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) origin: String,
    /// The operator's log has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) tenant: String,
    pub(crate) v: u8,
}

/// The logs in a data folder or an export, and whose they are.
pub(crate) fn logs(data: &Path) -> io::Result<Vec<(LogId, String)>> {
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(data.join("logs"))? {
        let path = entry?.path().join("log.json");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            // Made, but not named: the start that made it was cut short, and it holds nothing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let named: Named = serde_json::from_slice(&text)?;
        let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        let id = LogId::parse(&named.id).filter(|_| folder == Some(&named.id)).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{} names another log", path.display()))
        })?;
        logs.push((id, named.tenant));
    }
    logs.sort();
    Ok(logs)
}

/// The log of a tenant.
///
/// # Errors
/// When the folder cannot be read.
pub fn log_of(data: &Path, tenant: &str) -> io::Result<Option<LogId>> {
    let all = logs(data)?;
    Ok(all.into_iter().find(|(id, name)| *id != LogId::DEPLOYMENT && name == tenant).map(|(id, _)| id))
}
