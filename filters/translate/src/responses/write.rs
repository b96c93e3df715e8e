//! A Responses request, written from the neutral form.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Number;
use tollgate_api::{Code, Refusal};

use super::items::{self, Item};
use super::members;
use crate::anthropic;
use crate::dialect::Dialect;
use crate::json::Json;
use crate::losses::Losses;
use crate::neutral::{Content, Effort, Format, Part, Reasoning, Request, TierAsked, Tool, ToolChoice};
use crate::tier::word as tier_word;

/// The lowest cap on output that OpenAI takes.
const CAP_MIN: u64 = 16;
/// The longest `user` that OpenAI takes, in characters.
const USER_MAX: usize = 64;
/// The schema of a function without arguments.
const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{}}"#;
/// OpenAI's own words for tiers, beside those that vendors share.
const TIERS: [&str; 3] = ["fast", "scale", "ultrafast"];

#[derive(Serialize)]
struct Responses<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    input: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    reasoning: BTreeMap<String, Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    include: BTreeSet<String>,
    /// What the client sends us is kept nowhere else unless it asks for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(flatten)]
    unknown: BTreeMap<&'a str, &'a Json>,
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
        parameters: Cow<'a, Json>,
        strict: bool,
    },
    Freeform {
        #[serde(rename = "type")]
        kind: &'static str,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        format: Option<Cow<'a, Json>>,
    },
    Hosted(&'a Json),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Choice<'a> {
    Word(&'static str),
    Named {
        #[serde(rename = "type")]
        kind: &'static str,
        name: &'a str,
    },
}

#[derive(Serialize)]
struct Text<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<WireFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WireFormat<'a> {
    JsonObject,
    JsonSchema {
        name: &'a str,
        schema: &'a Json,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
}

/// Writes a request.
pub(super) fn write_request(request: &Request, losses: &mut Losses) -> Result<Vec<u8>, Refusal> {
    members::refuse(request, losses)?;
    let (instructions, input) = conversation(request, losses)?;
    let reasoning = reasoning(request);
    // Models that do not reason refuse to be asked for seals; newer ones give them unasked.
    let sealed = reasoning.contains_key("effort") || input.iter().any(|item| matches!(item, Item::Reasoning { .. }));
    let tools = tools(&request.tools, losses)?;
    let has_tools = !tools.is_empty();
    let unknown = members::kept(&request.unknown);
    let wire = Responses {
        model: &request.model,
        instructions,
        input,
        tool_choice: request.choice.as_ref().filter(|_| has_tools).map(|choice| tool_choice(choice, &request.tools)),
        parallel_tool_calls: request.parallel.filter(|_| has_tools),
        tools,
        max_output_tokens: request.sampling.max_output.map(|cap| cap.max(CAP_MIN)),
        temperature: request.sampling.temperature.as_ref(),
        top_p: request.sampling.top_p.as_ref(),
        top_logprobs: request.sampling.logprobs.filter(|count| *count > 0),
        text: text(request),
        reasoning,
        service_tier: tier(request, losses)?,
        // Claude Code's is longer, and would be a 400.
        user: request.user.as_deref().filter(|user| user.chars().count() <= USER_MAX),
        include: members::include(request, sealed),
        store: (!unknown.contains_key("store")).then_some(false),
        stream: request.stream,
        unknown,
    };
    serde_json::to_vec(&wire).map_err(|_| Refusal::new(Code::Internal, "The request could not be written."))
}

/// The system prompt beside the conversation. A prompt of several parts is the first item of it.
fn conversation<'a>(request: &'a Request, losses: &mut Losses) -> Result<(Option<&'a str>, Vec<Item<'a>>), Refusal> {
    let mut input = items::turns(request, losses)?;
    match &*request.system {
        [] => Ok((None, input)),
        [Part { content: Content::Text(text), .. }] if !input.is_empty() => Ok((Some(text), input)),
        // Without an item `input` would be empty, which OpenAI refuses.
        parts => {
            input.insert(0, items::system(parts));
            Ok((None, input))
        }
    }
}

/// How hard to think, and what else the client said of it.
fn reasoning(request: &Request) -> BTreeMap<String, Json> {
    let given = request.unknown.get("reasoning").and_then(Json::to::<BTreeMap<String, Json>>);
    let effort = match &request.reasoning {
        Some(Reasoning::Effort(effort)) => Some(*effort),
        Some(Reasoning::Budget(tokens)) => Some(anthropic::effort(*tokens)),
        Some(Reasoning::Thinking(_)) | None => None,
    };
    let effort = effort.and_then(|effort: Effort| Json::parse(&serde_json::to_string(&effort).ok()?));
    let known = |name: &String| matches!(name.as_str(), "summary" | "generate_summary" | "context" | "mode");
    let given = given.into_iter().flatten().filter(|(name, _)| known(name));
    given.chain(effort.map(|effort| ("effort".to_owned(), effort))).collect()
}

fn tools<'a>(tools: &'a [Tool], losses: &mut Losses) -> Result<Vec<WireTool<'a>>, Refusal> {
    let mut wire = Vec::with_capacity(tools.len());
    for (i, tool) in tools.iter().enumerate() {
        wire.push(match tool {
            Tool::Function { name, description, schema, strict, .. } => WireTool::Function {
                kind: "function",
                name,
                description: description.as_deref(),
                parameters: parameters(schema.as_ref()),
                // Left out it means `true` here, and `false` where the tool comes from.
                strict: strict.unwrap_or(false),
            },
            Tool::Freeform { name, description, format } => WireTool::Freeform {
                kind: "custom",
                name,
                description: description.as_deref(),
                format: format.as_ref().map(flat),
            },
            Tool::Hosted(json) if members::is_openais(json) => WireTool::Hosted(json),
            Tool::Hosted(_) => {
                losses.lose(&format!("tools[{i}]"), "is of a type that does not exist at OpenAI")?;
                continue;
            }
        });
    }
    Ok(wire)
}

fn parameters(schema: Option<&Json>) -> Cow<'_, Json> {
    schema.map_or_else(|| Cow::Owned(Json::parse(NO_ARGUMENTS).expect("it is JSON")), Cow::Borrowed)
}

/// A grammar as Responses puts it; Chat Completions has it one level deeper.
fn flat(format: &Json) -> Cow<'_, Json> {
    #[derive(serde::Deserialize)]
    struct Nested {
        grammar: BTreeMap<String, Json>,
    }
    let Some(Nested { mut grammar }) = format.to() else { return Cow::Borrowed(format) };
    grammar.extend(Json::parse(r#""grammar""#).map(|kind| ("type".to_owned(), kind)));
    let flat = serde_json::to_string(&grammar).ok().and_then(|text| Json::parse(&text));
    flat.map_or(Cow::Borrowed(format), Cow::Owned)
}

fn tool_choice<'a>(choice: &'a ToolChoice, tools: &[Tool]) -> Choice<'a> {
    match choice {
        ToolChoice::Auto => Choice::Word("auto"),
        ToolChoice::None => Choice::Word("none"),
        ToolChoice::Required => Choice::Word("required"),
        ToolChoice::Named(name) => {
            let freeform = items::freeform_names(tools).contains(name.as_str());
            Choice::Named { kind: if freeform { "custom" } else { "function" }, name }
        }
    }
}

fn text(request: &Request) -> Option<Text<'_>> {
    let format = request.format.as_ref().map(|format| match format {
        Format::JsonObject => WireFormat::JsonObject,
        Format::Schema { name, schema, strict } => {
            WireFormat::JsonSchema { name: name.as_deref().unwrap_or("answer"), schema, strict: *strict }
        }
    });
    let verbosity = request.verbosity.as_deref();
    (format.is_some() || verbosity.is_some()).then_some(Text { format, verbosity })
}

fn tier<'a>(request: &'a Request, losses: &mut Losses) -> Result<Option<&'a str>, Refusal> {
    Ok(match &request.tier {
        None => None,
        Some(TierAsked::Other(word)) if TIERS.contains(&word.as_str()) => Some(word),
        Some(asked) if tier_word(Dialect::Responses, asked).is_some() => tier_word(Dialect::Responses, asked),
        Some(_) => {
            losses.lose("service_tier", "is a word that OpenAI does not have")?;
            None
        }
    })
}
