//! `docs/configuration.md`: the reference of the configuration, made from its schema.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::schema::schema;

const HEAD: &str = "\
# Configuration reference

Made from the comments in `conf/src/file.rs` by a test; change it there. `conf/tollgate.yaml` shows
every member at work, `tollgate check` says what is wrong with a file and where, and with the first
line `# yaml-language-server: $schema=./tollgate.schema.json` editors explain and check while you
write.

";

/// The reference as Markdown.
#[must_use]
pub fn reference_markdown() -> String {
    let schema = schema();
    let mut text = HEAD.to_owned();
    let pages = Pages { definitions: &schema["definitions"] };
    pages.page(&mut text, "", &schema);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

struct Pages<'a> {
    definitions: &'a Value,
}

impl<'a> Pages<'a> {
    /// A table of the members of a map, then a page for each that has members itself.
    fn page(&self, text: &mut String, path: &str, schema: &'a Value) {
        let Some(members) = self.resolved(schema).get("properties").and_then(Value::as_object) else { return };
        if !path.is_empty() {
            let _ = writeln!(text, "## `{path}`\n");
        }
        if let Some(about) = schema.get("description").or_else(|| self.resolved(schema).get("description")) {
            let _ = writeln!(text, "{}\n", about.as_str().unwrap_or_default());
        }
        text.push_str("| Member | Type | Default | Meaning |\n|---|---|---|---|\n");
        let required = self.resolved(schema).get("required").and_then(Value::as_array);
        for (name, member) in members {
            let is_required = required.is_some_and(|names| names.iter().any(|n| n == name.as_str()));
            self.row(text, name, member, is_required);
        }
        text.push('\n');
        for (name, member) in members {
            let dot = if path.is_empty() { "" } else { "." };
            let (inner, suffix) = self.inner(member);
            self.page(text, &format!("{path}{dot}{name}{suffix}"), inner);
        }
    }

    fn row(&self, text: &mut String, name: &str, member: &Value, is_required: bool) {
        let default = match member.get("default") {
            _ if is_required => "required".to_owned(),
            None | Some(Value::Null) => String::new(),
            Some(Value::String(word)) if word.is_empty() => String::new(),
            Some(Value::Array(items)) if items.is_empty() => String::new(),
            Some(Value::Object(map)) if map.is_empty() => String::new(),
            Some(Value::String(word)) => format!("`{word}`"),
            Some(other) => format!("`{other}`"),
        };
        let about = member.get("description").and_then(Value::as_str).unwrap_or_default();
        let mut meaning = about.replace("\n\n", " ").replace('\n', " ");
        for (word, about) in self.words(member) {
            let _ = write!(meaning, "<br>`{word}`: {}", about.replace('\n', " "));
        }
        let _ = writeln!(text, "| `{name}` | {} | {default} | {} |", self.kind(member), meaning.replace('|', "\\|"));
    }

    /// What a schema finally says, past references and "or nothing".
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let alternatives = ["allOf", "anyOf"].iter().find_map(|name| schema.get(name)?.as_array());
        if let Some(first) = alternatives.and_then(|all| all.first()) {
            return self.resolved(first);
        }
        match schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/definitions/")) {
            Some(name) => &self.definitions[name],
            None => schema,
        }
    }

    /// The map within lists and named maps, and how its path goes on.
    fn inner(&self, schema: &'a Value) -> (&'a Value, &'static str) {
        let resolved = self.resolved(schema);
        if let Some(items) = resolved.get("items") {
            return (items, "[]");
        }
        match resolved.get("additionalProperties").filter(|values| values.is_object()) {
            Some(values) => (values, ".<name>"),
            None => (schema, ""),
        }
    }

    /// The words that may stand there, each with its meaning.
    fn words(&self, schema: &'a Value) -> Vec<(&'a str, &'a str)> {
        let resolved = self.resolved(schema);
        let resolved = resolved.get("items").map_or(resolved, |items| self.resolved(items));
        let described = resolved.get("oneOf").and_then(Value::as_array).into_iter().flatten();
        let word = |one: &'a Value| {
            let word = one.get("const").or_else(|| one.get("enum")?.get(0))?.as_str()?;
            Some((word, one.get("description").and_then(Value::as_str).unwrap_or_default()))
        };
        described.filter_map(word).collect()
    }

    fn kind(&self, schema: &'a Value) -> String {
        let resolved = self.resolved(schema);
        let Some(map) = resolved.as_object() else { return "any value".into() };
        if let Some(items) = map.get("items") {
            return format!("list of {}", self.kind(items));
        }
        if let Some(values) = map.get("additionalProperties").filter(|values| values.is_object()) {
            return format!("map of names to {}", self.kind(values));
        }
        match map.get("format").and_then(Value::as_str) {
            Some("time span") => return "duration".into(),
            Some("size") => return "size".into(),
            _ => {}
        }
        if map.contains_key("oneOf") || map.contains_key("enum") {
            return "word".into();
        }
        plain_kind(map)
    }
}

fn plain_kind(map: &Map<String, Value>) -> String {
    let word = match map.get("type") {
        Some(Value::Array(all)) => all.first().and_then(Value::as_str),
        Some(other) => other.as_str(),
        None => None,
    };
    match word {
        Some("string") => "text",
        Some("integer") => "whole number",
        Some("number") => "number",
        Some("boolean") => "`true` or `false`",
        Some("object") => "map",
        _ => "any value",
    }
    .into()
}
