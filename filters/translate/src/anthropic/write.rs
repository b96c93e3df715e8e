//! A Messages request, written from the neutral form.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Number;
use tollgate_api::{Code, Refusal};

use super::blocks::{self, Block, Message};
use super::members;
use super::model::Version;
use super::thinking::{Plan, Thinking};
use crate::json::{Json, invalid, unsupported};
use crate::losses::Losses;
use crate::neutral::{Content, Effort, Format, Part, Request, TierAsked, Tool, ToolChoice};

#[derive(Serialize)]
struct Messages<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<&'a Number>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(flatten)]
    unknown: BTreeMap<&'a str, &'a Json>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WireTool<'a> {
    Function {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        input_schema: Cow<'a, Json>,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a Json>,
    },
    Hosted(&'a Json),
}

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
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<WireFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<Effort>,
}

#[derive(Serialize)]
struct WireFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: &'a Json,
}

#[derive(Serialize)]
struct Metadata<'a> {
    user_id: Cow<'a, str>,
}

/// Writes a request.
pub(super) fn write_request(request: &Request, losses: &mut Losses) -> Result<Vec<u8>, Refusal> {
    members::refuse(&request.unknown, losses)?;
    if request.sampling.logprobs.is_some() {
        losses.lose("logprobs", "do not exist at Anthropic")?;
    }
    if holds_sound(request) {
        losses.lose("messages", "hold a sound: Anthropic's models hear none")?;
    }
    if request.sampling.choices.is_some_and(|n| n > 1) {
        losses.lose("n", "above 1 does not exist at Anthropic")?;
    }
    let version = Version::of(&request.model);
    let plan = Plan::of(request, version);
    let max_tokens = plan.max_tokens(request.sampling.max_output)?;
    let samples = !plan.rules_sampling() && !version.thinks_adaptively();
    let (system, messages) = conversation(request)?;
    let mut unknown = members::kept(&request.unknown);
    if !samples {
        unknown.remove("top_k");
    }
    let wire = Messages {
        model: &request.model,
        max_tokens,
        system,
        messages,
        tools: tools(&request.tools, version)?,
        tool_choice: tool_choice(request),
        output_config: output_config(request, plan.effort)?.filter(|_| !unknown.contains_key("output_config")),
        thinking: plan.thinking,
        temperature: request.sampling.temperature.as_ref().filter(|_| samples).map(at_most_one),
        top_p: request.sampling.top_p.as_ref().filter(|_| samples && request.sampling.temperature.is_none()),
        stop_sequences: &request.sampling.stop,
        top_k: request.sampling.top_k.as_ref().filter(|_| samples && !unknown.contains_key("top_k")),
        metadata: metadata(request),
        service_tier: service_tier(request).filter(|_| !unknown.contains_key("service_tier")),
        stream: request.stream,
        unknown,
    };
    serde_json::to_vec(&wire).map_err(|_| Refusal::new(Code::Internal, "The request could not be written."))
}

fn holds_sound(request: &Request) -> bool {
    let is_sound = |part: &Part| matches!(part.content, Content::Audio(_));
    request.turns.iter().flat_map(|turn| &turn.parts).any(|part| match &part.content {
        Content::ToolResult { parts, .. } => parts.iter().any(is_sound),
        _ => is_sound(part),
    })
}

/// Anthropic's word for a tier; one that it has no word for is a wish that it cannot grant.
fn service_tier(request: &Request) -> Option<&'static str> {
    match request.tier.as_ref()? {
        TierAsked::Auto => Some("auto"),
        TierAsked::Default => Some("standard_only"),
        TierAsked::Flex | TierAsked::Priority | TierAsked::Other(_) => None,
    }
}

/// The system prompt beside the messages. A prompt alone is what the user says: Anthropic wants a
/// message.
fn conversation(request: &Request) -> Result<(Vec<Block<'_>>, Vec<Message<'_>>), Refusal> {
    let messages = blocks::messages(&request.turns);
    if !messages.is_empty() {
        return Ok((blocks::blocks(&request.system), messages));
    }
    match blocks::user(&request.system) {
        alone if alone.is_empty() => Err(invalid("messages", "says nothing: send at least one message with content")),
        alone => Ok((Vec::new(), alone)),
    }
}

fn tools(tools: &[Tool], version: Version) -> Result<Vec<WireTool<'_>>, Refusal> {
    let wire = |(i, tool)| match tool {
        &Tool::Function { ref name, ref description, ref schema, strict, ref cache } => Ok(WireTool::Function {
            name,
            description: description.as_deref(),
            input_schema: input_schema(schema.as_ref()),
            strict: strict.filter(|strict| *strict && version.knows_strict()),
            cache_control: cache.as_ref(),
        }),
        Tool::Hosted(json) if is_anthropics(json) => Ok(WireTool::Hosted(json)),
        Tool::Hosted(_) | Tool::Freeform { .. } => {
            Err(unsupported(&format!("tools[{i}]"), "is of a type that does not exist at Anthropic"))
        }
    };
    tools.iter().enumerate().map(wire).collect()
}

/// Whether a hosted tool is in Anthropic's words; `custom` is OpenAI's free-form tool.
fn is_anthropics(tool: &Json) -> bool {
    #[derive(serde::Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    tool.to::<Kind>().is_some_and(|tool| tool.kind != "custom")
}

/// A schema whose `type` is said: Anthropic refuses one without, which OpenAI takes.
fn input_schema(schema: Option<&Json>) -> Cow<'_, Json> {
    #[derive(serde::Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: Option<serde::de::IgnoredAny>,
    }
    let Some((schema, members)) = schema.and_then(|schema| Some((schema, schema.text().strip_prefix('{')?))) else {
        return Cow::Owned(Json::parse(r#"{"type":"object","properties":{}}"#).expect("it is JSON"));
    };
    if schema.to::<Typed>().is_some_and(|typed| typed.kind.is_some()) {
        return Cow::Borrowed(schema);
    }
    let comma = if members.trim_start().starts_with('}') { "" } else { "," };
    Json::parse(&format!(r#"{{"type":"object"{comma}{members}"#)).map_or(Cow::Borrowed(schema), Cow::Owned)
}

/// The choice of tools: only ever beside tools, and never without a type.
fn tool_choice(request: &Request) -> Option<Choice<'_>> {
    let serial = request.parallel == Some(false);
    let (kind, name) = match request.choice.as_ref() {
        _ if request.tools.is_empty() => return None,
        None if !serial => return None,
        None | Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Required) => ("any", None),
        Some(ToolChoice::Named(name)) => ("tool", Some(name.as_str())),
    };
    Some(Choice { kind, name, disable_parallel_tool_use: serial && kind != "none" })
}

fn output_config(request: &Request, effort: Option<Effort>) -> Result<Option<OutputConfig<'_>>, Refusal> {
    let format = match &request.format {
        None => None,
        Some(Format::Schema { schema, .. }) => Some(WireFormat { kind: "json_schema", schema }),
        Some(Format::JsonObject) => {
            let what = "of type `json_object` does not exist at Anthropic: send a `json_schema`";
            return Err(unsupported("response_format", what));
        }
    };
    let says_something = format.is_some() || effort.is_some();
    Ok(says_something.then_some(OutputConfig { format, effort }))
}

/// OpenAI's scale ends at 2, Anthropic's at 1, and past it is a 400.
fn at_most_one(temperature: &Number) -> Number {
    if temperature.as_f64().is_some_and(|t| t > 1.0) { Number::from(1) } else { temperature.clone() }
}

/// Whom the client acts for: all that Anthropic takes of `metadata`.
fn metadata(request: &Request) -> Option<Metadata<'_>> {
    #[derive(serde::Deserialize)]
    struct Given {
        user_id: String,
    }
    let given = request.unknown.get("metadata").and_then(Json::to::<Given>);
    let given = given.map(|given| Cow::Owned(given.user_id));
    given.or_else(|| request.user.as_deref().map(Cow::Borrowed)).map(|user_id| Metadata { user_id })
}
