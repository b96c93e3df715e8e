//! Anthropic Messages: requests and answers, read and written.

mod arguments;
mod assemble;
mod blocks;
mod citation;
mod content;
mod encode;
mod held;
mod members;
mod model;
mod native;
mod read;
mod source;
mod stream;
mod thinking;
mod tools;
mod usage;
mod words;
mod write;

use tollgate_api::Framing;

use crate::dialect::Tongue;

pub(crate) use model::{Version, instructed};
pub(crate) use native::{may_hold_refused, unsealed};
pub(crate) use read::thinking;
pub(crate) use thinking::{Plan, Thinking, effort};

/// What this dialect knows how to do.
pub(crate) static TONGUE: Tongue = Tongue {
    name: "anthropic",
    framing: Framing::Sse,
    read: read::read_request,
    write: write::write_request,
    decoder: || Box::new(stream::Stream::default()),
    whole: stream::whole,
    usage: usage::usage_of,
    encoder: |head, _| Box::new(encode::EventWriter::new(head)),
    assemble: |head, _, events, cost| assemble::assemble(head, events, cost),
    failure: |failure, _| words::failure(failure),
    shown_usage: usage::shown,
};
