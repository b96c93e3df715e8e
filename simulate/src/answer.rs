//! What the model says: words, tool calls or an instance of a schema, before any wire format.

use crate::asked::{Asked, instance};
use crate::draw::Draw;
use crate::profile::{Fault, Profile};

/// Calls at most this many tools at once.
const CALLS_MAX: usize = 2;
const TOKENS_DEFAULT: u32 = 12;

/// An answer before it is written in a dialect.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) id: String,
    pub(crate) pieces: Vec<String>,
    pub(crate) calls: Vec<Call>,
    pub(crate) thinking: Option<String>,
    pub(crate) reports_usage: bool,
    /// Whether the cap ended it.
    pub(crate) is_cut_short: bool,
}

/// A tool call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

impl Answer {
    pub(crate) fn to(asked: &Asked, profile: &Profile, draw: &mut Draw) -> Self {
        let calls: Vec<Call> =
            asked.tools.iter().take(CALLS_MAX).map(|(name, schema)| call(name, schema, draw)).collect();
        let id = format!("{:016x}", draw.next());
        let mut pieces = if calls.is_empty() { pieces(asked, profile, draw) } else { Vec::new() };
        let wanted = pieces.len();
        // One piece is one token. An echo, a schema and tool calls are given whole: they are for other tests.
        let cap = asked.max_output.map_or(usize::MAX, |cap| usize::try_from(cap).unwrap_or(usize::MAX));
        pieces.truncate(cap);
        Self {
            id,
            is_cut_short: pieces.len() < wanted,
            pieces,
            calls,
            thinking: asked.thinking.then(|| "Let me think about the gate.".to_owned()),
            reports_usage: profile.fault != Fault::NoUsage,
        }
    }

    pub(crate) fn output_tokens(&self) -> u64 {
        let words = self.pieces.len() + self.calls.iter().map(|c| c.arguments.len() / 4 + 4).sum::<usize>();
        (words + self.thinking.as_ref().map_or(0, |t| t.len() / 4)) as u64
    }

    pub(crate) fn text(&self) -> String {
        self.pieces.concat()
    }
}

fn call(name: &str, schema: &serde_json::Value, draw: &mut Draw) -> Call {
    Call { id: format!("{:012x}", draw.next() >> 16), name: name.to_owned(), arguments: instance(schema).to_string() }
}

fn pieces(asked: &Asked, profile: &Profile, draw: &mut Draw) -> Vec<String> {
    if let Some(schema) = &asked.schema {
        return vec![instance(schema).to_string()];
    }
    if profile.echo {
        return vec![asked.last_text.clone()];
    }
    let mut pieces = draw.words(if profile.output_tokens == 0 { TOKENS_DEFAULT } else { profile.output_tokens });
    if asked.images > 0 {
        pieces.push(format!(" ({} images)", asked.images));
    }
    pieces
}
