//! A strict reader of Responses streams, as the official SDKs gather them: what it takes, they take.

use crate::said;
use serde_json::{Value, json};
use tollgate_api::{Address, Call, Event, Surface};
use tollgate_translate::{AnswerHead, Dialect, request};

/// A streamed call with these tools.
pub(crate) fn call(tools: &Value) -> Call {
    let body = json!({"model": "m", "input": "hi", "stream": true, "tools": tools});
    request::read(&Address::of(Surface::Responses), body.to_string().into()).expect("a call")
}

pub(crate) fn head() -> AnswerHead {
    AnswerHead { id: "resp_1".into(), model: "m".into(), created: 1 }
}

/// The events as a stream, which is read strictly on the way.
pub(crate) fn streamed(events: &[Event], call: &Call) -> Vec<Value> {
    let (mut encoder, mut bytes) = (Dialect::Responses.encoder(&head(), call), Vec::new());
    events.iter().for_each(|event| encoder.event(event, None, &mut bytes));
    let payloads = payloads(&String::from_utf8(bytes).expect("UTF-8"));
    gather(&payloads);
    payloads
}

/// What a decoder makes of these payloads.
pub(crate) fn decoded(payloads: &[Value]) -> Vec<Event> {
    let (mut decoder, mut events) = (Dialect::Responses.decoder(), Vec::new());
    for payload in payloads {
        decoder.event(None, &payload.to_string(), &mut events).expect("our own stream");
    }
    events
}

/// The payloads of a stream, each under the name that it says itself.
pub(crate) fn payloads(stream: &str) -> Vec<Value> {
    let events = stream.split_terminator("\n\n").map(|event| {
        let (name, data) = event.split_once('\n').expect("two lines");
        let data = data.strip_prefix("data: ").expect("data");
        let payload: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(name.strip_prefix("event: "), payload["type"].as_str());
        payload
    });
    events.collect()
}

/// Gathers a stream into its last `response`, which must say what the events before it said.
pub(crate) fn gather(payloads: &[Value]) -> Value {
    let kinds = payloads.iter().map(|payload| payload["type"].as_str().expect("a type"));
    assert_eq!(kinds.take(2).collect::<Vec<_>>(), ["response.created", "response.in_progress"]);
    let (mut items, mut done): (Vec<Value>, Vec<bool>) = (Vec::new(), Vec::new());
    for (number, payload) in payloads.iter().enumerate() {
        assert_eq!(payload["sequence_number"], number, "{payload}");
        let index = payload["output_index"].as_u64().and_then(|index| usize::try_from(index).ok());
        match (payload["type"].as_str().expect("a type"), index) {
            ("response.output_item.added", Some(index)) => {
                assert_eq!(index, items.len(), "{payload}");
                items.push(payload["item"].clone());
                done.push(false);
            }
            ("response.output_item.done", Some(index)) => {
                let (item, whole) = (&mut items[index], &payload["item"]);
                assert!(!std::mem::replace(&mut done[index], true), "done twice: {payload}");
                if item["type"] == "message" || item["type"] == "function_call" {
                    item["status"] = whole["status"].clone();
                    assert_eq!(item, whole);
                }
                item.clone_from(whole);
            }
            (kind, Some(index)) => {
                assert!(!done[index] && payload["item_id"] == items[index]["id"], "{payload}");
                piece(kind, payload, &mut items[index]);
            }
            ("response.completed" | "response.incomplete" | "response.failed", None) => {
                assert_eq!(number + 1, payloads.len(), "something follows the end");
                assert!(done.iter().all(|done| *done) || payload["type"] == "response.failed", "an item is open");
                assert!(
                    payload["type"] == "response.failed" || payload["response"]["output"] == Value::from(items.clone())
                );
                assert_eq!(
                    payload["type"],
                    format!("response.{}", payload["response"]["status"].as_str().expect("one"))
                );
                return payload["response"].clone();
            }
            _ => assert!(number < 2 || payload["type"] == "error", "{payload}"),
        }
    }
    Value::Null
}

/// One event about an item, as the SDKs take it.
fn piece(kind: &str, payload: &Value, item: &mut Value) {
    let (member, number) = match payload["summary_index"].as_u64() {
        Some(number) => ("summary", number),
        None => ("content", payload["content_index"].as_u64().unwrap_or_default()),
    };
    let number = usize::try_from(number).expect("a few");
    match kind {
        "response.content_part.added" | "response.reasoning_summary_part.added" => {
            let parts = item[member].as_array_mut().expect("a list");
            assert_eq!(parts.len(), number, "{payload}");
            parts.push(payload["part"].clone());
        }
        "response.output_text.delta" => {
            append(&mut item[member][number]["text"], &payload["delta"]);
            let more = payload["logprobs"].as_array().expect("a list").clone();
            item[member][number]["logprobs"].as_array_mut().expect("a list").extend(more);
        }
        "response.reasoning_summary_text.delta" => append(&mut item[member][number]["text"], &payload["delta"]),
        "response.refusal.delta" => append(&mut item[member][number]["refusal"], &payload["delta"]),
        "response.output_text.annotation.added" => {
            let sources = item[member][number]["annotations"].as_array_mut().expect("a list");
            assert_eq!(payload["annotation_index"], sources.len());
            sources.push(payload["annotation"].clone());
        }
        "response.function_call_arguments.delta" => append(&mut item["arguments"], &payload["delta"]),
        "response.custom_tool_call_input.delta" => append(&mut item["input"], &payload["delta"]),
        "response.output_text.done" | "response.reasoning_summary_text.done" => {
            assert_eq!(payload["text"], item[member][number]["text"]);
        }
        "response.refusal.done" => assert_eq!(payload["refusal"], item[member][number]["refusal"]),
        "response.content_part.done" | "response.reasoning_summary_part.done" => {
            assert_eq!(payload["part"], item[member][number]);
        }
        "response.function_call_arguments.done" => assert_eq!(payload["arguments"], item["arguments"]),
        "response.custom_tool_call_input.done" => assert_eq!(payload["input"], item["input"]),
        _ => panic!("an event that OpenAI does not have: {kind}"),
    }
}

fn append(text: &mut Value, delta: &Value) {
    *text = format!("{}{}", text.as_str().expect("text"), delta.as_str().expect("a piece")).into();
}

/// What a client can tell apart, with log probabilities spelled alike.
pub(crate) fn essence(events: &[Event]) -> Vec<Event> {
    let mut said = said::essence(events);
    for event in &mut said {
        if let Event::Logprobs { tokens, .. } = event {
            *tokens = serde_json::from_str::<Value>(tokens).expect("JSON").to_string().into();
        }
    }
    said
}
