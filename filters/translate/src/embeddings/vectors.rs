//! Vectors as JSON: a list of numbers, or the bytes of 32-bit floats in base64.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use crate::dialect::Garbage;

/// How a vector is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A list of numbers.
    Float,
    /// 32-bit floats, little end first, in base64.
    Base64,
}

impl Encoding {
    /// That of OpenAI's word.
    pub(super) fn of(word: &str) -> Option<Self> {
        match word {
            "float" => Some(Self::Float),
            "base64" => Some(Self::Base64),
            _ => None,
        }
    }

    /// That of a vector as it stands.
    pub(super) fn found(vector: &RawValue) -> Result<Self, Garbage> {
        match vector.get().as_bytes().first() {
            Some(b'[') => Ok(Self::Float),
            Some(b'"') => Ok(Self::Base64),
            _ => Err(Garbage("an embedding is neither a list nor a text".into())),
        }
    }

    /// A vector in this encoding; where it is in it already, as it stands.
    pub(super) fn write(self, vector: &RawValue) -> Result<Cow<'_, str>, Garbage> {
        match (self, Self::found(vector)?) {
            (Self::Float, Self::Float) | (Self::Base64, Self::Base64) => Ok(Cow::Borrowed(vector.get())),
            (Self::Base64, Self::Float) => packed(vector).map(Cow::Owned),
            (Self::Float, Self::Base64) => listed(vector).map(Cow::Owned),
        }
    }
}

/// A list as a text.
fn packed(vector: &RawValue) -> Result<String, Garbage> {
    let numbers: Vec<f32> = serde_json::from_str(vector.get()).map_err(|_| no_numbers())?;
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    Ok(format!("\"{}\"", STANDARD.encode(bytes)))
}

/// A text as a list.
fn listed(vector: &RawValue) -> Result<String, Garbage> {
    let text: Cow<'_, str> = serde_json::from_str(vector.get()).map_err(|_| no_numbers())?;
    let bytes = STANDARD.decode(&*text).map_err(|_| no_numbers())?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if !rest.is_empty() || numbers.iter().any(|number| !number.is_finite()) {
        return Err(no_numbers());
    }
    serde_json::to_string(&numbers).map_err(|_| no_numbers())
}

fn no_numbers() -> Garbage {
    Garbage("an embedding holds something that is no number".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.into()).expect("JSON")
    }

    #[test]
    fn a_vector_is_the_same_in_either_encoding_and_untouched_in_its_own() {
        let floats = raw("[0.017608326, -1.5e-3,0,3]");
        let text = Encoding::Base64.write(&floats).expect("numbers");
        assert_eq!(text, "\"Vj+QPKabxLoAAAAAAABAQA==\"");
        assert_eq!(Encoding::Float.write(&raw(&text)).expect("floats"), "[0.017608326,-0.0015,0.0,3.0]");
        assert!(matches!(Encoding::Float.write(&floats), Ok(Cow::Borrowed("[0.017608326, -1.5e-3,0,3]"))));
        assert!(matches!(Encoding::Base64.write(&raw(&text)), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn what_is_no_vector_is_garbage() {
        let nan = format!("\"{}\"", STANDARD.encode(f32::NAN.to_le_bytes()));
        for text in ["null", "{}", "1", "\"AAA\"", "\"!\"", nan.as_str()] {
            assert!(Encoding::Float.write(&raw(text)).is_err(), "{text}");
        }
        for text in ["null", "[null]", "[\"secret\"]", "[[1]]"] {
            let garbage = Encoding::Base64.write(&raw(text)).expect_err(text);
            assert!(!garbage.to_string().contains("secret"));
        }
    }
}
