//! How hard to think, in each vendor's words.

use serde::Serialize;

use super::accent::Asks;
use crate::anthropic;
use crate::json::Json;
use crate::neutral::{Effort, Reasoning, Request, ToolChoice};

/// The members that say it.
#[derive(Default, Serialize)]
pub(super) struct Asked<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<Effort>,
    /// Groq's: apart from the answer, rather than within it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_format: Option<&'static str>,
    /// OpenRouter's and Together's.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningMember>,
    /// DeepSeek's and Z.AI's.
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ReasoningMember {
    Effort { effort: Effort },
    Tokens { max_tokens: u64 },
    Enabled { enabled: bool },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Thinking<'a> {
    Switch {
        #[serde(rename = "type")]
        kind: &'static str,
    },
    Given(&'a Json),
}

/// What is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// Nothing was said.
    Unsaid,
    /// That it thinks, as much as it sees fit.
    On,
    /// That it does not.
    Off,
    /// So much.
    Much(Effort),
    /// So many tokens, which are about so much.
    Tokens(u64, Effort),
}

impl Wish {
    fn of(request: &Request) -> Self {
        let near = |effort| request.accent.effort(effort);
        match &request.reasoning {
            None => Self::Unsaid,
            Some(Reasoning::Effort(Effort::None)) => Self::Much(Effort::None),
            Some(Reasoning::Effort(effort)) => Self::Much(near(*effort)),
            Some(Reasoning::Budget(tokens)) => Self::Tokens(*tokens, near(anthropic::effort(*tokens))),
            Some(Reasoning::Thinking(given)) if given.text().contains("\"disabled\"") => Self::Off,
            Some(Reasoning::Thinking(_)) => Self::On,
        }
    }

    fn effort(self) -> Option<Effort> {
        match self {
            Self::Much(effort) | Self::Tokens(_, effort) => Some(effort),
            Self::Unsaid | Self::On | Self::Off => None,
        }
    }

    fn is_off(self) -> bool {
        matches!(self, Self::Off | Self::Much(Effort::None))
    }
}

/// Asks for the effort that the request wants.
pub(super) fn asked(request: &Request) -> Asked<'_> {
    let wish = Wish::of(request);
    let forced = matches!(request.choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
    match request.accent.row().asks {
        Asks::EffortOrAsGiven => match &request.reasoning {
            Some(Reasoning::Thinking(given)) => Asked { thinking: Some(Thinking::Given(given)), ..Asked::default() },
            _ => Asked { reasoning_effort: wish.effort(), ..Asked::default() },
        },
        Asks::Effort => Asked { reasoning_effort: wish.effort(), ..Asked::default() },
        Asks::EffortAndFormat => Asked {
            reasoning_effort: wish.effort(),
            // Only models that think know it, and of those OpenAI's open ones do not.
            reasoning_format: (wish != Wish::Unsaid && !wish.is_off() && !request.model.contains("gpt-oss"))
                .then_some("parsed"),
            ..Asked::default()
        },
        Asks::EffortOrNot if wish.is_off() => {
            Asked { reasoning: Some(ReasoningMember::Enabled { enabled: false }), ..Asked::default() }
        }
        Asks::EffortOrNot => Asked { reasoning_effort: wish.effort(), ..Asked::default() },
        Asks::SwitchUnlessForced if forced && !request.tools.is_empty() => switched("disabled", None),
        Asks::Switch | Asks::SwitchUnlessForced => match wish {
            Wish::Unsaid => Asked::default(),
            wish if wish.is_off() => switched("disabled", None),
            wish => switched("enabled", wish.effort()),
        },
        Asks::Reasoning => Asked {
            reasoning: match wish {
                Wish::Unsaid => None,
                Wish::On => Some(ReasoningMember::Enabled { enabled: true }),
                Wish::Off => Some(ReasoningMember::Enabled { enabled: false }),
                Wish::Much(effort) => Some(ReasoningMember::Effort { effort }),
                Wish::Tokens(max_tokens, _) => Some(ReasoningMember::Tokens { max_tokens }),
            },
            ..Asked::default()
        },
    }
}

fn switched(kind: &'static str, reasoning_effort: Option<Effort>) -> Asked<'static> {
    Asked { thinking: Some(Thinking::Switch { kind }), reasoning_effort, ..Asked::default() }
}
