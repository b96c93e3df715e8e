//! Tokens of a text: which tokenizer a model has, and a count within bounds.
//!
//! It never fails and never takes long: past a cap the rest is taken to be like the beginning.

/// This much is counted exactly; the rest at the same ratio. Tokenizers are super-linear on hostile
/// input, and an estimate gains nothing from the hundredth page.
pub(crate) const COUNTED_BYTES_MAX: usize = 32 << 10;
/// Within that, no run without a space is longer: one endless word is what makes a tokenizer slow.
const RUN_BYTES_MAX: usize = 512;

/// How a family of models cuts text into tokens.
///
/// The vocabularies are unpacked at first use and kept; that first count takes tens of milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// OpenAI's since GPT-4o. Other vendors' are within a few per cent of it on prose, so it stands
    /// in for those that publish none.
    #[default]
    O200k,
    /// OpenAI's for GPT-3.5, GPT-4 and their embeddings.
    Cl100k,
}

/// The families that are not `o200k_base`. `gpt-4` is a family; `gpt-4o` and `gpt-4.1` are not of it.
const CL100K_FAMILIES: [&str; 4] = ["gpt-3.5-turbo", "gpt-4", "text-embedding-3", "text-embedding-ada-002"];

impl Encoding {
    /// The encoding of a model, by the vendor's id of it, with or without a `vendor/` before it.
    #[must_use]
    pub fn of_model(model: &str) -> Self {
        let id = model.rsplit('/').next().unwrap_or(model);
        let is_of =
            |family: &&str| id.strip_prefix(*family).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        match CL100K_FAMILIES.iter().any(is_of) {
            true => Self::Cl100k,
            false => Self::O200k,
        }
    }

    /// Tokens of a text: its first 32 KiB counted, the rest at the same ratio.
    #[must_use]
    pub fn count(self, text: &str) -> u64 {
        self.scaled(text, text.len() as u64)
    }

    /// Tokens of a text of `bytes` bytes, of which this is the beginning.
    pub(crate) fn scaled(self, beginning: &str, bytes: u64) -> u64 {
        let sample = &beginning[..beginning.floor_char_boundary(COUNTED_BYTES_MAX)];
        let counted = self.exact(sample);
        if sample.is_empty() || sample.len() as u64 >= bytes {
            return counted;
        }
        let scaled = (u128::from(counted) * u128::from(bytes)).div_ceil(sample.len() as u128);
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }

    fn exact(self, text: &str) -> u64 {
        match tiktoken::get_encoding(self.name()) {
            Some(vocabulary) => runs(text).map(|run| vocabulary.count(run) as u64).sum(),
            None => estimate_output_chars(text.len() as u64),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::O200k => "o200k_base",
            Self::Cl100k => "cl100k_base",
        }
    }
}

/// Output tokens where only the number of characters is known: four to a token, rounded up.
#[must_use]
pub fn estimate_output_chars(chars: u64) -> u64 {
    chars.div_ceil(4)
}

/// The text in pieces that end before a space where there is one, and are never endless.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROSE: &str = "The quick brown fox, aged 7, jumps over 13 lazy dogs; then it's gone.";

    #[test]
    fn each_family_has_its_encoding() {
        for model in ["gpt-4", "gpt-4-turbo-2024-04-09", "openai/gpt-3.5-turbo", "text-embedding-3-small"] {
            assert_eq!(Encoding::of_model(model), Encoding::Cl100k, "{model}");
        }
        for model in ["gpt-4o", "gpt-4.1-mini", "gpt-4o-mini", "gpt-6.1-sol", "claude-sonnet-5", "gpt-40", "", "/"] {
            assert_eq!(Encoding::of_model(model), Encoding::O200k, "{model}");
        }
    }

    #[test]
    fn known_texts_have_the_counts_their_vendor_publishes() {
        for (text, o200k, cl100k) in
            [("", 0, 0), ("Hello, world!", 4, 4), ("antidisestablishmentarianism", 6, 6), ("お誕生日おめでとう", 8, 9)]
        {
            assert_eq!(Encoding::O200k.count(text), o200k, "o200k: {text}");
            assert_eq!(Encoding::Cl100k.count(text), cl100k, "cl100k: {text}");
        }
    }

    #[test]
    fn cutting_prose_into_runs_changes_no_count() {
        let page = [PROSE; 100].join(" ");
        let vocabulary = tiktoken::get_encoding("o200k_base").expect("built in");
        assert!(page.len() > 10 * RUN_BYTES_MAX && page.len() < COUNTED_BYTES_MAX);
        assert_eq!(Encoding::O200k.count(&page), vocabulary.count(&page) as u64);
    }

    #[test]
    fn a_long_text_is_counted_in_part_and_scaled() {
        let page = "The quick brown fox jumps over the lazy dog. ".repeat(20_000);
        let (whole, part) = (Encoding::O200k.count(&page), Encoding::O200k.count(&page[..COUNTED_BYTES_MAX]));
        let expected = part * page.len() as u64 / COUNTED_BYTES_MAX as u64;
        assert!(whole.abs_diff(expected) <= 1, "{whole} {expected}");
    }

    /// The tokenizer's work grows faster than linearly in one run only, so short runs of a capped
    /// sample bound it whatever the text.
    #[test]
    fn hostile_megabytes_are_counted_in_short_runs_of_a_capped_sample() {
        let noise: Vec<u8> = (0..1_u64 << 20).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect();
        let texts = [
            "a".repeat(1 << 20),
            "🦀".repeat(1 << 18),
            "\u{301}".repeat(1 << 19),
            " ".repeat(1 << 20),
            "\n".repeat(1 << 20),
            String::from_utf8_lossy(&noise).into_owned(),
        ];
        for text in texts {
            let sample = &text[..text.floor_char_boundary(COUNTED_BYTES_MAX)];
            assert!(runs(sample).all(|run| !run.is_empty() && run.len() <= RUN_BYTES_MAX));
            let tokens = Encoding::O200k.count(&text);
            assert!((1..=text.len() as u64).contains(&tokens), "{tokens} tokens of {} bytes", text.len());
        }
    }

    proptest! {
        #[test]
        fn runs_joined_are_the_text(text in "[ a-zé🦀\n]{0,2000}") {
            prop_assert_eq!(runs(&text).collect::<String>(), text);
        }

        #[test]
        fn a_text_never_has_more_tokens_than_bytes(text in "\\PC{0,300}") {
            prop_assert!(Encoding::O200k.count(&text) <= text.len() as u64);
        }
    }
}
