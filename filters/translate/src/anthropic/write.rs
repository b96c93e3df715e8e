//! A Messages request, written from the neutral form.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Number;
use tollgate_api::{Code, Refusal};

use super::blocks::{Block, Message, Writer};
use super::members;
use super::model::Version;
use super::thinking::{Plan, Thinking};
use super::tools::{self, Choice, WireTool};
use crate::dialect::Dialect;
use crate::json::{Json, invalid};
use crate::losses::Losses;
use crate::neutral::{Effort, Format, Request, TierAsked};
use crate::tier::word as tier_word;

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
    if request.sampling.choices.is_some_and(|n| n > 1) {
        losses.lose("n", "above 1 does not exist at Anthropic")?;
    }
    if request.sampling.logprobs.is_some() {
        losses.lose("logprobs", "does not exist at Anthropic")?;
    }
    let version = Version::of(&request.model);
    let plan = Plan::of(request, version);
    let max_tokens = plan.max_tokens(request.sampling.max_output)?;
    let samples = !plan.rules_sampling() && !version.thinks_adaptively();
    let (system, messages) = conversation(request, losses)?;
    let tools = tools::tools(&request.tools, version, losses)?;
    let mut unknown = members::kept(&request.unknown);
    let service_tier = tier(request.tier.as_ref(), losses)?;
    if service_tier.is_some() {
        unknown.remove("service_tier");
    }
    let wire = Messages {
        model: &request.model,
        max_tokens,
        system,
        messages,
        tool_choice: tools::tool_choice(request).filter(|_| !tools.is_empty()),
        tools,
        output_config: output_config(request, plan.effort, losses)?.filter(|_| !unknown.contains_key("output_config")),
        thinking: plan.thinking,
        temperature: request.sampling.temperature.as_ref().filter(|_| samples).map(at_most_one),
        top_p: request.sampling.top_p.as_ref().filter(|_| samples && request.sampling.temperature.is_none()),
        top_k: request.sampling.top_k.as_ref().filter(|_| samples),
        stop_sequences: &request.sampling.stop,
        metadata: metadata(request),
        service_tier,
        stream: request.stream,
        unknown,
    };
    serde_json::to_vec(&wire).map_err(|_| Refusal::new(Code::Internal, "The request could not be written."))
}

/// The system prompt beside the messages. A prompt alone is what the user says: Anthropic wants a
/// message.
fn conversation<'a>(request: &'a Request, losses: &mut Losses) -> Result<(Vec<Block<'a>>, Vec<Message<'a>>), Refusal> {
    let mut writer = Writer::new(&request.tools, losses);
    let messages = writer.messages(&request.turns)?;
    if !messages.is_empty() {
        return Ok((writer.blocks(&request.system)?, messages));
    }
    match writer.user(&request.system)? {
        alone if alone.is_empty() => Err(invalid("messages", "says nothing: send at least one message with content")),
        alone => Ok((Vec::new(), alone)),
    }
}

/// Anthropic's word for a tier: whether its contract may serve, or only what everybody gets.
fn tier(asked: Option<&TierAsked>, losses: &mut Losses) -> Result<Option<&'static str>, Refusal> {
    match asked {
        None => return Ok(None),
        Some(asked @ (TierAsked::Auto | TierAsked::Default)) => return Ok(tier_word(Dialect::Anthropic, asked)),
        Some(TierAsked::Flex) => losses.lose("service_tier", "must not be `flex`: Anthropic sells no such tier")?,
        Some(TierAsked::Priority) => {
            losses.lose(
                "service_tier",
                "must not be `priority`: Anthropic sells no such tier, only contracts, by `auto`",
            )?;
        }
        Some(TierAsked::Other(_)) => {
            losses.lose("service_tier", "must be `auto` or `standard_only`: Anthropic knows no other")?;
        }
    }
    Ok(None)
}

fn output_config<'a>(
    request: &'a Request,
    effort: Option<Effort>,
    losses: &mut Losses,
) -> Result<Option<OutputConfig<'a>>, Refusal> {
    let format = match &request.format {
        None => None,
        Some(Format::Schema { schema, .. }) => Some(WireFormat { kind: "json_schema", schema }),
        Some(Format::JsonObject) => {
            let what = "of type `json_object` does not exist at Anthropic: send a `json_schema`";
            losses.lose("response_format", what)?;
            None
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
