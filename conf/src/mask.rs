//! Which parts of a file are never shown, whatever is wrong with them.
//!
//! Two rules, because a file may be too broken for the first: values of members that hold secrets
//! are known by place once the file is parsed; and on any shown line, whatever follows such a
//! member's name, or begins as vendors' keys begin, is masked.

use std::ops::Range;

/// Members whose values are secrets, with their usual misspellings caught by [`is_secret`].
const SECRET: [&str; 4] = ["api_key", "pepper", "hash", "headers"];
/// How keys of vendors, and ours, begin.
const PREFIXES: [&str; 9] = ["sk-", "sk_", "gsk_", "xai-", "tgk_", "tgm_", "sha256:", "bcrypt:", "$2b$"];
/// Longer values are not repeated when they are not even of the right type.
pub(crate) const SHOWN_MAX: usize = 16;

/// Whether the value of a member of this name is not to be shown.
pub(crate) fn is_secret(member: &str) -> bool {
    let member = member.to_lowercase();
    // A plain `key` names the file of a TLS key.
    SECRET.contains(&&*member)
        || member != "key" && ["key", "secret", "token", "password"].iter().any(|word| member.ends_with(word))
}

/// Whether a value only says where the secret is: `${NAME}`, without a default.
pub(crate) fn is_reference(value: &str) -> bool {
    let value = value.split(" #").next().unwrap_or_default().trim();
    let name = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| name.bytes().all(|c| c == b'_' || c.is_ascii_alphanumeric()))
}

/// Masks the given ranges of a line, and everything the textual rule knows.
pub(crate) fn mask(line: &str, hidden: &[Range<usize>]) -> String {
    let urls = words(line).filter_map(|word| credentials_in_url(line, word));
    let keys = words(line).filter(|word| PREFIXES.iter().any(|prefix| line[word.clone()].contains(prefix)));
    let mut masked = vec![false; line.len()];
    for range in hidden.iter().cloned().chain(after_secret_name(line)).chain(urls).chain(keys) {
        masked[range].fill(true);
    }
    line.char_indices()
        .map(|(at, c)| match c {
            _ if masked[at] && !c.is_whitespace() => '*',
            '\t' => ' ',
            _ if c.is_control() => '·',
            _ => c,
        })
        .collect()
}

/// A word of the file for use in a sentence: cut and masked.
pub(crate) fn shown(text: &str) -> String {
    let cut = &text[..text.floor_char_boundary(64)];
    let dots = if cut.len() < text.len() { "…" } else { "" };
    match PREFIXES.iter().any(|prefix| cut.contains(prefix)) {
        true => "***".to_owned(),
        false => format!("{}{dots}", mask(cut, &[])),
    }
}

/// What follows the first `name:` of a secret, up to the end of the line.
fn after_secret_name(line: &str) -> Option<Range<usize>> {
    line.match_indices(':').find_map(|(colon, _)| {
        let before = line[..colon].trim_end().trim_end_matches(['"', '\'']);
        let name = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).next()?;
        let value = &line[colon + 1..];
        // A path or a URL has no blank after its colon.
        let is_value = value.starts_with([' ', '"', '\'']) && !is_reference(value);
        (is_secret(name) && is_value).then_some(colon + 1..line.len())
    })
}

/// What stands before the `@` of a URL.
fn credentials_in_url(line: &str, word: Range<usize>) -> Option<Range<usize>> {
    let (scheme, rest) = line[word.clone()].split_once("://")?;
    let start = word.start + scheme.len() + 3;
    rest.rfind('@').map(|at| start..start + at)
}

fn words(line: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let separator = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}' | '"' | '\'');
    line.split(separator).map(|word| {
        let start = word.as_ptr() as usize - line.as_ptr() as usize;
        start..start + word.len()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_in_place_so_that_a_caret_still_fits() {
        let cases = [
            ("    api_key: sk-live-1, x: 1", "    api_key: ********** ** *"),
            ("  {\"pepper\": \"abc\"}", "  {\"pepper\": ******"),
            ("  apikey: abc", "  apikey: ***"),
            ("threads: sk-proj-é", "threads: *********"),
            ("[a, gsk_abc, b]", "[a, *******, b]"),
            ("keys: []", "keys: []"),
            ("  api_key: ${OPENAI_API_KEY}", "  api_key: ${OPENAI_API_KEY}"),
            ("  api_key: ${A}  # ours", "  api_key: ${A}  # ours"),
            ("  api_key: ${A:-secret}", "  api_key: ************"),
            ("  key: tls/key.pem", "  key: tls/key.pem"),
            ("base_url: https://x/v1", "base_url: https://x/v1"),
            ("base_url: https://me:pw@x/v1", "base_url: https://*****@x/v1"),
            ("\tname: x", " name: x"),
        ];
        for (line, masked) in cases {
            assert_eq!(mask(line, &[]), masked);
        }
        let known_by_place = 3..9;
        assert_eq!(mask("a: geheim b", std::slice::from_ref(&known_by_place)), "a: ****** b");
    }

    #[test]
    fn words_in_sentences_are_cut_and_masked() {
        assert_eq!(shown("gpt-5-mini"), "gpt-5-mini");
        assert_eq!(shown("sk-1234"), "***");
        assert_eq!(shown(&"ä".repeat(100)).chars().count(), 33);
    }
}
