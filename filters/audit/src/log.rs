//! One log on disk, to be written: leaves go to the end, and what follows from them beside them.
//!
//! Everything is written at a known place, so a write that failed half-way is simply done again. It
//! assigns no places and signs nothing: leaves arrive finished, from the journal.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::hash::Hash;
use crate::record::{Head, Leaf};
use crate::shelf::{CHUNK, ENTRY, Entry, LEVEL_BITS, Shelf, fold};
use crate::tree::Frontier;

/// A file that grows at its end.
struct Growing {
    file: File,
    /// What is in it for sure.
    len: u64,
    waiting: Vec<u8>,
    unsynced: bool,
}

impl Growing {
    /// Opens it and cuts it to this length.
    fn open(path: &Path, len: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let is = file.metadata()?.len();
        if is < len {
            let what = format!("{} has {is} bytes where {len} are signed for", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        file.set_len(len)?;
        Ok(Self { file, len, waiting: Vec::new(), unsynced: is != len })
    }

    fn end(&self) -> u64 {
        self.len + self.waiting.len() as u64
    }

    fn write(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.file.write_all_at(&self.waiting, self.len)?;
        self.len += self.waiting.len() as u64;
        self.waiting.clear();
        self.unsynced = true;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.write()?;
        if std::mem::take(&mut self.unsynced) {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

/// A level of the tree: its file, and the hashes that do not fill a subtree of the next level yet.
struct Level {
    file: Growing,
    open: Vec<Hash>,
}

/// The files of the chunk that is being filled.
struct Chunk {
    leaves: Growing,
    details: Growing,
    index: Growing,
}

impl Chunk {
    fn open(shelf: &Shelf, number: u64, places: u64) -> io::Result<Self> {
        let (leaf_end, detail_end) = match places {
            0 => (0, 0),
            places => {
                let (_, last) = shelf.entry(number * CHUNK + places - 1)?;
                (last.leaf_end, last.detail_end)
            }
        };
        Ok(Self {
            leaves: Growing::open(&shelf.leaves(number), leaf_end.into())?,
            details: Growing::open(&shelf.details(number), detail_end.into())?,
            index: Growing::open(&shelf.index(number), places * ENTRY)?,
        })
    }

    fn files(&mut self) -> [&mut Growing; 3] {
        [&mut self.leaves, &mut self.details, &mut self.index]
    }
}

/// A leaf that is durable in the journal and belongs here.
pub(crate) struct Arrived<'a> {
    pub(crate) leaf: &'a [u8],
    pub(crate) hash: Hash,
    pub(crate) request: [u8; 16],
    /// A line, or nothing.
    pub(crate) detail: &'a [u8],
}

/// A log that grows.
pub(crate) struct Log {
    pub(crate) shelf: Shelf,
    frontier: Frontier,
    chunk: Chunk,
    /// Full chunks that are not synced yet.
    full: Vec<Chunk>,
    levels: Vec<Level>,
    /// Files were made whose names are not on disk for sure.
    has_new_files: bool,
    /// How many leaves the last signature covers.
    pub(crate) signed: u64,
}

impl Log {
    /// Opens it at the size that was signed; what comes after it is cut, for the journal has it.
    pub(crate) fn open(shelf: Shelf, size: u64) -> io::Result<Self> {
        for folder in ["leaves", "details", "index"] {
            std::fs::create_dir_all(shelf.dir().join(folder))?;
        }
        let levels = (0..8).take_while(|l| *l == 0 || size >> (LEVEL_BITS * l) > 0);
        let levels = levels.map(|l| level(&shelf, l, size >> (LEVEL_BITS * l))).collect::<io::Result<Vec<_>>>()?;
        let chunk = Chunk::open(&shelf, size / CHUNK, size % CHUNK)?;
        Ok(Self {
            frontier: Frontier::at(&shelf, size)?,
            chunk,
            full: Vec::new(),
            levels,
            has_new_files: true,
            signed: size,
            shelf,
        })
    }

    /// Where the next leaf goes, read from the last one.
    pub(crate) fn head(&self) -> io::Result<Head> {
        let Some(last) = self.size().checked_sub(1) else { return Ok(Head::EMPTY) };
        let line = self.shelf.leaf(last)?;
        let prev = Hash::of_leaf(&line);
        let leaf: Leaf<'_> = serde_json::from_slice(&line)?;
        if leaf.seq != last || self.shelf.read_hashes(0, last, 1)?[0] != prev {
            let what = format!("leaf {last} of {} is not the one that was signed", self.shelf.dir().display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(Head { seq: last + 1, prev, at: leaf.at })
    }

    /// How many leaves there are, signed or not.
    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root, as it grew leaf by leaf.
    pub(crate) fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Adds a leaf. It is written with [`Log::write`].
    pub(crate) fn push(&mut self, arrived: &Arrived<'_>) -> io::Result<()> {
        if self.size() > 0 && self.size().is_multiple_of(CHUNK) && self.chunk.index.end() > 0 {
            let next = Chunk::open(&self.shelf, self.size() / CHUNK, 0)?;
            self.full.push(std::mem::replace(&mut self.chunk, next));
            self.has_new_files = true;
        }
        let chunk = &mut self.chunk;
        chunk.leaves.waiting.extend_from_slice(arrived.leaf);
        chunk.leaves.waiting.push(b'\n');
        chunk.details.waiting.extend_from_slice(arrived.detail);
        let end = |file: &Growing| u32::try_from(file.end()).map_err(io::Error::other);
        let entry = Entry { leaf_end: end(&chunk.leaves)?, detail_end: end(&chunk.details)?, request: arrived.request };
        chunk.index.waiting.extend_from_slice(&entry.bytes());
        self.frontier.push(arrived.hash);
        self.grow(arrived.hash)
    }

    /// Adds a hash to the lowest level, and to each level above that it completes.
    fn grow(&mut self, leaf: Hash) -> io::Result<()> {
        let mut hash = leaf;
        for number in 0.. {
            if number == self.levels.len() {
                self.has_new_files = true;
                self.levels.push(level(&self.shelf, u32::try_from(number).map_err(io::Error::other)?, 0)?);
            }
            let level = &mut self.levels[number];
            level.file.waiting.extend_from_slice(&hash.0);
            level.open.push(hash);
            if level.open.len() < 1 << LEVEL_BITS {
                break;
            }
            fold(&mut level.open);
            hash = level.open[0];
            level.open.clear();
        }
        Ok(())
    }

    /// Writes what was added. After an error it can be called again.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        for chunk in &mut self.full {
            chunk.files().into_iter().try_for_each(Growing::write)?;
        }
        self.chunk.files().into_iter().try_for_each(Growing::write)?;
        self.levels.iter_mut().try_for_each(|level| level.file.write())
    }

    /// Writes it and waits until it is on disk.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.write()?;
        for chunk in &mut self.full {
            chunk.files().into_iter().try_for_each(Growing::sync)?;
        }
        self.full.clear();
        self.chunk.files().into_iter().try_for_each(Growing::sync)?;
        self.levels.iter_mut().try_for_each(|level| level.file.sync())?;
        if self.has_new_files {
            for folder in ["leaves", "details", "index", "."] {
                File::open(self.shelf.dir().join(folder))?.sync_all()?;
            }
            self.has_new_files = false;
        }
        Ok(())
    }
}

/// A level with this many hashes, the last of which do not fill a subtree of the next level.
fn level(shelf: &Shelf, number: u32, count: u64) -> io::Result<Level> {
    let file = Growing::open(&shelf.tree(number), 32 * count)?;
    let open = count % (1 << LEVEL_BITS);
    let open = shelf.read_hashes(number, count - open, usize::try_from(open).map_err(io::Error::other)?)?;
    Ok(Level { file, open })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Kind;
    use crate::scratch::Scratch;
    use crate::tree;

    fn fill(log: &mut Log, head: &mut Head, count: u64) {
        for i in 0..count {
            let mut leaf = Vec::new();
            let hash = head.append(Kind::Admin, b"{\"by\":\"test\",\"what\":\"x\"}", i, &mut leaf);
            let mut request = [0; 16];
            request[..8].copy_from_slice(&head.seq.to_le_bytes());
            let detail = if i % 3 == 0 { format!("detail {}\n", head.seq - 1) } else { String::new() };
            log.push(&Arrived { leaf: &leaf, hash, request, detail: detail.as_bytes() }).expect("pushed");
        }
        log.sync().expect("synced");
    }

    #[test]
    fn what_is_read_back_is_what_was_written_across_files_and_levels() {
        let scratch = Scratch::new();
        let mut log = Log::open(Shelf::at(scratch.path()), 0).expect("opened");
        let mut head = Head::EMPTY;
        fill(&mut log, &mut head, CHUNK + 300);
        let shelf = &log.shelf;
        for size in [1, 2, 255, 256, 257, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + 300] {
            let from_levels = shelf.root(size).expect("read");
            let hashes = shelf.read_hashes(0, 0, size as usize).expect("read");
            let mut frontier = Frontier::default();
            hashes.into_iter().for_each(|hash| frontier.push(hash));
            assert_eq!(frontier.root(), from_levels, "{size}");
        }
        assert_eq!(log.root(), shelf.root(CHUNK + 300).expect("read"));
        for seq in [0, 1, CHUNK - 1, CHUNK, CHUNK + 299] {
            let leaf = shelf.leaf(seq).expect("read");
            let read: Leaf<'_> = serde_json::from_slice(&leaf).expect("a leaf");
            assert_eq!((read.seq, Hash::of_leaf(&leaf)), (seq, shelf.read_hashes(0, seq, 1).expect("read")[0]));
            let detail = shelf.sealed_detail(seq).expect("read");
            assert_eq!(detail, (seq % 3 == 0).then(|| format!("detail {seq}\n").into_bytes()));
            let mut request = [0; 16];
            request[..8].copy_from_slice(&(seq + 1).to_le_bytes());
            assert_eq!(shelf.find(&request, log.size()).expect("read"), Some(seq));
            assert_eq!(shelf.find(&request, seq).expect("read"), None);
        }
        let proof = tree::inclusion(shelf, 77, CHUNK + 300).expect("read");
        assert!(tree::proves_inclusion(
            &shelf.read_hashes(0, 77, 1).expect("read")[0],
            77,
            CHUNK + 300,
            &proof,
            &log.root()
        ));
    }

    #[test]
    fn what_was_not_signed_is_cut_and_written_again() {
        let scratch = Scratch::new();
        let (mut log, mut head) = (Log::open(Shelf::at(scratch.path()), 0).expect("opened"), Head::EMPTY);
        fill(&mut log, &mut head, 700);
        let root = log.root();
        for size in [0, 1, 255, 256, 511, 512, 699, 700] {
            let mut again = Log::open(Shelf::at(scratch.path()), size).expect("opened");
            let mut head = again.head().expect("read");
            assert_eq!(head.seq, size);
            let lines: Vec<u64> = (size..700).collect();
            assert_eq!(again.size() + lines.len() as u64, 700);
            for seq in lines {
                let mut leaf = Vec::new();
                let hash = head.append(Kind::Admin, b"{\"by\":\"test\",\"what\":\"x\"}", seq, &mut leaf);
                again.push(&Arrived { leaf: &leaf, hash, request: [0; 16], detail: b"" }).expect("pushed");
            }
            again.sync().expect("synced");
            assert_eq!(again.root(), root, "{size}");
        }
    }

    #[test]
    fn a_file_that_lost_what_was_signed_is_not_opened() {
        let scratch = Scratch::new();
        let (mut log, mut head) = (Log::open(Shelf::at(scratch.path()), 0).expect("opened"), Head::EMPTY);
        fill(&mut log, &mut head, 10);
        let leaves = log.shelf.leaves(0);
        let file = OpenOptions::new().write(true).open(&leaves).expect("opened");
        file.set_len(file.metadata().expect("asked").len() - 1).expect("cut");
        let error = Log::open(Shelf::at(scratch.path()), 10).err().expect("refused");
        assert!(error.to_string().contains("00000000.jsonl"), "{error}");
    }
}
