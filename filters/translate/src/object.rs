//! One JSON object as its members: names unescaped, values as the text they are.
//!
//! It reads nothing nested, keeps no tree and copies nothing but a name that has escapes in it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use tollgate_api::Span;

/// More members than any surface has words for; bounds memory and the search for duplicates.
pub(crate) const MEMBERS_MAX: usize = 256;

/// A member of an object.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    /// Its name, unescaped.
    pub(crate) name: Cow<'a, str>,
    /// The JSON text of its value.
    pub(crate) value: &'a str,
}

pub(crate) type Members<'a> = SmallVec<[Member<'a>; 16]>;

/// Why some text is not one object. Quotes nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ObjectError {
    #[error("ends at line {line}, column {column}, before its JSON does")]
    Truncated { line: usize, column: usize },
    #[error("is not valid JSON at line {line}, column {column}")]
    Syntax { line: usize, column: usize },
    #[error("is not a JSON object")]
    NotAnObject,
    #[error("has more than {MEMBERS_MAX} members")]
    TooMany,
    #[error("has the same member twice, the second time with its value at byte {at}")]
    Duplicate { at: usize },
}

/// Reads `text` as one object and nothing after it.
pub(crate) fn members(text: &str) -> Result<Members<'_>, ObjectError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let members = json.deserialize_map(MembersVisitor)?;
    json.end()?;
    if members.len() > MEMBERS_MAX {
        return Err(ObjectError::TooMany);
    }
    match duplicate(&members) {
        Some(member) => Err(ObjectError::Duplicate { at: span_in(text, member.value).start }),
        None => Ok(members),
    }
}

/// Where `part`, a slice of `whole`, stands in it.
pub(crate) fn span_in(whole: &str, part: &str) -> Span {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start + part.len()
}

/// The first member, in the order of names, whose name came before. Sorting stays fast even where
/// hundreds of long names differ in their last byte.
fn duplicate<'m, 'a>(members: &'m [Member<'a>]) -> Option<&'m Member<'a>> {
    let mut by_name: SmallVec<[&Member<'a>; 16]> = members.iter().collect();
    by_name.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let pair = by_name.windows(2).find(|pair| pair[0].name == pair[1].name)?;
    pair.iter().copied().max_by_key(|member| member.value.as_ptr())
}

impl From<serde_json::Error> for ObjectError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            Category::Eof => Self::Truncated { line, column },
            Category::Data => Self::NotAnObject,
            Category::Syntax | Category::Io => Self::Syntax { line, column },
        }
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut members = Members::new();
        while let Some(Name(name)) = map.next_key()? {
            if members.len() > MEMBERS_MAX {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: &RawValue = map.next_value()?;
            members.push(Member { name, value: value.get() });
        }
        Ok(members)
    }
}

/// A name, borrowed where it has no escapes (serde's own `Cow` is always owned).
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Owned(name.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_text_they_are() {
        let text = " {\"a\" : [1, 2] ,\"b\\u0062\":\"x\\n\"}\n";
        let members = members(text).expect("an object");
        let pairs: Vec<_> = members.iter().map(|m| (&*m.name, m.value)).collect();
        assert_eq!(pairs, [("a", "[1, 2]"), ("bb", "\"x\\n\"")]);
        assert_eq!(&text[span_in(text, members[0].value)], "[1, 2]");
    }

    #[test]
    fn what_is_not_one_object_is_named_with_its_place() {
        use ObjectError::*;
        for (text, error) in [
            ("", Truncated { line: 1, column: 0 }),
            ("{\"a\":[1,", Truncated { line: 1, column: 8 }),
            ("{\n\"a\":1,}", Syntax { line: 2, column: 7 }),
            ("{\"a\":tru}", Syntax { line: 1, column: 9 }),
            ("{} x", Syntax { line: 1, column: 4 }),
            ("{}{}", Syntax { line: 1, column: 3 }),
            ("[]", NotAnObject),
            ("\"secret\"", NotAnObject),
            ("null", NotAnObject),
            ("{\"a\":1,\"b\":2,\"\\u0061\":3}", Duplicate { at: 22 }),
        ] {
            assert_eq!(members(text).expect_err(text), error, "{text}");
        }
    }

    #[test]
    fn there_is_a_limit_on_members() {
        let object = |n: usize| {
            let members: Vec<_> = (0..n).map(|i| format!("\"m{i}\":{i}")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert_eq!(members(&object(MEMBERS_MAX)).map(|m| m.len()), Ok(MEMBERS_MAX));
        assert_eq!(members(&object(MEMBERS_MAX + 1)).expect_err("too many"), ObjectError::TooMany);
        assert_eq!(members(&object(5000)).expect_err("too many"), ObjectError::TooMany);
    }
}
