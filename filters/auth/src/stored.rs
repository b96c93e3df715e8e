//! A key at rest: what stands in configuration or a database in place of the secret.
//!
//! Text forms: `sha256:<salt, 32 hex>:<tag, 64 hex>`, the tag being HMAC-SHA-256 of salt ‖ secret
//! under the pepper, and `bcrypt:<bcrypt string>` over base64(SHA-256(secret)), because bcrypt
//! itself stops at a NUL or after 72 bytes. Both are compared in constant time.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bcrypt::HashParts;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tollgate_api::Caller;

use crate::{KeyId, Kind};

/// A key as configuration knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// Its public id.
    pub id: KeyId,
    /// What it is for.
    pub kind: Kind,
    /// The tenant it belongs to.
    pub tenant: Arc<str>,
    /// The name its owner gave it.
    pub name: Arc<str>,
    /// What its secret is checked against.
    pub hash: StoredHash,
    /// Whether it has been taken back.
    pub revoked: bool,
}

impl StoredKey {
    /// Who calls with this key.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller { tenant: self.tenant.clone(), key_id: self.id.as_str().into(), key_name: self.name.clone() }
    }
}

/// A secret of the operator's, kept apart from the stored hashes, that goes into each SHA-256 form.
///
/// Without one a stolen list of hashes is still no use: the secrets have 256 random bits. With one,
/// a list that was written to (not only read) does not make keys valid either.
#[derive(Clone)]
pub struct Pepper(Hmac<Sha256>);

impl Pepper {
    /// The pepper where no master secret is configured.
    #[must_use]
    pub fn none() -> Self {
        Self::new(&[])
    }

    /// A pepper of these bytes. Another pepper makes every stored SHA-256 form worthless.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    fn mac(&self, salt: &[u8; 16], secret: &[u8]) -> Hmac<Sha256> {
        self.0.clone().chain_update(salt).chain_update(secret)
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

/// How much bcrypt costs: 2 to this power rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost(u8);

impl Cost {
    /// Tens of milliseconds, paid once for each key in the life of a process. A higher cost buys
    /// nothing for a secret that cannot be guessed.
    pub const DEFAULT: Self = Self(10);
    const MIN: u32 = 4;
    /// About four seconds of a core: more would be a way to stall the gateway by configuration.
    const MAX: u32 = 16;
}

/// A cost of bcrypt out of bounds.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a bcrypt cost of {0} is out of bounds: write {min} to {max}, 10 if in doubt", min = Cost::MIN, max = Cost::MAX)]
pub struct BadCost(
    /// What was given.
    pub u32,
);

impl TryFrom<u32> for Cost {
    type Error = BadCost;

    fn try_from(cost: u32) -> Result<Self, BadCost> {
        match u8::try_from(cost) {
            Ok(small) if (Self::MIN..=Self::MAX).contains(&cost) => Ok(Self(small)),
            _ => Err(BadCost(cost)),
        }
    }
}

/// How a new key is to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Salted, under the pepper; a microsecond.
    Sha256,
    /// Where a rule asks for bcrypt by name.
    Bcrypt(Cost),
}

/// What a secret is checked against. [`fmt::Display`] and [`FromStr`] are its text form.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredHash(Form);

#[derive(Clone, PartialEq, Eq)]
enum Form {
    Sha256 {
        salt: [u8; 16],
        tag: [u8; 32],
    },
    /// Proven to be a bcrypt string within the bounds of [`Cost`].
    Bcrypt(Box<str>),
}

impl StoredHash {
    /// Hashes a secret. `salt` is drawn by the caller, anew for each key.
    #[must_use]
    pub fn make(algorithm: Algorithm, secret: &[u8], salt: [u8; 16], pepper: &Pepper) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => Form::Sha256 { salt, tag: pepper.mac(&salt, secret).finalize().into_bytes().into() },
            Algorithm::Bcrypt(Cost(cost)) => {
                let parts = bcrypt::hash_with_salt(for_bcrypt(secret), cost.into(), salt)
                    .expect("the cost is within bcrypt's bounds by its type");
                Form::Bcrypt(parts.to_string().into())
            }
        })
    }

    /// Whether `secret` is the one. With bcrypt this takes tens of milliseconds.
    #[must_use]
    pub fn matches(&self, secret: &[u8], pepper: &Pepper) -> bool {
        match &self.0 {
            Form::Sha256 { salt, tag } => pepper.mac(salt, secret).verify_slice(tag).is_ok(),
            Form::Bcrypt(text) => bcrypt::verify(for_bcrypt(secret), text).is_ok_and(|same| same),
        }
    }

    /// Whether checking takes long enough to belong on a thread that may block.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        matches!(self.0, Form::Bcrypt(_))
    }
}

fn for_bcrypt(secret: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(secret))
}

/// A text that is no stored hash. It never repeats the text.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum BadHash {
    /// The part before the first colon.
    #[error("a stored hash begins with `sha256:` or `bcrypt:`: copy it whole from `tollgate key create`")]
    Algorithm,
    /// Not 32 and 64 hexadecimal digits.
    #[error("after `sha256:` come 32 hexadecimal digits of salt, a colon and 64 of the tag")]
    Sha256,
    /// What follows `bcrypt:`.
    #[error("after `bcrypt:` comes a bcrypt string of 60 characters, `$2b$…`")]
    Bcrypt,
    /// The cost within the bcrypt string.
    #[error(transparent)]
    Cost(#[from] BadCost),
}

impl FromStr for StoredHash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Self, BadHash> {
        match text.split_once(':') {
            Some(("sha256", rest)) => {
                let (salt, tag) = rest.split_once(':').ok_or(BadHash::Sha256)?;
                let salt = from_hex(salt).ok_or(BadHash::Sha256)?;
                let tag = from_hex(tag).ok_or(BadHash::Sha256)?;
                Ok(Self(Form::Sha256 { salt, tag }))
            }
            Some(("bcrypt", rest)) => {
                let parts: HashParts = rest.parse().map_err(|_| BadHash::Bcrypt)?;
                Cost::try_from(parts.get_cost())?;
                Ok(Self(Form::Bcrypt(rest.into())))
            }
            _ => Err(BadHash::Algorithm),
        }
    }
}

impl fmt::Display for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Sha256 { salt, tag } => {
                f.write_str("sha256:")?;
                write_hex(f, salt)?;
                f.write_str(":")?;
                write_hex(f, tag)
            }
            Form::Bcrypt(text) => write!(f, "bcrypt:{text}"),
        }
    }
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Form::Sha256 { .. } => "sha256:…",
            Form::Bcrypt(_) => "bcrypt:…",
        })
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |c: u8| char::from(c).to_digit(16);
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SALT: [u8; 16] = [9; 16];
    const CHEAP: Algorithm = Algorithm::Bcrypt(Cost(4));

    #[test]
    fn the_sha256_form_is_hmac_of_salt_and_secret() {
        // Computed apart: HMAC-SHA-256(key "pepper", 16 bytes of 9 ‖ "secret").
        let hash = StoredHash::make(Algorithm::Sha256, b"secret", SALT, &Pepper::new(b"pepper"));
        let tag = "d5793a53696d07d17cf1bd55c911dd2a47028eea232c7e97268fe4f8bfa1d7cc";
        assert_eq!(hash.to_string(), format!("sha256:{}:{tag}", "09".repeat(16)));
    }

    #[test]
    fn the_bcrypt_form_is_bcrypt_of_base64_of_sha256() {
        // Computed apart: base64(SHA-256("secret")).
        let hash = StoredHash::make(CHEAP, b"secret", SALT, &Pepper::none());
        let text = hash.to_string();
        let inner = "K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=";
        assert_eq!(bcrypt::verify(inner, text.strip_prefix("bcrypt:").expect("its prefix")).ok(), Some(true));
    }

    #[test]
    fn both_forms_round_trip_and_know_their_secret_alone() {
        for algorithm in [Algorithm::Sha256, CHEAP] {
            let pepper = Pepper::new(b"pepper");
            let made = StoredHash::make(algorithm, b"secret", SALT, &pepper);
            let read: StoredHash = made.to_string().parse().expect("its own text");
            assert_eq!(read, made);
            assert_eq!(read.is_slow(), algorithm == CHEAP);
            assert!(read.matches(b"secret", &pepper));
            assert!(!read.matches(b"Secret", &pepper));
            assert!(!read.matches(b"", &pepper));
        }
    }

    #[test]
    fn salt_and_pepper_both_season() {
        let plain = StoredHash::make(Algorithm::Sha256, b"secret", SALT, &Pepper::none());
        let salted = StoredHash::make(Algorithm::Sha256, b"secret", [8; 16], &Pepper::none());
        assert_ne!(plain, salted);
        assert!(!plain.matches(b"secret", &Pepper::new(b"pepper")));
    }

    #[test]
    fn what_is_no_stored_hash_is_refused_with_its_reason() {
        let (salt, tag) = ("0".repeat(32), "0".repeat(64));
        let cheap = StoredHash::make(CHEAP, b"secret", SALT, &Pepper::none()).to_string();
        let cases = [
            (String::new(), BadHash::Algorithm),
            ("md5:00".into(), BadHash::Algorithm),
            (format!("SHA256:{salt}:{tag}"), BadHash::Algorithm),
            ("sha256:".into(), BadHash::Sha256),
            (format!("sha256:{salt}"), BadHash::Sha256),
            (format!("sha256:{tag}:{salt}"), BadHash::Sha256),
            (format!("sha256:{salt}:{}g", &tag[1..]), BadHash::Sha256),
            (format!("sha256:{salt}:+{}", &tag[1..]), BadHash::Sha256),
            (format!("sha256:{salt}:{tag}:"), BadHash::Sha256),
            (format!("sha256:{salt}:{}", "é".repeat(32)), BadHash::Sha256),
            ("bcrypt:$2b$10$".into(), BadHash::Bcrypt),
            (cheap.replace("$2b$", "$3b$"), BadHash::Bcrypt),
            (cheap.replace("$04$", "$17$"), BadHash::Cost(BadCost(17))),
        ];
        for (text, fault) in cases {
            assert_eq!(text.parse::<StoredHash>(), Err(fault), "{text}");
        }
    }

    #[test]
    fn a_cost_is_neither_nothing_nor_a_way_to_stall() {
        assert_eq!(Cost::try_from(3), Err(BadCost(3)));
        assert_eq!(Cost::try_from(17), Err(BadCost(17)));
        assert_eq!(Cost::try_from(u32::MAX), Err(BadCost(u32::MAX)));
        assert_eq!(Cost::try_from(10), Ok(Cost::DEFAULT));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "(sha256:|bcrypt:)?\\PC{0,80}") {
            if let Ok(hash) = text.parse::<StoredHash>() {
                prop_assert_eq!(hash.to_string().to_lowercase(), text.to_lowercase());
            }
        }
    }
}
