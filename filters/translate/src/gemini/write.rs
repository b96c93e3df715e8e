//! A `generateContent` request, written from the neutral form.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Number;
use tollgate_api::{Code, Refusal};

use super::members;
use super::model::Model;
use super::parts::{self, WireContent};
use super::thinking::{self, Thinking};
use super::tools::{self, Calling, WireTool};
use crate::dialect::Dialect;
use crate::json::{Json, invalid};
use crate::losses::Losses;
use crate::neutral::{Format, Request, TierAsked, Tool};
use crate::tier::word as tier_word;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Generate<'a> {
    contents: Vec<WireContent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<WireContent<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "ToolConfig::is_empty")]
    tool_config: ToolConfig,
    generation_config: Config<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_settings: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_content: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a Json>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    function_calling_config: Option<Calling>,
    #[serde(flatten)]
    rest: BTreeMap<String, Json>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<&'a Number>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<Thinking>,
    #[serde(flatten)]
    rest: BTreeMap<String, Json>,
}

/// Writes a request. The model, and whether to stream, are for the path to say.
pub(super) fn write_request(request: &Request, losses: &mut Losses) -> Result<Vec<u8>, Refusal> {
    members::refuse(&request.unknown, losses)?;
    let functions = request.tools.iter().filter(|tool| matches!(tool, Tool::Function { .. })).count();
    if request.parallel == Some(false) && functions > 0 {
        losses.lose("parallel_tool_calls", "cannot be turned off at Gemini")?;
    }
    let model = Model::of(&request.model);
    let (system_instruction, contents) = parts::conversation(request, model, losses)?;
    if contents.is_empty() {
        return Err(invalid("messages", "says nothing: send at least one message with content"));
    }
    let wire = Generate {
        contents,
        system_instruction,
        tools: tools::write_tools(&request.tools, losses)?,
        tool_config: ToolConfig {
            function_calling_config: tools::write_choice(request),
            rest: members::tool_config(&request.unknown),
        },
        generation_config: config(request, model),
        service_tier: tier(request.tier.as_ref(), losses)?,
        safety_settings: request.unknown.get("safetySettings"),
        cached_content: request.unknown.get("cachedContent"),
        labels: request.unknown.get("labels"),
    };
    serde_json::to_vec(&wire).map_err(|_| Refusal::new(Code::Internal, "The request could not be written."))
}

fn tier(asked: Option<&TierAsked>, losses: &mut Losses) -> Result<Option<&'static str>, Refusal> {
    Ok(match asked {
        None => None,
        Some(asked @ (TierAsked::Default | TierAsked::Flex | TierAsked::Priority)) => tier_word(Dialect::Gemini, asked),
        Some(TierAsked::Auto) => {
            losses.lose("service_tier", "of `auto` does not exist at Gemini: name `standard`, `flex` or `priority`")?;
            None
        }
        Some(TierAsked::Other(_)) => {
            losses.lose("service_tier", "must be `standard`, `flex` or `priority` at Gemini")?;
            None
        }
    })
}

fn config(request: &Request, model: Model) -> Config<'_> {
    let sampling = &request.sampling;
    let (response_mime_type, response_json_schema) = match &request.format {
        None => (None, None),
        Some(Format::JsonObject) => (Some("application/json"), None),
        Some(Format::Schema { schema, .. }) => (Some("application/json"), Some(schema)),
    };
    let given = members::thinking(&request.unknown);
    Config {
        max_output_tokens: sampling.max_output,
        temperature: sampling.temperature.as_ref(),
        top_p: sampling.top_p.as_ref(),
        top_k: sampling.top_k.as_ref(),
        stop_sequences: &sampling.stop,
        frequency_penalty: sampling.frequency_penalty.as_ref(),
        presence_penalty: sampling.presence_penalty.as_ref(),
        seed: sampling.seed.map(seed),
        candidate_count: sampling.choices,
        response_logprobs: sampling.logprobs.map(|_| true),
        logprobs: sampling.logprobs.filter(|others| *others > 0),
        response_mime_type,
        response_json_schema,
        thinking_config: thinking::write(request.reasoning.as_ref(), given.as_ref(), model),
        rest: members::config(&request.unknown),
    }
}

/// Google's seeds have 32 bits; the same seed still becomes the same.
#[allow(clippy::cast_possible_truncation)]
fn seed(seed: i64) -> i32 {
    seed as i32
}

impl ToolConfig {
    fn is_empty(&self) -> bool {
        self.function_calling_config.is_none() && self.rest.is_empty()
    }
}
