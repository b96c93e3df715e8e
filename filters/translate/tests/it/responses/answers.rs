//! Answers of a vendor that speaks Responses, read.

use serde_json::{Value, json};
use tollgate_api::{Citation, Event, Seal, Sealer, StopReason, Tier};
use tollgate_translate::{Dialect, Garbage};

fn try_read(payloads: &[Value]) -> Result<Vec<Event>, Garbage> {
    let (mut decoder, mut events) = (Dialect::Responses.decoder(), Vec::new());
    for payload in payloads {
        let text = payload.as_str().map_or_else(|| payload.to_string(), str::to_owned);
        decoder.event(None, &text, &mut events)?;
    }
    Ok(events)
}

fn read(payloads: &[Value]) -> Vec<Event> {
    try_read(payloads).expect("of Responses")
}

fn whole(body: &Value) -> Vec<Event> {
    let mut events = Vec::new();
    Dialect::Responses.whole(body.to_string().as_bytes(), &mut events).expect("a response");
    events
}

fn item(event: &str, place: u32, item: Value) -> Value {
    json!({"type": format!("response.output_item.{event}"), "output_index": place, "item": item})
}

fn about(kind: &str, place: u32, members: Value) -> Value {
    let mut event = json!({"type": format!("response.{kind}"), "output_index": place, "item_id": "i"});
    event.as_object_mut().expect("an object").append(&mut members.as_object().expect("an object").clone());
    event
}

fn call(arguments: &str) -> Value {
    json!({"type": "function_call", "id": "fc", "call_id": "a", "name": "f", "arguments": arguments})
}

fn arguments(events: &[Event]) -> String {
    let pieces = events.iter().filter_map(|event| match event {
        Event::ToolArguments { json, .. } => Some(json.as_str()),
        _ => None,
    });
    pieces.collect()
}

fn ended(status: &str, more: Value) -> Value {
    let mut response = json!({"id": "r", "status": status, "output": []});
    response.as_object_mut().expect("an object").append(&mut more.as_object().expect("an object").clone());
    json!({"type": format!("response.{status}"), "response": response})
}

#[test]
fn arguments_that_come_once_or_never_are_told_and_pieces_are_not_doubled() {
    let begun = item("added", 0, call(""));
    let delta = |piece: &str| about("function_call_arguments.delta", 0, json!({ "delta": piece }));
    let all = about("function_call_arguments.done", 0, json!({"arguments": "{\"x\":1}"}));
    let complete = item("done", 0, call("{\"x\":1}"));
    for (payloads, expected) in [
        (vec![begun.clone(), delta("{\"x\""), delta(":1}"), all.clone(), complete.clone()], "{\"x\":1}"),
        (vec![begun.clone(), all.clone(), complete.clone()], "{\"x\":1}"),
        (vec![begun.clone(), complete.clone()], "{\"x\":1}"),
        (vec![complete], "{\"x\":1}"),
        (vec![begun.clone(), item("done", 0, call(""))], "{}"),
        (vec![begun.clone(), ended("completed", json!({}))], "{}"),
    ] {
        let events = read(&payloads);
        assert_eq!(arguments(&events), expected, "{payloads:?}");
        assert_eq!(events.iter().filter(|event| matches!(event, Event::ToolStart { .. })).count(), 1);
    }
}

#[test]
fn pieces_of_parallel_calls_go_to_the_call_they_belong_to() {
    let start = |place, id: &str| item("added", place, json!({"type": "function_call", "call_id": id, "name": "f"}));
    let piece = |place, json: &str| about("function_call_arguments.delta", place, json!({ "delta": json }));
    let events = read(&[start(3, "a"), start(5, "b"), piece(5, "[1"), piece(3, "[0]"), piece(5, "]")]);
    let of = |number| {
        let pieces = events.iter().filter_map(move |event| match event {
            Event::ToolArguments { index, json, .. } if *index == number => Some(json.as_str()),
            _ => None,
        });
        pieces.collect::<String>()
    };
    assert_eq!((of(0), of(1)), ("[0]".to_owned(), "[1]".to_owned()));
}

#[test]
fn items_are_known_by_their_place_because_copilot_changes_their_ids() {
    let delta = |id: &str, text: &str| json!({"type": "response.output_text.delta", "output_index": 0, "item_id": id, "delta": text});
    let message = json!({"type": "message", "id": "c", "content": [{"type": "output_text", "text": "ab"}]});
    let events = read(&[delta("a", "a"), delta("b", "b"), item("done", 0, message)]);
    assert_eq!(events.len(), 2, "{events:?}");
}

#[test]
fn what_never_came_in_pieces_is_told_when_it_is_complete() {
    let message = json!({"type": "message", "content": [
        {"type": "output_text", "text": "Hel"}, {"type": "output_text", "text": "lo"}, {"type": "refusal", "refusal": "No"},
    ]});
    let events = read(&[item("done", 0, message.clone())]);
    let expected = [
        Event::Text { choice: 0, text: "Hel".into() },
        Event::Text { choice: 0, text: "lo".into() },
        Event::Refusal { choice: 0, text: "No".into() },
    ];
    assert_eq!(events, expected);
    let mut last = ended("completed", json!({}));
    last["response"]["output"] = json!([message]);
    assert_eq!(read(&[last])[..3], expected, "a vendor that streams its end alone");
}

#[test]
fn several_sealed_items_stay_several_and_what_has_nothing_to_show_is_hidden() {
    let reasoning = |summary: Value, seal: Value| {
        item("done", 0, json!({"type": "reasoning", "id": "rs", "summary": summary, "encrypted_content": seal}))
    };
    let seal = |data: &str| Seal::new(Sealer::OpenAi, data);
    let summary = json!([{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}]);
    let empty = json!([{"type": "summary_text", "text": ""}]);
    let events = read(&[
        reasoning(summary, json!("s1")),
        reasoning(json!([]), json!("s2")),
        reasoning(empty, json!("s3")),
        reasoning(json!([]), Value::Null),
    ]);
    let expected = [
        Event::Thinking { choice: 0, text: "one\n\ntwo".into(), seal: Some(seal("s1")) },
        Event::RedactedThinking { seal: seal("s2") },
        Event::Thinking { choice: 0, text: String::new(), seal: Some(seal("s3")) },
    ];
    assert_eq!(events, expected);
}

#[test]
fn reasoning_in_pieces_is_the_same_as_whole_and_its_parts_are_paragraphs() {
    let piece =
        |part: u32, text: &str| about("reasoning_summary_text.delta", 0, json!({"summary_index": part, "delta": text}));
    let parts = json!([{"type": "summary_text", "text": "ab"}, {"type": "summary_text", "text": "c"}]);
    let complete = json!({"type": "reasoning", "summary": parts, "encrypted_content": "s"});
    let events = read(&[piece(0, "a"), piece(0, "b"), piece(1, "c"), item("done", 0, complete.clone())]);
    let text: String =
        events.iter().map(|event| if let Event::Thinking { text, .. } = event { text.as_str() } else { "?" }).collect();
    assert_eq!(text, "ab\n\nc");
    let sealed = Event::Thinking { choice: 0, text: String::new(), seal: Some(Seal::new(Sealer::OpenAi, "s")) };
    assert_eq!(events.last(), Some(&sealed));
    let raw = about("reasoning_text.delta", 0, json!({"content_index": 0, "delta": "raw"}));
    assert_eq!(read(&[raw]), [Event::Thinking { choice: 0, text: "raw".into(), seal: None }]);
}

#[test]
fn a_call_with_plain_text_has_json_for_arguments_however_it_comes() {
    let tool = |input: &str| json!({"type": "custom_tool_call", "call_id": "a", "name": "sql", "input": input});
    let piece = |text: &str| about("custom_tool_call_input.delta", 0, json!({ "delta": text }));
    let text = "SELECT \"é\"\n";
    for payloads in [
        vec![item("added", 0, tool("")), piece("SELECT \""), piece("é\"\n"), item("done", 0, tool(text))],
        vec![item("added", 0, tool("")), item("done", 0, tool(text))],
        vec![item("done", 0, tool(text))],
    ] {
        let json: Value = serde_json::from_str(&arguments(&read(&payloads))).expect("one JSON value");
        assert_eq!(json, json!({ "input": text }), "{payloads:?}");
    }
    assert_eq!(arguments(&read(&[item("done", 0, tool(""))])), r#"{"input":""}"#);
}

#[test]
fn sources_are_told_once_and_placed_within_the_whole_answer() {
    let source =
        |url: &str| json!({"type": "url_citation", "url": url, "title": "T", "start_index": 1, "end_index": 2});
    let delta = |place, text: &str| about("output_text.delta", place, json!({"content_index": 0, "delta": text}));
    let added = about("output_text.annotation.added", 1, json!({"annotation": source("https://a")}));
    let message = json!({"type": "message", "content": [
        {"type": "output_text", "text": "later", "annotations": [source("https://a"), source("https://b")]},
    ]});
    let events = read(&[delta(0, "before"), delta(1, "later"), added, item("done", 1, message)]);
    let sources: Vec<_> = events
        .iter()
        .filter_map(|e| if let Event::Cited { citation, .. } = e { Some(citation) } else { None })
        .collect();
    let citation = |url: &str| {
        Box::new(Citation {
            url: Some(url.into()),
            title: Some("T".into()),
            cited: Some((7, 8)),
            ..Citation::default()
        })
    };
    assert_eq!(sources, [&citation("https://a"), &citation("https://b")]);
}

#[test]
fn stop_reasons_are_told_apart() {
    let reason = |status: &str, more: Value, output: Value| {
        let mut body = json!({"status": status, "output": output});
        body.as_object_mut().expect("an object").append(&mut more.as_object().expect("an object").clone());
        whole(&body).into_iter().find_map(|e| if let Event::Stop { reason, .. } = e { Some(reason) } else { None })
    };
    let why = |word: &str| json!({"incomplete_details": {"reason": word}});
    let searched = json!([{"type": "web_search_call", "status": "completed"}]);
    for (found, expected) in [
        (reason("completed", json!({}), json!([])), StopReason::EndOfTurn),
        (reason("completed", json!({"incomplete_details": null}), json!([call("{}")])), StopReason::ToolUse),
        (reason("completed", json!({}), searched), StopReason::EndOfTurn),
        (reason("incomplete", why("max_output_tokens"), json!([call("{\"cut")])), StopReason::MaxTokens),
        (reason("incomplete", why("content_filter"), json!([])), StopReason::Refused),
        (reason("incomplete", json!({}), json!([])), StopReason::MaxTokens),
    ] {
        assert_eq!(found, Some(expected));
    }
}

#[test]
fn a_failure_is_told_once_and_is_no_end() {
    let nested = json!({"type": "error", "error": {"type": "insufficient_quota", "code": "c", "message": "No money"}});
    let flat = json!({"type": "error", "code": "insufficient_quota", "message": "No money", "param": null});
    let failed = ended("failed", json!({"error": {"code": "insufficient_quota", "message": "No money"}}));
    let expected = Event::Failed { kind: "insufficient_quota".into(), message: "No money".into() };
    for payloads in [vec![nested.clone(), failed.clone()], vec![flat, failed.clone()], vec![failed.clone()]] {
        assert_eq!(read(&payloads), std::slice::from_ref(&expected), "{payloads:?}");
    }
    assert_eq!(whole(&failed["response"]).last(), Some(&expected));
    assert_eq!(whole(&json!({"error": {"code": "insufficient_quota", "message": "No money"}})), [expected]);
    assert!(read(&[json!({"type": "error"})]).iter().all(|event| matches!(event, Event::Failed { .. })));
}

#[test]
fn usage_is_counted_at_the_tier_that_served() {
    let usage = json!({"input_tokens": 10, "output_tokens": 5, "total_tokens": 15,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}, "output_tokens_details": {"reasoning_tokens": 2}});
    let more = json!({"usage": usage, "service_tier": "flex"});
    let events = read(&[ended("completed", more.clone())]);
    let Some(Event::Usage(usage)) = events.iter().find(|event| matches!(event, Event::Usage(_))) else { panic!() };
    assert_eq!((usage.input, usage.cached, usage.cache_write, usage.output, usage.reasoning), (3, 4, 3, 5, 2));
    assert_eq!(usage.tier, Tier::Flex);
    assert_eq!(Dialect::Responses.usage(more.to_string().as_bytes()), Some(*usage));
}

#[test]
fn what_is_newer_than_this_code_is_passed_over() {
    let events = read(&[
        json!({"type": "response.created", "response": {"id": "r", "model": "m"}}),
        json!({"type": "response.in_progress", "response": {"id": "r", "model": "m"}}),
        json!({"type": "response.wholly_new.delta", "delta": {"not": "text"}, "output_index": "x"}),
        item("added", 0, json!({"type": "wholly_new", "content": 7, "arguments": {}})),
        about("output_text.annotation.added", 0, json!({"annotation": {"type": "wholly_new"}})),
        item("done", 0, json!({"type": "wholly_new", "content": 7})),
        json!("[DONE]"),
    ]);
    assert_eq!(events, [Event::Start { id: "r".into(), model: "m".into() }]);
}

#[test]
fn what_is_not_an_answer_is_garbage_and_is_not_quoted() {
    for body in
        ["", "secret", "{\"secret\":1}", "[]", "{\"output\":\"secret\"}", "{\"status\":\"queued\",\"output\":[]}"]
    {
        let garbage = Dialect::Responses.whole(body.as_bytes(), &mut Vec::new()).expect_err(body);
        assert!(!garbage.to_string().contains("secret"), "{garbage}");
    }
    for payload in [
        json!("{\"type\""),
        json!({"type": "response.output_text.delta", "delta": 5}),
        json!({"type": "response.output_item.done"}),
        item("done", 0, json!({"type": "message", "content": "secret"})),
        json!({"type": "response.completed"}),
    ] {
        let garbage = try_read(std::slice::from_ref(&payload)).expect_err("garbage");
        assert!(!garbage.to_string().contains("secret"), "{payload}");
    }
}

#[test]
fn there_is_a_limit_on_calls_and_on_what_is_open() {
    let calls: Vec<_> = (0..1025).map(|place| item("done", place, call("{}"))).collect();
    assert!(try_read(&calls).is_err() && try_read(&calls[..1024]).is_ok());
    let open: Vec<_> = (0..4097).map(|place| item("added", place, json!({"type": "message"}))).collect();
    assert!(try_read(&open).is_err() && try_read(&open[..4096]).is_ok());
}
