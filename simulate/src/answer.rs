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
    /// The service tier it was served in; `None` for the dialect's ordinary one.
    pub(crate) tier: Option<String>,
}

/// A tool call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

impl Answer {
    pub(crate) fn to(asked: &Asked, profile: &Profile, tier: Option<&str>, draw: &mut Draw) -> Self {
        let begun = Self::begun(asked, profile, tier, draw);
        let mut pieces = if begun.calls.is_empty() { pieces(asked, profile, draw) } else { Vec::new() };
        let wanted = pieces.len();
        // One piece is one token. An echo, a schema and tool calls are given whole: they are for other tests.
        let cap = asked.max_output.map_or(usize::MAX, |cap| usize::try_from(cap).unwrap_or(usize::MAX));
        pieces.truncate(cap);
        Self { is_cut_short: pieces.len() < wanted, pieces, ..begun }
    }

    /// All that can be said of it before it has words.
    pub(crate) fn begun(asked: &Asked, profile: &Profile, tier: Option<&str>, draw: &mut Draw) -> Self {
        let calls = calls(asked, profile, draw);
        Self {
            id: format!("{:016x}", draw.next()),
            pieces: Vec::new(),
            calls,
            thinking: asked.thinking.then(|| "Let me think about the gate.".to_owned()),
            reports_usage: profile.fault != Fault::NoUsage,
            is_cut_short: false,
            tier: tier.map(str::to_owned),
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

fn calls(asked: &Asked, profile: &Profile, draw: &mut Draw) -> Vec<Call> {
    if profile.calls.is_empty() {
        let is_due = asked.turns.since_words < profile.turns.max(1) as usize;
        let tools = asked.tools.iter().filter(|_| is_due).take(CALLS_MAX);
        return tools.map(|(name, schema)| call(name, &instance(schema), draw)).collect();
    }
    let next = profile.calls.get(asked.turns.in_all);
    let brought = next.filter(|next| asked.tools.iter().any(|(name, _)| *name == next.tool));
    brought.map(|next| call(&next.tool, &next.arguments, draw)).into_iter().collect()
}

fn call(name: &str, arguments: &serde_json::Value, draw: &mut Draw) -> Call {
    Call { id: format!("{:012x}", draw.next() >> 16), name: name.to_owned(), arguments: arguments.to_string() }
}

fn pieces(asked: &Asked, profile: &Profile, draw: &mut Draw) -> Vec<String> {
    if let Some(schema) = &asked.schema {
        return vec![instance(schema).to_string()];
    }
    if let Some(words) = &profile.says {
        return vec![words.clone()];
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
