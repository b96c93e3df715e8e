//! A stream that is already in the client's format: its bytes go on as they came.
//!
//! Events that stand next to each other in a chunk leave as one slice of it. What an event means
//! is for the judge, or for the witness of a dialect that has none.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::de::IgnoredAny;
use tollgate_api::{Call, Framing, Usage};

use crate::dialect::{Dialect, Failure, Garbage};
use crate::frames;
use crate::judge::{Fate, Judge};
use crate::relay::{Out, Phase, Price};
use crate::sse::{Fields, Frame, Raw, Splitter, TooLong};
use crate::witness::Witness;

const END: &[u8] = b"data: [DONE]\n\n";

#[derive(Debug)]
pub(crate) struct Passthrough {
    dialect: Dialect,
    framing: Framing,
    cut: Cut,
    eye: Eye,
}

/// How the upstream's events are told apart.
#[derive(Debug)]
enum Cut {
    Sse(Splitter),
    Frames(frames::Splitter),
}

/// Who says what an event means.
#[derive(Debug)]
enum Eye {
    /// Chat completions, by looking for a few words: most events are not parsed.
    Judge(Box<Judge>),
    /// Every other dialect, by decoding.
    Witness(Box<Witness>),
}

impl Eye {
    fn event(&mut self, fields: &Fields<'_>, price: Price<'_>) -> Result<Fate, Garbage> {
        match self {
            Self::Judge(judge) => judge.event(fields, price),
            Self::Witness(witness) => witness.event(fields.name, fields.data.as_deref().unwrap_or_default(), price),
        }
    }

    fn phase(&self) -> &Phase {
        match self {
            Self::Judge(judge) => &judge.phase,
            Self::Witness(witness) => &witness.notes.phase,
        }
    }

    /// What follows the last event, once it is out.
    fn close(&mut self) -> Bytes {
        match self {
            Self::Judge(_) => Bytes::new(),
            Self::Witness(witness) => witness.close(),
        }
    }
}

impl Passthrough {
    /// For an upstream of `dialect`, which is that of the call's surface.
    pub(crate) fn new(dialect: Dialect, call: &Call) -> Self {
        let eye = match dialect {
            Dialect::OpenAi => Eye::Judge(Box::new(Judge::new(call.wants_usage))),
            _ => Eye::Witness(Box::new(Witness::new(dialect, call.framing))),
        };
        let cut = match dialect.framing() {
            Framing::EventStream => Cut::Frames(frames::Splitter::default()),
            _ => Cut::Sse(Splitter::default()),
        };
        Self { dialect, framing: call.framing, cut, eye }
    }

    pub(crate) fn phase(&self) -> &Phase {
        self.eye.phase()
    }

    pub(crate) fn usage(&self) -> Option<Usage> {
        match &self.eye {
            Eye::Judge(judge) => judge.usage,
            Eye::Witness(witness) => witness.notes.usage,
        }
    }

    pub(crate) fn output_chars(&self) -> u64 {
        match &self.eye {
            Eye::Judge(judge) => judge.output_chars,
            Eye::Witness(witness) => witness.notes.output_chars,
        }
    }

    pub(crate) fn push(&mut self, chunk: &Bytes, price: Price<'_>, out: &mut Out) -> Result<(), Garbage> {
        let Self { cut, eye, .. } = self;
        match cut {
            Cut::Sse(splitter) => pass_events(splitter, eye, chunk, price, out)?,
            Cut::Frames(splitter) => pass_frames(splitter, eye, chunk, price, out)?,
        }
        out.push(self.eye.close());
        Ok(())
    }

    pub(crate) fn end(&mut self, price: Price<'_>, out: &mut Out) -> Result<(), Garbage> {
        if let Cut::Sse(splitter) = &mut self.cut
            && let Some(frame) = splitter.finish()
        {
            self.last(&frame, price, out)?;
        }
        match &mut self.eye {
            Eye::Judge(judge) if judge.stopped && !judge.is_over() => {
                judge.phase = Phase::Ended;
                out.push(Bytes::from_static(END));
            }
            Eye::Witness(witness) if witness.notes.may_end() && !witness.notes.is_over() => {
                witness.notes.phase = Phase::Ended;
            }
            _ => {}
        }
        out.push(self.eye.close());
        Ok(())
    }

    /// The last event where an answer cannot be finished.
    pub(crate) fn fail(&mut self, failure: &Failure<'_>) -> Bytes {
        let last = self.dialect.failure(failure, self.framing);
        match &mut self.eye {
            Eye::Judge(_) => last.into(),
            Eye::Witness(witness) => witness.last(last),
        }
    }

    /// An event that the upstream closed without a blank line; half an event is not for the client.
    fn last(&mut self, frame: &Frame<'_>, price: Price<'_>, out: &mut Out) -> Result<(), Garbage> {
        let fields = frame.fields();
        let Some(data) = fields.data.as_deref() else { return Ok(()) };
        let whole = data.trim_ascii() == b"[DONE]" || serde_json::from_slice::<IgnoredAny>(data).is_ok();
        if !whole {
            return Ok(());
        }
        match self.eye.event(&fields, price)? {
            Fate::Keep => out.push(event_of(&fields, data)),
            Fate::Drop => {}
            Fate::Data(data) => out.push(event_of(&fields, &data)),
            Fate::Event(event) => out.push(event),
        }
        Ok(())
    }
}

fn pass_events(
    splitter: &mut Splitter,
    eye: &mut Eye,
    chunk: &Bytes,
    price: Price<'_>,
    out: &mut Out,
) -> Result<(), Garbage> {
    let mut run = Run { chunk, range: 0..0, out };
    let mut feed = splitter.feed(chunk);
    while let Some(frame) = feed.next()? {
        let fields = frame.fields();
        match eye.event(&fields, price)? {
            Fate::Keep => run.keep(frame.raw),
            Fate::Drop => {}
            Fate::Data(data) => run.put(rewritten(&frame, &fields, &data)),
            Fate::Event(event) => run.put(event),
        }
    }
    Ok(())
}

fn pass_frames(
    splitter: &mut frames::Splitter,
    eye: &mut Eye,
    chunk: &Bytes,
    price: Price<'_>,
    out: &mut Out,
) -> Result<(), Garbage> {
    splitter.push(chunk);
    while let Some(frame) = splitter.next()? {
        let fields = Fields { name: Some(frame.name.as_bytes()), data: Some(Cow::Borrowed(&frame.data)) };
        // A frame is sealed by its checksums: it goes on as it came, or not at all.
        if eye.event(&fields, price)? != Fate::Drop {
            out.push(frame.raw);
        }
    }
    Ok(())
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
