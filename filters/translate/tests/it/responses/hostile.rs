//! Bytes that nobody should send, in the words of Responses: nothing panics, and what is made of them
//! is well formed.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tollgate_api::{Event, Surface};
use tollgate_translate::{Dialect, Losses};

use crate::strict::{call, gather, head, payloads};

/// The members that some reader looks at: random objects are made of them, so that they get far.
const MEMBERS: [&str; 50] = [
    "annotation",
    "annotations",
    "arguments",
    "background",
    "call_id",
    "content",
    "content_index",
    "delta",
    "encrypted_content",
    "end_index",
    "error",
    "file_data",
    "format",
    "id",
    "image_url",
    "include",
    "incomplete_details",
    "input",
    "input_tokens",
    "input_tokens_details",
    "instructions",
    "item",
    "logprobs",
    "max_output_tokens",
    "model",
    "name",
    "output",
    "output_index",
    "output_tokens",
    "parameters",
    "previous_response_id",
    "reason",
    "reasoning",
    "refusal",
    "response",
    "result",
    "role",
    "schema",
    "service_tier",
    "start_index",
    "status",
    "summary",
    "summary_index",
    "text",
    "tool_choice",
    "tools",
    "total_tokens",
    "type",
    "url",
    "usage",
];

const WORDS: [&str; 34] = [
    "",
    "allowed_tools",
    "assistant",
    "auto",
    "completed",
    "custom",
    "custom_tool_call",
    "custom_tool_call_output",
    "dG9sbGdhdGU6Z29vZ2xlOng=",
    "error",
    "failed",
    "function",
    "function_call",
    "function_call_output",
    "image_generation_call",
    "incomplete",
    "input_file",
    "input_image",
    "input_text",
    "json_schema",
    "message",
    "output_text",
    "reasoning",
    "response.completed",
    "response.created",
    "response.custom_tool_call_input.delta",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_text.annotation.added",
    "response.output_text.delta",
    "response.reasoning_summary_text.delta",
    "user",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..4).prop_map(Value::from),
        proptest::sample::select(&WORDS[..]).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        let members = prop::collection::vec((proptest::sample::select(&MEMBERS[..]), inner.clone()), 0..8);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|list| list.into_iter().map(|(n, v)| (n.to_owned(), v)).collect::<Map<_, _>>().into()),
        ]
    })
}

/// An object of this type, with whatever else.
fn typed(types: &'static [&'static str]) -> impl Strategy<Value = Value> {
    (proptest::sample::select(types), value(), 0..3_u32, value()).prop_map(|(kind, more, place, item)| {
        let mut object = more.as_object().cloned().unwrap_or_default();
        object.insert("type".into(), kind.into());
        object.entry("output_index").or_insert(place.into());
        object.entry("item").or_insert(item);
        object.into()
    })
}

/// Sends events through the decoder, and what it makes of them to a client.
fn swallow(events: &[String], tools: &Value) {
    let (mut decoder, mut told) = (Dialect::Responses.decoder(), Vec::new());
    for event in events {
        let _garbage = decoder.event(None, event, &mut told);
        let _usage = Dialect::Responses.usage(event.as_bytes());
        let _garbage = Dialect::Responses.whole(event.as_bytes(), &mut Vec::new());
    }
    told.retain(|event| !matches!(event, Event::End | Event::Failed { .. }));
    told.push(Event::End);
    let call = call(tools);
    let (mut encoder, mut bytes) = (Dialect::Responses.encoder(&head(), &call), Vec::new());
    told.iter().for_each(|event| encoder.event(event, None, &mut bytes));
    let body = Dialect::Responses.assemble(&head(), &call, &told, None);
    let response = gather(&payloads(&String::from_utf8(bytes).expect("UTF-8")));
    assert_eq!(serde_json::from_slice::<Value>(&body).expect("JSON"), response);
}

/// Sends a request to every dialect that is written.
fn ask(body: &Value) {
    let mut asked = call(&json!([]));
    (asked.surface, asked.body, asked.drop_unsupported) = (Surface::Responses, body.to_string().into(), true);
    for dialect in [Dialect::OpenAi, Dialect::Responses, Dialect::Anthropic] {
        if let Ok(said) = dialect.request(&asked, &[], "m") {
            assert!(serde_json::from_slice::<Value>(&said.body).is_ok(), "{body}");
        }
        let _refusal = Dialect::Responses.read(body.to_string().as_bytes(), &[], &mut Losses::default());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn no_stream_panics_and_what_is_written_of_it_is_well_formed(
        events in prop::collection::vec(typed(&WORDS[23..33]), 0..8),
        tools in value(),
    ) {
        let events: Vec<_> = events.iter().map(Value::to_string).collect();
        swallow(&events, &Value::from(vec![tools]));
    }

    #[test]
    fn no_request_panics_and_what_is_written_of_it_is_json(
        input in prop::collection::vec(typed(&WORDS[6..21]), 0..5),
        mut more in prop::collection::vec((proptest::sample::select(&MEMBERS[..]), value()), 0..5),
    ) {
        more.push(("input", input.into()));
        ask(&more.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into());
    }

    #[test]
    fn no_json_panics(value in value()) {
        swallow(&[value.to_string()], &json!([]));
        ask(&value);
    }
}

#[test]
fn nesting_and_numbers_cost_no_more_than_their_length() {
    let begun = Instant::now();
    let item = json!({"type": "reasoning", "summary": [], "encrypted_content": "dG9sbGdhdGU6Z29vZ2xlOng="});
    let call = json!({"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"});
    ask(&json!({"input": vec![[item, call]; 5_000].concat()}));
    let names: Vec<_> = (0..5_000).map(|i| json!({"type": "function", "name": format!("f{i}")})).collect();
    ask(
        &json!({"input": "hi", "tools": names, "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": names}}),
    );
    let piece = json!({"type": "response.output_text.delta", "output_index": 0, "delta": "a"}).to_string();
    swallow(&vec![piece; 50_000], &json!([]));
    assert!(Dialect::Responses.whole("[".repeat(100_000).as_bytes(), &mut Vec::new()).is_err());
    // Generous: quadratic time over these lengths would be minutes.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
