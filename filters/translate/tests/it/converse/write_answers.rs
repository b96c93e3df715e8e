//! Answers written for a client of this surface.

use serde_json::{Value, json};
use tollgate_api::{Citation, Cost, Event, Money, Seal, Sealer, StopReason, Usage, UsageSource};
use tollgate_translate::{AnswerHead, Dialect, Failure, Out, Phase, Relay};

use super::read_answers::{decoded, whole};
use crate::frames::{call, framed, unframed};
use crate::said::joined;

fn head() -> AnswerHead {
    AnswerHead { id: "i".into(), model: "m".into(), created: 7 }
}

fn cents() -> Cost {
    Cost { input: Money::from_nano(10_000_000), output: Money::from_nano(20_000_000) }
}

pub(crate) fn written(events: &[Event]) -> Vec<(String, Value)> {
    let mut encoder = Dialect::Converse.encoder(&head(), &call());
    let mut bytes = Vec::new();
    events.iter().for_each(|event| encoder.event(event, Some(cents()), &mut bytes));
    unframed(&bytes)
}

pub(crate) fn assembled(events: &[Event]) -> Value {
    let body = Dialect::Converse.assemble(&head(), &call(), events, Some(cents()));
    serde_json::from_slice(&body).expect("JSON")
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}

pub(crate) fn begun(index: u32, seal: Option<Seal>) -> Event {
    Event::ToolStart { choice: 0, index, id: format!("call_{index}"), name: "f".into(), seal }
}

pub(crate) fn argued(index: u32, json: &str) -> Event {
    Event::ToolArguments { choice: 0, index, json: json.into() }
}

pub(crate) fn stopped(reason: StopReason) -> Event {
    Event::Stop { choice: 0, reason, sequence: None }
}

fn usage() -> Usage {
    let source = UsageSource::Reported;
    Usage { input: 3, cached: 2, cache_write: 1, cache_write_1h: 5, output: 4, source, ..Usage::default() }
}

/// Every kind of event that this surface has a place for, in an order that is nobody's.
fn everything() -> Vec<Event> {
    let google = Seal::new(Sealer::Google, "thought");
    let cited = Citation { url: Some("https://a.example".into()), title: Some("A".into()), ..Citation::default() };
    vec![
        Event::Start { id: "id".into(), model: "model".into() },
        Event::Usage(Usage { input: 1, ..Usage::default() }),
        Event::Thinking { choice: 0, text: "hm".into(), seal: None },
        Event::Thinking { choice: 0, text: String::new(), seal: Some(Seal::new(Sealer::Anthropic, "c2ln")) },
        Event::RedactedThinking { seal: Seal::new(Sealer::OpenAi, "gAAA_-") },
        text("Hé"),
        text("llo"),
        Event::Cited { choice: 0, citation: Box::new(cited) },
        text(" again"),
        begun(0, Some(google)),
        argued(0, "{\"x\""),
        argued(0, ":1}"),
        begun(1, None),
        text("after"),
        Event::Image { choice: 0, media_type: "image/webp".into(), data: "AQID".into() },
        Event::Refusal { choice: 0, text: "no".into() },
        text("more"),
        Event::Usage(usage()),
        Event::Stop { choice: 0, reason: StopReason::StopSequence, sequence: Some("S".into()) },
        Event::End,
    ]
}

/// Reads a stream as the service's model has it, and says what its blocks are.
pub(crate) fn strict(events: &[(String, Value)]) -> Vec<Value> {
    let mut blocks: Vec<Value> = Vec::new();
    let (mut open, mut stopped) = (Vec::new(), false);
    assert_eq!(events[0], ("messageStart".to_owned(), json!({"role": "assistant"})));
    for (at, (name, payload)) in events.iter().enumerate().skip(1) {
        let index = payload["contentBlockIndex"].as_u64().map(|index| usize::try_from(index).expect("small"));
        assert!(!stopped || index.is_none(), "{payload} after the stop");
        match (name.as_str(), index) {
            ("contentBlockStart", Some(index)) => {
                assert_eq!(index, blocks.len());
                blocks.push(payload["start"].clone());
                open.push(index);
            }
            ("contentBlockDelta", Some(index)) => {
                if index == blocks.len() {
                    blocks.push(json!({}));
                    open.push(index);
                }
                assert!(open.contains(&index), "{payload} of no open block");
                let (kind, piece) = payload["delta"].as_object().and_then(|d| d.iter().next()).expect("a delta");
                let pieces = blocks[index].as_object_mut().expect("a block").entry(format!("+{kind}"));
                pieces.or_insert_with(|| json!([])).as_array_mut().expect("a list").push(piece.clone());
            }
            ("contentBlockStop", Some(index)) => {
                let place = open.iter().position(|one| *one == index).expect("an open block");
                open.remove(place);
            }
            ("messageStop", None) => {
                assert!(open.is_empty() && !stopped, "{open:?}");
                stopped = true;
            }
            ("metadata", None) => assert!(stopped && at + 1 == events.len()),
            other => panic!("{other:?}"),
        }
    }
    blocks
}

#[test]
fn a_stream_is_one_that_amazons_clients_read() {
    let events = written(&everything());
    let blocks = strict(&events);
    let expected = json!([
        {"+reasoningContent": [{"text": "hm"}, {"signature": "c2ln"}]},
        {"+reasoningContent": [{"redactedContent": blocks[1]["+reasoningContent"][0]["redactedContent"]}]},
        {"+text": ["Hé", "llo"], "+citation": [{"title": "A", "location": {"web": {"url": "https://a.example"}}}]},
        {"+text": [" again"]},
        {"+reasoningContent": [{"signature": blocks[4]["+reasoningContent"][0]["signature"]}]},
        {"toolUse": {"toolUseId": "call_0", "name": "f"}, "+toolUse": [{"input": "{\"x\""}, {"input": ":1}"}]},
        {"toolUse": {"toolUseId": "call_1", "name": "f"}, "+toolUse": [{"input": "{}"}]},
        {"+text": ["after"]},
        {"image": {"format": "webp"}, "+image": [{"source": {"bytes": "AQID"}}]},
        {"+text": ["no", "more"]},
    ]);
    assert_eq!(Value::from(blocks), expected);
    let stop = json!({"stopReason": "stop_sequence", "additionalModelResponseFields": {"stop_sequence": "S"}});
    assert_eq!(events[events.len() - 2], ("messageStop".to_owned(), stop));
    let usage = json!({
        "inputTokens": 3, "outputTokens": 4, "totalTokens": 15, "cacheReadInputTokens": 2, "cacheWriteInputTokens": 6,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 5}, {"ttl": "5m", "inputTokens": 1}], "cost": 0.03,
    });
    let metadata = json!({"usage": usage, "metrics": {"latencyMs": 0}});
    assert_eq!(events.last(), Some(&("metadata".to_owned(), metadata)));
}

#[test]
fn a_whole_answer_says_what_the_stream_says() {
    let answer = assembled(&everything());
    assert_eq!(answer["stopReason"], "stop_sequence");
    assert_eq!(answer["usage"]["totalTokens"], 15);
    assert_eq!(answer["metrics"], json!({"latencyMs": 0}));
    assert_eq!(answer["output"]["message"]["role"], "assistant");
    let again = whole(&answer);
    let said: Vec<_> = written(&everything()).into_iter().collect();
    let said: Vec<_> = said.iter().map(|(name, payload)| (name.as_str(), payload.clone())).collect();
    // Calls stand where they began, and a stream has their arguments where they came.
    let by_kind = |events: &[Event]| {
        let mut kinds: Vec<_> = joined(events).iter().map(|event| format!("{event:?}")).collect();
        kinds.sort();
        kinds
    };
    assert_eq!(by_kind(&again), by_kind(&decoded(&said)));
}

#[test]
fn arguments_that_come_late_still_go_to_their_own_call() {
    let blocks = strict(&written(&[
        begun(0, None),
        argued(0, "{\"a\":"),
        begun(1, None),
        argued(1, "{}"),
        text("so"),
        argued(0, "1}"),
        stopped(StopReason::ToolUse),
        Event::End,
    ]));
    assert_eq!(blocks[0]["+toolUse"], json!([{"input": "{\"a\":"}, {"input": "1}"}]));
    assert_eq!(blocks[1]["+toolUse"], json!([{"input": "{}"}]));
}

#[test]
fn a_block_is_closed_before_the_next_begins() {
    let events = written(&[text("a"), begun(0, None), argued(0, "{\"a\":1}"), begun(1, None), argued(1, "{}")]);
    let order: Vec<_> =
        events.iter().skip(1).map(|(name, payload)| format!("{name} {}", payload["contentBlockIndex"])).collect();
    assert_eq!(
        order,
        [
            "contentBlockDelta 0",
            "contentBlockStop 0",
            "contentBlockStart 1",
            "contentBlockDelta 1",
            "contentBlockStop 1",
            "contentBlockStart 2",
            "contentBlockDelta 2",
        ]
    );
}

#[test]
fn what_comes_after_the_stop_is_only_the_count() {
    let late =
        [stopped(StopReason::EndOfTurn), text("late"), begun(0, None), Event::Usage(usage()), Event::End, Event::End];
    let names: Vec<_> = written(&late).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["messageStart", "messageStop", "metadata"]);
}

#[test]
fn an_answer_without_a_word_is_still_an_answer() {
    let events = written(&[stopped(StopReason::EndOfTurn), Event::End]);
    assert!(strict(&events).is_empty());
    assert_eq!(events.last(), Some(&("metadata".to_owned(), json!({"metrics": {"latencyMs": 0}}))));
    assert_eq!(assembled(&[])["output"], json!({"message": {"role": "assistant", "content": []}}));
}

#[test]
fn a_failure_is_an_exception_and_nothing_follows_it() {
    let mut encoder = Dialect::Converse.encoder(&head(), &call());
    let mut bytes = Vec::new();
    encoder.event(&text("a"), None, &mut bytes);
    let kind = "overloaded_error";
    encoder.fail(&Failure { code: kind, message: "Overloaded", kind }, &mut bytes);
    [stopped(StopReason::EndOfTurn), Event::End].iter().for_each(|event| encoder.event(event, None, &mut bytes));
    let events = unframed(&bytes);
    let payload = json!({"message": "Overloaded", "code": "overloaded_error"});
    assert_eq!(events.last(), Some(&("exception:serviceUnavailableException".to_owned(), payload)));
    assert_eq!(events.len(), 3);
}

#[test]
fn other_choices_than_the_first_have_no_place() {
    let second = [
        Event::Text { choice: 1, text: "b".into() },
        Event::ToolStart { choice: 1, index: 0, id: "x".into(), name: "f".into(), seal: None },
        Event::Stop { choice: 1, reason: StopReason::MaxTokens, sequence: None },
    ];
    let events: Vec<_> = [text("a")].into_iter().chain(second).chain([stopped(StopReason::EndOfTurn)]).collect();
    assert_eq!(strict(&written(&events)).len(), 1);
    assert_eq!(assembled(&events)["output"]["message"]["content"], json!([{"text": "a"}]));
    assert_eq!(assembled(&events)["stopReason"], "end_turn");
}

#[test]
fn arguments_that_are_cut_do_not_spoil_the_whole_answer() {
    let answer = assembled(&[begun(0, None), argued(0, "{\"cut"), stopped(StopReason::MaxTokens)]);
    let input = json!({"unparsed_arguments": "{\"cut"});
    assert_eq!(answer["output"]["message"]["content"][0]["toolUse"]["input"], input);
}

#[test]
fn a_stream_of_another_vendor_reaches_a_client_of_converse_whole() {
    let chunk = |delta: Value, finish: Value| {
        format!(
            "data: {}\n\n",
            json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
        )
    };
    let call_piece = |index: u32| json!({"tool_calls": [{"index": index, "id": format!("call_{index}"), "function": {"name": "f", "arguments": ""}}]});
    let stream = [
        chunk(json!({"content": "Hi"}), Value::Null),
        chunk(call_piece(0), Value::Null),
        chunk(call_piece(1), json!("tool_calls")),
        "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2,\"total_tokens\":7}}\n\n".into(),
        "data: [DONE]\n\n".into(),
    ];
    let mut relay = Relay::foreign(Dialect::OpenAi, &head(), &call());
    let mut out = Out::default();
    relay.push(stream.concat().into(), &|_| Some(cents()), &mut |_| {}, &mut out).expect("a stream");
    assert_eq!(relay.phase(), &Phase::Ended);
    let events = unframed(&out.take());
    assert_eq!(strict(&events).len(), 3);
    let metadata = &events.last().expect("the count").1;
    assert_eq!((&metadata["usage"]["inputTokens"], metadata["usage"]["cost"].to_string()), (&json!(5), "0.03".into()));
}

#[test]
fn an_exception_passes_through_as_it_came_and_is_noted() {
    let stream = framed([
        ("messageStart", r#"{"role":"assistant"}"#),
        ("exception:throttlingException", r#"{"message":"Too many requests"}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"never"}}"#),
    ]);
    let mut relay = Relay::passthrough(Dialect::Converse, &call());
    let mut out = Out::default();
    relay.push(stream.clone().into(), &|_| None, &mut |_| {}, &mut out).expect("a stream");
    let failed = Phase::Failed { kind: "ThrottlingException".into(), message: "Too many requests".into() };
    assert_eq!(relay.phase(), &failed);
    let passed = out.take();
    assert_eq!((unframed(&passed).len(), stream.starts_with(&passed)), (2, true));
}
