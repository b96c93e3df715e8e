//! Anthropic Messages: requests and answers, read and written.

mod blocks;
mod members;
mod model;
mod read;
mod stream;
mod thinking;
mod usage;
mod write;

use tollgate_api::Framing;

use crate::dialect::Tongue;

pub(crate) use read::thinking;
pub(crate) use thinking::effort;

/// What this dialect knows how to do.
pub(crate) static TONGUE: Tongue = Tongue {
    name: "anthropic",
    framing: Framing::Sse,
    read: read::read_request,
    write: write::write_request,
    decoder: || Box::new(stream::Stream::default()),
    whole: stream::whole,
    usage: usage::usage_of,
    encoder: |_, _| unimplemented!("the encoder"),
    assemble: |_, _, _, _| Vec::new(),
    failure: |_, _| Vec::new(),
    shown_usage: |_| None,
};
