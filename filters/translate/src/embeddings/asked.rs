//! A request for embeddings, read for those who do not speak OpenAI's words.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::{Edit, Refusal};

use super::vectors::Encoding;
use crate::json::{Object, Text, invalid, read, unsupported};

/// What is asked.
pub(super) struct Asked {
    /// What to embed, in order.
    pub(super) texts: Vec<String>,
    /// How long the vectors are to be.
    pub(super) dimensions: Option<u64>,
    /// What the vectors are for, in Google's word (`RETRIEVAL_QUERY`), which its clients add.
    pub(super) task: Option<String>,
    /// The same in Cohere's (`search_query`).
    pub(super) input_type: Option<String>,
}

impl Asked {
    /// Reads a request, with the edits that filters asked for.
    pub(super) fn read(body: &[u8], edits: &[Edit]) -> Result<Self, Refusal> {
        let mut object = Object::parse(body)?;
        object.apply(edits)?;
        let input: &RawValue = object.take("input")?.ok_or_else(|| invalid("input", "is missing"))?;
        if object.take::<Text<'_>>("encoding_format")?.is_some_and(|word| Encoding::of(&word.0).is_none()) {
            return Err(invalid("encoding_format", "must be `float` or `base64`"));
        }
        Ok(Self {
            texts: texts(input)?,
            dimensions: object.take("dimensions")?,
            task: object.take("task_type")?,
            input_type: object.take("input_type")?,
        })
    }
}

/// The texts of an input: one, or a list of them. Tokens are numbers of one tokenizer, and mean
/// nothing to the models of another vendor.
fn texts(input: &RawValue) -> Result<Vec<String>, Refusal> {
    if !input.get().starts_with('[') {
        return Ok(vec![read(input, || "input".into())?]);
    }
    let list: Vec<&RawValue> = read(input, || "input".into())?;
    if list.is_empty() {
        return Err(invalid("input", "is empty"));
    }
    let one = |(i, raw): (usize, &&RawValue)| match raw.get().as_bytes().first() {
        Some(b'"') => read(raw, || format!("input[{i}]")),
        Some(b'[' | b'-' | b'0'..=b'9') => {
            Err(unsupported("input", "holds tokens, and this upstream takes text alone: send the text itself"))
        }
        _ => Err(invalid(&format!("input[{i}]"), "must be a text")),
    };
    list.iter().enumerate().map(one).collect()
}

/// The encoding that a request asks for: floats, unless it says otherwise.
pub(super) fn encoding(body: &[u8]) -> Option<Encoding> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        encoding_format: Option<Text<'a>>,
    }
    match serde_json::from_slice::<Body<'_>>(body).ok()?.encoding_format {
        Some(word) => Encoding::of(&word.0),
        None => Some(Encoding::Float),
    }
}
