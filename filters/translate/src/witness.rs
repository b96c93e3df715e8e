//! Looks on while a stream goes through in its own dialect, for those that have no judge of their
//! own: every event is decoded for what it means, and leaves as it came.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use tollgate_api::{Cost, Event, Framing};

use crate::dialect::{Decode, Dialect, Garbage};
use crate::judge::Fate;
use crate::notes::Notes;
use crate::object::{members, span_in};
use crate::patch::{Patch, Text, apply};
use crate::relay::Price;

pub(crate) struct Witness {
    dialect: Dialect,
    decoder: Box<dyn Decode>,
    events: Vec<Event>,
    framing: Framing,
    /// Whether an element of the array is out, where the client wants one.
    opened: bool,
    closed: bool,
    pub(crate) notes: Notes,
}

impl Witness {
    pub(crate) fn new(dialect: Dialect, framing: Framing) -> Self {
        let (decoder, notes) = (dialect.decoder(), Notes::new());
        Self { dialect, decoder, events: Vec::new(), framing, opened: false, closed: false, notes }
    }

    /// Takes the next event: its name and its data.
    pub(crate) fn event(&mut self, name: Option<&[u8]>, data: &[u8], price: Price<'_>) -> Result<Fate, Garbage> {
        if self.notes.is_over() {
            return Ok(Fate::Drop);
        }
        if data.trim_ascii().is_empty() {
            // A comment that keeps the connection awake has no place in an array.
            return Ok(if self.framing == Framing::JsonArray { Fate::Drop } else { Fate::Keep });
        }
        let (Ok(data), Ok(name)) = (std::str::from_utf8(data), name.map(std::str::from_utf8).transpose()) else {
            return Err(Garbage("an event of the stream is not UTF-8".into()));
        };
        self.events.clear();
        self.decoder.event(name, data, &mut self.events)?;
        self.events.iter().for_each(|event| self.notes.take(event));
        let with_cost = self.with_cost(data, price);
        Ok(match (self.framing, with_cost) {
            (Framing::JsonArray, data_with_cost) => {
                Fate::Event(self.element(data_with_cost.as_deref().unwrap_or(data.as_bytes())))
            }
            (_, Some(data)) => Fate::Data(data),
            (_, None) => Fate::Keep,
        })
    }

    /// What follows the last event once it is out, and only once: the end of the array.
    pub(crate) fn close(&mut self) -> Bytes {
        if self.framing != Framing::JsonArray || !self.notes.is_over() || self.closed {
            return Bytes::new();
        }
        self.closed = true;
        Bytes::from_static(if self.opened { b"]" } else { b"[]" })
    }

    /// The last event of an answer that cannot be finished, in its place: a whole array stays one.
    pub(crate) fn last(&mut self, event: Vec<u8>) -> Bytes {
        if self.framing != Framing::JsonArray {
            return event.into();
        }
        self.closed = true;
        [&self.element(&event), &b"]"[..]].concat().into()
    }

    fn element(&mut self, data: &[u8]) -> Bytes {
        let before: &[u8] = if std::mem::replace(&mut self.opened, true) { b",\r\n" } else { b"[" };
        [before, data.trim_ascii()].concat().into()
    }

    /// The event with the cost beside its usage, where it is the one that shows the client the whole.
    fn with_cost(&self, data: &str, price: Price<'_>) -> Option<Vec<u8>> {
        let reports = self.events.iter().any(|event| matches!(event, Event::Usage(_)));
        let shown = (self.dialect.tongue().shown_usage)(data).filter(|_| reports)?;
        with_cost(data, shown, price(self.notes.usage.as_ref()?)?)
    }
}

/// The data with the cost in this object of it, in place of a cost that the vendor wrote there.
pub(crate) fn with_cost(data: &str, usage: &str, cost: Cost) -> Option<Vec<u8>> {
    let members = members(usage).ok()?;
    let cost = Cow::Owned(cost.total().to_string());
    let open = span_in(data, usage).start + 1;
    let patch = match members.iter().find(|member| member.name == "cost") {
        Some(member) => Patch::replace(span_in(data, member.value), cost),
        None => {
            let text = Text::Member { name: "cost", value: cost, comma: !members.is_empty() };
            Patch { place: open..open, text }
        }
    };
    Some(apply(data.as_bytes(), [patch].into_iter().collect()))
}

impl fmt::Debug for Witness {
    /// Without the events, which are content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness").field("dialect", &self.dialect).field("notes", &self.notes).finish_non_exhaustive()
    }
}
