//! One log on disk, to be read: its leaves, their hashes, its checkpoint. It changes nothing.
//!
//! Beside the files that auditors read (`docs/audit-format.md`) stands an index: for each leaf, 24
//! bytes that say where it and its sealed detail end in their files, and whose request it was.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::hash::Hash;
use crate::record::{Kind, Leaf, Record};
use crate::tree::{Nodes, root};

/// How many leaves a file holds.
pub const CHUNK: u64 = 1 << 16;
/// Bytes of an index entry.
pub(crate) const ENTRY: u64 = 24;
/// Each level of `tree.N` holds the roots of subtrees with 256 times as many leaves.
pub(crate) const LEVEL_BITS: u32 = 8;

/// Looks at a leaf: its place, and its line, where it was not purged.
pub(crate) type Show<'a> = dyn FnMut(u64, Option<&[u8]>) -> io::Result<()> + 'a;

/// The folder of a log.
#[derive(Clone, Debug)]
pub struct Shelf {
    dir: PathBuf,
}

/// An index entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where the leaf's line ends in its file.
    pub(crate) leaf_end: u32,
    /// Where its sealed detail ends; as before when it has none.
    pub(crate) detail_end: u32,
    /// The request's id; zeros for a leaf that is not about a request.
    pub(crate) request: [u8; 16],
}

impl Entry {
    pub(crate) fn bytes(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..4].copy_from_slice(&self.leaf_end.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.detail_end.to_le_bytes());
        bytes[8..].copy_from_slice(&self.request);
        bytes
    }

    fn read(bytes: &[u8]) -> Self {
        let number = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        Self { leaf_end: number(0), detail_end: number(4), request: std::array::from_fn(|i| bytes[8 + i]) }
    }
}

impl Shelf {
    /// The log in this folder, whether it is there or not.
    #[must_use]
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn leaves(&self, chunk: u64) -> PathBuf {
        self.dir.join(format!("leaves/{chunk:08}.jsonl"))
    }

    pub(crate) fn details(&self, chunk: u64) -> PathBuf {
        self.dir.join(format!("details/{chunk:08}.jsonl"))
    }

    pub(crate) fn index(&self, chunk: u64) -> PathBuf {
        self.dir.join(format!("index/{chunk:08}"))
    }

    pub(crate) fn tree(&self, level: u32) -> PathBuf {
        self.dir.join(format!("tree.{level}"))
    }

    /// The newest signed checkpoint, as it is written; `None` when there is none yet.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn checkpoint(&self) -> io::Result<Option<String>> {
        match std::fs::read_to_string(self.dir.join("checkpoint")) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The entry of this leaf, and that before it in the same file (zeros for the first).
    pub(crate) fn entry(&self, seq: u64) -> io::Result<(Entry, Entry)> {
        let file = File::open(self.index(seq / CHUNK))?;
        let place = seq % CHUNK;
        let mut bytes = [0; 2 * ENTRY as usize];
        if place == 0 {
            file.read_exact_at(&mut bytes[ENTRY as usize..], 0)?;
        } else {
            file.read_exact_at(&mut bytes, (place - 1) * ENTRY)?;
        }
        Ok((Entry::read(&bytes[..ENTRY as usize]), Entry::read(&bytes[ENTRY as usize..])))
    }

    /// The leaf, without its newline. A purged one is [`io::ErrorKind::NotFound`].
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn leaf(&self, seq: u64) -> io::Result<Vec<u8>> {
        let (before, this) = self.entry(seq)?;
        let mut line = piece(&self.leaves(seq / CHUNK), before.leaf_end, this.leaf_end)?;
        match line.pop() {
            Some(b'\n') => Ok(line),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the index does not fit the leaves")),
        }
    }

    /// The sealed detail of a leaf; `None` when it has none, or it was purged.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn sealed_detail(&self, seq: u64) -> io::Result<Option<Vec<u8>>> {
        let (before, this) = self.entry(seq)?;
        if before.detail_end == this.detail_end {
            return Ok(None);
        }
        match piece(&self.details(seq / CHUNK), before.detail_end, this.detail_end) {
            Ok(line) => Ok(Some(line)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where the record of this request stands among the first `size` leaves; newest first.
    ///
    /// # Errors
    /// When an index cannot be read.
    pub fn find(&self, request: &[u8; 16], size: u64) -> io::Result<Option<u64>> {
        for chunk in (0..size.div_ceil(CHUNK)).rev() {
            let bytes = match std::fs::read(self.index(chunk)) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let entries = bytes.chunks_exact(ENTRY as usize).take((size - chunk * CHUNK).min(CHUNK) as usize);
            if let Some(place) = entries.clone().rposition(|entry| entry[8..] == request[..]) {
                return Ok(Some(chunk * CHUNK + place as u64));
            }
        }
        Ok(None)
    }

    /// Shows each leaf of `from..to` in order, without its newline; `None` for those that were purged.
    ///
    /// # Errors
    /// When they cannot be read, or `show` returns one.
    pub(crate) fn each_leaf(&self, from: u64, to: u64, show: &mut Show<'_>) -> io::Result<()> {
        let mut seq = from;
        while seq < to {
            let (chunk, end) = (seq / CHUNK, to.min((seq / CHUNK + 1) * CHUNK));
            let mut lines = match File::open(self.leaves(chunk)) {
                Ok(file) => Some(self.lines_from(file, seq)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            let mut line = Vec::new();
            while seq < end {
                if let Some(lines) = &mut lines {
                    line.clear();
                    lines.read_until(b'\n', &mut line)?;
                    if line.pop() != Some(b'\n') {
                        let what = format!("{} ends before leaf {seq}", self.leaves(chunk).display());
                        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                    }
                }
                show(seq, lines.is_some().then_some(&line))?;
                seq += 1;
            }
        }
        Ok(())
    }

    /// Shows the records of requests, answered and lost ones, from one place up to another.
    ///
    /// # Errors
    /// When a leaf cannot be read, or is none.
    pub fn each_request(&self, from: u64, to: u64, show: &mut dyn FnMut(u64, &Record<'_>)) -> io::Result<()> {
        self.each_leaf(from, to, &mut |seq, line| {
            let Some(line) = line else { return Ok(()) };
            let leaf: Leaf<'_> = serde_json::from_slice(line)?;
            if matches!(leaf.kind, Kind::Request | Kind::Lost) {
                show(seq, &serde_json::from_str(leaf.record.get())?);
            }
            Ok(())
        })
    }

    /// The lines of a file of leaves, from this one on. An export has no index, and is read from the start.
    fn lines_from(&self, mut file: File, seq: u64) -> io::Result<BufReader<File>> {
        if !seq.is_multiple_of(CHUNK) {
            let (before, _) = self.entry(seq)?;
            file.seek(SeekFrom::Start(before.leaf_end.into()))?;
        }
        Ok(BufReader::with_capacity(1 << 17, file))
    }

    /// How many leaf hashes there are: at least as many as the checkpoint says.
    ///
    /// # Errors
    /// When the file cannot be asked.
    pub fn hashes(&self) -> io::Result<u64> {
        match std::fs::metadata(self.tree(0)) {
            Ok(data) => Ok(data.len() / 32),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// The root of the first `size` leaves, from the hashes on disk.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn root(&self, size: u64) -> io::Result<Hash> {
        root(self, size)
    }

    /// `count` hashes of a level, from `index` on.
    pub(crate) fn read_hashes(&self, level: u32, index: u64, count: usize) -> io::Result<Vec<Hash>> {
        let mut bytes = vec![0; 32 * count];
        File::open(self.tree(level))?.read_exact_at(&mut bytes, 32 * index)?;
        Ok(bytes.chunks_exact(32).filter_map(Hash::from_slice).collect())
    }
}

fn piece(path: &Path, from: u32, to: u32) -> io::Result<Vec<u8>> {
    let length =
        to.checked_sub(from).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the index runs back"))?;
    let mut bytes = vec![0; length as usize];
    File::open(path)?.read_exact_at(&mut bytes, from.into())?;
    Ok(bytes)
}

impl Nodes for Shelf {
    type Error = io::Error;

    fn node(&self, level: u32, index: u64) -> io::Result<Hash> {
        let (file, below) = (level / LEVEL_BITS, level % LEVEL_BITS);
        let mut hashes = self.read_hashes(file, index << below, 1 << below)?;
        fold(&mut hashes);
        Ok(hashes[0])
    }
}

/// Folds 2ⁿ hashes into the root of their subtree, which is left in the first place.
pub(crate) fn fold(hashes: &mut Vec<Hash>) {
    while hashes.len() > 1 {
        for i in 0..hashes.len() / 2 {
            hashes[i] = Hash::of_nodes(&hashes[2 * i], &hashes[2 * i + 1]);
        }
        hashes.truncate(hashes.len() / 2);
    }
}
