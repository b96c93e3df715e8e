//! The turns of a conversation, read from `contents`.
//!
//! It looks at no id beyond handing it on: which call a result answers is another module's.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::{Refusal, Seal, Sealer};

use super::ids::Ids;
use super::parts::NO_SEAL;
use crate::json::{self, Json, invalid, unsupported};
use crate::losses::Losses;
use crate::neutral::{Content, Part, Request, Role, Source, Turn};

/// [`NO_SEAL`] in base64, as clients write it whose type for seals is bytes.
const NO_SEAL_ENCODED: &str = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=";

#[derive(Deserialize)]
struct WireContent {
    role: Option<String>,
    parts: Option<Box<RawValue>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct WirePart {
    text: Option<String>,
    thought: Option<bool>,
    #[serde(alias = "thought_signature")]
    thought_signature: Option<String>,
    #[serde(alias = "inline_data")]
    inline_data: Option<Blob>,
    #[serde(alias = "file_data")]
    file_data: Option<FileData>,
    #[serde(alias = "function_call")]
    function_call: Option<FunctionCall>,
    #[serde(alias = "function_response")]
    function_response: Option<FunctionResponse>,
    #[serde(alias = "executable_code")]
    executable_code: Option<serde::de::IgnoredAny>,
    #[serde(alias = "code_execution_result")]
    code_execution_result: Option<serde::de::IgnoredAny>,
    #[serde(alias = "tool_call")]
    tool_call: Option<serde::de::IgnoredAny>,
    #[serde(alias = "tool_response")]
    tool_response: Option<serde::de::IgnoredAny>,
    #[serde(alias = "cache_control")]
    cache_control: Option<Json>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blob {
    #[serde(alias = "mime_type", default)]
    mime_type: String,
    data: String,
    #[serde(alias = "display_name")]
    display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileData {
    #[serde(alias = "mime_type")]
    mime_type: Option<String>,
    #[serde(alias = "file_uri")]
    file_uri: String,
    #[serde(alias = "display_name")]
    display_name: Option<String>,
}

#[derive(Deserialize)]
struct FunctionCall {
    id: Option<String>,
    name: String,
    args: Option<Json>,
}

#[derive(Deserialize)]
struct FunctionResponse {
    id: Option<String>,
    #[serde(default)]
    name: String,
    response: Option<Json>,
    #[serde(default)]
    parts: Vec<WirePart>,
}

/// One turn as it came.
struct Said {
    role: Role,
    path: String,
    parts: Vec<WirePart>,
}

/// Reads the conversation into the request. `contents` is a list; some clients send its one
/// element, or a text.
pub(super) fn read_contents(raw: &RawValue, request: &mut Request, losses: &mut Losses) -> Result<(), Refusal> {
    let single = !raw.get().starts_with('[');
    let mut said = Vec::new();
    for (i, raw) in elements(raw, "contents")?.into_iter().enumerate() {
        let path = if single { "contents".to_owned() } else { format!("contents[{i}]") };
        said.push(content(raw, path)?);
    }
    let given = said.iter().flat_map(|said| &said.parts).filter_map(|part| part.function_call.as_ref()?.id.clone());
    let mut reader = Reader { ids: Ids::beside(given), losses };
    for Said { role, path, parts } in said {
        let mut read = Vec::new();
        for (i, part) in parts.into_iter().enumerate() {
            reader.part(part, &format!("{path}.parts[{i}]"), &mut read)?;
        }
        request.say(role, read);
    }
    request.turns.iter_mut().filter(|turn| turn.role == Role::Assistant).for_each(join_pieces);
    Ok(())
}

/// The texts of `systemInstruction`: a content, a part, or a text.
pub(super) fn read_system(raw: &RawValue) -> Result<Vec<Part>, Refusal> {
    let path = "systemInstruction";
    let WireContent { parts, .. } = match raw.get().starts_with('{') {
        true => json::read(raw, || path.to_owned())?,
        false => WireContent { role: None, parts: Some(raw.to_owned()) },
    };
    let mut texts = Vec::new();
    for part in parts_of(parts.as_deref().unwrap_or(raw), path)? {
        let text = part.text.ok_or_else(|| unsupported(path, "must be text"))?;
        texts.push(Part { content: Content::Text(text), cache: part.cache_control });
    }
    Ok(texts)
}

fn content(raw: &RawValue, path: String) -> Result<Said, Refusal> {
    if raw.get().starts_with('"') {
        return Ok(Said { role: Role::User, parts: parts_of(raw, &path)?, path });
    }
    let WireContent { role, parts } = json::read(raw, || path.clone())?;
    let role = match role.as_deref().unwrap_or("user") {
        "" | "user" | "function" | "tool" => Role::User,
        "model" | "assistant" => Role::Assistant,
        _ => return Err(invalid(&format!("{path}.role"), "must be `user` or `model`")),
    };
    let parts = parts.map(|raw| parts_of(&raw, &format!("{path}.parts"))).transpose()?;
    Ok(Said { role, path, parts: parts.unwrap_or_default() })
}

/// The parts in a list, or the one that stands in place of a list.
fn parts_of(raw: &RawValue, path: &str) -> Result<Vec<WirePart>, Refusal> {
    let read = |raw: &RawValue| match raw.get().starts_with('"') {
        true => Ok(WirePart { text: Some(json::read(raw, || path.to_owned())?), ..WirePart::default() }),
        false => json::read(raw, || path.to_owned()),
    };
    elements(raw, path)?.into_iter().map(read).collect()
}

/// The elements of a list; anything else is the one element of itself.
fn elements<'a>(raw: &'a RawValue, path: &str) -> Result<Vec<&'a RawValue>, Refusal> {
    if raw.get().starts_with('[') { json::read(raw, || path.to_owned()) } else { Ok(vec![raw]) }
}

struct Reader<'a> {
    ids: Ids,
    losses: &'a mut Losses,
}

impl Reader<'_> {
    fn part(&mut self, part: WirePart, path: &str, out: &mut Vec<Part>) -> Result<(), Refusal> {
        let seal = part.thought_signature.and_then(seal);
        let cache = part.cache_control;
        let content = match (part.text, part.inline_data, part.file_data, part.function_call, part.function_response) {
            (Some(text), ..) if part.thought == Some(true) => {
                out.push(Content::Thinking { text, seal }.into());
                return Ok(());
            }
            (Some(text), ..) => (!text.is_empty()).then_some(Content::Text(text)),
            (_, Some(blob), ..) => Some(inline(blob)),
            (_, _, Some(file), ..) => Some(linked(file)),
            (.., Some(FunctionCall { id, name, args }), _) => {
                let id = self.ids.call(id, &name);
                let arguments = args.map_or_else(String::new, |args| args.text().to_owned());
                out.push(Part { content: Content::ToolCall { id, name, arguments, seal }, cache });
                return Ok(());
            }
            (.., Some(response)) => Some(self.result(response, path)?),
            _ => {
                let traces = [part.executable_code, part.code_execution_result, part.tool_call, part.tool_response];
                if traces.iter().any(Option::is_some) {
                    self.losses.lose(path, "is the trace of a tool that only Google runs")?;
                }
                None
            }
        };
        out.extend(content.map(|content| Part { content, cache }));
        // A seal beside anything but a call is over the thinking so far.
        out.extend(seal.map(|seal| Content::Thinking { text: String::new(), seal: Some(seal) }.into()));
        Ok(())
    }

    fn result(&mut self, response: FunctionResponse, path: &str) -> Result<Content, Refusal> {
        let id = self.ids.result(response.id, response.name);
        let (text, failed) = result_text(response.response.as_ref());
        let mut parts: Vec<Part> = text.map(|text| Content::Text(text).into()).into_iter().collect();
        for (i, part) in response.parts.into_iter().enumerate() {
            self.part(part, &format!("{path}.functionResponse.parts[{i}]"), &mut parts)?;
        }
        Ok(Content::ToolResult { id, parts, failed })
    }
}

/// What a tool said. Google's own words for a plain text are `output` and `error`; any other object
/// is the answer itself.
fn result_text(response: Option<&Json>) -> (Option<String>, bool) {
    let Some(response) = response else { return (None, false) };
    let members: BTreeMap<String, Json> = response.to().unwrap_or_default();
    let only = |name: &str| members.get(name).filter(|_| members.len() == 1);
    let text = |json: &Json| json.to::<String>().unwrap_or_else(|| json.text().to_owned());
    match (only("output").and_then(Json::to::<String>), only("error")) {
        (Some(output), _) => (Some(output), false),
        (None, Some(error)) => (Some(text(error)), true),
        (None, None) => (Some(response.text().to_owned()), false),
    }
}

fn inline(blob: Blob) -> Content {
    let Blob { mime_type, data, display_name } = blob;
    of_type(Some(mime_type.clone()), Source::Base64 { media_type: mime_type, data }, display_name)
}

fn linked(file: FileData) -> Content {
    let FileData { mime_type, file_uri, display_name } = file;
    of_type(mime_type, Source::from_url(file_uri), display_name)
}

fn of_type(media_type: Option<String>, source: Source, name: Option<String>) -> Content {
    match media_type.unwrap_or_default().split('/').next() {
        Some("image") => Content::Image(source),
        Some("audio") => Content::Audio(source),
        _ => Content::Document { source, name },
    }
}

/// The seal in a `thoughtSignature`. Google's Python client decodes it and encodes it anew, in the
/// alphabet for URLs; and what stands in for a seal is none.
fn seal(text: String) -> Option<Seal> {
    if text.is_empty() || text == NO_SEAL || text == NO_SEAL_ENCODED {
        return None;
    }
    let standard: String = text.chars().map(|c| if c == '-' { '+' } else { c }).map(slash).collect();
    let ours = Seal::read(standard, Sealer::Google);
    Some(if ours.by == Sealer::Google { Seal::read(text, Sealer::Google) } else { ours })
}

fn slash(c: char) -> char {
    if c == '_' { '/' } else { c }
}

/// An answer comes back in pieces where a client kept the chunks of a stream; a seal is over all
/// thoughts before it.
fn join_pieces(turn: &mut Turn) {
    let mut joined: Vec<Part> = Vec::with_capacity(turn.parts.len());
    for part in turn.parts.drain(..) {
        let last = joined.last_mut().filter(|last| last.cache.is_none()).map(|last| &mut last.content);
        match (last, part.content) {
            (Some(Content::Thinking { text, seal: seal @ None }), Content::Thinking { text: more, seal: later }) => {
                text.push_str(&more);
                *seal = later;
            }
            (Some(Content::Text(text)), Content::Text(more)) if part.cache.is_none() => text.push_str(&more),
            (_, content) => joined.push(Part { content, cache: part.cache }),
        }
    }
    turn.parts = joined;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_seal_survives_a_client_that_encodes_it_anew() {
        // Bytes that both alphabets spell differently.
        let foreign = Seal::new(Sealer::Anthropic, "\u{3ff}\u{fff}???>>>");
        let spelled = foreign.spelled_for(Sealer::Google).into_owned();
        let urls = spelled.replace('+', "-").replace('/', "_");
        assert_ne!(urls, spelled, "the test needs a character that differs");
        assert_eq!(seal(urls), Some(foreign.clone()));
        assert_eq!(seal(spelled), Some(foreign));
        assert_eq!(seal("Ab-_".into()), Some(Seal::new(Sealer::Google, "Ab-_")));
        for nothing in ["", NO_SEAL, NO_SEAL_ENCODED] {
            assert_eq!(seal(nothing.into()), None);
        }
    }
}
