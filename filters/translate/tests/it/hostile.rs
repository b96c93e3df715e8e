//! Bytes that nobody should send: nothing panics, and time stays in proportion to length.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tollgate_api::{Citation, Event, Seal, Sealer, StopReason, Usage};
use tollgate_translate::embeddings::{self, Encoding, Wants};
use tollgate_translate::neutral::Request;
use tollgate_translate::{Accent, AnswerHead, Dialect, Losses};

use crate::plain::plain;

/// The members that some reader looks at: random objects are made of them, so that they get far.
const MEMBERS: [&str; 94] = [
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
    "contents",
    "parts",
    "systemInstruction",
    "generationConfig",
    "thinkingConfig",
    "toolConfig",
    "functionDeclarations",
    "functionCall",
    "functionResponse",
    "args",
    "response",
    "thoughtSignature",
    "inlineData",
    "fileData",
    "candidates",
    "finishReason",
    "usageMetadata",
    "promptTokenCount",
    "groundingMetadata",
    "logprobsResult",
    "partialArgs",
    "executableCode",
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
    Dialect::ALL.into_iter().for_each(|dialect| swallow_as(dialect, text));
    for dialect in [Dialect::OpenAi, Dialect::Gemini, Dialect::Converse] {
        let wants = Wants { encoding: Some(Encoding::Base64), ..Wants::default() };
        let _ = embeddings::answer(dialect, text.to_owned().into(), &wants);
    }
}

fn swallow_as(dialect: Dialect, text: &str) {
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
    let Ok(request) = dialect.read(text.as_bytes(), &[], &mut Losses::default()) else { return };
    for other in Dialect::ALL {
        if let Ok(body) = other.write(&request, &mut Losses::default()) {
            assert!(serde_json::from_slice::<Value>(&body).is_ok(), "{text}");
        }
    }
    // What is long is told in one accent: the time that is measured is not fifteen times its own.
    for accent in Accent::ALL.into_iter().filter(|_| text.len() < 10_000) {
        let spoken = Request { accent, ..request.clone() };
        if let Ok(body) = Dialect::OpenAi.write(&spoken, &mut Losses::default()) {
            assert!(serde_json::from_slice::<Value>(&body).is_ok(), "{text}");
        }
    }
}

/// Tells these events to a client of Messages: every event that it gets is whole.
fn tell_messages_client(events: &[Event]) {
    let (mut encoder, mut out) = (Dialect::Anthropic.encoder(&head(), &plain(true)), Vec::new());
    events.iter().for_each(|event| encoder.event(event, None, &mut out));
    for payload in String::from_utf8(out).expect("UTF-8").split_terminator("\n\n") {
        let data = payload.split_once("\ndata: ").expect("our own framing").1;
        assert!(serde_json::from_str::<Value>(data).is_ok(), "{data}");
    }
    let body = Dialect::Anthropic.assemble(&head(), &plain(false), events, None);
    assert!(serde_json::from_slice::<Value>(&body).is_ok());
}

fn event() -> impl Strategy<Value = Event> {
    let text = || proptest::sample::select(&["", "a", "{", "}", "\"", "\\", "null", "[é"][..]).prop_map(String::from);
    let seal = || prop::option::of(Just(Seal::new(Sealer::Google, "seal")));
    let (choice, index) = (|| 0..2_u32, || 0..4_u32);
    let citation = || Box::new(Citation { url: Some("u".into()), ..Citation::default() });
    prop_oneof![
        (choice(), text()).prop_map(|(choice, text)| Event::Text { choice, text }),
        (choice(), text()).prop_map(|(choice, text)| Event::Refusal { choice, text }),
        (choice(), text(), seal()).prop_map(|(choice, text, seal)| Event::Thinking { choice, text, seal }),
        Just(Event::RedactedThinking { seal: Seal::new(Sealer::OpenAi, "seal") }),
        (choice(), index(), text(), seal())
            .prop_map(|(choice, index, id, seal)| { Event::ToolStart { choice, index, name: id.clone(), id, seal } }),
        (choice(), index(), text()).prop_map(|(choice, index, json)| Event::ToolArguments { choice, index, json }),
        choice().prop_map(move |choice| Event::Cited { choice, citation: citation() }),
        Just(Event::Usage(Usage::default())),
        choice().prop_map(|choice| Event::Stop { choice, reason: StopReason::EndOfTurn, sequence: None }),
        Just(Event::End),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_order_of_events_breaks_a_stream(events in prop::collection::vec(event(), 0..40)) {
        tell_messages_client(&events);
    }

    #[test]
    fn no_json_panics_and_what_is_written_is_json(value in value()) {
        swallow(&value.to_string());
    }

    #[test]
    fn no_request_panics(messages in prop::collection::vec(value(), 0..4), tools in prop::collection::vec(value(), 0..3)) {
        swallow(&json!({"messages": messages, "contents": messages, "tools": tools, "max_tokens": 1}).to_string());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        swallow(&String::from_utf8_lossy(&bytes));
        for dialect in Dialect::ALL {
            let _ = (dialect.error(400, &bytes), dialect.whole(&bytes, &mut Vec::new()), dialect.read(&bytes, &[], &mut Losses::default()));
        }
    }
}

#[test]
fn nesting_and_numbers_cost_no_more_than_their_length() {
    let deep = "[".repeat(100_000);
    let message = r#"{"role":"user","content":"a"},{"role":"assistant","content":"b"},"#.repeat(50_000);
    let calls = r#"{"index":0,"id":"a","function":{"name":"f","arguments":"1"}},"#.repeat(50_000);
    let gemini = r#"{"parts":[{"functionCall":{"name":"f"}}],"role":"model"},"#.repeat(20_000);
    let answers = r#"{"parts":[{"functionResponse":{"name":"f","response":{}}}]},"#.repeat(20_000);
    let keys: String = (0..50_000).map(|i| format!("\"k{i}\":{i},")).collect();
    let table = [
        format!("{{\"messages\":{deep}"),
        format!("{{\"messages\":[{}{{\"role\":\"user\",\"content\":\"c\"}}]}}", message),
        format!("{{\"choices\":[{{\"delta\":{{\"tool_calls\":[{}]}}}}]}}", calls.trim_end_matches(',')),
        format!("{{\"error\":{{\"message\":\"{}\"}}}}", "sk-".repeat(1_000_000)),
        format!("{{\"contents\":[{gemini}{}]}}", answers.trim_end_matches(',')),
        format!("{{{keys}\"messages\":[{{\"role\":\"user\",\"content\":\"a\"}}]}}"),
    ];
    for text in table {
        for dialect in Dialect::ALL {
            let begun = Instant::now();
            swallow_as(dialect, &text);
            // Generous, for a machine that is busy: quadratic time over these lengths would be minutes.
            assert!(begun.elapsed() < Duration::from_secs(40), "{dialect}: {}", &text[..40]);
        }
    }
}
