//! Content blocks of a Messages request, as they are read.
//!
//! What Anthropic's own tools did in earlier turns is passed over: the text after it tells what came
//! of it, and nobody else can read it.

use serde::Deserialize;
use tollgate_api::{Refusal, Seal, Sealer};

use crate::json::{Json, TextOr, invalid};
use crate::losses::Losses;
use crate::neutral::{Content, Part, Source};

/// One block: each type has some of these.
#[derive(Deserialize)]
pub(super) struct Block {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    source: Option<Json>,
    title: Option<String>,
    context: Option<String>,
    id: Option<String>,
    name: Option<String>,
    input: Option<Json>,
    tool_use_id: Option<String>,
    tool_name: Option<String>,
    content: Option<Json>,
    is_error: Option<bool>,
    thinking: Option<String>,
    signature: Option<String>,
    data: Option<String>,
    cache_control: Option<Json>,
}

/// A text, or blocks.
pub(super) type Blocks = TextOr<Block>;

#[derive(Deserialize)]
struct WireSource {
    #[serde(rename = "type")]
    kind: String,
    media_type: Option<String>,
    data: Option<String>,
    url: Option<String>,
    content: Option<Json>,
}

/// Whether blocks may hold blocks: those of a tool's result hold no results again.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    Message,
    Result,
}

/// The parts that these blocks are; `path` names them in a refusal.
pub(super) fn parts(content: Blocks, path: &str, losses: &mut Losses) -> Result<Vec<Part>, Refusal> {
    read(content, path, Within::Message, losses).map(seal_calls)
}

fn read(content: Blocks, path: &str, within: Within, losses: &mut Losses) -> Result<Vec<Part>, Refusal> {
    let blocks = match content {
        TextOr::Text(text) => return Ok(vec![Content::Text(text).into()]),
        TextOr::List(blocks) => blocks,
    };
    let mut parts = Vec::with_capacity(blocks.len());
    for (i, mut block) in blocks.into_iter().enumerate() {
        let cache = block.cache_control.take();
        let before = parts.len();
        parts.extend(contents(block, &format!("{path}.content[{i}]"), within, losses)?.into_iter().map(Part::from));
        if let Some(last) = parts[before..].last_mut() {
            last.cache = cache;
        }
    }
    Ok(parts)
}

/// What one block says: as a rule one thing.
fn contents(block: Block, path: &str, within: Within, losses: &mut Losses) -> Result<Vec<Content>, Refusal> {
    let missing = |member: &str| invalid(&format!("{path}.{member}"), "is missing");
    let content = match block.kind.as_str() {
        "text" => Content::Text(block.text.ok_or_else(|| missing("text"))?),
        "image" => return Ok(image(block, path, losses)?.into_iter().collect()),
        "document" => return document(block, path, losses),
        "search_result" => Content::Text(search_result(block, path, losses)?),
        "tool_use" => Content::ToolCall {
            id: block.id.ok_or_else(|| missing("id"))?,
            name: block.name.ok_or_else(|| missing("name"))?,
            arguments: block.input.map_or_else(String::new, |input| input.text().to_owned()),
            seal: None,
        },
        "tool_result" if within == Within::Message => Content::ToolResult {
            id: block.tool_use_id.ok_or_else(|| missing("tool_use_id"))?,
            parts: inner(block.content, path, losses)?,
            failed: block.is_error.unwrap_or_default(),
        },
        "tool_reference" => Content::Text(block.tool_name.ok_or_else(|| missing("tool_name"))?),
        "thinking" => Content::Thinking {
            text: block.thinking.unwrap_or_default(),
            // The signature of unsealed thinking is empty: clients want one.
            seal: block.signature.filter(|s| !s.is_empty()).map(|s| Seal::read(s, Sealer::Anthropic)),
        },
        "redacted_thinking" => {
            Content::RedactedThinking(Seal::read(block.data.ok_or_else(|| missing("data"))?, Sealer::Anthropic))
        }
        // What stands for the turns before it, in words.
        "compaction" => return Ok(block.content.and_then(|text| text.to()).map(Content::Text).into_iter().collect()),
        "server_tool_use" | "mcp_tool_use" | "fallback" => return Ok(Vec::new()),
        kind if kind.ends_with("_tool_result") => return Ok(Vec::new()),
        _ => {
            losses.lose(path, "is of a type that has no equivalent elsewhere")?;
            return Ok(Vec::new());
        }
    };
    Ok(vec![content])
}

/// The blocks within a block.
fn inner(content: Option<Json>, path: &str, losses: &mut Losses) -> Result<Vec<Part>, Refusal> {
    let Some(content) = content.filter(|content| !content.is_unset()) else { return Ok(Vec::new()) };
    let wrong = || invalid(&format!("{path}.content"), "must be a string or a list of blocks");
    read(content.to().ok_or_else(wrong)?, path, Within::Result, losses)
}

fn image(block: Block, path: &str, losses: &mut Losses) -> Result<Option<Content>, Refusal> {
    let source = source(block.source, path)?;
    Ok(bytes(source, path, losses)?.map(Content::Image))
}

/// A document. One that is made of text is told as that, for few vendors take a file that is none.
fn document(block: Block, path: &str, losses: &mut Losses) -> Result<Vec<Content>, Refusal> {
    let source = source(block.source, path)?;
    let said = match (source.kind.as_str(), source.data, source.content) {
        ("text", Some(text), _) => vec![Content::Text(text)],
        ("content", _, content @ Some(_)) => {
            let parts = inner(content, &format!("{path}.source"), losses)?;
            parts.into_iter().map(|part| part.content).collect()
        }
        (_, data, content) => {
            let source = WireSource { data, content, ..source };
            let name = block.title;
            return Ok(bytes(source, path, losses)?
                .map(|source| Content::Document { source, name })
                .into_iter()
                .collect());
        }
    };
    let heading = [block.title, block.context].into_iter().flatten().map(Content::Text);
    Ok(heading.chain(said).collect())
}

fn search_result(block: Block, path: &str, losses: &mut Losses) -> Result<String, Refusal> {
    let address: Option<String> = block.source.and_then(|source| source.to());
    let found = inner(block.content, path, losses)?.into_iter().filter_map(|part| match part.content {
        Content::Text(text) => Some(text),
        _ => None,
    });
    Ok(block.title.into_iter().chain(address).chain(found).collect::<Vec<_>>().join("\n"))
}

fn source(source: Option<Json>, path: &str) -> Result<WireSource, Refusal> {
    let path = format!("{path}.source");
    let source = source.ok_or_else(|| invalid(&path, "is missing"))?;
    source.to().ok_or_else(|| invalid(&path, "must be an object with a `type`"))
}

/// The bytes of a file or where they are; `None` where only Anthropic has them.
fn bytes(source: WireSource, path: &str, losses: &mut Losses) -> Result<Option<Source>, Refusal> {
    match (source.kind.as_str(), source.url, source.data) {
        ("url", Some(url), _) => Ok(Some(Source::Url(url))),
        ("base64", _, Some(data)) => {
            Ok(Some(Source::Base64 { media_type: source.media_type.unwrap_or_default(), data }))
        }
        _ => {
            losses.lose(&format!("{path}.source"), "is neither `base64` nor `url`: only Anthropic has such a file")?;
            Ok(None)
        }
    }
}

/// A call has no member for a seal: Google's comes in the block before it, and goes back to the
/// call.
fn seal_calls(parts: Vec<Part>) -> Vec<Part> {
    let is_googles =
        |part: &mut Part| matches!(&part.content, Content::RedactedThinking(seal) if seal.by == Sealer::Google);
    let mut sealed: Vec<Part> = Vec::with_capacity(parts.len());
    for mut part in parts {
        if let Content::ToolCall { seal, .. } = &mut part.content
            && let Some(Part { content: Content::RedactedThinking(googles), .. }) = sealed.pop_if(is_googles)
        {
            *seal = Some(googles);
        }
        sealed.push(part);
    }
    sealed
}
