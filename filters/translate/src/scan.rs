//! Finds a few facts in a streamed chunk without parsing it.
//!
//! What it finds is a reason to parse, or a count to estimate from; nothing is refused here.

use memchr::memmem::Finder;
use memchr::{memchr, memchr2};

/// Just past the quote that closes the string whose first byte is at `at`; the end if none does.
pub(crate) fn past_string(json: &[u8], mut at: usize) -> usize {
    while let Some(found) = json.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if json[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    json.len()
}

/// The member names worth looking for, prepared once per stream.
#[derive(Debug)]
pub(crate) struct Needles {
    usage: Finder<'static>,
    error: Finder<'static>,
    finish: Finder<'static>,
    delta: Finder<'static>,
}

impl Needles {
    pub(crate) fn new() -> Self {
        Self {
            usage: Finder::new(b"\"usage\""),
            error: Finder::new(b"\"error\""),
            finish: Finder::new(b"\"finish_reason\""),
            delta: Finder::new(b"\"delta\""),
        }
    }

    /// Whether the chunk may report usage or an error. A string inside a text has its quotes
    /// escaped, so only a whole JSON string of that name is met.
    pub(crate) fn worth_parsing(&self, chunk: &[u8]) -> bool {
        self.error.find(chunk).is_some() || values(chunk, &self.usage).any(|value| !value.starts_with(b"null"))
    }

    /// Whether a choice ends here: `finish_reason` is a string.
    pub(crate) fn finishes(&self, chunk: &[u8]) -> bool {
        values(chunk, &self.finish).any(|value| value.starts_with(b"\""))
    }

    /// How many characters of output the chunk's deltas bring: text, reasoning, tool arguments.
    pub(crate) fn output_chars(&self, chunk: &[u8]) -> u64 {
        let (mut chars, mut rest) = (0, chunk);
        while let Some(found) = self.delta.find(rest) {
            rest = &rest[found + self.delta.needle().len()..];
            if let Some(value) = value_of(rest) {
                // Going on after the object, never inside it, keeps this linear.
                let (said, end) = output_of(value);
                chars += said;
                rest = &value[end..];
            }
        }
        chars
    }
}

/// What follows each `"name":` in `chunk`.
fn values<'a>(chunk: &'a [u8], name: &'a Finder<'static>) -> impl Iterator<Item = &'a [u8]> {
    name.find_iter(chunk).filter_map(|at| value_of(&chunk[at + name.needle().len()..]))
}

/// What follows the colon, if a colon follows.
fn value_of(after_name: &[u8]) -> Option<&[u8]> {
    after_name.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start)
}

/// The characters of output in the object that `json` begins with, and where that object ends.
fn output_of(json: &[u8]) -> (u64, usize) {
    let (mut chars, mut depth, mut at) = (0, 0_usize, 0);
    let mut name: &[u8] = b"";
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => {
                let end = past_string(json, at + 1);
                let text = &json[at + 1..end.saturating_sub(1).max(at + 1)];
                if value_of(&json[end..]).is_some() {
                    name = text;
                } else if is_output(name) {
                    chars += chars_in(text);
                }
                at = end;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            break;
        }
        at += 1;
    }
    (chars, at)
}

fn is_output(name: &[u8]) -> bool {
    matches!(name, b"content" | b"reasoning_content" | b"reasoning" | b"refusal" | b"arguments")
}

/// Characters in the text of a JSON string; an escape is one.
fn chars_in(text: &[u8]) -> u64 {
    let (mut chars, mut rest) = (0, text);
    while let Some(at) = memchr(b'\\', rest) {
        chars += first_bytes(&rest[..at]) + 1;
        let escape = if rest.get(at + 1) == Some(&b'u') { 6 } else { 2 };
        rest = rest.get(at + escape..).unwrap_or_default();
    }
    (chars + first_bytes(rest)) as u64
}

/// Bytes that begin a character of UTF-8.
fn first_bytes(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_usage_and_quoted_words_are_no_reason_to_parse() {
        let needles = Needles::new();
        for (chunk, worth) in [
            (r#"{"usage":null}"#, false),
            (r#"{"usage" : null,"x":{"usage":{"a":1}}}"#, true),
            (r#"{"usage":{"prompt_tokens":1}}"#, true),
            (r#"{"content":"usage"}"#, false),
            (r#"{"content":"a \"usage\": 1, \"error\": 2"}"#, false),
            (r#"{"error":{"message":"no"}}"#, true),
            (r#"{"object":"error"}"#, true),
        ] {
            assert_eq!(needles.worth_parsing(chunk.as_bytes()), worth, "{chunk}");
        }
    }

    #[test]
    fn a_choice_ends_where_its_finish_reason_is_a_string() {
        let needles = Needles::new();
        assert!(needles.finishes(br#"{"choices":[{"finish_reason": "stop"}]}"#));
        assert!(!needles.finishes(br#"{"choices":[{"finish_reason":null}]}"#));
        assert!(!needles.finishes(br#"{"choices":[{"delta":{"content":"finish_reason"}}]}"#));
    }

    #[test]
    fn output_characters_are_those_a_reader_would_count() {
        let needles = Needles::new();
        for (chunk, chars) in [
            (r#"{"choices":[{"delta":{"role":"assistant","content":"Hi"}}]}"#, 2),
            (r#"{"choices":[{"delta":{"content":"é\n\u00e9\"\\"}}]}"#, 5),
            (r#"{"choices":[{"delta":{"content":"ab"}},{"delta":{"reasoning":"cd"}}]}"#, 4),
            (r#"{"choices":[{"delta":{"tool_calls":[{"id":"x","function":{"name":"f","arguments":"{}"}}]}}]}"#, 2),
            (r#"{"choices":[{"delta":{"content":"\"delta\":{\"content\":\"xx"}}]}"#, 22),
            (r#"{"choices":[{"delta":null,"content":"not a delta"}]}"#, 0),
            (r#"{"choices":[{"delta":{"content":"cut"#, 2),
            (r#"{"delta":"#, 0),
        ] {
            assert_eq!(needles.output_chars(chunk.as_bytes()), chars, "{chunk}");
        }
    }

    #[test]
    fn a_string_that_never_closes_ends_with_the_text() {
        assert_eq!(past_string(b"abc", 0), 3);
        assert_eq!(past_string(b"abc\\", 0), 4);
        assert_eq!(past_string(b"a\\\"b\"c", 0), 5);
        assert_eq!(past_string(b"", 0), 0);
    }
}
