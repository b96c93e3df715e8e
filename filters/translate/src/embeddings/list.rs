//! OpenAI's list of embeddings: read, and written for those that answer otherwise.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_api::{Usage, UsageSource};

use super::Wants;
use super::vectors::Encoding;
use crate::dialect::{Dialect, Garbage};
use crate::object::span_in;
use crate::patch::{Patch, Patches, apply};

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    embedding: &'a RawValue,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Embedding>,
    model: &'a str,
    usage: Counts,
}

#[derive(Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Box<RawValue>,
}

#[derive(Serialize)]
struct Counts {
    prompt_tokens: u64,
    total_tokens: u64,
}

/// An answer in OpenAI's words: its own bytes, but for vectors in the other encoding than the
/// client's.
pub(super) fn answer(body: Bytes, wants: &Wants) -> Result<(Bytes, Option<Usage>), Garbage> {
    let usage = Dialect::OpenAi.usage(&body);
    let recoded = recoded(&body, wants.encoding)?;
    Ok((recoded.map_or(body, Bytes::from), usage))
}

/// The body with all its vectors in this encoding; `None` where they are in it as they stand.
fn recoded(body: &[u8], encoding: Option<Encoding>) -> Result<Option<Vec<u8>>, Garbage> {
    let text = std::str::from_utf8(body).map_err(|_| Garbage("the body is not UTF-8".into()))?;
    let Answer { data } = serde_json::from_str(text).map_err(|error| garbage(&error))?;
    let mut patches = Patches::new();
    for Item { embedding } in data {
        let found = Encoding::found(embedding)?;
        let encoding = encoding.unwrap_or(found);
        if encoding != found {
            patches.push(Patch::replace(span_in(text, embedding.get()), encoding.write(embedding)?));
        }
    }
    Ok(if patches.is_empty() { None } else { Some(apply(body, patches)) })
}

/// These vectors as OpenAI's list, in the order in which they were asked for.
pub(super) fn written(
    vectors: &[&RawValue],
    tokens: Option<u64>,
    wants: &Wants,
) -> Result<(Bytes, Option<Usage>), Garbage> {
    let encoding = wants.encoding.unwrap_or(Encoding::Float);
    let embedding = |(index, vector): (usize, &&RawValue)| -> Result<Embedding, Garbage> {
        let embedding = RawValue::from_string(encoding.write(vector)?.into_owned());
        let embedding = embedding.map_err(|error| garbage(&error))?;
        Ok(Embedding { object: "embedding", index, embedding })
    };
    let shown = tokens.unwrap_or(wants.estimate);
    let list = List {
        object: "list",
        data: vectors.iter().enumerate().map(embedding).collect::<Result<_, _>>()?,
        model: &wants.model,
        usage: Counts { prompt_tokens: shown, total_tokens: shown },
    };
    let body = serde_json::to_vec(&list).map_err(|error| garbage(&error))?;
    let usage = tokens.map(|input| Usage { input, source: UsageSource::Reported, ..Usage::default() });
    Ok((body.into(), usage))
}

/// What was wrong, without the body.
pub(super) fn garbage(error: &serde_json::Error) -> Garbage {
    let not = if error.is_data() { "not a list of embeddings" } else { "not JSON" };
    Garbage(format!("the body is {not} at line {}, column {}", error.line(), error.column()))
}
