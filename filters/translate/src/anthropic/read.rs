//! A Messages request, read into the neutral form.

use serde::Deserialize;
use tollgate_api::{Edit, Refusal};

use super::content::{Blocks, parts};
use crate::json::{self, Json, Object, invalid};
use crate::losses::Losses;
use crate::neutral::{Content, Effort, Format, Part, Reasoning, Request, Role, Sampling, TierAsked, Tool, ToolChoice};

/// How a block begins that Claude Code puts before its system prompt, for Anthropic's books. It says
/// nothing to a model, and as it changes with every request no vendor could cache what follows it.
const BILLING: &str = "x-anthropic-billing-header";

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
    content: Blocks,
}

#[derive(Deserialize)]
struct WireTool {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
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

/// How the answer is to be, in Anthropic's words.
#[derive(Default, Deserialize)]
pub(super) struct OutputConfig {
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
pub(super) fn read_request(body: &[u8], edits: &[Edit], losses: &mut Losses) -> Result<Request, Refusal> {
    let mut object = Object::parse(body)?;
    object.apply(edits)?;
    let mut request = Request {
        model: object.take("model")?.unwrap_or_default(),
        stream: object.take("stream")?.unwrap_or_default(),
        sampling: sampling(&mut object)?,
        user: object.take::<Metadata>("metadata")?.and_then(|metadata| metadata.user_id),
        tier: object.take::<String>("service_tier")?.map(tier),
        ..Request::default()
    };
    if let Some(system) = object.take::<Blocks>("system")? {
        request.system = parts(system, "system", losses)?;
        request.system.retain(|part| !is_billing(part));
    }
    for (i, raw) in object.take_list("messages")?.into_iter().enumerate() {
        let path = format!("messages[{i}]");
        let message: Message = json::read(raw, || path.clone())?;
        let parts = parts(message.content, &path, losses)?;
        match message.role {
            WireRole::User => request.say(Role::User, parts),
            WireRole::Assistant => request.say(Role::Assistant, parts),
            WireRole::System => request.instruct(parts),
        }
    }
    for (i, raw) in object.take_list("tools")?.into_iter().enumerate() {
        let path = format!("tools[{i}]");
        request.tools.push(tool(&json::read(raw, || path.clone())?, &path)?);
    }
    if let Some(choice) = object.take::<Choice>("tool_choice")? {
        request.parallel = choice.disable_parallel_tool_use.map(|disabled| !disabled);
        request.choice = Some(tool_choice(choice)?);
    }
    output(&mut request, &mut object)?;
    request.unknown = object.rest();
    Ok(request)
}

/// How the answer is to be thought out, and the shape that it is to have.
fn output(request: &mut Request, object: &mut Object<'_>) -> Result<(), Refusal> {
    let config = object.take::<OutputConfig>("output_config")?.unwrap_or_default();
    let older = object.take::<WireFormat>("output_format")?;
    let format = config.format.or(older);
    request.format = format.map(|format| Format::Schema { name: None, schema: format.schema, strict: None });
    request.reasoning = config.effort.map(Reasoning::Effort);
    if let Some(given) = object.take::<Json>("thinking")? {
        request.reasoning = Some(thinking(given, request.reasoning.take()));
    }
    Ok(())
}

fn is_billing(part: &Part) -> bool {
    matches!(&part.content, Content::Text(text) if text.starts_with(BILLING))
}

fn tier(word: String) -> TierAsked {
    match word.as_str() {
        "auto" => TierAsked::Auto,
        "standard_only" => TierAsked::Default,
        _ => TierAsked::Other(word),
    }
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
        top_k: object.take("top_k")?,
        ..Sampling::default()
    })
}

fn tool(raw: &Json, path: &str) -> Result<Tool, Refusal> {
    let tool = match raw.to::<WireTool>() {
        Some(tool) if tool.kind.as_deref().is_none_or(|kind| kind == "custom") => tool,
        // Members of our names may be something else in it.
        _ if raw.kind().is_some_and(|kind| kind != "custom") => return Ok(Tool::Hosted(raw.clone())),
        _ => return Err(invalid(path, "is not a tool")),
    };
    Ok(Tool::Function {
        name: tool.name.ok_or_else(|| invalid(&format!("{path}.name"), "is missing"))?,
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
