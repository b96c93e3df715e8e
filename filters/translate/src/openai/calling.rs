//! Tool calls as the client of an answer knows them: functions, tools of plain text, or the one
//! `function_call` of before there were tools.

use memchr::memmem;
use serde::Deserialize;
use serde::Serialize;
use serde::de::IgnoredAny;
use tollgate_api::{Call, StopReason, Surface};

use super::message::Extra;

/// How a client wants calls told, by what it sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Manner {
    /// The tools that take plain text.
    freeform: Vec<String>,
    /// Whether it sent `functions`, and knows nothing of tools.
    pub(super) older: bool,
}

/// A call, or a piece of one.
#[derive(Serialize)]
pub(super) struct WireCall<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function: Option<Function<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) custom: Option<Custom<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) extra_content: Option<Extra>,
}

#[derive(Serialize)]
pub(super) struct Function<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) arguments: &'a str,
}

#[derive(Serialize)]
pub(super) struct Custom<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) input: &'a str,
}

#[derive(Deserialize)]
struct Tool {
    custom: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Manner {
    /// That of this call's client.
    pub(super) fn of(call: &Call) -> Self {
        if call.surface != Surface::ChatCompletions {
            return Self::default();
        }
        let tools = call.body.get(call.spans.tools.clone().unwrap_or_default()).unwrap_or_default();
        Self { freeform: freeform(tools), older: !call.tools && sends_functions(&call.body) }
    }

    /// Whether the tool of this name takes plain text.
    pub(super) fn is_freeform(&self, name: &str) -> bool {
        self.freeform.iter().any(|freeform| freeform == name)
    }

    /// OpenAI's word for why a choice ended.
    pub(super) fn finish_reason(&self, reason: StopReason) -> &'static str {
        match reason {
            StopReason::EndOfTurn | StopReason::StopSequence | StopReason::Paused => "stop",
            StopReason::MaxTokens => "length",
            StopReason::ToolUse if self.older => "function_call",
            StopReason::ToolUse => "tool_calls",
            StopReason::Refused => "content_filter",
        }
    }
}

/// The names of the tools that take plain text. Few clients send any: most lists are not parsed.
fn freeform(tools: &[u8]) -> Vec<String> {
    if memmem::find(tools, b"\"custom\"").is_none() {
        return Vec::new();
    }
    let tools: Vec<Tool> = serde_json::from_slice(tools).unwrap_or_default();
    tools.into_iter().filter_map(|tool| Some(tool.custom?.name)).collect()
}

fn sends_functions(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Body {
        functions: Option<Vec<IgnoredAny>>,
    }
    memmem::find(body, b"\"functions\"").is_some()
        && serde_json::from_slice::<Body>(body).is_ok_and(|body| body.functions.is_some_and(|list| !list.is_empty()))
}
