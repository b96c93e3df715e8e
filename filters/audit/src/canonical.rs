//! Canonical JSON: RFC 8785 with integers only. One value has one form, so bytes can be compared.
//!
//! Values are written by serde; this module says whether text is in that form.

use serde::Serialize;

/// The largest magnitude that every JSON reader keeps exactly.
pub const INTEGER_MAX: u64 = (1 << 53) - 1;
/// Deeper than anything we write.
const DEPTH_MAX: usize = 16;

/// Writes a value. Its structs list their members in alphabetical order, as tests prove with
/// [`check`]; maps are `BTreeMap`s.
#[must_use]
pub fn write(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain data is always written")
}

/// Why text is not canonical, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {what}")]
pub struct NotCanonical {
    /// Counted from 0.
    pub at: usize,
    /// What was found wrong there.
    pub what: &'static str,
}

/// Whether this is one value in canonical form and nothing else. One pass, no allocation.
///
/// # Errors
/// The first place that is not canonical.
pub fn check(text: &[u8]) -> Result<(), NotCanonical> {
    checked(text).map(drop)
}

/// The same, and hands the text on.
pub(crate) fn checked(text: &[u8]) -> Result<&str, NotCanonical> {
    let utf8 = std::str::from_utf8(text).map_err(|e| NotCanonical { at: e.valid_up_to(), what: "not UTF-8" })?;
    let mut reader = Reader { text, at: 0 };
    reader.value(0)?;
    if reader.at == text.len() { Ok(utf8) } else { reader.wrong("something after the value") }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn wrong<T>(&self, what: &'static str) -> Result<T, NotCanonical> {
        Err(NotCanonical { at: self.at, what })
    }

    fn next_is(&mut self, byte: u8) -> bool {
        let is = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(is);
        is
    }

    fn value(&mut self, depth: usize) -> Result<(), NotCanonical> {
        if depth > DEPTH_MAX {
            return self.wrong("too deep");
        }
        match self.text.get(self.at) {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.integer(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<(), NotCanonical> {
        let rest = &self.text[self.at..];
        let found = [&b"true"[..], b"false"].into_iter().find(|word| rest.starts_with(word));
        let Some(word) = found else { return self.wrong("not a value") };
        self.at += word.len();
        Ok(())
    }

    fn integer(&mut self) -> Result<(), NotCanonical> {
        let negative = self.next_is(b'-');
        let from = self.at;
        let digits = self.text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let number = &self.text[from..from + digits];
        let value = std::str::from_utf8(number).ok().and_then(|n| n.parse::<u64>().ok());
        let spelled = number.first() != Some(&b'0') || (digits == 1 && !negative);
        if !spelled || value.is_none_or(|v| v > INTEGER_MAX) {
            return self.wrong("not an integer of at most 53 bits in its shortest form");
        }
        self.at += digits;
        Ok(())
    }

    /// The bytes between the quotes, as they are escaped.
    fn string(&mut self) -> Result<&'a [u8], NotCanonical> {
        self.at += 1;
        let from = self.at;
        loop {
            let rest = &self.text[self.at..];
            let Some(plain) = memchr::memchr2(b'"', b'\\', rest) else {
                return self.wrong("a string without an end");
            };
            // Looked at as a whole, which is faster than stopping at the first.
            if rest[..plain].iter().fold(false, |found, byte| found | (*byte < b' ')) {
                return self.wrong("a control character");
            }
            self.at += plain;
            match rest[plain] {
                b'"' => break,
                _ => self.escape()?,
            }
        }
        self.at += 1;
        Ok(&self.text[from..self.at - 1])
    }

    /// Only what must be escaped is, in its shortest form.
    fn escape(&mut self) -> Result<(), NotCanonical> {
        let short = |b: &u8| matches!(b, b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't');
        match &self.text[self.at + 1..] {
            [b, ..] if short(b) => self.at += 2,
            [b'u', b'0', b'0', high @ (b'0' | b'1'), low, ..]
                if low.is_ascii_digit() || (b'a'..=b'f').contains(low) =>
            {
                if *high == b'0' && matches!(low, b'8' | b'9' | b'a' | b'c' | b'd') {
                    return self.wrong("an escape that has a shorter form");
                }
                self.at += 6;
            }
            _ => return self.wrong("an escape that is not needed"),
        }
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), NotCanonical> {
        self.at += 1;
        if self.next_is(b']') {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            if self.next_is(b']') {
                return Ok(());
            }
            if !self.next_is(b',') {
                return self.wrong("neither `,` nor `]`");
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), NotCanonical> {
        self.at += 1;
        if self.next_is(b'}') {
            return Ok(());
        }
        let mut before: Option<&[u8]> = None;
        loop {
            if self.text.get(self.at) != Some(&b'"') {
                return self.wrong("not a member name");
            }
            let name = self.string()?;
            if !name.is_ascii() || name.contains(&b'\\') {
                return self.wrong("a member name that is not plain ASCII");
            }
            if before.is_some_and(|before| before >= name) {
                return self.wrong("member names out of order, or twice");
            }
            before = Some(name);
            if !self.next_is(b':') {
                return self.wrong("no `:` after a member name");
            }
            self.value(depth + 1)?;
            if self.next_is(b'}') {
                return Ok(());
            }
            if !self.next_is(b',') {
                return self.wrong("neither `,` nor `}`");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn there_is_one_form_only() {
        for good in [r#"{"a":1,"b":[true,false,"é\n"],"c":{}}"#, "[]", "-5", "0", "9007199254740991", r#""\u001f\b/""#]
        {
            assert_eq!(check(good.as_bytes()), Ok(()), "{good}");
        }
        let bad = [
            r#"{"b":1,"a":1}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a": 1}"#,
            r#"{"a":1} "#,
            r#"{"a":01}"#,
            r#"{"a":-0}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e3}"#,
            "9007199254740992",
            r#"{"é":1}"#,
            r#"["\u0041"]"#,
            r#"["\/"]"#,
            r#"["\u001F"]"#,
            r#"["\u000a"]"#,
            r#"["a]"#,
            "[1,]",
            "{",
            "",
            "null",
            "1 1",
        ];
        for bad in bad {
            assert!(check(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(check(&[b'"', 0xff, b'"']).is_err());
        assert!(check("[".repeat(100_000).as_bytes()).is_err());
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            (-(INTEGER_MAX as i64)..=INTEGER_MAX as i64).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[a-z_]{1,8}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Text is canonical exactly when reading and writing it changes nothing.
        #[test]
        fn what_is_written_is_canonical_and_a_changed_byte_is_another_value_or_none(value in values(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let text = write(&value);
            prop_assert_eq!(check(&text), Ok(()));
            let mut changed = text.clone();
            let at = at.index(changed.len());
            changed[at] = byte;
            if check(&changed).is_ok() {
                let read: Value = serde_json::from_slice(&changed).expect("canonical text is JSON");
                prop_assert_eq!(write(&read), changed);
            }
        }
    }
}
