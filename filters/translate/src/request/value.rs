//! One member of a body, and what it must be to mean anything.

use memchr::memchr;
use tollgate_api::{Code, Refusal, Span};

use crate::object::{members, span_in};

/// More answers than any vendor gives.
const CHOICES_MAX: u64 = 1024;

/// The JSON text of a member, within the text of the body.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) json: &'a str,
    pub(super) text: &'a str,
}

impl<'a> Value<'a> {
    /// Where it stands in the body.
    pub(super) fn span(self) -> Span {
        span_in(self.text, self.json)
    }

    /// A member of it, where it is an object; `null` counts as not given.
    pub(super) fn member(self, outer: &'static str, inner: &str) -> Result<Option<Self>, Refusal> {
        let members = members(self.json).map_err(|_| self.wrong(outer, "an object, each member at most once"))?;
        let found = members.iter().find(|member| member.name == inner && member.value != "null");
        Ok(found.map(|member| Value { json: member.value, text: self.text }))
    }

    pub(super) fn wrong(self, param: &'static str, wanted: &str) -> Refusal {
        let at = span_in(self.text, self.json).start;
        let kind = kind(self.json);
        let what = format!("`{param}`, at byte {at}, is {kind}; it must be {wanted}.");
        Refusal::new(Code::InvalidRequest, what).at(param)
    }

    pub(super) fn name(self, param: &'static str) -> Result<Box<str>, Refusal> {
        let wrong = || self.wrong(param, "a string that names one");
        let inner = self.json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(wrong)?;
        let name: Box<str> = match memchr(b'\\', inner.as_bytes()) {
            None => inner.into(),
            Some(_) => serde_json::from_str(self.json).map_err(|_| wrong())?,
        };
        if name.is_empty() { Err(wrong()) } else { Ok(name) }
    }

    pub(super) fn flag(self, param: &'static str) -> Result<bool, Refusal> {
        match self.json {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.wrong(param, "`true` or `false`")),
        }
    }

    /// A number of tokens. Local servers and their clients write `-1` for "no cap".
    pub(super) fn cap(self, param: &'static str) -> Result<Option<u64>, Refusal> {
        if self.json == "-1" {
            return Ok(None);
        }
        self.json.parse().map(Some).map_err(|_| self.wrong(param, "a whole number of tokens"))
    }

    /// A number of answers.
    pub(super) fn choices(self, param: &'static str) -> Result<u32, Refusal> {
        let number = self.json.parse::<u64>().ok().filter(|n| (1..=CHOICES_MAX).contains(n));
        number.and_then(|n| u32::try_from(n).ok()).ok_or_else(|| self.wrong(param, "a whole number of answers"))
    }

    /// Whether an array holds anything.
    pub(super) fn array(self, param: &'static str, wanted: &str) -> Result<bool, Refusal> {
        let inner = self.json.strip_prefix('[').ok_or_else(|| self.wrong(param, wanted))?;
        Ok(!inner.trim_ascii_start().starts_with(']'))
    }

    pub(super) fn include_usage(self) -> Result<bool, Refusal> {
        const PARAM: &str = "stream_options";
        let members = members(self.json).map_err(|_| self.wrong(PARAM, "an object, each member at most once"))?;
        match members.iter().find(|member| member.name == "include_usage").map(|member| member.value) {
            None | Some("null") => Ok(false),
            Some(json) => Value { json, text: self.text }.flag("stream_options.include_usage"),
        }
    }
}

fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'"') if json.len() == 2 => "an empty string",
        Some(b'"') => "a string",
        Some(b'[') if json[1..].trim_ascii_start().starts_with(']') => "an empty array",
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}
