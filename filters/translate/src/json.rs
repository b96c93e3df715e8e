//! JSON that is carried rather than understood, and objects read one member at a time.
//!
//! Nothing here builds a tree: what is not understood stays the text that came, so that the order
//! of members and the spelling of numbers survive.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use memchr::memchr2;
use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use tollgate_api::{Code, Edit, Refusal};

/// One JSON value as the text it was written in.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

/// Members of an object that nobody here understands.
pub type Members = BTreeMap<String, Json>;

impl Json {
    /// The value in `text`, if it is exactly one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// Reads the value as a `T`, if it is one.
    #[must_use]
    pub fn to<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.text()).ok()
    }

    /// The `type` that it says it is of.
    #[must_use]
    pub(crate) fn kind(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Kind {
            #[serde(rename = "type")]
            kind: String,
        }
        self.to().map(|Kind { kind }| kind)
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.text().starts_with('{')
    }

    /// Whether it is `null` or `false`: a member that asks for nothing.
    #[must_use]
    pub fn is_unset(&self) -> bool {
        matches!(self.text(), "null" | "false")
    }
}

/// JSON text without line breaks, which an event of a stream must not have: there they can only stand
/// between tokens, as a string has them escaped.
pub(crate) fn one_line(json: &str) -> Cow<'_, str> {
    match memchr2(b'\n', b'\r', json.as_bytes()) {
        None => Cow::Borrowed(json),
        Some(_) => Cow::Owned(json.replace(['\n', '\r'], " ")),
    }
}

/// Equal as values: white space and the order of members do not count.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        let value = |json: &Self| json.to::<serde_json::Value>();
        self.text() == other.text() || value(self).is_some_and(|mine| Some(mine) == value(other))
    }
}

/// Its length alone: the text may be a prompt.
impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.text().len())
    }
}

/// The members of one object, to be taken out by name; what is left was not understood.
pub(crate) struct Object<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Object<'a> {
    /// Reads `body` as an object.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(body).map(Self).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Refusal::new(Code::InvalidJson, format!("The body is not one JSON object: reading stopped at {place}."))
        })
    }

    /// Makes the changes that filters asked for, in order.
    pub(crate) fn apply(&mut self, edits: &'a [Edit]) -> Result<(), Refusal> {
        for edit in edits {
            let Some(text) = edit.value.as_deref() else {
                self.0.remove(&*edit.member);
                continue;
            };
            let value = serde_json::from_str(text).map_err(|_| {
                let what = format!("A filter set `{}` to something that is not JSON.", edit.member);
                Refusal::new(Code::Internal, what)
            })?;
            self.0.insert(edit.member.to_string(), value);
        }
        Ok(())
    }

    /// Takes a member out; `null` counts as absent.
    pub(crate) fn take<T: Deserialize<'a>>(&mut self, name: &'static str) -> Result<Option<T>, Refusal> {
        match self.0.remove(name) {
            Some(raw) => read(raw, || name.to_owned()),
            None => Ok(None),
        }
    }

    /// Takes a list out, its elements unread.
    pub(crate) fn take_list(&mut self, name: &'static str) -> Result<Vec<&'a RawValue>, Refusal> {
        Ok(self.take(name)?.unwrap_or_default())
    }

    /// What is left, `null`s dropped.
    pub(crate) fn rest(self) -> Members {
        let set = self.0.into_iter().filter(|(_, raw)| raw.get() != "null");
        set.map(|(name, raw)| (name, Json(raw.to_owned()))).collect()
    }
}

/// Reads one value; `path` names it in the refusal.
pub(crate) fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue, path: impl Fn() -> String) -> Result<T, Refusal> {
    serde_json::from_str(raw.get()).map_err(|error| invalid(&path(), &complaint(&error)))
}

/// The refusal of a member that is there but wrong.
pub(crate) fn invalid(path: &str, what: &str) -> Refusal {
    Refusal::new(Code::InvalidRequest, format!("`{path}` {what}.")).at(path.to_owned())
}

/// The refusal of a member that the vendor has no words for.
pub(crate) fn unsupported(path: &str, what: &str) -> Refusal {
    Refusal::new(Code::Unsupported, format!("`{path}` {what}.")).at(path.to_owned())
}

/// What serde objects to, without the value that it would quote: that is the client's content.
fn complaint(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let said = text.rsplit_once(" at line ").map_or(text.as_str(), |(said, _)| said);
    let column = error.column();
    match said.rsplit_once("expected ") {
        Some((_, expected)) => format!("must be {expected} (character {column} of it)"),
        None if said.starts_with("missing field") => format!("is incomplete: {said}"),
        None => format!("cannot be read (character {column} of it)"),
    }
}

/// A string that is borrowed where it holds no escapes. (serde borrows no `Option<Cow>` by itself.)
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl Text<'_> {
    /// The string, if there is one and it says anything.
    pub(crate) fn said(text: Option<Self>) -> Option<String> {
        text.map(|t| t.0.into_owned()).filter(|t| !t.is_empty())
    }
}

/// A number of tokens from a vendor: never negative, whole, and no reason to fail an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(from)?;
        let whole = number.as_u64();
        // `as` saturates: below zero and NaN become 0.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(Self(whole.unwrap_or_else(|| number.as_f64().map_or(0, |float| float as u64))))
    }
}

/// A member that may be a plain string or a list.
pub(crate) enum TextOr<T> {
    /// The string.
    Text(String),
    /// The list.
    List(Vec<T>),
}

impl<T> TextOr<T> {
    /// The list; a string becomes its one element.
    pub(crate) fn into_list(self, one: impl Fn(String) -> T) -> Vec<T> {
        match self {
            Self::Text(text) => vec![one(text)],
            Self::List(list) => list,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextOrVisitor(PhantomData))
    }
}

struct TextOrVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TextOrVisitor<T> {
    type Value = TextOr<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(TextOr::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(TextOr::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(one) = from.next_element()? {
            list.push(one);
        }
        Ok(TextOr::List(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_on_one_line_is_the_same_json() {
        let pretty = "{\n  \"a\": \"x\\ny\",\r\n  \"b\": [1]\n}";
        let line = one_line(pretty);
        assert!(!line.contains(['\n', '\r']));
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(value(&line), value(pretty));
        assert!(matches!(one_line("{\"a\":1}"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_wrong_member_is_named_but_never_quoted() {
        let body = br#"{"temperature":"my secret, expected nothing"}"#;
        let mut object = Object::parse(body).expect("an object");
        let refusal = object.take::<f64>("temperature").expect_err("a string is no number");
        assert_eq!(refusal.param.as_deref(), Some("temperature"));
        assert!(refusal.message.starts_with("`temperature` must be f64"), "{}", refusal.message);
        assert!(!refusal.message.contains("secret"));
    }

    #[test]
    fn what_is_not_understood_keeps_its_order_and_its_numbers() {
        let body = br#"{"a":{"z":1.50,"b":123456789012345678901234567890},"model":"m","none":null}"#;
        let mut object = Object::parse(body).expect("an object");
        assert_eq!(object.take::<String>("model"), Ok(Some("m".into())));
        let rest = object.rest();
        assert_eq!(rest["a"].text(), r#"{"z":1.50,"b":123456789012345678901234567890}"#);
        assert_eq!(rest.len(), 1);
    }

    #[test]
    fn token_counts_are_never_a_reason_to_fail() {
        for (text, count) in [("7", 7), ("-1", 0), ("12.0", 12), ("1e99", u64::MAX)] {
            assert_eq!(serde_json::from_str::<Count>(text).ok(), Some(Count(count)), "{text}");
        }
    }
}
