//! The members of one object, each taken out by its camelCase name, however the client spelled it.
//!
//! Google takes `maxOutputTokens` and `max_output_tokens` alike.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::Refusal;

use crate::json::{self, Json};

/// The members that were not taken yet.
pub(super) struct Fields<'a> {
    path: String,
    members: BTreeMap<String, &'a RawValue>,
}

impl<'a> Fields<'a> {
    /// Reads an object; `path` names it in refusals.
    pub(super) fn read(raw: &'a RawValue, path: &str) -> Result<Self, Refusal> {
        let members: BTreeMap<String, &RawValue> = json::read(raw, || path.to_owned())?;
        let members = members.into_iter().map(|(name, raw)| (camel(&name), raw)).collect();
        Ok(Self { path: path.to_owned(), members })
    }

    /// Takes a member out; `null` counts as absent.
    pub(super) fn take<T: Deserialize<'a>>(&mut self, name: &str) -> Result<Option<T>, Refusal> {
        match self.members.remove(name) {
            Some(raw) => json::read(raw, || self.path_of(name)),
            None => Ok(None),
        }
    }

    /// Takes an object out, its own members unread.
    pub(super) fn take_fields(&mut self, name: &str) -> Result<Option<Self>, Refusal> {
        let raw: Option<&RawValue> = self.take(name)?;
        raw.map(|raw| Self::read(raw, &self.path_of(name))).transpose()
    }

    /// What is left, `null`s dropped.
    pub(super) fn rest(self) -> BTreeMap<String, &'a RawValue> {
        self.members.into_iter().filter(|(_, raw)| raw.get() != "null").collect()
    }

    /// What is left as an object, if anything is.
    pub(super) fn rest_as_object(self) -> Option<Json> {
        let rest = self.rest();
        let text = serde_json::to_string(&rest).ok().filter(|_| !rest.is_empty())?;
        Json::parse(&text)
    }

    fn path_of(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }
}

/// `max_output_tokens` as `maxOutputTokens`; what is camelCase already stays as it is.
pub(super) fn camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut raise = false;
    for c in name.chars() {
        match c {
            '_' if !camel.is_empty() => raise = true,
            c => {
                camel.push(if raise { c.to_ascii_uppercase() } else { c });
                raise = false;
            }
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_member_are_one() {
        for (name, as_camel) in [
            ("max_output_tokens", "maxOutputTokens"),
            ("maxOutputTokens", "maxOutputTokens"),
            ("seed", "seed"),
            ("_responseJsonSchema", "_responseJsonSchema"),
            ("", ""),
        ] {
            assert_eq!(camel(name), as_camel);
        }
    }

    #[test]
    fn what_is_left_is_an_object_without_its_nulls() {
        let raw = serde_json::from_str(r#"{"a":1,"b_c":null,"d_e":[1.50]}"#).expect("JSON");
        let mut fields = Fields::read(raw, "x").expect("an object");
        assert_eq!(fields.take::<u8>("a"), Ok(Some(1)));
        assert_eq!(fields.rest_as_object().expect("something").text(), r#"{"dE":[1.50]}"#);
    }
}
