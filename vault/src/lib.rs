//! Credentials of tenants at rest, and the guard against calls to where a tenant must not reach.
//!
//! It opens no socket, asks no name server, runs no SQL and needs no runtime: what is sealed goes
//! back as bytes for someone else to store, and what a name resolves to comes in as an argument.
//! Files and commands are read in one place only, [`Source`], for the master keys.
//!
//! A credential is sealed with AES-256-GCM under a key of its own row, derived from a master key
//! that is kept outside the database, and bound to its [`Context`]: moved to another tenant, row,
//! version or base URL it does not open. Master keys are rotated by adding a new one, sealing
//! each row again ([`MasterKeys::reseal`]) and dropping the old ones.
//!
//! A base URL that a tenant gives goes through [`Guard::judge_url`] when it is written and again
//! when it is used; what its name resolves to goes through [`Guard::pick`], and the caller connects
//! to that one address and to nothing else. Redirects are not followed by anyone.

mod guard;
mod master;
mod seal;
mod source;

pub use guard::{Blocked, Guard, SafeUrl};
pub use master::{BadMaster, KEYS_MAX, MasterKeys};
pub use seal::{Context, NoRandomness, OpenError, SealRandom};
pub use source::{COMMAND_TIMEOUT, LoadError, Source, TEXT_MAX};
