//! A Chat Completions request, written from the neutral form.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Number;
use tollgate_api::{Code, Refusal, Sealer};

use super::message::ThinkingBlock;
use crate::anthropic;
use crate::json::{Json, unsupported};
use crate::losses::Losses;
use crate::neutral::{Content, Effort, Format, Part, Reasoning, Request, Role, Tool, ToolChoice, Turn};

#[derive(Serialize)]
struct Chat<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<Effort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(flatten)]
    unknown: &'a BTreeMap<String, Json>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Default, Serialize)]
struct Message<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    content: Option<Vec<WirePart<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thinking_blocks: Vec<ThinkingBlock>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
}

#[derive(Serialize)]
struct WirePart<'a> {
    #[serde(flatten)]
    kind: Kind<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<&'a Json>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Kind<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: Url },
    File { file: File<'a> },
}

#[derive(Serialize)]
struct Url {
    url: String,
}

#[derive(Serialize)]
struct File<'a> {
    file_data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct WireTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionTool<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<&'a Json>,
}

#[derive(Serialize)]
struct FunctionTool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Choice<'a> {
    Word(&'static str),
    Named {
        #[serde(rename = "type")]
        kind: &'static str,
        function: Named<'a>,
    },
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat<'a> {
    JsonObject,
    JsonSchema { json_schema: JsonSchema<'a> },
}

#[derive(Serialize)]
struct JsonSchema<'a> {
    name: Cow<'a, str>,
    schema: &'a Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// Writes a request.
pub(super) fn write_request(request: &Request, _losses: &mut Losses) -> Result<Vec<u8>, Refusal> {
    let has_tools = !request.tools.is_empty();
    let chat = Chat {
        model: &request.model,
        messages: messages(request),
        tools: tools(&request.tools)?,
        tool_choice: request.choice.as_ref().filter(|_| has_tools).map(tool_choice),
        parallel_tool_calls: request.parallel.filter(|_| has_tools),
        max_completion_tokens: request.sampling.max_output,
        temperature: request.sampling.temperature.as_ref(),
        top_p: request.sampling.top_p.as_ref(),
        stop: &request.sampling.stop,
        seed: request.sampling.seed,
        n: request.sampling.choices,
        response_format: request.format.as_ref().map(response_format),
        reasoning_effort: match &request.reasoning {
            Some(Reasoning::Effort(effort)) => Some(*effort),
            Some(Reasoning::Budget(tokens)) => Some(anthropic::effort(*tokens)),
            Some(Reasoning::Thinking(_)) | None => None,
        },
        user: request.user.as_deref(),
        stream: request.stream,
        // Usage is always asked for: an answer nobody counted cannot be billed.
        stream_options: request.stream.then_some(StreamOptions { include_usage: true }),
        unknown: &request.unknown,
    };
    serde_json::to_vec(&chat).map_err(|_| Refusal::new(Code::Internal, "The request could not be written."))
}

fn messages(request: &Request) -> Vec<Message<'_>> {
    let system = parts(&request.system);
    let system = system.map(|content| Message { role: "system", content: Some(content), ..Message::default() });
    let turns = request.turns.iter().flat_map(|turn| match turn.role {
        Role::User => user(turn),
        Role::Assistant => vec![assistant(turn)],
    });
    system.into_iter().chain(turns).collect()
}

/// A user's turn: one message per tool result, and one for the rest.
fn user(turn: &Turn) -> Vec<Message<'_>> {
    let results = turn.parts.iter().filter_map(|part| match &part.content {
        Content::ToolResult { id, parts: said, .. } => Some(Message {
            role: "tool",
            tool_call_id: Some(id),
            content: Some(parts(said).unwrap_or_default()),
            ..Message::default()
        }),
        _ => None,
    });
    let said = parts(&turn.parts);
    results.chain(said.map(|content| Message { role: "user", content: Some(content), ..Message::default() })).collect()
}

fn assistant(turn: &Turn) -> Message<'_> {
    Message {
        role: "assistant",
        content: parts(&turn.parts),
        thinking_blocks: turn.parts.iter().filter_map(thinking).collect(),
        tool_calls: turn.parts.iter().filter_map(call).collect(),
        ..Message::default()
    }
}

fn thinking(part: &Part) -> Option<ThinkingBlock> {
    match &part.content {
        Content::Thinking { text, seal } => {
            let signature = seal.as_ref().map(|seal| seal.spelled_for(Sealer::Anthropic).into_owned());
            Some(ThinkingBlock::Thinking { thinking: Some(text.clone()), signature })
        }
        Content::RedactedThinking(seal) => {
            Some(ThinkingBlock::RedactedThinking { data: seal.spelled_for(Sealer::Anthropic).into_owned() })
        }
        _ => None,
    }
}

fn call(part: &Part) -> Option<Call<'_>> {
    let Content::ToolCall { id, name, arguments, .. } = &part.content else { return None };
    let arguments = if arguments.is_empty() { "{}" } else { arguments };
    Some(Call { id, kind: "function", function: Function { name, arguments } })
}

/// The text, images and files among these parts; `None` where there are none.
fn parts(parts: &[Part]) -> Option<Vec<WirePart<'_>>> {
    let parts: Vec<_> = parts.iter().filter_map(part).collect();
    (!parts.is_empty()).then_some(parts)
}

fn part(part: &Part) -> Option<WirePart<'_>> {
    let kind = match &part.content {
        Content::Text(text) => Kind::Text { text },
        Content::Image(source) => Kind::ImageUrl { image_url: Url { url: source.to_url() } },
        Content::Document { source, name } => {
            Kind::File { file: File { file_data: source.to_url(), filename: name.as_deref() } }
        }
        _ => return None,
    };
    Some(WirePart { kind, cache_control: part.cache.as_ref() })
}

fn tools(tools: &[Tool]) -> Result<Vec<WireTool<'_>>, Refusal> {
    let wire = |(i, tool)| match tool {
        &Tool::Function { ref name, ref description, ref schema, strict, ref cache } => {
            let (description, parameters) = (description.as_deref(), schema.as_ref());
            let function = FunctionTool { name, description, parameters, strict };
            Ok(WireTool { kind: "function", function, cache_control: cache.as_ref() })
        }
        Tool::Hosted(_) | Tool::Freeform { .. } => {
            Err(unsupported(&format!("tools[{i}]"), "is a tool that only its own vendor runs"))
        }
    };
    tools.iter().enumerate().map(wire).collect()
}

fn tool_choice(choice: &ToolChoice) -> Choice<'_> {
    match choice {
        ToolChoice::Auto => Choice::Word("auto"),
        ToolChoice::None => Choice::Word("none"),
        ToolChoice::Required => Choice::Word("required"),
        ToolChoice::Named(name) => Choice::Named { kind: "function", function: Named { name } },
    }
}

fn response_format(format: &Format) -> ResponseFormat<'_> {
    match format {
        Format::JsonObject => ResponseFormat::JsonObject,
        Format::Schema { name, schema, strict } => {
            let name = name.as_deref().map_or(Cow::Borrowed("answer"), Cow::Borrowed);
            ResponseFormat::JsonSchema { json_schema: JsonSchema { name, schema, strict: *strict } }
        }
    }
}
