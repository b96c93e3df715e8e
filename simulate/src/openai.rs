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
        "service_tier": "default", "system_fingerprint": null,
    });
    if answer.reports_usage {
        body["usage"] = usage(asked, answer);
    }
    body
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

/// A stream, event by event: what opens it, its content, what closes it.
pub(crate) fn events(asked: &Asked, answer: &Answer) -> crate::service::Events {
    let chunk = |delta: Value, finish: Value| {
        let mut chunk = json!({
            "id": format!("chatcmpl-{}", answer.id), "object": "chat.completion.chunk", "created": CREATED,
            "model": asked.model, "service_tier": "default", "system_fingerprint": null,
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}],
        });
        if asked.include_usage {
            chunk["usage"] = Value::Null;
        }
        data(&chunk)
    };
    let opening = vec![chunk(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null)];
    let mut content: Vec<String> = answer.pieces.iter().map(|p| chunk(json!({"content": p}), Value::Null)).collect();
    for (index, call) in answer.calls.iter().enumerate() {
        let start = json!({"tool_calls": [{"index": index, "id": format!("call_{}", call.id), "type": "function", "function": {"name": call.name, "arguments": ""}}]});
        content.push(chunk(start, Value::Null));
        let (first, second) = call.arguments.split_at(call.arguments.floor_char_boundary(call.arguments.len() / 2));
        for part in [first, second] {
            content
                .push(chunk(json!({"tool_calls": [{"index": index, "function": {"arguments": part}}]}), Value::Null));
        }
    }
    let mut closing = vec![chunk(json!({}), json!(finish(answer)))];
    if asked.include_usage && answer.reports_usage {
        closing.push(data(&json!({
            "id": format!("chatcmpl-{}", answer.id), "object": "chat.completion.chunk", "created": CREATED,
            "model": asked.model, "service_tier": "default", "system_fingerprint": null,
            "choices": [], "usage": usage(asked, answer),
        })));
    }
    closing.push("data: [DONE]\n\n".into());
    crate::service::Events { opening, content, closing }
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

/// An error in place of an event.
pub(crate) fn error_event() -> String {
    data(&error(500, "The server had an error while processing your request"))
}
