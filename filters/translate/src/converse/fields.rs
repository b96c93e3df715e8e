//! `additionalModelRequestFields`: what a model takes beside the common members, in its own vendor's
//! words. Read, and written.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use serde_json::value::to_raw_value;
use tollgate_api::Refusal;

use super::effort::Plan;
use super::family::Family;
use crate::anthropic;
use crate::json::{Json, Members};
use crate::losses::Losses;
use crate::neutral::{Effort, Format, Reasoning, Request, ToolChoice};

/// The member.
pub(super) const NAME: &str = "additionalModelRequestFields";

/// Anthropic's choice of tools, which says more than Converse's own.
#[derive(Deserialize)]
struct GivenChoice {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    disable_parallel_tool_use: Option<bool>,
}

#[derive(Deserialize)]
struct OutputConfig {
    effort: Option<Effort>,
    format: Option<WireFormat>,
}

#[derive(Deserialize)]
struct WireFormat {
    schema: Json,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NovaEffort {
    max_reasoning_effort: Effort,
}

/// Reads what is understood; the rest stays as it is.
pub(super) fn read(request: &mut Request, mut given: Members) {
    request.sampling.top_k = take(&mut given, "top_k");
    let config: Option<OutputConfig> = take(&mut given, "output_config");
    let (effort, format) = config.map_or((None, None), |config| (config.effort, config.format));
    let effort = take(&mut given, "reasoning_effort")
        .or_else(|| take(&mut given, "reasoningConfig").map(|nova: NovaEffort| nova.max_reasoning_effort))
        .or(effort);
    request.reasoning = effort.map(Reasoning::Effort).or(request.reasoning.take());
    if let Some(thinking) = take::<Json>(&mut given, "thinking") {
        request.reasoning = Some(anthropic::thinking(thinking, request.reasoning.take()));
    }
    if let Some(WireFormat { schema }) = format {
        request.format.get_or_insert(Format::Schema { name: None, schema, strict: None });
    }
    if let Some(choice) = take(&mut given, "tool_choice") {
        read_choice(request, choice);
    }
    request.parallel = request.parallel.or(take(&mut given, "parallel_tool_calls"));
    if !given.is_empty()
        && let Some(rest) = to_raw_value(&given).ok().and_then(|raw| Json::parse(raw.get()))
    {
        request.unknown.insert(NAME.into(), rest);
    }
}

fn read_choice(request: &mut Request, given: GivenChoice) {
    request.parallel = given.disable_parallel_tool_use.map(|disabled| !disabled);
    let choice = match (given.kind.as_str(), given.name) {
        ("auto", _) => ToolChoice::Auto,
        ("none", _) => ToolChoice::None,
        ("any", _) => ToolChoice::Required,
        ("tool", Some(name)) => ToolChoice::Named(name),
        _ => return,
    };
    request.choice = Some(choice);
}

/// Takes a member out, if it is one of these; else it stays.
fn take<T: DeserializeOwned>(given: &mut Members, name: &str) -> Option<T> {
    let value = given.get(name)?.to()?;
    given.remove(name);
    Some(value)
}

/// Claude's choice of tools, written.
#[derive(Serialize)]
struct Choice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_parallel_tool_use: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NovaReasoning {
    #[serde(rename = "type")]
    kind: &'static str,
    max_reasoning_effort: Effort,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NovaSampling<'a> {
    top_k: &'a Number,
}

/// Writes what this model takes. Where the client said something in the model's own words, that stands.
pub(super) fn write(
    request: &Request,
    family: Family,
    plan: &Plan<'_>,
    losses: &mut Losses,
) -> Result<Members, Refusal> {
    let mut fields = Members::new();
    let mut say = |name: &str, value: Json| fields.insert(name.to_owned(), value);
    if let Some(thinking) = &plan.thinking {
        say("thinking", json(thinking));
    }
    if let Some(effort) = plan.openai {
        say("reasoning_effort", json(&effort));
    }
    if let Some(max_reasoning_effort) = plan.nova {
        say("reasoningConfig", json(&NovaReasoning { kind: "enabled", max_reasoning_effort }));
    }
    match (family, &request.sampling.top_k) {
        _ if plan.rules_sampling => {}
        (Family::Claude(_), Some(top_k)) => drop(say("top_k", json(top_k))),
        (Family::Nova { .. }, Some(top_k)) => drop(say("inferenceConfig", json(&NovaSampling { top_k }))),
        _ => {}
    }
    if let Some(choice) = own_choice(request, family) {
        say("tool_choice", json(&choice));
    } else if request.parallel == Some(false) && !request.tools.is_empty() {
        match family {
            Family::OpenAi => drop(say("parallel_tool_calls", json(&false))),
            _ => losses.lose("parallel_tool_calls", "cannot be turned off for this model of Amazon Bedrock")?,
        }
    }
    fields.extend(request.unknown.get(NAME).and_then(Json::to::<Members>).unwrap_or_default());
    Ok(fields)
}

/// Whether Claude is told the choice in its own words, as Converse has none for it.
pub(super) fn owns_choice(request: &Request, family: Family) -> bool {
    own_choice(request, family).is_some()
}

/// Claude's choice in its own words: no tool, or one at a time.
fn own_choice(request: &Request, family: Family) -> Option<Choice<'_>> {
    let serial = request.parallel == Some(false);
    if !matches!(family, Family::Claude(_)) || request.tools.is_empty() {
        return None;
    }
    let (kind, name) = match &request.choice {
        Some(ToolChoice::None) => ("none", None),
        _ if !serial => return None,
        None | Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::Required) => ("any", None),
        Some(ToolChoice::Named(name)) => ("tool", Some(name.as_str())),
    };
    Some(Choice { kind, name, disable_parallel_tool_use: serial && kind != "none" })
}

fn json(value: &impl Serialize) -> Json {
    let text = serde_json::to_string(value).expect("words and numbers are JSON");
    Json::parse(&text).expect("it was just written")
}
