//! Gemini's `generateContent`: requests and answers, read and written.

mod assemble;
mod chunks;
mod contents;
mod error;
mod fields;
mod finish;
mod grounding;
mod ids;
mod logprobs;
mod members;
mod model;
mod parts;
mod pieces;
mod read;
mod schema;
mod stream;
mod thinking;
mod tools;
mod usage;
mod write;

use tollgate_api::Framing;

use crate::dialect::Tongue;

/// What this dialect knows how to do.
pub(crate) static TONGUE: Tongue = Tongue {
    name: "gemini",
    framing: Framing::Sse,
    read: read::read_request,
    write: write::write_request,
    decoder: || Box::new(stream::Chunks::default()),
    whole: stream::whole,
    usage: usage::usage_of,
    encoder: |head, call| Box::new(chunks::ChunkWriter::new(head, call)),
    assemble: assemble::assemble,
    failure: error::failure,
    shown_usage: usage::shown,
};
