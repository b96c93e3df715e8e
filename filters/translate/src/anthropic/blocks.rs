//! Content blocks of a Messages request, as they are written.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tollgate_api::{Refusal, Sealer};

use super::source::{WireSource, of_document, of_image};
use super::tools::{freeform_input, freeform_names};
use crate::json::Json;
use crate::losses::Losses;
use crate::neutral::{Content, Part, Role, Tool, Turn};

/// Where arguments go that are no JSON object: Anthropic takes nothing else, and a conversation in
/// which a model once wrote broken JSON must not be stuck for ever.
const UNPARSED: &str = "unparsed_arguments";

/// One message.
#[derive(Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

/// One block.
#[derive(Serialize)]
pub(super) struct Block<'a> {
    #[serde(flatten)]
    kind: Kind<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<&'a Json>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Kind<'a> {
    Text {
        text: &'a str,
    },
    Image {
        source: WireSource<'a>,
    },
    Document {
        source: WireSource<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Cow<'a, RawValue>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
}

/// Writes what both sides said.
pub(super) struct Writer<'a, 'l> {
    /// Tools whose argument is plain text.
    freeform: Vec<&'a str>,
    losses: &'l mut Losses,
}

impl<'a, 'l> Writer<'a, 'l> {
    /// A writer of a conversation in which these tools may be called.
    pub(super) fn new(tools: &'a [Tool], losses: &'l mut Losses) -> Self {
        Self { freeform: freeform_names(tools), losses }
    }

    /// The messages; turns that say nothing are left out, as Anthropic refuses them.
    pub(super) fn messages(&mut self, turns: &'a [Turn]) -> Result<Vec<Message<'a>>, Refusal> {
        let mut messages = Vec::with_capacity(turns.len());
        for turn in turns {
            let mut content = self.blocks(&turn.parts)?;
            let role = match turn.role {
                Role::User => "user",
                Role::System => "system",
                Role::Assistant => "assistant",
            };
            // All results of a turn's calls stand in the next message, before anything else.
            content.sort_by_key(|block| !matches!(block.kind, Kind::ToolResult { .. }));
            if !content.is_empty() {
                messages.push(Message { role, content });
            }
        }
        Ok(messages)
    }

    /// A single message of the user.
    pub(super) fn user(&mut self, parts: &'a [Part]) -> Result<Vec<Message<'a>>, Refusal> {
        let content = self.blocks(parts)?;
        Ok(if content.is_empty() { Vec::new() } else { vec![Message { role: "user", content }] })
    }

    /// The blocks of these parts, without those that Anthropic refuses: blank text, unsealed thinking.
    pub(super) fn blocks(&mut self, parts: &'a [Part]) -> Result<Vec<Block<'a>>, Refusal> {
        let mut blocks = Vec::with_capacity(parts.len());
        for part in parts {
            let kind = self.kind(&part.content)?;
            blocks.extend(kind.map(|kind| Block { kind, cache_control: part.cache.as_ref() }));
        }
        Ok(blocks)
    }

    fn kind(&mut self, content: &'a Content) -> Result<Option<Kind<'a>>, Refusal> {
        Ok(match content {
            Content::Text(text) => (!text.trim().is_empty()).then_some(Kind::Text { text }),
            Content::Image(source) => Some(Kind::Image { source: of_image(source) }),
            Content::Document { source, name } => {
                let source = of_document(source, self.losses)?;
                source.map(|source| Kind::Document { source, title: name.as_deref() })
            }
            Content::ToolCall { id, name, arguments, .. } => {
                let plain = self.freeform.contains(&name.as_str());
                let input = if plain { freeform_input(arguments) } else { input(arguments) };
                Some(Kind::ToolUse { id: call_id(id), name, input })
            }
            Content::ToolResult { id, parts, failed } => {
                Some(Kind::ToolResult { tool_use_id: call_id(id), content: self.blocks(parts)?, is_error: *failed })
            }
            Content::Thinking { text, seal } => {
                let signature = seal.as_ref().and_then(|seal| seal.of(Sealer::Anthropic));
                signature.map(|signature| Kind::Thinking { thinking: text, signature })
            }
            Content::RedactedThinking(seal) => seal.of(Sealer::Anthropic).map(|data| Kind::RedactedThinking { data }),
            Content::Audio(_) => {
                self.losses.lose("messages", "holds audio, which no model of Anthropic listens to")?;
                None
            }
        })
    }
}

/// A call's id in the characters that Anthropic allows. The same id always becomes the same, and
/// different ids stay different.
pub(super) fn call_id(id: &str) -> Cow<'_, str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !id.is_empty() && id.chars().all(allowed) {
        return Cow::Borrowed(id);
    }
    let plain: String = id.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    // FNV-1a: telling apart is all that is wanted of it.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    Cow::Owned(format!("{plain}_{hash:016x}"))
}

/// Arguments as the object that Anthropic wants, byte for byte where they are one.
pub(super) fn input(arguments: &str) -> Cow<'_, RawValue> {
    // Groq's models write `null` where a tool takes none.
    let arguments = if matches!(arguments.trim(), "" | "null") { "{}" } else { arguments };
    match serde_json::from_str::<&RawValue>(arguments) {
        Ok(object) if object.get().starts_with('{') => Cow::Borrowed(object),
        _ => {
            let wrapped = std::collections::BTreeMap::from([(UNPARSED, arguments)]);
            Cow::Owned(to_raw_value(&wrapped).expect("a map of strings is JSON"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_ids_keep_to_the_characters_anthropic_allows_and_stay_different() {
        assert_eq!(call_id("call_1-A"), "call_1-A");
        for id in ["", "a.b", "call|fc:1", "é"] {
            let written = call_id(id);
            assert!(written.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'), "{written}");
            assert_eq!(written, call_id(id));
        }
        assert_ne!(call_id("a.b"), call_id("a:b"));
    }

    #[test]
    fn arguments_are_always_an_object_and_an_object_is_not_respelled() {
        let table = [
            ("", "{}"),
            ("null", "{}"),
            ("{ \"b\": 1.0, \"a\": 12345678901234567890123 }", "{ \"b\": 1.0, \"a\": 12345678901234567890123 }"),
            ("{\"cut", r#"{"unparsed_arguments":"{\"cut"}"#),
            ("[1]", r#"{"unparsed_arguments":"[1]"}"#),
        ];
        for (arguments, written) in table {
            assert_eq!(input(arguments).get(), written);
        }
    }
}
