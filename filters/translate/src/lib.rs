//! Bytes between a client's surface and a vendor's dialect: read, spliced, split, turned over.
//!
//! It does no I/O and keeps no time: bytes and values go in, bytes and values come out. Where
//! client and upstream speak the same format, what nobody touches leaves as it came.

mod anthropic;
mod complaint;
mod converse;
mod depth;
pub mod dialect;
mod foreign;
mod frames;
#[doc(hidden)]
pub mod fuzzing;
mod gemini;
mod interactions;
mod json;
mod judge;
mod losses;
pub mod neutral;
mod notes;
mod object;
mod openai;
mod passthrough;
mod patch;
pub mod relay;
pub mod request;
mod responses;
mod scan;
mod splice;
pub mod sse;
mod witness;

pub use dialect::{AnswerHead, Decode, Dialect, Encode, Failure, Garbage, Said, VendorError};
pub use losses::Losses;
pub use relay::{Out, Phase, Relay};
pub use splice::splice;
