//! Content blocks of a Messages request, as they are written.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tollgate_api::Sealer;

use crate::json::Json;
use crate::neutral::{Content, Part, Role, Source, Turn};

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

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WireSource<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Url { url: &'a str },
}

/// The messages of a conversation; turns that say nothing are left out, as Anthropic refuses them.
pub(super) fn messages(turns: &[Turn]) -> Vec<Message<'_>> {
    let messages = turns.iter().map(|turn| {
        let mut content = blocks(&turn.parts);
        let role = match turn.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        // All results of a turn's calls stand in the next message, before anything else.
        content.sort_by_key(|block| !matches!(block.kind, Kind::ToolResult { .. }));
        Message { role, content }
    });
    messages.filter(|message| !message.content.is_empty()).collect()
}

/// A single message of the user.
pub(super) fn user(parts: &[Part]) -> Vec<Message<'_>> {
    let content = blocks(parts);
    if content.is_empty() { Vec::new() } else { vec![Message { role: "user", content }] }
}

/// The blocks of these parts, without those that Anthropic refuses: blank text, unsealed thinking.
pub(super) fn blocks(parts: &[Part]) -> Vec<Block<'_>> {
    parts.iter().filter_map(block).collect()
}

fn block(part: &Part) -> Option<Block<'_>> {
    Some(Block { kind: kind(&part.content)?, cache_control: part.cache.as_ref() })
}

fn kind(content: &Content) -> Option<Kind<'_>> {
    Some(match content {
        Content::Text(text) if text.trim().is_empty() => return None,
        Content::Text(text) => Kind::Text { text },
        Content::Image(from) => Kind::Image { source: source(from) },
        Content::Document { source: from, name } => Kind::Document { source: source(from), title: name.as_deref() },
        Content::ToolCall { id, name, arguments, .. } => {
            Kind::ToolUse { id: call_id(id), name, input: input(arguments) }
        }
        Content::ToolResult { id, parts, failed } => {
            Kind::ToolResult { tool_use_id: call_id(id), content: blocks(parts), is_error: *failed }
        }
        Content::Thinking { text, seal } => {
            Kind::Thinking { thinking: text, signature: seal.as_ref()?.of(Sealer::Anthropic)? }
        }
        Content::RedactedThinking(seal) => Kind::RedactedThinking { data: seal.of(Sealer::Anthropic)? },
        Content::Audio(_) => return None,
    })
}

fn source(source: &Source) -> WireSource<'_> {
    match source {
        Source::Url(url) => WireSource::Url { url },
        Source::Base64 { media_type, data } => WireSource::Base64 { media_type, data },
    }
}

/// A call's id in the characters that Anthropic allows. The same id always becomes the same, and
/// different ids stay different.
fn call_id(id: &str) -> Cow<'_, str> {
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
fn input(arguments: &str) -> Cow<'_, RawValue> {
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
