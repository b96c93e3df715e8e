//! Anthropic Messages as a surface: each test is named after what went wrong in a gateway.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_api::{
    Address, Citation, CitedSpan, Code, Cost, Event, Money, Refusal, Seal, Sealer, StopReason, Surface, Tier, Usage,
    UsageSource,
};
use tollgate_translate::neutral::{Content, Effort, Part, Reasoning, Request, TierAsked, Tool};
use tollgate_translate::{AnswerHead, Dialect, Failure, Losses, Out, Relay, request};

use crate::plain::plain;

fn head() -> AnswerHead {
    AnswerHead { id: "msg_1".into(), model: "m".into(), created: 7 }
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}

fn thinking(text: &str, seal: Option<Seal>) -> Event {
    Event::Thinking { choice: 0, text: text.into(), seal }
}

fn call(index: u32, seal: Option<Seal>) -> Event {
    Event::ToolStart { choice: 0, index, id: format!("call_{index}"), name: "f".into(), seal }
}

fn arguments(index: u32, json: &str) -> Event {
    Event::ToolArguments { choice: 0, index, json: json.into() }
}

fn stop(reason: StopReason) -> Event {
    Event::Stop { choice: 0, reason, sequence: None }
}

fn stream(events: &[Event]) -> String {
    let mut encoder = Dialect::Anthropic.encoder(&head(), &plain(true));
    let cost = Cost { input: Money::from_nano(1_000_000), output: Money::ZERO };
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(event, Some(cost), &mut out));
    String::from_utf8(out).expect("UTF-8")
}

fn payloads(stream: &str) -> Vec<Value> {
    stream.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect()
}

/// What is told of blocks: starts as `+`, deltas, and stops as `-`, each with the block's index.
fn blocks(events: &[Event]) -> Vec<String> {
    let line = |event: &Value| {
        let index = &event["index"];
        match event["type"].as_str()? {
            "content_block_start" => Some(format!("+{index} {}", event["content_block"]["type"].as_str()?)),
            "content_block_delta" => {
                let delta = &event["delta"];
                let said = ["text", "thinking", "signature", "partial_json"].iter().find_map(|of| delta[of].as_str());
                Some(format!("{index} {}", said.unwrap_or("citation")))
            }
            "content_block_stop" => Some(format!("-{index}")),
            _ => None,
        }
    };
    payloads(&stream(events)).iter().filter_map(line).collect()
}

fn whole(events: &[Event]) -> Value {
    serde_json::from_slice(&Dialect::Anthropic.assemble(&head(), &plain(false), events, None)).expect("JSON")
}

#[test]
fn a_message_is_told_from_start_to_stop() {
    let told = stream(&[text("a\n"), text("b"), stop(StopReason::EndOfTurn), Event::End]);
    let expected = [
        r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}"#,
        r#"event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\n"}}"#,
        r#"event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"b"}}"#,
        r#"event: content_block_stop
data: {"type":"content_block_stop","index":0}"#,
        r#"event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}"#,
        r#"event: message_stop
data: {"type":"message_stop"}"#,
    ];
    assert_eq!(told, expected.map(|event| format!("{event}\n\n")).concat());
}

#[test]
fn counts_that_come_last_stand_in_message_delta_with_their_cost() {
    let early = Usage { input: 3, ..Usage::default() };
    let late = Usage { input: 10, cached: 20, cache_write: 30, output: 7, reasoning: 5, ..Usage::default() };
    let events = [Event::Usage(early), text("a"), stop(StopReason::MaxTokens), Event::Usage(late), Event::End];
    let told = payloads(&stream(&events));
    assert_eq!(told[0]["message"]["usage"]["input_tokens"], 3);
    let delta = &told[told.len() - 2];
    let expected = json!({
        "input_tokens": 10, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 20, "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 5}, "cost": 0.001,
    });
    assert_eq!((&delta["delta"]["stop_reason"], &delta["usage"]), (&json!("max_tokens"), &expected));
    assert_eq!(whole(&events)["usage"]["cache_read_input_tokens"], 20);
}

#[test]
fn thinking_is_never_told_inside_a_text_block() {
    let seal = || Some(Seal::new(Sealer::Anthropic, "EqQB"));
    let events = [
        thinking("a", None),
        thinking("b", seal()),
        thinking("c", None),
        text("d"),
        thinking("e", None),
        stop(StopReason::EndOfTurn),
        Event::End,
    ];
    let expected = [
        "+0 thinking",
        "0 a",
        "0 b",
        "0 EqQB",
        "-0",
        "+1 thinking",
        "1 c",
        "-1",
        "+2 text",
        "2 d",
        "-2",
        "+3 thinking",
        "3 e",
        "-3",
    ];
    assert_eq!(blocks(&events), expected);
}

#[test]
fn an_answer_of_reasoning_alone_has_a_thinking_block() {
    let events = [thinking("a", None), stop(StopReason::MaxTokens), Event::End];
    assert_eq!(blocks(&events), ["+0 thinking", "0 a", "-0"]);
    assert_eq!(whole(&events)["content"], json!([{"type": "thinking", "thinking": "a", "signature": ""}]));
}

#[test]
fn a_message_begins_once_however_often_the_upstream_says_so() {
    let start = || Event::Start { id: "i".into(), model: "m".into() };
    let told = stream(&[start(), start(), text("a"), start(), stop(StopReason::EndOfTurn), Event::End]);
    assert_eq!(told.matches("event: message_start").count(), 1);
    let empty = payloads(&stream(&[start(), stop(StopReason::EndOfTurn), Event::End]));
    let kinds: Vec<_> = empty.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    assert_eq!(kinds, ["message_start", "message_delta", "message_stop"]);
}

#[test]
fn pieces_of_parallel_calls_do_not_run_into_each_others_blocks() {
    let events = [
        call(0, None),
        call(1, None),
        arguments(1, "{\"b\":"),
        arguments(0, "{\"a\":"),
        text("late"),
        arguments(1, "1}"),
        arguments(0, "0}"),
        call(2, None),
        arguments(2, "{}"),
        stop(StopReason::ToolUse),
        Event::End,
    ];
    let expected = [
        "+0 tool_use",
        "0 {\"a\":",
        "0 0}",
        "-0",
        "+1 tool_use",
        "1 {\"b\":1}",
        "-1",
        "+2 text",
        "2 late",
        "-2",
        "+3 tool_use",
        "3 {}",
        "-3",
    ];
    assert_eq!(blocks(&events), expected);
    let whole = whole(&events);
    let inputs: Vec<_> = whole["content"].as_array().expect("blocks").iter().map(|block| &block["input"]).collect();
    assert_eq!(inputs, [&json!({"a": 0}), &json!({"b": 1}), &Value::Null, &json!({})]);
}

proptest! {
    #[test]
    fn however_the_pieces_of_calls_are_mixed_each_keeps_its_own(
        order in prop::collection::vec(0..5_u32, 0..60),
        begun in 1..6_u32,
    ) {
        // Each call's object is a list that grows by one number whenever it is its turn.
        let mut events = Vec::new();
        let mut expected = vec![Vec::new(); 5];
        (0..5).filter(|index| *index < begun).for_each(|index| events.extend([call(index, None), arguments(index, "{\"a\":[0")]));
        for (turn, index) in (1..).zip(order.into_iter().filter(|index| *index < begun)) {
            events.push(arguments(index, &format!(",{turn}")));
            expected[index as usize].push(turn);
        }
        (0..begun.min(5)).rev().for_each(|index| events.push(arguments(index, "]}")));
        events.extend([stop(StopReason::ToolUse), Event::End]);
        let told = payloads(&stream(&events));
        for index in 0..begun.min(5) {
            let of = told.iter().filter(|event| event["index"] == index);
            let json: String = of.filter_map(|event| event["delta"]["partial_json"].as_str()).collect();
            let numbers: Vec<u32> = [0].into_iter().chain(expected[index as usize].iter().copied()).collect();
            prop_assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON"), json!({"a": numbers}));
        }
        let opened = told.iter().filter_map(|event| event["index"].as_u64()).collect::<Vec<_>>();
        prop_assert!(opened.is_sorted());
    }
}

#[test]
fn a_call_is_not_held_back_once_the_one_before_is_complete() {
    let mut encoder = Dialect::Anthropic.encoder(&head(), &plain(true));
    let mut out = Vec::new();
    for event in [call(0, None), arguments(0, "{\"a\":\"}\"}"), call(1, None), arguments(1, "{")] {
        encoder.event(&event, None, &mut out);
    }
    let told = payloads(&String::from_utf8(out).expect("UTF-8"));
    assert_eq!(told.last().expect("an event")["delta"]["partial_json"], "{");
}

#[test]
fn calls_without_arguments_or_with_broken_ones_are_told_as_objects() {
    let events = [
        call(0, None),
        call(1, None),
        arguments(1, "null"),
        call(2, None),
        arguments(2, "[1"),
        arguments(2, "]"),
        stop(StopReason::ToolUse),
        Event::End,
    ];
    let told = blocks(&events);
    let pieces: Vec<_> = told.iter().filter(|line| !line.starts_with(['+', '-'])).collect();
    assert_eq!(pieces, ["1 {}", r#"2 {"unparsed_arguments":"[1]"}"#]);
    let whole = whole(&events);
    let inputs = whole["content"].as_array().expect("blocks").iter().map(|block| block["input"].clone());
    assert_eq!(inputs.collect::<Vec<_>>(), [json!({}), json!({}), json!({"unparsed_arguments": "[1]"})]);
}

#[test]
fn what_is_held_back_is_bounded_and_the_stream_then_fails() {
    let mut encoder = Dialect::Anthropic.encoder(&head(), &plain(true));
    let mut out = Vec::new();
    for event in [call(0, None), arguments(0, "{"), call(1, None)] {
        encoder.event(&event, None, &mut out);
    }
    let piece = arguments(1, &"x".repeat(1 << 20));
    (0..8).for_each(|_| encoder.event(&piece, None, &mut out));
    [arguments(0, "}"), stop(StopReason::ToolUse), Event::End].iter().for_each(|e| encoder.event(e, None, &mut out));
    let told = payloads(&String::from_utf8(out).expect("UTF-8"));
    assert_eq!(told.last().expect("an event")["error"]["code"], "upstream_garbage");
}

#[test]
fn only_the_first_of_several_choices_is_told() {
    let other = Event::Text { choice: 1, text: "no".into() };
    let done = Event::Stop { choice: 1, reason: StopReason::MaxTokens, sequence: None };
    let events = [other, text("yes"), done, stop(StopReason::EndOfTurn), Event::End];
    assert_eq!(blocks(&events), ["+0 text", "0 yes", "-0"]);
    assert_eq!(whole(&events)["stop_reason"], "end_turn");
}

#[test]
fn a_refusal_is_text_that_ends_as_one() {
    let refusal = Event::Refusal { choice: 0, text: "I will not.".into() };
    let events = [refusal, stop(StopReason::EndOfTurn), Event::End];
    let whole = whole(&events);
    assert_eq!(whole["content"], json!([{"type": "text", "text": "I will not."}]));
    assert_eq!(whole["stop_reason"], "refusal");
    assert!(stream(&events).contains(r#""stop_reason":"refusal""#));
}

#[test]
fn every_reason_to_stop_has_anthropics_word() {
    for (reason, word) in [
        (StopReason::EndOfTurn, "end_turn"),
        (StopReason::StopSequence, "stop_sequence"),
        (StopReason::MaxTokens, "max_tokens"),
        (StopReason::ToolUse, "tool_use"),
        (StopReason::Refused, "refusal"),
        (StopReason::Paused, "pause_turn"),
    ] {
        let event = Event::Stop { choice: 0, reason, sequence: Some("END".into()) };
        let expected = json!({"stop_reason": word, "stop_sequence": "END"});
        let told = payloads(&stream(&[text("a"), event.clone(), Event::End]));
        assert_eq!(told[told.len() - 2]["delta"], expected);
        let whole = whole(&[text("a"), event]);
        assert_eq!((&whole["stop_reason"], &whole["stop_sequence"]), (&json!(word), &json!("END")));
    }
}

#[test]
fn a_failure_is_an_error_event_and_nothing_follows_it() {
    for (kind, word) in [
        ("overloaded_error", "overloaded_error"),
        ("rate_limit_exceeded", "rate_limit_error"),
        ("503", "overloaded_error"),
        ("server_error", "api_error"),
    ] {
        let mut encoder = Dialect::Anthropic.encoder(&head(), &plain(true));
        let mut out = Vec::new();
        encoder.event(&text("a"), None, &mut out);
        let before = out.len();
        let failure = Failure { code: "c", message: "no", kind };
        encoder.fail(&failure, &mut out);
        [text("b"), stop(StopReason::EndOfTurn), Event::End].iter().for_each(|e| encoder.event(e, None, &mut out));
        encoder.fail(&failure, &mut out);
        let expected = format!(
            "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"{word}\",\"message\":\"no\",\"code\":\"c\"}}}}\n\n"
        );
        assert_eq!(String::from_utf8(out[before..].to_vec()).expect("UTF-8"), expected);
        assert_eq!(Dialect::Anthropic.failure(&failure, tollgate_api::Framing::Sse), expected.into_bytes());
    }
}

/// The parts of an assistant's turn with these blocks.
fn assistant(blocks: &Value) -> Vec<Part> {
    let body = json!({"messages": [{"role": "assistant", "content": blocks}], "max_tokens": 1});
    read(&body).expect("a request").turns.remove(0).parts
}

fn read(body: &Value) -> Result<Request, Refusal> {
    Dialect::Anthropic.read(body.to_string().as_bytes(), &[], &mut Losses::default())
}

#[test]
fn every_vendors_seal_comes_back_from_a_messages_client_as_it_was() {
    let seal = |by| Seal::new(by, "se:al");
    let events = [
        thinking("openai", Some(seal(Sealer::OpenAi))),
        thinking("anthropic", Some(seal(Sealer::Anthropic))),
        thinking("", Some(seal(Sealer::Google))),
        thinking("deepseek", None),
        Event::RedactedThinking { seal: seal(Sealer::Xai) },
        call(0, Some(seal(Sealer::Google))),
        arguments(0, "{}"),
        call(1, None),
        arguments(1, "{}"),
    ];
    let said: Vec<_> = assistant(&whole(&events)["content"]).into_iter().map(|part| part.content).collect();
    let thought = |text: &str, by: Option<Sealer>| Content::Thinking { text: text.into(), seal: by.map(seal) };
    let called = |id: &str, by: Option<Sealer>| Content::ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments: "{}".into(),
        seal: by.map(seal),
    };
    let expected = [
        thought("openai", Some(Sealer::OpenAi)),
        thought("anthropic", Some(Sealer::Anthropic)),
        thought("", Some(Sealer::Google)),
        thought("deepseek", None),
        Content::RedactedThinking(seal(Sealer::Xai)),
        called("call_0", Some(Sealer::Google)),
        called("call_1", None),
    ];
    assert!(said == expected);
}

#[test]
fn a_seal_on_a_call_is_a_block_that_clients_give_back() {
    let events = [call(0, Some(Seal::new(Sealer::Google, "s"))), arguments(0, "{}"), Event::End];
    assert_eq!(blocks(&events), ["+0 redacted_thinking", "-0", "+1 tool_use", "1 {}", "-1"]);
}

#[test]
fn citations_are_told_in_the_block_that_they_are_about() {
    let cited = |citation| Event::Cited { choice: 0, citation: Box::new(citation) };
    let web = Citation { url: Some("https://a".into()), title: Some("A".into()), ..Citation::default() };
    let page = Citation {
        quote: Some("q".into()),
        document: Some(1),
        source: Some(CitedSpan::Pages(2, 3)),
        ..Citation::default()
    };
    let events = [text("one"), cited(web), cited(page), text("two"), stop(StopReason::EndOfTurn), Event::End];
    assert_eq!(blocks(&events), ["+0 text", "0 one", "0 citation", "0 citation", "-0", "+1 text", "1 two", "-1"]);
    let expected = json!([
        {"type": "text", "text": "one", "citations": [
            {"type": "web_search_result_location", "cited_text": "", "url": "https://a", "title": "A", "encrypted_index": ""},
            {"type": "page_location", "cited_text": "q", "document_index": 1, "document_title": null,
             "start_page_number": 2, "end_page_number": 3},
        ]},
        {"type": "text", "text": "two"},
    ]);
    assert_eq!(whole(&events)["content"], expected);
}

fn decoded(payloads: &[Value]) -> Vec<Event> {
    let (mut decoder, mut events) = (Dialect::Anthropic.decoder(), Vec::new());
    for payload in payloads {
        decoder.event(None, &payload.to_string(), &mut events).expect("Anthropic's");
    }
    events
}

#[test]
fn citations_of_a_search_that_anthropic_ran_reach_every_client_with_their_place() {
    let location = json!({"type": "web_search_result_location", "url": "https://a", "title": "A", "cited_text": "q",
        "encrypted_index": "E"});
    let block =
        |index: u32, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let events = decoded(&[
        block(0, json!({"type": "text", "text": "Sö "})),
        json!({"type": "content_block_stop", "index": 0}),
        block(1, json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": {"type": "error"}})),
        block(2, json!({"type": "text", "text": "", "citations": []})),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "citations_delta", "citation": location}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "citations_delta", "citation": 7}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "blue"}}),
        json!({"type": "content_block_stop", "index": 2}),
    ]);
    let citation = Citation {
        url: Some("https://a".into()),
        title: Some("A".into()),
        quote: Some("q".into()),
        cited: Some((3, 7)),
        ..Citation::default()
    };
    assert_eq!(events[2..], [Event::Cited { choice: 0, citation: Box::new(citation) }]);
}

#[test]
fn why_anthropic_refused_is_told_as_a_refusal() {
    let details = json!({"type": "refusal", "category": "cyber", "explanation": "Blocked."});
    let delta = json!({"stop_reason": "refusal", "stop_details": details});
    let events = decoded(&[json!({"type": "message_delta", "delta": delta})]);
    assert_eq!(events, [Event::Refusal { choice: 0, text: "Blocked.".into() }, stop(StopReason::Refused)]);
}

#[test]
fn the_tier_that_anthropic_served_is_in_the_usage() {
    let usage = json!({"input_tokens": 1, "service_tier": "standard", "speed": "fast"});
    let events = decoded(&[
        json!({"type": "message_start", "message": {"usage": usage}}),
        json!({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 2}}),
    ]);
    let expected = Usage { input: 1, output: 2, tier: Tier::Fast, source: UsageSource::Reported, ..Usage::default() };
    assert_eq!(events.last(), Some(&Event::Usage(expected)));
}

#[test]
fn the_cost_stands_beside_the_final_usage_of_a_stream_that_passes_through() {
    let address = Address::of(Surface::Messages);
    let body = r#"{"model":"m","max_tokens":5,"stream":true,"messages":[{"role":"user","content":"a"}]}"#;
    let call = request::read(&address, body.into()).expect("a call");
    let start =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3}}}\n\n";
    let delta = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n";
    let end = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let mut relay = Relay::passthrough(Dialect::Anthropic, &call);
    let mut out = Out::default();
    let nano = |tokens: u64| Money::from_nano(i64::try_from(tokens).expect("a few"));
    let price = |usage: &Usage| Some(Cost { input: nano(usage.input), output: nano(usage.output) });
    let stream = Bytes::from([start, delta, end].concat());
    relay.push(stream, &price, &mut |_| {}, &mut out).expect("Anthropic's");
    let expected = [start, &delta.replace("{\"output_tokens\":2}", "{\"cost\":0.000000005,\"output_tokens\":2}"), end];
    assert_eq!(String::from_utf8(out.take().to_vec()).expect("UTF-8"), expected.concat());
}

/// What Claude Code sends, with its habits.
fn claude_code() -> Value {
    let ephemeral = json!({"type": "ephemeral", "ttl": "1h"});
    let tool = |name: &str| {
        let schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
            "properties": {"command": {"type": "string"}}, "required": ["command"], "additionalProperties": false});
        json!({"name": name, "description": "It runs.", "input_schema": schema, "eager_input_streaming": true})
    };
    json!({
        "model": "claude-opus-5", "max_tokens": 32000, "stream": true,
        "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "metadata": {"user_id": "{\"device_id\":\"d\",\"session_id\":\"s\"}"},
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197; cch=0a1b2;"},
            {"type": "text", "text": "You are Claude Code.", "cache_control": ephemeral},
        ],
        "tools": (0..30).map(|i| tool(&format!("Tool{i}"))).collect::<Vec<_>>(),
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "<system-reminder>"}, {"type": "text", "text": "ls"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": ""},
                {"type": "tool_use", "id": "toolu_1", "name": "Tool0", "input": {"command": "ls"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "a.txt", "is_error": false,
                 "cache_control": ephemeral},
            ]},
            {"role": "system", "content": "The date is unknown."},
        ],
    })
}

#[test]
fn claude_code_works_over_another_vendor_without_dropping_anything_that_matters() {
    let request = read(&claude_code()).expect("it can be said anywhere");
    assert_eq!(request.reasoning, Some(Reasoning::Effort(Effort::High)));
    assert_eq!((request.tools.len(), request.turns.len(), request.system.len()), (30, 4, 1));
    // What only Anthropic knows is set aside for the writers, which know what not to say.
    assert_eq!(request.unknown.keys().collect::<Vec<_>>(), ["context_management"]);
    let written = Dialect::OpenAi.write(&request, &mut Losses::default()).expect("OpenAI can say it");
    let chat: Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(chat["tools"].as_array().map(Vec::len), Some(30));
    assert_eq!(chat["reasoning_effort"], "high");
    let system = json!([
        {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "The date is unknown."},
    ]);
    assert_eq!((&chat["messages"][0]["role"], &chat["messages"][0]["content"]), (&json!("system"), &system));
    assert_eq!(chat["messages"][3]["tool_call_id"], "toolu_1");
}

#[test]
fn the_billing_header_of_claude_code_does_not_spoil_other_vendors_caches() {
    let request = read(&claude_code()).expect("a request");
    assert!(
        request.system.iter().all(|part| {
            matches!(&part.content, Content::Text(text) if !text.contains("x-anthropic-billing-header"))
        })
    );
}

#[test]
fn a_request_is_read_to_its_last_member() {
    let body = json!({
        "max_tokens": 5, "top_k": 3, "service_tier": "standard_only", "metadata": {"user_id": "u"},
        "stop_sequences": ["END"], "speed": "fast", "betas": ["b"], "mcp_servers": [], "container": "c",
        "messages": [{"role": "user", "content": "a"}],
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        "tools": [{"type": "bash_20250124", "name": "bash"}, {"type": "mcp_toolset", "mcp_server_name": "m"}],
    });
    let request = read(&body).expect("a request");
    assert_eq!(request.sampling.top_k, Some(3.into()));
    assert_eq!((request.tier.clone(), request.user.as_deref()), (Some(TierAsked::Default), Some("u")));
    assert_eq!(request.sampling.stop, ["END"]);
    assert!(request.tools.iter().all(|tool| matches!(tool, Tool::Hosted(_))) && request.format.is_some());
    assert_eq!(request.unknown.keys().collect::<Vec<_>>(), ["betas", "container", "mcp_servers", "speed"]);
    let written = Dialect::Anthropic.write(&request, &mut Losses::default()).expect("it was Anthropic's");
    let written: Value = serde_json::from_slice(&written).expect("JSON");
    for member in ["service_tier", "metadata", "stop_sequences", "speed", "container", "tools"] {
        assert_eq!(written[member], body[member], "{member}");
    }
    assert!(written["betas"].is_null());
    for (word, tier) in [("auto", TierAsked::Auto), ("new", TierAsked::Other("new".into()))] {
        let body = json!({"service_tier": word, "messages": [{"role": "user", "content": "a"}]});
        assert_eq!(read(&body).expect("a request").tier, Some(tier));
    }
}

#[test]
fn tools_that_only_anthropic_has_are_refused_elsewhere_unless_they_may_be_dropped() {
    let body = json!({
        "messages": [{"role": "user", "content": "a"}], "max_tokens": 5,
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
    });
    let refusal = Dialect::OpenAi.write(&read(&body).expect("a request"), &mut Losses::default()).expect_err("hosted");
    assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some("tools[0]")));
}

#[test]
fn documents_that_are_text_are_told_as_text_and_files_stay_files() {
    let cached = json!({"type": "ephemeral"});
    let body = json!({"max_tokens": 1, "messages": [{"role": "user", "content": [
        {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "one"},
         "citations": {"enabled": true}, "cache_control": cached},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "two"}]}},
        {"type": "search_result", "source": "https://a", "title": "A", "content": [{"type": "text", "text": "three"}]},
        {"type": "document", "title": "P", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"}},
        {"type": "tool_result", "tool_use_id": "t", "content": [
            {"type": "image", "source": {"type": "url", "url": "https://i"}},
            {"type": "search_result", "source": "https://b", "title": "B", "content": []},
            {"type": "tool_reference", "tool_name": "g"},
        ]},
    ]}]});
    let parts = read(&body).expect("a request").turns.remove(0).parts;
    let texts: Vec<_> = parts
        .iter()
        .filter_map(|part| if let Content::Text(text) = &part.content { Some(text.as_str()) } else { None })
        .collect();
    assert_eq!(texts, ["T", "one", "two", "A\nhttps://a\nthree"]);
    assert!(parts[0].cache.is_none() && parts[1].cache.is_some());
    assert!(matches!(&parts[4].content, Content::Document { name: Some(name), .. } if name == "P"));
    let Content::ToolResult { parts, .. } = &parts[5].content else { panic!("no result") };
    assert!(matches!(&parts[0].content, Content::Image(_)) && parts.len() == 3);
}

#[test]
fn what_anthropics_own_tools_did_before_does_not_stop_a_conversation_elsewhere() {
    let parts = assistant(&json!([
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "web_search_result"}]},
        {"type": "code_execution_tool_result", "tool_use_id": "s", "content": {"type": "x", "stdout": ""}},
        {"type": "mcp_tool_use", "id": "m", "name": "n", "server_name": "s", "input": {}},
        {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}},
        {"type": "compaction", "content": "what was said"},
        {"type": "text", "text": "so", "citations": [{"type": "web_search_result_location"}]},
    ]));
    let texts: Vec<_> =
        parts.iter().map(|part| if let Content::Text(text) = &part.content { text.as_str() } else { "?" }).collect();
    assert_eq!(texts, ["what was said", "so"]);
}

#[test]
fn what_only_anthropic_holds_is_refused_by_name_unless_it_may_be_dropped() {
    for block in [
        json!({"type": "document", "source": {"type": "file", "file_id": "file_1"}}),
        json!({"type": "image", "source": {"type": "file", "file_id": "file_1"}}),
        json!({"type": "container_upload", "file_id": "file_1"}),
        json!({"type": "wholly_new"}),
    ] {
        let body =
            json!({"max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, block]}]});
        let refusal = read(&body).expect_err("Anthropic's alone");
        let param = refusal.param.expect("a place");
        assert!(refusal.code == Code::Unsupported && param.starts_with("messages[0].content[1]"), "{param}");
        let mut losses = Losses::new(true);
        let request = Dialect::Anthropic.read(body.to_string().as_bytes(), &[], &mut losses).expect("dropped");
        assert_eq!((request.turns[0].parts.len(), losses.dropped().len()), (1, 1));
    }
}

/// A request of the neutral form with this in it, as Anthropic would get it.
fn written(change: impl FnOnce(&mut Request), losses: &mut Losses) -> Result<Value, Refusal> {
    let mut request = Request { model: "claude-sonnet-4-5".into(), ..Request::default() };
    request.say(tollgate_translate::neutral::Role::User, vec![Content::Text("a".into()).into()]);
    change(&mut request);
    let body = Dialect::Anthropic.write(&request, losses)?;
    Ok(serde_json::from_slice(&body).expect("JSON"))
}

#[test]
fn tiers_that_anthropic_does_not_sell_are_refused_by_name() {
    for (tier, word) in [(TierAsked::Auto, "auto"), (TierAsked::Default, "standard_only")] {
        let body = written(|request| request.tier = Some(tier), &mut Losses::default()).expect("it can be said");
        assert_eq!(body["service_tier"], word);
    }
    for tier in [TierAsked::Flex, TierAsked::Priority, TierAsked::Other("scale".into())] {
        let refusal =
            written(|request| request.tier = Some(tier.clone()), &mut Losses::default()).expect_err("no tier");
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some("service_tier")));
        let mut losses = Losses::new(true);
        let body = written(|request| request.tier = Some(tier), &mut losses).expect("dropped");
        assert!(body["service_tier"].is_null() && losses.dropped() == ["service_tier"]);
    }
}

#[test]
fn a_tool_that_takes_plain_text_has_one_argument_and_its_calls_do_too() {
    let body = written(
        |request| {
            let format = tollgate_translate::neutral::Json::parse(r#"{"type":"grammar","syntax":"lark"}"#);
            let (name, description) = ("patch".to_owned(), Some("It patches.".to_owned()));
            request.tools.push(Tool::Freeform { name: name.clone(), description, format });
            let called = Content::ToolCall { id: "c".into(), name, arguments: "*** Begin".into(), seal: None };
            request.say(tollgate_translate::neutral::Role::Assistant, vec![called.into()]);
        },
        &mut Losses::default(),
    );
    let body = body.expect("it can be said");
    assert_eq!(body["tools"][0]["input_schema"]["properties"]["input"]["type"], "string");
    assert!(body["tools"][0]["input_schema"]["properties"]["input"]["description"].to_string().contains("lark"));
    assert_eq!(body["messages"][1]["content"][0]["input"], json!({"input": "*** Begin"}));
}

#[test]
fn what_anthropic_does_not_read_is_refused_or_dropped_and_a_text_file_is_its_words() {
    use tollgate_translate::neutral::{Role, Source};
    let file = |media_type: &str, data: &str| Content::Document {
        source: Source::Base64 { media_type: media_type.into(), data: data.into() },
        name: None,
    };
    let say = |content: Content| move |request: &mut Request| request.say(Role::User, vec![content.into()]);
    let sound = Source::Base64 { media_type: "audio/wav".into(), data: "AA==".into() };
    for content in [Content::Audio(sound), file("video/mp4", "AA=="), file("text/plain", "not base64!")] {
        let refusal = written(say(content.clone()), &mut Losses::default()).expect_err("not Anthropic's");
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some("messages")));
        let body = written(say(content), &mut Losses::new(true)).expect("dropped");
        assert_eq!(body["messages"][0]["content"].as_array().map(Vec::len), Some(1));
    }
    for media_type in ["text/plain", "text/csv; charset=utf-8", "application/json"] {
        let body = written(say(file(media_type, "aGk=")), &mut Losses::default()).expect("it can be said");
        let expected = json!({"type": "text", "media_type": "text/plain", "data": "hi"});
        assert_eq!(body["messages"][0]["content"][1]["source"], expected);
    }
    let pdf = written(say(file("application/pdf", "AA")), &mut Losses::default()).expect("it can be said");
    assert_eq!(pdf["messages"][0]["content"][1]["source"]["type"], "base64");
}

#[test]
fn sampling_that_anthropic_has_is_said_and_what_it_lacks_matters_or_not() {
    let body = written(
        |request| {
            request.sampling.top_k = Some(4.into());
            request.sampling.seed = Some(1);
            request.sampling.presence_penalty = Some(1.into());
            request.verbosity = Some("low".into());
        },
        &mut Losses::default(),
    );
    let body = body.expect("it can be said");
    assert_eq!(body["top_k"], 4);
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(4), "{body}");
    let refusal = written(|request| request.sampling.logprobs = Some(0), &mut Losses::default()).expect_err("none");
    assert_eq!(refusal.param.as_deref(), Some("logprobs"));
}

/// How long an event takes, decoded and told anew: `cargo test --release -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn time_of_an_event() {
    let chunk = |i: usize| {
        format!("data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word{i}\"}}}}]}}\n\n")
    };
    let native = |i: usize| {
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\" word{i}\"}}}}\n\n"
        )
    };
    let mut call = plain(true);
    call.surface = Surface::Messages;
    for (dialect, stream) in [
        (Dialect::OpenAi, (0..20_000).map(chunk).collect::<String>()),
        (Dialect::Anthropic, (0..20_000).map(native).collect::<String>()),
    ] {
        let began = std::time::Instant::now();
        let mut relay = Relay::foreign(dialect, &head(), &call);
        let mut out = Out::default();
        for piece in stream.as_bytes().chunks(1 << 14) {
            relay.push(Bytes::copy_from_slice(piece), &|_| None, &mut |_| {}, &mut out).expect("a stream");
            std::hint::black_box(out.take());
        }
        eprintln!("{dialect} to messages: {:?} an event", began.elapsed() / 20_000);
    }
    let body = claude_code().to_string();
    let began = std::time::Instant::now();
    for _ in 0..1_000 {
        let request = Dialect::Anthropic.read(body.as_bytes(), &[], &mut Losses::default()).expect("a request");
        std::hint::black_box(Dialect::OpenAi.write(&request, &mut Losses::default()).expect("it can be said"));
    }
    eprintln!("a request of {} bytes: {:?}", body.len(), began.elapsed() / 1_000);
}
