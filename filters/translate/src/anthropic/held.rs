//! What must wait until a tool call is told to its end.
//!
//! Anthropic's blocks come strictly one after the other, and other vendors mix the pieces of
//! parallel calls. This keeps the later ones, in order.

use std::collections::{BTreeMap, VecDeque};

use tollgate_api::Event;

/// Most bytes that wait: more than any model writes while a call is open.
pub(super) const HELD_MAX: usize = 4 << 20;
/// What an event counts beside its text.
const EVENT_COST: usize = 128;

/// Events that wait.
#[derive(Default)]
pub(super) struct Held {
    queue: VecDeque<Later>,
    /// Where each call stands, counted from the first event that ever waited.
    calls: BTreeMap<u32, usize>,
    /// Events that wait no more.
    gone: usize,
    bytes: usize,
}

/// One of them.
pub(super) struct Later {
    /// What is told.
    pub(super) event: Event,
    /// All arguments of it so far, where it is the start of a call.
    pub(super) arguments: String,
}

impl Held {
    /// Keeps an event. Says whether there was room for it.
    pub(super) fn keep(&mut self, event: &Event) -> bool {
        self.bytes += EVENT_COST + length(event);
        if self.bytes > HELD_MAX {
            return false;
        }
        match (event, self.queue.back_mut().map(|last| &mut last.event)) {
            (Event::ToolArguments { index, json, .. }, _) => {
                let place = self.calls.get(index).and_then(|place| place.checked_sub(self.gone));
                if let Some(call) = place.and_then(|place| self.queue.get_mut(place)) {
                    call.arguments.push_str(json);
                }
            }
            (Event::Text { text: more, .. }, Some(Event::Text { text, .. })) => text.push_str(more),
            _ => {
                if let Event::ToolStart { index, .. } = event {
                    self.calls.insert(*index, self.gone + self.queue.len());
                }
                self.queue.push_back(Later { event: event.clone(), arguments: String::new() });
            }
        }
        true
    }

    /// Takes out the one that waits longest.
    pub(super) fn next(&mut self) -> Option<Later> {
        let next = self.queue.pop_front()?;
        self.gone += 1;
        if self.queue.is_empty() {
            self.bytes = 0;
        }
        Some(next)
    }
}

fn length(event: &Event) -> usize {
    match event {
        Event::Text { text, .. } | Event::Refusal { text, .. } => text.len(),
        Event::Thinking { text, seal, .. } => text.len() + seal.as_ref().map_or(0, |seal| seal.data.len()),
        Event::RedactedThinking { seal } => seal.data.len(),
        Event::ToolStart { id, name, seal, .. } => {
            id.len() + name.len() + seal.as_ref().map_or(0, |seal| seal.data.len())
        }
        Event::ToolArguments { json, .. } => json.len(),
        Event::Cited { citation, .. } => {
            let texts = [&citation.url, &citation.title, &citation.quote];
            texts.into_iter().flatten().map(String::len).sum()
        }
        _ => 0,
    }
}
