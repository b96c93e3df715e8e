//! `toolConfig` of a Converse request, as it is written.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::IgnoredAny;
use tollgate_api::Refusal;

use super::blocks::{CachePoint, Empty};
use super::family::Family;
use super::fields::owns_choice;
use crate::json::{Json, unsupported};
use crate::losses::Losses;
use crate::neutral::{Content, Request, Tool, ToolChoice};

/// The member.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'a> {
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WireTool<'a> {
    Ours(Named<'a>),
    Hosted(&'a Json),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Named<'a> {
    ToolSpec(ToolSpec<'a>),
    CachePoint(CachePoint),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolSpec<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: Schema<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
struct Schema<'a> {
    json: Cow<'a, Json>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Choice<'a> {
    Auto(Empty),
    Any(Empty),
    Tool { name: &'a str },
}

/// The tools and the choice among them; `None` where there are no tools, or none may be called.
pub(super) fn config<'a>(
    request: &'a Request,
    family: Family,
    losses: &mut Losses,
) -> Result<Option<ToolConfig<'a>>, Refusal> {
    let used = used(request);
    if request.tools.is_empty() {
        return Ok(bare(used));
    }
    let choice = match &request.choice {
        _ if owns_choice(request, family) => None,
        // Converse has no word for it: without tools none is called.
        Some(ToolChoice::None) if used.is_empty() => return Ok(None),
        Some(ToolChoice::None) => {
            losses.lose("tool_choice", "`none` does not exist at Amazon Bedrock once tools were called")?;
            None
        }
        choice => choice.as_ref().map(word),
    };
    Ok(Some(ToolConfig { tools: tools(&request.tools, family)?, tool_choice: choice }))
}

fn word(choice: &ToolChoice) -> Choice<'_> {
    match choice {
        ToolChoice::Auto | ToolChoice::None => Choice::Auto(Empty {}),
        ToolChoice::Required => Choice::Any(Empty {}),
        ToolChoice::Named(name) => Choice::Tool { name },
    }
}

/// The names of tools that the conversation has called.
fn used(request: &Request) -> BTreeSet<&str> {
    let parts = request.turns.iter().flat_map(|turn| &turn.parts);
    let names = parts.filter_map(|part| match &part.content {
        Content::ToolCall { name, .. } => Some(name.as_str()),
        _ => None,
    });
    names.collect()
}

/// Amazon wants tools beside a conversation that has called some, even where no more are offered.
fn bare(used: BTreeSet<&str>) -> Option<ToolConfig<'_>> {
    let spec = |name| ToolSpec { name, description: None, input_schema: schema(None), strict: None };
    let tools: Vec<_> = used.into_iter().map(|name| WireTool::Ours(Named::ToolSpec(spec(name)))).collect();
    (!tools.is_empty()).then_some(ToolConfig { tools, tool_choice: None })
}

fn tools(tools: &[Tool], family: Family) -> Result<Vec<WireTool<'_>>, Refusal> {
    let mut wire = Vec::with_capacity(tools.len());
    for (i, tool) in tools.iter().enumerate() {
        match tool {
            &Tool::Function { ref name, ref description, schema: ref given, strict, ref cache } => {
                wire.push(WireTool::Ours(Named::ToolSpec(ToolSpec {
                    name,
                    description: description.as_deref().filter(|text| !text.trim().is_empty()),
                    input_schema: schema(given.as_ref()),
                    strict: strict.filter(|strict| *strict && family.is_strict()),
                })));
                let mark = cache.as_ref().filter(|_| family.caches(true));
                wire.extend(mark.map(|mark| WireTool::Ours(Named::CachePoint(CachePoint::of(mark, family)))));
            }
            Tool::Hosted(json) if is_amazons(json) => wire.push(WireTool::Hosted(json)),
            Tool::Hosted(_) | Tool::Freeform { .. } => {
                return Err(unsupported(&format!("tools[{i}]"), "is of a type that does not exist at Amazon Bedrock"));
            }
        }
    }
    Ok(wire)
}

/// Whether a hosted tool is in Amazon's words, of which an object holds one.
fn is_amazons(tool: &Json) -> bool {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Hosted {
        system_tool: Option<IgnoredAny>,
        tool_spec: Option<IgnoredAny>,
        cache_point: Option<IgnoredAny>,
    }
    let alone = |tool: Hosted| tool.system_tool.is_some() && tool.tool_spec.is_none() && tool.cache_point.is_none();
    tool.to().is_some_and(alone)
}

/// A schema whose `type` is said: models refuse one without, which OpenAI takes.
fn schema(given: Option<&Json>) -> Schema<'_> {
    #[derive(serde::Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: Option<IgnoredAny>,
    }
    let Some((given, members)) = given.and_then(|given| Some((given, given.text().strip_prefix('{')?))) else {
        let empty = Json::parse(r#"{"type":"object","properties":{}}"#).expect("it is JSON");
        return Schema { json: Cow::Owned(empty) };
    };
    if given.to::<Typed>().is_some_and(|typed| typed.kind.is_some()) {
        return Schema { json: Cow::Borrowed(given) };
    }
    let comma = if members.trim_start().starts_with('}') { "" } else { "," };
    let typed = Json::parse(&format!(r#"{{"type":"object"{comma}{members}"#));
    Schema { json: typed.map_or(Cow::Borrowed(given), Cow::Owned) }
}
