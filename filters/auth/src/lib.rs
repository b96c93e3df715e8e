//! Who is calling: keys as text, keys at rest, and the ring that tells one from the other.
//!
//! It opens no file, draws no randomness and starts no thread: those come in as arguments, and
//! work that blocks goes out as a [`SlowCheck`]. It grants nothing beyond the identity of a key.
//!
//! A key is `tgk_` (inference) or `tgm_` (management), a public id of 8, `_`, a secret of 43 and a
//! checksum of 6 base62 characters. The secret has 256 random bits, so the salted SHA-256 it is
//! stored as cannot be searched; bcrypt is there for those whose rules ask for it by name.

mod base62;
mod header;
mod key;
mod memory;
mod refused;
mod ring;
mod stored;

pub use header::{presented, presented_in_query};
pub use key::{BadKeyId, KEY_LEN, KeyId, Kind, Malformed, NewKey, Presented, parse};
pub use refused::KeyError;
pub use ring::{Check, Draft, DuplicateKey, KeyRing, SlowCheck};
pub use stored::{Algorithm, BadCost, BadHash, Cost, Pepper, StoredHash, StoredKey};
