//! Money that cannot be overrun: what a node may spend, what it holds, and what a request may take.
//!
//! It knows no SQL, no clock and no network. The ledger that all nodes share is behind [`Bank`]; each
//! node works from what that lends it ([`Till`]), so that a request takes its money without waiting.
//!
//! The rule that makes it hold: what is lent counts as spent until the node has said what became of it.
//! A node that dies has said nothing, so all that it was lent stays counted until its journal is read.

mod cap;
mod drawer;
mod hold;
mod port;
mod refill;
mod till;

pub use cap::{Need, Verdict, cap};
pub use drawer::{Drawer, Standing};
pub use hold::{Amounts, Breach, Hold, Pays, Purse, Wish};
pub use port::{Account, Ask, Bank, Grant, Unreachable};
pub use refill::{idle, lend};
pub use till::Till;
