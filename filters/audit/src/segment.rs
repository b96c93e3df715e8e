//! The journal's files: frames one after the other, each with its number and its checksum.
//!
//! It tells a torn tail from damage: every frame says up to which frame all was known to be on disk
//! when it was written, so a broken frame that a later one vouches for was whole once.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes before the first frame of a file.
pub(crate) const HEADER: u64 = 32;
/// Bytes before the payload of a frame.
const FRAME: usize = 28;
const FILE_MAGIC: [u8; 4] = *b"TGJ1";
const FRAME_MAGIC: [u8; 4] = *b"TGJf";

/// A file of the journal that is being filled.
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    file: File,
    size: u64,
    at: u64,
}

impl Segment {
    /// Makes a file of this size, full of zeros, and waits until it is on disk: writing into it later
    /// needs no more space.
    pub(crate) fn allocate(path: PathBuf, size: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        let zeros = vec![0; 1 << 20];
        let mut at = 0;
        while at < size {
            let piece = (size - at).min(zeros.len() as u64);
            if let Err(error) = file.write_all_at(&zeros[..piece as usize], at) {
                let _ = std::fs::remove_file(&path);
                return Err(error);
            }
            at += piece;
        }
        file.sync_all()?;
        Ok(Self { path, file, size, at: HEADER })
    }

    /// Takes this file into use as number `number`, whose first frame will be `first`.
    pub(crate) fn begin(&mut self, dir: &Path, number: u64, first: u64) -> io::Result<()> {
        let path = dir.join(file_name(number));
        let mut header = [0; HEADER as usize];
        header[..4].copy_from_slice(&FILE_MAGIC);
        header[8..16].copy_from_slice(&number.to_le_bytes());
        header[16..24].copy_from_slice(&first.to_le_bytes());
        let sum = crc32fast::hash(&header[..24]);
        header[24..28].copy_from_slice(&sum.to_le_bytes());
        self.file.write_all_at(&header, 0)?;
        self.file.sync_data()?;
        std::fs::rename(&self.path, &path)?;
        File::open(dir)?.sync_all()?;
        (self.path, self.at) = (path, HEADER);
        Ok(())
    }

    /// Whether a frame with this payload fits.
    pub(crate) fn has_room(&self, payload: usize) -> bool {
        self.at + (FRAME + payload) as u64 <= self.size
    }

    /// Writes a frame. After an error it can be called again.
    pub(crate) fn append(&mut self, number: u64, synced: u64, payload: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(FRAME + payload.len());
        frame.extend_from_slice(&FRAME_MAGIC);
        frame.extend_from_slice(&u32::try_from(payload.len()).map_err(io::Error::other)?.to_le_bytes());
        frame.extend_from_slice(&number.to_le_bytes());
        frame.extend_from_slice(&synced.to_le_bytes());
        frame.extend_from_slice(&checksum(&frame[4..], payload).to_le_bytes());
        frame.extend_from_slice(payload);
        self.file.write_all_at(&frame, self.at)?;
        self.at += frame.len() as u64;
        Ok(())
    }

    /// Waits until all frames are on disk. Never call it again after an error: the kernel may have
    /// dropped what it could not write, and would then say that all is well.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

pub(crate) fn file_name(number: u64) -> String {
    format!("{number:012}.wal")
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(payload);
    hasher.finalize()
}

/// What a journal held.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// The payloads of all frames, in order.
    pub(crate) payloads: Vec<Vec<u8>>,
    /// The number that the next frame gets.
    pub(crate) next_frame: u64,
    /// The number that the next file gets.
    pub(crate) next_file: u64,
    /// The files, all of whose frames were read.
    pub(crate) files: Vec<PathBuf>,
    /// Whether a torn tail was left out.
    pub(crate) torn: bool,
}

/// Reads all files of a journal.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] when something is broken that was whole once; the text says where.
pub(crate) fn read(dir: &Path) -> io::Result<Read> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)?
        .map(|entry| Ok(entry?.path()))
        .filter(|path: &io::Result<PathBuf>| path.as_ref().is_ok_and(|p| p.extension().is_some_and(|e| e == "wal")))
        .collect::<io::Result<_>>()?;
    files.sort();
    let mut read = Read { next_frame: 1, next_file: 1, ..Read::default() };
    for (place, path) in files.iter().enumerate() {
        let bytes = std::fs::read(path)?;
        let Some((number, first)) = header(&bytes) else {
            return Err(damaged(path, "its header is broken"));
        };
        if place == 0 {
            (read.next_file, read.next_frame) = (number, first);
        }
        if number != read.next_file {
            return Err(damaged(path, "the file before it is missing"));
        }
        // A file is begun when all before it is on disk.
        if first != read.next_frame {
            return Err(damaged(&files[place.saturating_sub(1)], &was_whole(read.next_frame)));
        }
        read.next_file += 1;
        let rest = frames(&bytes, &mut read);
        if rest.vouched >= read.next_frame {
            return Err(damaged(path, &was_whole(read.next_frame)));
        }
        read.torn = rest.is_torn;
    }
    read.files = files;
    Ok(read)
}

fn was_whole(frame: u64) -> String {
    format!("frame {frame} is broken or gone, and it was on disk once")
}

/// What comes after the last whole frame of a file.
struct Rest {
    /// There is something where the next frame would be.
    is_torn: bool,
    /// The highest frame of which a later one says that it was on disk.
    vouched: u64,
}

/// Reads frames one after the other, then looks for later ones behind the place where it stopped.
fn frames(bytes: &[u8], read: &mut Read) -> Rest {
    let mut at = HEADER as usize;
    while let Some((number, _, payload)) = frame(bytes, at).filter(|(number, ..)| *number == read.next_frame) {
        at += FRAME + payload.len();
        read.next_frame = number + 1;
        read.payloads.push(payload.to_vec());
    }
    // A recycled file is full of older frames: those have lower numbers.
    let old = frame(bytes, at).is_some_and(|(number, ..)| number < read.next_frame);
    let is_torn = !old && bytes.get(at..at + 4).is_some_and(|magic| magic != [0; 4]);
    let mut vouched = 0;
    let mut from = at;
    while let Some(found) = bytes.get(from..).and_then(|rest| rest.windows(4).position(|w| w == FRAME_MAGIC)) {
        if let Some((_, synced, _)) = frame(bytes, from + found).filter(|(number, ..)| *number > read.next_frame) {
            vouched = vouched.max(synced);
        }
        from += found + 1;
    }
    Rest { is_torn, vouched }
}

/// The whole frame at this place: its number, up to where all was on disk, its payload.
fn frame(bytes: &[u8], at: usize) -> Option<(u64, u64, &[u8])> {
    let head: &[u8; FRAME] = bytes.get(at..)?.first_chunk()?;
    let word = |from: usize| u32::from_le_bytes(std::array::from_fn(|i| head[from + i]));
    let long = |from: usize| u64::from_le_bytes(std::array::from_fn(|i| head[from + i]));
    let payload = bytes.get(at + FRAME..)?.get(..word(4) as usize)?;
    let whole = head[..4] == FRAME_MAGIC && word(24) == checksum(&head[4..24], payload);
    whole.then(|| (long(8), long(16), payload))
}

fn header(bytes: &[u8]) -> Option<(u64, u64)> {
    let head: &[u8; HEADER as usize] = bytes.first_chunk()?;
    let long = |from: usize| u64::from_le_bytes(std::array::from_fn(|i| head[from + i]));
    let sum = u32::from_le_bytes(std::array::from_fn(|i| head[24 + i]));
    (head[..4] == FILE_MAGIC && sum == crc32fast::hash(&head[..24])).then(|| (long(8), long(16)))
}

fn damaged(path: &Path, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    const SIZE: u64 = 4096;

    fn payload(number: u64) -> Vec<u8> {
        format!("payload of frame {number} ").repeat(1 + number as usize % 5).into_bytes()
    }

    /// A journal of frames 1 to `last`, each on disk before the next was written.
    fn write(dir: &Path, last: u64) {
        let (mut number, mut segment) = (1, Segment::allocate(dir.join("a.spare"), SIZE).expect("made"));
        segment.begin(dir, number, 1).expect("begun");
        for frame in 1..=last {
            if !segment.has_room(payload(frame).len()) {
                number += 1;
                segment = Segment::allocate(dir.join("a.spare"), SIZE).expect("made");
                segment.begin(dir, number, frame).expect("begun");
            }
            segment.append(frame, frame - 1, &payload(frame)).expect("written");
        }
    }

    fn files(dir: &Path) -> Vec<PathBuf> {
        let mut files: Vec<_> = std::fs::read_dir(dir).expect("read").map(|e| e.expect("an entry").path()).collect();
        files.sort();
        files
    }

    /// Changes a file and says what reading gives then.
    fn changed(path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<Read> {
        let good = std::fs::read(path).expect("read");
        let mut bytes = good.clone();
        change(&mut bytes);
        std::fs::write(path, &bytes).expect("written");
        let got = read(path.parent().expect("its folder"));
        std::fs::write(path, good).expect("written");
        got
    }

    #[test]
    fn frames_are_read_back_in_order_across_files() {
        let scratch = Scratch::new();
        write(scratch.path(), 200);
        let read = read(scratch.path()).expect("read");
        assert_eq!(read.payloads, (1..=200).map(payload).collect::<Vec<_>>());
        assert_eq!((read.next_frame, read.next_file, read.torn), (201, read.files.len() as u64 + 1, false));
        assert!(read.files.len() > 2);
    }

    #[test]
    fn a_torn_tail_is_left_out_wherever_it_tore() {
        let scratch = Scratch::new();
        write(scratch.path(), 20);
        let path = files(scratch.path()).pop().expect("a file");
        let bytes = std::fs::read(&path).expect("read");
        let end = bytes.iter().rposition(|b| *b != 0).expect("something") + 1;
        let start = end - FRAME - payload(20).len();
        for cut in start..end {
            let read = changed(&path, |bytes| bytes[cut..].fill(0)).expect("a torn tail is no damage");
            assert_eq!((read.next_frame, read.torn), (20, cut > start), "{cut}");
        }
    }

    #[test]
    fn damage_before_the_tail_is_refused_and_its_place_is_told() {
        let scratch = Scratch::new();
        write(scratch.path(), 200);
        let files = files(scratch.path());
        for path in &files[..files.len() - 1] {
            let used = std::fs::read(path).expect("read").iter().rposition(|b| *b != 0).expect("something");
            for at in (0..used).step_by(37) {
                // Bytes 4 to 8 and 28 to 32 of the header hold nothing.
                if (4..8).contains(&at) || (28..32).contains(&at) {
                    continue;
                }
                let error = changed(path, |bytes| bytes[at] ^= 4).expect_err("damage");
                assert!(error.to_string().contains(&path.display().to_string()), "{error}");
            }
        }
        std::fs::remove_file(&files[1]).expect("removed");
        assert!(read(scratch.path()).expect_err("damage").to_string().contains("missing"));
    }

    #[test]
    fn a_recycled_file_does_not_give_its_old_frames_back() {
        let scratch = Scratch::new();
        let mut segment = Segment::allocate(scratch.path().join("a.spare"), SIZE).expect("made");
        segment.begin(scratch.path(), 1, 1).expect("begun");
        (1..=30).for_each(|n| segment.append(n, n - 1, &payload(n)).expect("written"));
        segment.begin(scratch.path(), 2, 31).expect("begun again");
        segment.append(31, 30, &payload(31)).expect("written");
        let read = read(scratch.path()).expect("read");
        assert_eq!((read.payloads, read.next_frame), (vec![payload(31)], 32));
    }
}
