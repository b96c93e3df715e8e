//! Answers of Amazon, streamed and whole, read.

use serde_json::{Value, json};
use tollgate_api::{Citation, CitedSpan, Event, StopReason};
use tollgate_translate::Dialect;

use crate::said::joined;

pub(crate) fn decoded(said: &[(&str, Value)]) -> Vec<Event> {
    let (mut decoder, mut events) = (Dialect::Converse.decoder(), Vec::new());
    for (name, payload) in said {
        decoder.event(Some(name), &payload.to_string(), &mut events).expect("Converse's");
    }
    events
}

fn delta(index: u32, delta: Value) -> (&'static str, Value) {
    ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta, "p": "abc"}))
}

fn start(index: u32, start: Value) -> (&'static str, Value) {
    ("contentBlockStart", json!({"contentBlockIndex": index, "start": start}))
}

fn close(index: u32) -> (&'static str, Value) {
    ("contentBlockStop", json!({"contentBlockIndex": index}))
}

fn stop(reason: &str) -> (&'static str, Value) {
    ("messageStop", json!({"stopReason": reason}))
}

fn count() -> (&'static str, Value) {
    ("metadata", json!({"usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}, "metrics": {"latencyMs": 1}}))
}

fn tool(id: &str) -> Value {
    json!({"toolUse": {"toolUseId": id, "name": "f"}})
}

pub(crate) fn whole(answer: &Value) -> Vec<Event> {
    let mut events = Vec::new();
    Dialect::Converse.whole(answer.to_string().as_bytes(), &mut events).expect("Converse's");
    events
}

#[test]
fn a_streamed_answer_is_the_same_as_the_whole_answer() {
    let citation = json!({"title": "T", "sourceContent": [{"text": "q"}], "location": {"documentPage": {"documentIndex": 1, "start": 2, "end": 3}}});
    let streamed = decoded(&[
        ("messageStart", json!({"role": "assistant"})),
        delta(0, json!({"reasoningContent": {"text": "Let me "}})),
        delta(0, json!({"reasoningContent": {"text": "see"}})),
        delta(0, json!({"reasoningContent": {"signature": "c2ln"}})),
        close(0),
        delta(1, json!({"reasoningContent": {"redactedContent": "cmVk"}})),
        close(1),
        delta(2, json!({"text": "Hé"})),
        delta(2, json!({"text": "llo"})),
        delta(2, json!({"citation": citation})),
        close(2),
        start(3, tool("a")),
        delta(3, json!({"toolUse": {"input": "{\"x\":"}})),
        delta(3, json!({"toolUse": {"input": "1}"}})),
        close(3),
        start(4, json!({"image": {"format": "png"}})),
        delta(4, json!({"image": {"source": {"bytes": "AQ=="}}})),
        delta(4, json!({"image": {"source": {"bytes": "AgM="}}})),
        close(4),
        (
            "messageStop",
            json!({"stopReason": "tool_use", "additionalModelResponseFields": {"delta": {"stop_sequence": "S"}}}),
        ),
        (
            "metadata",
            json!({"usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}, "serviceTier": {"type": "flex"}}),
        ),
    ]);
    let at_once = whole(&json!({
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "Let me see", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": "cmVk"}},
            {"citationsContent": {"content": [{"text": "Héllo"}], "citations": [citation]}},
            {"toolUse": {"toolUseId": "a", "name": "f", "input": {"x": 1}}},
            {"image": {"format": "png", "source": {"bytes": "AQID"}}},
        ]}},
        "stopReason": "tool_use",
        "additionalModelResponseFields": {"stop_sequence": "S"},
        "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7},
        "serviceTier": {"type": "flex"},
    }));
    assert_eq!(joined(&streamed), at_once);
    let cited = Citation {
        title: Some("T".into()),
        quote: Some("q".into()),
        document: Some(1),
        source: Some(CitedSpan::Pages(2, 3)),
        ..Citation::default()
    };
    assert!(at_once.contains(&Event::Cited { choice: 0, citation: Box::new(cited) }));
    assert!(at_once.contains(&Event::Image { choice: 0, media_type: "image/png".into(), data: "AQID".into() }));
}

#[test]
fn a_call_without_arguments_has_the_empty_object() {
    for pieces in [vec![], vec![delta(0, json!({"toolUse": {"input": ""}}))]] {
        for end in [close(0), stop("tool_use")] {
            let said: Vec<_> = [start(0, tool("a"))].into_iter().chain(pieces.clone()).chain([end]).collect();
            let arguments = Event::ToolArguments { choice: 0, index: 0, json: "{}".into() };
            assert_eq!(decoded(&said).iter().filter(|event| **event == arguments).count(), 1, "{said:?}");
        }
    }
}

#[test]
fn pieces_of_parallel_calls_go_to_the_call_whose_block_they_name() {
    let events = decoded(&[
        start(0, tool("a")),
        start(1, tool("b")),
        delta(1, json!({"toolUse": {"input": "{\"b\":1}"}})),
        delta(0, json!({"toolUse": {"input": "{\"a\":1}"}})),
        stop("tool_use"),
    ]);
    let arguments = events.iter().filter_map(|event| match event {
        Event::ToolArguments { index, json, .. } => Some((*index, json.as_str())),
        _ => None,
    });
    assert_eq!(arguments.collect::<Vec<_>>(), [(1, "{\"b\":1}"), (0, "{\"a\":1}")]);
}

#[test]
fn tools_that_amazon_runs_itself_are_not_told_as_the_clients() {
    let own = json!({"toolUse": {"toolUseId": "s", "name": "search", "type": "server_tool_use", "input": {}}});
    let result = json!({"toolResult": {"toolUseId": "s", "content": [{"text": "found"}]}});
    let streamed = decoded(&[
        start(0, own.clone()),
        delta(0, json!({"toolUse": {"input": "{}"}})),
        close(0),
        start(1, json!({"toolResult": {"toolUseId": "s"}})),
        delta(1, json!({"toolResult": [{"text": "found"}]})),
        close(1),
        delta(2, json!({"text": "so"})),
    ]);
    let at_once = whole(&json!({"output": {"message": {"content": [own, result, {"text": "so"}]}}}));
    let text = Event::Text { choice: 0, text: "so".into() };
    assert_eq!((&streamed[1..], &at_once[1..2]), (&[text.clone()][..], &[text][..]));
}

#[test]
fn every_word_for_the_end_is_understood() {
    for (word, reason) in [
        ("end_turn", StopReason::EndOfTurn),
        ("tool_use", StopReason::ToolUse),
        ("max_tokens", StopReason::MaxTokens),
        ("model_context_window_exceeded", StopReason::MaxTokens),
        ("stop_sequence", StopReason::StopSequence),
        ("guardrail_intervened", StopReason::Refused),
        ("content_filtered", StopReason::Refused),
        ("malformed_tool_use", StopReason::EndOfTurn),
        ("newer than this", StopReason::EndOfTurn),
    ] {
        assert_eq!(decoded(&[stop(word)])[1], Event::Stop { choice: 0, reason, sequence: None }, "{word}");
    }
}

#[test]
fn an_answer_ends_once_and_only_when_it_stopped_and_was_counted() {
    let ends = |said: &[_]| decoded(said).iter().filter(|event| **event == Event::End).count();
    assert_eq!(ends(&[delta(0, json!({"text": "a"})), stop("end_turn")]), 0);
    assert_eq!(ends(&[delta(0, json!({"text": "a"})), count()]), 0);
    assert_eq!(ends(&[stop("end_turn"), count(), count(), stop("end_turn")]), 1);
    assert_eq!(ends(&[count(), stop("end_turn")]), 1);
}

#[test]
fn an_exception_in_mid_stream_is_never_taken_for_success() {
    for (name, kind) in [
        ("exception:throttlingException", "ThrottlingException"),
        ("exception:modelStreamErrorException", "ModelStreamErrorException"),
        ("exception:InternalFailure", "InternalFailure"),
    ] {
        let events = decoded(&[delta(0, json!({"text": "a"})), (name, json!({"message": "Too many requests"}))]);
        let failed = Event::Failed { kind: kind.into(), message: "Too many requests".into() };
        assert_eq!(events.last(), Some(&failed), "{name}");
    }
    let secret = decoded(&[("exception:validationException", json!({"message": "key AKIAIOSFODNN7EXAMPLE"}))]);
    assert!(!format!("{secret:?}").contains("AKIA"), "{secret:?}");
}

#[test]
fn what_is_newer_than_this_code_is_passed_over() {
    let events = decoded(&[
        ("initial-response", json!({})),
        ("contentBlockThought", json!("anything")),
        start(0, json!({"hologram": {}})),
        delta(0, json!({"hologram": [1]})),
        delta(1, json!({"text": "a", "new": 1})),
    ]);
    assert_eq!(events[1..], [Event::Text { choice: 0, text: "a".into() }]);
    let mut decoder = Dialect::Converse.decoder();
    assert!(decoder.event(Some("contentBlockDelta"), "\"SECRET\"", &mut Vec::new()).is_err());
    assert!(decoder.event(None, "{}", &mut Vec::new()).is_ok());
}

#[test]
fn an_answer_calls_at_most_a_thousand_tools() {
    let said: Vec<_> = (0..1025).map(|index| start(index, tool("a"))).collect();
    let (mut decoder, mut events) = (Dialect::Converse.decoder(), Vec::new());
    let results = said.iter().map(|(name, payload)| decoder.event(Some(name), &payload.to_string(), &mut events));
    assert_eq!(results.filter(Result::is_err).count(), 1);
}

#[test]
fn a_body_that_is_no_answer_is_garbage_and_is_not_quoted() {
    for body in ["{}", "{\"output\":{}}", "{\"message\":\"SECRET\"}", "[]", "<html>SECRET", ""] {
        let garbage = Dialect::Converse.whole(body.as_bytes(), &mut Vec::new()).expect_err(body);
        assert!(!garbage.to_string().contains("SECRET"), "{garbage}");
    }
}
