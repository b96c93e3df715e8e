//! A stream in a format that is not the client's, or one that filters look into: decoded, shown to
//! them, written anew.

use std::fmt;

use bytes::Bytes;
use smallvec::SmallVec;
use tollgate_api::{Event, Surface, Usage};

use crate::dialect::{AnswerHead, Decode, Dialect, Encode, Garbage, encoder};
use crate::relay::{OnEvent, Out, Phase, Price, error_event};
use crate::sse::{Fields, Splitter};

pub(crate) struct Foreign {
    surface: Surface,
    wants_usage: bool,
    splitter: Splitter,
    decoder: Box<dyn Decode>,
    encoder: Box<dyn Encode>,
    events: Vec<Event>,
    phase: Phase,
    usage: Option<Usage>,
    output_chars: u64,
    /// Choices that said something and not yet why they stopped; decoders bound their number.
    speaking: SmallVec<[u32; 4]>,
    /// Whether any choice said why it stopped.
    stopped: bool,
}

impl Foreign {
    pub(crate) fn new(dialect: Dialect, surface: Surface, head: AnswerHead, wants_usage: bool) -> Self {
        Self {
            surface,
            wants_usage,
            splitter: Splitter::default(),
            decoder: dialect.decoder(),
            encoder: encoder(surface, head, wants_usage),
            events: Vec::new(),
            phase: Phase::Waiting,
            usage: None,
            output_chars: 0,
            speaking: SmallVec::new(),
            stopped: false,
        }
    }

    pub(crate) fn phase(&self) -> &Phase {
        &self.phase
    }

    pub(crate) fn usage(&self) -> Option<Usage> {
        self.usage
    }

    pub(crate) fn output_chars(&self) -> u64 {
        self.output_chars
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
        if let Some(frame) = self.splitter.finish() {
            // Half an event says that the stream was cut, not that it was garbage.
            let _unreadable = self.tell(&frame.fields(), &mut turn).is_err();
        }
        if self.stopped && self.speaking.is_empty() {
            self.pass(Event::End, &mut turn);
        }
        out.push(Bytes::from(bytes));
    }

    fn decode(&mut self, chunk: &[u8], turn: &mut Turn<'_>) -> Result<(), Garbage> {
        let mut splitter = std::mem::take(&mut self.splitter);
        let mut feed = splitter.feed(chunk);
        while let Some(frame) = feed.next()? {
            self.tell(&frame.fields(), turn)?;
        }
        self.splitter = splitter;
        Ok(())
    }

    /// Decodes one event of the upstream and passes on what it means.
    fn tell(&mut self, fields: &Fields<'_>, turn: &mut Turn<'_>) -> Result<(), Garbage> {
        let data = fields.data.as_deref().unwrap_or_default();
        if self.is_over() || data.trim_ascii().is_empty() {
            return Ok(());
        }
        let (Ok(data), Ok(name)) = (std::str::from_utf8(data), fields.name.map(std::str::from_utf8).transpose()) else {
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
        if self.is_over() {
            return;
        }
        self.note(&event);
        (turn.on_event)(&mut event);
        match &event {
            Event::Failed { kind, message } => turn.out.extend(error_event(self.surface, kind, message, kind)),
            Event::Usage(usage) => {
                let cost = if self.wants_usage { (turn.price)(usage) } else { None };
                self.encoder.event(&event, cost, turn.out);
            }
            _ => self.encoder.event(&event, None, turn.out),
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended | Phase::Failed { .. })
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Start { .. } => {}
            Event::Text { choice, text } | Event::Thinking { choice, text, .. } | Event::Refusal { choice, text } => {
                self.said(*choice, text);
            }
            Event::ToolArguments { choice, json, .. } => self.said(*choice, json),
            Event::ToolStart { choice, .. } => self.begun(*choice),
            Event::RedactedThinking { .. } => self.begun(0),
            Event::Stop { choice, .. } => {
                self.begun(*choice);
                self.speaking.retain(|speaking| speaking != choice);
                self.stopped = true;
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Failed { kind, message } => {
                self.phase = Phase::Failed { kind: kind.clone(), message: message.clone() };
            }
            Event::End => self.phase = Phase::Ended,
        }
    }

    fn said(&mut self, choice: u32, text: &str) {
        if !text.is_empty() {
            self.begun(choice);
            self.output_chars += text.chars().count() as u64;
        }
    }

    fn begun(&mut self, choice: u32) {
        self.phase = Phase::Content;
        if !self.speaking.contains(&choice) {
            self.speaking.push(choice);
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
        let Self { usage, output_chars, stopped, .. } = self;
        let mut debug = f.debug_struct("Foreign");
        debug.field("usage", usage).field("output_chars", output_chars).field("stopped", stopped);
        debug.finish_non_exhaustive()
    }
}
