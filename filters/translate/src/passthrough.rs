//! A stream that is already in the client's format: its bytes go on as they came.
//!
//! Events that stand next to each other in a chunk leave as one slice of it. What an event means
//! is for the judge.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::de::IgnoredAny;
use tollgate_api::{Surface, Usage};

use crate::dialect::Garbage;
use crate::judge::{Fate, Judge};
use crate::relay::{Out, Phase, Price};
use crate::sse::{Fields, Frame, Raw, Splitter, TooLong};

const END: &[u8] = b"data: [DONE]\n\n";

#[derive(Debug)]
pub(crate) struct Passthrough {
    splitter: Splitter,
    judge: Judge,
}

impl Passthrough {
    pub(crate) fn new(surface: Surface, wants_usage: bool) -> Self {
        Self { splitter: Splitter::default(), judge: Judge::new(surface, wants_usage) }
    }

    pub(crate) fn phase(&self) -> &Phase {
        &self.judge.phase
    }

    pub(crate) fn usage(&self) -> Option<Usage> {
        self.judge.usage
    }

    pub(crate) fn output_chars(&self) -> u64 {
        self.judge.output_chars
    }

    pub(crate) fn push(&mut self, chunk: &Bytes, price: Price<'_>, out: &mut Out) -> Result<(), Garbage> {
        let mut run = Run { chunk, range: 0..0, out };
        let mut feed = self.splitter.feed(chunk);
        while let Some(frame) = feed.next()? {
            let fields = frame.fields();
            match self.judge.event(&fields, price)? {
                Fate::Keep => run.keep(frame.raw),
                Fate::Drop => {}
                Fate::Data(data) => run.put(rewritten(&frame, &fields, &data)),
                Fate::Event(event) => run.put(event),
            }
        }
        Ok(())
    }

    pub(crate) fn end(&mut self, price: Price<'_>, out: &mut Out) -> Result<(), Garbage> {
        if let Some(frame) = self.splitter.finish() {
            self.last(&frame, price, out)?;
        }
        if self.judge.stopped && !self.judge.is_over() {
            self.judge.phase = Phase::Ended;
            out.push(Bytes::from_static(END));
        }
        Ok(())
    }

    /// An event that the upstream closed without a blank line; half an event is not for the client.
    fn last(&mut self, frame: &Frame<'_>, price: Price<'_>, out: &mut Out) -> Result<(), Garbage> {
        let fields = frame.fields();
        let Some(data) = fields.data.as_deref() else { return Ok(()) };
        let whole = data.trim_ascii() == b"[DONE]" || serde_json::from_slice::<IgnoredAny>(data).is_ok();
        if !whole {
            return Ok(());
        }
        match self.judge.event(&fields, price)? {
            Fate::Keep => out.push(event_of(&fields, data)),
            Fate::Drop => {}
            Fate::Data(data) => out.push(event_of(&fields, &data)),
            Fate::Event(event) => out.push(event),
        }
        Ok(())
    }
}

impl From<TooLong> for Garbage {
    fn from(error: TooLong) -> Self {
        Self(error.to_string())
    }
}

/// Neighbouring bytes of one chunk, held back until something else comes between.
struct Run<'a> {
    chunk: &'a Bytes,
    range: Range<usize>,
    out: &'a mut Out,
}

impl Run<'_> {
    fn keep(&mut self, raw: Raw<'_>) {
        match raw {
            Raw::InChunk { bytes, at } => {
                if self.range.end != at {
                    self.flush();
                    self.range.start = at;
                }
                self.range.end = at + bytes.len();
            }
            Raw::Carried(bytes) => self.put(bytes),
        }
    }

    fn put(&mut self, bytes: Bytes) {
        self.flush();
        self.out.push(bytes);
    }

    fn flush(&mut self) {
        let range = std::mem::take(&mut self.range);
        self.out.push(self.chunk.slice(range));
    }
}

/// What was good goes out, whichever way the chunk is left.
impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The event with other data, and all its other bytes as they came.
fn rewritten(frame: &Frame<'_>, fields: &Fields<'_>, data: &[u8]) -> Bytes {
    let Some(Cow::Borrowed(old)) = fields.data else { return event_of(fields, data) };
    let raw = frame.raw.bytes();
    let start = (old.as_ptr() as usize).saturating_sub(raw.as_ptr() as usize);
    let mut event = BytesMut::with_capacity(raw.len() + data.len() - old.len().min(data.len()));
    event.put(&raw[..start]);
    event.put(data);
    event.put(&raw[start + old.len()..]);
    event.freeze()
}

/// An event written anew. A line break within JSON is a blank like any other.
fn event_of(fields: &Fields<'_>, data: &[u8]) -> Bytes {
    let mut event = BytesMut::with_capacity(data.len() + 32);
    if let Some(name) = fields.name {
        event.put(&b"event: "[..]);
        event.put(name);
        event.put_u8(b'\n');
    }
    event.put(&b"data: "[..]);
    event.extend(data.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
    event.put(&b"\n\n"[..]);
    event.freeze()
}
