//! What the journal's frames hold, entry by entry: written and read here, and nowhere else.

use crate::hash::Hash;
use crate::record::LogId;

/// One entry of a frame.
pub(crate) enum Entry<'a> {
    Begin { log: LogId, request: [u8; 16], record: &'a [u8] },
    Leaf { log: LogId, request: [u8; 16], seq: u64, hash: Hash, leaf: &'a [u8], detail: &'a [u8] },
    Key { log: LogId, line: &'a [u8] },
}

impl Entry<'_> {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut piece = |bytes: &[u8]| {
            out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(bytes);
        };
        match self {
            Self::Begin { log, request, record } => {
                piece(&[&[1], &log.0[..], request].concat());
                piece(record);
            }
            Self::Leaf { log, request, seq, hash, leaf, detail } => {
                piece(&[&[2], &log.0[..], request, &seq.to_le_bytes(), &hash.0].concat());
                piece(leaf);
                piece(detail);
            }
            Self::Key { log, line } => {
                piece(&[&[3], &log.0[..]].concat());
                piece(line);
            }
        }
    }
}

/// The entries of a frame's payload. Its checksum was right, so it is as we wrote it, or ends early.
pub(crate) fn entries(payload: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let mut rest = payload;
    std::iter::from_fn(move || entry(&mut rest))
}

fn entry<'a>(rest: &mut &'a [u8]) -> Option<Entry<'a>> {
    let head = piece(rest)?;
    let (kind, head) = head.split_first()?;
    let (log, head) = head.split_first_chunk::<8>()?;
    let log = LogId(*log);
    match kind {
        1 => Some(Entry::Begin { log, request: *head.first_chunk()?, record: piece(rest)? }),
        2 => {
            let (request, head) = head.split_first_chunk::<16>()?;
            let (seq, hash) = head.split_first_chunk::<8>()?;
            let (seq, hash) = (u64::from_le_bytes(*seq), Hash::from_slice(hash)?);
            Some(Entry::Leaf { log, request: *request, seq, hash, leaf: piece(rest)?, detail: piece(rest)? })
        }
        3 => Some(Entry::Key { log, line: piece(rest)? }),
        _ => None,
    }
}

fn piece<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let (piece, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = tail;
    Some(piece)
}
