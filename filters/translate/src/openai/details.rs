//! OpenRouter's `reasoning_details`: reasoning of any vendor's model, sealed or not, read and
//! written.

use serde::{Deserialize, Serialize};
use tollgate_api::{Seal, Sealer};

use crate::neutral::{Content, Part, Turn};

/// One piece, as it is read.
#[derive(Deserialize)]
pub(super) struct Detail {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    summary: Option<String>,
    data: Option<String>,
    signature: Option<String>,
    format: Option<String>,
    id: Option<String>,
}

/// What a piece tells.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    /// Reasoning, and the seal over it.
    Thinking(String, Option<Seal>),
    /// Reasoning that is hidden.
    Redacted(Seal),
    /// The seal over the reasoning that led to the call of this id.
    OfCall(String, Seal),
}

impl Detail {
    /// What it tells; nothing where it is newer than this code, or says nothing.
    pub(super) fn told(self) -> Option<Told> {
        let by = sealer(self.format.as_deref(), self.id.as_deref());
        let seal = |data: Option<String>| Some(Seal::read(data.filter(|data| !data.is_empty())?, by?));
        match self.kind.as_str() {
            "reasoning.text" | "reasoning.summary" => {
                let text = self.text.or(self.summary).unwrap_or_default();
                let seal = seal(self.signature);
                (seal.is_some() || !text.is_empty()).then_some(Told::Thinking(text, seal))
            }
            "reasoning.encrypted" => match (by?, seal(self.data)?, self.id) {
                (Sealer::Anthropic, seal, _) => Some(Told::Redacted(seal)),
                (Sealer::Google, seal, Some(id)) => Some(Told::OfCall(id, seal)),
                (_, seal, _) => Some(Told::Thinking(String::new(), Some(seal))),
            },
            _ => None,
        }
    }
}

/// Whose seal it is. Some clients give details back without their format: OpenAI's ids tell them,
/// and what is left is Anthropic's, as OpenRouter has it. `unknown` is that of a model that seals
/// nothing.
fn sealer(format: Option<&str>, id: Option<&str>) -> Option<Sealer> {
    match format.and_then(|format| format.split('-').next()) {
        None if id.is_some_and(|id| id.starts_with("rs_")) => Some(Sealer::OpenAi),
        None | Some("anthropic") => Some(Sealer::Anthropic),
        Some("google") => Some(Sealer::Google),
        Some("openai" | "azure") => Some(Sealer::OpenAi),
        Some("xai") => Some(Sealer::Xai),
        Some(_) => None,
    }
}

fn format(by: Sealer) -> &'static str {
    match by {
        Sealer::Anthropic => "anthropic-claude-v1",
        Sealer::Google => "google-gemini-v1",
        Sealer::OpenAi => "openai-responses-v1",
        Sealer::Xai => "xai-responses-v1",
    }
}

/// One piece, as it is written.
#[derive(Default, Serialize)]
pub(super) struct Written<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    format: &'static str,
    index: usize,
}

/// The reasoning in a turn, given back.
pub(super) fn written(turn: &Turn) -> Vec<Written<'_>> {
    let mut details: Vec<_> = turn.parts.iter().flat_map(of_part).collect();
    details.iter_mut().enumerate().for_each(|(index, detail)| detail.index = index);
    details
}

fn of_part(part: &Part) -> Vec<Written<'_>> {
    match &part.content {
        Content::Thinking { text, seal: None } => vec![of_text(text, None)],
        Content::Thinking { text, seal: Some(seal) } if seal.by == Sealer::Anthropic => vec![of_text(text, Some(seal))],
        Content::Thinking { text, seal: Some(seal) } => {
            let said = (!text.is_empty()).then(|| Written {
                kind: "reasoning.summary",
                summary: Some(text),
                format: format(seal.by),
                ..Written::default()
            });
            said.into_iter().chain([of_seal(seal, None)]).collect()
        }
        Content::RedactedThinking(seal) => vec![of_seal(seal, None)],
        Content::ToolCall { id, seal: Some(seal), .. } => vec![of_seal(seal, Some(id))],
        _ => Vec::new(),
    }
}

fn of_text<'a>(text: &'a str, seal: Option<&'a Seal>) -> Written<'a> {
    let signature = seal.map(|seal| &*seal.data);
    let format = seal.map_or("unknown", |seal| format(seal.by));
    Written { kind: "reasoning.text", text: Some(text), signature, format, ..Written::default() }
}

fn of_seal<'a>(seal: &'a Seal, id: Option<&'a str>) -> Written<'a> {
    Written { kind: "reasoning.encrypted", data: Some(&seal.data), id, format: format(seal.by), ..Written::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neutral::Role;

    fn told(json: &str) -> Option<Told> {
        serde_json::from_str::<Detail>(json).expect("a detail").told()
    }

    #[test]
    fn a_seal_is_that_of_the_vendor_whose_format_it_is_in() {
        let text = |seal| Some(Told::Thinking("t".into(), seal));
        for (json, expected) in [
            (r#"{"type":"reasoning.text","text":"t","format":"unknown","signature":null}"#, text(None)),
            (
                r#"{"type":"reasoning.text","text":"t","format":"anthropic-claude-v1","signature":"s"}"#,
                text(Some(Seal::new(Sealer::Anthropic, "s"))),
            ),
            (r#"{"type":"reasoning.text","text":"t","signature":"s"}"#, text(Some(Seal::new(Sealer::Anthropic, "s")))),
            (r#"{"type":"reasoning.summary","summary":"t","format":"openai-responses-v1"}"#, text(None)),
            (
                r#"{"type":"reasoning.encrypted","data":"d","id":"rs","format":"openai-responses-v1"}"#,
                Some(Told::Thinking(String::new(), Some(Seal::new(Sealer::OpenAi, "d")))),
            ),
            (
                r#"{"type":"reasoning.encrypted","data":"d","format":"xai-responses-v1"}"#,
                Some(Told::Thinking(String::new(), Some(Seal::new(Sealer::Xai, "d")))),
            ),
            (
                r#"{"type":"reasoning.encrypted","data":"d","format":"anthropic-claude-v1"}"#,
                Some(Told::Redacted(Seal::new(Sealer::Anthropic, "d"))),
            ),
            (
                r#"{"type":"reasoning.encrypted","data":"d","id":"call","format":"google-gemini-v1"}"#,
                Some(Told::OfCall("call".into(), Seal::new(Sealer::Google, "d"))),
            ),
            (
                r#"{"type":"reasoning.encrypted","data":"d","id":"rs_1"}"#,
                Some(Told::Thinking(String::new(), Some(Seal::new(Sealer::OpenAi, "d")))),
            ),
            (r#"{"type":"reasoning.encrypted","data":"d","format":"unknown"}"#, None),
            (r#"{"type":"reasoning.text","text":""}"#, None),
            (r#"{"type":"reasoning.new","text":"t"}"#, None),
        ] {
            assert_eq!(told(json), expected, "{json}");
        }
    }

    #[test]
    fn reasoning_is_given_back_in_the_words_in_which_it_came() {
        let seal = |by| Seal::new(by, "s");
        let thinking = |text: &str, seal| Content::Thinking { text: text.into(), seal };
        let call = Content::ToolCall {
            id: "c".into(),
            name: "f".into(),
            arguments: "{}".into(),
            seal: Some(seal(Sealer::Google)),
        };
        let contents = [
            thinking("a", Some(seal(Sealer::Anthropic))),
            thinking("b", Some(seal(Sealer::OpenAi))),
            Content::RedactedThinking(seal(Sealer::Anthropic)),
            thinking("c", None),
            call,
        ];
        let turn = Turn { role: Role::Assistant, parts: contents.map(Part::from).into() };
        let json = serde_json::to_string(&written(&turn)).expect("JSON");
        let again: Vec<_> =
            serde_json::from_str::<Vec<Detail>>(&json).expect("details").into_iter().filter_map(Detail::told).collect();
        let expected = [
            Told::Thinking("a".into(), Some(seal(Sealer::Anthropic))),
            Told::Thinking("b".into(), None),
            Told::Thinking(String::new(), Some(seal(Sealer::OpenAi))),
            Told::Redacted(seal(Sealer::Anthropic)),
            Told::Thinking("c".into(), None),
            Told::OfCall("c".into(), seal(Sealer::Google)),
        ];
        assert_eq!(again, expected);
        assert!(json.contains(r#""index":5"#), "{json}");
    }
}
