//! Content blocks of a Converse request, as they are written.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use tollgate_api::{Refusal, Sealer};

use super::family::Family;
use super::media::{Kind, extension, format};
use super::pieces::input;
use crate::json::Json;
use crate::losses::Losses;
use crate::neutral::{Content, Part, Role, Source, Turn};

/// The longest id of a call.
const ID_MAX: usize = 64;
/// The longest name of a document.
const NAME_MAX: usize = 200;

/// One message.
#[derive(Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

/// One block.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Block<'a> {
    Text(&'a str),
    Image(Medium<'a>),
    Audio(Medium<'a>),
    Video(Medium<'a>),
    Document(Document<'a>),
    #[serde(rename_all = "camelCase")]
    ToolUse {
        tool_use_id: Cow<'a, str>,
        name: &'a str,
        input: Cow<'a, RawValue>,
    },
    #[serde(rename_all = "camelCase")]
    ToolResult {
        tool_use_id: Cow<'a, str>,
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<&'static str>,
    },
    ReasoningContent(Reasoning<'a>),
    CachePoint(CachePoint),
    Json(Empty),
}

/// `{}`.
#[derive(Serialize)]
pub(super) struct Empty {}

#[derive(Serialize)]
pub(super) struct Medium<'a> {
    format: &'static str,
    source: WireSource<'a>,
}

#[derive(Serialize)]
pub(super) struct Document<'a> {
    format: &'static str,
    name: String,
    source: WireSource<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum WireSource<'a> {
    Bytes(&'a str),
    S3Location { uri: &'a str },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Reasoning<'a> {
    ReasoningText { text: &'a str, signature: &'a str },
    RedactedContent(&'a str),
}

/// A mark of where to cache.
#[derive(Serialize)]
pub(super) struct CachePoint {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

impl CachePoint {
    /// The mark that is carried in Anthropic's words.
    pub(super) fn of(mark: &Json, family: Family) -> Self {
        #[derive(serde::Deserialize)]
        struct Mark {
            ttl: Option<String>,
        }
        let ttl = mark.to::<Mark>().and_then(|mark| mark.ttl);
        let hour = ttl.is_some_and(|ttl| ttl == "1h") && family.caches_for_an_hour();
        Self { kind: "default", ttl: hour.then_some("1h") }
    }
}

/// Writes the blocks of one request.
pub(super) struct Writer<'w> {
    family: Family,
    losses: &'w mut Losses,
    /// Names of documents that are taken, and the number that the next of that name gets.
    names: BTreeMap<String, usize>,
}

impl<'w> Writer<'w> {
    pub(super) fn new(family: Family, losses: &'w mut Losses) -> Self {
        Self { family, losses, names: BTreeMap::new() }
    }

    /// The messages of a conversation; turns that say nothing are left out, as Amazon refuses them.
    pub(super) fn messages<'a>(&mut self, turns: &'a [Turn]) -> Result<Vec<Message<'a>>, Refusal> {
        let mut messages = Vec::with_capacity(turns.len());
        for turn in turns {
            let (role, content) = match turn.role {
                Role::User | Role::System => ("user", self.user(&turn.parts)?),
                Role::Assistant => ("assistant", self.assistant(&turn.parts)?),
            };
            if !content.is_empty() {
                messages.push(Message { role, content });
            }
        }
        Ok(messages)
    }

    /// A single message of the user.
    pub(super) fn alone<'a>(&mut self, parts: &'a [Part]) -> Result<Vec<Message<'a>>, Refusal> {
        let content = self.blocks(parts.iter())?;
        Ok(if content.is_empty() { Vec::new() } else { vec![Message { role: "user", content }] })
    }

    /// The results of a turn's calls stand in one message, before anything else.
    fn user<'a>(&mut self, parts: &'a [Part]) -> Result<Vec<Block<'a>>, Refusal> {
        let is_result = |part: &&Part| matches!(part.content, Content::ToolResult { .. });
        let results = parts.iter().filter(is_result);
        self.blocks(results.chain(parts.iter().filter(|part| !is_result(part))))
    }

    fn assistant<'a>(&mut self, parts: &'a [Part]) -> Result<Vec<Block<'a>>, Refusal> {
        let is_medium =
            |part: &&Part| matches!(part.content, Content::Image(_) | Content::Audio(_) | Content::Document { .. });
        if parts.iter().any(|part| is_medium(&part)) {
            self.losses
                .lose("messages", "holds a picture or a file of the model's own: Amazon takes them from users")?;
        }
        self.blocks(parts.iter().filter(|part| !is_medium(part)))
    }

    /// The blocks of these parts, without those that Amazon refuses: blank text, unsealed thinking.
    pub(super) fn blocks<'a>(&mut self, parts: impl Iterator<Item = &'a Part>) -> Result<Vec<Block<'a>>, Refusal> {
        let mut blocks = Vec::new();
        for part in parts {
            let Some(block) = self.block(&part.content)? else { continue };
            blocks.push(block);
            let mark = mark(part).filter(|_| self.family.caches(false));
            blocks.extend(mark.map(|mark| Block::CachePoint(CachePoint::of(mark, self.family))));
        }
        Ok(blocks)
    }

    fn block<'a>(&mut self, content: &'a Content) -> Result<Option<Block<'a>>, Refusal> {
        Ok(match content {
            Content::Text(text) if text.trim().is_empty() => None,
            Content::Text(text) => Some(Block::Text(text)),
            Content::Image(source) => self.medium(Kind::Image, source)?.map(Block::Image),
            Content::Audio(source) => self.medium(Kind::Audio, source)?.map(Block::Audio),
            Content::Document { source, .. } if is_film(source) => self.medium(Kind::Video, source)?.map(Block::Video),
            Content::Document { source, name } => self.document(source, name.as_deref())?.map(Block::Document),
            Content::ToolCall { id, name, arguments, .. } => {
                Some(Block::ToolUse { tool_use_id: self.call_id(id), name, input: input(arguments) })
            }
            Content::ToolResult { id, parts, failed } => Some(self.result(id, parts, *failed)?),
            Content::Thinking { text, seal } => seal
                .as_ref()
                .and_then(|seal| seal.of(Sealer::Anthropic))
                .map(|signature| Block::ReasoningContent(Reasoning::ReasoningText { text, signature })),
            Content::RedactedThinking(seal) => {
                seal.of(Sealer::Anthropic).map(|data| Block::ReasoningContent(Reasoning::RedactedContent(data)))
            }
        })
    }

    fn result<'a>(&mut self, id: &'a str, parts: &'a [Part], failed: bool) -> Result<Block<'a>, Refusal> {
        let mut content = Vec::with_capacity(parts.len());
        for part in parts {
            content.extend(self.block(&part.content)?);
        }
        if content.is_empty() {
            // A result must have content, and blank text is none.
            content.push(Block::Json(Empty {}));
        }
        let status = (failed && self.family.knows_failure()).then_some("error");
        Ok(Block::ToolResult { tool_use_id: self.call_id(id), content, status })
    }

    fn medium<'a>(&mut self, kind: Kind, source: &'a Source) -> Result<Option<Medium<'a>>, Refusal> {
        Ok(self.source(kind, source, None)?.map(|(format, source)| Medium { format, source }))
    }

    fn document<'a>(&mut self, source: &'a Source, name: Option<&str>) -> Result<Option<Document<'a>>, Refusal> {
        let Some((format, source)) = self.source(Kind::Document, source, name)? else { return Ok(None) };
        Ok(Some(Document { format, name: self.name(name), source }))
    }

    /// Bytes, or a place in S3, and their format.
    fn source<'a>(
        &mut self,
        kind: Kind,
        source: &'a Source,
        name: Option<&str>,
    ) -> Result<Option<(&'static str, WireSource<'a>)>, Refusal> {
        let named = || name.and_then(|name| extension(kind, name));
        let found = match source {
            Source::Base64 { media_type, data } => {
                format(kind, media_type).or_else(named).map(|format| (format, WireSource::Bytes(data)))
            }
            Source::Url(uri) if uri.starts_with("s3://") => {
                extension(kind, uri).or_else(named).map(|format| (format, WireSource::S3Location { uri }))
            }
            Source::Url(_) => {
                let why = "holds a picture or a file by URL: Amazon fetches none, so send its bytes in a `data:` URL";
                self.losses.lose("messages", why)?;
                return Ok(None);
            }
        };
        if found.is_none() {
            self.losses
                .lose("messages", "holds a picture or a file of a media type that Amazon Bedrock does not take")?;
        }
        Ok(found)
    }

    /// A document's name in the characters that Amazon allows, and like no other's of the request.
    fn name(&mut self, name: Option<&str>) -> String {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '(' | ')' | '[' | ']' | ' ');
        let plain: String = name.unwrap_or_default().chars().map(|c| if allowed(c) { c } else { '-' }).collect();
        let mut plain = plain.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        // Room for a number behind it.
        plain.truncate(NAME_MAX - 8);
        if plain.is_empty() {
            plain.push_str("document");
        }
        let mut number = self.names.get(&plain).copied().unwrap_or(1);
        let mut name = plain.clone();
        while self.names.contains_key(&name) {
            number += 1;
            name = format!("{plain} {number}");
        }
        self.names.insert(plain, number);
        self.names.entry(name.clone()).or_insert(1);
        name
    }

    /// A call's id in the characters that Amazon allows, and Claude more narrowly. The same id always
    /// becomes the same, and different ids stay different.
    fn call_id<'a>(&self, id: &'a str) -> Cow<'a, str> {
        let narrow = matches!(self.family, Family::Claude(_));
        let allowed =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-') || (!narrow && matches!(c, '.' | ':'));
        if !id.is_empty() && id.len() <= ID_MAX && id.chars().all(allowed) {
            return Cow::Borrowed(id);
        }
        // FNV-1a: telling apart is all that is wanted of it.
        let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let plain: String = id.chars().take(ID_MAX - 17).map(|c| if allowed(c) { c } else { '_' }).collect();
        Cow::Owned(format!("{plain}_{hash:016x}"))
    }
}

/// The mark of where to cache; those within a result stand behind it.
fn mark(part: &Part) -> Option<&Json> {
    let within = match &part.content {
        Content::ToolResult { parts, .. } => parts.iter().rev().find_map(|part| part.cache.as_ref()),
        _ => None,
    };
    part.cache.as_ref().or(within)
}

fn is_film(source: &Source) -> bool {
    match source {
        Source::Base64 { media_type, .. } => media_type.starts_with("video/"),
        Source::Url(uri) => uri.starts_with("s3://") && extension(Kind::Video, uri).is_some(),
    }
}
