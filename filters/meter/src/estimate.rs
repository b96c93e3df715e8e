//! Tokens of a prompt where nobody reported them, from the JSON text of its messages.
//!
//! An estimate: it knows no vendor's chat template, tools or files. It is never billed without being
//! marked. Counting must not run on a thread that serves requests.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::encoding::{COUNTED_BYTES_MAX, Encoding, estimate_output_chars};

/// What OpenAI documents for each message beside its text: three, and one for the role.
const PER_MESSAGE: u64 = 4;
/// What OpenAI documents for an image in low detail; the least that an image costs.
const PER_IMAGE: u64 = 85;

impl Encoding {
    /// Tokens of a prompt, from the JSON text of chat `messages`: their text, the calls of tools in
    /// them, and fixed figures for each message and each image. What is not a list of messages
    /// counts by its length, but for one text.
    #[must_use]
    pub fn prompt(self, messages: &str) -> u64 {
        if let Ok(Text(text)) = serde_json::from_str(messages) {
            return self.count(&text).saturating_add(PER_MESSAGE);
        }
        let Ok(list) = serde_json::from_str::<Vec<Message<'_>>>(messages) else {
            return estimate_output_chars(messages.len() as u64);
        };
        let mut prompt = Prompt::default();
        list.iter().for_each(|message| prompt.read(message));
        self.scaled(&prompt.beginning, prompt.bytes)
            .saturating_add(PER_MESSAGE * list.len() as u64)
            .saturating_add(PER_IMAGE * prompt.images)
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    /// What it says, under the names that surfaces have for it.
    #[serde(borrow, default, alias = "parts", alias = "output", alias = "summary")]
    content: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "arguments")]
    tool_calls: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    /// A picture, under the names that surfaces have for it.
    #[serde(
        default,
        alias = "image_url",
        alias = "source",
        alias = "inlineData",
        alias = "inline_data",
        alias = "fileData"
    )]
    image: Option<IgnoredAny>,
    /// Of a tool: what it is asked, what it answers.
    #[serde(
        borrow,
        default,
        alias = "input",
        alias = "content",
        alias = "functionCall",
        alias = "functionResponse",
        alias = "toolUse",
        alias = "toolResult"
    )]
    tool: Option<&'a RawValue>,
}

/// Borrowed unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// What the messages amount to. Of their text only the beginning is kept: it is all that is counted.
#[derive(Default)]
struct Prompt {
    beginning: String,
    bytes: u64,
    images: u64,
}

impl Prompt {
    fn read(&mut self, message: &Message<'_>) {
        if let Some(content) = message.content {
            self.content(content.get());
        }
        if let Some(calls) = message.tool_calls {
            self.text(calls.get());
        }
        self.text("\n");
    }

    /// A string, a list of parts, or something that no vendor takes, which counts as it is written.
    fn content(&mut self, json: &str) {
        if let Ok(Text(text)) = serde_json::from_str(json) {
            return self.text(&text);
        }
        let Ok(parts) = serde_json::from_str::<Vec<Part<'_>>>(json) else { return self.text(json) };
        for part in parts {
            if let Some(Text(text)) = part.text {
                self.text(&text);
            }
            if let Some(tool) = part.tool {
                self.text(tool.get());
            }
            self.images += u64::from(part.image.is_some());
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes = self.bytes.saturating_add(text.len() as u64);
        let room = COUNTED_BYTES_MAX.saturating_sub(self.beginning.len());
        self.beginning.push_str(&text[..text.floor_char_boundary(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = r#"[{"role":"user","content":"Hello, world!"}]"#;

    fn prompt(messages: &str) -> u64 {
        Encoding::default().prompt(messages)
    }

    fn count(text: &str) -> u64 {
        Encoding::default().count(text)
    }

    #[test]
    fn a_prompt_counts_its_messages_texts_and_images() {
        let parts = r#"[{"role":"user","content":[{"type":"text","text":"Hello, world!"},{"type":"image_url","image_url":{"url":"https://x"}}]}]"#;
        assert_eq!(prompt(HELLO), count("Hello, world!\n") + PER_MESSAGE);
        assert_eq!(prompt(parts), prompt(HELLO) + PER_IMAGE);
        assert_eq!(prompt("[]"), 0);
    }

    #[test]
    fn escapes_are_read_before_they_are_counted() {
        let escaped = r#"[{"role":"user","content":"\u0048ello, w\u006frld!"}]"#;
        assert_eq!(prompt(escaped), prompt(HELLO));
    }

    #[test]
    fn tools_called_earlier_are_part_of_the_prompt() {
        let call = r#"[{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}}]}]"#;
        assert!(prompt(call) > PER_MESSAGE + 15, "{}", prompt(call));
    }

    #[test]
    fn the_models_own_encoding_counts() {
        let greeting = r#"[{"content":"お誕生日おめでとう"}]"#;
        assert!(Encoding::Cl100k.prompt(greeting) > Encoding::O200k.prompt(greeting));
    }

    #[test]
    fn an_image_costs_the_same_however_long_its_data() {
        let image =
            |data: &str| format!(r#"[{{"content":[{{"image_url":{{"url":"data:image/png;base64,{data}"}}}}]}}]"#);
        assert_eq!(prompt(&image("")), prompt(&image(&"A".repeat(1 << 20))));
    }

    #[test]
    fn whatever_messages_hold_counts_at_most_by_its_length() {
        let deep = "[".repeat(10_000);
        let nested = format!(r#"[{{"content":{}1{}}}]"#, "[".repeat(10_000), "]".repeat(10_000));
        let texts = [
            "",
            "null",
            "[1]",
            "{",
            r#"[{"content":null}]"#,
            r#"[{"content":[1,2]}]"#,
            r#"[{"content":{"a":1}}]"#,
            r#"[{"content":[{"text":5}]}]"#,
            &deep,
            &nested,
        ];
        for text in texts {
            assert!(prompt(text) <= text.len() as u64 + PER_MESSAGE, "{:.40}", text);
        }
    }

    #[test]
    fn ten_thousand_messages_count_like_one_of_them() {
        let one = r#"{"role":"user","content":"The quick brown fox jumps over the lazy dog."}"#;
        let many = format!("[{}]", [one; 10_000].join(","));
        let (one, many) = (prompt(&format!("[{one}]")), prompt(&many));
        assert!(many.abs_diff(one * 10_000) <= many / 50, "{one} {many}");
    }

    #[test]
    fn of_a_long_prompt_only_the_beginning_is_kept() {
        let mut prompt = Prompt::default();
        (0..1000).for_each(|_| prompt.text(&"é".repeat(500)));
        assert_eq!(prompt.bytes, 1_000_000);
        assert!(prompt.beginning.len() <= COUNTED_BYTES_MAX);
    }
}
