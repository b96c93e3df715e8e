//! A mistake that reading met: what kind, and where. It never holds the value at fault, except
//! for a name or a word that was looked for in vain.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::tree::Place;

/// A mistake that reading met.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) place: Option<Place>,
}

/// What kind of mistake.
#[derive(Debug)]
pub(crate) enum Kind {
    /// No member of that name.
    Unknown { name: String, known: &'static [&'static str] },
    /// None of the words that may stand here.
    Word { word: String, known: &'static [&'static str] },
    /// Another type than what is wanted.
    Type { expected: String, found: &'static str },
    /// A member is not there.
    Missing(&'static str),
    /// Anything else, in the words of the type.
    Other(String),
}

impl Fault {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, place: None }
    }

    /// The innermost place that a fault passes on its way out is where it is.
    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Kind::Other(message.to_string()))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Kind::Type { expected: in_words(&expected.to_string()), found: found(unexpected) })
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match unexpected {
            Unexpected::Unsigned(0) => "0",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a whole number out of range",
            other => found(other),
        };
        Self::new(Kind::Type { expected: in_words(&expected.to_string()), found })
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::new(Kind::Type { expected: in_words(&expected.to_string()), found: "a list of another length" })
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self::new(Kind::Word { word: variant.to_owned(), known })
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::new(Kind::Unknown { name: field.to_owned(), known })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Kind::Missing(field))
    }
}

/// Serde's words, which name Rust types, in ours.
fn in_words(expected: &str) -> String {
    match expected {
        "a string" | "string" => "text",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "a map",
        "f32" | "f64" => "a number",
        "unit" => "nothing",
        _ if expected.starts_with("a nonzero ") => "a whole number of at least 1",
        _ if expected.starts_with(['u', 'i']) && expected[1..].bytes().all(|c| c.is_ascii_digit()) => "a whole number",
        "usize" | "isize" => "a whole number",
        _ if expected.starts_with("struct ") || expected.starts_with("enum ") => "a map of members",
        other => other,
    }
    .to_owned()
}

/// What is there, without saying its value.
fn found(unexpected: Unexpected<'_>) -> &'static str {
    match unexpected {
        Unexpected::Bool(_) => "a truth value",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a whole number",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a map",
        Unexpected::Unit | Unexpected::Option => "nothing",
        _ => "text",
    }
}
