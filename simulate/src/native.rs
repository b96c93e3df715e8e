//! What a vendor has beside conversations: vectors, pictures, speech, files, and Amazon's `InvokeModel`. Faithful
//! to the shapes of the wire, and made of what came: a test sees in the answer what arrived.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use serde_json::{Value, json};

use crate::bedrock;

/// An answer: its type, further headers, and its bytes.
pub(crate) struct Answer {
    pub(crate) kind: &'static str,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: Bytes,
}

impl Answer {
    fn of(kind: &'static str, body: impl Into<Bytes>) -> Self {
        Self { kind, headers: &[], body: body.into() }
    }
}

/// What is stored at a vendor, by the first word of the path.
const STORED: [&str; 6] = ["batches", "conversations", "files", "messages", "responses", "uploads"];
const CREATED: u64 = 1_790_000_000;

/// Answers a path that is no conversation; `None` where there is nothing.
pub(crate) fn answer(method: &Method, path: &str, headers: &HeaderMap, body: &Bytes) -> Option<Answer> {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let json = |value: Value| Some(Answer::of("application/json", value.to_string()));
    if let Some((_, verb)) = path.strip_prefix("/model/").and_then(|rest| rest.rsplit_once('/')) {
        return bedrock::invoked(method, verb, headers, &asked);
    }
    let first = path.strip_prefix("/v1/")?.split('/').next().unwrap_or_default();
    match (method, path) {
        (&Method::POST, "/v1/embeddings") => json(embeddings(&asked)),
        (&Method::POST, "/v1/messages/count_tokens") => json(json!({"input_tokens": body.len() / 4})),
        (&Method::POST, "/v1/images/generations") if asked["stream"] == true => {
            Some(Answer::of("text/event-stream", pictures(&asked)))
        }
        (&Method::POST, "/v1/images/generations") => json(image(&asked)),
        (&Method::POST, "/v1/audio/speech") => Some(Answer::of("audio/mpeg", &b"ID3\x04\0\0simulated"[..])),
        (&Method::POST, "/v1/audio/transcriptions") => json(json!({
            "text": format!("{} bytes by {}", body.len(), field(body, "model").unwrap_or_default()),
            "usage": {"type": "duration", "seconds": 3},
        })),
        (&Method::POST, "/v1/moderations") => json(json!({
            "id": "modr-1", "model": asked["model"], "results": [{"flagged": false, "categories": {}, "category_scores": {}}],
        })),
        _ if STORED.contains(&first) && path != "/v1/responses" && path != "/v1/messages" => json(json!({
            "object": first, "method": method.as_str(), "path": path, "bytes": body.len(),
            "content_type": headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()),
            "usage": {"input_tokens": 7, "output_tokens": 7, "total_tokens": 14},
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
        "created": CREATED, "data": [{"b64_json": picture(asked)}], "model": asked["model"], "usage": painted(),
    })
}

/// The same, streamed: a first sketch, and the whole.
fn pictures(asked: &Value) -> String {
    let event = |kind: &str, event: Value| format!("event: {kind}\ndata: {event}\n\n");
    let kinds = ["image_generation.partial_image", "image_generation.completed"];
    let picture = picture(asked);
    event(kinds[0], json!({"type": kinds[0], "partial_image_index": 0, "b64_json": picture}))
        + &event(kinds[1], json!({"type": kinds[1], "b64_json": picture, "usage": painted()}))
}

/// A byte for each pixel that is asked for; a few where none are.
fn picture(asked: &Value) -> String {
    let size = asked["size"].as_str().and_then(|size| size.split_once('x'));
    let pixels = size.and_then(|(w, h)| Some(w.parse::<usize>().ok()?.min(4096) * h.parse::<usize>().ok()?.min(4096)));
    STANDARD.encode(vec![b'.'; pixels.unwrap_or(8)])
}

fn painted() -> Value {
    json!({"input_tokens": 10, "output_tokens": 100, "total_tokens": 110})
}

/// A field of a form.
fn field(form: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(form);
    let (_, rest) = text.split_once(&format!("name=\"{name}\""))?;
    let (_, rest) = rest.split_once("\r\n\r\n")?;
    Some(rest.split_once("\r\n")?.0.to_owned())
}
