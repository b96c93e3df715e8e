//! Answers read and written: each test is named after what went wrong in a gateway.

use serde_json::{Value, json};
use tollgate_api::{Event, Seal, Sealer, StopReason};
use tollgate_translate::{AnswerHead, Dialect, Garbage};

use crate::plain::plain;

fn try_read(dialect: Dialect, payloads: &[Value]) -> Result<Vec<Event>, Garbage> {
    let (mut decoder, mut events) = (dialect.decoder(), Vec::new());
    for payload in payloads {
        let text = payload.as_str().map_or_else(|| payload.to_string(), str::to_owned);
        decoder.event(None, &text, &mut events)?;
    }
    Ok(events)
}

fn anthropic(payloads: &[Value]) -> Vec<Event> {
    try_read(Dialect::Anthropic, payloads).expect("Anthropic's")
}

fn openai(deltas: &[Value]) -> Vec<Event> {
    let chunk = |choice: &Value| json!({"id": "c", "model": "m", "choices": [choice]});
    try_read(Dialect::OpenAi, &deltas.iter().map(chunk).collect::<Vec<_>>()).expect("OpenAI's")
}

fn start() -> Value {
    json!({"type": "message_start", "message": {"id": "msg", "model": "m", "content": [], "usage": {"input_tokens": 1}}})
}

fn block(index: u32, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u32, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn stop(index: u32) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn tool(id: &str, input: Value) -> Value {
    json!({"type": "tool_use", "id": id, "name": "f", "input": input})
}

fn arguments(events: &[Event]) -> Vec<(u32, String)> {
    let mut joined: Vec<(u32, String)> = Vec::new();
    for event in events {
        match event {
            Event::ToolStart { index, .. } => joined.push((*index, String::new())),
            Event::ToolArguments { index, json, .. } => {
                let call = joined.iter_mut().find(|call| call.0 == *index).expect("a call that began");
                call.1.push_str(json);
            }
            _ => {}
        }
    }
    joined
}

fn text(events: &[Event]) -> String {
    events
        .iter()
        .filter_map(|event| if let Event::Text { text, .. } = event { Some(text.as_str()) } else { None })
        .collect()
}

#[test]
fn text_that_comes_with_the_start_of_its_block_is_not_lost() {
    let events = anthropic(&[
        start(),
        block(0, json!({"type": "text", "text": "Hel"})),
        delta(0, json!({"type": "text_delta", "text": "lo"})),
    ]);
    assert_eq!(text(&events), "Hello");
}

#[test]
fn arguments_that_come_once_or_never_are_told_and_pieces_are_not_doubled() {
    let events = anthropic(&[
        start(),
        block(0, json!({"type": "text", "text": ""})),
        stop(0),
        block(1, tool("a", json!({"x": 1}))),
        stop(1),
        block(2, tool("b", json!({}))),
        stop(2),
        block(3, tool("c", json!({}))),
        delta(3, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(3, json!({"type": "input_json_delta", "partial_json": "{\"y\":"})),
        delta(3, json!({"type": "input_json_delta", "partial_json": "2}"})),
        stop(3),
    ]);
    let expected = [(0, r#"{"x":1}"#), (1, "{}"), (2, r#"{"y":2}"#)].map(|(i, json)| (i, json.to_owned()));
    assert_eq!(arguments(&events), expected);
}

#[test]
fn tools_that_the_vendor_runs_itself_are_not_told_as_the_clients() {
    let events = anthropic(&[
        start(),
        block(0, json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})),
        delta(0, json!({"type": "input_json_delta", "partial_json": "{}"})),
        stop(0),
        block(1, json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": []})),
        stop(1),
        block(2, tool("a", json!({}))),
        stop(2),
    ]);
    assert_eq!(arguments(&events), [(0, "{}".to_owned())]);
}

#[test]
fn what_is_newer_than_this_code_is_passed_over() {
    let events = anthropic(&[
        json!({"type": "ping"}),
        start(),
        json!({"type": "wholly_new", "delta": "not an object", "index": "x"}),
        block(0, json!({"type": "wholly_new", "text": "hidden"})),
        delta(0, json!({"type": "wholly_new_delta", "text": "hidden"})),
        json!("[DONE]"),
        json!({"type": "message_delta", "delta": {"stop_reason": "wholly_new"}}),
        json!({"type": "message_stop"}),
    ]);
    assert_eq!(text(&events), "");
    assert!(matches!(events[2], Event::Stop { reason: StopReason::EndOfTurn, .. }));
    assert_eq!(events.last(), Some(&Event::End));
}

#[test]
fn an_error_in_mid_stream_is_a_failure_and_not_an_end() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let events = anthropic(&[start(), error.clone()]);
    let failed = Event::Failed { kind: "overloaded_error".into(), message: "Overloaded".into() };
    assert_eq!(events.last(), Some(&failed));
    let mut whole = Vec::new();
    Dialect::Anthropic.whole(error.to_string().as_bytes(), &mut whole).expect("an error is an answer");
    assert_eq!(whole, [failed]);
    let chunk = json!({"error": {"message": "no", "code": 502}});
    let events = try_read(Dialect::OpenAi, &[chunk]).expect("an error is an answer");
    assert_eq!(events, [Event::Failed { kind: "502".into(), message: "no".into() }]);
}

#[test]
fn a_second_start_is_ignored_before_content_and_garbage_after_it() {
    let twice = anthropic(&[start(), start(), block(0, json!({"type": "text", "text": "a"}))]);
    assert_eq!(twice.iter().filter(|event| matches!(event, Event::Start { .. })).count(), 1);
    assert!(try_read(Dialect::Anthropic, &[start(), block(0, tool("a", json!({}))), start()]).is_err());
}

#[test]
fn stop_reasons_are_told_apart() {
    let table = [
        ("end_turn", StopReason::EndOfTurn),
        ("max_tokens", StopReason::MaxTokens),
        ("model_context_window_exceeded", StopReason::MaxTokens),
        ("stop_sequence", StopReason::StopSequence),
        ("tool_use", StopReason::ToolUse),
        ("refusal", StopReason::Refused),
        ("pause_turn", StopReason::Paused),
    ];
    for (word, reason) in table {
        let events = anthropic(&[json!({"type": "message_delta", "delta": {"stop_reason": word}})]);
        assert_eq!(events, [Event::Stop { choice: 0, reason, sequence: None }]);
    }
}

#[test]
fn calls_that_all_have_the_index_zero_are_told_apart_by_their_ids() {
    let call = |id: &str| json!({"index": 0, "id": id, "function": {"name": "f", "arguments": "{\"a\":1}"}});
    let events = openai(&[
        json!({"delta": {"tool_calls": [call("a")]}}),
        json!({"delta": {"tool_calls": [call("b")]}}),
        json!({"delta": {}, "finish_reason": "stop"}),
    ]);
    let expected = [(0, "{\"a\":1}".to_owned()), (1, "{\"a\":1}".to_owned())];
    assert_eq!(arguments(&events), expected);
    // Gemini's surface says `stop` after tool calls, too.
    assert_eq!(events.last(), Some(&Event::Stop { choice: 0, reason: StopReason::ToolUse, sequence: None }));
}

#[test]
fn pieces_of_parallel_calls_go_to_the_call_they_belong_to() {
    let start = |index: u32, id: &str| json!({"index": index, "id": id, "function": {"name": "f", "arguments": ""}});
    let piece = |index: u32, json: &str| json!({"index": index, "function": {"arguments": json}});
    let events = openai(&[
        json!({"delta": {"tool_calls": [start(0, "a"), start(1, "b")]}}),
        json!({"delta": {"tool_calls": [piece(1, "[1")]}}),
        json!({"delta": {"tool_calls": [piece(0, "[0]")]}}),
        json!({"delta": {"tool_calls": [piece(1, "]")]}}),
    ]);
    assert_eq!(arguments(&events), [(0, "[0]".to_owned()), (1, "[1]".to_owned())]);
}

#[test]
fn a_call_without_arguments_has_the_empty_object() {
    let call = json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}});
    let events =
        openai(&[json!({"delta": {"tool_calls": [call]}}), json!({"delta": {}, "finish_reason": "tool_calls"})]);
    assert_eq!(arguments(&events), [(0, "{}".to_owned())]);
}

#[test]
fn reasoning_is_read_under_every_name_and_once() {
    let table = [
        json!({"reasoning_content": "why"}),
        json!({"reasoning": "why", "content": null}),
        json!({"reasoning_content": "why", "reasoning": "why"}),
        json!({"reasoning_content": "why", "thinking_blocks": [{"type": "thinking", "thinking": "why"}]}),
        json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "why"}]}]}),
    ];
    for delta in table {
        let events = openai(&[json!({ "delta": delta })]);
        let expected = Event::Thinking { choice: 0, text: "why".into(), seal: None };
        assert_eq!(events[1..], [expected], "{delta}");
    }
}

#[test]
fn what_is_not_an_answer_is_garbage_and_is_not_quoted() {
    for body in
        ["", "secret", "{\"secret\":1}", "[]", "{\"choices\":\"secret\"}", "{\"type\":\"secret\",\"content\":[]}"]
    {
        for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
            let garbage = dialect.whole(body.as_bytes(), &mut Vec::new()).expect_err(body);
            assert!(!garbage.to_string().contains("secret"), "{garbage}");
        }
    }
    assert!(try_read(Dialect::OpenAi, &[json!("{\"choices\"")]).is_err());
    assert!(try_read(Dialect::Anthropic, &[json!({"type": "content_block_delta", "delta": 5})]).is_err());
    let choice = json!({"choices": [{"index": 4_000_000_000_u32, "delta": {"content": "a"}}]});
    assert!(try_read(Dialect::OpenAi, &[choice]).is_err());
}

#[test]
fn a_whole_answer_is_gathered_in_openais_shape() {
    let thinking = |text: &str, signature: Option<&str>| Event::Thinking {
        choice: 0,
        text: text.into(),
        seal: signature.map(|data| Seal::new(Sealer::Anthropic, data)),
    };
    let events = [
        thinking("be", None),
        thinking("cause", Some("seal")),
        Event::RedactedThinking { seal: Seal::new(Sealer::Anthropic, "hidden") },
        Event::ToolStart { choice: 0, index: 0, id: "a".into(), name: "f".into(), seal: None },
        Event::ToolArguments { choice: 0, index: 0, json: "{}".into() },
        Event::Stop { choice: 0, reason: StopReason::ToolUse, sequence: None },
        Event::End,
    ];
    let head = AnswerHead { id: "i".into(), model: "m".into(), created: 7 };
    let body = Dialect::OpenAi.assemble(&head, &plain(false), &events, None);
    let expected = json!({
        "id": "i", "object": "chat.completion", "created": 7, "model": "m",
        "choices": [{
            "index": 0, "logprobs": null, "finish_reason": "tool_calls",
            "message": {
                "role": "assistant", "content": null, "refusal": null, "reasoning_content": "because",
                "thinking_blocks": [
                    {"type": "thinking", "thinking": "because", "signature": "seal"},
                    {"type": "redacted_thinking", "data": "hidden"},
                ],
                "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
        }],
    });
    assert_eq!(serde_json::from_slice::<Value>(&body).expect("JSON"), expected);
}
