//! Money that cannot be overrun. To be written.

mod port;

pub use port::{Account, Ask, Bank, Grant, Unreachable};
