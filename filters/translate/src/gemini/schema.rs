//! Google's subset of OpenAPI schemas, turned into JSON Schema: types in lower case, `nullable` as
//! a type, counts as numbers.
//!
//! A schema that is JSON Schema already comes through as it is; members keep their order, because
//! models write what they answer in that order.

use std::fmt::Write as _;

use super::fields::camel;
use crate::json::Json;
use crate::object::{Member, members};

/// Words that Google also takes in snake_case.
const WORDS: [&str; 9] = [
    "additionalProperties",
    "anyOf",
    "maxItems",
    "maxLength",
    "maxProperties",
    "minItems",
    "minLength",
    "minProperties",
    "prefixItems",
];
/// How deep a schema is looked into; what is deeper stays as it is.
const DEPTH_MAX: usize = 64;

/// The schema in everybody's words.
pub(super) fn to_json_schema(schema: Json) -> Json {
    let mut text = String::with_capacity(schema.text().len());
    object(schema.text(), DEPTH_MAX, &mut text);
    Json::parse(&text).unwrap_or(schema)
}

/// Writes one schema.
fn object(schema: &str, depth: usize, out: &mut String) {
    let Some(members) = members(schema).ok().filter(|_| depth > 0 && schema.starts_with('{')) else {
        return out.push_str(schema);
    };
    let nullable = members.iter().any(|member| member.name == "nullable" && member.value == "true");
    let typed = |member: &Member<'_>| member.name == "type" && member.value.starts_with('"');
    let kept = members.iter().filter(|member| !is_googles(&member.name, member.value));
    list(kept, ('{', '}'), out, |member, out| {
        let word = camel(&member.name);
        let name = if WORDS.contains(&word.as_str()) { &word } else { &*member.name };
        name_of(name, out);
        match name {
            "type" if typed(member) => kind(member.value, nullable, out),
            "items" | "additionalProperties" | "not" => object(member.value, depth - 1, out),
            "properties" | "$defs" | "defs" | "definitions" => each(member.value, depth - 1, out),
            "anyOf" | "oneOf" | "allOf" | "prefixItems" => array(member.value, depth - 1, out),
            "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties" => {
                out.push_str(count(member.value));
            }
            _ => out.push_str(member.value),
        }
    });
}

/// Whether a member means nothing to anybody else.
fn is_googles(name: &str, value: &str) -> bool {
    matches!(name, "nullable" | "propertyOrdering" | "property_ordering")
        || value == "null" && name != "default" && name != "const"
        || name == "type" && value == "\"TYPE_UNSPECIFIED\""
}

/// Writes an object of schemas by name.
fn each(schemas: &str, depth: usize, out: &mut String) {
    let Some(members) = members(schemas).ok().filter(|_| schemas.starts_with('{')) else {
        return out.push_str(schemas);
    };
    list(members.iter(), ('{', '}'), out, |member, out| {
        name_of(&member.name, out);
        object(member.value, depth, out);
    });
}

/// Writes a list of schemas.
fn array(schemas: &str, depth: usize, out: &mut String) {
    let Ok(raw) = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(schemas) else {
        return out.push_str(schemas);
    };
    list(raw.iter(), ('[', ']'), out, |schema, out| object(schema.get(), depth, out));
}

fn list<T>(
    of: impl Iterator<Item = T>,
    (open, close): (char, char),
    out: &mut String,
    mut write: impl FnMut(T, &mut String),
) {
    out.push(open);
    for (i, one) in of.enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(one, out);
    }
    out.push(close);
}

fn name_of(name: &str, out: &mut String) {
    let name = serde_json::to_string(name).expect("a string is JSON");
    write!(out, "{name}:").expect("memory takes all");
}

/// `"STRING"` as `"string"`, or as `["string","null"]`.
fn kind(word: &str, nullable: bool, out: &mut String) {
    let word = word.to_ascii_lowercase();
    if nullable {
        write!(out, "[{word},\"null\"]").expect("memory takes all");
    } else {
        out.push_str(&word);
    }
}

/// Google's JSON spells whole numbers as strings where they may be long.
fn count(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(schema: &str) -> String {
        to_json_schema(Json::parse(schema).expect("JSON")).text().to_owned()
    }

    #[test]
    fn googles_words_become_everybodys_and_keep_their_order() {
        let google = r#"{"type":"OBJECT","required":["z"],"property_ordering":["z","a"],"properties":{
            "z":{"type":"STRING","nullable":true,"format":"enum","enum":["A"]},
            "a":{"type":"ARRAY","min_items":"1","items":{"anyOf":[{"type":"INTEGER"},{"type":"NULL"}]}},
            "type":{"type":"NUMBER"}}}"#;
        let json = r#"{"type":"object","required":["z"],"properties":{"z":{"type":["string","null"],"format":"enum","enum":["A"]},"a":{"type":"array","minItems":1,"items":{"anyOf":[{"type":"integer"},{"type":"null"}]}},"type":{"type":"number"}}}"#;
        assert_eq!(turned(google), json);
    }

    #[test]
    fn json_schema_comes_through_as_it_is() {
        for schema in [
            r##"{"type":"object","$defs":{"A":{"type":["string","null"]}},"properties":{"a":{"$ref":"#/$defs/A"}},"additionalProperties":false}"##,
            "true",
            r#"{"enum":["STRING"],"default":null}"#,
        ] {
            assert_eq!(turned(schema), schema);
        }
    }

    #[test]
    fn depth_is_no_reason_to_fail() {
        let deep = format!("{}{}", r#"{"items":"#.repeat(300), "{}".to_owned() + &"}".repeat(300));
        let mut text = String::new();
        object(&deep, DEPTH_MAX, &mut text);
        assert_eq!(text, deep);
    }
}
