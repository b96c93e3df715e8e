//! Bytes between a client's surface and a vendor's dialect: read, spliced, split, turned over.
//!
//! It does no I/O and keeps no time: bytes and values go in, bytes and values come out. Where
//! client and upstream speak the same format, what nobody touches leaves as it came.

mod anthropic;
mod complaint;
mod depth;
pub mod dialect;
mod foreign;
mod json;
mod judge;
pub mod neutral;
mod object;
mod openai;
mod passthrough;
mod patch;
pub mod relay;
pub mod request;
mod scan;
mod splice;
pub mod sse;

pub use dialect::{AnswerHead, Decode, Dialect, Encode, Garbage, VendorError, assemble, encoder};
pub use relay::{Out, Phase, Relay, error_event};
pub use splice::splice;
