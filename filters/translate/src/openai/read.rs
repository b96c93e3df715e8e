//! A Chat Completions request, read into the neutral form.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::{Edit, Refusal, Seal, Sealer};

use super::message::{ThinkingBlock, argument_text};
use crate::anthropic;
use crate::json::{self, Json, Object, TextOr, invalid, unsupported};
use crate::losses::Losses;
use crate::neutral::{Content, Effort, Format, Part, Reasoning, Request, Role, Sampling, Source, Tool, ToolChoice};

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Speaker {
    System,
    Developer,
    User,
    Assistant,
    Tool,
}

#[derive(Deserialize)]
struct Message {
    role: Speaker,
    content: Option<TextOr<WirePart>>,
    refusal: Option<String>,
    reasoning_content: Option<String>,
    thinking_blocks: Option<Vec<ThinkingBlock>>,
    tool_calls: Option<Vec<Call>>,
    tool_call_id: Option<String>,
    cache_control: Option<Json>,
}

#[derive(Deserialize, Default)]
struct WirePart {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
    image_url: Option<Image>,
    file: Option<File>,
    cache_control: Option<Json>,
}

#[derive(Deserialize)]
struct Image {
    url: String,
}

#[derive(Deserialize)]
struct File {
    file_data: Option<String>,
    filename: Option<String>,
}

#[derive(Deserialize)]
struct Call {
    #[serde(default)]
    id: String,
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    arguments: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct WireTool {
    #[serde(rename = "type")]
    kind: String,
    function: Option<FunctionTool>,
    cache_control: Option<Json>,
}

#[derive(Deserialize)]
struct FunctionTool {
    name: String,
    description: Option<String>,
    parameters: Option<Json>,
    strict: Option<bool>,
    cache_control: Option<Json>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(rename = "type")]
    kind: String,
    function: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

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

/// Reads a request, with the edits that filters asked for.
pub(super) fn read_request(body: &[u8], edits: &[Edit], _losses: &mut Losses) -> Result<Request, Refusal> {
    let mut object = Object::parse(body)?;
    object.apply(edits)?;
    let mut request = Request {
        model: object.take("model")?.unwrap_or_default(),
        stream: object.take("stream")?.unwrap_or_default(),
        parallel: object.take("parallel_tool_calls")?,
        sampling: sampling(&mut object)?,
        format: response_format(&mut object)?,
        reasoning: reasoning(&mut object)?,
        choice: tool_choice(&mut object)?,
        user: object.take("user")?,
        ..Request::default()
    };
    // Whether usage is streamed is between the client and us.
    object.take::<Json>("stream_options")?;
    for (i, raw) in object.take_list("messages")?.into_iter().enumerate() {
        let path = format!("messages[{i}]");
        message(&mut request, json::read(raw, || path.clone())?, &path)?;
    }
    for (i, raw) in object.take_list("tools")?.into_iter().enumerate() {
        let path = format!("tools[{i}]");
        request.tools.push(tool(json::read(raw, || path.clone())?, raw, &path)?);
    }
    request.unknown = object.rest();
    Ok(request)
}

fn sampling(object: &mut Object<'_>) -> Result<Sampling, Refusal> {
    let older = object.take("max_tokens")?;
    Ok(Sampling {
        max_output: object.take("max_completion_tokens")?.or(older),
        temperature: object.take("temperature")?,
        top_p: object.take("top_p")?,
        stop: object.take::<TextOr<String>>("stop")?.map_or_else(Vec::new, |stop| stop.into_list(|one| one)),
        seed: object.take("seed")?,
        choices: object.take("n")?,
        ..Sampling::default()
    })
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

/// `reasoning_effort`, or Anthropic's `thinking`, which says it more exactly.
fn reasoning(object: &mut Object<'_>) -> Result<Option<Reasoning>, Refusal> {
    let effort = object.take::<Effort>("reasoning_effort")?.map(Reasoning::Effort);
    match object.take::<Json>("thinking")? {
        Some(given) => Ok(Some(anthropic::thinking(given, effort))),
        None => Ok(effort),
    }
}

fn tool_choice(object: &mut Object<'_>) -> Result<Option<ToolChoice>, Refusal> {
    let Some(given) = object.take::<Json>("tool_choice")? else { return Ok(None) };
    let choice = match given.to::<String>().as_deref() {
        Some("auto") => ToolChoice::Auto,
        Some("none") => ToolChoice::None,
        Some("required" | "any") => ToolChoice::Required,
        Some(_) => return Err(invalid("tool_choice", "must be `auto`, `none`, `required` or a function")),
        None => match given.to::<Choice>() {
            Some(Choice { kind, function: Some(Named { name }) }) if kind == "function" => ToolChoice::Named(name),
            Some(_) => return Err(unsupported("tool_choice", "must name a function: no other type translates")),
            None => return Err(invalid("tool_choice", "must be a word or an object with a `type`")),
        },
    };
    Ok(Some(choice))
}

fn message(request: &mut Request, message: Message, path: &str) -> Result<(), Refusal> {
    let mut parts = message.content.map(|content| parts(content, path)).transpose()?.unwrap_or_default();
    if let (Some(last), Some(cache)) = (parts.last_mut(), message.cache_control) {
        last.cache.get_or_insert(cache);
    }
    match message.role {
        Speaker::System | Speaker::Developer => {
            if parts.iter().any(|part| !matches!(part.content, Content::Text(_))) {
                return Err(unsupported(&format!("{path}.content"), "of a system message must be text"));
            }
            request.system.extend(parts);
        }
        Speaker::User => request.say(Role::User, parts),
        Speaker::Tool => {
            let id = message.tool_call_id.ok_or_else(|| invalid(&format!("{path}.tool_call_id"), "is missing"))?;
            let cache = parts.last_mut().and_then(|last| last.cache.take());
            let content = Content::ToolResult { id, parts, failed: false };
            request.say(Role::User, vec![Part { content, cache }]);
        }
        Speaker::Assistant => {
            let mut said = thinking(message.thinking_blocks, message.reasoning_content);
            said.append(&mut parts);
            said.extend(message.refusal.map(|text| Content::Text(text).into()));
            for (i, call) in message.tool_calls.into_iter().flatten().enumerate() {
                said.push(tool_call(call, &format!("{path}.tool_calls[{i}]"))?.into());
            }
            request.say(Role::Assistant, said);
        }
    }
    Ok(())
}

/// Thinking given back: the sealed blocks, or the bare text where a client kept only that.
fn thinking(blocks: Option<Vec<ThinkingBlock>>, text: Option<String>) -> Vec<Part> {
    let sealed = blocks.into_iter().flatten().filter_map(|block| match block {
        ThinkingBlock::Thinking { thinking, signature } => {
            let seal = signature.map(|signature| Seal::read(signature, Sealer::Anthropic));
            Some(Content::Thinking { text: thinking.unwrap_or_default(), seal })
        }
        ThinkingBlock::RedactedThinking { data } => {
            Some(Content::RedactedThinking(Seal::read(data, Sealer::Anthropic)))
        }
        ThinkingBlock::Other => None,
    });
    let mut parts: Vec<Part> = sealed.map(Part::from).collect();
    if let (true, Some(text)) = (parts.is_empty(), text.filter(|text| !text.is_empty())) {
        parts.push(Content::Thinking { text, seal: None }.into());
    }
    parts
}

fn parts(content: TextOr<WirePart>, path: &str) -> Result<Vec<Part>, Refusal> {
    let one = |text| WirePart { kind: "text".into(), text: Some(text), ..WirePart::default() };
    let numbered = content.into_list(one).into_iter().enumerate();
    numbered.map(|(i, wire)| part(wire, &format!("{path}.content[{i}]"))).collect()
}

fn part(wire: WirePart, path: &str) -> Result<Part, Refusal> {
    let missing = |member: &str| invalid(&format!("{path}.{member}"), "is missing");
    let content = match wire.kind.as_str() {
        "text" => Content::Text(wire.text.ok_or_else(|| missing("text"))?),
        "refusal" => Content::Text(wire.refusal.ok_or_else(|| missing("refusal"))?),
        "image_url" => Content::Image(Source::from_url(wire.image_url.ok_or_else(|| missing("image_url"))?.url)),
        "file" => document(wire.file.ok_or_else(|| missing("file"))?, path)?,
        _ => return Err(unsupported(path, "is of a type that only its own vendor knows")),
    };
    Ok(Part { content, cache: wire.cache_control })
}

fn document(file: File, path: &str) -> Result<Content, Refusal> {
    match file.file_data {
        Some(data) => Ok(Content::Document { source: Source::from_url(data), name: file.filename }),
        None => Err(unsupported(&format!("{path}.file"), "must bring its `file_data`: ids are one vendor's own")),
    }
}

fn tool_call(call: Call, path: &str) -> Result<Content, Refusal> {
    let function = call.function.ok_or_else(|| unsupported(path, "must be a function's"))?;
    let arguments = function.arguments.map_or_else(String::new, |raw| argument_text(&raw));
    Ok(Content::ToolCall { id: call.id, name: function.name, arguments, seal: None })
}

fn tool(wire: WireTool, raw: &RawValue, path: &str) -> Result<Tool, Refusal> {
    match wire.function {
        Some(function) => Ok(Tool::Function {
            name: function.name,
            description: function.description,
            schema: function.parameters,
            strict: function.strict,
            cache: function.cache_control.or(wire.cache_control),
        }),
        None if wire.kind == "function" => Err(invalid(&format!("{path}.function"), "is missing")),
        None => Json::parse(raw.get()).map(Tool::Hosted).ok_or_else(|| invalid(path, "is not JSON")),
    }
}
