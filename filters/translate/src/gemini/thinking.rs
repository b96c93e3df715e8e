//! How hard Gemini is asked to think: `thinkingConfig`, read and written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_api::Refusal;

use super::fields::Fields;
use super::model::{Model, Thinks};
use crate::anthropic;
use crate::json::Json;
use crate::neutral::{Effort, Reasoning};

/// `thinkingConfig`.
#[derive(Serialize, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) struct Thinking {
    #[serde(skip_serializing_if = "Option::is_none")]
    include_thoughts: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<String>,
}

/// What a client said of it in Google's own words, beside the neutral form.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Given {
    include_thoughts: Option<bool>,
    thinking_budget: Option<i64>,
}

/// Reads the member. What the neutral form cannot say stays in it: whether thoughts are shown, and
/// a budget that the model sets itself (-1).
pub(super) fn read(config: &mut Fields<'_>) -> Result<(Option<Reasoning>, Option<Json>), Refusal> {
    let Some(mut given) = config.take_fields("thinkingConfig")? else { return Ok((None, None)) };
    let level: Option<String> = given.take("thinkingLevel")?;
    let budget: Option<i64> = given.take("thinkingBudget")?;
    let shown: Option<bool> = given.take("includeThoughts")?;
    let effort = level.and_then(|level| match level.to_ascii_lowercase().as_str() {
        "minimal" => Some(Effort::Minimal),
        "low" => Some(Effort::Low),
        "medium" => Some(Effort::Medium),
        "high" => Some(Effort::High),
        _ => None,
    });
    let reasoning = match (effort, budget) {
        (Some(effort), _) => Some(Reasoning::Effort(effort)),
        (None, Some(0)) => Some(Reasoning::Effort(Effort::None)),
        (None, Some(tokens)) => u64::try_from(tokens).ok().map(Reasoning::Budget),
        (None, None) => None,
    };
    let left = Thinking {
        include_thoughts: shown,
        thinking_budget: budget.filter(|tokens| *tokens < 0 && effort.is_none()),
        thinking_level: None,
    };
    let left = (left != Thinking::default()).then(|| serde_json::to_string(&left).ok()).flatten();
    Ok((reasoning, left.and_then(|left| Json::parse(&left))))
}

/// Whether the client of this body wants to see thoughts.
pub(super) fn shown(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Body {
        #[serde(alias = "generation_config", rename = "generationConfig")]
        config: Option<Config>,
    }
    #[derive(Deserialize)]
    struct Config {
        #[serde(alias = "thinking_config", rename = "thinkingConfig")]
        thinking: Option<Shown>,
    }
    #[derive(Deserialize)]
    struct Shown {
        #[serde(alias = "include_thoughts", rename = "includeThoughts")]
        thoughts: Option<bool>,
    }
    let body: Option<Body> = serde_json::from_slice(body).ok();
    let thinking = body.and_then(|body| body.config).and_then(|config| config.thinking);
    thinking.and_then(|thinking| thinking.thoughts).unwrap_or_default()
}

/// The member for this model; `given` is what [`read`] left in the request.
pub(super) fn write(reasoning: Option<&Reasoning>, given: Option<&Json>, model: Model) -> Option<Thinking> {
    let given: Given = given.and_then(Json::to).unwrap_or_default();
    let asked = match reasoning {
        None => None,
        Some(Reasoning::Effort(effort)) => Some(Asked::Effort(*effort)),
        Some(Reasoning::Budget(tokens)) => Some(Asked::Budget(*tokens)),
        Some(Reasoning::Thinking(thinking)) => Some(anthropics(thinking)),
    };
    let mut wire = match model.thinks() {
        // Effort is a wish: a model that cannot think answers without.
        Thinks::Never => return None,
        Thinks::ByBudget { least, most } => {
            let tokens = asked.as_ref().and_then(Asked::tokens).map(|tokens| tokens.clamp(least, most));
            let tokens = tokens.and_then(|tokens| i64::try_from(tokens).ok());
            Thinking { thinking_budget: tokens.or(given.thinking_budget), ..Thinking::default() }
        }
        Thinks::ByLevel { minimal, medium } => {
            let level = asked.as_ref().and_then(Asked::effort).map(|effort| level(effort, minimal, medium));
            Thinking { thinking_level: level.map(Into::into), ..Thinking::default() }
        }
    };
    let thinks = asked.is_some_and(|asked| asked.effort() != Some(Effort::None));
    wire.include_thoughts = given.include_thoughts.or(thinks.then_some(true));
    (wire != Thinking::default()).then_some(wire)
}

/// What the client wants.
enum Asked {
    Effort(Effort),
    Budget(u64),
    /// As much as the model sees fit.
    Freely,
}

impl Asked {
    /// Google's own figures for OpenAI's words.
    fn tokens(&self) -> Option<u64> {
        match self {
            Self::Budget(tokens) => Some(*tokens),
            Self::Effort(Effort::None) => Some(0),
            Self::Effort(Effort::Minimal | Effort::Low) => Some(1024),
            Self::Effort(Effort::Medium) => Some(8192),
            Self::Effort(Effort::High) => Some(24_576),
            Self::Effort(Effort::XHigh | Effort::Max) => Some(32_768),
            Self::Freely => None,
        }
    }

    fn effort(&self) -> Option<Effort> {
        match self {
            Self::Effort(effort) => Some(*effort),
            Self::Budget(0) => Some(Effort::None),
            Self::Budget(tokens) => Some(anthropic::effort(*tokens)),
            Self::Freely => None,
        }
    }
}

/// Anthropic's `thinking` member: only whether it is on can be said here.
fn anthropics(thinking: &Json) -> Asked {
    let members: Option<BTreeMap<String, Json>> = thinking.to();
    let off = members.is_some_and(|members| members.get("type").is_some_and(|kind| kind.text() == "\"disabled\""));
    if off { Asked::Effort(Effort::None) } else { Asked::Freely }
}

/// The nearest word that the model knows. None of this generation can be kept from thinking.
fn level(effort: Effort, minimal: bool, medium: bool) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal if minimal => "minimal",
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium if medium => "medium",
        Effort::Medium | Effort::High | Effort::XHigh | Effort::Max => "high",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(reasoning: &Reasoning, model: &str) -> String {
        serde_json::to_string(&write(Some(reasoning), None, Model::of(model))).expect("JSON")
    }

    #[test]
    fn each_generation_is_told_in_its_own_words() {
        for (effort, flash_25, pro_25, flash_3, pro_3, flash_38) in [
            (Effort::None, "0", "128", "minimal", "low", "low"),
            (Effort::Minimal, "1024", "1024", "minimal", "low", "low"),
            (Effort::Medium, "8192", "8192", "medium", "high", "medium"),
            (Effort::Max, "24576", "32768", "high", "high", "high"),
        ] {
            let effort = Reasoning::Effort(effort);
            for (model, word) in [("gemini-2.5-flash", flash_25), ("gemini-2.5-pro", pro_25)] {
                let wire = written(&effort, model);
                assert!(wire.contains(&format!("\"thinkingBudget\":{word}}}")), "{model}: {wire}");
            }
            for (model, word) in
                [("gemini-3-flash-preview", flash_3), ("gemini-3-pro-preview", pro_3), ("gemini-3.8-flash", flash_38)]
            {
                let wire = written(&effort, model);
                assert!(wire.contains(&format!("\"thinkingLevel\":\"{word}\"")), "{model}: {wire}");
            }
            assert_eq!(written(&effort, "gemini-2.0-flash"), "null");
        }
    }

    #[test]
    fn thoughts_are_shown_where_thinking_is_asked_for() {
        let shows = |reasoning| written(&reasoning, "gemini-2.5-flash").contains("\"includeThoughts\":true");
        assert!(shows(Reasoning::Budget(5000)) && shows(Reasoning::Effort(Effort::Low)));
        assert!(!shows(Reasoning::Effort(Effort::None)));
        let thinking = |json: &str| Reasoning::Thinking(Json::parse(json).expect("JSON"));
        assert!(shows(thinking(r#"{"type":"adaptive"}"#)));
        assert_eq!(written(&thinking(r#"{"type":"disabled"}"#), "gemini-2.5-flash"), r#"{"thinkingBudget":0}"#);
    }
}
