//! What an answer repeats of its request, as clients' types want it.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::page::put;
use crate::object::members;

/// The members that are repeated, and what they are where the client does not say.
const REPEATED: [(&str, &str); 17] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("safety_identifier", "null"),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "null"),
    ("truncation", "\"disabled\""),
    ("user", "null"),
];

/// What an answer must know of its request.
pub(super) struct Echo {
    /// The repeated members as JSON, each with a comma before it.
    pub(super) members: Vec<u8>,
    /// The names of the tools whose argument is plain text.
    pub(super) freeform: BTreeSet<String>,
}

impl Echo {
    /// Reads it off the client's own body.
    pub(super) fn of(body: &str) -> Self {
        let given = members(body).unwrap_or_default();
        let value = |name: &str| given.iter().find(|member| member.name == name && member.value != "null");
        let freeform = value("tools").map_or_else(BTreeSet::new, |tools| freeform(tools.value));
        let mut repeated = Vec::new();
        for (name, default) in REPEATED {
            let value = value(name).map_or(default, |member| member.value);
            put(&mut repeated, &[",\"", name, "\":", value]);
        }
        // A line break would end the event; between JSON's tokens it is a blank like any other.
        repeated.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        Self { members: repeated, freeform }
    }
}

fn freeform(tools: &str) -> BTreeSet<String> {
    #[derive(Deserialize)]
    struct Tool {
        #[serde(rename = "type")]
        kind: Option<String>,
        name: Option<String>,
    }
    let tools: Vec<&RawValue> = serde_json::from_str(tools).unwrap_or_default();
    let tools = tools.into_iter().filter_map(|tool| serde_json::from_str::<Tool>(tool.get()).ok());
    let custom = tools.filter(|tool| tool.kind.as_deref() == Some("custom"));
    custom.filter_map(|tool| tool.name).collect()
}
