//! A request for an interaction, written from the neutral form.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Number;
use tollgate_api::{Code, Refusal};

use super::conversation;
use super::members;
use super::steps::Step;
use crate::anthropic;
use crate::dialect::Dialect;
use crate::json::{Json, Members, invalid, unsupported};
use crate::losses::Losses;
use crate::neutral::{Effort, Format, Reasoning, Request, TierAsked, Tool, ToolChoice};
use crate::tier::word as tier_word;

/// The tools that Google runs.
const HOSTED: [&str; 9] = [
    "code_execution",
    "computer_use",
    "file_search",
    "google_maps",
    "google_search",
    "mcp_server",
    "retrieval",
    "tool_search",
    "url_context",
];

#[derive(Serialize)]
struct Create<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    input: Vec<Step<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation_config: Option<Config<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<TextFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(flatten)]
    unknown: BTreeMap<&'a str, Cow<'a, Json>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WireTool<'a> {
    Function {
        #[serde(rename = "type")]
        kind: &'static str,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        parameters: Option<&'a Json>,
    },
    Hosted(&'a Json),
}

#[derive(Default, PartialEq, Serialize)]
struct Config<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<Effort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(flatten)]
    other: Members,
}

#[derive(PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Choice<'a> {
    Auto,
    Any,
    None,
    #[serde(untagged)]
    Only {
        allowed_tools: Allowed<'a>,
    },
}

#[derive(PartialEq, Serialize)]
struct Allowed<'a> {
    mode: &'static str,
    tools: [&'a str; 1],
}

#[derive(Serialize)]
struct TextFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    mime_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a Json>,
}

/// Writes a request.
pub(super) fn write_request(request: &Request, losses: &mut Losses) -> Result<Vec<u8>, Refusal> {
    refuse(request, losses)?;
    let mut unknown: BTreeMap<_, _> =
        members::kept(&request.unknown).into_iter().map(|(name, json)| (name, Cow::Borrowed(json))).collect();
    // What is not said to be kept is not to be kept, whatever Google does by itself.
    unknown.entry("store").or_insert_with(|| Cow::Owned(Json::parse("false").expect("it is JSON")));
    let (system, input) = conversation::written(request);
    if input.is_empty() && !unknown.contains_key("previous_interaction_id") {
        return Err(invalid("input", "says nothing: send at least one text"));
    }
    let format = request.format.as_ref().map(response_format);
    if format.is_some() {
        unknown.remove("response_format");
    }
    let is_agent = request.unknown.contains_key("agent");
    let config = config(request);
    let create = Create {
        model: (!is_agent).then_some(&request.model),
        agent: is_agent.then_some(&request.model),
        input,
        system_instruction: system,
        tools: tools(&request.tools)?,
        generation_config: (config != Config::default()).then_some(config),
        response_format: format,
        service_tier: request.tier.as_ref().and_then(tier),
        stream: request.stream,
        unknown,
    };
    serde_json::to_vec(&create).map_err(|_| Refusal::new(Code::Internal, "The request could not be written."))
}

/// Refuses what the client would miss.
fn refuse(request: &Request, losses: &mut Losses) -> Result<(), Refusal> {
    members::refuse(&request.unknown, losses)?;
    let sampling = &request.sampling;
    if sampling.choices.is_some_and(|n| n > 1) {
        losses.lose("n", "above 1 does not exist at Google Interactions")?;
    }
    if sampling.logprobs.is_some() {
        losses.lose("logprobs", "does not exist at Google Interactions")?;
    }
    if request.parallel == Some(false) && !request.tools.is_empty() && request.choice != Some(ToolChoice::None) {
        losses.lose("parallel_tool_calls", "cannot be turned off at Google Interactions")?;
    }
    Ok(())
}

fn tier(asked: &TierAsked) -> Option<&str> {
    match asked {
        TierAsked::Other(word) if word == "deferred" => Some(word),
        asked => tier_word(Dialect::Interactions, asked),
    }
}

fn tools(tools: &[Tool]) -> Result<Vec<WireTool<'_>>, Refusal> {
    tools.iter().enumerate().map(|(i, one)| tool(one, i)).collect()
}

fn tool(tool: &Tool, number: usize) -> Result<WireTool<'_>, Refusal> {
    match tool {
        Tool::Function { name, description, schema, .. } => Ok(WireTool::Function {
            kind: "function",
            name,
            description: description.as_deref(),
            parameters: schema.as_ref(),
        }),
        Tool::Hosted(json) if is_googles(json) => Ok(WireTool::Hosted(json)),
        Tool::Hosted(_) | Tool::Freeform { .. } => {
            Err(unsupported(&format!("tools[{number}]"), "is of a type that does not exist at Google Interactions"))
        }
    }
}

/// Whether a hosted tool is in Google's words. OpenAI has a `file_search` too, over other stores.
fn is_googles(tool: &Json) -> bool {
    #[derive(serde::Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
        vector_store_ids: Option<serde::de::IgnoredAny>,
    }
    tool.to::<Kind>().is_some_and(|tool| HOSTED.contains(&&*tool.kind) && tool.vector_store_ids.is_none())
}

fn config(request: &Request) -> Config<'_> {
    let sampling = &request.sampling;
    let mut other = members::config(&request.unknown);
    let level = request.reasoning.as_ref().and_then(level);
    if level.is_some_and(|level| level > Effort::Minimal) {
        // Other vendors show what their models think to whoever asks them to.
        other.entry("thinking_summaries".to_owned()).or_insert_with(|| Json::parse("\"auto\"").expect("it is JSON"));
    }
    // What is said here a second time would be a duplicate member.
    let ours = ["max_output_tokens", "temperature", "top_p", "stop_sequences", "seed", "tool_choice"];
    other.retain(|name, _| !ours.contains(&&**name) && (level.is_none() || name != "thinking_level"));
    Config {
        max_output_tokens: sampling.max_output,
        temperature: sampling.temperature.as_ref(),
        top_p: sampling.top_p.as_ref(),
        stop_sequences: &sampling.stop,
        seed: sampling.seed,
        thinking_level: level,
        tool_choice: request.choice.as_ref().filter(|_| !request.tools.is_empty()).map(choice),
        other,
    }
}

/// Google's level for so much thinking; none of its models can be told not to think at all.
fn level(reasoning: &Reasoning) -> Option<Effort> {
    #[derive(serde::Deserialize)]
    struct Thinking {
        #[serde(rename = "type")]
        kind: String,
    }
    match reasoning {
        Reasoning::Effort(effort) => Some((*effort).clamp(Effort::Minimal, Effort::XHigh)),
        Reasoning::Budget(tokens) => Some(anthropic::effort(*tokens)),
        Reasoning::Thinking(given) => {
            given.to::<Thinking>().filter(|thinking| thinking.kind == "disabled").map(|_| Effort::Minimal)
        }
    }
}

fn choice(choice: &ToolChoice) -> Choice<'_> {
    match choice {
        ToolChoice::Auto => Choice::Auto,
        ToolChoice::None => Choice::None,
        ToolChoice::Required => Choice::Any,
        ToolChoice::Named(name) => Choice::Only { allowed_tools: Allowed { mode: "any", tools: [name] } },
    }
}

fn response_format(format: &Format) -> TextFormat<'_> {
    let schema = match format {
        Format::JsonObject => None,
        Format::Schema { schema, .. } => Some(schema),
    };
    TextFormat { kind: "text", mime_type: "application/json", schema }
}
