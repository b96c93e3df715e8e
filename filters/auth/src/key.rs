//! The text of a key: made once, read on every request, checked without asking anyone.
//!
//! It knows no stored hash: a well-formed key may still be unknown. The checksum finds typing
//! errors and idle scans before anything is looked up; it proves nothing.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::{Algorithm, Pepper, StoredHash, base62};

/// The length of every key.
pub const KEY_LEN: usize = ID.end + 1 + SECRET_LEN + CHECK_LEN;

pub(crate) const SECRET_LEN: usize = 43;
const CHECK_LEN: usize = 6;
const ID: std::ops::Range<usize> = 4..12;
const SECRET: std::ops::Range<usize> = 13..13 + SECRET_LEN;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Calls models.
    Inference,
    /// Manages keys and settings.
    Management,
}

impl Kind {
    /// The first three characters of such a key.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Inference => "tgk",
            Self::Management => "tgm",
        }
    }

    fn of(prefix: &[u8]) -> Option<Self> {
        match prefix {
            b"tgk_" => Some(Self::Inference),
            b"tgm_" => Some(Self::Management),
            _ => None,
        }
    }
}

/// The public id of a key: eight base62 characters, safe to log and to show.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// The eight characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("base62 characters are ASCII")
    }

    fn read(text: &[u8]) -> Option<Self> {
        let id: [u8; 8] = text.try_into().ok()?;
        id.iter().all(u8::is_ascii_alphanumeric).then_some(Self(id))
    }
}

/// A text that is no key id.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a key id is 8 letters and digits: copy it from what `tollgate key create` printed")]
pub struct BadKeyId;

impl FromStr for KeyId {
    type Err = BadKeyId;

    fn from_str(text: &str) -> Result<Self, BadKeyId> {
        Self::read(text.as_bytes()).ok_or(BadKeyId)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no key at all.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Malformed {
    /// Too short or too long.
    #[error("a key has {KEY_LEN} characters, this has {0}")]
    Length(usize),
    /// Something else than a key of ours; a vendor's, perhaps.
    #[error("a key begins with `tgk_` or `tgm_`")]
    Prefix,
    /// A character that no key has, or a `_` out of place.
    #[error("a key is letters and digits with a `_` after its prefix and one after its id")]
    Alphabet,
    /// Mistyped, or made up.
    #[error("the checksum at the end of the key does not fit the rest")]
    Checksum,
}

/// A well-formed key as a client presents it. It borrows the client's bytes.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// What its prefix says it is for.
    pub kind: Kind,
    /// The id it claims.
    pub id: KeyId,
    secret: &'a [u8; SECRET_LEN],
}

impl<'a> Presented<'a> {
    pub(crate) fn secret(&self) -> &'a [u8; SECRET_LEN] {
        self.secret
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").field("kind", &self.kind).field("id", &self.id).finish_non_exhaustive()
    }
}

/// Reads a key: length, prefix, alphabet, checksum.
///
/// # Errors
/// When the text cannot be a key that this gateway ever made.
pub fn parse(text: &[u8]) -> Result<Presented<'_>, Malformed> {
    let text: &[u8; KEY_LEN] = text.try_into().map_err(|_| Malformed::Length(text.len()))?;
    let kind = Kind::of(&text[..ID.start]).ok_or(Malformed::Prefix)?;
    let id = KeyId::read(&text[ID]).ok_or(Malformed::Alphabet)?;
    let in_place = text[ID.end] == b'_' && text[SECRET.start..].iter().all(u8::is_ascii_alphanumeric);
    if !in_place {
        return Err(Malformed::Alphabet);
    }
    if text[SECRET.end..] != checksum(&text[..SECRET.end]) {
        return Err(Malformed::Checksum);
    }
    let secret = text[SECRET].try_into().map_err(|_| Malformed::Length(text.len()))?;
    Ok(Presented { kind, id, secret })
}

fn checksum(text: &[u8]) -> [u8; CHECK_LEN] {
    base62::of_u32(crc32fast::hash(text))
}

/// A key just made. Its text exists nowhere else: show it once, store its hash.
pub struct NewKey {
    kind: Kind,
    id: KeyId,
    secret: SecretString,
    text: SecretString,
}

impl NewKey {
    /// Makes a key from 40 bytes that the caller drew from a cryptographic source: 32 for the
    /// secret, 8 for the id.
    #[must_use]
    pub fn generate(kind: Kind, mut random: [u8; 40]) -> Self {
        let (for_secret, for_id) = random.split_at_mut(32);
        let secret = ascii(&base62::spend::<SECRET_LEN>(for_secret));
        let id = KeyId(base62::spend(for_id));
        let mut text = String::with_capacity(KEY_LEN);
        text.extend([kind.prefix(), "_", id.as_str(), "_", &secret]);
        let check = ascii(&checksum(text.as_bytes()));
        text.push_str(&check);
        Self { kind, id, secret: secret.into(), text: text.into() }
    }

    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its public id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The key itself: print it once, keep it nowhere.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.text.expose_secret()
    }

    /// The form to store. Bcrypt takes tens of milliseconds.
    #[must_use]
    pub fn hash(&self, algorithm: Algorithm, salt: [u8; 16], pepper: &Pepper) -> StoredHash {
        StoredHash::make(algorithm, self.secret.expose_secret().as_bytes(), salt, pepper)
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("kind", &self.kind).field("id", &self.id).finish_non_exhaustive()
    }
}

/// Owned text without room to spare, so that it becomes a secret without leaving a copy behind.
fn ascii(text: &[u8]) -> String {
    std::str::from_utf8(text).expect("base62 characters are ASCII").to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(random: [u8; 40]) -> String {
        NewKey::generate(Kind::Inference, random).reveal().to_owned()
    }

    fn any_random() -> impl Strategy<Value = [u8; 40]> {
        (any::<[u8; 32]>(), any::<[u8; 8]>()).prop_map(|(secret, id)| {
            let mut random = [0; 40];
            random[..32].copy_from_slice(&secret);
            random[32..].copy_from_slice(&id);
            random
        })
    }

    #[test]
    fn a_new_key_has_the_documented_shape_and_reads_back() {
        for kind in [Kind::Inference, Kind::Management] {
            let new = NewKey::generate(kind, [7; 40]);
            let read = parse(new.reveal().as_bytes()).expect("its own key");
            assert_eq!(new.reveal().len(), KEY_LEN);
            assert_eq!(new.reveal().split('_').map(str::len).collect::<Vec<_>>(), [3, 8, 49]);
            assert_eq!((read.kind, read.id), (kind, new.id()));
            assert_eq!(new.id().to_string().parse(), Ok(new.id()));
        }
    }

    #[test]
    fn each_fault_is_told_by_name() {
        let good = key([1; 40]);
        let cases = [
            (String::new(), Malformed::Length(0)),
            (format!("{good}x"), Malformed::Length(63)),
            (good.replace("tgk_", "sk-p"), Malformed::Prefix),
            (good.replacen('_', "-", 2), Malformed::Prefix),
            (format!("{}-{}", &good[..12], &good[13..]), Malformed::Alphabet),
            (format!("{}+{}", &good[..30], &good[31..]), Malformed::Alphabet),
            (format!("{}_{}", &good[..5], &good[6..]), Malformed::Alphabet),
            (good.replace("tgk_", "tgm_"), Malformed::Checksum),
        ];
        for (text, fault) in cases {
            assert_eq!(parse(text.as_bytes()).map(|key| key.id), Err(fault), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_single_character_can_change_unnoticed(random in any_random(), at in 0..KEY_LEN, to: u8) {
            let good = key(random);
            let mut bad = good.clone().into_bytes();
            bad[at] = to;
            prop_assert_eq!(parse(&bad).is_ok(), bad == good.as_bytes());
        }

        #[test]
        fn two_neighbours_cannot_trade_places_unnoticed(random in any_random(), at in 0..KEY_LEN - 1) {
            let good = key(random);
            let mut bad = good.clone().into_bytes();
            bad.swap(at, at + 1);
            prop_assert_eq!(parse(&bad).is_ok(), bad == good.as_bytes());
        }

        #[test]
        fn every_other_length_is_refused(random in any_random(), more in "[0-9A-Za-z]{1,70}") {
            let good = key(random);
            for length in 0..KEY_LEN {
                prop_assert_eq!(parse(&good.as_bytes()[..length]).err(), Some(Malformed::Length(length)));
            }
            prop_assert!(parse((good + &more).as_bytes()).is_err());
        }

        #[test]
        fn bytes_that_no_key_has_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(parse(&bytes).is_err());
        }
    }
}
