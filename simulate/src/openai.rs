//! OpenAI's wire: whole answers, streamed chunks, errors.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::asked::Asked;

const CREATED: u64 = 1_790_000_000;

/// A whole answer.
pub(crate) fn whole(asked: &Asked, answer: &Answer) -> Value {
    let mut message = json!({"role": "assistant", "content": answer.text(), "refusal": null, "annotations": []});
    if !answer.calls.is_empty() {
        message["content"] = Value::Null;
        let call = |c: &crate::answer::Call| json!({"id": format!("call_{}", c.id), "type": "function", "function": {"name": c.name, "arguments": c.arguments}});
        message["tool_calls"] = answer.calls.iter().map(call).collect();
    }
    let mut body = json!({
        "id": format!("chatcmpl-{}", answer.id), "object": "chat.completion", "created": CREATED, "model": asked.model,
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish(answer)}],
        "service_tier": tier(answer), "system_fingerprint": null,
    });
    if answer.reports_usage {
        body["usage"] = usage(asked, answer);
    }
    body
}

fn tier(answer: &Answer) -> &str {
    answer.tier.as_deref().unwrap_or("default")
}

fn finish(answer: &Answer) -> &'static str {
    match (answer.is_cut_short, answer.calls.is_empty()) {
        (true, _) => "length",
        (false, true) => "stop",
        (false, false) => "tool_calls",
    }
}

fn usage(asked: &Asked, answer: &Answer) -> Value {
    let (input, output) = (asked.prompt_tokens, answer.output_tokens());
    json!({
        "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    })
}

/// What opens a stream.
pub(crate) fn opening(asked: &Asked, answer: &Answer) -> Vec<String> {
    vec![chunk(asked, answer, json!({"role": "assistant", "content": "", "refusal": null}), Value::Null)]
}

/// The rest of a stream, event by event.
pub(crate) fn events(asked: &Asked, answer: &Answer) -> crate::speech::Events {
    let say = |delta: Value| chunk(asked, answer, delta, Value::Null);
    let mut content: Vec<String> = answer.pieces.iter().map(|p| say(json!({"content": p}))).collect();
    for (index, call) in answer.calls.iter().enumerate() {
        let function = json!({"name": call.name, "arguments": ""});
        let id = format!("call_{}", call.id);
        content
            .push(say(json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]})));
        let (first, second) = call.arguments.split_at(call.arguments.floor_char_boundary(call.arguments.len() / 2));
        for part in [first, second] {
            content.push(say(json!({"tool_calls": [{"index": index, "function": {"arguments": part}}]})));
        }
    }
    let mut closing = vec![chunk(asked, answer, json!({}), json!(finish(answer)))];
    if asked.include_usage && answer.reports_usage {
        closing.push(data(&json!({
            "id": format!("chatcmpl-{}", answer.id), "object": "chat.completion.chunk", "created": CREATED,
            "model": asked.model, "service_tier": tier(answer), "system_fingerprint": null,
            "choices": [], "usage": usage(asked, answer),
        })));
    }
    closing.push("data: [DONE]\n\n".into());
    crate::speech::Events { content, closing }
}

fn chunk(asked: &Asked, answer: &Answer, delta: Value, finish: Value) -> String {
    let mut chunk = json!({
        "id": format!("chatcmpl-{}", answer.id), "object": "chat.completion.chunk", "created": CREATED,
        "model": asked.model, "service_tier": tier(answer), "system_fingerprint": null,
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}],
    });
    if asked.include_usage {
        chunk["usage"] = Value::Null;
    }
    data(&chunk)
}

fn data(chunk: &Value) -> String {
    format!("data: {chunk}\n\n")
}

/// An error body.
pub(crate) fn error(status: u16, message: &str) -> Value {
    let (kind, code) = match status {
        400 => ("invalid_request_error", Value::Null),
        401 => ("invalid_request_error", json!("invalid_api_key")),
        404 => ("invalid_request_error", json!("model_not_found")),
        429 => ("requests", json!("rate_limit_exceeded")),
        _ => ("server_error", Value::Null),
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// The refusal of a service tier that a model does not have.
pub(crate) fn no_such_tier(tier: &str) -> Value {
    let message = format!("Invalid service_tier argument: '{tier}' is not supported by this model.");
    let (kind, code) = ("invalid_request_error", "invalid_service_tier");
    json!({"error": {"message": message, "type": kind, "param": "service_tier", "code": code}})
}

/// The refusal of a flex request that there is no capacity for.
pub(crate) fn flex_full() -> Value {
    let kind = "resource_unavailable";
    json!({"error": {"message": "Resource unavailable", "type": kind, "param": null, "code": kind}})
}

/// An error in place of an event.
pub(crate) fn error_event() -> String {
    data(&error(500, "The server had an error while processing your request"))
}
