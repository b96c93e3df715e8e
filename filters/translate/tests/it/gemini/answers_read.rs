//! What Gemini answers, and what that means.

use serde_json::json;
use tollgate_api::{Event, Seal, Sealer, StopReason};

use tollgate_translate::Dialect;

use super::{arguments, begun, chunk, decode, finish, ids, reason, stop, text, thinking};

#[test]
fn stop_after_calls_is_tool_use_though_it_comes_alone() {
    let call = chunk(json!([{"functionCall": {"name": "f", "args": {}}}]));
    assert_eq!(reason(&decode(&[call.clone(), finish("STOP")])), Some(StopReason::ToolUse));
    assert_eq!(reason(&decode(&[chunk(json!([{"text": "a"}])), finish("STOP")])), Some(StopReason::EndOfTurn));
    assert_eq!(reason(&decode(&[call, finish("MAX_TOKENS")])), Some(StopReason::MaxTokens));
}

#[test]
fn parallel_calls_have_their_own_numbers_and_ids() {
    let two = json!([{"functionCall": {"name": "f", "args": {"a": 1}}}, {"functionCall": {"name": "f"}}]);
    let events = decode(&[chunk(two), chunk(json!([{"functionCall": {"id": "own", "name": "g", "args": null}}]))]);
    let numbers: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::ToolArguments { index, json, .. } => Some((*index, json.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [(0, r#"{"a":1}"#), (1, "{}"), (2, "{}")]);
    assert_eq!(ids(&events), ["call_r-1_0", "call_r-1_1", "own"]);
}

#[test]
fn ids_do_not_restart_with_every_answer() {
    let with = |id: &str, tokens: u64| {
        let mut chunk = chunk(json!([{"functionCall": {"name": "f", "args": {}}}]));
        chunk["responseId"] = id.into();
        chunk["usageMetadata"] = json!({"promptTokenCount": tokens});
        ids(&decode(&[chunk])).join(",")
    };
    assert_ne!(with("a", 1), with("b", 1));
    // A vendor that names no answer still counts its tokens.
    assert_ne!(with("", 1), with("", 2));
    assert!(with(&"x/y".repeat(100), 1).len() <= 40);
}

#[test]
fn what_was_refused_is_refused() {
    for word in ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "IMAGE_SAFETY", "OTHER"] {
        assert_eq!(reason(&decode(&[finish(word)])), Some(StopReason::Refused), "{word}");
    }
    let blocked =
        json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 3}});
    let mut events = Vec::new();
    Dialect::Gemini.whole(blocked.to_string().as_bytes(), &mut events).expect("an answer");
    assert_eq!(reason(&events), Some(StopReason::Refused));
    assert_eq!(events.last(), Some(&Event::End));
}

#[test]
fn an_answer_that_google_cannot_read_is_a_failure_and_its_tokens_count() {
    let mut broken = finish("MALFORMED_FUNCTION_CALL");
    broken["candidates"][0]["finishMessage"] = "SECRET".into();
    broken["usageMetadata"] = json!({"promptTokenCount": 3, "thoughtsTokenCount": 9});
    match &decode(&[broken])[..] {
        [Event::Start { .. }, Event::Usage(usage), Event::Failed { kind, message }] => {
            assert_eq!((usage.output, kind.as_str()), (9, "MALFORMED_FUNCTION_CALL"));
            assert!(!message.contains("SECRET"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_in_a_stream_is_told_bare_or_in_an_array() {
    let error = json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}});
    for data in [error.clone(), json!([error])] {
        let events = decode(&[data]);
        assert_eq!(events, [Event::Failed { kind: "UNAVAILABLE".into(), message: "busy".into() }]);
    }
}

#[test]
fn stop_beside_code_that_is_yet_to_run_is_not_the_end() {
    let mut runs = chunk(json!([{"text": "let me see"}, {"executableCode": {"language": "PYTHON", "code": "1"}}]));
    runs["candidates"][0]["finishReason"] = "STOP".into();
    let result = chunk(json!([{"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}, {"text": "1"}]));
    let events = decode(&[runs, result, finish("STOP")]);
    assert_eq!(events[1..], [text("let me see"), text("1"), stop(StopReason::EndOfTurn)]);
}

#[test]
fn seals_come_with_what_they_seal() {
    let google = |data: &str| Some(Seal::new(Sealer::Google, data));
    let events = decode(&[
        chunk(json!([{"text": "hm", "thought": true}, {"text": "so", "thoughtSignature": "QQ=="}])),
        chunk(
            json!([{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "Qg=="}, {"text": "", "thoughtSignature": "Qw=="}]),
        ),
    ]);
    let expected = [
        thinking("hm", None),
        text("so"),
        thinking("", google("QQ==")),
        begun(0, "call_r-1_0", google("Qg==")),
        arguments(0, "{}"),
        thinking("", google("Qw==")),
    ];
    assert_eq!(events[1..], expected);
}

#[test]
fn an_answer_without_candidates_is_garbage_and_more_calls_than_anybody_makes_too() {
    let mut events = Vec::new();
    for body in [r#"{"usageMetadata":{"promptTokenCount":1}}"#, "{}", "[]", r#"{"candidates":[]}"#] {
        assert!(Dialect::Gemini.whole(body.as_bytes(), &mut events).is_err(), "{body}");
    }
    let calls: Vec<_> = (0..1025).map(|_| json!({"functionCall": {"name": "f", "args": {}}})).collect();
    let body = chunk(json!(calls)).to_string();
    assert!(Dialect::Gemini.whole(body.as_bytes(), &mut events).is_err());
    let far = json!({"candidates": [{"index": 128}]}).to_string();
    assert!(Dialect::Gemini.whole(far.as_bytes(), &mut events).is_err());
}
