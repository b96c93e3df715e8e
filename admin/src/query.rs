//! Parameters after the `?`. Unknown ones are refused, and so is one that is there twice.

use std::collections::BTreeMap;

use axum::extract::Query as Pairs;
use http::Uri;

use crate::refusal::{Refusal, cut};

/// How many entries a page of a list has where nothing is said.
const PAGE: usize = 100;
/// And at most.
const PAGE_MAX: usize = 1000;

/// The parameters of one request.
#[derive(Default)]
pub(crate) struct Query(BTreeMap<String, String>);

impl Query {
    pub(crate) fn read(uri: &Uri, known: &[&str]) -> Result<Self, Refusal> {
        let Pairs(pairs) = Pairs::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Refusal::invalid("the query cannot be read", "write it as `name=value&name=value`"))?;
        let mut found = BTreeMap::new();
        for (name, value) in pairs {
            if !known.contains(&name.as_str()) {
                let what = format!("there is no parameter `{}` here", cut(&name));
                return Err(Refusal::invalid(what, remedy(known)));
            }
            if value.contains('\0') {
                return Err(Refusal::invalid(format!("`{name}` holds the character NUL"), "leave it out"));
            }
            if found.insert(name.clone(), value).is_some() {
                return Err(Refusal::invalid(format!("the parameter `{name}` is there twice"), "write it once"));
            }
        }
        Ok(Self(found))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn needed(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name)
            .ok_or_else(|| Refusal::invalid(format!("the parameter `{name}` is missing"), "add it to the query"))
    }

    pub(crate) fn number(&self, name: &'static str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| plain).map(Some).ok_or_else(|| {
            Refusal::invalid(format!("the parameter `{name}` is no whole number"), "write digits and nothing else")
        })
    }

    /// How many entries are asked for.
    pub(crate) fn limit(&self) -> Result<usize, Refusal> {
        match self.number("limit")?.map(usize::try_from) {
            None => Ok(PAGE),
            Some(Ok(limit)) if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
            Some(_) => Err(Refusal::invalid("`limit` is out of bounds", format!("write 1 to {PAGE_MAX}"))),
        }
    }
}

fn remedy(known: &[&str]) -> String {
    if known.is_empty() { "leave the query out".into() } else { format!("the parameters are: {}", known.join(", ")) }
}
