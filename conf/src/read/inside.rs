//! What is inside lists, maps and words that carry more, one piece at a time, as serde asks for it.
//!
//! Here a fault learns where it is: each piece that it passes on its way out offers its place.

use serde::de::value::{StrDeserializer, UsizeDeserializer};
use serde::de::{DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::Reader;
use crate::fault::{Fault, Kind};
use crate::tree::Place;

/// The items of a list, without what was cut.
pub(super) struct Items<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) rest: std::slice::Iter<'a, Place>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let tree = self.reader.tree;
        let Some(place) = self.rest.find(|place| !tree.is_cut(**place)) else { return Ok(None) };
        let item = self.reader.go(*place)?;
        seed.deserialize(item).map(Some).map_err(|fault| fault.at(*place))
    }
}

/// The entries of a map, without what was cut.
pub(super) struct Entries<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) rest: std::slice::Iter<'a, (Place, Place)>,
    pub(super) value: Option<Place>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let tree = self.reader.tree;
        let Some((key, value)) = self.rest.find(|(key, value)| !tree.is_cut(*key) && !tree.is_cut(*value)) else {
            return Ok(None);
        };
        self.value = Some(*value);
        let key_reader = self.reader.go(*key)?;
        seed.deserialize(key_reader).map(Some).map_err(|fault| fault.at(*key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let place = self.value.take().ok_or_else(|| Fault::new(Kind::Other("a value was asked for twice".into())))?;
        let value = self.reader.go(place)?;
        seed.deserialize(value).map_err(|fault| fault.at(place))
    }
}

/// `word: value`, where a word may carry more.
pub(super) struct Variant<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) key: Place,
    pub(super) value: Place,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Fault;
    type Variant = Carried<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Carried<'a>), Fault> {
        let word = self.reader.tree.scalar(self.key).map_or("", |scalar| &scalar.text);
        let word: StrDeserializer<'_, Fault> = word.into_deserializer();
        let word = seed.deserialize(word).map_err(|fault| fault.at(self.key))?;
        Ok((word, Carried(self.reader.go(self.value)?)))
    }
}

/// What a word carries.
pub(super) struct Carried<'a>(Reader<'a>);

impl<'de> VariantAccess<'de> for Carried<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.0.is_null() {
            true => Ok(()),
            false => Err(Fault::new(Kind::Type { expected: "nothing".into(), found: "a value" }).at(self.0.place)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.0).map_err(|fault| fault.at(self.0.place))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.0.visit_items(visitor).map_err(|fault| fault.at(self.0.place))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.0.visit_entries(visitor).map_err(|fault| fault.at(self.0.place))
    }
}

/// What a `Located` asks for: where it is, then what it is.
pub(super) struct PlaceAndValue<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) told: usize,
}

impl<'de> SeqAccess<'de> for PlaceAndValue<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.told += 1;
        match self.told {
            1 => {
                let place: UsizeDeserializer<Fault> = self.reader.place.0.into_deserializer();
                seed.deserialize(place).map(Some)
            }
            2 => seed.deserialize(self.reader).map(Some),
            _ => Ok(None),
        }
    }
}
