//! Tools and the choice among them, read; the `functions` of before there were tools, too.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::Refusal;

use crate::json::{self, Json, Object, invalid, unsupported};
use crate::neutral::{Request, Tool, ToolChoice};

#[derive(Deserialize)]
struct WireTool {
    #[serde(rename = "type")]
    kind: String,
    function: Option<FunctionTool>,
    custom: Option<CustomTool>,
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
struct CustomTool {
    name: String,
    description: Option<String>,
    format: Option<Json>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(rename = "type")]
    kind: String,
    function: Option<Named>,
    custom: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Reads the tools, which of them must or may be called, and whether several at once.
pub(super) fn read(object: &mut Object<'_>, request: &mut Request) -> Result<(), Refusal> {
    request.parallel = object.take("parallel_tool_calls")?;
    request.choice = choice(object)?;
    for (i, raw) in object.take_list("tools")?.into_iter().enumerate() {
        let path = format!("tools[{i}]");
        request.tools.push(tool(json::read(raw, || path.clone())?, raw, &path)?);
    }
    let functions = object.take_list("functions")?;
    for (i, raw) in functions.iter().enumerate() {
        let function: FunctionTool = json::read(raw, || format!("functions[{i}]"))?;
        request.tools.push(function.tool(None));
        // An answer of that time has room for one call.
        request.parallel = Some(false);
    }
    let older = object.take::<Json>("function_call")?.map(|given| older_choice(&given)).transpose()?;
    request.choice = request.choice.take().or(older);
    Ok(())
}

fn tool(wire: WireTool, raw: &RawValue, path: &str) -> Result<Tool, Refusal> {
    match (wire.function, wire.custom) {
        (Some(function), _) => Ok(function.tool(wire.cache_control)),
        (None, Some(CustomTool { name, description, format })) if wire.kind == "custom" => {
            Ok(Tool::Freeform { name, description, format })
        }
        _ if matches!(wire.kind.as_str(), "function" | "custom") => {
            Err(invalid(&format!("{path}.{}", wire.kind), "is missing"))
        }
        _ => Json::parse(raw.get()).map(Tool::Hosted).ok_or_else(|| invalid(path, "is not JSON")),
    }
}

impl FunctionTool {
    fn tool(self, outer: Option<Json>) -> Tool {
        let Self { name, description, parameters: schema, strict, cache_control } = self;
        Tool::Function { name, description, schema, strict, cache: cache_control.or(outer) }
    }
}

fn choice(object: &mut Object<'_>) -> Result<Option<ToolChoice>, Refusal> {
    let Some(given) = object.take::<Json>("tool_choice")? else { return Ok(None) };
    let choice = match given.to::<String>().as_deref() {
        Some("auto") => ToolChoice::Auto,
        Some("none") => ToolChoice::None,
        Some("required" | "any") => ToolChoice::Required,
        Some(_) => return Err(invalid("tool_choice", "must be `auto`, `none`, `required` or a function")),
        None => match given.to::<Choice>() {
            Some(Choice { kind, function: Some(Named { name }), .. }) if kind == "function" => ToolChoice::Named(name),
            Some(Choice { kind, custom: Some(Named { name }), .. }) if kind == "custom" => ToolChoice::Named(name),
            Some(_) => return Err(unsupported("tool_choice", "must name a tool: no other type translates")),
            None => return Err(invalid("tool_choice", "must be a word or an object with a `type`")),
        },
    };
    Ok(Some(choice))
}

fn older_choice(given: &Json) -> Result<ToolChoice, Refusal> {
    match (given.to::<String>().as_deref(), given.to::<Named>()) {
        (Some("auto"), _) => Ok(ToolChoice::Auto),
        (Some("none"), _) => Ok(ToolChoice::None),
        (None, Some(Named { name })) => Ok(ToolChoice::Named(name)),
        _ => Err(invalid("function_call", "must be `auto`, `none` or an object with a `name`")),
    }
}
