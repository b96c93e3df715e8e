//! Anthropic Messages: requests read and written, answers read.
//!
//! Answers are not written here: no client surface speaks this dialect yet.

mod blocks;
mod members;
mod model;
mod read;
mod stream;
mod thinking;
mod usage;
mod write;

pub(crate) use read::{read_request, thinking};
pub(crate) use stream::{Stream, whole};
pub(crate) use thinking::effort;
pub(crate) use usage::usage_of;
pub(crate) use write::write_request;
