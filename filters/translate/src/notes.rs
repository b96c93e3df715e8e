//! How far a decoded answer has come: what is remembered of its events. It passes nothing on.

use smallvec::SmallVec;
use tollgate_api::{Event, Usage};

use crate::relay::Phase;

/// What has come of an answer so far.
#[derive(Debug)]
pub(crate) struct Notes {
    pub(crate) phase: Phase,
    pub(crate) usage: Option<Usage>,
    pub(crate) output_chars: u64,
    /// Choices that said something and not yet why they stopped; decoders bound their number.
    speaking: SmallVec<[u32; 4]>,
    /// Whether any choice said why it stopped.
    stopped: bool,
}

impl Notes {
    pub(crate) fn new() -> Self {
        Self { phase: Phase::Waiting, usage: None, output_chars: 0, speaking: SmallVec::new(), stopped: false }
    }

    /// Whether nothing more is to come.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended | Phase::Failed { .. })
    }

    /// Whether every choice that spoke said why it stopped: an answer that closes now is whole.
    pub(crate) fn may_end(&self) -> bool {
        self.stopped && self.speaking.is_empty()
    }

    pub(crate) fn take(&mut self, event: &Event) {
        match event {
            Event::Start { .. } | Event::Logprobs { .. } | Event::Cited { .. } => {}
            Event::Text { choice, text } | Event::Thinking { choice, text, .. } | Event::Refusal { choice, text } => {
                self.said(*choice, text);
            }
            Event::ToolArguments { choice, json, .. } => self.said(*choice, json),
            Event::ToolStart { choice, .. } | Event::Image { choice, .. } => self.begun(*choice),
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
