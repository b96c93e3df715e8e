//! A stream that is decoded and written anew: what filters see of it, and how it ends.

use serde_json::Value;
use tollgate_api::Event;
use tollgate_translate::{AnswerHead, Dialect, Phase, Relay};

use crate::plain::plain as call;
use crate::relayed::{Came, relayed};
use crate::said::cents;

const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n";
const BLOCK: &str = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
const PING: &str = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
const TEXT: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Héllo\"}}\n\n";
const CLOSE: &str = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n";
const STOP: &str = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":2}}\n\n";
const END: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
const ERROR: &str =
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";

fn relay(stream: &str, wants_usage: bool, on_event: &mut dyn FnMut(&mut Event)) -> Came {
    let head = AnswerHead { id: "answer".into(), model: "m".into(), created: 1 };
    relayed(Relay::foreign(Dialect::Anthropic, &head, &call(wants_usage)), [stream.as_bytes()], cents, on_event)
}

fn plain(stream: &str) -> Came {
    relay(stream, false, &mut |_| {})
}

/// The data of each event that is JSON.
fn payloads(stream: &str) -> Vec<Value> {
    stream.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect()
}

/// All text in the deltas.
fn text(stream: &str) -> String {
    let chunks = payloads(stream);
    chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect()
}

#[test]
fn an_answer_is_written_anew_and_counted() {
    let came = plain(&[START, BLOCK, PING, TEXT, CLOSE, STOP, END].concat());
    assert_eq!((&*text(&came.bytes), came.output_chars, came.phase), ("Héllo", 5, Phase::Ended));
    assert_eq!(came.usage.map(|usage| (usage.input, usage.output)), Some((3, 2)));
    assert!(came.bytes.ends_with("data: [DONE]\n\n"), "{}", came.bytes);
    assert!(payloads(&came.bytes).iter().all(|chunk| !chunk["usage"].is_object()), "{}", came.bytes);
}

#[test]
fn usage_that_was_asked_for_comes_once_with_its_cost() {
    let came = relay(&[START, BLOCK, TEXT, CLOSE, STOP, END].concat(), true, &mut |_| {});
    let usage: Vec<_> = payloads(&came.bytes).into_iter().filter(|chunk| chunk["usage"].is_object()).collect();
    assert_eq!(usage.len(), 1, "{}", came.bytes);
    assert_eq!(usage[0]["usage"]["cost"].to_string(), "0.03");
}

#[test]
fn what_a_filter_rewrites_is_what_the_client_gets_and_not_what_is_billed() {
    let came = relay(&[START, BLOCK, TEXT, CLOSE, STOP, END].concat(), false, &mut |event| {
        if let Event::Text { text, .. } = event {
            *text = "…".into();
        }
    });
    assert_eq!((&*text(&came.bytes), came.output_chars), ("…", 5));
}

#[test]
fn content_begins_with_the_first_thing_to_read() {
    for (stream, phase) in [
        (START.to_owned(), Phase::Waiting),
        ([START, PING, BLOCK].concat(), Phase::Waiting),
        ([START, BLOCK, TEXT].concat(), Phase::Content),
    ] {
        assert_eq!(plain(&stream).phase, phase, "{stream}");
    }
}

#[test]
fn a_failure_is_told_once_in_the_clients_shape_and_nothing_follows_it() {
    for before in [vec![], vec![START, BLOCK, TEXT]] {
        let came = plain(&[&before.concat(), ERROR, TEXT, STOP, END].concat());
        match came.phase {
            Phase::Failed { kind, message } => assert_eq!((&*kind, &*message), ("overloaded_error", "Overloaded")),
            other => panic!("{other:?}"),
        }
        let events = payloads(&came.bytes);
        let last = events.last().expect("the error");
        assert_eq!(
            (&last["error"]["type"], &last["error"]["message"]),
            (&"overloaded_error".into(), &"Overloaded".into())
        );
        assert!(!came.bytes.contains("[DONE]"), "{}", came.bytes);
    }
}

#[test]
fn an_answer_that_is_cut_has_no_end_mark() {
    for cut in [[START, BLOCK, TEXT].concat(), [START, BLOCK, TEXT, &STOP[..STOP.len() / 2]].concat()] {
        let came = plain(&cut);
        assert_eq!((came.phase, came.garbage), (Phase::Content, None), "{cut}");
        assert!(!came.bytes.contains("[DONE]"), "{}", came.bytes);
    }
}

#[test]
fn an_answer_that_said_why_it_stopped_is_whole_without_its_last_event() {
    let came = plain(&[START, BLOCK, TEXT, CLOSE, STOP].concat());
    assert_eq!(came.phase, Phase::Ended);
    assert!(came.bytes.ends_with("data: [DONE]\n\n"), "{}", came.bytes);
    let unterminated = plain([START, BLOCK, TEXT, CLOSE, STOP, END].concat().trim_end());
    assert_eq!((unterminated.phase, unterminated.bytes), (Phase::Ended, came.bytes));
}

#[test]
fn garbage_is_named_and_what_came_before_it_goes_out() {
    for garbage in ["data: <html>SECRET\n\n", "data: \"SECRET\"\n\n"] {
        let came = plain(&[START, BLOCK, TEXT, garbage].concat());
        assert_eq!(text(&came.bytes), "Héllo");
        assert!(!came.garbage.expect(garbage).to_string().contains("SECRET"));
    }
}
