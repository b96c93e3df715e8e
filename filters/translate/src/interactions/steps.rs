//! The steps of an interaction as they are written: in a request the conversation so far, in an
//! answer what the model did.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::citation::Written;

/// Where arguments go that are no JSON object: Google takes nothing else, and a conversation in
/// which a model once wrote broken JSON must not be stuck for ever.
const UNPARSED: &str = "unparsed_arguments";

/// One step.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Step<'a> {
    UserInput {
        content: Vec<Item<'a>>,
    },
    ModelOutput {
        content: Vec<Item<'a>>,
    },
    Thought {
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        summary: Vec<Item<'a>>,
    },
    FunctionCall {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        arguments: Cow<'a, RawValue>,
    },
    FunctionResult {
        call_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        result: Answer<'a>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

/// What a tool answered.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Answer<'a> {
    Text(&'a str),
    Items(Vec<Item<'a>>),
}

/// A piece of content.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'a> {
    Text {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        annotations: Vec<Written<'a>>,
    },
    Image(Media<'a>),
    Audio(Media<'a>),
    Document(Media<'a>),
    Video(Media<'a>),
}

/// The bytes of a piece of content, or where they are.
#[derive(Serialize)]
pub(super) struct Media<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mime_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uri: Option<&'a str>,
}

impl<'a> Item<'a> {
    /// Text from nowhere.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text { text: text.into(), annotations: Vec::new() }
    }
}

/// Arguments as the object that Google wants, byte for byte where they are one.
pub(super) fn object(arguments: &str) -> Cow<'_, RawValue> {
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
    use super::object;

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
            assert_eq!(object(arguments).get(), written);
        }
    }
}
