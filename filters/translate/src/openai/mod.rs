//! OpenAI Chat Completions: requests and answers, read and written.

mod assemble;
mod chunks;
mod message;
mod read;
mod stream;
mod usage;
mod write;

use tollgate_api::Framing;

use crate::dialect::Tongue;

/// What this dialect knows how to do.
pub(crate) static TONGUE: Tongue = Tongue {
    name: "openai",
    framing: Framing::Sse,
    read: read::read_request,
    write: write::write_request,
    decoder: || Box::new(stream::Chunks::default()),
    whole: stream::whole,
    usage: usage::usage_of,
    encoder: |head, call| Box::new(chunks::ChunkWriter::new(head, call.wants_usage)),
    assemble: |head, _, events, cost| assemble::assemble(head, events, cost),
    failure: |failure, _| chunks::failure(failure),
    // The judge, who need not parse most chunks, finds it for this dialect.
    shown_usage: |_| None,
};
