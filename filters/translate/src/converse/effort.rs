//! How hard a model is asked to think, in the words of its family, and what must give way to it.

use super::family::Family;
use crate::anthropic;
use crate::neutral::{Effort, Reasoning, Request};

/// What was decided.
#[derive(Default)]
pub(super) struct Plan<'a> {
    /// Claude's `thinking` member.
    pub(super) thinking: Option<anthropic::Thinking<'a>>,
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
            (Family::Claude(version), _) => {
                let plan = Self::claude(anthropic::Plan::of(request, version));
                Self { rules_sampling: plan.rules_sampling || version.thinks_adaptively(), ..plan }
            }
            (_, None) => Self::default(),
            (Family::Nova { thinks: true }, Some(asked)) => Self::nova(request, asked),
            (Family::OpenAi, Some(asked)) => Self { openai: effort(asked), ..Self::default() },
            // An effort is a wish; what was said in Anthropic's words was meant for Claude.
            (Family::Unknown, Some(Reasoning::Budget(tokens))) => Self::claude(anthropic::Plan::budget(*tokens)),
            (Family::Unknown, Some(Reasoning::Thinking(given))) => Self::claude(anthropic::Plan::given(given)),
            (Family::Unknown | Family::Other | Family::Nova { thinks: false }, _) => Self::default(),
        }
    }

    /// As Claude is told.
    fn claude(plan: anthropic::Plan<'a>) -> Self {
        Self { rules_sampling: plan.rules_sampling(), thinking: plan.thinking, effort: plan.effort, ..Self::default() }
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
        asked.map(|cap| self.thinking.as_ref().map_or(cap, |thinking| thinking.above(cap)))
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
