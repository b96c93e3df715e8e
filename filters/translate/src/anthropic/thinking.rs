//! How hard Claude is asked to think, and what must give way to it.

use serde::Serialize;
use tollgate_api::Refusal;

use super::model::Version;
use crate::json::{Json, invalid};
use crate::neutral::{Content, Effort, Reasoning, Request, Role, ToolChoice, Turn};

/// The output cap that Anthropic requires, where the client names none.
pub(super) const MAX_TOKENS_DEFAULT: u64 = 4096;
/// The smallest budget that Anthropic accepts.
const BUDGET_MIN: u64 = 1024;

/// The `thinking` member.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Thinking<'a> {
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
pub(super) struct Plan<'a> {
    /// The `thinking` member.
    pub(super) thinking: Option<Thinking<'a>>,
    /// `output_config.effort`.
    pub(super) effort: Option<Effort>,
}

impl<'a> Plan<'a> {
    /// Decides for this request.
    pub(super) fn of(request: &'a Request, version: Version) -> Self {
        match &request.reasoning {
            None | Some(Reasoning::Effort(Effort::None)) => Self::default(),
            Some(Reasoning::Thinking(given)) => Self { thinking: Some(Thinking::Given(given)), effort: None },
            Some(Reasoning::Budget(tokens)) if version.thinks_adaptively() => Self::adaptive(effort(*tokens)),
            Some(Reasoning::Budget(tokens)) => Self::budget(*tokens),
            Some(Reasoning::Effort(_)) if !may_think(request) => Self::default(),
            Some(Reasoning::Effort(effort)) if version.thinks_adaptively() => Self::adaptive(*effort),
            Some(Reasoning::Effort(effort)) => Self::budget(budget(*effort)),
        }
    }

    fn budget(tokens: u64) -> Self {
        let thinking = Thinking::Budget { kind: "enabled", budget_tokens: tokens.max(BUDGET_MIN) };
        Self { thinking: Some(thinking), effort: None }
    }

    fn adaptive(effort: Effort) -> Self {
        // Anthropic has no word below `low`.
        Self { thinking: Some(Thinking::Adaptive { kind: "adaptive" }), effort: Some(effort.max(Effort::Low)) }
    }

    /// Whether sampling parameters must be left out.
    pub(super) fn rules_sampling(&self) -> bool {
        matches!(self.thinking, Some(Thinking::Budget { .. } | Thinking::Adaptive { .. }))
    }

    /// The output cap: what the client allows, above the budget if there is one.
    pub(super) fn max_tokens(&self, asked: Option<u64>) -> Result<u64, Refusal> {
        let cap = asked.unwrap_or(MAX_TOKENS_DEFAULT);
        match self.thinking {
            _ if cap == 0 => Err(invalid("max_tokens", "must be at least 1")),
            Some(Thinking::Budget { budget_tokens, .. }) if cap <= budget_tokens => {
                Ok(cap.saturating_add(budget_tokens))
            }
            _ => Ok(cap),
        }
    }
}

/// Whether Anthropic would let this request think. Effort is a wish: it gives way to a forced
/// tool, and to a history whose tool calls came without their sealed thinking.
fn may_think(request: &Request) -> bool {
    let forced = matches!(request.choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
    let last = request.turns.iter().rfind(|turn| turn.role == Role::Assistant);
    !forced && last.is_none_or(|turn| !calls_tools(turn) || begins_sealed(turn))
}

fn calls_tools(turn: &Turn) -> bool {
    turn.parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. }))
}

fn begins_sealed(turn: &Turn) -> bool {
    let sealed =
        |content: &Content| matches!(content, Content::Thinking { seal: Some(_), .. } | Content::RedactedThinking(_));
    turn.parts.first().is_some_and(|part| sealed(&part.content))
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
