//! A `generateContent` request, read into the neutral form.

use serde_json::value::RawValue;
use tollgate_api::{Edit, Refusal};

use super::fields::Fields;
use super::schema::to_json_schema;
use super::{contents, thinking, tools};
use crate::json::{Json, Object};
use crate::losses::Losses;
use crate::neutral::{Format, Request, Sampling, TierAsked};

/// Reads a request, with the edits that filters asked for. The path says the model, and whether to
/// stream.
pub(super) fn read_request(body: &[u8], edits: &[Edit], losses: &mut Losses) -> Result<Request, Refusal> {
    let mut object = Object::parse(body)?;
    object.apply(edits)?;
    let mut request = Request {
        model: object.take("model")?.unwrap_or_default(),
        tier: either::<String>(&mut object, "serviceTier", "service_tier")?.and_then(tier),
        ..Request::default()
    };
    if let Some(raw) = either::<&RawValue>(&mut object, "systemInstruction", "system_instruction")? {
        request.system = contents::read_system(raw)?;
    }
    if let Some(raw) = object.take::<&RawValue>("contents")? {
        contents::read_contents(raw, &mut request, losses)?;
    }
    for (i, raw) in object.take_list("tools")?.into_iter().enumerate() {
        tools::read_tool(raw, &format!("tools[{i}]"), &mut request.tools)?;
    }
    if let Some(raw) = either::<&RawValue>(&mut object, "toolConfig", "tool_config")? {
        tools::read_config(raw, &mut request)?;
    }
    if let Some(raw) = either::<&RawValue>(&mut object, "generationConfig", "generation_config")? {
        config(raw, &mut request, losses)?;
    }
    for (name, json) in object.rest() {
        let name = super::fields::camel(&name);
        request.unknown.entry(name).or_insert(json);
    }
    Ok(request)
}

/// A member under either of its two names.
fn either<'a, T: serde::Deserialize<'a>>(
    object: &mut Object<'a>,
    camel: &'static str,
    snake: &'static str,
) -> Result<Option<T>, Refusal> {
    let older = object.take(snake)?;
    Ok(object.take(camel)?.or(older))
}

fn tier(word: String) -> Option<TierAsked> {
    Some(match word.to_ascii_lowercase().as_str() {
        "" | "unspecified" | "service_tier_unspecified" => return None,
        "standard" => TierAsked::Default,
        "flex" => TierAsked::Flex,
        "priority" => TierAsked::Priority,
        _ => TierAsked::Other(word),
    })
}

/// `generationConfig`. What only Google knows of it stays with the request.
fn config(raw: &RawValue, request: &mut Request, losses: &mut Losses) -> Result<(), Refusal> {
    let mut config = Fields::read(raw, "generationConfig")?;
    request.sampling = sampling(&mut config)?;
    request.format = format(&mut config, losses)?;
    let (reasoning, left) = thinking::read(&mut config)?;
    request.reasoning = reasoning;
    let mut rest: std::collections::BTreeMap<String, &RawValue> = config.rest();
    let left = left.as_ref().and_then(|left| serde_json::from_str(left.text()).ok());
    rest.extend(left.map(|left| ("thinkingConfig".to_owned(), left)));
    let text = serde_json::to_string(&rest).ok().filter(|_| !rest.is_empty());
    request.unknown.extend(text.and_then(|text| Some(("generationConfig".to_owned(), Json::parse(&text)?))));
    Ok(())
}

fn sampling(config: &mut Fields<'_>) -> Result<Sampling, Refusal> {
    let wants_logprobs = config.take::<bool>("responseLogprobs")? == Some(true);
    let others: Option<u64> = config.take("logprobs")?;
    Ok(Sampling {
        max_output: config.take("maxOutputTokens")?,
        temperature: config.take("temperature")?,
        top_p: config.take("topP")?,
        top_k: config.take("topK")?,
        stop: config.take("stopSequences")?.unwrap_or_default(),
        frequency_penalty: config.take("frequencyPenalty")?,
        presence_penalty: config.take("presencePenalty")?,
        seed: config.take("seed")?,
        choices: config.take("candidateCount")?,
        logprobs: wants_logprobs.then_some(others.unwrap_or_default()),
    })
}

/// The shape of the answer: a schema by any of its three names, or JSON alone.
fn format(config: &mut Fields<'_>, losses: &mut Losses) -> Result<Option<Format>, Refusal> {
    let media_type: Option<String> = config.take("responseMimeType")?;
    let googles: Option<Json> = config.take("responseSchema")?;
    // The name that it had first.
    let older: Option<Json> = config.take("_responseJsonSchema")?;
    let schema = config.take("responseJsonSchema")?.or(older).or(googles.map(to_json_schema));
    match (media_type.as_deref(), schema) {
        (Some("text/plain"), _) | (None, None) => Ok(None),
        (None | Some("application/json"), Some(schema)) => {
            Ok(Some(Format::Schema { name: None, schema, strict: None }))
        }
        (Some("application/json"), None) => Ok(Some(Format::JsonObject)),
        (Some(_), _) => {
            losses.lose("generationConfig.responseMimeType", "must be `application/json` or `text/plain`")?;
            Ok(None)
        }
    }
}
