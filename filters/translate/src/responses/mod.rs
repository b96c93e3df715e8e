//! OpenAI Responses: requests and answers, read and written.

mod answer;
mod calls;
mod echo;
mod encode;
mod input;
mod item;
mod items;
mod members;
mod message;
mod native;
mod page;
mod read;
mod stream;
mod thought;
mod usage;
mod write;

use tollgate_api::Framing;

use crate::dialect::Tongue;

pub(crate) use members::leave;
pub use native::{has_nulls, without_nulls};
pub(crate) use native::{may_hold_refused, unsealed};

/// What this dialect knows how to do.
pub(crate) static TONGUE: Tongue = Tongue {
    name: "responses",
    framing: Framing::Sse,
    read: read::read_request,
    write: write::write_request,
    decoder: || Box::new(stream::Stream::default()),
    whole: stream::whole,
    usage: usage::usage_of,
    encoder: |head, call| Box::new(encode::Writer::new(head, call)),
    assemble: encode::assemble,
    failure: |failure, _| encode::failure(failure),
    shown_usage: stream::shown_usage,
};
