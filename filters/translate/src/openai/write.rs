//! A Chat Completions request, written from the neutral form in the accent of its upstream.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Number;
use tollgate_api::{Code, Refusal};

use super::accent::{Accent, Cap, Tier};
use super::effort::{self, Asked};
use super::messages::{self, Message};
use crate::freeform::{self, Grammar};
use crate::json::{Json, invalid, unsupported};
use crate::losses::Losses;
use crate::neutral::{Format, Request, Tool, ToolChoice};

/// What the writer says itself, or knows only as a way to say something: never passed on.
const OURS: [&str; 13] = [
    "counted_logprobs",
    "custom",
    "json_schema",
    "logprobs",
    "n",
    "random_seed",
    "reasoning_format",
    "seed",
    "stream_options",
    "top_k",
    "user",
    "user_id",
    "verbosity",
];

#[derive(Serialize)]
struct Chat<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(flatten)]
    sampling: Sampling<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(flatten)]
    effort: Asked<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(flatten)]
    unknown: BTreeMap<&'a str, &'a Json>,
}

#[derive(Serialize)]
struct Sampling<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    random_seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Logprobs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Logprobs {
    Wanted(bool),
    Counted(u64),
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct WireTool<'a> {
    #[serde(flatten)]
    kind: Kind<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<&'a Json>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Kind<'a> {
    Function { function: FunctionTool<'a> },
    Custom { custom: CustomTool<'a> },
}

#[derive(Serialize)]
struct FunctionTool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Cow<'a, Json>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
struct CustomTool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<CustomFormat>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum CustomFormat {
    Grammar { grammar: Grammar },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Choice<'a> {
    Word(&'static str),
    Named(NamedChoice<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum NamedChoice<'a> {
    Function { function: Named<'a> },
    Custom { custom: Named<'a> },
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat<'a> {
    JsonObject,
    JsonSchema { json_schema: JsonSchema<'a> },
}

#[derive(Serialize)]
struct JsonSchema<'a> {
    name: Cow<'a, str>,
    schema: &'a Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// Writes a request.
pub(super) fn write_request(request: &Request, losses: &mut Losses) -> Result<Vec<u8>, Refusal> {
    let accent = request.accent;
    let has_tools = !request.tools.is_empty();
    let user = request.user.as_deref();
    let chat = Chat {
        model: &request.model,
        messages: messages::messages(request, losses)?,
        tools: tools(request)?,
        tool_choice: request.choice.as_ref().filter(|_| has_tools).map(|choice| tool_choice(choice, request)),
        parallel_tool_calls: request.parallel.filter(|_| has_tools),
        sampling: sampling(request, losses)?,
        response_format: request.format.as_ref().map(|format| response_format(format, accent, losses)).transpose()?,
        effort: effort::asked(request),
        verbosity: request.verbosity.as_deref().filter(|_| accent.takes("verbosity")),
        service_tier: service_tier(request, losses)?,
        user: user.filter(|_| accent.takes("user") && !accent.takes("user_id")),
        user_id: user.filter(|_| accent.takes("user_id")),
        stream: request.stream,
        // Usage is always asked for: an answer nobody counted cannot be billed.
        stream_options: (request.stream && accent.takes("stream_options"))
            .then_some(StreamOptions { include_usage: true }),
        unknown: known(request)?,
    };
    serde_json::to_vec(&chat).map_err(|_| Refusal::new(Code::Internal, "The request could not be written."))
}

/// Of the members that the neutral form has no place for, those that the upstream knows: another
/// surface's own would be refused there.
fn known(request: &Request) -> Result<BTreeMap<&str, &Json>, Refusal> {
    let members = request.unknown.iter().map(|(name, value)| (name.as_str(), value));
    let known: BTreeMap<_, _> =
        members.filter(|(name, _)| request.accent.takes(name) && !OURS.contains(name)).collect();
    match known.get("safety_identifier").map(|given| given.to::<String>()) {
        Some(None) => Err(invalid("safety_identifier", "must be a string")),
        _ => Ok(known),
    }
}

fn sampling<'a>(request: &'a Request, losses: &mut Losses) -> Result<Sampling<'a>, Refusal> {
    let (accent, sampling) = (request.accent, &request.sampling);
    let vendor = accent.row().vendor;
    let mut missing = |member: &str, what: &str| losses.lose(member, &format!("{what} at {vendor}"));
    let n = match sampling.choices {
        Some(n) if !accent.takes("n") => {
            if n > 1 {
                missing("n", "above 1 does not exist")?;
            }
            None
        }
        n => n,
    };
    let logprobs = match sampling.logprobs {
        Some(_) if !accent.takes("logprobs") => {
            missing("logprobs", "do not exist")?;
            None
        }
        others => others,
    };
    let counted = accent.takes("counted_logprobs");
    let older = accent.row().cap == Cap::MaxTokens;
    Ok(Sampling {
        max_tokens: sampling.max_output.filter(|_| older),
        max_completion_tokens: sampling.max_output.filter(|_| !older),
        temperature: sampling.temperature.as_ref(),
        top_p: sampling.top_p.as_ref(),
        top_k: sampling.top_k.as_ref().filter(|_| accent.takes("top_k")),
        frequency_penalty: sampling.frequency_penalty.as_ref(),
        presence_penalty: sampling.presence_penalty.as_ref(),
        stop: &sampling.stop,
        seed: sampling.seed.filter(|_| accent.takes("seed")),
        random_seed: sampling.seed.filter(|_| !accent.takes("seed") && accent.takes("random_seed")),
        n,
        logprobs: logprobs
            .map(|others| if counted { Logprobs::Counted(others.max(1)) } else { Logprobs::Wanted(true) }),
        top_logprobs: logprobs.filter(|others| *others > 0 && !counted),
    })
}

fn service_tier<'a>(request: &'a Request, losses: &mut Losses) -> Result<Option<&'a str>, Refusal> {
    use crate::neutral::TierAsked;
    let Some(asked) = &request.tier else { return Ok(None) };
    match (request.accent.tier(asked), asked) {
        (Tier::Word(word), _) => Ok(Some(word)),
        (Tier::Given, TierAsked::Other(word)) => Ok(Some(word)),
        (Tier::Missing, _) => {
            let why = format!("asks for a tier that does not exist at {}", request.accent.row().vendor);
            losses.lose("service_tier", &why).map(|()| None)
        }
        (Tier::Unsaid | Tier::Given, _) => Ok(None),
    }
}

fn tools(request: &Request) -> Result<Vec<WireTool<'_>>, Refusal> {
    let accent = request.accent;
    let wire = |(i, tool)| match tool {
        &Tool::Function { ref name, ref description, ref schema, strict, ref cache } => {
            let (description, parameters) = (description.as_deref(), schema.as_ref().map(Cow::Borrowed));
            let function = FunctionTool { name, description, parameters, strict };
            let cache_control = cache.as_ref().filter(|_| accent.takes("cache_control"));
            Ok(WireTool { kind: Kind::Function { function }, cache_control })
        }
        Tool::Freeform { name, description, format } => Ok(WireTool {
            kind: freeform_tool(name, description.as_deref(), format.as_ref(), accent),
            cache_control: None,
        }),
        Tool::Hosted(_) => Err(unsupported(&format!("tools[{i}]"), "is a tool that only its own vendor runs")),
    };
    request.tools.iter().enumerate().map(wire).collect()
}

/// A tool of plain text, or the function that stands for it.
fn freeform_tool<'a>(name: &'a str, description: Option<&'a str>, format: Option<&Json>, accent: Accent) -> Kind<'a> {
    if accent.takes("custom") {
        let format = freeform::grammar(format).map(|grammar| CustomFormat::Grammar { grammar });
        return Kind::Custom { custom: CustomTool { name, description, format } };
    }
    let parameters = Some(Cow::Owned(freeform::schema(format)));
    Kind::Function { function: FunctionTool { name, description, parameters, strict: None } }
}

fn tool_choice<'a>(choice: &'a ToolChoice, request: &Request) -> Choice<'a> {
    let is_custom = |name: &str| {
        let is_this = |tool: &Tool| matches!(tool, Tool::Freeform { name: its, .. } if its == name);
        request.accent.takes("custom") && request.tools.iter().any(is_this)
    };
    match choice {
        ToolChoice::Auto => Choice::Word("auto"),
        ToolChoice::None => Choice::Word("none"),
        ToolChoice::Required => Choice::Word("required"),
        ToolChoice::Named(name) if is_custom(name) => Choice::Named(NamedChoice::Custom { custom: Named { name } }),
        ToolChoice::Named(name) => Choice::Named(NamedChoice::Function { function: Named { name } }),
    }
}

fn response_format<'a>(format: &'a Format, accent: Accent, losses: &mut Losses) -> Result<ResponseFormat<'a>, Refusal> {
    match format {
        Format::Schema { .. } if !accent.takes("json_schema") => {
            let why = format!("of type `json_schema` does not exist at {}: send a `json_object`", accent.row().vendor);
            losses.lose("response_format", &why).map(|()| ResponseFormat::JsonObject)
        }
        Format::JsonObject => Ok(ResponseFormat::JsonObject),
        Format::Schema { name, schema, strict } => {
            let name = name.as_deref().map_or(Cow::Borrowed("answer"), Cow::Borrowed);
            Ok(ResponseFormat::JsonSchema { json_schema: JsonSchema { name, schema, strict: *strict } })
        }
    }
}
