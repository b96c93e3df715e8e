//! Gemini's `batchEmbedContents`.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_api::{Code, Refusal, Usage};

use super::asked::Asked;
use super::{Wants, list};
use crate::dialect::Garbage;
use crate::json::Count;

#[derive(Serialize)]
struct Batch<'a> {
    requests: Vec<One<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One<'a> {
    model: &'a str,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u64>,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: [Part<'a>; 1],
}

#[derive(Serialize)]
struct Part<'a> {
    text: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    embeddings: Vec<Vector<'a>>,
    usage_metadata: Option<Counts>,
}

#[derive(Deserialize)]
struct Vector<'a> {
    #[serde(borrow)]
    values: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    prompt_token_count: Option<Count>,
}

/// Each text as a request of its own within the batch.
pub(super) fn request(asked: &Asked, model: &str) -> Result<Vec<u8>, Refusal> {
    let model = if model.starts_with("models/") { Cow::Borrowed(model) } else { Cow::Owned(format!("models/{model}")) };
    let requests = asked.texts.iter().map(|text| One {
        model: &model,
        content: Content { parts: [Part { text }] },
        task_type: asked.task.as_deref(),
        output_dimensionality: asked.dimensions,
    });
    serde_json::to_vec(&Batch { requests: requests.collect() })
        .map_err(|_| Refusal::new(Code::Internal, "The request could not be written."))
}

/// Its answer as OpenAI's list. Most answers do not say how many tokens were read.
pub(super) fn answer(body: &[u8], wants: &Wants) -> Result<(Bytes, Option<Usage>), Garbage> {
    let Answer { embeddings, usage_metadata } = serde_json::from_slice(body).map_err(|error| list::garbage(&error))?;
    let vectors: Vec<_> = embeddings.iter().map(|vector| vector.values).collect();
    let tokens = usage_metadata.and_then(|counts| counts.prompt_token_count).map(|count| count.0);
    list::written(&vectors, tokens, wants)
}
