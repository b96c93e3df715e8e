//! Whole answers: what is read is written on every surface, whole and as a stream, and that is
//! read again.

use tollgate_api::{Event, Framing};
use tollgate_translate::Dialect;
use tollgate_translate::sse::Splitter;

use crate::speakers::{self, WRITTEN, call, head, is_json, price};

/// The target: a byte that says who answers, and the body.
pub fn answer(input: &[u8]) {
    let Some((&who, body)) = input.split_first() else { return };
    let dialect = speakers::dialect(who);
    let mut events = Vec::new();
    if dialect.whole(body, &mut events).is_err() {
        return;
    }
    for &surface in WRITTEN {
        let dialect = Dialect::of(surface).expect("an answer");
        let call = call(surface, dialect.framing());
        let cost = price(&tollgate_api::Usage::default());
        let body = dialect.assemble(&head(), &call, &events, cost);
        assert!(is_json(&body), "{dialect} writes what is not JSON");
        let again = dialect.whole(&body, &mut Vec::new());
        assert!(again.is_ok(), "{dialect} does not read what it wrote: {again:?}");

        let (mut encoder, mut stream) = (dialect.encoder(&head(), &call), Vec::new());
        events.iter().for_each(|event| encoder.event(event, cost, &mut stream));
        if dialect.framing() == Framing::Sse {
            reads(dialect, &stream);
        }
    }
}

/// A stream of ours is of its dialect.
pub(crate) fn reads(dialect: Dialect, stream: &[u8]) {
    let (mut splitter, mut decoder) = (Splitter::default(), dialect.decoder());
    let mut events: Vec<Event> = Vec::new();
    let mut feed = splitter.feed(stream);
    while let Some(frame) = feed.next().expect("inputs are shorter than the limit") {
        let fields = frame.fields();
        let data = fields.data.as_deref().expect("we send no event without data");
        assert!(data == b"[DONE]" || is_json(data), "{dialect} streams what is not JSON");
        let data = std::str::from_utf8(data).expect("we write UTF-8");
        let read = decoder.event(None, data, &mut events);
        assert!(read.is_ok(), "{dialect} does not read what it streamed: {read:?}");
    }
    assert!(splitter.finish().is_none(), "{dialect} leaves an event open");
}
