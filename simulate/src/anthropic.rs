//! Anthropic's wire: whole messages, streamed events, errors.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::asked::Asked;

/// A whole message.
pub(crate) fn whole(asked: &Asked, answer: &Answer) -> Value {
    let mut content = Vec::new();
    if let Some(thinking) = &answer.thinking {
        content.push(json!({"type": "thinking", "thinking": thinking, "signature": "c2lnbmVk"}));
    }
    if !answer.pieces.is_empty() {
        content.push(json!({"type": "text", "text": answer.text()}));
    }
    for call in &answer.calls {
        let input: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        content
            .push(json!({"type": "tool_use", "id": format!("toolu_{}", call.id), "name": call.name, "input": input}));
    }
    let mut body = json!({
        "id": format!("msg_{}", answer.id), "type": "message", "role": "assistant", "model": asked.model,
        "content": content, "stop_reason": stop(answer), "stop_sequence": null,
    });
    if answer.reports_usage {
        body["usage"] = usage(asked, answer, answer.output_tokens());
    }
    body
}

fn stop(answer: &Answer) -> &'static str {
    match (answer.is_cut_short, answer.calls.is_empty()) {
        (true, _) => "max_tokens",
        (false, true) => "end_turn",
        (false, false) => "tool_use",
    }
}

/// Input does not include what the cache gave.
fn usage(asked: &Asked, answer: &Answer, output: u64) -> Value {
    json!({
        "input_tokens": asked.prompt_tokens.saturating_sub(asked.cached_tokens), "output_tokens": output,
        "cache_creation_input_tokens": 0, "cache_read_input_tokens": asked.cached_tokens,
        "service_tier": answer.tier.as_deref().unwrap_or("standard"),
    })
}

/// What opens a stream.
pub(crate) fn opening(asked: &Asked, answer: &Answer) -> Vec<String> {
    let mut start = whole(asked, answer);
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    if answer.reports_usage {
        start["usage"] = usage(asked, answer, 1);
    }
    vec![
        event("message_start", &json!({"type": "message_start", "message": start})),
        event("ping", &json!({"type": "ping"})),
    ]
}

/// The rest of a stream, event by event.
pub(crate) fn events(asked: &Asked, answer: &Answer) -> crate::speech::Events {
    let mut content = Vec::new();
    let mut index = 0;
    if let Some(thinking) = &answer.thinking {
        let deltas = vec![
            json!({"type": "thinking_delta", "thinking": thinking}),
            json!({"type": "signature_delta", "signature": "c2lnbmVk"}),
        ];
        block(&mut content, &mut index, json!({"type": "thinking", "thinking": "", "signature": ""}), deltas);
    }
    if !answer.pieces.is_empty() {
        let deltas = answer.pieces.iter().map(|p| json!({"type": "text_delta", "text": p})).collect();
        block(&mut content, &mut index, json!({"type": "text", "text": ""}), deltas);
    }
    for call in &answer.calls {
        let (first, second) = call.arguments.split_at(call.arguments.floor_char_boundary(call.arguments.len() / 2));
        let deltas = ["", first, second].map(|part| json!({"type": "input_json_delta", "partial_json": part})).to_vec();
        let opens = json!({"type": "tool_use", "id": format!("toolu_{}", call.id), "name": call.name, "input": {}});
        block(&mut content, &mut index, opens, deltas);
    }
    let mut delta = json!({"type": "message_delta", "delta": {"stop_reason": stop(answer), "stop_sequence": null}});
    if answer.reports_usage {
        delta["usage"] = usage(asked, answer, answer.output_tokens());
    }
    let closing = vec![event("message_delta", &delta), event("message_stop", &json!({"type": "message_stop"}))];
    crate::speech::Events { content, closing }
}

fn block(content: &mut Vec<String>, index: &mut u32, opens: Value, deltas: Vec<Value>) {
    content.push(event(
        "content_block_start",
        &json!({"type": "content_block_start", "index": index, "content_block": opens}),
    ));
    for delta in deltas {
        content.push(event(
            "content_block_delta",
            &json!({"type": "content_block_delta", "index": index, "delta": delta}),
        ));
    }
    content.push(event("content_block_stop", &json!({"type": "content_block_stop", "index": index})));
    *index += 1;
}

fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// An error body.
pub(crate) fn error(status: u16, message: &str) -> Value {
    let kind = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_simulated"})
}

/// An error in place of an event.
pub(crate) fn error_event() -> String {
    event("error", &error(529, "Overloaded"))
}
