//! The text that decides: the last user message of a conversation, its beginning and its end.
//!
//! One borrowed pass over the messages, whatever they hold; long messages are looked at in part.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Of a long message, this much of its beginning and of its end is read.
const BEGINNING_BYTES: usize = 8 << 10;
const END_BYTES: usize = 2 << 10;
/// Where people say what they want.
const INSTRUCTION_HEAD_BYTES: usize = 240;
const INSTRUCTION_TAIL_BYTES: usize = 200;
/// The first words.
const FIRST_BYTES: usize = 48;

/// What is known of a conversation.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    /// How many messages it has.
    pub(crate) messages: u32,
    /// Whether the last user message brings images.
    pub(crate) images: bool,
    /// How long the last user message is, in characters of its JSON text where it is not all read.
    pub(crate) length: usize,
    text: String,
}

impl Conversation {
    /// Reads it: a list of messages in the words of any surface, or one text. All else is empty.
    pub(crate) fn read(messages: &str) -> Self {
        if messages.starts_with('"') {
            let mut conversation = Self { messages: 1, ..Self::default() };
            conversation.take(messages);
            return conversation;
        }
        let Ok(Scan { count, last }) = serde_json::from_str::<Scan<'_>>(messages) else { return Self::default() };
        let mut conversation = Self { messages: count, ..Self::default() };
        if let Some(content) = last {
            conversation.take(content.get());
        }
        conversation
    }

    fn take(&mut self, content: &str) {
        match serde_json::from_str::<Content<'_>>(content) {
            Ok(Content::Text(text)) => self.add(&text),
            Ok(Content::Parts(parts)) => {
                for part in parts {
                    self.images |= part.image;
                    if let Some(text) = &part.text {
                        self.add(text);
                    }
                }
            }
            _ => {}
        }
    }

    /// Keeps the beginning and the end of what is added.
    fn add(&mut self, text: &str) {
        self.length += text.len();
        if text.len() <= BEGINNING_BYTES + END_BYTES {
            self.text.push_str(text);
        } else {
            self.text.push_str(&text[..text.floor_char_boundary(BEGINNING_BYTES)]);
            self.text.push('\n');
            self.text.push_str(&text[text.ceil_char_boundary(text.len() - END_BYTES)..]);
        }
        self.text.push('\n');
    }

    /// All that was read.
    pub(crate) fn anywhere(&self) -> &str {
        self.text.trim()
    }

    /// The first words.
    pub(crate) fn beginning(&self) -> &str {
        let text = self.anywhere();
        &text[..text.floor_char_boundary(FIRST_BYTES)]
    }

    /// The beginning and the end, as one where they meet.
    pub(crate) fn instruction(&self) -> Cow<'_, str> {
        let text = self.anywhere();
        if text.len() <= INSTRUCTION_HEAD_BYTES + INSTRUCTION_TAIL_BYTES {
            return Cow::Borrowed(text);
        }
        let head = &text[..text.floor_char_boundary(INSTRUCTION_HEAD_BYTES)];
        let tail = &text[text.ceil_char_boundary(text.len() - INSTRUCTION_TAIL_BYTES)..];
        Cow::Owned(format!("{head}\n{tail}"))
    }
}

/// One pass over the list: how many messages, and the content of the last one of a user.
struct Scan<'a> {
    count: u32,
    last: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Scan<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Scan<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of messages")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scan<'de>, A::Error> {
                let mut scan = Scan { count: 0, last: None };
                while let Some(Message(content)) = list.next_element()? {
                    scan.count = scan.count.saturating_add(1);
                    scan.last = content.or(scan.last);
                }
                Ok(scan)
            }
        }
        from.deserialize_seq(List)
    }
}

/// The content of a user's message, `None` of anyone else's.
struct Message<'a>(Option<&'a RawValue>);

impl<'de> Deserialize<'de> for Message<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Message<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message<'de>, A::Error> {
                // Google's clients may leave the role of a user out.
                let (mut user, mut content) = (None, None);
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    match &*name {
                        "role" => user = Some(map.next_value::<&RawValue>()?.get() == "\"user\""),
                        "parts" => {
                            content = Some(map.next_value::<&RawValue>()?);
                            user = user.or(Some(true));
                        }
                        "content" => content = Some(map.next_value::<&RawValue>()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Message(content.filter(|_| user == Some(true))))
            }
        }
        from.deserialize_map(Members)
    }
}

/// Text, or a list of parts.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Parts(#[serde(borrow)] Vec<Part<'a>>),
    Other(IgnoredAny),
}

#[derive(serde::Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    /// The member that holds a picture, by the surfaces' names for it.
    #[serde(
        default,
        alias = "image_url",
        alias = "source",
        alias = "inlineData",
        alias = "inline_data",
        alias = "fileData",
        deserialize_with = "present"
    )]
    image: bool,
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(from).map(|_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_user_message_counts_whatever_follows_it() {
        let read = Conversation::read(
            r#"[{"role":"user","content":"one"},{"content":"two","role":"user"},{"role":"assistant","content":"three"}]"#,
        );
        assert_eq!((read.anywhere(), read.messages), ("two", 3));
    }

    #[test]
    fn parts_are_joined_and_images_seen() {
        let read = Conversation::read(
            r#"[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"b"}]}]"#,
        );
        assert_eq!((read.anywhere(), read.images), ("a\nb", true));
    }

    #[test]
    fn every_surfaces_words_for_a_conversation_are_read() {
        for messages in [
            r#""one""#,
            r#"[{"type":"message","role":"user","content":[{"type":"input_text","text":"one"}]}]"#,
            r#"[{"type":"reasoning","summary":[]},{"role":"user","content":"one"}]"#,
            r#"[{"role":"user","parts":[{"text":"one"}]},{"role":"model","parts":[{"text":"two"}]}]"#,
            r#"[{"parts":[{"text":"one"}]}]"#,
            r#"[{"role":"user","content":[{"text":"one"}]}]"#,
        ] {
            assert_eq!(Conversation::read(messages).anywhere(), "one", "{messages}");
        }
        for messages in [
            r#"[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"x"}}]}]"#,
            r#"[{"role":"user","content":[{"type":"input_image","image_url":"x"}]}]"#,
            r#"[{"role":"user","parts":[{"inlineData":{"data":"x"}}]}]"#,
            r#"[{"role":"user","content":[{"image":{"format":"png"}}]}]"#,
        ] {
            assert!(Conversation::read(messages).images, "{messages}");
        }
    }

    #[test]
    fn whatever_it_holds_reading_it_ends() {
        for messages in [
            "",
            "null",
            "[]",
            "[1]",
            "{}",
            r#"[{"role":"user"}]"#,
            r#"[{"role":"user","content":null}]"#,
            r#"[{"role":"user","content":[1]}]"#,
        ] {
            assert_eq!(Conversation::read(messages).anywhere(), "", "{messages}");
        }
        let deep = format!(r#"[{{"role":"user","x":{}{},"content":"hi"}}]"#, "[".repeat(50_000), "]".repeat(50_000));
        assert_eq!(Conversation::read(&deep).anywhere(), "hi");
    }

    #[test]
    fn a_long_message_is_read_in_part_and_cut_between_characters() {
        let long = "é".repeat(100_000);
        let read = Conversation::read(&format!(r#"[{{"role":"user","content":"{long}"}}]"#));
        assert!(read.anywhere().len() <= BEGINNING_BYTES + END_BYTES + 2);
        assert_eq!(read.length, long.len());
        assert!(read.instruction().len() <= INSTRUCTION_HEAD_BYTES + INSTRUCTION_TAIL_BYTES + 1);
    }
}
