//! Amazon Bedrock Converse: requests and answers, read and written.

mod answer;
mod assemble;
mod blocks;
mod chunks;
mod cited;
mod content;
mod effort;
mod family;
mod fields;
mod media;
mod members;
mod pieces;
mod read;
mod stream;
mod tools;
mod usage;
mod write;

use tollgate_api::Framing;

use crate::dialect::Tongue;

/// What this dialect knows how to do.
pub(crate) static TONGUE: Tongue = Tongue {
    name: "converse",
    framing: Framing::EventStream,
    read: read::read_request,
    write: write::write_request,
    decoder: || Box::new(stream::Stream::default()),
    whole: stream::whole,
    usage: usage::usage_of,
    encoder: |_, _| Box::new(chunks::FrameWriter::default()),
    assemble: |_, _, events, cost| assemble::assemble(events, cost),
    failure: |failure, _| pieces::failure(failure),
    // Nothing is added to a frame, which is sealed by its checksums.
    shown_usage: |_| None,
};
