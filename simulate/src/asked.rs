//! What a request asks for, read as a vendor would: either dialect, the members that matter here.

use serde_json::Value;

/// The dialect of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenAi,
    Anthropic,
}

/// The request, as far as an answer depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) dialect: Dialect,
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    pub(crate) prompt_tokens: u64,
    pub(crate) images: usize,
    pub(crate) thinking: bool,
    pub(crate) cached_tokens: u64,
    pub(crate) last_text: String,
    /// The cap on tokens of output.
    pub(crate) max_output: Option<u64>,
    /// Name and parameters of each tool.
    pub(crate) tools: Vec<(String, Value)>,
    /// How often the model has called tools, in all and since the user said something.
    pub(crate) turns: Turns,
    pub(crate) schema: Option<Value>,
    /// The service tier, in OpenAI's dialect.
    pub(crate) tier: Option<String>,
}

/// How often the model has called tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turns {
    pub(crate) in_all: usize,
    pub(crate) since_words: usize,
}

impl Dialect {
    /// The dialect that is spoken at a path.
    pub(crate) fn at(path: &str) -> Self {
        if path.starts_with("/v1/messages") { Self::Anthropic } else { Self::OpenAi }
    }
}

impl Asked {
    /// Reads a body, or says what a vendor would say against it.
    pub(crate) fn read(dialect: Dialect, body: &[u8]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body).map_err(|_| "could not parse the JSON body of your request")?;
        let model = body["model"].as_str().ok_or("you must provide a model parameter")?.to_owned();
        let messages = body["messages"].as_array().filter(|m| !m.is_empty());
        let messages = messages.ok_or("messages: at least one message is required")?;
        if dialect == Dialect::Anthropic && body["max_tokens"].as_u64().is_none() {
            return Err("max_tokens: Field required".into());
        }
        let last = messages.last().unwrap_or(&Value::Null);
        let tools = body["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
        let all_parts = || messages.iter().flat_map(parts);
        let text_bytes: usize =
            messages.iter().map(|m| text_of(m).len()).sum::<usize>() + text_of(&body["system"]).len();
        let cached = all_parts().filter(|p| !p["cache_control"].is_null()).map(|p| text_of(p).len()).sum::<usize>();
        Ok(Self {
            dialect,
            model,
            stream: body["stream"].as_bool().unwrap_or(false),
            include_usage: body["stream_options"]["include_usage"].as_bool().unwrap_or(false),
            prompt_tokens: tokens(text_bytes),
            images: all_parts().filter(|p| p["type"] == "image_url" || p["type"] == "image").count(),
            thinking: !matches!(body["thinking"]["type"].as_str(), None | Some("disabled")),
            cached_tokens: tokens(cached).saturating_sub(1),
            last_text: text_of(last),
            max_output: ["max_completion_tokens", "max_tokens"].iter().find_map(|name| body[*name].as_u64()),
            tools: tools.iter().map(tool).collect(),
            turns: turns(messages),
            schema: schema(&body),
            tier: (dialect == Dialect::OpenAi).then(|| body["service_tier"].as_str().map(str::to_owned)).flatten(),
        })
    }
}

/// Four bytes to a token, rounded up, and one for the message's frame.
fn tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(4) + 1
}

fn parts(message: &Value) -> impl Iterator<Item = &Value> {
    message["content"].as_array().into_iter().flatten()
}

fn turns(messages: &[Value]) -> Turns {
    let mut turns = Turns::default();
    for message in messages {
        let calls = message["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty());
        let results = parts(message).any(|p| p["type"] == "tool_result");
        if calls || parts(message).any(|p| p["type"] == "tool_use") {
            turns.in_all += 1;
            turns.since_words += 1;
        } else if message["role"] == "user" && !results {
            turns.since_words = 0;
        } else if message["role"] == "tool" || results {
            // Results of calls that the client has left out.
            turns.since_words = turns.since_words.max(1);
        }
    }
    turns
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text_of).collect(),
        Value::Object(map) => map.get("content").or_else(|| map.get("text")).map(text_of).unwrap_or_default(),
        _ => String::new(),
    }
}

fn tool(tool: &Value) -> (String, Value) {
    let function = if tool["function"].is_object() { &tool["function"] } else { tool };
    let parameters =
        if function["parameters"].is_object() { &function["parameters"] } else { &function["input_schema"] };
    (function["name"].as_str().unwrap_or("tool").to_owned(), parameters.clone())
}

fn schema(body: &Value) -> Option<Value> {
    let places = ["/response_format/json_schema/schema", "/output_config/format/schema"];
    places.iter().find_map(|place| body.pointer(place)).cloned()
}

/// A small value that fits a JSON schema.
pub(crate) fn instance(schema: &Value) -> Value {
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        _ if schema["enum"][0] != Value::Null => schema["enum"][0].clone(),
        Some("object") | None => {
            let members = schema["properties"].as_object();
            Value::Object(members.into_iter().flatten().map(|(name, s)| (name.clone(), instance(s))).collect())
        }
        Some("array") => Value::Array(vec![instance(&schema["items"])]),
        Some("integer" | "number") => Value::from(7),
        Some("boolean") => Value::Bool(true),
        Some("null") => Value::Null,
        Some(_) => Value::from("gate"),
    }
}
