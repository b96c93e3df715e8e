//! What a vendor has beside conversations: vectors, pictures, speech, files. Faithful to the shapes of
//! OpenAI's wire, and made of what came: a test sees in the answer what arrived.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use serde_json::{Value, json};

/// An answer: its type and its bytes.
pub(crate) type Answer = (&'static str, Bytes);

const CREATED: u64 = 1_790_000_000;

/// Answers a path that is no conversation; `None` where there is nothing.
pub(crate) fn answer(method: &Method, path: &str, headers: &HeaderMap, body: &Bytes) -> Option<Answer> {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let json = |value: Value| Some(("application/json", Bytes::from(value.to_string())));
    let first = path.strip_prefix("/v1/")?.split('/').next().unwrap_or_default();
    match (method, path) {
        (&Method::POST, "/v1/embeddings") => json(embeddings(&asked)),
        (&Method::POST, "/v1/messages/count_tokens") => json(json!({"input_tokens": body.len() / 4})),
        (&Method::POST, "/v1/images/generations") => json(image(&asked)),
        (&Method::POST, "/v1/audio/speech") => Some(("audio/mpeg", Bytes::from_static(b"ID3\x04\0\0simulated"))),
        (&Method::POST, "/v1/audio/transcriptions") => json(json!({
            "text": format!("{} bytes by {}", body.len(), field(body, "model").unwrap_or_default()),
            "usage": {"type": "duration", "seconds": 3},
        })),
        (&Method::POST, "/v1/moderations") => json(json!({
            "id": "modr-1", "model": asked["model"], "results": [{"flagged": false, "categories": {}, "category_scores": {}}],
        })),
        _ if ["files", "batches", "uploads"].contains(&first) => json(json!({
            "object": first, "method": method.as_str(), "path": path, "bytes": body.len(),
            "content_type": headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()),
        })),
        _ => None,
    }
}

fn embeddings(asked: &Value) -> Value {
    let inputs = match &asked["input"] {
        Value::Array(list) if list.iter().all(|one| one.is_string() || one.is_array()) => list.clone(),
        one => vec![one.clone()],
    };
    let dimensions = asked["dimensions"].as_u64().unwrap_or(4);
    let tokens: usize = inputs.iter().map(|input| input.to_string().len().div_ceil(4)).sum();
    let vector = |input: &Value| -> Vec<f32> {
        let seed = input.to_string().bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        // Sixteenths have an exact form both as text and as bytes.
        (0..dimensions).map(|n| f32::from(((seed >> (n % 16)) & 15) as u8) / 16.0).collect()
    };
    let spelled = |vector: Vec<f32>| match asked["encoding_format"].as_str() {
        Some("base64") => Value::from(STANDARD.encode(vector.iter().flat_map(|f| f.to_le_bytes()).collect::<Vec<_>>())),
        _ => Value::from(vector),
    };
    let item = |(index, input): (usize, &Value)| json!({"object": "embedding", "index": index, "embedding": spelled(vector(input))});
    json!({
        "object": "list", "model": asked["model"], "data": inputs.iter().enumerate().map(item).collect::<Vec<_>>(),
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    })
}

fn image(asked: &Value) -> Value {
    json!({
        "created": CREATED, "data": [{"b64_json": "iVBORw0KGgo="}], "model": asked["model"],
        "usage": {"input_tokens": 10, "output_tokens": 100, "total_tokens": 110},
    })
}

/// A field of a form.
fn field(form: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(form);
    let (_, rest) = text.split_once(&format!("name=\"{name}\""))?;
    let (_, rest) = rest.split_once("\r\n\r\n")?;
    Some(rest.split_once("\r\n")?.0.to_owned())
}
