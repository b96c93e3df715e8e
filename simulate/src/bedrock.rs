//! Amazon's `InvokeModel`, whole and streamed, with a model of Anthropic's behind it: the body is the model's own,
//! the counts are Amazon's.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::native::Answer;

/// Amazon's counts of a whole answer, and what it says of a guardrail that was asked for.
const COUNTS: &[(&str, &str)] = &[
    ("x-amzn-bedrock-input-token-count", "11"),
    ("x-amzn-bedrock-output-token-count", "22"),
    ("x-amzn-bedrock-cache-read-input-token-count", "3"),
    ("x-amzn-bedrock-cache-write-input-token-count", "0"),
    ("x-amzn-requestid", "simulated"),
];

/// Answers `invoke` and `invoke-with-response-stream`; the text is the guardrail that came, or none.
pub(crate) fn invoked(method: &Method, verb: &str, headers: &HeaderMap, asked: &Value) -> Option<Answer> {
    let guarded = headers.get("x-amzn-bedrock-guardrailidentifier").and_then(|value| value.to_str().ok());
    let text = guarded.unwrap_or("unguarded");
    let is_anthropics = asked["anthropic_version"].is_string();
    match verb {
        "invoke" if *method == Method::POST => {
            let body = match is_anthropics {
                true => json!({"type": "message", "content": [{"type": "text", "text": text}], "usage": begun()}),
                false => json!({"generation": text}),
            };
            Some(Answer { kind: "application/json", headers: COUNTS, body: body.to_string().into() })
        }
        "invoke-with-response-stream" if *method == Method::POST => {
            let kind = "application/vnd.amazon.eventstream";
            Some(Answer { kind, headers: &[("x-amzn-requestid", "simulated")], body: stream(text).into() })
        }
        _ => None,
    }
}

fn begun() -> Value {
    json!({"input_tokens": 11, "output_tokens": 22, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 0})
}

fn stream(text: &str) -> Vec<u8> {
    let metrics = json!({
        "inputTokenCount": 11, "outputTokenCount": 22, "invocationLatency": 900, "firstByteLatency": 90,
        "cacheReadInputTokenCount": 3, "cacheWriteInputTokenCount": 0,
    });
    let chunks = [
        json!({"type": "message_start", "message": {"usage": begun()}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        json!({"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}),
    ];
    let mut out = Vec::new();
    for chunk in chunks {
        let wrapped = json!({"bytes": STANDARD.encode(chunk.to_string()), "p": "abcdef"}).to_string();
        let header = |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
        let message = [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")]
            .into_iter()
            .fold(Message::new(wrapped), |message, (name, value)| message.add_header(header(name, value)));
        write_message_to(&message, &mut out).expect("the frame is short");
    }
    out
}
