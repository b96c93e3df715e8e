//! Where each event of an answer stands among the steps of an interaction. It writes nothing: a
//! stream and a whole answer are laid out by the same rules.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tollgate_api::{Citation, Event, Seal};

use super::citation::{Span, Written, written};
use super::ruler::Ruler;
use super::seals;

/// What becomes of the steps.
pub(super) enum Act<'a> {
    /// The step of this number begins; they are numbered from 0.
    Open(u32, Opening<'a>),
    /// Something is added to the step of this number.
    Add(u32, Addition<'a>),
    /// The step of this number is complete.
    Close(u32),
}

/// A step as it begins.
pub(super) enum Opening<'a> {
    Output,
    Thought,
    Call { id: &'a str, name: &'a str },
}

/// What can be added to a step.
pub(super) enum Addition<'a> {
    Text(&'a str),
    Image { media_type: &'a str, data: &'a str },
    Annotation(Written<'a>),
    Summary(&'a str),
    Signature(Cow<'a, str>),
    Arguments(&'a str),
}

/// How far an answer is laid out.
#[derive(Default)]
pub(super) struct Layout {
    /// Steps that began.
    steps: u32,
    open: Option<Open>,
    /// Calls whose arguments may still come, by their number in the answer.
    calls: BTreeMap<u32, Call>,
    text: Ruler,
    /// Where the text begins in which annotations count.
    base: usize,
}

/// The step that is open, beside calls.
#[derive(Clone, Copy)]
enum Open {
    Output(u32),
    Thought(u32),
}

struct Call {
    step: u32,
    brackets: Brackets,
}

impl Layout {
    /// Lays one event out. Answers beside the first have no place.
    pub(super) fn take<'a>(&mut self, event: &'a Event, act: &mut impl FnMut(Act<'a>)) {
        match event {
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } if !text.is_empty() => {
                let step = self.output(act);
                self.text.push(text);
                act(Act::Add(step, Addition::Text(text)));
            }
            Event::Image { choice: 0, media_type, data } => {
                let step = self.output(act);
                act(Act::Add(step, Addition::Image { media_type, data }));
                self.base = self.text.len();
            }
            Event::Cited { choice: 0, citation } => {
                let step = self.output(act);
                act(Act::Add(step, Addition::Annotation(written(citation, self.span(citation)))));
            }
            Event::Thinking { choice: 0, text, seal } if seal.is_some() || !text.is_empty() => {
                let step = self.thought(act);
                if !text.is_empty() {
                    act(Act::Add(step, Addition::Summary(text)));
                }
                if let Some(seal) = seal {
                    self.seal(step, seal, false, act);
                }
            }
            Event::RedactedThinking { seal } => self.sealed(seal, true, act),
            Event::ToolStart { choice: 0, index, id, name, seal } => {
                // Beside a call there is no place for a seal: Google puts it into a thought before.
                if let Some(seal) = seal {
                    self.sealed(seal, false, act);
                }
                let step = self.begin(Opening::Call { id, name }, act);
                self.calls.insert(*index, Call { step, brackets: Brackets::default() });
            }
            Event::ToolArguments { choice: 0, index, json } => {
                if let Some(call) = self.calls.get_mut(index) {
                    call.brackets.push(json);
                    act(Act::Add(call.step, Addition::Arguments(json)));
                }
            }
            Event::Stop { choice: 0, .. } => self.close(act),
            _ => {}
        }
    }

    /// Nothing more comes.
    pub(super) fn close<'a>(&mut self, act: &mut impl FnMut(Act<'a>)) {
        self.end_open(act);
        std::mem::take(&mut self.calls).into_values().for_each(|call| act(Act::Close(call.step)));
    }

    fn output<'a>(&mut self, act: &mut impl FnMut(Act<'a>)) -> u32 {
        if let Some(Open::Output(step)) = self.open {
            return step;
        }
        let step = self.begin(Opening::Output, act);
        self.open = Some(Open::Output(step));
        self.base = self.text.len();
        step
    }

    fn thought<'a>(&mut self, act: &mut impl FnMut(Act<'a>)) -> u32 {
        if let Some(Open::Thought(step)) = self.open {
            return step;
        }
        let step = self.begin(Opening::Thought, act);
        self.open = Some(Open::Thought(step));
        step
    }

    /// A thought of which there is nothing but the seal.
    fn sealed<'a>(&mut self, seal: &'a Seal, hidden: bool, act: &mut impl FnMut(Act<'a>)) {
        self.end_open(act);
        let step = self.thought(act);
        self.seal(step, seal, hidden, act);
    }

    /// A seal ends its thought.
    fn seal<'a>(&mut self, step: u32, seal: &'a Seal, hidden: bool, act: &mut impl FnMut(Act<'a>)) {
        act(Act::Add(step, Addition::Signature(seals::spelled(seal, hidden))));
        self.end_open(act);
    }

    /// Begins a step, after what is complete has ended.
    fn begin<'a>(&mut self, opening: Opening<'a>, act: &mut impl FnMut(Act<'a>)) -> u32 {
        self.end_open(act);
        self.calls.retain(|_, call| {
            let over = call.brackets.are_closed();
            if over {
                act(Act::Close(call.step));
            }
            !over
        });
        let step = self.steps;
        self.steps += 1;
        act(Act::Open(step, opening));
        step
    }

    fn end_open<'a>(&mut self, act: &mut impl FnMut(Act<'a>)) {
        if let Some(Open::Output(step) | Open::Thought(step)) = self.open.take() {
            act(Act::Close(step));
        }
    }

    /// The cited words in bytes of the text that is open, where they stand in it.
    fn span(&self, citation: &Citation) -> Option<Span> {
        let (start, end) = citation.cited?;
        let byte = |char: u64| self.text.byte(usize::try_from(char).unwrap_or(usize::MAX)).checked_sub(self.base);
        Some(Span { start_index: byte(start)?, end_index: byte(end)? })
    }
}

/// Whether a JSON object that comes in pieces is complete.
#[derive(Default)]
struct Brackets {
    depth: u64,
    begun: bool,
    in_string: bool,
    escaped: bool,
}

impl Brackets {
    fn push(&mut self, json: &str) {
        for byte in json.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => {
                    self.depth += 1;
                    self.begun = true;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn are_closed(&self) -> bool {
        self.begun && self.depth == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Brackets;

    #[test]
    fn an_object_in_pieces_is_closed_with_its_last_bracket_and_not_by_one_in_a_string() {
        let mut brackets = Brackets::default();
        for (piece, closed) in [("", false), ("{\"a", false), ("}\\\"}\":", false), ("[1]", false), ("}", true)] {
            brackets.push(piece);
            assert_eq!(brackets.are_closed(), closed, "{piece}");
        }
    }
}
