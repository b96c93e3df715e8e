//! Sealing a credential for a row of a table, and opening it again.
//!
//! It stores nothing and decides nothing about who may open: it takes bytes and gives bytes.
//!
//! What is sealed, in this order: 1 byte format (1), 4 bytes version of the master key (big
//! endian), 32 bytes salt, 12 bytes nonce, the ciphertext, 16 bytes tag. The key of a row is
//! HKDF-SHA-256 of the master key with that salt, for that tenant and row, so that a nonce drawn
//! twice under one master key is still no nonce used twice. Format, master version and the whole
//! [`Context`] are associated data.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use secrecy::SecretString;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::MasterKeys;
use crate::master::KEY_LEN;

const FORMAT: u8 = 1;
const PURPOSE: &[u8] = b"tollgate/credential/v1";
const SALT_LEN: usize = 32;
const TAG_LEN: usize = 16;
/// Format and master version.
const HEAD_LEN: usize = 5;
const BODY_AT: usize = HEAD_LEN + SALT_LEN + NONCE_LEN;

/// What a sealed credential belongs to: it opens with exactly these and with no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context<'a> {
    /// The tenant whose credential it is.
    pub tenant: &'a str,
    /// The id of its row.
    pub row: &'a str,
    /// The version of the row, so that an older credential put back does not open.
    pub version: i64,
    /// The base URL it may be sent to; empty where the vendor's own is meant.
    pub base_url: &'a str,
}

/// The randomness of one sealing: used up by it.
pub struct SealRandom {
    salt: [u8; SALT_LEN],
    nonce: [u8; NONCE_LEN],
}

/// The system gave no random bytes.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the system gives no randomness, and nothing is sealed without: try again")]
pub struct NoRandomness;

/// Why a sealed credential does not open.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum OpenError {
    /// Sealed under a master key that is not in the ring.
    #[error("sealed under master key v{0}, which is not there: add that key to the master keys again")]
    UnknownMaster(
        /// Its version.
        u32,
    ),
    /// Changed bytes, or another context than it was sealed for. Which of the two cannot be known.
    #[error("the sealed credential was changed, or belongs to another row: enter the credential again")]
    Tampered,
    /// Not something this vault sealed.
    #[error("this is no sealed credential of a known format: enter the credential again")]
    Malformed,
    /// It opened, but is no text and so no credential for a header.
    #[error("the credential is not UTF-8 text: enter it again")]
    NotText,
}

impl SealRandom {
    /// Of these bytes, which must never be used for another sealing.
    #[must_use]
    pub fn new(salt: [u8; SALT_LEN], nonce: [u8; NONCE_LEN]) -> Self {
        Self { salt, nonce }
    }

    /// Drawn from the system.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn draw() -> Result<Self, NoRandomness> {
        let mut new = Self { salt: [0; SALT_LEN], nonce: [0; NONCE_LEN] };
        getrandom::fill(&mut new.salt).map_err(|_| NoRandomness)?;
        getrandom::fill(&mut new.nonce).map_err(|_| NoRandomness)?;
        Ok(new)
    }
}

impl MasterKeys {
    /// Seals a credential for a row, under the newest master key.
    #[must_use]
    pub fn seal(&self, context: &Context<'_>, secret: &[u8], random: SealRandom) -> Vec<u8> {
        let version = self.newest();
        let master = self.key(version).expect("the newest version is one of the ring");
        let mut sealed = Vec::with_capacity(BODY_AT + secret.len() + TAG_LEN);
        sealed.push(FORMAT);
        sealed.extend(version.to_be_bytes());
        let data = context.associated_data(&sealed);
        sealed.extend(random.salt);
        sealed.extend(random.nonce);
        sealed.extend(secret);
        let tag = context
            .row_key(master, &random.salt)
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(random.nonce),
                Aad::from(data),
                &mut sealed[BODY_AT..],
            )
            .expect("a credential is shorter than the 64 GiB of AES-GCM");
        sealed.extend(tag.as_ref());
        sealed
    }

    /// Opens what was sealed for this context.
    ///
    /// # Errors
    /// When its master key is not there, when it was changed or sealed for another context, and
    /// when it is no text.
    pub fn open(&self, context: &Context<'_>, sealed: &[u8]) -> Result<SecretString, OpenError> {
        let bytes = self.open_bytes(context, sealed)?;
        std::str::from_utf8(&bytes).map(SecretString::from).map_err(|_| OpenError::NotText)
    }

    /// Whether this is sealed under another key than the newest. True for what is not sealed at
    /// all: [`Self::reseal`] then says so.
    #[must_use]
    pub fn needs_resealing(&self, sealed: &[u8]) -> bool {
        Parts::of(sealed).map(|parts| parts.version) != Ok(self.newest())
    }

    /// The same credential for the same context under the newest master key.
    ///
    /// # Errors
    /// When it does not open. That it is no text is no error here.
    pub fn reseal(&self, context: &Context<'_>, sealed: &[u8], random: SealRandom) -> Result<Vec<u8>, OpenError> {
        let bytes = self.open_bytes(context, sealed)?;
        Ok(self.seal(context, &bytes, random))
    }

    fn open_bytes(&self, context: &Context<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let Parts { head, version, salt, nonce, body } = Parts::of(sealed)?;
        let master = self.key(version).ok_or(OpenError::UnknownMaster(version))?;
        let mut bytes = Zeroizing::new(body.to_vec());
        let length = context
            .row_key(master, salt)
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context.associated_data(head)), &mut bytes)
            .map_err(|_| OpenError::Tampered)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

/// What is sealed, taken apart.
#[derive(PartialEq, Eq)]
struct Parts<'a> {
    head: &'a [u8],
    version: u32,
    salt: &'a [u8; SALT_LEN],
    nonce: &'a [u8; NONCE_LEN],
    body: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(sealed: &'a [u8]) -> Result<Self, OpenError> {
        Self::split(sealed).filter(|parts| parts.body.len() >= TAG_LEN).ok_or(OpenError::Malformed)
    }

    fn split(sealed: &'a [u8]) -> Option<Self> {
        let (head, rest) = sealed.split_at_checked(HEAD_LEN)?;
        let version = u32::from_be_bytes(*head.strip_prefix(&[FORMAT])?.first_chunk()?);
        let (salt, rest) = rest.split_first_chunk()?;
        let (nonce, body) = rest.split_first_chunk()?;
        Some(Self { head, version, salt, nonce, body })
    }
}

impl Context<'_> {
    fn row_key(&self, master: &[u8; KEY_LEN], salt: &[u8; SALT_LEN]) -> LessSafeKey {
        let mut purpose = PURPOSE.to_vec();
        push(&mut purpose, self.tenant);
        push(&mut purpose, self.row);
        let derived = Salt::new(HKDF_SHA256, salt).extract(master);
        let purpose = [purpose.as_slice()];
        let key = derived.expand(&purpose, &AES_256_GCM).expect("32 bytes are less than HKDF's 8160");
        LessSafeKey::new(UnboundKey::from(key))
    }

    /// No two contexts give the same bytes: each text comes after its length, the number has a
    /// fixed one.
    fn associated_data(&self, head: &[u8]) -> Vec<u8> {
        let Self { tenant, row, version, base_url } = self;
        let mut data = head.to_vec();
        push(&mut data, tenant);
        push(&mut data, row);
        data.extend(version.to_be_bytes());
        push(&mut data, base_url);
        data
    }
}

fn push(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_be_bytes());
    bytes.extend(text.as_bytes());
}

impl fmt::Debug for SealRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealRandom").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_two_contexts_are_the_same_bytes(
            a in ("[ab]{0,3}", "[ab]{0,3}", -2_i64..2, "[ab]{0,3}"),
            b in ("[ab]{0,3}", "[ab]{0,3}", -2_i64..2, "[ab]{0,3}"),
        ) {
            let one = Context { tenant: &a.0, row: &a.1, version: a.2, base_url: &a.3 };
            let other = Context { tenant: &b.0, row: &b.1, version: b.2, base_url: &b.3 };
            prop_assert_eq!(one == other, one.associated_data(&[]) == other.associated_data(&[]));
        }
    }
}
