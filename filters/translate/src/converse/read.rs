//! A Converse request, read into the neutral form. Its path says the model, and whether to stream.

use serde::Deserialize;
use serde_json::Number;
use serde_json::value::RawValue;
use tollgate_api::{Edit, Refusal};

use super::content::{self, Block, CachePoint};
use super::fields;
use crate::json::{self, Json, Members, Object, invalid};
use crate::losses::Losses;
use crate::neutral::{Effort, Format, Reasoning, Request, Role, TierAsked, Tool, ToolChoice};
use crate::request::DROP_UNSUPPORTED;

/// What only Amazon can do, and what a client would miss if it were not done.
const AMAZONS_OWN: [(&str, &str); 2] = [
    ("guardrailConfig", "is applied by Amazon alone, and this model is elsewhere"),
    ("promptVariables", "belongs to a prompt that only Amazon holds"),
];

#[derive(Deserialize)]
struct Message {
    role: Speaker,
    #[serde(default)]
    content: Vec<Block>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Speaker {
    User,
    Assistant,
    /// Newer models take one in mid-conversation.
    System,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Inference {
    max_tokens: Option<u64>,
    temperature: Option<Number>,
    top_p: Option<Number>,
    stop_sequences: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ToolConfig<'a> {
    #[serde(borrow)]
    tools: Vec<&'a RawValue>,
    tool_choice: Option<Choice>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTool {
    tool_spec: Option<ToolSpec>,
    cache_point: Option<CachePoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolSpec {
    name: String,
    description: Option<String>,
    input_schema: Option<Schema>,
    strict: Option<bool>,
}

#[derive(Deserialize)]
struct Schema {
    json: Option<Json>,
}

#[derive(Deserialize)]
struct Choice {
    auto: Option<Json>,
    any: Option<Json>,
    tool: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OutputConfig {
    text_format: Option<TextFormat>,
    effort: Option<Effort>,
}

#[derive(Deserialize)]
struct TextFormat {
    structure: Structure,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Structure {
    json_schema: JsonSchema,
}

#[derive(Deserialize)]
struct JsonSchema {
    /// JSON in a string.
    schema: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct ServiceTier {
    #[serde(rename = "type")]
    kind: String,
}

/// Reads a request.
pub(super) fn read_request(body: &[u8], edits: &[Edit], losses: &mut Losses) -> Result<Request, Refusal> {
    let mut object = Object::parse(body)?;
    object.apply(edits)?;
    object.take::<Json>(DROP_UNSUPPORTED)?;
    let mut request = Request { tier: tier(&mut object)?, ..Request::default() };
    for (i, raw) in object.take_list("messages")?.into_iter().enumerate() {
        message(&mut request, raw, &format!("messages[{i}]"), losses)?;
    }
    if let Some(system) = object.take::<Vec<Block>>("system")? {
        let later = std::mem::take(&mut request.system);
        request.system = content::parts(system, "system", losses)?;
        request.system.extend(later);
    }
    let inference: Inference = object.take("inferenceConfig")?.unwrap_or_default();
    request.sampling.max_output = inference.max_tokens;
    request.sampling.temperature = inference.temperature;
    request.sampling.top_p = inference.top_p;
    request.sampling.stop = inference.stop_sequences.unwrap_or_default();
    tool_config(&mut request, object.take("toolConfig")?.unwrap_or_default())?;
    let output: OutputConfig = object.take("outputConfig")?.unwrap_or_default();
    request.format = output.text_format.map(format).transpose()?;
    request.reasoning = output.effort.map(Reasoning::Effort);
    let given = object.take::<Members>(fields::NAME)?.unwrap_or_default();
    request.unknown = object.rest();
    fields::read(&mut request, given);
    for (name, why) in AMAZONS_OWN.iter().filter(|(name, _)| request.unknown.contains_key(*name)) {
        losses.lose(name, why)?;
    }
    Ok(request)
}

fn message(request: &mut Request, raw: &RawValue, path: &str, losses: &mut Losses) -> Result<(), Refusal> {
    let Message { role, content } = json::read(raw, || path.to_owned())?;
    let parts = content::parts(content, &format!("{path}.content"), losses)?;
    match role {
        Speaker::User => request.say(Role::User, parts),
        Speaker::Assistant => request.say(Role::Assistant, parts),
        Speaker::System => request.system.extend(parts),
    }
    Ok(())
}

fn tool_config(request: &mut Request, config: ToolConfig<'_>) -> Result<(), Refusal> {
    for (i, raw) in config.tools.into_iter().enumerate() {
        let path = format!("toolConfig.tools[{i}]");
        let WireTool { tool_spec, cache_point } = json::read(raw, || path.clone())?;
        match (tool_spec, cache_point, request.tools.last_mut()) {
            (Some(spec), ..) => request.tools.push(tool(spec)),
            (None, Some(point), Some(Tool::Function { cache, .. })) => *cache = point.mark(),
            (None, Some(_), _) => {}
            (None, None, _) => {
                request.tools.push(Tool::Hosted(Json::parse(raw.get()).ok_or_else(|| invalid(&path, "is not JSON"))?));
            }
        }
    }
    request.choice = config.tool_choice.map(tool_choice).transpose()?;
    Ok(())
}

fn tool(spec: ToolSpec) -> Tool {
    Tool::Function {
        name: spec.name,
        description: spec.description,
        schema: spec.input_schema.and_then(|schema| schema.json),
        strict: spec.strict,
        cache: None,
    }
}

fn tool_choice(choice: Choice) -> Result<ToolChoice, Refusal> {
    match choice {
        Choice { tool: Some(Named { name }), .. } => Ok(ToolChoice::Named(name)),
        Choice { any: Some(_), .. } => Ok(ToolChoice::Required),
        Choice { auto: Some(_), .. } => Ok(ToolChoice::Auto),
        Choice { .. } => Err(invalid("toolConfig.toolChoice", "must be `auto`, `any`, or `tool` with a `name`")),
    }
}

fn format(format: TextFormat) -> Result<Format, Refusal> {
    let JsonSchema { schema, name } = format.structure.json_schema;
    let path = "outputConfig.textFormat.structure.jsonSchema.schema";
    let schema = Json::parse(&schema).ok_or_else(|| invalid(path, "must hold a JSON Schema as text"))?;
    Ok(Format::Schema { name, schema, strict: None })
}

fn tier(object: &mut Object<'_>) -> Result<Option<TierAsked>, Refusal> {
    let asked = object.take::<ServiceTier>("serviceTier")?;
    Ok(asked.map(|tier| match tier.kind.as_str() {
        "default" => TierAsked::Default,
        "flex" => TierAsked::Flex,
        "priority" => TierAsked::Priority,
        _ => TierAsked::Other(tier.kind),
    }))
}
