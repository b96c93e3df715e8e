//! The audit log: every request leaves a record in an append-only Merkle log that anyone can verify.
//!
//! `docs/audit-format.md` is what it writes; `docs/audit.md` says what that proves. It knows no HTTP, no
//! configuration and no model: records come to it finished.

mod audit;
pub mod canonical;
mod deeds;
mod entry;
mod export;
pub mod hash;
mod journal;
mod kept;
mod keyring;
mod log;
mod notary;
pub mod note;
mod opening;
mod prices;
mod receipt;
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
mod verify;
mod witness;

pub use audit::{Audit, Mode, OpenError, SEGMENT_BYTES, Settings};
pub use deeds::{Deed, Retention, ask, log_of};
pub use export::{Exported, export};
pub use journal::{Clock, Detail, Failed, Ticket};
pub use opening::{forget_projections, has_unsigned};
pub use prices::{Listed, Long, PriceList, Tiered};
pub use receipt::{Consistency, Inclusion, Receipt, ReceiptError};
pub use totals::{Months, Sum, Totals};
pub use verify::{Kept, Verified, Wrong, verify};
pub use witness::{Post, REQUEST_BYTES_MAX, Remote, Reply, Witness};
