//! Tools, and which of them may be called: read and written.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_api::Refusal;

use super::fields::{Fields, camel};
use super::schema::to_json_schema;
use crate::json::{Json, invalid, read};
use crate::losses::Losses;
use crate::neutral::{Request, Tool, ToolChoice};

/// One of `tools`.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WireTool<'a> {
    #[serde(rename_all = "camelCase")]
    Functions {
        function_declarations: Vec<Declaration<'a>>,
    },
    Hosted(&'a Json),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Declaration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    /// JSON Schema as it is: Google's own subset would lose most of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'a Json>,
}

/// `functionCallingConfig`.
#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Calling {
    mode: Option<String>,
    #[serde(alias = "allowed_function_names", skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<Vec<String>>,
}

/// Reads one of `tools`: functions, and tools that Google runs, may stand in one object.
pub(super) fn read_tool(raw: &RawValue, path: &str, tools: &mut Vec<Tool>) -> Result<(), Refusal> {
    let mut fields = Fields::read(raw, path)?;
    let functions: Vec<&RawValue> = fields.take("functionDeclarations")?.unwrap_or_default();
    for (i, raw) in functions.into_iter().enumerate() {
        tools.push(function(raw, &format!("{path}.functionDeclarations[{i}]"))?);
    }
    for (name, raw) in fields.rest() {
        let name = serde_json::to_string(&name).expect("a string is JSON");
        tools.extend(Json::parse(&format!("{{{name}:{}}}", raw.get())).map(Tool::Hosted));
    }
    Ok(())
}

fn function(raw: &RawValue, path: &str) -> Result<Tool, Refusal> {
    let mut fields = Fields::read(raw, path)?;
    let googles: Option<Json> = fields.take("parameters")?;
    let schema: Option<Json> = fields.take("parametersJsonSchema")?;
    Ok(Tool::Function {
        name: fields.take("name")?.ok_or_else(|| invalid(&format!("{path}.name"), "is missing"))?,
        description: fields.take("description")?,
        schema: schema.or(googles.map(to_json_schema)),
        strict: None,
        cache: fields.take("cacheControl")?,
    })
}

/// Reads `toolConfig` into the choice of tools; what else is in it stays with the request.
pub(super) fn read_config(raw: &RawValue, request: &mut Request) -> Result<(), Refusal> {
    let mut fields = Fields::read(raw, "toolConfig")?;
    let calling: Option<&RawValue> = fields.take("functionCallingConfig")?;
    if let Some(raw) = calling {
        let path = "toolConfig.functionCallingConfig";
        choose(read(raw, || path.to_owned())?, request)?;
    }
    request.unknown.extend(fields.rest_as_object().map(|rest| ("toolConfig".to_owned(), rest)));
    Ok(())
}

fn choose(calling: Calling, request: &mut Request) -> Result<(), Refusal> {
    let allowed = calling.allowed_function_names.unwrap_or_default();
    request.choice = match (calling.mode.unwrap_or_default().to_ascii_uppercase().as_str(), &*allowed) {
        ("" | "MODE_UNSPECIFIED", _) => None,
        ("AUTO" | "VALIDATED", _) => Some(ToolChoice::Auto),
        ("NONE", _) => Some(ToolChoice::None),
        ("ANY", [one]) => Some(ToolChoice::Named(one.clone())),
        ("ANY", _) => Some(ToolChoice::Required),
        _ => {
            let path = "toolConfig.functionCallingConfig.mode";
            return Err(invalid(path, "must be `AUTO`, `ANY`, `NONE` or `VALIDATED`"));
        }
    };
    // Nobody else can allow some of the functions: the others are not offered.
    if !allowed.is_empty() && !matches!(request.choice, Some(ToolChoice::Named(_))) {
        request.tools.retain(|tool| !matches!(tool, Tool::Function { name, .. } if !allowed.contains(name)));
    }
    Ok(())
}

/// The tools in Google's words.
pub(super) fn write_tools<'a>(tools: &'a [Tool], losses: &mut Losses) -> Result<Vec<WireTool<'a>>, Refusal> {
    let mut wire = Vec::new();
    let mut functions = Vec::new();
    for (i, tool) in tools.iter().enumerate() {
        match tool {
            Tool::Function { name, description, schema, .. } => functions.push(Declaration {
                name,
                description: description.as_deref(),
                parameters_json_schema: schema.as_ref(),
            }),
            Tool::Hosted(json) if is_googles(json) => wire.push(WireTool::Hosted(json)),
            Tool::Hosted(_) | Tool::Freeform { .. } => {
                losses.lose(&format!("tools[{i}]"), "is of a type that does not exist at Gemini")?;
            }
        }
    }
    if !functions.is_empty() {
        wire.insert(0, WireTool::Functions { function_declarations: functions });
    }
    Ok(wire)
}

/// Whether a hosted tool is in Google's words: others say their `type`, and Amazon a `systemTool`. Functions
/// are the client's to run.
fn is_googles(tool: &Json) -> bool {
    const NOT: [&str; 3] = ["functionDeclarations", "systemTool", "type"];
    let members: Option<BTreeMap<String, IgnoredAny>> = tool.to();
    members.is_some_and(|members| !members.keys().any(|name| NOT.contains(&camel(name).as_str())))
}

/// The choice of tools, only ever beside functions.
pub(super) fn write_choice(request: &Request) -> Option<Calling> {
    let any = request.tools.iter().any(|tool| matches!(tool, Tool::Function { .. }));
    let (mode, named) = match request.choice.as_ref().filter(|_| any)? {
        ToolChoice::Auto => ("AUTO", None),
        ToolChoice::None => ("NONE", None),
        ToolChoice::Required => ("ANY", None),
        ToolChoice::Named(name) => ("ANY", Some(vec![name.clone()])),
    };
    Some(Calling { mode: Some(mode.to_owned()), allowed_function_names: named })
}
