//! How hard a model is asked to think, in the words of its family, and what must give way to it.

use serde::Serialize;

use super::family::Family;
use crate::anthropic;
use crate::json::Json;
use crate::neutral::{Content, Effort, Reasoning, Request, Role, ToolChoice, Turn};

/// The smallest budget that Claude accepts.
const BUDGET_MIN: u64 = 1024;

/// Claude's `thinking` member.
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
    /// Claude's `thinking` member.
    pub(super) thinking: Option<Thinking<'a>>,
    /// Converse's own `outputConfig.effort`.
    pub(super) effort: Option<Effort>,
    /// `reasoning_effort`, in OpenAI's words.
    pub(super) openai: Option<Effort>,
    /// Nova's `maxReasoningEffort`.
    pub(super) nova: Option<Effort>,
    /// Whether sampling parameters must be left out.
    pub(super) rules_sampling: bool,
}

impl<'a> Plan<'a> {
    /// Decides for this request.
    pub(super) fn of(request: &'a Request, family: Family) -> Self {
        let asked = request.reasoning.as_ref().filter(|asked| !matches!(asked, Reasoning::Effort(Effort::None)));
        match (family, asked) {
            (Family::Claude(version), _) if version.thinks_adaptively() => Self {
                rules_sampling: true,
                ..asked.map_or_else(Self::default, |asked| Self::adaptive(request, asked))
            },
            (_, None) => Self::default(),
            (Family::Claude(_), Some(asked)) => Self::budget(request, asked),
            (Family::Nova { thinks: true }, Some(asked)) => Self::nova(request, asked),
            (Family::OpenAi, Some(asked)) => Self { openai: effort(asked), ..Self::default() },
            // An effort is a wish; what was said in Anthropic's words was meant for Claude.
            (Family::Unknown, Some(Reasoning::Budget(tokens))) => Self::tokens(*tokens),
            (Family::Unknown, Some(Reasoning::Thinking(given))) => {
                Self { thinking: Some(Thinking::Given(given)), ..Self::default() }
            }
            (Family::Unknown | Family::Other | Family::Nova { thinks: false }, _) => Self::default(),
        }
    }

    fn adaptive(request: &Request, asked: &'a Reasoning) -> Self {
        let thinking = match asked {
            Reasoning::Thinking(given) => Thinking::Given(given),
            Reasoning::Effort(_) if !may_think(request) => return Self::default(),
            Reasoning::Effort(_) | Reasoning::Budget(_) => Thinking::Adaptive { kind: "adaptive" },
        };
        // There is no word below `low`.
        Self {
            thinking: Some(thinking),
            effort: effort(asked).map(|effort| effort.max(Effort::Low)),
            ..Self::default()
        }
    }

    fn budget(request: &Request, asked: &'a Reasoning) -> Self {
        match asked {
            Reasoning::Thinking(given) => Self { thinking: Some(Thinking::Given(given)), ..Self::default() },
            Reasoning::Budget(tokens) => Self::tokens(*tokens),
            Reasoning::Effort(_) if !may_think(request) => Self::default(),
            Reasoning::Effort(effort) => Self::tokens(tokens(*effort)),
        }
    }

    fn tokens(tokens: u64) -> Self {
        let thinking = Thinking::Budget { kind: "enabled", budget_tokens: tokens.max(BUDGET_MIN) };
        Self { thinking: Some(thinking), rules_sampling: true, ..Self::default() }
    }

    /// Nova thinks hard only where nothing caps or steers its output: a cap is money, and stays.
    fn nova(request: &Request, asked: &Reasoning) -> Self {
        let sampling = &request.sampling;
        let free = sampling.max_output.is_none() && sampling.temperature.is_none() && sampling.top_p.is_none();
        let most = if free { Effort::High } else { Effort::Medium };
        Self { nova: effort(asked).map(|effort| effort.clamp(Effort::Low, most)), ..Self::default() }
    }

    /// The output cap: what the client allows, above Claude's budget if there is one.
    pub(super) fn max_tokens(&self, asked: Option<u64>) -> Option<u64> {
        match self.thinking {
            Some(Thinking::Budget { budget_tokens, .. }) => {
                asked.map(|cap| if cap <= budget_tokens { cap.saturating_add(budget_tokens) } else { cap })
            }
            _ => asked,
        }
    }
}

/// The effort that is asked for, where it can be put into a word.
fn effort(asked: &Reasoning) -> Option<Effort> {
    match asked {
        Reasoning::Effort(effort) => Some(*effort),
        Reasoning::Budget(tokens) => Some(anthropic::effort(*tokens)),
        Reasoning::Thinking(_) => None,
    }
}

/// The budget that an effort stands for: the inverse of [`anthropic::effort`].
fn tokens(effort: Effort) -> u64 {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => 1024,
        Effort::Medium => 4096,
        Effort::High => 16_384,
        Effort::XHigh | Effort::Max => 32_768,
    }
}

/// Whether Claude may think here. Effort is a wish: it gives way to a forced tool, and to a history
/// whose tool calls came without their sealed thinking.
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
