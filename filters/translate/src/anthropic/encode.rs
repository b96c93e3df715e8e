//! Events written as the events of a streamed message.
//!
//! The text is put together by hand: this runs for every token of every answer. Anthropic has one
//! choice, so of several only the first is told.

use serde::Serialize;
use tollgate_api::{Citation, Code, Cost, Event, Kind, Seal, Sealer, StopReason, Usage};

use super::arguments::Arguments;
use super::blocks::call_id;
use super::held::{HELD_MAX, Held, Later};
use super::words::{failure, stop_reason};
use super::{citation, usage};
use crate::dialect::{AnswerHead, Encode, Failure};

/// Sources that are kept until there is text to cite them with.
const EARLY_MAX: usize = 256;

/// Writes one streamed answer.
pub(crate) struct EventWriter {
    head: AnswerHead,
    /// Whether `message_start` is out.
    begun: bool,
    /// The block that is open, the last of `blocks`.
    open: Open,
    /// Blocks that began.
    blocks: u32,
    held: Held,
    /// Sources that came before any text: they go with the first.
    early: Vec<Citation>,
    usage: Option<(Usage, Option<Cost>)>,
    stop: Option<(StopReason, Option<String>)>,
    /// Whether the vendor refused in its own member.
    refused: bool,
    /// The end, or the failure that stands in its place, is out.
    over: bool,
}

/// The block that is open.
enum Open {
    Nothing,
    Text { cited: bool },
    Thinking { sealed: bool },
    Call { number: u32, arguments: Arguments },
}

impl EventWriter {
    /// A writer for the answer with this head.
    pub(crate) fn new(head: &AnswerHead) -> Self {
        Self {
            head: head.clone(),
            begun: false,
            open: Open::Nothing,
            blocks: 0,
            held: Held::default(),
            early: Vec::new(),
            usage: None,
            stop: None,
            refused: false,
            over: false,
        }
    }

    /// Tells a piece of content, now or once the call that is open is complete.
    fn tell(&mut self, event: &Event, out: &mut Vec<u8>) {
        match (&self.open, event) {
            (Open::Call { number, .. }, Event::ToolArguments { index, json, .. }) if number == index => {
                self.argue(json, out);
            }
            _ if self.is_calling() => {
                if !self.held.keep(event) {
                    self.give_up(out);
                }
            }
            _ => self.write(event, out),
        }
        self.release(false, out);
    }

    /// Whether a call is open whose arguments are not complete.
    fn is_calling(&self) -> bool {
        matches!(&self.open, Open::Call { arguments, .. } if !arguments.are_complete())
    }

    /// Tells what waits, as far as the open call lets it; all of it where nothing more can come for
    /// any call.
    fn release(&mut self, all: bool, out: &mut Vec<u8>) {
        while !self.over
            && (all || !self.is_calling())
            && let Some(Later { event, arguments }) = self.held.next()
        {
            self.write(&event, out);
            self.argue(&arguments, out);
        }
    }

    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Text { text, .. } => self.text(text, out),
            Event::Refusal { text, .. } => {
                self.refused = true;
                self.text(text, out);
            }
            Event::Thinking { text, seal, .. } => self.think(text, seal.as_ref(), out),
            Event::RedactedThinking { seal } => self.redacted(seal, out),
            Event::ToolStart { index, id, name, seal, .. } => {
                // A call has no member for a seal. It goes before it, in a block that clients give
                // back as it is.
                seal.iter().for_each(|seal| self.redacted(seal, out));
                self.call(*index, id, name, out);
            }
            Event::Cited { citation, .. } => self.cite(citation, out),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        // What is cited is a block of its own, as Anthropic has it.
        if !matches!(self.open, Open::Text { cited: false }) {
            self.start(Open::Text { cited: false }, br#""text","text":"""#, out);
        }
        self.delta("text_delta", "text", text, out);
    }

    fn cite(&mut self, citation: &Citation, out: &mut Vec<u8>) {
        if let Open::Text { cited } = &mut self.open {
            *cited = true;
            self.delta("citations_delta", "citation", &citation::write(citation), out);
        } else if self.early.len() < EARLY_MAX {
            self.early.push(citation.clone());
        }
    }

    /// The block of text ends, and with it what was cited before it began.
    fn cite_early(&mut self, out: &mut Vec<u8>) {
        for citation in std::mem::take(&mut self.early) {
            self.delta("citations_delta", "citation", &citation::write(&citation), out);
        }
    }

    fn think(&mut self, text: &str, seal: Option<&Seal>, out: &mut Vec<u8>) {
        if text.is_empty() && seal.is_none() {
            return;
        }
        if !matches!(self.open, Open::Thinking { sealed: false }) {
            // A signature is required of every block: that of unsealed thinking stays empty.
            self.start(Open::Thinking { sealed: false }, br#""thinking","thinking":"","signature":"""#, out);
        }
        if !text.is_empty() {
            self.delta("thinking_delta", "thinking", text, out);
        }
        if let Some(seal) = seal {
            self.delta("signature_delta", "signature", &*seal.spelled_for(Sealer::Anthropic), out);
            self.open = Open::Thinking { sealed: true };
        }
    }

    fn redacted(&mut self, seal: &Seal, out: &mut Vec<u8>) {
        let mut block = br#""redacted_thinking","data":"#.to_vec();
        json(&mut block, &*seal.spelled_for(Sealer::Anthropic));
        self.start(Open::Thinking { sealed: true }, &block, out);
    }

    fn call(&mut self, number: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        let mut block = br#""tool_use","id":"#.to_vec();
        json(&mut block, &*call_id(id));
        block.extend_from_slice(br#","name":"#);
        json(&mut block, name);
        block.extend_from_slice(br#","input":{}"#);
        self.start(Open::Call { number, arguments: Arguments::default() }, &block, out);
    }

    /// A piece of the arguments of the call that is open.
    fn argue(&mut self, piece: &str, out: &mut Vec<u8>) {
        let Open::Call { arguments, .. } = &mut self.open else { return };
        let shown = arguments.push(piece);
        let fits = arguments.kept() <= HELD_MAX;
        if !shown.is_empty() {
            self.delta("input_json_delta", "partial_json", shown, out);
        }
        if !fits {
            self.give_up(out);
        }
    }

    /// Begins a block, whose type and members are in `block`, and ends the one before.
    fn start(&mut self, open: Open, block: &[u8], out: &mut Vec<u8>) {
        self.close(out);
        self.begin(out);
        self.open = open;
        self.blocks += 1;
        self.of_block("content_block_start", out);
        out.extend_from_slice(br#","content_block":{"type":"#);
        out.extend_from_slice(block);
        out.extend_from_slice(b"}}\n\n");
    }

    fn delta(
        &mut self,
        kind: &'static str,
        member: &'static str,
        value: &(impl Serialize + ?Sized),
        out: &mut Vec<u8>,
    ) {
        self.of_block("content_block_delta", out);
        for part in [r#","delta":{"type":""#, kind, r#"",""#, member, r#"":"#] {
            out.extend_from_slice(part.as_bytes());
        }
        json(out, value);
        out.extend_from_slice(b"}}\n\n");
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if matches!(self.open, Open::Text { .. }) {
            self.cite_early(out);
        }
        let rest = match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => return,
            Open::Call { arguments, .. } => arguments.rest(),
            Open::Text { .. } | Open::Thinking { .. } => None,
        };
        if let Some(rest) = rest {
            self.delta("input_json_delta", "partial_json", &*rest, out);
        }
        self.of_block("content_block_stop", out);
        out.extend_from_slice(b"}\n\n");
    }

    /// An event about the open block, up to the members that follow its index.
    fn of_block(&self, kind: &'static str, out: &mut Vec<u8>) {
        event(kind, out);
        out.extend_from_slice(br#","index":"#);
        out.extend_from_slice(itoa::Buffer::new().format(self.blocks.saturating_sub(1)).as_bytes());
    }

    /// The message begins, once. What is known of its usage by now is in it.
    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        event("message_start", out);
        out.extend_from_slice(br#","message":{"id":"#);
        json(out, &self.head.id);
        out.extend_from_slice(br#","type":"message","role":"assistant","model":"#);
        json(out, &self.head.model);
        out.extend_from_slice(br#","content":[],"stop_reason":null,"stop_sequence":null,"usage":"#);
        json(out, &usage::write(&self.usage.unwrap_or_default().0, None));
        out.extend_from_slice(b"}}\n\n");
    }

    /// The numbers that count come here, where they are final.
    fn end(&mut self, out: &mut Vec<u8>) {
        self.release(true, out);
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.close(out);
        self.begin(out);
        let (reason, sequence) = self.stop.take().unwrap_or((StopReason::EndOfTurn, None));
        let (usage, cost) = self.usage.unwrap_or_default();
        event("message_delta", out);
        out.extend_from_slice(br#","delta":{"stop_reason":"#);
        json(out, stop_reason(reason, self.refused));
        out.extend_from_slice(br#","stop_sequence":"#);
        json(out, &sequence);
        out.extend_from_slice(br#"},"usage":"#);
        json(out, &usage::write(&usage, cost));
        out.extend_from_slice(b"}\n\n");
        event("message_stop", out);
        out.extend_from_slice(b"}\n\n");
    }

    /// More waits than is kept.
    fn give_up(&mut self, out: &mut Vec<u8>) {
        let (code, kind) = (Code::UpstreamGarbage.as_str(), Kind::Api.as_str());
        let message = "The upstream mixes the pieces of its tool calls beyond what is held back to sort them.";
        self.fail(&Failure { code, message, kind }, out);
    }
}

impl Encode for EventWriter {
    fn event(&mut self, event: &Event, cost: Option<Cost>, out: &mut Vec<u8>) {
        match event {
            // A failure is the last word: an end after it would make it look like success.
            _ if self.over => {}
            Event::Usage(usage) => self.usage = Some((*usage, cost)),
            Event::Stop { choice: 0, reason, sequence } => {
                self.release(true, out);
                self.stop.get_or_insert_with(|| (*reason, sequence.clone()));
            }
            Event::End => self.end(out),
            Event::Text { choice: 0, .. }
            | Event::Refusal { choice: 0, .. }
            | Event::Thinking { choice: 0, .. }
            | Event::RedactedThinking { .. }
            | Event::ToolStart { choice: 0, .. }
            | Event::ToolArguments { choice: 0, .. }
            | Event::Cited { choice: 0, .. } => self.tell(event, out),
            _ => {}
        }
    }

    fn fail(&mut self, why: &Failure<'_>, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.over, true) {
            out.extend(failure(why));
        }
    }
}

/// An event up to the members that follow its type.
fn event(kind: &'static str, out: &mut Vec<u8>) {
    for part in ["event: ", kind, "\ndata: {\"type\":\"", kind, "\""] {
        out.extend_from_slice(part.as_bytes());
    }
}

fn json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("strings and numbers are JSON, and memory takes all");
}
