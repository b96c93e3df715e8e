//! Tools whose argument is plain text, where a vendor has none: functions with one string, `input`.
//!
//! In the neutral form a call of such a tool has JSON for its arguments like any other,
//! `{"input": "…"}`. Where the client or the vendor has the real thing, it is unwrapped again.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::json::Json;
use crate::neutral::{Request, Tool};

/// The schema of such a function.
const SCHEMA: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

#[derive(Deserialize, Serialize)]
struct Arguments<'a> {
    #[serde(borrow)]
    input: Cow<'a, str>,
}

/// A grammar in the words of Responses, or of Chat Completions, which puts it one level deeper.
#[derive(Deserialize)]
struct Format {
    syntax: Option<String>,
    definition: Option<String>,
    grammar: Option<Box<Format>>,
}

/// Makes functions of the request's tools with plain text.
pub(crate) fn as_functions(request: &mut Request) {
    for tool in &mut request.tools {
        if let Tool::Freeform { name, description, format } = tool {
            let description = described(description.take(), format.as_ref());
            let schema = Json::parse(SCHEMA);
            *tool = Tool::Function { name: std::mem::take(name), description, schema, strict: None, cache: None };
        }
    }
}

/// What a function says of itself that is to be given text of this grammar.
fn described(description: Option<String>, format: Option<&Json>) -> Option<String> {
    let Some((syntax, definition)) = format.and_then(Json::to::<Format>).and_then(Format::grammar) else {
        return description;
    };
    let mut text = description.map_or_else(String::new, |text| text + "\n\n");
    write!(text, "`input` is text that follows this grammar ({syntax}):\n{definition}").expect("a string takes all");
    Some(text)
}

impl Format {
    fn grammar(self) -> Option<(String, String)> {
        match (self.syntax, self.definition, self.grammar) {
            (Some(syntax), Some(definition), _) => Some((syntax, definition)),
            (_, _, Some(inner)) => Some((inner.syntax?, inner.definition?)),
            _ => None,
        }
    }
}

/// The arguments of a call with this text.
pub(crate) fn wrapped(text: &str) -> String {
    serde_json::to_string(&Arguments { input: text.into() }).expect("a string is JSON")
}

/// The text of a call with these arguments: all of them where the model wrote something else.
pub(crate) fn text(arguments: &str) -> Cow<'_, str> {
    serde_json::from_str::<Arguments<'_>>(arguments).map_or(Cow::Borrowed(arguments), |given| given.input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(description: Option<&str>, format: Option<&str>) -> Tool {
        let tool = Tool::Freeform {
            name: "patch".into(),
            description: description.map(Into::into),
            format: format.and_then(Json::parse),
        };
        let mut request = Request { tools: vec![tool], ..Request::default() };
        as_functions(&mut request);
        request.tools.remove(0)
    }

    #[test]
    fn a_grammar_becomes_part_of_what_the_function_says_of_itself() {
        let said = |description, format| match function(description, format) {
            Tool::Function { name, description, schema, .. } => {
                assert!(name == "patch" && schema.is_some());
                description
            }
            _ => None,
        };
        let rule = "`input` is text that follows this grammar (lark):\nstart: X";
        let flat = r#"{"type":"grammar","syntax":"lark","definition":"start: X"}"#;
        let nested = r#"{"type":"grammar","grammar":{"syntax":"lark","definition":"start: X"}}"#;
        assert_eq!(said(Some("Patches."), Some(flat)), Some(format!("Patches.\n\n{rule}")));
        assert_eq!(said(None, Some(nested)).as_deref(), Some(rule));
        assert_eq!(said(Some("Patches."), Some(r#"{"type":"text"}"#)).as_deref(), Some("Patches."));
        assert_eq!(said(None, None), None);
    }

    #[test]
    fn text_that_is_wrapped_comes_out_as_it_was() {
        for plain in ["", "SELECT 1", "\"quoted\"\n\\u00e9 é\u{0}"] {
            assert_eq!(text(&wrapped(plain)), plain);
        }
        for other in ["", "{}", "[1]", "{\"input\":7}", "*** Begin Patch"] {
            assert_eq!(text(other), other);
        }
    }
}
