//! The audit log: every request leaves a record in an append-only Merkle log that anyone can verify.
//!
//! `docs/audit-format.md` is what it writes; `docs/audit.md` says what that proves. It knows no HTTP, no
//! configuration and no model: records come to it finished.

mod audit;
pub mod canonical;
mod deeds;
pub mod hash;
mod journal;
mod keyring;
mod log;
mod notary;
pub mod note;
mod prices;
pub mod record;
mod refusals;
#[cfg(test)]
mod scratch;
mod segment;
pub mod shelf;
mod time;
mod totals;
pub mod tree;
mod vault;

pub use audit::{Audit, Mode, OpenError, SEGMENT_BYTES, Settings};
pub use deeds::{Deed, Retention, ask, log_of};
pub use journal::{Clock, Detail, Failed, Ticket};
pub use prices::{Listed, Long, PriceList};
pub use totals::{Months, Sum, Totals};
