//! Tokens where nobody reported them: counted with a tokenizer, within bounds, and never billed
//! without being marked as an estimate.
//!
//! Counting is slow on long texts and must not run on a thread that serves requests.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// This much is counted exactly; the rest at the same ratio. Tokenizers are super-linear on hostile
/// input, and an estimate gains nothing from the hundredth page.
const COUNTED_BYTES_MAX: usize = 32 << 10;
/// Within that, no run without a space is longer: one endless word is what makes a tokenizer slow.
const RUN_BYTES_MAX: usize = 512;
/// What OpenAI documents for each message beside its text.
const PER_MESSAGE: u64 = 4;
/// What OpenAI documents for an image in low detail; the least that an image costs.
const PER_IMAGE: u64 = 85;

/// Tokens of a text, by the tokenizer of the newer OpenAI models. Other vendors' are within a few
/// per cent of it on prose.
#[must_use]
pub fn estimate_text(text: &str) -> u64 {
    let Some(encoding) = tiktoken::get_encoding("o200k_base") else { return estimate_output_chars(text.len() as u64) };
    let sample = &text[..text.floor_char_boundary(COUNTED_BYTES_MAX)];
    let counted: usize = runs(sample).map(|run| encoding.count(run)).sum();
    scale(counted as u64, sample.len() as u64, text.len() as u64)
}

/// Output tokens where only the number of characters is known: four to a token, rounded up.
#[must_use]
pub fn estimate_output_chars(chars: u64) -> u64 {
    chars.div_ceil(4)
}

/// Tokens of a prompt, from the JSON text of chat `messages`. What is not a list of messages counts
/// by its length.
#[must_use]
pub fn estimate_prompt(messages: &str) -> u64 {
    let Ok(messages_read) = serde_json::from_str::<Vec<Message<'_>>>(messages) else {
        return estimate_output_chars(messages.len() as u64);
    };
    let mut text = String::new();
    let mut images = 0;
    for message in &messages_read {
        match &message.content {
            Some(Content::Text(words)) => text.push_str(words),
            Some(Content::Parts(parts)) => {
                for part in parts {
                    text.push_str(part.text.as_deref().unwrap_or_default());
                    images += u64::from(part.image_url.is_some());
                }
            }
            Some(Content::Other(_)) | None => {}
        }
        text.push('\n');
    }
    estimate_text(&text) + PER_MESSAGE * messages_read.len() as u64 + PER_IMAGE * images
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
}

/// Not a configuration type: the body is the client's, and its shape is what it is.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(#[serde(borrow)] std::borrow::Cow<'a, str>),
    Parts(#[serde(borrow)] Vec<Part<'a>>),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    image_url: Option<IgnoredAny>,
}

/// The text in pieces that end at a space where there is one, and are never endless.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let most = rest.floor_char_boundary(RUN_BYTES_MAX);
        let end = match rest.len() <= most {
            true => rest.len(),
            false => rest[..most].rfind(char::is_whitespace).filter(|at| *at > 0).unwrap_or(most),
        };
        let (run, left) = rest.split_at(end);
        rest = left;
        Some(run)
    })
}

fn scale(counted: u64, sample: u64, whole: u64) -> u64 {
    if sample == whole || sample == 0 {
        return counted;
    }
    let scaled = u128::from(counted) * u128::from(whole) / u128::from(sample);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_counts_as_the_tokenizer_counts_it() {
        assert_eq!(estimate_text(""), 0);
        assert_eq!(estimate_text("Hello, world!"), 4);
    }

    #[test]
    fn a_prompt_counts_its_messages_texts_and_images() {
        let plain = r#"[{"role":"user","content":"Hello, world!"}]"#;
        let parts = r#"[{"role":"user","content":[{"type":"text","text":"Hello, world!"},{"type":"image_url","image_url":{"url":"https://x"}}]}]"#;
        assert_eq!(estimate_prompt(parts), estimate_prompt(plain) + PER_IMAGE);
        assert!((8..=10).contains(&estimate_prompt(plain)));
    }

    #[test]
    fn whatever_messages_hold_there_is_a_number() {
        for text in [
            "",
            "[]",
            "null",
            "[1]",
            "{",
            r#"[{"content":null}]"#,
            r#"[{"content":[1,2]}]"#,
            r#"[{"content":{"a":1}}]"#,
        ] {
            let _ = estimate_prompt(text);
        }
    }

    #[test]
    fn a_long_text_is_counted_in_part_and_scaled() {
        let page = "The quick brown fox jumps over the lazy dog. ".repeat(20_000);
        let (whole, part) = (estimate_text(&page), estimate_text(&page[..COUNTED_BYTES_MAX]));
        let expected = part * page.len() as u64 / COUNTED_BYTES_MAX as u64;
        assert!(whole.abs_diff(expected) <= 2, "{whole} {expected}");
    }

    #[test]
    fn hostile_texts_are_cut_into_short_runs() {
        for text in ["a".repeat(1 << 20), "🦀".repeat(1 << 18), "\u{301}".repeat(1 << 19), " ".repeat(1 << 20)] {
            let sample = &text[..text.floor_char_boundary(COUNTED_BYTES_MAX)];
            assert!(runs(sample).all(|run| !run.is_empty() && run.len() <= RUN_BYTES_MAX));
            assert_eq!(runs(sample).map(str::len).sum::<usize>(), sample.len());
            assert!(estimate_text(&text) > 0);
        }
    }
}
