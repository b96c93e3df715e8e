//! The master keys: a ring of them, each with a version, the newest of which seals.
//!
//! It reads and writes their text and nothing else: where the text is kept is for
//! [`Source`](crate::Source), what the keys do is for `seal`.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use thiserror::Error;
use zeroize::Zeroizing;

/// How many master keys a ring may have: more than two at once means that rows are never resealed.
pub const KEYS_MAX: usize = 64;

/// Bytes of a key.
pub(crate) const KEY_LEN: usize = 32;

type Key = SecretBox<[u8; KEY_LEN]>;

/// The master keys, at least one. The newest seals, all open.
///
/// As text, a line each: `v<version>:<base64 of 32 bytes>`; blank lines and lines that begin with
/// `#` are passed over. The base64 alone, as the only line, is version 1.
pub struct MasterKeys {
    keys: BTreeMap<u32, Key>,
    newest: u32,
}

/// Why a text is not a ring of master keys. Never repeats the text.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum BadMaster {
    /// No key in it.
    #[error("there is no master key: write one line `v1:<base64>`, with what `openssl rand -base64 32` prints")]
    Empty,
    /// More keys than [`KEYS_MAX`].
    #[error("there are more than {KEYS_MAX} master keys: reseal, and remove the old ones")]
    TooMany,
    /// A line that is no key.
    #[error("line {line} is no master key: write `v<version>:<base64>`, for example `v1:` and 44 characters")]
    Line {
        /// Counted from 1.
        line: usize,
    },
    /// A version that is not a number from 1.
    #[error("line {line} has no valid version: write a number from 1 to 4294967295, without zeros before it")]
    Version {
        /// Counted from 1.
        line: usize,
    },
    /// Not base64, or not of 32 bytes.
    #[error("the key of line {line} is not base64 of 32 bytes: make one with `openssl rand -base64 32`")]
    Length {
        /// Counted from 1.
        line: usize,
    },
    /// A key of nothing but zeros.
    #[error("version {version} is all zeros, which is no key: make one with `openssl rand -base64 32`")]
    Zero {
        /// Which.
        version: u32,
    },
    /// A version twice.
    #[error("version {version} is there twice: give the newer key the next number")]
    SameVersion {
        /// Which.
        version: u32,
    },
    /// A key twice.
    #[error(
        "versions {one} and {other} are the same key: a new version needs a new key, from `openssl rand -base64 32`"
    )]
    SameKey {
        /// The lower version.
        one: u32,
        /// The higher one.
        other: u32,
    },
    /// No number is left for a new key.
    #[error("version 4294967295 is the last there is: seal under a ring that begins at 1 again")]
    NoVersionLeft,
}

impl MasterKeys {
    /// The ring that this text describes.
    ///
    /// # Errors
    /// When the text is not such a ring; the error never repeats it.
    pub fn read(text: &str) -> Result<Self, BadMaster> {
        let mut lines = text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let (number, first) = lines.next().ok_or(BadMaster::Empty)?;
        let mut rest = lines.peekable();
        let mut keys = BTreeMap::new();
        if !first.contains(':') && rest.peek().is_none() {
            add(&mut keys, 1, key_of(first, number)?)?;
        } else {
            for (number, line) in std::iter::once((number, first)).chain(rest) {
                let (version, key) = read_line(line, number)?;
                add(&mut keys, version, key)?;
            }
        }
        Self::of(keys)
    }

    /// A first ring, version 1, and the text to keep of it.
    ///
    /// # Errors
    /// When `random` is all zeros, and so not random.
    pub fn generate(random: [u8; KEY_LEN]) -> Result<(Self, SecretString), BadMaster> {
        let random = Zeroizing::new(random);
        let mut keys = BTreeMap::new();
        add(&mut keys, 1, boxed(&random))?;
        Self::of(keys).map(Self::with_text)
    }

    /// The ring with one more key, which seals from now on, and the text to keep of it.
    ///
    /// # Errors
    /// When `random` is all zeros or a key of the ring, and when the ring is full.
    pub fn with_new(&self, random: [u8; KEY_LEN]) -> Result<(Self, SecretString), BadMaster> {
        let random = Zeroizing::new(random);
        let version = self.newest.checked_add(1).ok_or(BadMaster::NoVersionLeft)?;
        let mut keys: BTreeMap<_, _> =
            self.keys.iter().map(|(version, key)| (*version, boxed(key.expose_secret()))).collect();
        add(&mut keys, version, boxed(&random))?;
        Self::of(keys).map(Self::with_text)
    }

    /// The ring of the newest key alone, and the text to keep of it. What is still sealed under an
    /// older key does not open any more.
    #[must_use]
    pub fn without_old(&self) -> (Self, SecretString) {
        let keys = self.keys.iter().filter(|(version, _)| **version == self.newest);
        let keys = keys.map(|(version, key)| (*version, boxed(key.expose_secret()))).collect();
        Self { keys, newest: self.newest }.with_text()
    }

    /// The version that seals.
    #[must_use]
    pub fn newest(&self) -> u32 {
        self.newest
    }

    /// All versions, the oldest first.
    pub fn versions(&self) -> impl Iterator<Item = u32> + '_ {
        self.keys.keys().copied()
    }

    /// The bytes of one.
    pub(crate) fn key(&self, version: u32) -> Option<&[u8; KEY_LEN]> {
        self.keys.get(&version).map(ExposeSecret::expose_secret)
    }

    fn of(keys: BTreeMap<u32, Key>) -> Result<Self, BadMaster> {
        let newest = *keys.last_key_value().ok_or(BadMaster::Empty)?.0;
        Ok(Self { keys, newest })
    }

    fn with_text(self) -> (Self, SecretString) {
        const HEAD: &str = "# Master keys of Tollgate's vault. Without them no sealed credential opens: keep a copy.\n";
        // With room for all of it, so that no half of it stays behind where the text grew.
        let mut text = Zeroizing::new(String::with_capacity(HEAD.len() + self.keys.len() * 64));
        text.push_str(HEAD);
        for (version, key) in &self.keys {
            text.push_str(&format!("v{version}:"));
            STANDARD.encode_string(key.expose_secret(), &mut text);
            text.push('\n');
        }
        (self, SecretString::from(text.as_str()))
    }
}

fn read_line(line: &str, number: usize) -> Result<(u32, Key), BadMaster> {
    let (version, key) =
        line.strip_prefix('v').and_then(|rest| rest.split_once(':')).ok_or(BadMaster::Line { line: number })?;
    let plain = version.bytes().all(|c| c.is_ascii_digit()) && !version.starts_with('0');
    let version = version.parse().ok().filter(|_| plain).ok_or(BadMaster::Version { line: number })?;
    Ok((version, key_of(key.trim_start(), number)?))
}

fn key_of(text: &str, number: usize) -> Result<Key, BadMaster> {
    let wrong = BadMaster::Length { line: number };
    // 44 characters decode to at most 33 bytes: longer texts are not even decoded.
    if text.len() != 44 {
        return Err(wrong);
    }
    let mut bytes = Zeroizing::new([0; KEY_LEN + 1]);
    match STANDARD.decode_slice_unchecked(text, &mut *bytes) {
        Ok(KEY_LEN) => Ok(Key::init_with_mut(|key| key.copy_from_slice(&bytes[..KEY_LEN]))),
        _ => Err(wrong),
    }
}

fn add(keys: &mut BTreeMap<u32, Key>, version: u32, key: Key) -> Result<(), BadMaster> {
    if key.expose_secret() == &[0; KEY_LEN] {
        return Err(BadMaster::Zero { version });
    }
    if keys.contains_key(&version) {
        return Err(BadMaster::SameVersion { version });
    }
    if let Some((twin, _)) = keys.iter().find(|(_, old)| old.expose_secret() == key.expose_secret()) {
        return Err(BadMaster::SameKey { one: version.min(*twin), other: version.max(*twin) });
    }
    if keys.len() == KEYS_MAX {
        return Err(BadMaster::TooMany);
    }
    keys.insert(version, key);
    Ok(())
}

/// A copy on the heap, so that moving the ring leaves none on the stack.
fn boxed(key: &[u8; KEY_LEN]) -> Key {
    Key::init_with_mut(|new| new.copy_from_slice(key))
}

/// Only the versions.
impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKeys").field("versions", &self.keys.keys().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}
