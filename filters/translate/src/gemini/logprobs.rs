//! How likely each token was: Google's two lists, and OpenAI's one.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::Text;

/// What OpenAI says of a token that is as good as impossible.
const UNLIKELY: &str = "-9999.0";

/// `logprobsResult`, read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lists<'a> {
    #[serde(borrow)]
    chosen_candidates: Option<Vec<Token<'a>>>,
    #[serde(borrow)]
    top_candidates: Option<Vec<Top<'a>>>,
}

#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow)]
    candidates: Option<Vec<Token<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token<'a> {
    #[serde(borrow)]
    token: Option<Text<'a>>,
    #[serde(borrow)]
    log_probability: Option<&'a RawValue>,
}

/// A token in OpenAI's shape, written.
#[derive(Serialize)]
struct Likely<'a> {
    token: &'a str,
    logprob: &'a RawValue,
    bytes: &'a [u8],
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<Vec<Likely<'a>>>,
}

/// A token in OpenAI's shape, read.
#[derive(Deserialize)]
struct Given<'a> {
    #[serde(borrow)]
    token: Text<'a>,
    #[serde(borrow)]
    logprob: &'a RawValue,
    #[serde(borrow)]
    top_logprobs: Option<Vec<Given<'a>>>,
}

/// `logprobsResult`, written.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    chosen_candidates: Vec<Candidate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_candidates: Vec<Candidates>,
}

#[derive(Serialize)]
struct Candidates {
    candidates: Vec<Candidate>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    token: String,
    log_probability: Box<RawValue>,
}

/// Google's lists as OpenAI's, if they hold anything.
pub(super) fn read(raw: &RawValue) -> Option<Box<str>> {
    let lists: Lists<'_> = serde_json::from_str(raw.get()).ok()?;
    let chosen = lists.chosen_candidates.filter(|chosen| !chosen.is_empty())?;
    let top: Vec<Top<'_>> = lists.top_candidates.unwrap_or_default();
    let unlikely = serde_json::from_str(UNLIKELY).expect("it is JSON");
    let with_others = |(i, token): (usize, _)| {
        let others = top.get(i).and_then(|top| top.candidates.as_deref()).unwrap_or_default();
        let others = others.iter().map(|other| likely(other, unlikely)).collect();
        Likely { top_logprobs: Some(others), ..likely(token, unlikely) }
    };
    let tokens: Vec<_> = chosen.iter().enumerate().map(with_others).collect();
    serde_json::to_string(&tokens).ok().map(Into::into)
}

fn likely<'a>(token: &'a Token<'_>, unlikely: &'a RawValue) -> Likely<'a> {
    let text = token.token.as_ref().map_or("", |token| &*token.0);
    let logprob = token.log_probability.filter(|raw| is_number(raw)).unwrap_or(unlikely);
    Likely { token: text, logprob, bytes: text.as_bytes(), top_logprobs: None }
}

fn is_number(raw: &RawValue) -> bool {
    raw.get().starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

impl Member {
    /// Adds OpenAI's list; what is not one adds nothing.
    pub(super) fn add(&mut self, tokens: &str) {
        let candidate = |given: &Given<'_>| Candidate {
            token: given.token.0.clone().into_owned(),
            log_probability: given.logprob.to_owned(),
        };
        for given in serde_json::from_str::<Vec<Given<'_>>>(tokens).unwrap_or_default() {
            self.chosen_candidates.push(candidate(&given));
            let candidates = given.top_logprobs.iter().flatten().map(candidate).collect();
            self.top_candidates.push(Candidates { candidates });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_become_one_and_come_back() {
        let google = r#"{"chosenCandidates":[{"token":"é","logProbability":-0.10,"tokenId":7},{"token":"b"}],
            "topCandidates":[{"candidates":[{"token":"é","logProbability":-0.10},{"token":"c","logProbability":-3}]}]}"#;
        let openai = read(serde_json::from_str(google).expect("JSON")).expect("tokens");
        let expected = concat!(
            r#"[{"token":"é","logprob":-0.10,"bytes":[195,169],"top_logprobs":["#,
            r#"{"token":"é","logprob":-0.10,"bytes":[195,169]},{"token":"c","logprob":-3,"bytes":[99]}]},"#,
            r#"{"token":"b","logprob":-9999.0,"bytes":[98],"top_logprobs":[]}]"#
        );
        assert_eq!(&*openai, expected);
        let mut member = Member::default();
        member.add(&openai);
        let back = serde_json::to_string(&member).expect("JSON");
        assert_eq!(read(serde_json::from_str(&back).expect("JSON")), Some(openai));
    }
}
