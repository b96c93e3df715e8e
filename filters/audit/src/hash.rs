//! SHA-256 as RFC 6962 uses it: leaves and nodes are hashed apart. It knows no tree.

use ring::digest::{Context, SHA256, digest};

/// A SHA-256 hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Stands where there is no hash before: 32 zero bytes.
    pub const NONE: Self = Self([0; 32]);

    /// Of plain bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_digest(&digest(&SHA256, bytes))
    }

    /// Of a leaf: `0x00` before it (RFC 6962 §2.1).
    #[must_use]
    pub fn of_leaf(leaf: &[u8]) -> Self {
        Self::of_parts(&[&[0], leaf])
    }

    /// Of two nodes: `0x01` before them (RFC 6962 §2.1).
    #[must_use]
    pub fn of_nodes(left: &Self, right: &Self) -> Self {
        let mut both = [1; 65];
        both[1..33].copy_from_slice(&left.0);
        both[33..].copy_from_slice(&right.0);
        Self::of(&both)
    }

    /// Of several pieces, one after the other.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        parts.iter().for_each(|part| context.update(part));
        Self::from_digest(&context.finish())
    }

    /// From 32 bytes; `None` for any other number.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// From 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex_into(text, &mut bytes).then_some(Self(bytes))
    }

    /// As 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    fn from_digest(digest: &ring::digest::Digest) -> Self {
        Self::from_slice(digest.as_ref()).expect("SHA-256 gives 32 bytes")
    }
}

/// A hash of bytes that come in pieces.
#[derive(Clone)]
pub struct Digest(Context);

impl Default for Digest {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Digest {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The hash of all that was taken.
    #[must_use]
    pub fn finish(self) -> Hash {
        Hash::from_digest(&self.0.finish())
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.hex())
    }
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads exactly as many lower-case digits as fill `out`; false for anything else.
#[must_use]
pub fn hex_into(text: &str, out: &mut [u8]) -> bool {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let text = text.as_bytes();
    text.len() == 2 * out.len()
        && out
            .iter_mut()
            .zip(text.chunks_exact(2))
            .all(|(byte, pair)| value(pair[0]).zip(value(pair[1])).map(|(high, low)| *byte = high << 4 | low).is_some())
}
