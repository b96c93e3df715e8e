//! Bytes between a client's surface and a vendor's dialect: read, spliced, split, turned over.
//!
//! It does no I/O and keeps no time: bytes and values go in, bytes and values come out. Where
//! client and upstream speak the same format, what nobody touches leaves as it came.

mod anthropic;
mod cap;
mod complaint;
mod converse;
mod depth;
pub mod dialect;
pub mod embeddings;
mod foreign;
mod frames;
mod freeform;
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
mod passing;
mod passthrough;
mod patch;
pub mod relay;
pub mod request;
mod responses;
mod scan;
mod splice;
pub mod sse;
mod tier;
mod unseal;
mod witness;

pub use cap::capped;
pub use dialect::{AnswerHead, Decode, Dialect, Encode, Failure, Garbage, Said, Upstream, VendorError};
pub use losses::Losses;
pub use openai::Accent;
pub use passing::Passing;
pub use relay::{Out, Phase, Relay};
pub use responses::{has_nulls, without_nulls};
pub use splice::splice;
pub use tier::TierSaid;
pub use unseal::{Seals, Unsealing, unsealed, unsealing};
