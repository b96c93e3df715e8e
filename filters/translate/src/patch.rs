//! Replacements in a byte string, applied in one copy.

use std::borrow::Cow;

use smallvec::SmallVec;
use tollgate_api::Span;

/// What stands where some bytes stood; an empty place inserts.
#[derive(Debug)]
pub(crate) struct Patch<'a> {
    /// The bytes that go.
    pub(crate) place: Span,
    /// What comes.
    pub(crate) text: Text<'a>,
}

/// The new text, written without being put together first.
#[derive(Debug)]
pub(crate) enum Text<'a> {
    /// As it is.
    Json(Cow<'a, str>),
    /// As a JSON string.
    Quoted(&'a str),
    /// As a member of an object, with a comma after it where another follows.
    Member { name: &'a str, value: Cow<'a, str>, comma: bool },
}

pub(crate) type Patches<'a> = SmallVec<[Patch<'a>; 4]>;

impl<'a> Patch<'a> {
    pub(crate) fn replace(place: Span, json: impl Into<Cow<'a, str>>) -> Self {
        Self { place, text: Text::Json(json.into()) }
    }

    pub(crate) fn remove(place: Span) -> Self {
        Self::replace(place, "")
    }
}

impl Text<'_> {
    /// How long it will be, escapes aside.
    fn len(&self) -> usize {
        match self {
            Self::Json(json) => json.len(),
            Self::Quoted(text) => text.len() + 2,
            Self::Member { name, value, .. } => name.len() + value.len() + 4,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Json(json) => out.extend_from_slice(json.as_bytes()),
            Self::Quoted(text) => quote(text, out),
            Self::Member { name, value, comma } => {
                quote(name, out);
                out.push(b':');
                out.extend_from_slice(value.as_bytes());
                if *comma {
                    out.push(b',');
                }
            }
        }
    }
}

fn quote(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string has a JSON form, and a Vec takes every byte");
}

/// The bytes with the patches in place. Places do not overlap; of those that begin at the same
/// byte what is put in comes before what is taken out, and the first pushed first.
pub(crate) fn apply(bytes: &[u8], mut patches: Patches<'_>) -> Vec<u8> {
    patches.sort_by_key(|patch| (patch.place.start, !patch.place.is_empty()));
    let longer: usize = patches.iter().map(|patch| patch.text.len()).sum();
    let mut out = Vec::with_capacity(bytes.len() + longer);
    let mut from = 0;
    for Patch { place, text } in &patches {
        out.extend_from_slice(bytes.get(from..place.start).unwrap_or_default());
        text.write(&mut out);
        from = place.end;
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_apply_in_the_order_of_their_places() {
        let patches = [
            Patch::replace(8..9, "[]"),
            Patch { place: 1..1, text: Text::Member { name: "n\"", value: "0".into(), comma: true } },
            Patch { place: 5..6, text: Text::Quoted("é\n") },
        ];
        let out = apply(b"{\"a\":1,b2}", patches.into_iter().collect());
        assert_eq!(String::from_utf8(out).as_deref(), Ok("{\"n\\\"\":0,\"a\":\"é\\n\",b[]}"));
    }
}
