//! Google Interactions: requests and answers, read and written.

mod assemble;
mod citation;
mod conversation;
mod created;
mod events;
mod input;
mod layout;
mod members;
mod output;
mod read;
mod ruler;
mod seals;
mod steps;
mod stream;
mod usage;
mod write;

use tollgate_api::Framing;

use crate::dialect::Tongue;

pub(crate) use members::leave;

/// What this dialect knows how to do.
pub(crate) static TONGUE: Tongue = Tongue {
    name: "interactions",
    framing: Framing::Sse,
    read: read::read_request,
    write: write::write_request,
    decoder: || Box::new(stream::Stream::default()),
    whole: stream::whole,
    usage: usage::usage_of,
    encoder: |head, _| Box::new(events::EventWriter::new(head)),
    assemble: |head, _, events, cost| assemble::assemble(head, events, cost),
    failure: |failure, _| events::failure(failure),
    shown_usage: usage::shown,
};
