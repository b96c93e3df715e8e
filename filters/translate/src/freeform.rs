//! Tools whose argument is plain text, as those know them who know only functions: a function of
//! one string, `input`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::json::Json;
use crate::neutral::{Request, Tool};

/// The arguments of such a function.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments<'a> {
    #[serde(borrow)]
    input: Cow<'a, str>,
}

/// OpenAI's `format` of a tool: in the chat surface the grammar is an object of its own.
#[derive(Deserialize)]
struct Format {
    grammar: Option<Grammar>,
    #[serde(flatten)]
    flat: Option<Grammar>,
}

/// A grammar.
#[derive(Serialize, Deserialize)]
pub(crate) struct Grammar {
    /// The grammar itself.
    pub(crate) definition: String,
    /// `lark` or `regex`.
    pub(crate) syntax: String,
}

/// How the arguments of a call begin, up to the text, which follows as the inside of a JSON string.
pub(crate) const OPEN: &str = "{\"input\":\"";
/// How they end.
pub(crate) const CLOSE: &str = "\"}";

/// A call's text as a function's arguments.
pub(crate) fn wrap(input: &str) -> String {
    [OPEN, &escaped(input), CLOSE].concat()
}

/// Makes functions of the request's tools with plain text, for vendors that have none of those.
pub(crate) fn as_functions(request: &mut Request) {
    for tool in &mut request.tools {
        if let Tool::Freeform { name, description, format } = tool {
            let (name, description) = (std::mem::take(name), description.take());
            let schema = Some(schema(format.as_ref()));
            *tool = Tool::Function { name, description, schema, strict: None, cache: None };
        }
    }
}

/// The text as the inside of a JSON string.
pub(crate) fn escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("a string has a JSON form");
    quoted[1..quoted.len() - 1].to_owned()
}

/// The text in a function's arguments. Arguments of another shape are the text themselves: a model
/// that wrote them so meant them so.
pub(crate) fn unwrap(arguments: &str) -> Cow<'_, str> {
    match serde_json::from_str::<Arguments<'_>>(arguments) {
        Ok(Arguments { input }) => input,
        Err(_) => Cow::Borrowed(arguments),
    }
}

/// The grammar that a tool's text must follow, in whichever of OpenAI's two shapes it is given.
pub(crate) fn grammar(format: Option<&Json>) -> Option<Grammar> {
    let Format { grammar, flat } = format?.to()?;
    grammar.or(flat)
}

/// The schema of the function's arguments; a grammar is told in words.
pub(crate) fn schema(format: Option<&Json>) -> Json {
    #[derive(Serialize)]
    struct Schema {
        #[serde(rename = "type")]
        kind: &'static str,
        properties: Properties,
        required: [&'static str; 1],
        #[serde(rename = "additionalProperties")]
        more: bool,
    }
    #[derive(Serialize)]
    struct Properties {
        input: Text,
    }
    #[derive(Serialize)]
    struct Text {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    }
    let rule = |Grammar { definition, syntax }| format!("Text that follows this {syntax} grammar: {definition}");
    let input = Text { kind: "string", description: grammar(format).map(rule) };
    let schema = Schema { kind: "object", properties: Properties { input }, required: ["input"], more: false };
    let text = serde_json::to_string(&schema).expect("strings are JSON");
    Json::parse(&text).expect("it was just written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_same_after_having_been_an_argument() {
        for text in ["", "SELECT \"a\"\n", "{\"input\":\"x\"}", "é\u{1}"] {
            assert_eq!(unwrap(&wrap(text)), text);
        }
    }

    #[test]
    fn arguments_of_another_shape_are_the_text_itself() {
        for arguments in ["", "{}", "{\"input\":1}", "{\"input\":\"a\",\"b\":1}", "plain"] {
            assert_eq!(unwrap(arguments), arguments);
        }
    }

    #[test]
    fn a_grammar_is_told_in_words_in_either_of_its_shapes() {
        for format in [
            r#"{"type":"grammar","grammar":{"syntax":"regex","definition":"a+"}}"#,
            r#"{"type":"grammar","syntax":"regex","definition":"a+"}"#,
        ] {
            let schema = schema(Json::parse(format).as_ref());
            assert!(schema.text().contains("this regex grammar: a+"), "{}", schema.text());
        }
        let plain = schema(Json::parse(r#"{"type":"text"}"#).as_ref());
        let expected = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;
        assert_eq!(plain.text(), expected);
    }

    #[test]
    fn a_tool_with_plain_text_is_a_function_of_one_string_to_those_who_know_no_other() {
        let format = Json::parse(r#"{"type":"grammar","syntax":"lark","definition":"start: X"}"#);
        let tool = Tool::Freeform { name: "patch".into(), description: Some("Patches.".into()), format };
        let mut request = Request { tools: vec![tool], ..Request::default() };
        as_functions(&mut request);
        let Some(Tool::Function { name, description, schema: Some(schema), .. }) = request.tools.pop() else {
            panic!("it is a function now")
        };
        assert_eq!((&*name, description.as_deref()), ("patch", Some("Patches.")));
        assert!(schema.text().contains("this lark grammar: start: X"));
    }
}
