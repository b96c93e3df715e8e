//! Parts of an assistant's message that requests and answers share: tool calls and thinking.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_api::{Event, Seal, Sealer};

use crate::dialect::Garbage;
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
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    /// JSON text in a string; some local servers send the object itself.
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

/// The tool calls of one choice so far.
#[derive(Default)]
pub(super) struct Calls(Vec<Call>);

struct Call {
    /// The index that the vendor gave it, which need not be ours.
    index: Option<u32>,
    id: String,
    argued: bool,
}

impl Calls {
    /// Whether there was any.
    pub(super) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Takes one piece.
    pub(super) fn fragment(&mut self, choice: u32, piece: Fragment<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        let id = Text::said(piece.id);
        let (name, arguments) = piece.function.map_or((None, None), |f| (Text::said(f.name), f.arguments));
        let number = match self.find(piece.index, id.as_deref(), name.is_some()) {
            Some(number) => number,
            None if self.0.len() == CALLS_MAX => {
                return Err(Garbage(format!("more than {CALLS_MAX} tool calls in one answer")));
            }
            None => {
                let number = self.0.len();
                let id = id.unwrap_or_else(|| format!("call_{choice}_{number}"));
                self.0.push(Call { index: piece.index, id: id.clone(), argued: false });
                let name = name.unwrap_or_default();
                out.push(Event::ToolStart { choice, index: place(number), id, name, seal: None });
                number
            }
        };
        let json = arguments.map(argument_text).filter(|json| !json.is_empty());
        if let Some(json) = json {
            self.0[number].argued = true;
            out.push(Event::ToolArguments { choice, index: place(number), json });
        }
        Ok(())
    }

    /// The call that a piece belongs to. Some vendors give every call of an answer the index 0, or
    /// none: another id is another call.
    fn find(&self, index: Option<u32>, id: Option<&str>, named: bool) -> Option<usize> {
        let same = |call: &Call| id.map_or(call.index == index || index.is_none(), |id| call.id == id);
        match self.0.iter().rposition(same) {
            Some(_) if id.is_none() && index.is_none() && named => None,
            // An id that changes from piece to piece, without a name, is still the same call.
            None if !named => self.0.iter().rposition(|call| call.index == index),
            found => found,
        }
    }

    /// The choice is over: a call without arguments has the empty object.
    pub(super) fn close(&mut self, choice: u32, out: &mut Vec<Event>) {
        for (number, call) in self.0.iter_mut().enumerate().filter(|(_, call)| !call.argued) {
            call.argued = true;
            out.push(Event::ToolArguments { choice, index: place(number), json: "{}".into() });
        }
    }
}

/// A call's number as events count; there are fewer than [`CALLS_MAX`].
fn place(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Arguments as JSON text: what is in the string, or the object as it stands.
pub(super) fn argument_text(raw: &RawValue) -> String {
    match raw.get() {
        "null" => String::new(),
        text if text.starts_with('"') => serde_json::from_str(text).unwrap_or_default(),
        text => text.to_owned(),
    }
}

/// One of `thinking_blocks`, as LiteLLM's users know them.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ThinkingBlock {
    /// Shown.
    Thinking {
        #[serde(default)]
        thinking: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// Hidden.
    RedactedThinking { data: String },
    /// Newer than this code.
    #[serde(other, skip_serializing)]
    Other,
}

impl ThinkingBlock {
    /// What it tells.
    pub(super) fn event(self, choice: u32) -> Option<Event> {
        match self {
            Self::Thinking { thinking, signature } => {
                let (text, signature) = (thinking.unwrap_or_default(), signature.filter(|s| !s.is_empty()));
                let something = signature.is_some() || !text.is_empty();
                let seal = signature.map(|signature| Seal::read(signature, Sealer::Anthropic));
                something.then_some(Event::Thinking { choice, text, seal })
            }
            Self::RedactedThinking { data } => {
                Some(Event::RedactedThinking { seal: Seal::read(data, Sealer::Anthropic) })
            }
            Self::Other => None,
        }
    }
}
