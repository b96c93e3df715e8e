//! Server-sent events: any cut gives the same events, they are all that came, and no event grows
//! without end.

use tollgate_translate::sse::{EVENT_MAX, Splitter};

use crate::cuts::cut;

/// Its bytes, name and data.
type Event = (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

/// The target.
pub fn sse(input: &[u8]) {
    if let [0xFF, byte] = input {
        return endless(*byte);
    }
    let Some((chunks, stream)) = cut(input) else { return };
    let whole = events(&[stream]);
    assert_eq!(whole, events(&chunks), "a cut changes the events");
    let came: Vec<u8> = whole.iter().flat_map(|(raw, ..)| raw.iter().copied()).collect();
    assert_eq!(came, stream, "bytes are lost or made up");
}

fn events(chunks: &[&[u8]]) -> Vec<Event> {
    let (mut splitter, mut events) = (Splitter::default(), Vec::new());
    let mut take = |frame: tollgate_translate::sse::Frame<'_>| {
        let fields = frame.fields();
        let (name, data) = (fields.name.map(<[u8]>::to_vec), fields.data.map(|data| data.into_owned()));
        events.push((frame.raw.bytes().to_vec(), name, data));
    };
    for chunk in chunks {
        let mut feed = splitter.feed(chunk);
        while let Some(frame) = feed.next().expect("inputs are shorter than the limit") {
            take(frame);
        }
    }
    if let Some(frame) = splitter.finish() {
        take(frame);
    }
    events
}

/// An event that never ends is refused at the limit, and not much later.
fn endless(byte: u8) {
    if matches!(byte, b'\r' | b'\n') {
        return;
    }
    let chunk = vec![byte; 64 * 1024];
    let mut splitter = Splitter::default();
    let refused = (0..).find(|_| splitter.feed(&chunk).next().is_err()).expect("it has a limit");
    assert!(refused <= EVENT_MAX / chunk.len() + 1, "{refused}");
}
