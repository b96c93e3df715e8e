//! OpenAI Chat Completions: requests and answers, read and written.

mod accent;
mod assemble;
mod calling;
mod calls;
mod chunks;
mod cited;
mod content;
mod details;
mod effort;
mod ids;
mod image;
mod message;
mod messages;
mod read;
mod stream;
mod tools;
mod turns;
mod usage;
mod write;

use tollgate_api::Framing;

use crate::dialect::Tongue;

pub use accent::Accent;
pub(crate) use accent::Tier;

/// What this dialect knows how to do.
pub(crate) static TONGUE: Tongue = Tongue {
    name: "openai",
    framing: Framing::Sse,
    read: read::read_request,
    write: write::write_request,
    decoder: || Box::new(stream::Chunks::default()),
    whole: stream::whole,
    usage: usage::usage_of,
    encoder: |head, call| Box::new(chunks::ChunkWriter::new(head, call.wants_usage, calling::Manner::of(call))),
    assemble: |head, call, events, cost| assemble::assemble(head, &calling::Manner::of(call), events, cost),
    failure: |failure, _| chunks::failure(failure),
    // The judge, who need not parse most chunks, finds it for this dialect.
    shown_usage: |_| None,
};
