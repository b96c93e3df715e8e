//! From a [`Tree`] to the structs of a file, with every mistake found instead of the first.
//!
//! Serde stops at the first mistake. So the mistake is noted, cut out of the tree, and the rest is
//! read again, until nothing is left to complain about. What must be there but may have been in a
//! part that was cut is not complained about a second time.

mod inside;

use std::cell::Cell;

use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use crate::fault::{Fault, Kind};
use crate::located::LOCATED;
use crate::tree::{Place, Scalar, Tree, Value};
use inside::{Entries, Items, PlaceAndValue, Variant};

/// More mistakes than anyone reads at once.
const FAULTS_MAX: usize = 100;
/// Aliases can make a small file large: so many nodes are visited, no more.
const STEPS_MAX: usize = 1_000_000;

/// Reads the tree. `note` hears every mistake with its place.
pub(crate) fn read<T: DeserializeOwned>(tree: &mut Tree, mut note: impl FnMut(&Tree, Place, Kind)) -> Option<T> {
    for _ in 0..FAULTS_MAX {
        let steps = Cell::new(0);
        let fault = match T::deserialize(Reader { tree, place: Place::ROOT, steps: &steps }) {
            Ok(value) => return Some(value),
            Err(fault) => fault,
        };
        let mut place = fault.place.unwrap_or(Place::ROOT);
        let may_be_in_what_was_cut = matches!(fault.kind, Kind::Missing(_)) && tree.is_damaged(place);
        if !may_be_in_what_was_cut && !tree.is_cut(place) {
            note(tree, place, fault.kind);
        }
        // What is cut and looked at all the same cannot be done without: then its parent goes too.
        while tree.is_cut(place) {
            place = tree.parent(place)?;
        }
        if place == Place::ROOT {
            return None;
        }
        tree.cut(place);
    }
    None
}

/// One node, to be read.
#[derive(Clone, Copy)]
struct Reader<'a> {
    tree: &'a Tree,
    place: Place,
    steps: &'a Cell<usize>,
}

impl<'a> Reader<'a> {
    fn go(self, place: Place) -> Result<Self, Fault> {
        self.steps.set(self.steps.get() + 1);
        match self.steps.get() > STEPS_MAX {
            true => Err(Fault::new(Kind::Other("aliases make the file too large".into()))),
            false => Ok(Self { place, ..self }),
        }
    }

    fn value(self) -> &'a Value {
        self.tree.value(self.place)
    }

    fn scalar(self) -> Option<&'a Scalar> {
        self.tree.scalar(self.place)
    }

    fn is_null(self) -> bool {
        self.scalar().is_some_and(Scalar::is_null)
    }

    /// A list; nothing counts as an empty one, so that its items may be commented out.
    fn items(self) -> Option<&'a [Place]> {
        match self.value() {
            Value::List(items) => Some(items),
            _ if self.is_null() => Some(&[]),
            _ => None,
        }
    }

    /// A map; nothing counts as an empty one.
    fn entries(self) -> Option<&'a [(Place, Place)]> {
        match self.value() {
            Value::Map(entries) => Some(entries),
            _ if self.is_null() => Some(&[]),
            _ => None,
        }
    }

    fn visit_items<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.items() {
            Some(items) => visitor.visit_seq(Items { reader: self, rest: items.iter() }),
            None => self.deserialize_any(visitor),
        }
    }

    fn visit_entries<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.entries() {
            Some(entries) => visitor.visit_map(Entries { reader: self, rest: entries.iter(), value: None }),
            None => self.deserialize_any(visitor),
        }
    }

    /// A plain scalar as the number or truth value that it spells; anything else as it is.
    fn visit_parsed<'de, V: Visitor<'de>, P: std::str::FromStr>(
        self,
        visitor: V,
        visit: impl FnOnce(V, P) -> Result<V::Value, Fault>,
    ) -> Result<V::Value, Fault> {
        match self.scalar().filter(|s| s.plain).and_then(|s| s.text.parse().ok()) {
            Some(parsed) => visit(visitor, parsed),
            None => self.deserialize_any(visitor),
        }
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.visit_parsed(visitor, |visitor, parsed| visitor.$visit(parsed))
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value() {
            Value::List(_) => self.visit_items(visitor),
            Value::Map(_) => self.visit_entries(visitor),
            Value::Scalar(scalar) if scalar.is_null() => visitor.visit_unit(),
            Value::Scalar(Scalar { text, plain: true, .. }) => visit_plain(text, visitor),
            Value::Scalar(Scalar { text, .. }) => visitor.visit_str(text),
        }
    }

    parsed!(deserialize_bool visit_bool,
        deserialize_i8 visit_i8, deserialize_i16 visit_i16, deserialize_i32 visit_i32, deserialize_i64 visit_i64,
        deserialize_u8 visit_u8, deserialize_u16 visit_u16, deserialize_u32 visit_u32, deserialize_u64 visit_u64,
        deserialize_f32 visit_f32, deserialize_f64 visit_f64);

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.scalar() {
            // Also what looks like a number: `model: 4` names a model, and no digit of a price is lost.
            Some(scalar) if !scalar.is_null() => visitor.visit_str(&scalar.text),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.is_null() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        match name == LOCATED {
            true => visitor.visit_seq(PlaceAndValue { reader: self, told: 0 }),
            false => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit_items(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.visit_items(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit_entries(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.entries() {
            Some(_) => self.visit_entries(visitor),
            None => Err(de::Error::invalid_type(self.unexpected(), &"struct ")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value() {
            Value::Scalar(scalar) if !scalar.is_null() => visitor.visit_enum(scalar.text.as_str().into_deserializer()),
            Value::Map(entries) if entries.len() == 1 => {
                let (key, value) = entries[0];
                visitor.visit_enum(Variant { reader: self, key, value })
            }
            _ => Err(de::Error::invalid_type(self.unexpected(), &"one of a few words")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { i128 u128 char bytes byte_buf unit unit_struct tuple_struct }
}

impl Reader<'_> {
    fn unexpected(self) -> Unexpected<'static> {
        match self.value() {
            Value::List(_) => Unexpected::Seq,
            Value::Map(_) => Unexpected::Map,
            Value::Scalar(scalar) if scalar.is_null() => Unexpected::Unit,
            Value::Scalar(_) => Unexpected::Str(""),
        }
    }
}

/// YAML's core schema: what a scalar without quotes is, where nothing asks for a type.
fn visit_plain<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Fault> {
    match text {
        "true" | "True" | "TRUE" => return visitor.visit_bool(true),
        "false" | "False" | "FALSE" => return visitor.visit_bool(false),
        _ => {}
    }
    if let Ok(number) = text.parse() {
        return visitor.visit_u64(number);
    }
    if let Ok(number) = text.parse() {
        return visitor.visit_i64(number);
    }
    // Rust also reads `nan` and `infinity` as numbers; YAML does not.
    match text.parse::<f64>().ok().filter(|n| n.is_finite() && text.ends_with(|c: char| c.is_ascii_digit() || c == '.'))
    {
        Some(number) => visitor.visit_f64(number),
        None => visitor.visit_str(text),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::sources::SystemSources;
    use crate::tree::grow;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct All {
        number: u8,
        fraction: f64,
        text: String,
        list: Vec<i32>,
        map: BTreeMap<String, u8>,
        words: Vec<Word>,
        maybe: Option<bool>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    enum Word {
        Bare,
        Carrying(u8),
        Holding { inside: u8 },
    }

    /// What could be read, and where the mistakes were.
    fn all(text: &str) -> (Option<All>, Vec<String>) {
        let (mut tree, slips) = grow(text, &SystemSources);
        assert!(slips.is_empty(), "{slips:?}");
        let mut faults = Vec::new();
        let value = read(&mut tree, |tree, place, _| faults.push(tree.path(place)));
        (value, faults)
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let text = "number: 7\nfraction: 0.5\ntext: 007\nlist: [1, -2]\nmap: {a: 1}\nwords: [bare, carrying: 3, holding: {inside: 4}]\nmaybe: true\n";
        let expected = All {
            number: 7,
            fraction: 0.5,
            text: "007".into(),
            list: vec![1, -2],
            map: BTreeMap::from([("a".into(), 1)]),
            words: vec![Word::Bare, Word::Carrying(3), Word::Holding { inside: 4 }],
            maybe: Some(true),
        };
        assert_eq!(all(text), (Some(expected), Vec::new()));
    }

    #[test]
    fn what_is_right_is_read_and_every_mistake_is_told_once() {
        let text = "number: 300\nfraction: x\nlist: [1, b, 3]\nmap: {a: 1, b: no}\nwords: [bare, carrying: x, holding: {outside: 4}, odd]\nmore: 1\n";
        let (value, faults) = all(text);
        let expected = [
            "number",
            "fraction",
            "list[1]",
            "map.b",
            "words[1].carrying",
            "words[2].holding.outside",
            "words[3]",
            "more",
        ];
        assert_eq!(faults, expected);
        let value = value.expect("enough is left");
        assert_eq!((value.list, value.map.len(), value.words), (vec![1, 3], 1, vec![Word::Bare]));
    }

    #[test]
    fn a_file_that_is_wrong_as_a_whole_is_one_mistake() {
        assert_eq!(all("[1]"), (None, vec![String::new()]));
    }
}
