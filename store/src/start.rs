//! `start_within` as its text, on the wire and in the database.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};
use tollgate_api::StartWithin;

pub(crate) fn serialize<S: Serializer>(start: &Option<StartWithin>, to: S) -> Result<S::Ok, S::Error> {
    match start {
        Some(start) => to.collect_str(start),
        None => to.serialize_none(),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<StartWithin>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
}
