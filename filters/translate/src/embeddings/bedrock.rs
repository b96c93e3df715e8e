//! Embeddings by Amazon's `InvokeModel`, whose body is that of the model's maker: Amazon's own
//! Titan, and Cohere.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_api::{Code, Refusal, Usage};

use super::asked::Asked;
use super::{Wants, list};
use crate::dialect::Garbage;
use crate::json::{Count, unsupported};
use crate::losses::Losses;

/// What Cohere must be told, where the client does not say what the vectors are for.
const INPUT_TYPE: &str = "search_document";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Titan<'a> {
    input_text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u64>,
}

#[derive(Serialize)]
struct Cohere<'a> {
    texts: &'a [String],
    input_type: &'a str,
    embedding_types: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimension: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    /// Titan's one.
    #[serde(borrow)]
    embedding: Option<&'a RawValue>,
    input_text_token_count: Option<Count>,
    /// Cohere's.
    #[serde(borrow)]
    embeddings: Option<&'a RawValue>,
}

/// By type where types were asked for, and a bare list from older models.
#[derive(Deserialize)]
struct ByType<'a> {
    #[serde(borrow)]
    float: Vec<&'a RawValue>,
}

/// The body for the maker of this model.
pub(super) fn request(asked: &Asked, model: &str, losses: &mut Losses) -> Result<Vec<u8>, Refusal> {
    let unwritten = |_| Refusal::new(Code::Internal, "The request could not be written.");
    if model.contains("cohere.embed") {
        let dimension = output_dimension(asked, model, losses)?;
        let input_type = asked.input_type.as_deref().unwrap_or(INPUT_TYPE);
        let (texts, embedding_types) = (asked.texts.as_slice(), ["float"]);
        let body = Cohere { texts, input_type, embedding_types, output_dimension: dimension };
        return serde_json::to_vec(&body).map_err(unwritten);
    }
    if !model.contains("titan-embed") {
        return Err(unsupported("model", "is none at Amazon that embeds text and is known here"));
    }
    match &asked.texts[..] {
        [text] => serde_json::to_vec(&Titan { input_text: text, dimensions: asked.dimensions }).map_err(unwritten),
        _ => Err(unsupported("input", "must be one text: Amazon's Titan embeds one at a time")),
    }
}

/// The length of Cohere's vectors, which only its later models let one choose.
fn output_dimension(asked: &Asked, model: &str, losses: &mut Losses) -> Result<Option<u64>, Refusal> {
    match asked.dimensions {
        Some(_) if model.contains("-v3") => {
            losses.lose("dimensions", "cannot be chosen for this model of Cohere's").map(|()| None)
        }
        dimensions => Ok(dimensions),
    }
}

/// The answer as OpenAI's list. Cohere's says in a header alone how many tokens were read.
pub(super) fn answer(body: &[u8], wants: &Wants) -> Result<(Bytes, Option<Usage>), Garbage> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|error| list::garbage(&error))?;
    let tokens = answer.input_text_token_count.map(|count| count.0);
    let vectors = match (answer.embedding, answer.embeddings) {
        (Some(one), _) => vec![one],
        (None, Some(all)) => many(all)?,
        (None, None) => return Err(Garbage("the body is JSON, but has no embeddings".into())),
    };
    list::written(&vectors, tokens, wants)
}

fn many(all: &RawValue) -> Result<Vec<&RawValue>, Garbage> {
    let list = if all.get().starts_with('{') {
        serde_json::from_str::<ByType<'_>>(all.get()).map(|by| by.float)
    } else {
        serde_json::from_str(all.get())
    };
    list.map_err(|error| list::garbage(&error))
}
