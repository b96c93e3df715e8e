//! The turns of a conversation, written as `contents`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tollgate_api::{Refusal, Sealer};

use super::model::Model;
use crate::json::one_line;
use crate::losses::Losses;
use crate::neutral::{self, Content, Request, Role, Source, Turn};

/// What Google takes in place of a seal that is lost: the call came from another vendor's model, or
/// through a client that keeps none.
pub(super) const NO_SEAL: &str = "skip_thought_signature_validator";
/// Where arguments go that are no JSON object: Google takes nothing else, and a conversation in
/// which a model once wrote broken JSON must not be stuck for ever.
const UNPARSED: &str = "unparsed_arguments";
/// Where Google keeps files that were given to it, and films.
const GOOGLES: [&str; 4] =
    ["gs://", "https://generativelanguage.googleapis.com/", "https://www.youtube.com/", "https://youtu.be/"];
/// The media types of files that only their names tell of.
const BY_NAME: [(&str, &str); 14] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("mp3", "audio/mpeg"),
    ("wav", "audio/wav"),
    ("mp4", "video/mp4"),
    ("webm", "video/webm"),
];

/// One turn.
#[derive(Serialize)]
pub(super) struct WireContent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    pub(super) parts: Vec<WirePart<'a>>,
}

/// One part.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct WirePart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<FileData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<FunctionCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_response: Option<FunctionResponse<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Blob<'a> {
    mime_type: &'a str,
    data: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'static str>,
    file_uri: &'a str,
}

#[derive(Serialize)]
struct FunctionCall<'a> {
    id: &'a str,
    name: &'a str,
    args: Cow<'a, RawValue>,
}

#[derive(Serialize)]
struct FunctionResponse<'a> {
    id: &'a str,
    name: &'a str,
    response: Box<RawValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<WirePart<'a>>,
}

/// The system prompt beside the turns. A prompt alone is what the user says: Google wants a turn.
pub(super) fn conversation<'a>(
    request: &'a Request,
    model: Model,
    losses: &mut Losses,
) -> Result<(Option<WireContent<'a>>, Vec<WireContent<'a>>), Refusal> {
    let mut writer = Writer { model, losses, names: names(&request.turns) };
    let contents = writer.contents(&request.turns)?;
    let system: Vec<_> = request.system.iter().filter_map(|part| text(&part.content)).collect();
    if system.is_empty() {
        return Ok((None, contents));
    }
    Ok(match contents.is_empty() {
        true => (None, vec![WireContent { role: Some("user"), parts: system }]),
        false => (Some(WireContent { role: None, parts: system }), contents),
    })
}

/// The tool that each call names: Google matches results by it.
fn names(turns: &[Turn]) -> HashMap<&str, &str> {
    let call = |part| match part {
        &neutral::Part { content: Content::ToolCall { ref id, ref name, .. }, .. } => Some((&**id, &**name)),
        _ => None,
    };
    turns.iter().flat_map(|turn| &turn.parts).filter_map(call).collect()
}

struct Writer<'a, 'l> {
    model: Model,
    losses: &'l mut Losses,
    names: HashMap<&'a str, &'a str>,
}

impl<'a> Writer<'a, '_> {
    /// Turns that say nothing are left out, as Google refuses them.
    fn contents(&mut self, turns: &'a [Turn]) -> Result<Vec<WireContent<'a>>, Refusal> {
        let mut contents = Vec::new();
        for turn in turns {
            let (role, parts) = match turn.role {
                Role::User | Role::System => ("user", self.user(turn)?),
                Role::Assistant => ("model", self.assistant(turn)?),
            };
            if !parts.is_empty() {
                contents.push(WireContent { role: Some(role), parts });
            }
        }
        Ok(contents)
    }

    /// All results of a turn's calls stand first, and their pictures right after them.
    fn user(&mut self, turn: &'a Turn) -> Result<Vec<WirePart<'a>>, Refusal> {
        let (mut results, mut beside, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for part in &turn.parts {
            match &part.content {
                Content::ToolResult { id, parts, failed } => {
                    let media = self.all(parts.iter().filter(|part| !matches!(part.content, Content::Text(_))))?;
                    let nested = self.model.takes_media_in_results();
                    let (within, outside) = if nested { (media, Vec::new()) } else { (Vec::new(), media) };
                    let name = self.names.get(&**id).copied().unwrap_or(id);
                    let response = FunctionResponse { id, name, response: response(parts, *failed), parts: within };
                    results.push(WirePart { function_response: Some(response), ..WirePart::default() });
                    beside.extend(outside);
                }
                content => rest.extend(self.part(content)?),
            }
        }
        results.append(&mut beside);
        results.append(&mut rest);
        Ok(results)
    }

    fn assistant(&mut self, turn: &'a Turn) -> Result<Vec<WirePart<'a>>, Refusal> {
        let mut parts: Vec<WirePart<'a>> = Vec::new();
        // A seal that came before the call it belongs to: other surfaces have no place on a call.
        let mut held = None;
        let mut called = false;
        let mut rest = turn.parts.iter().peekable();
        while let Some(part) = rest.next() {
            match &part.content {
                Content::ToolCall { id, name, arguments, seal } => {
                    let own = seal.as_ref().and_then(|seal| seal.of(Sealer::Google)).or(held.take());
                    // Of calls made at once only the first is sealed.
                    let missing = !called && self.model.insists_on_seals();
                    called = true;
                    let call = FunctionCall { id, name, args: args(arguments) };
                    parts.push(WirePart {
                        function_call: Some(call),
                        thought_signature: own.or(missing.then_some(NO_SEAL)),
                        ..WirePart::default()
                    });
                }
                Content::Thinking { text, seal } => {
                    let seal = seal.as_ref().and_then(|seal| seal.of(Sealer::Google));
                    let before_call = rest.peek().is_some_and(|next| is_unsealed_call(&next.content));
                    if before_call && !called && self.model.insists_on_seals() {
                        held = seal;
                        parts.extend(thought(text, None));
                    } else {
                        think(&mut parts, text, seal);
                    }
                }
                Content::RedactedThinking(seal) => think(&mut parts, "", seal.of(Sealer::Google)),
                content => parts.extend(self.part(content)?),
            }
        }
        Ok(parts)
    }

    fn all(&mut self, parts: impl Iterator<Item = &'a neutral::Part>) -> Result<Vec<WirePart<'a>>, Refusal> {
        let mut written = Vec::new();
        for part in parts {
            written.extend(self.part(&part.content)?);
        }
        Ok(written)
    }

    /// Text, pictures and files; `None` for all else, and for what is lost.
    fn part(&mut self, content: &'a Content) -> Result<Option<WirePart<'a>>, Refusal> {
        match content {
            Content::Image(source) => self.media(source, "image/jpeg"),
            Content::Audio(source) => self.media(source, "audio/mpeg"),
            Content::Document { source, .. } => self.media(source, "application/pdf"),
            content => Ok(text(content)),
        }
    }

    fn media(&mut self, source: &'a Source, otherwise: &'static str) -> Result<Option<WirePart<'a>>, Refusal> {
        let url = match source {
            Source::Base64 { media_type, data } => {
                let mime_type = if media_type.is_empty() { otherwise } else { media_type };
                return Ok(Some(WirePart { inline_data: Some(Blob { mime_type, data }), ..WirePart::default() }));
            }
            Source::Url(url) => url.as_str(),
        };
        let googles = GOOGLES.iter().any(|start| url.starts_with(start));
        let fetched = googles || (url.starts_with("https://") && self.model.fetches_urls());
        if !fetched {
            self.losses.lose("messages", "has a file that Gemini cannot fetch: send its bytes in base64")?;
            return Ok(None);
        }
        // Google knows what it keeps.
        let mime_type = media_type(url).or(Some(otherwise).filter(|_| !googles));
        Ok(Some(WirePart { file_data: Some(FileData { mime_type, file_uri: url }), ..WirePart::default() }))
    }
}

/// Thinking, where its seal can stand: with its own text, else on the part before it, which Google
/// sealed, else alone.
fn think<'a>(parts: &mut Vec<WirePart<'a>>, text: &'a str, seal: Option<&'a str>) {
    let Some(seal) = seal else { return parts.extend(thought(text, None)) };
    match parts.last_mut() {
        Some(last) if text.is_empty() && last.function_call.is_none() && last.thought_signature.is_none() => {
            last.thought_signature = Some(seal);
        }
        _ if text.is_empty() => {
            parts.push(WirePart { text: Some(""), thought_signature: Some(seal), ..WirePart::default() });
        }
        _ => parts.extend(thought(text, Some(seal))),
    }
}

fn thought<'a>(text: &'a str, seal: Option<&'a str>) -> Option<WirePart<'a>> {
    let part = WirePart { text: Some(text), thought: true, thought_signature: seal, ..WirePart::default() };
    (!text.is_empty()).then_some(part)
}

fn is_unsealed_call(content: &Content) -> bool {
    matches!(content, Content::ToolCall { seal, .. } if seal.as_ref().is_none_or(|seal| seal.by != Sealer::Google))
}

fn text(content: &Content) -> Option<WirePart<'_>> {
    match content {
        Content::Text(text) if !text.is_empty() => Some(WirePart { text: Some(text), ..WirePart::default() }),
        _ => None,
    }
}

/// Arguments as the object that Google wants, byte for byte where they are one; on one line, as
/// they may stand in an event.
pub(super) fn args(arguments: &str) -> Cow<'_, RawValue> {
    let arguments = if matches!(arguments.trim(), "" | "null") { "{}" } else { arguments };
    match object(arguments) {
        Some(object) => match one_line(object.get()) {
            Cow::Borrowed(_) => Cow::Borrowed(object),
            Cow::Owned(line) => Cow::Owned(RawValue::from_string(line).expect("white space for white space")),
        },
        None => Cow::Owned(wrapped(UNPARSED, arguments)),
    }
}

/// What a tool said, as the object that Google wants: its own words are `output` and `error`.
fn response(parts: &[neutral::Part], failed: bool) -> Box<RawValue> {
    let texts = parts.iter().filter_map(|part| match &part.content {
        Content::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let said = texts.collect::<Vec<_>>().join("\n");
    match object(&said) {
        Some(object) if !failed => object.to_owned(),
        _ => wrapped(if failed { "error" } else { "output" }, &said),
    }
}

fn object(text: &str) -> Option<&RawValue> {
    serde_json::from_str::<&RawValue>(text).ok().filter(|raw| raw.get().starts_with('{'))
}

fn wrapped(name: &str, text: &str) -> Box<RawValue> {
    to_raw_value(&BTreeMap::from([(name, text)])).expect("a map of strings is JSON")
}

/// The media type that a URL's ending tells of.
fn media_type(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let ending = path.rsplit('/').next()?.rsplit_once('.')?.1.to_ascii_lowercase();
    BY_NAME.iter().find(|(name, _)| *name == ending).map(|(_, media_type)| *media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_always_an_object_and_an_object_is_not_respelled() {
        for (arguments, written) in [
            ("", "{}"),
            ("null", "{}"),
            ("{ \"b\": 1.0, \"a\": 12345678901234567890123 }", "{ \"b\": 1.0, \"a\": 12345678901234567890123 }"),
            ("{\"cut", r#"{"unparsed_arguments":"{\"cut"}"#),
            ("[1]", r#"{"unparsed_arguments":"[1]"}"#),
        ] {
            assert_eq!(args(arguments).get(), written);
        }
    }

    #[test]
    fn what_a_tool_said_is_always_an_object() {
        let said = |text: &str, failed| response(&[Content::Text(text.into()).into()], failed).get().to_owned();
        assert_eq!(said("sunny", false), r#"{"output":"sunny"}"#);
        assert_eq!(said(r#"{"sky":"blue"}"#, false), r#"{"sky":"blue"}"#);
        assert_eq!(said("[1]", false), r#"{"output":"[1]"}"#);
        assert_eq!(said("no such city", true), r#"{"error":"no such city"}"#);
        assert_eq!(response(&[], false).get(), r#"{"output":""}"#);
    }

    #[test]
    fn a_url_tells_its_media_type_by_its_ending() {
        assert_eq!(media_type("https://x.test/a/b.PNG?size=1.pdf#c"), Some("image/png"));
        assert_eq!(media_type("https://x.test/a.b/c"), None);
        assert_eq!(media_type("https://x.test"), None);
    }
}
