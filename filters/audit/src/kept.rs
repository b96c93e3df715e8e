//! A log in the notary's care: opened at what was signed of it, and read back before it is signed again.

use std::io;

use crate::hash::Hash;
use crate::keyring::{Keyring, signed_by_one};
use crate::log::Log;
use crate::notary::Fault;
use crate::note::{Checkpoint, Note};
use crate::record::{Leaf, LogId};
use crate::shelf::Shelf;
use crate::tree::Frontier;

/// A log in the notary's care.
pub(crate) struct Kept {
    pub(crate) log: Log,
    pub(crate) origin: String,
    /// The root that was signed last.
    pub(crate) signed_root: Hash,
}

pub(crate) fn checkpoint_of(kept: &Kept) -> Checkpoint {
    Checkpoint { origin: kept.origin.clone(), size: kept.log.signed, root: kept.signed_root }
}

/// The second reading: leaves as they are on disk, held against their places, their chain and the
/// hashes that were written beside them.
pub(crate) fn reread(
    shelf: &Shelf,
    from: u64,
    to: u64,
    frontier: &mut Frontier,
    mut show: impl FnMut(&Leaf<'_>) -> io::Result<()>,
) -> Result<(), Fault> {
    let mut prev = match from {
        0 => Hash::NONE,
        from => shelf.read_hashes(0, from - 1, 1)?[0],
    };
    let mut hashes = Vec::new();
    shelf.each_leaf(from, to, &mut |seq, line| {
        let wrong = |what: &str| {
            let what = format!("{}: leaf {seq} {what}", shelf.dir().display());
            io::Error::new(io::ErrorKind::InvalidData, what)
        };
        let line = line.ok_or_else(|| wrong("is gone before it was signed"))?;
        let leaf: Leaf<'_> = serde_json::from_slice(line).map_err(|_| wrong("is not a leaf"))?;
        if leaf.seq != seq || Hash::from_hex(&leaf.prev) != Some(prev) {
            return Err(wrong("does not follow the one before it"));
        }
        prev = Hash::of_leaf(line);
        hashes.push(prev);
        frontier.push(prev);
        show(&leaf)
    })?;
    let count = usize::try_from(to - from).map_err(io::Error::other)?;
    if shelf.read_hashes(0, from, count)? != hashes {
        return Err(Fault::Integrity(format!("{}: the hashes are not those of the leaves", shelf.dir().display())));
    }
    Ok(())
}

/// Opens a log at what was signed of it.
pub(crate) fn open_log(shelf: Shelf, deployment: &str, id: LogId, keyring: &Keyring) -> io::Result<Kept> {
    let origin = origin(deployment, id);
    let signed = match shelf.checkpoint()? {
        None => Checkpoint { origin: origin.clone(), size: 0, root: Hash::of(&[]) },
        Some(text) => {
            let wrong = |what: &str| {
                let path = shelf.dir().join("checkpoint");
                io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()))
            };
            let note = Note::parse(&text).map_err(|e| wrong(&e.to_string()))?;
            if !signed_by_one(&keyring.verifiers, &note) {
                return Err(wrong("it is not signed by a key of this deployment"));
            }
            Checkpoint::parse(&note.text).map_err(|e| wrong(&e.to_string()))?
        }
    };
    if signed.origin != origin {
        let what = format!("{} belongs to {}, not to {origin}", shelf.dir().display(), signed.origin);
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    let log = Log::open(shelf, signed.size)?;
    if log.root() != signed.root {
        let what = format!("{}: its hashes are not those that were signed", log.shelf.dir().display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(Kept { log, origin, signed_root: signed.root })
}

/// The name of a log in its checkpoints.
pub(crate) fn origin(deployment: &str, id: LogId) -> String {
    match id {
        LogId::DEPLOYMENT => format!("tollgate/{deployment}"),
        id => format!("tollgate/{deployment}/t/{id}"),
    }
}
