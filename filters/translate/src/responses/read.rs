//! A Responses request, read into the neutral form.
//!
//! It does not say what another vendor lacks: that is for [`super::members`], once it is known
//! where the request goes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::{Edit, Refusal};

use super::input;
use super::members::LOGPROBS;
use crate::json::{self, Json, Object, TextOr, invalid, unsupported};
use crate::losses::Losses;
use crate::neutral::{Content, Format, Reasoning, Request, Role, Sampling, TierAsked, Tool, ToolChoice};

#[derive(Deserialize)]
struct WireTool {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    description: Option<String>,
    parameters: Option<Json>,
    strict: Option<bool>,
    format: Option<Json>,
    cache_control: Option<Json>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    mode: Option<String>,
    tools: Option<Vec<Allowed>>,
}

#[derive(Deserialize)]
struct Allowed {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Text {
    format: Option<WireFormat>,
    verbosity: Option<String>,
}

#[derive(Deserialize)]
struct WireFormat {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    schema: Option<Json>,
    strict: Option<bool>,
}

/// Reads a request, with the edits that filters asked for.
pub(super) fn read_request(body: &[u8], edits: &[Edit], losses: &mut Losses) -> Result<Request, Refusal> {
    let mut object = Object::parse(body)?;
    object.apply(edits)?;
    let mut request = Request {
        model: object.take("model")?.unwrap_or_default(),
        stream: object.take("stream")?.unwrap_or_default(),
        parallel: object.take("parallel_tool_calls")?,
        sampling: sampling(&mut object)?,
        tier: object.take("service_tier")?.map(tier),
        user: object.take("user")?,
        ..Request::default()
    };
    if let Some(text) = object.take::<Text>("text")? {
        request.format = text.format.map(format).transpose()?.flatten();
        request.verbosity = text.verbosity;
    }
    if let Some(instructions) = object.take("instructions")? {
        input::instructions(&mut request, instructions, losses)?;
    }
    match object.take::<TextOr<Json>>("input")? {
        Some(TextOr::Text(text)) => request.say(Role::User, vec![Content::Text(text).into()]),
        Some(TextOr::List(items)) => input::items(&mut request, items, losses)?,
        None => {}
    }
    for (i, raw) in object.take_list("tools")?.into_iter().enumerate() {
        request.tools.push(tool(raw, &format!("tools[{i}]"))?);
    }
    if let Some(choice) = object.take::<Json>("tool_choice")? {
        tool_choice(&mut request, &choice, losses)?;
    }
    let rest = reasoning(&mut request, &mut object)?;
    request.unknown = object.rest();
    request.unknown.extend(rest.map(|rest| ("reasoning".to_owned(), rest)));
    logprobs(&mut request)?;
    Ok(request)
}

fn sampling(object: &mut Object<'_>) -> Result<Sampling, Refusal> {
    Ok(Sampling {
        max_output: object.take("max_output_tokens")?,
        temperature: object.take("temperature")?,
        top_p: object.take("top_p")?,
        logprobs: object.take("top_logprobs")?.filter(|count| *count > 0),
        // OpenAI has none of these; servers of open models do, and so do other vendors.
        top_k: object.take("top_k")?,
        frequency_penalty: object.take("frequency_penalty")?,
        presence_penalty: object.take("presence_penalty")?,
        seed: object.take("seed")?,
        ..Sampling::default()
    })
}

/// Logprobs are asked for by `include`, or by how many.
fn logprobs(request: &mut Request) -> Result<(), Refusal> {
    let Some(include) = request.unknown.get("include") else { return Ok(()) };
    let Some(names) = include.to::<Vec<String>>() else { return Err(invalid("include", "must be a list of names")) };
    if names.iter().any(|name| name == LOGPROBS) {
        request.sampling.logprobs.get_or_insert(0);
    }
    Ok(())
}

fn tier(word: String) -> TierAsked {
    match word.as_str() {
        "auto" => TierAsked::Auto,
        "default" => TierAsked::Default,
        "flex" => TierAsked::Flex,
        "priority" => TierAsked::Priority,
        _ => TierAsked::Other(word),
    }
}

fn format(format: WireFormat) -> Result<Option<Format>, Refusal> {
    match (format.kind.as_str(), format.schema) {
        ("text", _) => Ok(None),
        ("json_object", _) => Ok(Some(Format::JsonObject)),
        ("json_schema", Some(schema)) => Ok(Some(Format::Schema { name: format.name, schema, strict: format.strict })),
        ("json_schema", None) => Err(invalid("text.format.schema", "is missing")),
        _ => Err(unsupported("text.format", "must have the type `text`, `json_object` or `json_schema`")),
    }
}

/// Takes the effort out of `reasoning`, and gives back what else is in it.
fn reasoning(request: &mut Request, object: &mut Object<'_>) -> Result<Option<Json>, Refusal> {
    let Some(mut members) = object.take::<BTreeMap<String, Json>>("reasoning")? else { return Ok(None) };
    members.retain(|_, value| value.text() != "null");
    if let Some(effort) = members.remove("effort") {
        let effort = effort.to().ok_or_else(|| invalid("reasoning.effort", "must be one of the levels of effort"))?;
        request.reasoning = Some(Reasoning::Effort(effort));
    }
    let rest = serde_json::to_string(&members).ok().filter(|_| !members.is_empty());
    Ok(rest.and_then(|rest| Json::parse(&rest)))
}

fn tool(raw: &RawValue, path: &str) -> Result<Tool, Refusal> {
    let tool: WireTool = match json::read(raw, || path.to_owned()) {
        Ok(tool) => tool,
        Err(refusal) => return hosted(raw).ok_or(refusal),
    };
    let missing = || invalid(&format!("{path}.name"), "is missing");
    match tool.kind.as_str() {
        "function" => Ok(Tool::Function {
            name: tool.name.ok_or_else(missing)?,
            description: tool.description,
            schema: tool.parameters,
            strict: tool.strict,
            cache: tool.cache_control,
        }),
        "custom" => Ok(Tool::Freeform {
            name: tool.name.ok_or_else(missing)?,
            description: tool.description,
            format: tool.format,
        }),
        _ => Json::parse(raw.get()).map(Tool::Hosted).ok_or_else(|| invalid(path, "is not JSON")),
    }
}

/// A tool that OpenAI runs: members of our names may be something else in it.
fn hosted(raw: &RawValue) -> Option<Tool> {
    let tool = Json::parse(raw.get())?;
    let kind = tool.kind()?;
    (!matches!(kind.as_str(), "function" | "custom")).then_some(Tool::Hosted(tool))
}

/// Reads `tool_choice`. Where it allows only some tools, the others are taken away.
fn tool_choice(request: &mut Request, given: &Json, losses: &mut Losses) -> Result<(), Refusal> {
    const PATH: &str = "tool_choice";
    request.choice = match given.to::<String>().as_deref() {
        Some(word) => Some(choice_of(word)?),
        None => {
            let choice: Choice =
                given.to().ok_or_else(|| invalid(PATH, "must be a word or an object with a `type`"))?;
            match (choice.kind.as_str(), choice.name, choice.tools) {
                ("function" | "custom", Some(name), _) => Some(ToolChoice::Named(name)),
                ("allowed_tools", _, Some(allowed)) => {
                    let allowed: BTreeSet<_> = allowed.into_iter().filter_map(|tool| tool.name).collect();
                    request.tools.retain(|tool| name_of(tool).is_none_or(|name| allowed.contains(name)));
                    Some(choice_of(choice.mode.as_deref().unwrap_or("auto"))?)
                }
                _ => {
                    losses.lose(PATH, "must name a function: tools that OpenAI runs do not exist elsewhere")?;
                    None
                }
            }
        }
    };
    Ok(())
}

fn choice_of(word: &str) -> Result<ToolChoice, Refusal> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        _ => Err(invalid("tool_choice", "must be `auto`, `none`, `required` or a tool")),
    }
}

fn name_of(tool: &Tool) -> Option<&str> {
    match tool {
        Tool::Function { name, .. } | Tool::Freeform { name, .. } => Some(name),
        Tool::Hosted(_) => None,
    }
}
