//! The `input` of an interaction, read as the turns of a conversation.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::Refusal;

use super::seals;
use crate::json::{self, invalid, unsupported};
use crate::losses::Losses;
use crate::neutral::{Content, Part, Request, Role, Source};

/// A step, a turn as older clients write it, or a piece of content: its type says which.
#[derive(Default, Deserialize)]
struct Wire {
    #[serde(rename = "type")]
    kind: Option<String>,
    role: Option<String>,
    content: Option<Box<RawValue>>,
    text: Option<String>,
    data: Option<String>,
    mime_type: Option<String>,
    uri: Option<String>,
    name: Option<String>,
    id: Option<String>,
    arguments: Option<Box<RawValue>>,
    call_id: Option<String>,
    result: Option<Box<RawValue>>,
    is_error: Option<bool>,
    signature: Option<String>,
    summary: Option<Vec<Wire>>,
}

/// Reads the conversation into the request.
pub(super) fn read(request: &mut Request, input: &RawValue, losses: &mut Losses) -> Result<(), Refusal> {
    for (path, wire) in list(input, "input")? {
        step(request, wire, &path, losses)?;
    }
    Ok(())
}

/// A text, one object or a list of them, each with where it stands.
fn list(raw: &RawValue, path: &str) -> Result<Vec<(String, Wire)>, Refusal> {
    match raw.get().as_bytes().first() {
        Some(b'"') => {
            let text = json::read(raw, || path.to_owned())?;
            Ok(vec![(path.to_owned(), Wire { kind: Some("text".into()), text: Some(text), ..Wire::default() })])
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = json::read(raw, || path.to_owned())?;
            let numbered = items.into_iter().enumerate().map(|(i, item)| (format!("{path}[{i}]"), item));
            numbered.map(|(path, item)| Ok((path.clone(), json::read(item, || path.clone())?))).collect()
        }
        Some(b'{') => Ok(vec![(path.to_owned(), json::read(raw, || path.to_owned())?)]),
        _ => Err(invalid(path, "must be a text, an object or a list")),
    }
}

fn step(request: &mut Request, wire: Wire, path: &str, losses: &mut Losses) -> Result<(), Refusal> {
    let role = match (wire.kind.as_deref(), wire.role.as_deref()) {
        (Some("user_input"), _) | (None, Some("user")) => Role::User,
        (Some("model_output"), _) | (None, Some("model" | "assistant")) => Role::Assistant,
        (None, _) => return Err(invalid(&format!("{path}.type"), "is missing")),
        (Some(kind), _) => {
            let role = if matches!(kind, "function_call" | "thought") { Role::Assistant } else { Role::User };
            let said = part(wire, path, losses)?;
            request.say(role, said.into_iter().collect());
            return Ok(());
        }
    };
    let content = wire.content.map(|content| list(&content, &format!("{path}.content"))).transpose()?;
    for (path, item) in content.into_iter().flatten() {
        let said = part(item, &path, losses)?;
        request.say(role, said.into_iter().collect());
    }
    Ok(())
}

/// One piece; `None` where it is dropped.
fn part(wire: Wire, path: &str, losses: &mut Losses) -> Result<Option<Part>, Refusal> {
    let missing = |member: &str| invalid(&format!("{path}.{member}"), "is missing");
    let content = match wire.kind.as_deref().unwrap_or_default() {
        "text" => Content::Text(wire.text.ok_or_else(|| missing("text"))?),
        "image" => Content::Image(source(wire, path)?),
        "audio" => Content::Audio(source(wire, path)?),
        "document" | "video" => Content::Document { name: wire.name.clone(), source: source(wire, path)? },
        "thought" => return Ok(thought(wire)),
        "function_call" => Content::ToolCall {
            id: wire.id.ok_or_else(|| missing("id"))?,
            name: wire.name.ok_or_else(|| missing("name"))?,
            arguments: wire.arguments.map_or_else(String::new, |arguments| arguments.get().to_owned()),
            seal: wire.signature.filter(|signature| !signature.is_empty()).map(|signature| seals::read(signature).0),
        },
        "function_result" => Content::ToolResult {
            id: wire.call_id.ok_or_else(|| missing("call_id"))?,
            parts: wire.result.map(|result| answer(&result, path, losses)).transpose()?.unwrap_or_default(),
            failed: wire.is_error.unwrap_or_default(),
        },
        // A tool that Google runs: the conversation can be told without what it did.
        kind if kind.ends_with("_call") || kind.ends_with("_result") => {
            losses.lose(path, "is a step of a tool that only its own vendor runs")?;
            return Ok(None);
        }
        _ => return Err(unsupported(path, "is of a type that has no equivalent elsewhere")),
    };
    Ok(Some(content.into()))
}

fn thought(wire: Wire) -> Option<Part> {
    let text: String = wire.summary.into_iter().flatten().filter_map(|item| item.text).collect();
    let content = match wire.signature.filter(|signature| !signature.is_empty()).map(seals::read) {
        Some((seal, true)) if text.is_empty() => Content::RedactedThinking(seal),
        None if text.is_empty() => return None,
        signature => Content::Thinking { text, seal: signature.map(|(seal, _)| seal) },
    };
    Some(content.into())
}

fn source(wire: Wire, path: &str) -> Result<Source, Refusal> {
    match (wire.data, wire.uri) {
        (Some(data), _) => Ok(Source::Base64 { media_type: wire.mime_type.unwrap_or_default(), data }),
        (None, Some(uri)) => Ok(Source::from_url(uri)),
        (None, None) => Err(invalid(path, "must bring its `data` or its `uri`")),
    }
}

/// What a tool answered: a text, pieces of content, or JSON of the tool's own.
fn answer(result: &RawValue, path: &str, losses: &mut Losses) -> Result<Vec<Part>, Refusal> {
    let text = result.get();
    if text.starts_with('"') || is_content(text) {
        let items = list(result, &format!("{path}.result"))?;
        let parts = items.into_iter().map(|(path, item)| part(item, &path, losses)).collect::<Result<Vec<_>, _>>()?;
        return Ok(parts.into_iter().flatten().collect());
    }
    Ok(vec![Content::Text(text.to_owned()).into()])
}

/// Whether JSON is a list of content, and nothing else.
fn is_content(json: &str) -> bool {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    let known = |item: &Kind| matches!(&*item.kind, "text" | "image" | "audio" | "document" | "video");
    serde_json::from_str::<Vec<Kind>>(json).is_ok_and(|items| items.iter().all(known))
}
