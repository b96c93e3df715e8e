//! What clients of Google are answered, whoever answered.

use serde_json::{Value, json};
use tollgate_api::{Call, Event, Framing, Seal, Sealer, StopReason, Usage, UsageSource};
use tollgate_translate::neutral::Content;
use tollgate_translate::{AnswerHead, Dialect, Failure, Losses};

use super::{arguments, assemble, begun, call, curious, encode, plain, read, stop, text, thinking};

fn usage() -> Usage {
    Usage { input: 3, output: 7, reasoning: 2, source: UsageSource::Reported, ..Usage::default() }
}

#[test]
fn a_stream_is_googles_to_the_byte() {
    let head = |body: &str, more: &str| {
        format!(
            "data: {{\"candidates\":[{{{body}\"index\":0}}],\"modelVersion\":\"m\",\"responseId\":\"i\"{more}}}\r\n\r\n"
        )
    };
    let stream = encode(&plain(), &[text("a\n"), stop(StopReason::MaxTokens), Event::Usage(usage()), Event::End]);
    let first = head(r#""content":{"parts":[{"text":"a\n"}],"role":"model"},"#, "");
    let usage = r#","usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":5,"totalTokenCount":10,"thoughtsTokenCount":2,"serviceTier":"standard"}"#;
    let last = head(r#""content":{"parts":[{"text":""}],"role":"model"},"finishReason":"MAX_TOKENS","#, usage);
    assert_eq!(stream, first + &last);
}

#[test]
fn without_events_a_stream_is_one_array() {
    let call = call(r#"{"contents":"hi"}"#, Framing::JsonArray);
    let stream = encode(&call, &[text("a"), text("b"), stop(StopReason::EndOfTurn), Event::End]);
    let list: Vec<Value> = serde_json::from_str(&stream).expect("an array");
    assert_eq!((list.len(), stream.matches(",\r\n{").count()), (3, 2));
    assert_eq!(list[2]["candidates"][0]["finishReason"], "STOP");
    assert!(serde_json::from_str::<Vec<Value>>(&encode(&call, &[Event::End])).is_ok_and(|list| list.len() == 1));
}

#[test]
fn calls_come_whole_however_they_were_streamed() {
    let seal = Seal::new(Sealer::Anthropic, "sig");
    let events = [
        begun(0, "c0", Some(seal.clone())),
        arguments(0, "{\"a\":"),
        begun(1, "c1", None),
        arguments(1, "not an object"),
        arguments(0, "1.0}"),
        stop(StopReason::ToolUse),
        Event::End,
    ];
    let stream = encode(&plain(), &events);
    let expected = json!([
        {"functionCall": {"id": "c0", "name": "f", "args": {"a": 1.0}}, "thoughtSignature": seal.spelled_for(Sealer::Google)},
        {"functionCall": {"id": "c1", "name": "f", "args": {"unparsed_arguments": "not an object"}}}]);
    let chunks: Vec<Value> =
        stream.split_terminator("\r\n\r\n").map(|chunk| serde_json::from_str(&chunk[6..]).expect("JSON")).collect();
    assert_eq!(chunks[0]["candidates"][0]["content"]["parts"], expected);
    assert_eq!(assemble(&plain(), &events)["candidates"][0]["content"]["parts"], expected);
}

#[test]
fn thoughts_are_shown_to_those_who_asked() {
    let seal = |by| Some(Seal::new(by, "sig"));
    let events = [
        thinking("hm", None),
        thinking("", seal(Sealer::Anthropic)),
        text("so"),
        thinking("", seal(Sealer::Google)),
        stop(StopReason::EndOfTurn),
    ];
    let parts = |call: &Call| assemble(call, &events)["candidates"][0]["content"]["parts"].clone();
    assert_eq!(parts(&plain()), json!([{"text": "so", "thoughtSignature": "sig"}]));
    let marked = Seal::new(Sealer::Anthropic, "sig").spelled_for(Sealer::Google).into_owned();
    let shown =
        json!([{"text": "hm", "thought": true, "thoughtSignature": marked}, {"text": "so", "thoughtSignature": "sig"}]);
    assert_eq!(parts(&curious()), shown);
    assert!(!encode(&plain(), &events).contains("hm") && encode(&curious(), &events).contains("hm"));
}

#[test]
fn a_failure_is_an_event_that_googles_clients_raise() {
    let failure = Failure { code: "upstream_cut", message: "gone", kind: "overloaded_error" };
    let mut encoder = Dialect::Gemini.encoder(&AnswerHead { id: "i".into(), model: "m".into(), created: 7 }, &plain());
    let mut out = Vec::new();
    encoder.event(&text("a"), None, &mut out);
    encoder.fail(&failure, &mut out);
    encoder.event(&Event::End, None, &mut out);
    let stream = String::from_utf8(out).expect("UTF-8");
    let last = stream.split_terminator("\r\n\r\n").last().expect("the failure");
    assert!(last.starts_with("data: {\"error\":{\"code\":503,"), "{last}");
    assert_eq!(last.as_bytes(), Dialect::Gemini.failure(&failure, Framing::Sse).trim_ascii_end());
    let call = call(r#"{"contents":"hi"}"#, Framing::JsonArray);
    for before in [vec![], vec![text("a")]] {
        let mut encoder = Dialect::Gemini.encoder(&AnswerHead { id: "i".into(), model: "m".into(), created: 7 }, &call);
        let mut out = Vec::new();
        before.iter().for_each(|event| encoder.event(event, None, &mut out));
        encoder.fail(&failure, &mut out);
        let list: Vec<Value> = serde_json::from_slice(&out).expect("an array");
        assert_eq!(list.last().expect("the failure")["error"]["status"], "UNAVAILABLE");
    }
}

#[test]
fn sources_and_likelihoods_are_in_googles_members() {
    let citation = tollgate_api::Citation {
        url: Some("https://x.test".into()),
        title: Some("t".into()),
        cited: Some((0, 2)),
        ..Default::default()
    };
    let tokens = r#"[{"token":"so","logprob":-0.5,"bytes":[115,111],"top_logprobs":[]}]"#;
    let events = [
        text("so"),
        Event::Logprobs { choice: 0, tokens: tokens.into() },
        Event::Cited { choice: 0, citation: Box::new(citation) },
        stop(StopReason::EndOfTurn),
        Event::End,
    ];
    let whole = assemble(&plain(), &events);
    let mut read = Vec::new();
    Dialect::Gemini.whole(whole.to_string().as_bytes(), &mut read).expect("an answer");
    assert_eq!(read[1..4], events[..3]);
    let stream = encode(&plain(), &events);
    let mut again = Vec::new();
    let mut decoder = Dialect::Gemini.decoder();
    for chunk in stream.split_terminator("\r\n\r\n") {
        decoder.event(None, &chunk[6..], &mut again).expect("a chunk");
    }
    assert_eq!(again[1..], events[..4]);
}

#[test]
fn a_foreign_answer_comes_back_as_history_with_its_seals() {
    let seal = Seal::new(Sealer::Anthropic, "EqQB/+==");
    let events = [
        thinking("hm", None),
        thinking("", Some(seal.clone())),
        begun(0, "toolu_1", None),
        arguments(0, "{}"),
        stop(StopReason::ToolUse),
    ];
    let content = assemble(&curious(), &events)["candidates"][0]["content"].clone();
    let mut request = read(&json!({"contents": [{"parts": [{"text": "q"}]}, content,
        {"parts": [{"functionResponse": {"name": "f", "response": {"result": 1}}}]}]}));
    assert!(request.turns[1].parts[0].content == Content::Thinking { text: "hm".into(), seal: Some(seal) });
    request.model = "claude-sonnet-4-5".into();
    let body = Dialect::Anthropic.write(&request, &mut Losses::default()).expect("it can be said");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(
        body["messages"][1]["content"],
        json!([
        {"type": "thinking", "thinking": "hm", "signature": "EqQB/+=="},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}])
    );
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], "toolu_1");
}

#[test]
fn googles_schemas_reach_others_as_json_schema() {
    let request = read(&json!({"contents": "q",
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": true}}}}]}],
        "generationConfig": {"responseMimeType": "application/json", "responseSchema": {"type": "ARRAY", "items": {"type": "INTEGER"}}}}));
    let body = Dialect::OpenAi.write(&request, &mut Losses::default()).expect("it can be said");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(
        body["tools"][0]["function"]["parameters"],
        json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}}})
    );
    assert_eq!(
        body["response_format"]["json_schema"]["schema"],
        json!({"type": "array", "items": {"type": "integer"}})
    );
}

#[test]
fn no_order_of_events_breaks_a_stream() {
    let palette = [
        text("é\u{0}\""),
        thinking("", None),
        thinking("x", Some(Seal::new(Sealer::OpenAi, "s"))),
        Event::RedactedThinking { seal: Seal::new(Sealer::Anthropic, "r") },
        begun(u32::MAX, "", None),
        arguments(u32::MAX, "{"),
        arguments(5, "}"),
        Event::Logprobs { choice: 3, tokens: "not a list".into() },
        Event::Cited {
            choice: 2,
            citation: Box::new(tollgate_api::Citation { cited: Some((9, 1)), ..Default::default() }),
        },
        Event::Image { choice: 0, media_type: String::new(), data: "\"".into() },
        stop(StopReason::Paused),
        Event::Usage(Usage { output: 1, reasoning: u64::MAX, input: u64::MAX, cached: 1, ..Usage::default() }),
        Event::End,
    ];
    let mut state = 3_usize;
    for _ in 0..2_000 {
        let events: Vec<Event> = (0..8)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                palette[(state >> 33) % palette.len()].clone()
            })
            .chain([Event::End])
            .collect();
        for call in [plain(), curious()] {
            for chunk in encode(&call, &events).split_terminator("\r\n\r\n") {
                assert!(serde_json::from_str::<Value>(&chunk[6..]).is_ok(), "{chunk}");
            }
            assert!(assemble(&call, &events)["candidates"].is_array());
        }
        let array = encode(&call(r#"{"contents":"hi"}"#, Framing::JsonArray), &events);
        assert!(serde_json::from_str::<Vec<Value>>(&array).is_ok(), "{array}");
    }
}
