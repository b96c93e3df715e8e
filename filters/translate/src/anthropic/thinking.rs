//! How hard Claude is asked to think, and what must give way to it; at Amazon too.

use serde::Serialize;
use tollgate_api::{Refusal, Sealer};

use super::model::Version;
use crate::json::{Json, invalid};
use crate::neutral::{Content, Effort, Part, Reasoning, Request, Role, ToolChoice, Turn};

/// The output cap that Anthropic requires, where the client names none.
pub(super) const MAX_TOKENS_DEFAULT: u64 = 4096;
/// The smallest budget that Anthropic accepts.
const BUDGET_MIN: u64 = 1024;
/// The `type` of thinking with a budget.
pub(super) const MANUAL: &str = "enabled";

/// The `thinking` member.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Thinking<'a> {
    Budget {
        #[serde(rename = "type")]
        kind: &'static str,
        budget_tokens: u64,
    },
    Adaptive {
        #[serde(rename = "type")]
        kind: &'static str,
    },
    Given(&'a Json),
}

/// What was decided.
#[derive(Default)]
pub(crate) struct Plan<'a> {
    /// The `thinking` member.
    pub(crate) thinking: Option<Thinking<'a>>,
    /// `output_config.effort`.
    pub(crate) effort: Option<Effort>,
}

impl<'a> Plan<'a> {
    /// Decides for this request.
    pub(crate) fn of(request: &'a Request, version: Version) -> Self {
        let adaptive = version.thinks_adaptively();
        match &request.reasoning {
            None | Some(Reasoning::Effort(Effort::None)) => Self::default(),
            Some(Reasoning::Effort(_)) if forces_a_tool(request) => Self::default(),
            Some(Reasoning::Effort(effort)) if adaptive => Self::adaptive(*effort),
            Some(Reasoning::Budget(tokens)) if adaptive => Self::adaptive(effort(*tokens)),
            Some(Reasoning::Thinking(given)) if given.kind().as_deref() != Some(MANUAL) => Self::given(given),
            _ if calls_unthinking(request) => Self::default(),
            Some(Reasoning::Effort(effort)) => Self::budget(budget(*effort)),
            Some(Reasoning::Budget(tokens)) => Self::budget(*tokens),
            Some(Reasoning::Thinking(given)) => Self::given(given),
        }
    }

    /// In the client's words.
    pub(crate) fn given(given: &'a Json) -> Self {
        Self { thinking: Some(Thinking::Given(given)), effort: None }
    }

    /// With so many tokens to think.
    pub(crate) fn budget(tokens: u64) -> Self {
        let thinking = Thinking::Budget { kind: MANUAL, budget_tokens: tokens.max(BUDGET_MIN) };
        Self { thinking: Some(thinking), effort: None }
    }

    fn adaptive(effort: Effort) -> Self {
        // Anthropic has no word below `low`.
        Self { thinking: Some(Thinking::Adaptive { kind: "adaptive" }), effort: Some(effort.max(Effort::Low)) }
    }

    /// Whether sampling parameters must be left out.
    pub(crate) fn rules_sampling(&self) -> bool {
        matches!(self.thinking, Some(Thinking::Budget { .. } | Thinking::Adaptive { .. }))
    }

    /// The output cap: what the client allows, above the budget if there is one.
    pub(super) fn max_tokens(&self, asked: Option<u64>) -> Result<u64, Refusal> {
        match asked.unwrap_or(MAX_TOKENS_DEFAULT) {
            0 => Err(invalid("max_tokens", "must be at least 1")),
            cap => Ok(self.thinking.as_ref().map_or(cap, |thinking| thinking.above(cap))),
        }
    }
}

impl Thinking<'_> {
    /// A cap on output with room for the thinking, which counts as output.
    pub(crate) fn above(&self, cap: u64) -> u64 {
        match self {
            Self::Budget { budget_tokens, .. } if cap <= *budget_tokens => cap.saturating_add(*budget_tokens),
            _ => cap,
        }
    }
}

/// Effort is a wish: it gives way to a forced tool.
fn forces_a_tool(request: &Request) -> bool {
    matches!(request.choice, Some(ToolChoice::Required | ToolChoice::Named(_)))
}

/// Whether the model's last turn calls tools and does not begin with thinking that Anthropic sealed: it would be
/// refused where thinking has a budget. (Adaptive thinking may also not have thought.)
fn calls_unthinking(request: &Request) -> bool {
    let last = request.turns.iter().rfind(|turn| turn.role == Role::Assistant);
    last.is_some_and(|turn| calls_tools(turn) && !begins_sealed(turn))
}

fn calls_tools(turn: &Turn) -> bool {
    turn.parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. }))
}

/// Whether it begins with thinking, but for that which is left out.
fn begins_sealed(turn: &Turn) -> bool {
    let is_sealed = |part: &Part| match &part.content {
        Content::Thinking { seal, .. } => Some(seal.as_ref().is_some_and(|seal| seal.by == Sealer::Anthropic)),
        Content::RedactedThinking(seal) => Some(seal.by == Sealer::Anthropic),
        _ => None,
    };
    turn.parts.iter().map(is_sealed).find(|sealed| *sealed != Some(false)).flatten() == Some(true)
}

fn budget(effort: Effort) -> u64 {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => 1024,
        Effort::Medium => 4096,
        Effort::High => 16_384,
        Effort::XHigh | Effort::Max => 32_768,
    }
}

/// The effort that a budget stands for: the inverse of [`budget`].
pub(crate) fn effort(tokens: u64) -> Effort {
    match tokens {
        0..=1024 => Effort::Low,
        1025..=4096 => Effort::Medium,
        4097..=16_384 => Effort::High,
        _ => Effort::XHigh,
    }
}
