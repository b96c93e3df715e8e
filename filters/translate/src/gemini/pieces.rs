//! Arguments of a call that come in pieces, each with its place (Vertex, where a client asks).

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Number, Value};

use crate::dialect::Garbage;
use crate::json::Text;

/// How deep arguments may nest.
const DEPTH_MAX: usize = 64;
/// How many elements a list of them may have.
const ELEMENTS_MAX: usize = 4096;

/// One of `partialArgs`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Piece<'a> {
    #[serde(borrow)]
    json_path: Option<Text<'a>>,
    #[serde(borrow)]
    string_value: Option<Text<'a>>,
    number_value: Option<Number>,
    bool_value: Option<bool>,
    null_value: Option<IgnoredAny>,
}

/// One step of a path.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Member(&'a str),
    Element(usize),
}

/// The arguments so far.
#[derive(Default)]
pub(super) struct Arguments(Value);

impl Arguments {
    /// Takes a piece; pieces of one text are joined.
    pub(super) fn take(&mut self, piece: Piece<'_>) -> Result<(), Garbage> {
        let path = piece.json_path.as_ref().map_or("$", |path| &*path.0);
        let steps = steps(path).ok_or_else(|| Garbage("a piece of a call's arguments has no place".into()))?;
        let mut place = &mut self.0;
        for step in steps {
            place = step.within(place);
        }
        match (place, piece.string_value, piece.number_value, piece.bool_value, piece.null_value) {
            (Value::String(text), Some(more), ..) => text.push_str(&more.0),
            (place, Some(text), ..) => *place = Value::String(text.0.into_owned()),
            (place, _, Some(number), ..) => *place = Value::Number(number),
            (place, _, _, Some(flag), _) => *place = Value::Bool(flag),
            (place, .., Some(_)) => *place = Value::Null,
            _ => {}
        }
        Ok(())
    }

    /// The whole as JSON.
    pub(super) fn json(&self) -> String {
        if self.0.is_null() { "{}".into() } else { self.0.to_string() }
    }
}

impl Step<'_> {
    /// The place that this step leads to, made if it is not there.
    fn within(self, place: &mut Value) -> &mut Value {
        match self {
            Self::Member(name) => {
                if !place.is_object() {
                    *place = Value::Object(Map::new());
                }
                let members = place.as_object_mut().expect("it was just made one");
                members.entry(name).or_insert(Value::Null)
            }
            Self::Element(index) => {
                if !place.is_array() {
                    *place = Value::Array(Vec::new());
                }
                let elements = place.as_array_mut().expect("it was just made one");
                if elements.len() <= index {
                    elements.resize(index + 1, Value::Null);
                }
                &mut elements[index]
            }
        }
    }
}

/// The steps of `$.a[0]['b']`; `None` where it is no such path, or leads too far.
fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() && steps.len() < DEPTH_MAX {
        let step;
        (step, rest) = if let Some(after) = rest.strip_prefix('.') {
            let (name, after) = after.split_at(after.find(['.', '[']).unwrap_or(after.len()));
            (Step::Member(name), after)
        } else if let Some((quote, after)) = quoted(rest) {
            let (name, after) = after.split_once(quote)?;
            (Step::Member(name), after.strip_prefix(']')?)
        } else {
            let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
            (Step::Element(index.parse().ok().filter(|index| *index < ELEMENTS_MAX)?), after)
        };
        steps.push(step);
    }
    rest.is_empty().then_some(steps)
}

fn quoted(rest: &str) -> Option<(char, &str)> {
    let inner = rest.strip_prefix('[')?;
    ['\'', '"'].into_iter().find_map(|quote| Some((quote, inner.strip_prefix(quote)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_and_nonsense_is_not() {
        use Step::{Element, Member};
        let table = [
            ("$", Some(vec![])),
            ("$.a.b", Some(vec![Member("a"), Member("b")])),
            ("$.a[0].b[12]", Some(vec![Member("a"), Element(0), Member("b"), Element(12)])),
            ("$['a.b'][\"c\"]", Some(vec![Member("a.b"), Member("c")])),
            ("a", None),
            ("$[x]", None),
            ("$[99999999]", None),
            ("$['a", None),
        ];
        for (path, expected) in table {
            assert_eq!(steps(path), expected, "{path}");
        }
        assert_eq!(steps(&format!("${}", ".a".repeat(DEPTH_MAX + 1))), None);
    }

    #[test]
    fn pieces_join_to_the_arguments() {
        let mut arguments = Arguments::default();
        assert_eq!(arguments.json(), "{}");
        for piece in [
            r#"{"jsonPath":"$.l[1].s","stringValue":"Bos","willContinue":true}"#,
            r#"{"jsonPath":"$.l[1].s","stringValue":"ton"}"#,
            r#"{"jsonPath":"$.n","numberValue":0.5}"#,
            r#"{"jsonPath":"$.b","boolValue":false}"#,
            r#"{"jsonPath":"$.z","nullValue":"NULL_VALUE"}"#,
        ] {
            arguments.take(serde_json::from_str(piece).expect("a piece")).expect("a place");
        }
        let expected = serde_json::json!({"l": [null, {"s": "Boston"}], "n": 0.5, "b": false, "z": null});
        assert_eq!(serde_json::from_str::<Value>(&arguments.json()).expect("JSON"), expected);
    }
}
