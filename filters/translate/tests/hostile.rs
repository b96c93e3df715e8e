//! Bytes that nobody should send: nothing panics, and time stays in proportion to length.

mod plain;

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tollgate_translate::embeddings::{self, Encoding, Wants};
use tollgate_translate::neutral::Request;
use tollgate_translate::{Accent, AnswerHead, Dialect, Losses};

use plain::plain;

const BOTH: [Dialect; 2] = [Dialect::OpenAi, Dialect::Anthropic];

/// The members that some reader looks at: random objects are made of them, so that they get far.
const MEMBERS: [&str; 72] = [
    "model",
    "messages",
    "role",
    "content",
    "type",
    "text",
    "tool_calls",
    "tool_call_id",
    "id",
    "function",
    "name",
    "arguments",
    "tools",
    "parameters",
    "tool_choice",
    "input_schema",
    "input",
    "source",
    "data",
    "url",
    "image_url",
    "thinking",
    "signature",
    "thinking_blocks",
    "system",
    "max_tokens",
    "temperature",
    "stop",
    "n",
    "user",
    "metadata",
    "response_format",
    "json_schema",
    "schema",
    "reasoning_effort",
    "choices",
    "delta",
    "message",
    "index",
    "finish_reason",
    "usage",
    "prompt_tokens",
    "output_tokens",
    "iterations",
    "error",
    "content_block",
    "stop_reason",
    "partial_json",
    "annotations",
    "audio",
    "citations",
    "custom",
    "extra_content",
    "file",
    "format",
    "function_call",
    "functions",
    "google",
    "images",
    "input_audio",
    "logprobs",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "search_results",
    "service_tier",
    "thought_signature",
    "timings",
    "top_logprobs",
    "url_citation",
    "verbosity",
    "x_groq",
];

const WORDS: [&str; 30] = [
    "",
    "user",
    "assistant",
    "system",
    "tool",
    "text",
    "function",
    "tool_use",
    "tool_result",
    "thinking",
    "image",
    "image_url",
    "auto",
    "high",
    "json_schema",
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "input_json_delta",
    "data:image/png;base64,AA",
    "custom",
    "input_audio",
    "file",
    "flex",
    "reasoning.text",
    "reasoning.encrypted",
    "google-gemini-v1",
    "url_citation",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f32>().prop_map(|float| json!(float)),
        proptest::sample::select(&WORDS[..]).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let members = prop::collection::vec((proptest::sample::select(&MEMBERS[..]), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|list| list.into_iter().map(|(n, v)| (n.to_owned(), v)).collect::<Map<_, _>>().into()),
        ]
    })
}

fn head() -> AnswerHead {
    AnswerHead { id: String::new(), model: String::new(), created: 0 }
}

/// Sends a text through everything that reads.
fn swallow(text: &str) {
    for dialect in [Dialect::OpenAi, Dialect::Gemini, Dialect::Converse] {
        let wants = Wants { encoding: Some(Encoding::Base64), ..Wants::default() };
        let _ = embeddings::answer(dialect, text.to_owned().into(), &wants);
    }
    for dialect in BOTH {
        let mut events = Vec::new();
        let _ = dialect.whole(text.as_bytes(), &mut events);
        let _ = dialect.decoder().event(None, text, &mut events);
        let _ = (dialect.usage(text.as_bytes()), dialect.error(500, text.as_bytes()));
        let (mut encoder, mut out) = (Dialect::OpenAi.encoder(&head(), &plain(true)), Vec::new());
        events.iter().for_each(|event| encoder.event(event, None, &mut out));
        for payload in String::from_utf8(out).expect("UTF-8").split_terminator("\n\n") {
            let data = payload.strip_prefix("data: ").expect("our own framing");
            assert!(data == "[DONE]" || serde_json::from_str::<Value>(data).is_ok(), "{data}");
        }
        let body = Dialect::OpenAi.assemble(&head(), &plain(false), &events, None);
        assert!(serde_json::from_slice::<Value>(&body).is_ok());
        let Ok(request) = dialect.read(text.as_bytes(), &[], &mut Losses::default()) else { continue };
        for other in BOTH {
            if let Ok(body) = other.write(&request, &mut Losses::default()) {
                assert!(serde_json::from_slice::<Value>(&body).is_ok(), "{text}");
            }
        }
        // What is long is told in one accent: the time that is measured is not fifteen times its own.
        for accent in Accent::ALL.into_iter().filter(|_| text.len() < 10_000) {
            let spoken = Request { accent, ..request.clone() };
            if let Ok(body) = Dialect::OpenAi.write(&spoken, &mut Losses::new(true)) {
                assert!(serde_json::from_slice::<Map<String, Value>>(&body).is_ok(), "{text}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_json_panics_and_what_is_written_is_json(value in value()) {
        swallow(&value.to_string());
    }

    #[test]
    fn no_request_panics(messages in prop::collection::vec(value(), 0..4), tools in prop::collection::vec(value(), 0..3)) {
        swallow(&json!({"messages": messages, "tools": tools, "max_tokens": 1}).to_string());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        swallow(&String::from_utf8_lossy(&bytes));
        for dialect in BOTH {
            let _ = (dialect.error(400, &bytes), dialect.whole(&bytes, &mut Vec::new()), dialect.read(&bytes, &[], &mut Losses::default()));
        }
    }
}

#[test]
fn nesting_and_numbers_cost_no_more_than_their_length() {
    let deep = "[".repeat(100_000);
    let message = r#"{"role":"user","content":"a"},{"role":"assistant","content":"b"},"#.repeat(50_000);
    let calls = r#"{"index":0,"id":"a","function":{"name":"f","arguments":"1"}},"#.repeat(50_000);
    let keys: String = (0..50_000).map(|i| format!("\"k{i}\":{i},")).collect();
    let table = [
        format!("{{\"messages\":{deep}"),
        format!("{{\"messages\":[{}{{\"role\":\"user\",\"content\":\"c\"}}]}}", message),
        format!("{{\"choices\":[{{\"delta\":{{\"tool_calls\":[{}]}}}}]}}", calls.trim_end_matches(',')),
        format!("{{\"error\":{{\"message\":\"{}\"}}}}", "sk-".repeat(1_000_000)),
        format!("{{{keys}\"messages\":[{{\"role\":\"user\",\"content\":\"a\"}}]}}"),
    ];
    for text in table {
        let begun = Instant::now();
        swallow(&text);
        // Generous, as the machine may be busy: quadratic time over these lengths would be many minutes.
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", &text[..40]);
    }
}
