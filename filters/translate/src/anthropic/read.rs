//! A Messages request, read into the neutral form.

use serde::Deserialize;
use tollgate_api::{Edit, Refusal, Seal, Sealer};

use crate::json::{self, Json, Object, TextOr, invalid, unsupported};
use crate::losses::Losses;
use crate::neutral::{Content, Effort, Format, Part, Reasoning, Request, Role, Sampling, Source, Tool, ToolChoice};

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireRole {
    User,
    Assistant,
    /// Newer models take one in mid-conversation.
    System,
}

#[derive(Deserialize)]
struct Message {
    role: WireRole,
    content: TextOr<Block>,
}

#[derive(Deserialize, Default)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    source: Option<WireSource>,
    title: Option<String>,
    id: Option<String>,
    name: Option<String>,
    input: Option<Json>,
    tool_use_id: Option<String>,
    content: Option<TextOr<Block>>,
    is_error: Option<bool>,
    thinking: Option<String>,
    signature: Option<String>,
    data: Option<String>,
    cache_control: Option<Json>,
}

#[derive(Deserialize)]
struct WireSource {
    #[serde(rename = "type")]
    kind: String,
    media_type: Option<String>,
    data: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct WireTool {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: String,
    description: Option<String>,
    input_schema: Option<Json>,
    strict: Option<bool>,
    cache_control: Option<Json>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    disable_parallel_tool_use: Option<bool>,
}

#[derive(Deserialize)]
struct OutputConfig {
    format: Option<WireFormat>,
    effort: Option<Effort>,
}

#[derive(Deserialize)]
struct WireFormat {
    schema: Json,
}

#[derive(Deserialize)]
struct Metadata {
    user_id: Option<String>,
}

#[derive(Deserialize)]
struct Thinking {
    #[serde(rename = "type")]
    kind: String,
    budget_tokens: Option<u64>,
}

/// Reads a request.
pub(super) fn read_request(body: &[u8], edits: &[Edit], _losses: &mut Losses) -> Result<Request, Refusal> {
    let mut object = Object::parse(body)?;
    object.apply(edits)?;
    let mut request = Request {
        model: object.take("model")?.unwrap_or_default(),
        stream: object.take("stream")?.unwrap_or_default(),
        sampling: sampling(&mut object)?,
        user: object.take::<Metadata>("metadata")?.and_then(|metadata| metadata.user_id),
        ..Request::default()
    };
    if let Some(system) = object.take::<TextOr<Block>>("system")? {
        request.system = parts(system, "system")?;
    }
    for (i, raw) in object.take_list("messages")?.into_iter().enumerate() {
        let path = format!("messages[{i}]");
        let message: Message = json::read(raw, || path.clone())?;
        let parts = parts(message.content, &path)?;
        match message.role {
            WireRole::User => request.say(Role::User, parts),
            WireRole::Assistant => request.say(Role::Assistant, parts),
            WireRole::System => request.system.extend(parts),
        }
    }
    for (i, raw) in object.take_list("tools")?.into_iter().enumerate() {
        request.tools.push(tool(&json::read(raw, || format!("tools[{i}]"))?, &format!("tools[{i}]"))?);
    }
    if let Some(choice) = object.take::<Choice>("tool_choice")? {
        request.parallel = choice.disable_parallel_tool_use.map(|disabled| !disabled);
        request.choice = Some(tool_choice(choice)?);
    }
    if let Some(config) = object.take::<OutputConfig>("output_config")? {
        request.reasoning = config.effort.map(Reasoning::Effort);
        request.format = config.format.map(|f| Format::Schema { name: None, schema: f.schema, strict: None });
    }
    if let Some(given) = object.take::<Json>("thinking")? {
        request.reasoning = Some(thinking(given, request.reasoning.take()));
    }
    request.unknown = object.rest();
    Ok(request)
}

/// The `thinking` member; an effort beside it says the same more exactly, unless it is a budget.
pub(crate) fn thinking(given: Json, effort: Option<Reasoning>) -> Reasoning {
    match (given.to::<Thinking>(), effort) {
        (Some(Thinking { kind, budget_tokens: Some(budget) }), _) if kind == "enabled" => Reasoning::Budget(budget),
        (Some(Thinking { kind, .. }), Some(effort)) if kind == "adaptive" => effort,
        _ => Reasoning::Thinking(given),
    }
}

fn sampling(object: &mut Object<'_>) -> Result<Sampling, Refusal> {
    Ok(Sampling {
        max_output: object.take("max_tokens")?,
        temperature: object.take("temperature")?,
        top_p: object.take("top_p")?,
        stop: object.take("stop_sequences")?.unwrap_or_default(),
        ..Sampling::default()
    })
}

fn parts(content: TextOr<Block>, path: &str) -> Result<Vec<Part>, Refusal> {
    let one = |text| Block { kind: "text".into(), text: Some(text), ..Block::default() };
    content
        .into_list(one)
        .into_iter()
        .enumerate()
        .map(|(i, block)| part(block, &format!("{path}.content[{i}]")))
        .collect()
}

fn part(block: Block, path: &str) -> Result<Part, Refusal> {
    let missing = |member: &str| invalid(&format!("{path}.{member}"), "is missing");
    let content = match block.kind.as_str() {
        "text" => Content::Text(block.text.ok_or_else(|| missing("text"))?),
        "image" => Content::Image(source(block.source, path)?),
        "document" => Content::Document { source: source(block.source, path)?, name: block.title },
        "tool_use" => Content::ToolCall {
            id: block.id.ok_or_else(|| missing("id"))?,
            name: block.name.ok_or_else(|| missing("name"))?,
            arguments: block.input.map_or_else(String::new, |input| input.text().to_owned()),
            seal: None,
        },
        "tool_result" => Content::ToolResult {
            id: block.tool_use_id.ok_or_else(|| missing("tool_use_id"))?,
            parts: block.content.map(|content| parts(content, path)).transpose()?.unwrap_or_default(),
            failed: block.is_error.unwrap_or_default(),
        },
        "thinking" => Content::Thinking {
            text: block.thinking.unwrap_or_default(),
            seal: block.signature.map(|signature| Seal::read(signature, Sealer::Anthropic)),
        },
        "redacted_thinking" => {
            Content::RedactedThinking(Seal::read(block.data.ok_or_else(|| missing("data"))?, Sealer::Anthropic))
        }
        _ => return Err(unsupported(path, "is of a type that has no equivalent elsewhere")),
    };
    Ok(Part { content, cache: block.cache_control })
}

fn source(source: Option<WireSource>, path: &str) -> Result<Source, Refusal> {
    let path = format!("{path}.source");
    let source = source.ok_or_else(|| invalid(&path, "is missing"))?;
    match (source.kind.as_str(), source.url, source.data) {
        ("url", Some(url), _) => Ok(Source::Url(url)),
        ("base64", _, Some(data)) => Ok(Source::Base64 { media_type: source.media_type.unwrap_or_default(), data }),
        _ => Err(unsupported(&path, "is neither `base64` nor `url`")),
    }
}

fn tool(raw: &Json, path: &str) -> Result<Tool, Refusal> {
    let tool: WireTool = raw.to().ok_or_else(|| invalid(path, "is not a tool"))?;
    if tool.kind.is_some_and(|kind| kind != "custom") {
        return Ok(Tool::Hosted(raw.clone()));
    }
    Ok(Tool::Function {
        name: tool.name,
        description: tool.description,
        schema: tool.input_schema,
        strict: tool.strict,
        cache: tool.cache_control,
    })
}

fn tool_choice(choice: Choice) -> Result<ToolChoice, Refusal> {
    match (choice.kind.as_str(), choice.name) {
        ("auto", _) => Ok(ToolChoice::Auto),
        ("none", _) => Ok(ToolChoice::None),
        ("any", _) => Ok(ToolChoice::Required),
        ("tool", Some(name)) => Ok(ToolChoice::Named(name)),
        _ => Err(invalid("tool_choice", "must have the type `auto`, `any`, `none`, or `tool` with a `name`")),
    }
}
