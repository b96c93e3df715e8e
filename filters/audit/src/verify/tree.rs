//! The tree of a log: every root that anyone has named is the one that its leaves have.

use std::collections::BTreeMap;

use super::leaves::Told;
use super::{Kept, Result, Subject, at, wrong};
use crate::hash::Hash;
use crate::note::{Checkpoint, Note, Verifier};
use crate::shelf::CHUNK;
use crate::tree::Frontier;

/// The roots that a log must have had, by size, and who says so.
pub(super) type Roots = BTreeMap<u64, Vec<(String, String)>>;

pub(super) fn roots_to_find(
    subject: &Subject,
    deployment: Option<&Told>,
    kept: &Kept,
    keys: &[Verifier],
) -> Result<Roots> {
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
        if named.tenant != subject.tenant {
            return wrong(format!("log deployment, leaf {seq}"), format!("log {id} is called another tenant's"));
        }
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
pub(super) fn tree(subject: &Subject, mut roots: Roots, told: &Told) -> Result<()> {
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
