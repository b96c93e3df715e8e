//! A request for an interaction, read into the neutral form.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::{Edit, Refusal};

use super::input;
use crate::json::{self, Json, Members, Object, TextOr, invalid};
use crate::losses::Losses;
use crate::neutral::{Content, Effort, Format, Part, Reasoning, Request, Sampling, TierAsked, Tool, ToolChoice};

#[derive(Deserialize)]
struct WireTool {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    description: Option<String>,
    parameters: Option<Json>,
}

/// The shape of one kind of output; a list of them asks for several kinds.
#[derive(Deserialize)]
struct WireFormat {
    #[serde(rename = "type")]
    kind: Option<String>,
    mime_type: Option<String>,
    schema: Option<Json>,
}

#[derive(Deserialize)]
struct Allowing {
    allowed_tools: Allowed,
}

#[derive(Deserialize)]
struct Allowed {
    mode: Option<String>,
    tools: Option<Vec<String>>,
}

/// Reads a request.
pub(super) fn read_request(body: &[u8], edits: &[Edit], losses: &mut Losses) -> Result<Request, Refusal> {
    let mut object = Object::parse(body)?;
    object.apply(edits)?;
    let agent: Option<String> = object.take("agent")?;
    let mut request = Request {
        model: object.take("model")?.or_else(|| agent.clone()).unwrap_or_default(),
        stream: object.take("stream")?.unwrap_or_default(),
        system: system(&mut object)?,
        tier: object.take("service_tier")?.and_then(tier),
        ..Request::default()
    };
    if let Some(raw) = object.take::<&RawValue>("input")? {
        input::read(&mut request, raw, losses)?;
    }
    for (i, raw) in object.take_list("tools")?.into_iter().enumerate() {
        request.tools.push(tool(raw, &format!("tools[{i}]"))?);
    }
    let config = object.take::<&RawValue>("generation_config")?.map(|raw| config(&mut request, raw)).transpose()?;
    let other_format = format(&mut request, &mut object)?;
    request.unknown = object.rest();
    let unknown = &mut request.unknown;
    unknown.extend(agent.and_then(|agent| Some(("agent".to_owned(), word(&agent)?))));
    unknown.extend(other_format.map(|format| ("response_format".to_owned(), format)));
    unknown.extend(config.flatten().map(|config| ("generation_config".to_owned(), config)));
    // Google keeps what does not say otherwise; nobody else does.
    unknown.entry("store".to_owned()).or_insert_with(|| Json::parse("true").expect("it is JSON"));
    Ok(request)
}

fn system(object: &mut Object<'_>) -> Result<Vec<Part>, Refusal> {
    let Some(raw) = object.take::<&RawValue>("system_instruction")? else { return Ok(Vec::new()) };
    let text: TextOr<String> = json::read(raw, || "system_instruction".to_owned())?;
    Ok(text.into_list(|text| text).into_iter().map(|text| Content::Text(text).into()).collect())
}

fn tier(word: String) -> Option<TierAsked> {
    Some(match word.as_str() {
        "" => return None,
        "standard" => TierAsked::Default,
        "flex" => TierAsked::Flex,
        "priority" => TierAsked::Priority,
        _ => TierAsked::Other(word),
    })
}

fn tool(raw: &RawValue, path: &str) -> Result<Tool, Refusal> {
    let wire: WireTool = match json::read(raw, || path.to_owned()) {
        Ok(wire) => wire,
        Err(refusal) => return hosted(raw).ok_or(refusal),
    };
    if wire.kind.as_deref().is_some_and(|kind| kind != "function") {
        return Json::parse(raw.get()).map(Tool::Hosted).ok_or_else(|| invalid(path, "is not JSON"));
    }
    Ok(Tool::Function {
        name: wire.name.ok_or_else(|| invalid(&format!("{path}.name"), "is missing"))?,
        description: wire.description,
        schema: wire.parameters,
        strict: None,
        cache: None,
    })
}

/// A tool that Google runs: members of our names may be something else in it.
fn hosted(raw: &RawValue) -> Option<Tool> {
    let tool = Json::parse(raw.get())?;
    let kind = tool.kind()?;
    (kind != "function").then_some(Tool::Hosted(tool))
}

/// Reads how to generate; gives back the members that only Google understands.
fn config(request: &mut Request, raw: &RawValue) -> Result<Option<Json>, Refusal> {
    if !raw.get().starts_with('{') {
        return Err(invalid("generation_config", "must be an object"));
    }
    let mut config = Object::parse(raw.get().as_bytes())?;
    request.sampling = Sampling {
        max_output: of(&mut config, "max_output_tokens")?,
        temperature: of(&mut config, "temperature")?,
        top_p: of(&mut config, "top_p")?,
        stop: of(&mut config, "stop_sequences")?.unwrap_or_default(),
        seed: of(&mut config, "seed")?,
        ..Sampling::default()
    };
    if let Some(choice) = of::<Json>(&mut config, "tool_choice")? {
        tool_choice(request, &choice)?;
    }
    let level = of::<Json>(&mut config, "thinking_level")?;
    request.reasoning = level.as_ref().and_then(Json::to::<Effort>).map(Reasoning::Effort);
    let mut rest = config.rest();
    match level {
        // Thinking is shown to those who ask: a writer must not take this client for another's.
        Some(_) if request.reasoning.is_some() => {
            rest.entry("thinking_summaries".to_owned()).or_insert_with(|| Json::parse("\"none\"").expect("it is JSON"));
        }
        level => rest.extend(level.map(|level| ("thinking_level".to_owned(), level))),
    }
    Ok(as_json(&rest))
}

/// One member of it, taken out; a refusal names its place.
fn of<T: for<'a> Deserialize<'a>>(config: &mut Object<'_>, name: &'static str) -> Result<Option<T>, Refusal> {
    let raw = config.take::<&RawValue>(name)?;
    raw.map(|raw| json::read(raw, || format!("generation_config.{name}"))).transpose()
}

/// Which tools may be called. To allow only some of them is to bring no others.
fn tool_choice(request: &mut Request, given: &Json) -> Result<(), Refusal> {
    const PATH: &str = "generation_config.tool_choice";
    let wanted = || invalid(PATH, "must be `auto`, `any`, `none`, `validated` or an object with `allowed_tools`");
    if let Some(word) = given.to::<String>() {
        request.choice = Some(mode(&word).ok_or_else(wanted)?);
        return Ok(());
    }
    let Allowed { mode: word, tools } = given.to::<Allowing>().ok_or_else(wanted)?.allowed_tools;
    let choice = word.map_or(Some(ToolChoice::Auto), |word| mode(&word)).ok_or_else(wanted)?;
    request.choice = Some(match tools.as_deref() {
        Some([only]) if choice == ToolChoice::Required => ToolChoice::Named(only.clone()),
        Some(allowed) => {
            request.tools.retain(|tool| !matches!(tool, Tool::Function { name, .. } if !allowed.contains(name)));
            choice
        }
        None => choice,
    });
    Ok(())
}

fn mode(word: &str) -> Option<ToolChoice> {
    Some(match word {
        "auto" | "validated" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        _ => return None,
    })
}

/// Reads the shape of the answer; gives it back where it asks for more than text.
fn format(request: &mut Request, object: &mut Object<'_>) -> Result<Option<Json>, Refusal> {
    let mime_type: Option<String> = object.take("response_mime_type")?;
    let Some(given) = object.take::<Json>("response_format")? else {
        request.format = mime_type.filter(|kind| kind == "application/json").map(|_| Format::JsonObject);
        return Ok(None);
    };
    if asks_for_more_than_text(&given) {
        return Ok(Some(given));
    }
    let shape = only_shape(&given);
    let wire: WireFormat =
        shape.to().ok_or_else(|| invalid("response_format", "must be an object, or a list of them"))?;
    match (wire.kind.as_deref(), wire.schema) {
        (Some("text"), Some(schema)) => request.format = Some(Format::Schema { name: None, schema, strict: None }),
        (Some("text"), None) => {
            request.format = wire.mime_type.filter(|kind| kind == "application/json").map(|_| Format::JsonObject);
        }
        // Older clients send the schema itself.
        _ => request.format = Some(Format::Schema { name: None, schema: shape, strict: None }),
    }
    Ok(None)
}

/// Whether a `response_format` is one of Google's that the neutral form cannot say.
pub(super) fn asks_for_more_than_text(given: &Json) -> bool {
    let is_other = |kind: &str| matches!(kind, "audio" | "image" | "video");
    match given.to::<Vec<Json>>().as_deref() {
        Some([shape]) => shape.kind().as_deref().is_some_and(is_other),
        Some(_) => true,
        None => given.kind().as_deref().is_some_and(is_other),
    }
}

/// A shape, or the one in a list.
fn only_shape(given: &Json) -> Json {
    given.to::<[Json; 1]>().map_or_else(|| given.clone(), |[shape]| shape)
}

fn word(text: &str) -> Option<Json> {
    serde_json::to_string(text).ok().and_then(|json| Json::parse(&json))
}

fn as_json(members: &Members) -> Option<Json> {
    (!members.is_empty()).then(|| serde_json::to_string(members).ok()).flatten().and_then(|json| Json::parse(&json))
}
