//! A Converse request, written from the neutral form. The path says the model, and whether to stream.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Number;
use tollgate_api::{Code, Refusal};

use super::blocks::{Block, Message, Writer};
use super::effort::Plan;
use super::family::Family;
use super::tools::{self, ToolConfig};
use super::{fields, members};
use crate::dialect::Dialect;
use crate::json::{Json, Members, invalid};
use crate::losses::Losses;
use crate::neutral::{Effort, Format, Request, TierAsked};
use crate::tier::word as tier_word;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Converse<'a> {
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inference_config: Option<Inference<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<ServiceTier<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    additional_model_request_fields: Members,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_model_response_field_paths: Option<&'static [&'static str]>,
    #[serde(flatten)]
    kept: BTreeMap<&'a str, &'a Json>,
}

#[derive(Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Inference<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text_format: Option<TextFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<Effort>,
}

#[derive(Serialize)]
struct TextFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    structure: Structure<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Structure<'a> {
    json_schema: JsonSchema<'a>,
}

#[derive(Serialize)]
struct JsonSchema<'a> {
    /// JSON in a string.
    schema: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct ServiceTier<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
}

/// Writes a request.
pub(super) fn write_request(request: &Request, losses: &mut Losses) -> Result<Vec<u8>, Refusal> {
    members::refuse(&request.unknown, losses)?;
    refuse_sampling(request, losses)?;
    let family = Family::of(&request.model);
    let plan = Plan::of(request, family);
    let (system, messages) = conversation(request, family, losses)?;
    let wire = Converse {
        messages,
        system,
        inference_config: inference(request, family, &plan),
        tool_config: tools::config(request, family, losses)?,
        output_config: output_config(request, plan.effort, losses)?,
        service_tier: tier(request, losses)?,
        additional_model_request_fields: fields::write(request, family, &plan, losses)?,
        additional_model_response_field_paths: paths(request, family),
        kept: members::kept(&request.unknown),
    };
    serde_json::to_vec(&wire).map_err(|_| Refusal::new(Code::Internal, "The request could not be written."))
}

/// Claude says which stop sequence it met, if asked: here in a whole answer, there in a stream.
fn paths(request: &Request, family: Family) -> Option<&'static [&'static str]> {
    let asks = matches!(family, Family::Claude(_)) && !request.sampling.stop.is_empty();
    let given = request.unknown.contains_key(members::PATHS);
    (asks && !given).then_some(&["/stop_sequence", "/delta/stop_sequence"])
}

/// What no model at Bedrock gives an answer to.
fn refuse_sampling(request: &Request, losses: &mut Losses) -> Result<(), Refusal> {
    if request.sampling.choices.is_some_and(|n| n > 1) {
        losses.lose("n", "above 1 does not exist at Amazon Bedrock")?;
    }
    if request.sampling.logprobs.is_some() {
        losses.lose("logprobs", "does not exist at Amazon Bedrock")?;
    }
    match request.sampling.max_output {
        Some(0) => Err(invalid("max_tokens", "must be at least 1")),
        _ => Ok(()),
    }
}

/// The system prompt beside the messages. A prompt alone is what the user says: Amazon wants a message.
fn conversation<'a>(
    request: &'a Request,
    family: Family,
    losses: &mut Losses,
) -> Result<(Vec<Block<'a>>, Vec<Message<'a>>), Refusal> {
    let mut writer = Writer::new(family, losses);
    let messages = writer.messages(&request.turns)?;
    if !messages.is_empty() {
        return Ok((writer.blocks(request.system.iter())?, messages));
    }
    match writer.alone(&request.system)? {
        alone if alone.is_empty() => Err(invalid("messages", "says nothing: send at least one message with content")),
        alone => Ok((Vec::new(), alone)),
    }
}

/// The cap and the sampling, without what Claude refuses: any beside thinking, or two at once.
fn inference<'a>(request: &'a Request, family: Family, plan: &Plan<'_>) -> Option<Inference<'a>> {
    let sampling = &request.sampling;
    let temperature = sampling.temperature.as_ref().filter(|_| !plan.rules_sampling);
    let both = temperature.is_some() && matches!(family, Family::Claude(_));
    let inference = Inference {
        max_tokens: plan.max_tokens(sampling.max_output),
        temperature: temperature.map(at_most_one),
        top_p: sampling.top_p.as_ref().filter(|_| !plan.rules_sampling && !both),
        stop_sequences: &sampling.stop,
    };
    let nothing = Inference { max_tokens: None, temperature: None, top_p: None, stop_sequences: &[] };
    (inference != nothing).then_some(inference)
}

/// OpenAI's scale ends at 2, Amazon's at 1, and past it is a 400.
fn at_most_one(temperature: &Number) -> Number {
    if temperature.as_f64().is_some_and(|t| t > 1.0) { Number::from(1) } else { temperature.clone() }
}

fn output_config<'a>(
    request: &'a Request,
    effort: Option<Effort>,
    losses: &mut Losses,
) -> Result<Option<OutputConfig<'a>>, Refusal> {
    let text_format = match &request.format {
        None => None,
        Some(Format::Schema { schema, name, .. }) => {
            let json_schema = JsonSchema { schema: schema.text(), name: name.as_deref() };
            Some(TextFormat { kind: "json_schema", structure: Structure { json_schema } })
        }
        Some(Format::JsonObject) => {
            let why = "of type `json_object` does not exist at Amazon Bedrock: send a `json_schema`";
            losses.lose("response_format", why)?;
            None
        }
    };
    let says_something = text_format.is_some() || effort.is_some();
    Ok(says_something.then_some(OutputConfig { text_format, effort }))
}

fn tier<'a>(request: &'a Request, losses: &mut Losses) -> Result<Option<ServiceTier<'a>>, Refusal> {
    let kind = match &request.tier {
        None | Some(TierAsked::Auto) => return Ok(None),
        Some(asked @ (TierAsked::Default | TierAsked::Flex | TierAsked::Priority)) => {
            tier_word(Dialect::Converse, asked).unwrap_or_default()
        }
        Some(TierAsked::Other(word)) if word == "reserved" => word,
        Some(TierAsked::Other(_)) => {
            losses.lose("service_tier", "must be `default`, `flex`, `priority` or `reserved` at Amazon Bedrock")?;
            return Ok(None);
        }
    };
    Ok(Some(ServiceTier { kind }))
}
