//! The tool calls of an answer, put together from the pieces in which they come.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::{Event, Seal};

use super::message::{Extra, argument_text};
use crate::dialect::Garbage;
use crate::freeform;
use crate::json::Text;

/// Tool calls in one choice, at most.
const CALLS_MAX: usize = 1024;

/// A piece of a tool call in a chunk; in a whole message, all of it.
#[derive(Deserialize)]
pub(super) struct Fragment<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
    #[serde(borrow)]
    custom: Option<Custom<'a>>,
    extra_content: Option<Extra>,
}

/// What is called, and with what; also the `function_call` of before there were tools.
#[derive(Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    /// JSON text in a string; some local servers send the object itself.
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Custom<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<Text<'a>>,
}

/// The tool calls of one choice so far.
#[derive(Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    /// Seals that came before the calls they belong to, which have these ids.
    keys: Vec<(String, Seal)>,
}

struct Call {
    /// The index that the vendor gave it, which need not be ours.
    index: Option<u32>,
    id: String,
    stage: Stage,
}

/// How far a call's arguments are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// None came.
    Unargued,
    /// Some came.
    Argued,
    /// Some came, of a tool that takes plain text: the JSON around it is ours to close.
    Open,
}

impl<'a> From<Function<'a>> for Fragment<'a> {
    fn from(function: Function<'a>) -> Self {
        Self { index: None, id: None, function: Some(function), custom: None, extra_content: None }
    }
}

impl Calls {
    /// Whether there was any.
    pub(super) fn any(&self) -> bool {
        !self.calls.is_empty()
    }

    /// The seal over the thinking that led to the call of this id, which is yet to come.
    pub(super) fn expect(&mut self, id: String, seal: Seal) -> Result<(), Garbage> {
        if self.keys.len() == CALLS_MAX {
            return Err(too_many());
        }
        self.keys.push((id, seal));
        Ok(())
    }

    /// Takes one piece.
    pub(super) fn fragment(&mut self, choice: u32, piece: Fragment<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        let Fragment { index, id, function, custom, extra_content } = piece;
        let id = Text::said(id);
        let (name, arguments, input) = match (function, custom) {
            (Some(Function { name, arguments }), _) => (Text::said(name), arguments, None),
            (None, Some(Custom { name, input })) => {
                (Text::said(name), None, Some(Text::said(input).unwrap_or_default()))
            }
            (None, None) => (None, None, None),
        };
        let number = match self.find(index, id.as_deref(), name.is_some()) {
            Some(number) => number,
            None => {
                let seal = extra_content.and_then(Extra::seal);
                self.begin(choice, index, id, name, seal, out)?
            }
        };
        if let Some(input) = input {
            self.text(choice, number, &input, out);
        } else if let Some(json) = arguments.map(argument_text).filter(|json| !json.is_empty()) {
            self.calls[number].stage = Stage::Argued;
            out.push(Event::ToolArguments { choice, index: place(number), json });
        }
        Ok(())
    }

    fn begin(
        &mut self,
        choice: u32,
        index: Option<u32>,
        id: Option<String>,
        name: Option<String>,
        seal: Option<Seal>,
        out: &mut Vec<Event>,
    ) -> Result<usize, Garbage> {
        let number = self.calls.len();
        if number == CALLS_MAX {
            return Err(too_many());
        }
        let id = id.unwrap_or_else(|| format!("call_{choice}_{number}"));
        let key = || Some(self.keys.swap_remove(self.keys.iter().position(|(of, _)| *of == id)?).1);
        let seal = seal.or_else(key);
        self.calls.push(Call { index, id: id.clone(), stage: Stage::Unargued });
        out.push(Event::ToolStart { choice, index: place(number), id, name: name.unwrap_or_default(), seal });
        Ok(number)
    }

    /// A piece of plain text, as the inside of the one string that the arguments hold.
    fn text(&mut self, choice: u32, number: usize, input: &str, out: &mut Vec<Event>) {
        let opens = self.calls[number].stage == Stage::Unargued;
        self.calls[number].stage = Stage::Open;
        let json = [if opens { freeform::OPEN } else { "" }, &freeform::escaped(input)].concat();
        if !json.is_empty() {
            out.push(Event::ToolArguments { choice, index: place(number), json });
        }
    }

    /// The call that a piece belongs to. Some vendors give every call of an answer the index 0, or
    /// none: another id is another call.
    fn find(&self, index: Option<u32>, id: Option<&str>, named: bool) -> Option<usize> {
        let same = |call: &Call| id.map_or(call.index == index || index.is_none(), |id| call.id == id);
        match self.calls.iter().rposition(same) {
            Some(_) if id.is_none() && index.is_none() && named => None,
            // An id that changes from piece to piece, without a name, is still the same call.
            None if !named => self.calls.iter().rposition(|call| call.index == index),
            found => found,
        }
    }

    /// The choice is over: a call without arguments has the empty object, and a seal whose call
    /// never came is still the seal over the thinking.
    pub(super) fn close(&mut self, choice: u32, out: &mut Vec<Event>) {
        for (number, call) in self.calls.iter_mut().enumerate() {
            let json = match std::mem::replace(&mut call.stage, Stage::Argued) {
                Stage::Argued => continue,
                Stage::Unargued => "{}",
                Stage::Open => freeform::CLOSE,
            };
            out.push(Event::ToolArguments { choice, index: place(number), json: json.into() });
        }
        let unclaimed = self.keys.drain(..).map(|(_, seal)| seal);
        out.extend(unclaimed.map(|seal| Event::Thinking { choice, text: String::new(), seal: Some(seal) }));
    }
}

fn too_many() -> Garbage {
    Garbage(format!("more than {CALLS_MAX} tool calls in one answer"))
}

/// A call's number as events count; there are fewer than [`CALLS_MAX`].
fn place(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
