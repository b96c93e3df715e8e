//! Bodies, read member by member. What is wrong is named by its member; what was sent is not repeated, as
//! it may be a secret in the wrong place.

use serde_json::{Map, Value};
use tollgate_api::Money;
use tollgate_store::{Bindings, Limits};

use crate::refusal::{Code, Refusal, cut};
use crate::strict::Strict;

/// How many entries a list in a body may have.
const LIST_MAX: usize = 1000;

/// A type that a body, or an object in one, is read as.
pub(crate) trait Body: Sized {
    /// All members that it may have.
    const MEMBERS: &'static [&'static str];

    fn read(form: &mut Form) -> Result<Self, Refusal>;
}

/// The members of an object that are not read yet.
#[derive(Default)]
pub(crate) struct Form {
    members: Map<String, Value>,
}

impl Form {
    /// Nothing at all is an object without members.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let bad = |what: String| Refusal::new(Code::InvalidJson, what, "send one JSON object in UTF-8");
        let Strict(value) = serde_json::from_slice(bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            bad(format!("the body is no valid JSON, or has a member twice: see line {line}, column {column}"))
        })?;
        if has_nul(&value) {
            return Err(Refusal::invalid("a text in the body holds the character NUL", "leave it out"));
        }
        match value {
            Value::Object(members) => Ok(Self { members }),
            _ => Err(bad("the body is JSON, but no object".into())),
        }
    }

    /// All of it, as this type: members that it does not have are refused.
    pub(crate) fn read<T: Body>(&mut self) -> Result<T, Refusal> {
        if let Some(odd) = self.members.keys().find(|name| !T::MEMBERS.contains(&name.as_str())) {
            let remedy = format!("the members here are: {}", T::MEMBERS.join(", "));
            return Err(Refusal::invalid(format!("there is no member `{}` here", cut(odd)), remedy));
        }
        T::read(self)
    }

    /// Whether the member is there, `null` or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Whether the member is a text.
    pub(crate) fn is_text(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(Value::is_string)
    }

    /// The member; one that is `null` counts as not there.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::invalid(format!("`{name}` is no text"), "write it in quotes")),
        }
    }

    pub(crate) fn needed_text(&mut self, name: &'static str) -> Result<String, Refusal> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    pub(crate) fn flag(&mut self, name: &'static str) -> Result<Option<bool>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(Refusal::invalid(format!("`{name}` is neither yes nor no"), "write `true` or `false`")),
        }
    }

    /// A whole number that is not negative and fits.
    pub(crate) fn count<N: TryFrom<u64>>(&mut self, name: &'static str) -> Result<Option<N>, Refusal> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let fits = value.as_u64().and_then(|number| N::try_from(number).ok());
        fits.map(Some).ok_or_else(|| {
            Refusal::invalid(format!("`{name}` is no whole number from 0 that fits"), "write such a number, or `null`")
        })
    }

    /// One of these words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        choices: &[(&'static str, T)],
    ) -> Result<Option<T>, Refusal> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let found = choices.iter().find(|(word, _)| value.as_str() == Some(word));
        found.map(|(_, choice)| Some(*choice)).ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
            Refusal::invalid(format!("`{name}` is none of its words"), format!("write one of: {}", words.join(", ")))
        })
    }

    /// US dollars in nano-dollars, of either sign. Only as text: a JSON number is floating point to most.
    pub(crate) fn money(&mut self, name: &'static str) -> Result<Option<i64>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => text.parse::<Money>().map(|money| Some(money.nano())).map_err(|_| {
                Refusal::invalid(
                    format!("`{name}` is no amount"),
                    "write a plain decimal with at most nine places, such as \"25.00\"",
                )
            }),
            Some(Value::Number(_)) => {
                Err(Refusal::invalid(format!("`{name}` is a number"), "write it as a string, such as \"25.00\""))
            }
            Some(_) => Err(Refusal::invalid(format!("`{name}` is no amount"), "write it as a string, as in \"25.00\"")),
        }
    }

    fn texts(&mut self, name: &'static str) -> Result<Option<Vec<String>>, Refusal> {
        let bad = || Refusal::invalid(format!("`{name}` is no list of texts"), "write it as `[\"…\", \"…\"]`");
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(list)) if list.len() > LIST_MAX => {
                let remedy = format!("write at most {LIST_MAX}");
                Err(Refusal::invalid(format!("`{name}` has too many entries"), remedy))
            }
            Some(Value::Array(list)) => {
                let texts = list.into_iter().map(|one| match one {
                    Value::String(text) => Ok(text),
                    _ => Err(bad()),
                });
                texts.collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(bad()),
        }
    }

    /// An object in the object.
    pub(crate) fn nested<T: Body>(&mut self, name: &'static str) -> Result<Option<T>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Self { members }.read().map(Some),
            Some(_) => Err(Refusal::invalid(format!("`{name}` is no object"), "write it as `{…}`")),
        }
    }
}

pub(crate) fn missing(name: &'static str) -> Refusal {
    Refusal::invalid(format!("`{name}` is missing"), "add this member")
}

impl Body for Bindings {
    const MEMBERS: &'static [&'static str] = &["models", "providers", "ips", "tags"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        Ok(Self {
            models: form.texts("models")?,
            providers: form.texts("providers")?,
            ips: form.texts("ips")?,
            tags: form.texts("tags")?.unwrap_or_default(),
        })
    }
}

impl Body for Limits {
    const MEMBERS: &'static [&'static str] =
        &["requests_per_minute", "requests_per_day", "tokens_per_minute", "tokens_per_day", "concurrent_requests"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        Ok(Self {
            requests_per_minute: form.count("requests_per_minute")?,
            requests_per_day: form.count("requests_per_day")?,
            tokens_per_minute: limit(form, "tokens_per_minute")?,
            tokens_per_day: limit(form, "tokens_per_day")?,
            concurrent_requests: form.count("concurrent_requests")?,
        })
    }
}

/// No more than an account can count.
fn limit(form: &mut Form, name: &'static str) -> Result<Option<u64>, Refusal> {
    match form.count::<u64>(name)? {
        Some(many) if i64::try_from(many).is_err() => {
            Err(Refusal::invalid(format!("`{name}` is too large"), "write `null` for no limit"))
        }
        fine => Ok(fine),
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(has_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}
