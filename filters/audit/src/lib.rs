//! The audit log.
pub mod canonical;
pub mod hash;
mod journal;
mod log;
pub mod note;
pub mod record;
#[cfg(test)]
mod scratch;
mod segment;
pub mod shelf;
mod time;
pub mod tree;
mod vault;
