//! One member of a JSON text set in place: every other byte stays.

use std::ops::Range;

use serde_json::Value;

/// The text with the member at this path set to this value, which is JSON; or why that cannot be.
pub(super) fn set(text: &str, path: &[String], value: &str) -> Result<String, &'static str> {
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let is_object = serde_json::from_str::<Value>(text).map_err(|_| "it is not JSON: put the settings in by hand")?;
    if !is_object.is_object() {
        return Err("it is not an object of JSON: put the settings in by hand");
    }
    let mut within = text.find('{').unwrap_or_default();
    for (depth, step) in path.iter().enumerate() {
        let members = members(text, within);
        let rest = &path[depth + 1..];
        let Some(member) = members.iter().rev().find(|member| member.name == *step) else {
            let indent = "  ".repeat(depth + 1);
            let added = format!("{indent}{}: {}", quoted(step), nested(rest, value, depth + 1));
            return Ok(match members.last() {
                Some(last) => splice(text, last.value.end..last.value.end, &format!(",\n{added}")),
                None => splice(text, within + 1..close(text, within), &format!("\n{added}\n{}", "  ".repeat(depth))),
            });
        };
        if rest.is_empty() || !text[member.value.clone()].starts_with('{') {
            return Ok(splice(text, member.value.clone(), &nested(rest, value, depth + 1)));
        }
        within = member.value.start;
    }
    Err("there is nothing to set")
}

struct Member {
    name: String,
    value: Range<usize>,
}

/// The members of the object that begins here. The text is known to be JSON.
fn members(text: &str, object: usize) -> Vec<Member> {
    let mut members = Vec::new();
    let mut at = blanks(text, object + 1);
    while text[at..].starts_with('"') {
        let name = at..skip(text, at);
        let colon = blanks(text, name.end);
        let start = blanks(text, colon + 1);
        let value = start..skip(text, start);
        at = blanks(text, value.end);
        if text[at..].starts_with(',') {
            at = blanks(text, at + 1);
        }
        members.push(Member { name: serde_json::from_str(&text[name]).unwrap_or_default(), value });
    }
    members
}

/// Where the object that begins here has its closing bracket.
fn close(text: &str, object: usize) -> usize {
    skip(text, object) - 1
}

fn blanks(text: &str, at: usize) -> usize {
    at + text[at..].bytes().take_while(u8::is_ascii_whitespace).count()
}

/// The end of the value that begins here.
fn skip(text: &str, start: usize) -> usize {
    let (mut depth, mut in_string, mut is_escaped) = (0_u32, false, false);
    for (at, byte) in text.bytes().enumerate().skip(start) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => {
                in_string = !in_string;
                if !in_string && depth == 0 {
                    return at + 1;
                }
            }
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' if depth == 0 => return at,
            byte if byte.is_ascii_whitespace() && depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// A value within objects of its own.
fn nested(path: &[String], value: &str, depth: usize) -> String {
    let Some((step, rest)) = path.split_first() else { return value.to_owned() };
    let (inner, outer) = ("  ".repeat(depth + 1), "  ".repeat(depth));
    format!("{{\n{inner}{}: {}\n{outer}}}", quoted(step), nested(rest, value, depth + 1))
}

fn quoted(name: &str) -> String {
    Value::from(name).to_string()
}

fn splice(text: &str, at: Range<usize>, with: &str) -> String {
    [&text[..at.start], with, &text[at.end..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_at(text: &str, path: &str) -> Result<String, &'static str> {
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        set(text, &path, "\"new\"")
    }

    #[test]
    fn a_member_is_set_and_every_other_byte_stays() {
        let cases = [
            ("", "a", "{\n  \"a\": \"new\"\n}\n"),
            ("{}", "a.b", "{\n  \"a\": {\n    \"b\": \"new\"\n  }\n}"),
            ("{\"a\":1}", "a", "{\"a\":\"new\"}"),
            ("{\"a\": 1, \"z\" : [1, {\"a\": 2}] }", "b", "{\"a\": 1, \"z\" : [1, {\"a\": 2}],\n  \"b\": \"new\" }"),
            ("{\"env\": {\"X\": \"}\\\"\"}}", "env.Y", "{\"env\": {\"X\": \"}\\\"\",\n    \"Y\": \"new\"}}"),
            ("{\"env\": {}}", "env.Y", "{\"env\": {\n    \"Y\": \"new\"\n  }}"),
            ("{\"env\": null, \"n\": 1.0e5}", "env.Y", "{\"env\": {\n    \"Y\": \"new\"\n  }, \"n\": 1.0e5}"),
            ("{\"a\": true}", "a", "{\"a\": \"new\"}"),
        ];
        for (text, path, expected) in cases {
            let after = set_at(text, path).expect(text);
            assert_eq!(after, expected);
            assert!(serde_json::from_str::<Value>(&after).is_ok(), "{after}");
            assert_eq!(set_at(&after, path), Ok(expected.to_owned()), "a second time changes nothing");
        }
    }

    #[test]
    fn what_is_no_object_of_json_is_left_alone() {
        for text in ["[]", "7", "{\"a\": 1,}", "// why\n{}", "{"] {
            assert!(set_at(text, "a").is_err(), "{text}");
        }
    }
}
