//! The messages of a Chat Completions request, read as turns.
//!
//! Several surfaces of other vendors are taken too: what a client gives back of an answer is in the
//! words of whoever answered.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::{Refusal, Seal};

use super::details::{Detail, Told};
use super::message::{Extra, ThinkingBlock, argument_text};
use crate::freeform;
use crate::json::{Json, TextOr, invalid, unsupported};
use crate::neutral::{Content, Part, Request, Role, Source};

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Speaker {
    System,
    Developer,
    User,
    Assistant,
    Tool,
    /// What a tool was called before there were tools.
    Function,
}

#[derive(Deserialize)]
pub(super) struct Message {
    role: Speaker,
    content: Option<TextOr<WirePart>>,
    refusal: Option<String>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
    reasoning_details: Option<Vec<Detail>>,
    thinking_blocks: Option<Vec<ThinkingBlock>>,
    images: Option<Vec<WirePart>>,
    tool_calls: Option<Vec<Call>>,
    function_call: Option<Function>,
    tool_call_id: Option<String>,
    name: Option<String>,
    cache_control: Option<Json>,
}

#[derive(Deserialize, Default)]
struct WirePart {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
    thinking: Option<Vec<WirePart>>,
    image_url: Option<Place>,
    video_url: Option<Place>,
    input_audio: Option<Audio>,
    file: Option<File>,
    document_url: Option<String>,
    document_name: Option<String>,
    cache_control: Option<Json>,
}

/// A URL, which Mistral's clients may send bare.
#[derive(Deserialize)]
#[serde(untagged)]
enum Place {
    Bare(String),
    Object { url: String },
}

/// A sound: OpenAI's object, or Mistral's text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audio {
    Bare(String),
    Object { data: String, format: String },
}

#[derive(Deserialize)]
struct File {
    file_data: Option<String>,
    filename: Option<String>,
}

#[derive(Deserialize)]
struct Call {
    #[serde(default)]
    id: String,
    function: Option<Function>,
    custom: Option<Custom>,
    extra_content: Option<Extra>,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    arguments: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Custom {
    name: String,
    #[serde(default)]
    input: String,
}

/// Adds what this message, the `i`th, says.
pub(super) fn say(request: &mut Request, message: Message, i: usize) -> Result<(), Refusal> {
    let path = format!("messages[{i}]");
    match message.role {
        Speaker::System | Speaker::Developer => {
            let parts = said(message, &path)?.1;
            if parts.iter().any(|part| !matches!(part.content, Content::Text(_))) {
                return Err(unsupported(&format!("{path}.content"), "of a system message must be text"));
            }
            request.instruct(parts);
        }
        Speaker::User => {
            let parts = said(message, &path)?.1;
            request.say(Role::User, parts);
        }
        Speaker::Tool | Speaker::Function => {
            let id = match (&message.tool_call_id, &message.name) {
                (Some(id), _) => id.clone(),
                (None, Some(name)) if matches!(message.role, Speaker::Function) => last_call(request, name, &path)?,
                (None, _) => return Err(invalid(&format!("{path}.tool_call_id"), "is missing")),
            };
            let mut parts = said(message, &path)?.1;
            let cache = parts.last_mut().and_then(|last| last.cache.take());
            request.say(Role::User, vec![Part { content: Content::ToolResult { id, parts, failed: false }, cache }]);
        }
        Speaker::Assistant => {
            let parts = answer(message, i, &path)?;
            request.say(Role::Assistant, parts);
        }
    }
    Ok(())
}

/// The message without its content, and the parts of that.
fn said(mut message: Message, path: &str) -> Result<(Message, Vec<Part>), Refusal> {
    let mut parts = message.content.take().map(|content| parts(content, path)).transpose()?.unwrap_or_default();
    if let (Some(last), Some(cache)) = (parts.last_mut(), message.cache_control.take()) {
        last.cache.get_or_insert(cache);
    }
    Ok((message, parts))
}

/// The id of the last call of this function: its result names no other.
fn last_call(request: &Request, function: &str, path: &str) -> Result<String, Refusal> {
    let parts = request.turns.iter().rev().flat_map(|turn| turn.parts.iter().rev());
    let mut calls = parts.filter_map(|part| match &part.content {
        Content::ToolCall { id, name, .. } if name == function => Some(id.clone()),
        _ => None,
    });
    calls.next().ok_or_else(|| invalid(&format!("{path}.name"), "must be that of a function which was called before"))
}

/// What the model said: its thinking first, its calls last.
fn answer(message: Message, i: usize, path: &str) -> Result<Vec<Part>, Refusal> {
    let (message, parts) = said(message, path)?;
    let (mut all, mut keys) = (Vec::new(), Vec::new());
    let text = message.reasoning_content.or(message.reasoning);
    thinking(message.thinking_blocks, message.reasoning_details, text, &mut all, &mut keys);
    all.extend(parts);
    all.extend(message.refusal.map(|text| Content::Text(text).into()));
    for image in message.images.into_iter().flatten() {
        all.extend(part(image, path)?);
    }
    for (n, call) in message.tool_calls.into_iter().flatten().enumerate() {
        all.push(tool_call(call, &mut keys, &format!("{path}.tool_calls[{n}]"))?.into());
    }
    if let Some(Function { name, arguments }) = message.function_call {
        let arguments = arguments.map_or_else(String::new, |raw| argument_text(&raw));
        all.push(Content::ToolCall { id: format!("function_call_{i}"), name, arguments, seal: None }.into());
    }
    Ok(all)
}

/// Thinking given back: the sealed blocks or details, or the bare text where a client kept only that.
fn thinking(
    blocks: Option<Vec<ThinkingBlock>>,
    details: Option<Vec<Detail>>,
    text: Option<String>,
    parts: &mut Vec<Part>,
    keys: &mut Vec<(String, Seal)>,
) {
    parts.extend(blocks.into_iter().flatten().filter_map(ThinkingBlock::content).map(Part::from));
    if parts.is_empty() {
        details.into_iter().flatten().filter_map(Detail::told).for_each(|told| match told {
            Told::Thinking(text, seal) => think(text, seal, parts),
            Told::Redacted(seal) => parts.push(Content::RedactedThinking(seal).into()),
            Told::OfCall(id, seal) => keys.push((id, seal)),
        });
    }
    if let (true, Some(text)) = (parts.is_empty(), text.filter(|text| !text.is_empty())) {
        parts.push(Content::Thinking { text, seal: None }.into());
    }
}

/// Adds to the thinking, and to its last part until that is sealed.
fn think(more: String, later: Option<Seal>, parts: &mut Vec<Part>) {
    match parts.last_mut().map(|part| &mut part.content) {
        Some(Content::Thinking { text, seal: seal @ None }) => {
            text.push_str(&more);
            *seal = later;
        }
        _ => parts.push(Content::Thinking { text: more, seal: later }.into()),
    }
}

fn tool_call(call: Call, keys: &mut Vec<(String, Seal)>, path: &str) -> Result<Content, Refusal> {
    let key = keys.iter().position(|(id, _)| *id == call.id).map(|at| keys.swap_remove(at).1);
    let seal = call.extra_content.and_then(Extra::seal).or(key);
    match (call.function, call.custom) {
        (Some(Function { name, arguments }), _) => {
            let arguments = arguments.map_or_else(String::new, |raw| argument_text(&raw));
            Ok(Content::ToolCall { id: call.id, name, arguments, seal })
        }
        (None, Some(Custom { name, input })) => {
            Ok(Content::ToolCall { id: call.id, name, arguments: freeform::wrap(&input), seal })
        }
        (None, None) => Err(unsupported(path, "must be a function's or a custom tool's")),
    }
}

fn parts(content: TextOr<WirePart>, path: &str) -> Result<Vec<Part>, Refusal> {
    let one = |text| WirePart { kind: "text".into(), text: Some(text), ..WirePart::default() };
    let numbered = content.into_list(one).into_iter().enumerate();
    numbered.filter_map(|(i, wire)| part(wire, &format!("{path}.content[{i}]")).transpose()).collect()
}

/// One part; nothing where it points to a source of the vendor's own, as Mistral's `reference` does.
fn part(wire: WirePart, path: &str) -> Result<Option<Part>, Refusal> {
    let missing = |member: &str| invalid(&format!("{path}.{member}"), "is missing");
    let content = match wire.kind.as_str() {
        "text" => Content::Text(wire.text.ok_or_else(|| missing("text"))?),
        "refusal" => Content::Text(wire.refusal.ok_or_else(|| missing("refusal"))?),
        "thinking" => {
            let texts = wire.thinking.into_iter().flatten().filter_map(|part| part.text);
            Content::Thinking { text: texts.collect(), seal: None }
        }
        "image_url" => Content::Image(wire.image_url.ok_or_else(|| missing("image_url"))?.source()),
        "video_url" => {
            Content::Document { source: wire.video_url.ok_or_else(|| missing("video_url"))?.source(), name: None }
        }
        "input_audio" => Content::Audio(wire.input_audio.ok_or_else(|| missing("input_audio"))?.source()),
        "file" => document(wire.file.ok_or_else(|| missing("file"))?, path)?,
        "document_url" => {
            let url = wire.document_url.ok_or_else(|| missing("document_url"))?;
            Content::Document { source: Source::from_url(url), name: wire.document_name }
        }
        "reference" => return Ok(None),
        _ => return Err(unsupported(path, "is of a type that only its own vendor knows")),
    };
    Ok(Some(Part { content, cache: wire.cache_control }))
}

fn document(file: File, path: &str) -> Result<Content, Refusal> {
    match file.file_data {
        Some(data) => Ok(Content::Document { source: Source::from_url(data), name: file.filename }),
        None => Err(unsupported(&format!("{path}.file"), "must bring its `file_data`: ids are one vendor's own")),
    }
}

impl Place {
    fn source(self) -> Source {
        let (Self::Bare(url) | Self::Object { url }) = self;
        Source::from_url(url)
    }
}

impl Audio {
    fn source(self) -> Source {
        match self {
            Self::Object { data, format } => Source::Base64 { media_type: media_type(&format), data },
            Self::Bare(text) if text.starts_with("http") => Source::Url(text),
            Self::Bare(text) => match Source::from_url(text) {
                // Bytes without a word of what they are: MP3, unless they begin as WAV does.
                Source::Url(data) => {
                    let media_type = if data.starts_with("UklGR") { "audio/wav" } else { "audio/mpeg" };
                    Source::Base64 { media_type: media_type.into(), data }
                }
                source => source,
            },
        }
    }
}

/// The media type of OpenAI's word for a format.
fn media_type(format: &str) -> String {
    match format {
        "mp3" => "audio/mpeg".to_owned(),
        format => format!("audio/{format}"),
    }
}

/// OpenAI's word for the format of a media type.
pub(super) fn audio_format(media_type: &str) -> &str {
    let kind = media_type.split(';').next().unwrap_or_default().trim();
    match kind.strip_prefix("audio/").unwrap_or(kind) {
        "mpeg" | "mp3" | "x-mp3" | "mpeg3" => "mp3",
        "wave" | "x-wav" | "vnd.wave" => "wav",
        "x-m4a" | "mp4" => "m4a",
        format => format.strip_prefix("x-").unwrap_or(format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_and_its_media_type_are_the_same_sound() {
        for format in ["wav", "mp3", "flac", "opus", "aac", "ogg", "pcm16"] {
            assert_eq!(audio_format(&media_type(format)), format);
        }
        assert_eq!(audio_format("audio/x-wav; rate=16000"), "wav");
    }

    #[test]
    fn a_bare_sound_is_told_by_how_it_begins() {
        let base64 = |media_type: &str, data: &str| Source::Base64 { media_type: media_type.into(), data: data.into() };
        for (text, source) in [
            ("https://a/b.mp3", Source::Url("https://a/b.mp3".into())),
            ("data:audio/flac;base64,AA", base64("audio/flac", "AA")),
            ("UklGRAAA", base64("audio/wav", "UklGRAAA")),
            ("//NkxAAA", base64("audio/mpeg", "//NkxAAA")),
        ] {
            assert!(Audio::Bare(text.into()).source() == source, "{text}");
        }
    }
}
