//! A stream in a format that is not the client's, or one that filters look into: decoded, shown to
//! them, written anew.

use std::fmt;

use bytes::Bytes;
use tollgate_api::{Call, Event, Framing, Usage};

use crate::dialect::{AnswerHead, Decode, Dialect, Encode, Failure, Garbage};
use crate::frames;
use crate::notes::Notes;
use crate::relay::{OnEvent, Out, Phase, Price};
use crate::sse::Splitter;

pub(crate) struct Foreign {
    wants_usage: bool,
    cut: Cut,
    decoder: Box<dyn Decode>,
    encoder: Box<dyn Encode>,
    events: Vec<Event>,
    notes: Notes,
}

/// How the upstream's events are told apart.
enum Cut {
    Sse(Splitter),
    Frames(frames::Splitter),
}

impl Foreign {
    pub(crate) fn new(dialect: Dialect, head: &AnswerHead, call: &Call) -> Self {
        let spoken = Dialect::of(call.surface).unwrap_or(dialect);
        Self {
            wants_usage: call.wants_usage,
            cut: match dialect.framing() {
                Framing::EventStream => Cut::Frames(frames::Splitter::default()),
                Framing::Sse | Framing::JsonArray => Cut::Sse(Splitter::default()),
            },
            decoder: dialect.decoder(),
            encoder: spoken.encoder(head, call),
            events: Vec::new(),
            notes: Notes::new(),
        }
    }

    pub(crate) fn phase(&self) -> &Phase {
        &self.notes.phase
    }

    pub(crate) fn usage(&self) -> Option<Usage> {
        self.notes.usage
    }

    pub(crate) fn output_chars(&self) -> u64 {
        self.notes.output_chars
    }

    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        price: Price<'_>,
        on_event: OnEvent<'_>,
        out: &mut Out,
    ) -> Result<(), Garbage> {
        let mut bytes = Vec::new();
        let result = self.decode(chunk, &mut Turn { price, on_event, out: &mut bytes });
        out.push(Bytes::from(bytes));
        result
    }

    pub(crate) fn end(&mut self, price: Price<'_>, on_event: OnEvent<'_>, out: &mut Out) {
        let mut bytes = Vec::new();
        let mut turn = Turn { price, on_event, out: &mut bytes };
        if let Cut::Sse(splitter) = &mut self.cut
            && let Some(frame) = splitter.finish()
        {
            let fields = frame.fields();
            // Half an event says that the stream was cut, not that it was garbage.
            let _unreadable = self.tell(fields.name, fields.data.as_deref().unwrap_or_default(), &mut turn).is_err();
        }
        if self.notes.may_end() {
            self.pass(Event::End, &mut turn);
        }
        out.push(Bytes::from(bytes));
    }

    /// The last event where an answer cannot be finished.
    pub(crate) fn fail(&mut self, failure: &Failure<'_>) -> Bytes {
        let mut bytes = Vec::new();
        self.encoder.fail(failure, &mut bytes);
        bytes.into()
    }

    fn decode(&mut self, chunk: &[u8], turn: &mut Turn<'_>) -> Result<(), Garbage> {
        let mut cut = std::mem::replace(&mut self.cut, Cut::Sse(Splitter::default()));
        match &mut cut {
            Cut::Sse(splitter) => {
                let mut feed = splitter.feed(chunk);
                while let Some(frame) = feed.next()? {
                    let fields = frame.fields();
                    self.tell(fields.name, fields.data.as_deref().unwrap_or_default(), turn)?;
                }
            }
            Cut::Frames(splitter) => {
                splitter.push(chunk);
                while let Some(frame) = splitter.next()? {
                    self.tell(Some(frame.name.as_bytes()), &frame.data, turn)?;
                }
            }
        }
        self.cut = cut;
        Ok(())
    }

    /// Decodes one event of the upstream and passes on what it means.
    fn tell(&mut self, name: Option<&[u8]>, data: &[u8], turn: &mut Turn<'_>) -> Result<(), Garbage> {
        if self.notes.is_over() || data.trim_ascii().is_empty() {
            return Ok(());
        }
        let (Ok(data), Ok(name)) = (std::str::from_utf8(data), name.map(std::str::from_utf8).transpose()) else {
            return Err(Garbage("an event of the stream is not UTF-8".into()));
        };
        let mut events = std::mem::take(&mut self.events);
        let result = self.decoder.event(name, data, &mut events);
        events.drain(..).for_each(|event| self.pass(event, turn));
        self.events = events;
        result
    }

    /// Notes what the vendor said, lets the filters at it, and writes it down.
    fn pass(&mut self, mut event: Event, turn: &mut Turn<'_>) {
        if self.notes.is_over() {
            return;
        }
        self.notes.take(&event);
        (turn.on_event)(&mut event);
        match &event {
            Event::Failed { kind, message } => {
                self.encoder.fail(&Failure { code: kind, message, kind }, turn.out);
            }
            Event::Usage(usage) => {
                let cost = if self.wants_usage { (turn.price)(usage) } else { None };
                self.encoder.event(&event, cost, turn.out);
            }
            _ => self.encoder.event(&event, None, turn.out),
        }
    }
}

/// What one call of ours brings along.
struct Turn<'a> {
    price: Price<'a>,
    on_event: OnEvent<'a>,
    out: &'a mut Vec<u8>,
}

impl fmt::Debug for Foreign {
    /// Without the events, which are content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Foreign").field("notes", &self.notes).finish_non_exhaustive()
    }
}
