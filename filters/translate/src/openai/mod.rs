//! OpenAI Chat Completions: requests and answers, read and written.

mod assemble;
mod chunks;
mod message;
mod read;
mod stream;
mod usage;
mod write;

pub(crate) use assemble::assemble;
pub(crate) use chunks::ChunkWriter;
pub(crate) use read::read_request;
pub(crate) use stream::{Chunks, whole};
pub(crate) use usage::usage_of;
pub(crate) use write::write_request;
