//! Server-sent events out of a stream of bytes, each with the bytes it came as.
//!
//! It pushes nothing and copies nothing but an event that two chunks share. What the data means
//! is for others.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr2};

/// The longest event, in bytes: more than any vendor sends, and what one stream may hold of memory.
pub const EVENT_MAX: usize = 8 * 1024 * 1024;

/// An event goes on past [`EVENT_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {EVENT_MAX} bytes")]
pub struct TooLong;

/// Cuts a stream into events. Linear in its bytes, however they are cut into chunks.
#[derive(Debug, Default)]
pub struct Splitter {
    carry: BytesMut,
    line: Line,
    begun: bool,
}

/// What is known of the line that the next byte belongs to.
#[derive(Clone, Copy, Debug, Default)]
enum Line {
    /// Nothing came of it yet.
    #[default]
    Empty,
    /// Something did.
    Begun,
    /// A CR came last. A LF would belong to it; only then is the line, or with an empty one the
    /// event, over. Waiting for that byte holds up an event where lines end in CR alone, which no
    /// vendor does, and keeps a CRLF whole for all others.
    Ending {
        /// Whether the line was empty.
        empty: bool,
    },
}

/// One event, comments and blank lines before it included.
#[derive(Debug)]
pub struct Frame<'a> {
    /// Its bytes, up to and with the blank line.
    pub raw: Raw<'a>,
    /// How many bytes of a byte order mark are in front.
    mark: usize,
}

/// Where the bytes of an event are.
#[derive(Debug)]
pub enum Raw<'a> {
    /// All in the chunk.
    InChunk {
        /// The bytes.
        bytes: &'a [u8],
        /// Where in the chunk they begin.
        at: usize,
    },
    /// Put together from several chunks.
    Carried(Bytes),
}

/// What an event says.
#[derive(Debug, PartialEq, Eq)]
pub struct Fields<'a> {
    /// The value of `event:`, where there is one.
    pub name: Option<&'a [u8]>,
    /// The `data:` lines, joined by LF; `None` where there are none, as in a keep-alive.
    pub data: Option<Cow<'a, [u8]>>,
}

/// The events that end within one chunk, in order.
#[derive(Debug)]
pub struct Feed<'s, 'c> {
    splitter: &'s mut Splitter,
    chunk: &'c [u8],
    at: usize,
}

impl Splitter {
    /// Takes the next chunk of the stream. Take every event out of the feed before the next chunk:
    /// what is left in it is lost.
    pub fn feed<'s, 'c>(&'s mut self, chunk: &'c [u8]) -> Feed<'s, 'c> {
        Feed { splitter: self, chunk, at: 0 }
    }

    /// The stream is over: what is left, which may be an event without its blank line.
    pub fn finish(&mut self) -> Option<Frame<'static>> {
        let left = self.carry.split().freeze();
        self.line = Line::Empty;
        (!left.is_empty()).then(|| self.frame(Raw::Carried(left)))
    }

    fn frame<'c>(&mut self, raw: Raw<'c>) -> Frame<'c> {
        let marked = !self.begun && raw.bytes().starts_with(b"\xEF\xBB\xBF");
        self.begun = true;
        Frame { raw, mark: if marked { 3 } else { 0 } }
    }

    /// Just past the end of the event, if it ends within `bytes`.
    fn event_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        if let Line::Ending { empty } = self.line {
            at = usize::from(*bytes.first()? == b'\n');
            self.line = Line::Empty;
            if empty {
                return Some(at);
            }
        }
        while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'\r', b'\n', rest)) {
            let empty = found == 0 && matches!(self.line, Line::Empty);
            at += found + 1;
            self.line = Line::Empty;
            if bytes[at - 1] == b'\r' {
                match bytes.get(at) {
                    None => self.line = Line::Ending { empty },
                    Some(next) => at += usize::from(*next == b'\n'),
                }
            }
            if empty && matches!(self.line, Line::Empty) {
                return Some(at);
            }
        }
        if at < bytes.len() {
            self.line = Line::Begun;
        }
        None
    }
}

impl<'c> Feed<'_, 'c> {
    /// The next event that ends in this chunk.
    ///
    /// # Errors
    /// The event is longer than [`EVENT_MAX`]. The stream cannot go on after it.
    #[expect(clippy::should_implement_trait, reason = "an iterator of results invites skipping the error")]
    pub fn next(&mut self) -> Result<Option<Frame<'c>>, TooLong> {
        let rest = &self.chunk[self.at..];
        let splitter = &mut *self.splitter;
        let end = splitter.event_end(rest);
        let part = &rest[..end.unwrap_or(rest.len())];
        if splitter.carry.len() + part.len() > EVENT_MAX {
            return Err(TooLong);
        }
        let at = self.at;
        self.at += part.len();
        if end.is_some() && splitter.carry.is_empty() {
            return Ok(Some(splitter.frame(Raw::InChunk { bytes: part, at })));
        }
        splitter.carry.extend_from_slice(part);
        let Some(_) = end else { return Ok(None) };
        let whole = splitter.carry.split().freeze();
        Ok(Some(splitter.frame(Raw::Carried(whole))))
    }
}

impl Raw<'_> {
    /// The bytes, wherever they are.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::InChunk { bytes, .. } => bytes,
            Self::Carried(bytes) => bytes,
        }
    }
}

impl Frame<'_> {
    /// What it says. Members other than `event` and `data` are passed over.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        let mut fields = Fields { name: None, data: None };
        let mut rest = &self.raw.bytes()[self.mark..];
        while !rest.is_empty() {
            let (line, after) = split_line(rest);
            rest = after;
            match split_field(line) {
                (b"data", value) => fields.data = Some(joined(fields.data.take(), value)),
                (b"event", value) => fields.name = Some(value),
                _ => {}
            }
        }
        fields
    }
}

fn joined<'a>(before: Option<Cow<'a, [u8]>>, line: &'a [u8]) -> Cow<'a, [u8]> {
    let Some(before) = before else { return Cow::Borrowed(line) };
    let mut lines = before.into_owned();
    lines.push(b'\n');
    lines.extend_from_slice(line);
    Cow::Owned(lines)
}

/// The first line, and what follows it.
fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let Some(end) = memchr2(b'\r', b'\n', text) else { return (text, b"") };
    let (line, ending) = text.split_at(end);
    (line, ending.strip_prefix(b"\r\n").unwrap_or(&ending[1..]))
}

/// The name and the value of a line; a comment has an empty name.
fn split_field(line: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = memchr(b':', line) else { return (line, b"") };
    let value = &line[colon + 1..];
    (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An event's bytes, its name and its data.
    type Seen = (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

    fn seen(frame: &Frame<'_>) -> Seen {
        let fields = frame.fields();
        (frame.raw.bytes().to_vec(), fields.name.map(Into::into), fields.data.map(Cow::into_owned))
    }

    fn split(chunks: &[&[u8]]) -> Vec<Seen> {
        let mut splitter = Splitter::default();
        let mut all = Vec::new();
        for chunk in chunks {
            let mut feed = splitter.feed(chunk);
            while let Some(frame) = feed.next().expect("short events") {
                all.push(seen(&frame));
            }
        }
        all.extend(splitter.finish().as_ref().map(seen));
        all
    }

    /// The names and data of those events that have data.
    fn told(chunks: &[&[u8]]) -> Vec<(Option<Vec<u8>>, Vec<u8>)> {
        split(chunks).into_iter().filter_map(|(_, name, data)| Some((name, data?))).collect()
    }

    /// The standard's own words, line by line, with no thought of speed or of chunks.
    fn naive(stream: &[u8]) -> Vec<(Option<Vec<u8>>, Vec<u8>)> {
        let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
        let mut lines = vec![Vec::new()];
        let mut i = 0;
        while i < stream.len() {
            match (stream[i], stream.get(i + 1)) {
                (b'\r', Some(b'\n')) => {
                    lines.push(Vec::new());
                    i += 1;
                }
                (b'\r' | b'\n', _) => lines.push(Vec::new()),
                (byte, _) => lines.last_mut().expect("a line").push(byte),
            }
            i += 1;
        }
        lines.push(Vec::new());
        let (mut events, mut name, mut data) = (Vec::new(), None, Vec::<Vec<u8>>::new());
        for line in lines {
            let (field, value) = match line.iter().position(|byte| *byte == b':') {
                Some(colon) => (line[..colon].to_vec(), line[colon + 1..].to_vec()),
                None => (line.clone(), Vec::new()),
            };
            let value = value.strip_prefix(b" ").map(Into::into).unwrap_or(value);
            match &*field {
                _ if line.is_empty() => {
                    let lines = std::mem::take(&mut data);
                    let name = name.take();
                    if !lines.is_empty() {
                        events.push((name, lines.join(&b'\n')));
                    }
                }
                b"event" => name = Some(value),
                b"data" => data.push(value),
                _ => {}
            }
        }
        events
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let line = prop::sample::select(vec![
            "data: a", "data:b", "data:", "data", "data:  c", "event: x", "event:", ": ping", "id: 7", "é", "",
        ]);
        let end = prop::sample::select(vec!["\n", "\n", "\r\n", "\r\n", "\r", "\n\n", "\r\n\r\n"]);
        let lines = prop::collection::vec((line, end), 0..12);
        (any::<bool>(), lines, ".{0,3}").prop_map(|(mark, lines, tail)| {
            let mut text = String::from(if mark { "\u{feff}" } else { "" });
            lines.iter().for_each(|(line, end)| text.extend([*line, *end]));
            (text + &tail).into_bytes()
        })
    }

    proptest! {
        #[test]
        fn events_are_those_of_the_standard_and_their_bytes_are_the_stream(stream in stream()) {
            prop_assert_eq!(told(&[&stream]), naive(&stream));
            let bytes: Vec<u8> = split(&[&stream]).into_iter().flat_map(|(raw, ..)| raw).collect();
            prop_assert_eq!(bytes, stream);
        }

        #[test]
        fn however_the_stream_is_cut_the_events_are_the_same(stream in stream()) {
            let whole = split(&[&stream]);
            for at in 0..=stream.len() {
                let (a, b) = stream.split_at(at);
                prop_assert_eq!(&split(&[a, b]), &whole, "cut at {}", at);
            }
            let single: Vec<&[u8]> = stream.chunks(1).collect();
            prop_assert_eq!(split(&single), whole);
        }
    }

    #[test]
    fn an_event_within_one_chunk_is_not_copied() {
        let chunk = b"data: a\n\ndata: b\n\n";
        let mut splitter = Splitter::default();
        let mut feed = splitter.feed(chunk);
        for start in [0, 9] {
            match feed.next().map(|frame| frame.map(|frame| frame.raw)) {
                Ok(Some(Raw::InChunk { bytes, at })) => {
                    assert_eq!((bytes.as_ptr(), at), (chunk[start..].as_ptr(), start));
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(feed.next(), Ok(None)));
    }

    #[test]
    fn an_endless_event_is_an_error_before_it_fills_memory() {
        let chunk = vec![b'x'; 1024 * 1024];
        let mut splitter = Splitter::default();
        let results: Vec<_> = (0..9).map(|_| splitter.feed(&chunk).next().map(|frame| frame.is_some())).collect();
        assert_eq!(results[..8], [Ok(false); 8]);
        assert_eq!(results[8], Err(TooLong));
        assert!(splitter.carry.len() <= EVENT_MAX);
    }
}
