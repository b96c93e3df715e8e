//! Content blocks of a Converse request, as they are read.

use aws_smithy_types::base64;
use serde::Deserialize;
use tollgate_api::{Refusal, Seal, Sealer};

use super::media::{Kind, media_type};
use crate::json::{Json, invalid, unsupported};
use crate::losses::Losses;
use crate::neutral::{Content, Part, Source};

/// One block, of which one member is there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Block {
    text: Option<String>,
    image: Option<Medium>,
    audio: Option<Medium>,
    video: Option<Medium>,
    document: Option<Document>,
    tool_use: Option<ToolUse>,
    tool_result: Option<ToolResult>,
    reasoning_content: Option<Reasoning>,
    citations_content: Option<Citations>,
    guard_content: Option<Guarded>,
    cache_point: Option<CachePoint>,
    /// In a tool's result.
    json: Option<Json>,
}

#[derive(Deserialize)]
struct Medium {
    format: String,
    source: WireSource,
}

#[derive(Deserialize)]
struct Document {
    format: Option<String>,
    name: Option<String>,
    source: WireSource,
}

#[derive(Deserialize)]
struct WireSource {
    bytes: Option<String>,
    text: Option<String>,
    content: Option<Vec<Piece>>,
}

#[derive(Deserialize)]
struct Piece {
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolUse {
    tool_use_id: String,
    name: String,
    input: Option<Json>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolResult {
    tool_use_id: String,
    #[serde(default)]
    content: Vec<Block>,
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reasoning {
    reasoning_text: Option<ReasoningText>,
    redacted_content: Option<String>,
}

#[derive(Deserialize)]
struct ReasoningText {
    text: String,
    signature: Option<String>,
}

#[derive(Deserialize)]
struct Citations {
    content: Option<Vec<Piece>>,
}

/// What a guardrail is to look at: content like any other to everybody else.
#[derive(Deserialize)]
struct Guarded {
    text: Option<Piece>,
    image: Option<Medium>,
}

/// A mark of where to cache.
#[derive(Deserialize)]
pub(super) struct CachePoint {
    ttl: Option<String>,
}

impl CachePoint {
    /// The same in the words in which marks are carried, which are Anthropic's.
    pub(super) fn mark(&self) -> Option<Json> {
        Json::parse(match self.ttl.as_deref() {
            Some("1h") => r#"{"type":"ephemeral","ttl":"1h"}"#,
            Some("5m") => r#"{"type":"ephemeral","ttl":"5m"}"#,
            _ => r#"{"type":"ephemeral"}"#,
        })
    }
}

/// The parts that these blocks stand for. A mark of where to cache is one of the part before it.
pub(super) fn parts(blocks: Vec<Block>, path: &str, losses: &mut Losses) -> Result<Vec<Part>, Refusal> {
    let mut parts: Vec<Part> = Vec::with_capacity(blocks.len());
    for (i, block) in blocks.into_iter().enumerate() {
        match block.cache_point {
            Some(point) => {
                if let Some(last) = parts.last_mut() {
                    last.cache = point.mark();
                }
            }
            None => content(block, &format!("{path}[{i}]"), losses, &mut parts)?,
        }
    }
    Ok(with_seals(parts))
}

/// Reasoning without words just before a call is how the call's own seal travels on this surface.
fn with_seals(parts: Vec<Part>) -> Vec<Part> {
    let mut sealed: Vec<Part> = Vec::with_capacity(parts.len());
    for mut part in parts {
        if let Content::ToolCall { seal, .. } = &mut part.content
            && let Some(Content::Thinking { text, seal: Some(before) }) = sealed.last().map(|last| &last.content)
            && text.is_empty()
            && before.by == Sealer::Google
        {
            *seal = Some(before.clone());
            sealed.pop();
        }
        sealed.push(part);
    }
    sealed
}

fn content(block: Block, path: &str, losses: &mut Losses, out: &mut Vec<Part>) -> Result<(), Refusal> {
    let guarded = block.guard_content.map_or((None, None), |guarded| (guarded.text, guarded.image));
    let text = block.text.or(guarded.0.and_then(|piece| piece.text)).or(block.json.map(|json| json.text().to_owned()));
    let content = if let Some(text) = text {
        Some(Content::Text(text))
    } else if let Some(call) = block.tool_use {
        let arguments = call.input.map_or_else(String::new, |input| input.text().to_owned());
        Some(Content::ToolCall { id: call.tool_use_id, name: call.name, arguments, seal: None })
    } else if let Some(ToolResult { tool_use_id: id, content, status }) = block.tool_result {
        let parts = parts(content, &format!("{path}.toolResult.content"), losses)?;
        Some(Content::ToolResult { id, parts, failed: status.is_some_and(|status| status == "error") })
    } else if let Some(reasoning) = block.reasoning_content {
        Some(thinking(reasoning, path)?)
    } else if let Some(cited) = block.citations_content {
        Some(Content::Text(joined(cited.content.unwrap_or_default())))
    } else if let Some(image) = block.image.or(guarded.1) {
        source(Kind::Image, Some(&image.format), image.source, path, losses)?.map(Content::Image)
    } else if let Some(audio) = block.audio {
        source(Kind::Audio, Some(&audio.format), audio.source, path, losses)?.map(Content::Audio)
    } else if let Some(film) = block.video {
        let source = source(Kind::Video, Some(&film.format), film.source, path, losses)?;
        source.map(|source| Content::Document { source, name: None })
    } else if let Some(Document { format, name, source: from }) = block.document {
        let source = source(Kind::Document, format.as_deref(), from, path, losses)?;
        source.map(|source| Content::Document { source, name })
    } else {
        return Err(unsupported(path, "is of a type that has no equivalent elsewhere"));
    };
    out.extend(content.map(Part::from));
    Ok(())
}

fn thinking(reasoning: Reasoning, path: &str) -> Result<Content, Refusal> {
    let seal = |seal| Seal::read(seal, Sealer::Anthropic);
    match (reasoning.reasoning_text, reasoning.redacted_content) {
        (Some(ReasoningText { text, signature }), _) => Ok(Content::Thinking { text, seal: signature.map(seal) }),
        (None, Some(data)) => Ok(Content::RedactedThinking(seal(data))),
        (None, None) => Err(invalid(&format!("{path}.reasoningContent"), "says nothing")),
    }
}

/// The bytes of a medium; what lies in S3 can be read by Amazon alone.
fn source(
    kind: Kind,
    format: Option<&str>,
    from: WireSource,
    path: &str,
    losses: &mut Losses,
) -> Result<Option<Source>, Refusal> {
    let text = from.text.or_else(|| from.content.map(joined));
    let (data, format) = match (from.bytes, text) {
        (Some(bytes), _) => (bytes, format.unwrap_or("pdf")),
        (None, Some(text)) => (base64::encode(text), format.unwrap_or("txt")),
        (None, None) => {
            losses.lose(path, "must bring its `bytes`: what lies in S3 can be read by Amazon alone")?;
            return Ok(None);
        }
    };
    Ok(Some(Source::Base64 { media_type: media_type(kind, format), data }))
}

fn joined(pieces: Vec<Piece>) -> String {
    pieces.into_iter().filter_map(|piece| piece.text).collect()
}
