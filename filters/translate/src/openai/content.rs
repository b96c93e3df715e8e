//! The content of an answer's message: a text, or Mistral's list of parts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tollgate_api::Event;

/// `content`: a string, or Mistral's list of text and thinking.
pub(super) enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<ContentPart>),
}

#[derive(Deserialize)]
pub(super) struct ContentPart {
    text: Option<String>,
    thinking: Option<Vec<ContentPart>>,
}

impl Content<'_> {
    pub(super) fn tell(self, choice: u32, out: &mut Vec<Event>) {
        let parts = match self {
            Self::Text(text) if text.is_empty() => return,
            Self::Text(text) => return out.push(Event::Text { choice, text: text.into_owned() }),
            Self::Parts(parts) => parts,
        };
        for ContentPart { text, thinking } in parts {
            let thoughts = thinking.into_iter().flatten().filter_map(|part| part.text);
            out.extend(thoughts.map(|text| Event::Thinking { choice, text, seal: None }));
            out.extend(text.filter(|text| !text.is_empty()).map(|text| Event::Text { choice, text }));
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of parts")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Content::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Content::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = from.next_element()? {
            parts.push(part);
        }
        Ok(Content::Parts(parts))
    }
}
