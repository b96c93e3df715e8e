//! Tools of a Messages request, as they are written, and the choice between them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use tollgate_api::Refusal;

use super::model::Version;
use crate::json::Json;
use crate::losses::Losses;
use crate::neutral::{Request, Tool, ToolChoice};

/// The one argument of a tool that takes plain text: Anthropic's tools all take an object.
const FREEFORM: &str = "input";

/// A tool.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WireTool<'a> {
    Function {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        input_schema: Cow<'a, Json>,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a Json>,
    },
    Hosted(&'a Json),
}

/// The `tool_choice` member.
#[derive(Serialize)]
pub(super) struct Choice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_parallel_tool_use: bool,
}

/// The tools, without those that may be dropped because only another vendor has them.
pub(super) fn tools<'a>(
    tools: &'a [Tool],
    version: Version,
    losses: &mut Losses,
) -> Result<Vec<WireTool<'a>>, Refusal> {
    let mut wire = Vec::with_capacity(tools.len());
    for (i, tool) in tools.iter().enumerate() {
        match tool {
            &Tool::Function { ref name, ref description, ref schema, strict, ref cache } => {
                wire.push(WireTool::Function {
                    name,
                    description: description.as_deref(),
                    input_schema: input_schema(schema.as_ref()),
                    strict: strict.filter(|strict| *strict && version.knows_strict()),
                    cache_control: cache.as_ref(),
                });
            }
            Tool::Freeform { name, description, format } => wire.push(WireTool::Function {
                name,
                description: description.as_deref(),
                input_schema: Cow::Owned(freeform_schema(format.as_ref())),
                strict: None,
                cache_control: None,
            }),
            Tool::Hosted(json) if is_anthropics(json) => wire.push(WireTool::Hosted(json)),
            Tool::Hosted(_) => {
                losses.lose(&format!("tools[{i}]"), "is of a type that does not exist at Anthropic")?;
            }
        }
    }
    Ok(wire)
}

/// Whether a hosted tool is in Anthropic's words: its types end in the day of their version.
fn is_anthropics(tool: &Json) -> bool {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    let dated = |kind: &str| {
        let day = kind.rsplit_once('_').map_or("", |(_, day)| day);
        day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit())
    };
    tool.to::<Kind>().is_some_and(|tool| tool.kind == "mcp_toolset" || dated(&tool.kind))
}

/// The names of the tools whose argument is plain text.
pub(super) fn freeform_names(tools: &[Tool]) -> Vec<&str> {
    fn name(tool: &Tool) -> Option<&str> {
        if let Tool::Freeform { name, .. } = tool { Some(name) } else { None }
    }
    tools.iter().filter_map(name).collect()
}

/// An object whose one member is the text, with the grammar for it where there is one.
fn freeform_schema(format: Option<&Json>) -> Json {
    let mut text = json!({"type": "string"});
    if let Some(grammar) = format.map(Json::text).filter(|format| format.contains("grammar")) {
        text["description"] = format!("Text in this format: {grammar}").into();
    }
    let schema = json!({"type": "object", "properties": {FREEFORM: text}, "required": [FREEFORM]});
    Json::parse(&schema.to_string()).expect("it is JSON")
}

/// Plain text as the object that Anthropic wants; what is in that object already stays as it is.
pub(super) fn freeform_input(text: &str) -> Cow<'_, RawValue> {
    #[derive(Deserialize)]
    struct Given {
        #[serde(rename = "input")]
        _text: String,
    }
    let object = serde_json::from_str::<&RawValue>(text).ok().filter(|json| json.get().starts_with('{'));
    if let Some(object) = object.filter(|object| serde_json::from_str::<Given>(object.get()).is_ok()) {
        return Cow::Borrowed(object);
    }
    // The text may come as it is, or as the JSON string that it is.
    let text = serde_json::from_str::<String>(text).map_or(Cow::Borrowed(text), Cow::Owned);
    Cow::Owned(to_raw_value(&json!({FREEFORM: text})).expect("a map of strings is JSON"))
}

/// A schema whose `type` is said: Anthropic refuses one without, which OpenAI takes.
fn input_schema(schema: Option<&Json>) -> Cow<'_, Json> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: Option<serde::de::IgnoredAny>,
    }
    let Some((schema, members)) = schema.and_then(|schema| Some((schema, schema.text().strip_prefix('{')?))) else {
        return Cow::Owned(Json::parse(r#"{"type":"object","properties":{}}"#).expect("it is JSON"));
    };
    if schema.to::<Typed>().is_some_and(|typed| typed.kind.is_some()) {
        return Cow::Borrowed(schema);
    }
    let comma = if members.trim_start().starts_with('}') { "" } else { "," };
    Json::parse(&format!(r#"{{"type":"object"{comma}{members}"#)).map_or(Cow::Borrowed(schema), Cow::Owned)
}

/// The choice of tools: only ever beside tools, and never without a type.
pub(super) fn tool_choice(request: &Request) -> Option<Choice<'_>> {
    let serial = request.parallel == Some(false);
    let (kind, name) = match request.choice.as_ref() {
        None if !serial => return None,
        None | Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Required) => ("any", None),
        Some(ToolChoice::Named(name)) => ("tool", Some(name.as_str())),
    };
    Some(Choice { kind, name, disable_parallel_tool_use: serial && kind != "none" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_put_into_an_object_once() {
        for (text, input) in [
            ("*** Begin \"Patch\"", r#"{"input":"*** Begin \"Patch\""}"#),
            (r#""quoted""#, r#"{"input":"quoted"}"#),
            (r#"{"input": "given"}"#, r#"{"input": "given"}"#),
            (r#"{"other": 1}"#, r#"{"input":"{\"other\": 1}"}"#),
            (r#"["a"]"#, r#"{"input":"[\"a\"]"}"#),
            ("", r#"{"input":""}"#),
        ] {
            assert_eq!(freeform_input(text).get(), input, "{text}");
        }
    }

    #[test]
    fn anthropics_own_tools_are_told_by_the_day_of_their_version() {
        for (kind, own) in [
            ("bash_20250124", true),
            ("web_search_20250305", true),
            ("mcp_toolset", true),
            ("custom", false),
            ("web_search_preview_2025_03_11", false),
            ("web_search", false),
        ] {
            let tool = Json::parse(&json!({"type": kind}).to_string()).expect("JSON");
            assert_eq!(is_anthropics(&tool), own, "{kind}");
        }
    }
}
