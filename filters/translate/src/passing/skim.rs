//! A JSON object skimmed as it goes by: a few of its members, however it is cut and however long the others are.
//!
//! It proves nothing about the rest: what is no JSON at all gives nothing, or nonsense that no reader takes.

use memchr::memchr2;

/// What is kept of an object at most, in bytes. No vendor's usage comes near.
const KEPT_MAX: usize = 64 << 10;
/// The longest name that is looked for, quotes included, fits.
const NAME_MAX: usize = 32;

/// Where the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Before the object.
    #[default]
    Start,
    /// Between its members, or within a name.
    Name,
    /// Past a name, or within a value.
    Value,
    /// Behind it, or in what is none.
    End,
}

/// Skims one object.
#[derive(Debug)]
pub(super) struct Skim {
    wanted: &'static [&'static str],
    at: At,
    /// Within a string, and whether the next byte is escaped.
    string: Option<bool>,
    /// Objects and lists that are open within the value.
    depth: usize,
    /// The name that comes or came last, with its quotes.
    name: Vec<u8>,
    /// Whether the value belongs to a name that is wanted.
    keeps: bool,
    /// The wanted members, each with a comma before it.
    kept: Vec<u8>,
}

impl Skim {
    /// Will keep the members of these names.
    pub(super) fn new(wanted: &'static [&'static str]) -> Self {
        let (name, kept) = (Vec::with_capacity(NAME_MAX), Vec::new());
        Self { wanted, at: At::Start, string: None, depth: 0, name, keeps: false, kept }
    }

    /// Takes the next bytes.
    pub(super) fn read(&mut self, mut piece: &[u8]) {
        while self.at != At::End && !piece.is_empty() {
            let is_text = self.string.is_some() || piece[0] == b'"';
            let taken = if self.string.is_some() { self.in_string(piece) } else { self.between(piece[0]) };
            self.keep(&piece[..taken], is_text);
            piece = &piece[taken..];
        }
    }

    /// The object with nothing in it but what is wanted, as far as it came.
    pub(super) fn object(&self) -> Vec<u8> {
        [b"{", self.kept.strip_prefix(b",").unwrap_or_default(), b"}"].concat()
    }

    /// How many of these bytes belong to the string.
    fn in_string(&mut self, piece: &[u8]) -> usize {
        if self.string == Some(true) {
            self.string = Some(false);
            return 1;
        }
        let Some(found) = memchr2(b'"', b'\\', piece) else { return piece.len() };
        self.string = (piece[found] == b'\\').then_some(true);
        found + 1
    }

    /// One byte outside of strings.
    fn between(&mut self, byte: u8) -> usize {
        if byte == b'"' && self.at != At::Start {
            self.string = Some(false);
        }
        match (self.at, byte) {
            (At::Start, b'{') => self.at = At::Name,
            (At::Start, byte) if !byte.is_ascii_whitespace() && !b"\xEF\xBB\xBF".contains(&byte) => self.at = At::End,
            (At::Name, b':') => self.value_begins(),
            (At::Name, b'}') => self.at = At::End,
            (At::Value, b'{' | b'[') => self.depth += 1,
            (At::Value, b'}') if self.depth == 0 => self.at = At::End,
            (At::Value, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
            (At::Value, b',') if self.depth == 0 => {
                self.at = At::Name;
                self.name.clear();
            }
            _ => {}
        }
        1
    }

    fn value_begins(&mut self) {
        self.at = At::Value;
        let name = self.name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\""));
        self.keeps = name.is_some_and(|name| self.wanted.iter().any(|wanted| wanted.as_bytes() == name));
        if self.keeps {
            self.kept.push(b',');
            self.kept.extend_from_slice(&self.name);
        }
    }

    fn keep(&mut self, bytes: &[u8], is_text: bool) {
        match self.at {
            At::Name if !is_text => {}
            At::Name if self.name.len() + bytes.len() <= NAME_MAX => self.name.extend_from_slice(bytes),
            // Longer than any that is wanted, and filled up so that it stays so.
            At::Name => self.name.resize(NAME_MAX, b' '),
            At::Value if self.keeps && self.kept.len() + bytes.len() <= KEPT_MAX => self.kept.extend_from_slice(bytes),
            At::Value if self.keeps => self.at = At::End,
            At::Start | At::Value | At::End => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn skimmed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
        let mut skim = Skim::new(&["usage", "tier"]);
        pieces.into_iter().for_each(|piece| skim.read(piece));
        String::from_utf8(skim.object()).expect("UTF-8")
    }

    #[test]
    fn only_members_of_the_object_itself_are_kept() {
        for (text, kept) in [
            (r#"{"a":1,"usage":{"n":[1,{"usage":2}]},"b":"x"}"#, r#"{"usage":{"n":[1,{"usage":2}]}}"#),
            (" {\n  \"tier\" : \"a,}\" ,\n  \"usage\" : null }", r#"{"tier":"a,}","usage":null}"#),
            (r#"{"a":{"usage":1},"b":["usage",{"tier":2}],"c":"\"usage\":1"}"#, "{}"),
            (r#"{"us age":1,"usage\u0020":2,"not the usage that is meant, but a long name":3}"#, "{}"),
            (r#"{"data":"\\","usage":1}"#, r#"{"usage":1}"#),
            (r#"[{"usage":1}]"#, "{}"),
            (r#"{} {"usage":1}"#, "{}"),
            ("ID3 {\"usage\":1}", "{}"),
            ("", "{}"),
        ] {
            let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
            assert_eq!(read(&skimmed([text.as_bytes()])), read(kept), "{text}");
        }
    }

    #[test]
    fn a_picture_of_megabytes_leaves_nothing_behind_and_its_usage_is_found() {
        let picture = "A".repeat(3 << 20);
        let text = format!(r#"{{"data":[{{"b64_json":"{picture}"}}],"usage":{{"input_tokens":1}}}}"#);
        let mut skim = Skim::new(&["usage"]);
        text.as_bytes().chunks(1 << 14).for_each(|piece| skim.read(piece));
        assert_eq!(skim.object(), br#"{"usage":{"input_tokens":1}}"#);
        assert!(skim.kept.capacity() + skim.name.capacity() < 1 << 10);
    }

    #[test]
    fn what_goes_on_without_end_is_not_kept() {
        let mut skim = Skim::new(&["usage"]);
        skim.read(br#"{"usage":""#);
        (0..1000).for_each(|_| skim.read(&[b'x'; 1024]));
        assert!(skim.kept.len() <= KEPT_MAX);
        assert_eq!(skim.at, At::End);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<i32>().prop_map(Value::from), ".{0,6}".prop_map(Value::from), Just(Value::Null)];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let name = prop_oneof![Just("usage".to_owned()), Just("tier".to_owned()), ".{0,4}"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(name, inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_a_reader_of_the_whole_would_find(value in value(), pretty: bool, cut in 1_usize..9) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = text.expect("JSON");
            let members = value.as_object().cloned().unwrap_or_default();
            let wanted: Map<_, _> = members.into_iter().filter(|(name, _)| name == "usage" || name == "tier").collect();
            let kept = skimmed(text.as_bytes().chunks(cut));
            prop_assert_eq!(serde_json::from_str::<Value>(&kept).ok(), Some(Value::Object(wanted)));
        }

        #[test]
        fn any_bytes_may_come(bytes: Vec<u8>) {
            let mut skim = Skim::new(&["usage"]);
            skim.read(&bytes);
            let _ = skim.object();
        }
    }
}
