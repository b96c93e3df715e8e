//! A Chat Completions request, read into the neutral form.

use serde::Deserialize;
use serde_json::Number;
use tollgate_api::{Edit, Refusal};

use super::{tools, turns};
use crate::anthropic;
use crate::json::{self, Json, Object, TextOr, invalid, unsupported};
use crate::losses::Losses;
use crate::neutral::{Effort, Format, Reasoning, Request, Sampling, TierAsked};

#[derive(Deserialize)]
struct ResponseFormat {
    #[serde(rename = "type")]
    kind: String,
    json_schema: Option<JsonSchema>,
}

#[derive(Deserialize)]
struct JsonSchema {
    name: Option<String>,
    schema: Option<Json>,
    strict: Option<bool>,
}

/// OpenRouter's way to ask for reasoning.
#[derive(Deserialize)]
struct Asked {
    effort: Option<Effort>,
    max_tokens: Option<u64>,
    enabled: Option<bool>,
}

/// Reads a request, with the edits that filters asked for.
pub(super) fn read_request(body: &[u8], edits: &[Edit], _losses: &mut Losses) -> Result<Request, Refusal> {
    let mut object = Object::parse(body)?;
    object.apply(edits)?;
    let mut request = Request {
        model: object.take("model")?.unwrap_or_default(),
        stream: object.take("stream")?.unwrap_or_default(),
        sampling: sampling(&mut object)?,
        format: response_format(&mut object)?,
        reasoning: reasoning(&mut object)?,
        verbosity: object.take("verbosity")?,
        tier: object.take::<String>("service_tier")?.map(tier),
        user: user(&mut object)?,
        ..Request::default()
    };
    // Whether usage is streamed is between the client and us.
    object.take::<Json>("stream_options")?;
    for (i, raw) in object.take_list("messages")?.into_iter().enumerate() {
        turns::say(&mut request, json::read(raw, || format!("messages[{i}]"))?, i)?;
    }
    tools::read(&mut object, &mut request)?;
    request.unknown = object.rest();
    Ok(request)
}

fn sampling(object: &mut Object<'_>) -> Result<Sampling, Refusal> {
    let (older, mistrals) = (object.take("max_tokens")?, object.take("random_seed")?);
    Ok(Sampling {
        max_output: object.take("max_completion_tokens")?.or(older),
        temperature: object.take("temperature")?,
        top_p: object.take("top_p")?,
        stop: object.take::<TextOr<String>>("stop")?.map_or_else(Vec::new, |stop| stop.into_list(|one| one)),
        top_k: object.take("top_k")?,
        frequency_penalty: object.take("frequency_penalty")?,
        presence_penalty: object.take("presence_penalty")?,
        seed: object.take("seed")?.or(mistrals),
        choices: object.take("n")?,
        logprobs: logprobs(object)?,
    })
}

/// `logprobs`, and of how many other tokens; Together's clients say both in one number.
fn logprobs(object: &mut Object<'_>) -> Result<Option<u64>, Refusal> {
    let others = object.take::<u64>("top_logprobs")?;
    let Some(given) = object.take::<Json>("logprobs")? else { return Ok(None) };
    match (given.to::<bool>(), given.to::<Number>().and_then(|number| number.as_u64())) {
        (Some(true), _) => Ok(Some(others.unwrap_or_default())),
        (Some(false), _) => Ok(None),
        (None, Some(number)) => Ok(Some(number)),
        (None, None) => Err(invalid("logprobs", "must be `true` or `false`")),
    }
}

fn response_format(object: &mut Object<'_>) -> Result<Option<Format>, Refusal> {
    let Some(format) = object.take::<ResponseFormat>("response_format")? else { return Ok(None) };
    match (format.kind.as_str(), format.json_schema) {
        ("text", _) => Ok(None),
        ("json_object", _) => Ok(Some(Format::JsonObject)),
        ("json_schema", Some(JsonSchema { name, schema: Some(schema), strict })) => {
            Ok(Some(Format::Schema { name, schema, strict }))
        }
        ("json_schema", _) => Err(invalid("response_format.json_schema.schema", "is missing")),
        _ => Err(unsupported("response_format", "must have the type `text`, `json_object` or `json_schema`")),
    }
}

/// `reasoning_effort`, OpenRouter's `reasoning`, or Anthropic's `thinking`, which says it most exactly.
fn reasoning(object: &mut Object<'_>) -> Result<Option<Reasoning>, Refusal> {
    let effort = object.take::<Effort>("reasoning_effort")?.map(Reasoning::Effort);
    let asked = object.take::<Asked>("reasoning")?.and_then(Asked::reasoning);
    let asked = effort.or(asked);
    match object.take::<Json>("thinking")? {
        Some(given) => Ok(Some(anthropic::thinking(given, asked))),
        None => Ok(asked),
    }
}

impl Asked {
    fn reasoning(self) -> Option<Reasoning> {
        match self {
            Self { enabled: Some(false), .. } => Some(Reasoning::Effort(Effort::None)),
            Self { max_tokens: Some(tokens), .. } => Some(Reasoning::Budget(tokens)),
            Self { effort: Some(effort), .. } => Some(Reasoning::Effort(effort)),
            Self { enabled: Some(true), .. } => Some(Reasoning::Effort(Effort::Medium)),
            _ => None,
        }
    }
}

/// What a word of any vendor's asks for.
fn tier(word: String) -> TierAsked {
    match word.as_str() {
        "auto" => TierAsked::Auto,
        "default" | "standard" | "on_demand" | "standard_only" => TierAsked::Default,
        "flex" => TierAsked::Flex,
        "priority" => TierAsked::Priority,
        _ => TierAsked::Other(word),
    }
}

/// Whom the client acts for: `user`, or what came after it at OpenAI.
fn user(object: &mut Object<'_>) -> Result<Option<String>, Refusal> {
    let newer = object.take("safety_identifier")?;
    Ok(object.take("user")?.or(newer))
}
