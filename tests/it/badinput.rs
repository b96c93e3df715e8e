//! Whatever comes in, from either side: a clear error, nothing lost, and the next request is served.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::json;
use tollgate_simulate::Profile;

use crate::bare::{BareVendor, WHOLE};
use crate::http::head;
use crate::world::{Chat, World};

/// A chat request with this in place of its messages.
fn with_messages(messages: &str) -> Vec<u8> {
    format!(r#"{{"model":"only-steady","messages":{messages}}}"#).into_bytes()
}

/// A chat request with this member besides.
fn with_member(member: &str) -> Vec<u8> {
    format!(r#"{{"model":"only-steady","messages":[{{"role":"user","content":"x"}}],{member}}}"#).into_bytes()
}

#[test]
fn a_body_that_cannot_be_served_is_a_400_that_says_why() {
    let nested = |depth: usize| with_member(&format!("\"x\":{}{}", "[".repeat(depth), "]".repeat(depth)));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("cut short", br#"{"model":"only-steady","messages":[{"role":"us"#.to_vec(), "invalid_json"),
        ("not an object", b"[1,2,3]".to_vec(), "invalid_json"),
        ("a bare word", b"hello".to_vec(), "invalid_json"),
        (
            "text after the end",
            [with_messages(r#"[{"role":"user","content":"x"}]"#), b"{}".to_vec()].concat(),
            "invalid_json",
        ),
        (
            "invalid UTF-8",
            with_messages("[{\"role\":\"user\",\"content\":\"\u{0}\"}]")
                .iter()
                .map(|b| if *b == 0 { 0xff } else { *b })
                .collect(),
            "invalid_json",
        ),
        ("UTF-16", "{\"model\":\"x\"}".encode_utf16().flat_map(u16::to_le_bytes).collect(), "invalid_json"),
        ("nested 200 deep", nested(200), "invalid_json"),
        ("nested 10,000 deep", nested(10_000), "invalid_json"),
        (
            "nested 1,000,000 deep, unclosed",
            with_member(&format!("\"x\":{}", "[{\"a\":".repeat(1_000_000))),
            "invalid_json",
        ),
        ("a member twice", with_member(r#""model":"other""#), "invalid_json"),
        ("no model", br#"{"messages":[{"role":"user","content":"x"}]}"#.to_vec(), "invalid_request"),
        ("no messages", br#"{"model":"only-steady"}"#.to_vec(), "invalid_request"),
        ("empty messages", with_messages("[]"), "invalid_request"),
        ("messages of the wrong type", with_messages("\"hello\""), "invalid_request"),
        ("a number for a model", br#"{"model":7,"messages":[1]}"#.to_vec(), "invalid_request"),
        ("a word for a flag", with_member(r#""stream":"yes""#), "invalid_request"),
        ("a negative cap", with_member(r#""max_tokens":-5"#), "invalid_request"),
        ("a fraction of a token", with_member(r#""max_tokens":1.5"#), "invalid_request"),
        ("an astronomic cap", with_member(r#""max_tokens":1e400"#), "invalid_request"),
        ("options of the wrong type", with_member(r#""stream_options":7"#), "invalid_request"),
        ("tools of the wrong type", with_member(r#""tools":{}"#), "invalid_request"),
    ];
    let world = World::steady();
    for (what, body, code) in &cases {
        let answer = world.post(body);
        assert_eq!((answer.status, answer.code().as_str()), (400, *code), "{what}: {}", answer.text());
        assert!(answer.json()["error"]["message"].as_str().is_some_and(|m| m.len() > 20), "{what}");
        assert_eq!(world.line_of(&answer)["outcome"], "refused", "{what}");
    }
    assert_eq!(world.seen("steady").requests, 0);
    assert_eq!(world.chat(Chat::only("steady")).status, 200);
}

#[test]
fn what_only_another_dialect_cannot_say_is_refused_or_said_but_never_a_panic() {
    let world = World::with().openai("north", Profile::default()).anthropic("south", Profile::default()).start();
    for messages in [
        r#"[null]"#,
        r#"[7]"#,
        r#"["hello"]"#,
        r#"[[]]"#,
        r#"[{}]"#,
        r#"[{"role":"user"}]"#,
        r#"[{"role":"user","content":7}]"#,
        r#"[{"role":"user","content":[7]}]"#,
        r#"[{"role":"user","content":[{"type":"image_url"}]}]"#,
        r#"[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:nonsense"}}]}]"#,
        r#"[{"role":"wizard","content":"x"}]"#,
        r#"[{"role":"tool","content":"x"}]"#,
        r#"[{"role":"assistant","tool_calls":[{"id":1}]}]"#,
        r#"[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{not json"}}]},{"role":"tool","tool_call_id":"a","content":"x"}]"#,
        r#"[{"role":"user","content":"\ud800"}]"#,
    ] {
        for stream in [false, true] {
            let body = format!(r#"{{"model":"only-south","stream":{stream},"messages":{messages}}}"#);
            let answer = world.post(body);
            assert!(matches!(answer.status, 200 | 400 | 503), "{messages}: {} {}", answer.status, answer.text());
            assert!(answer.status != 503 || answer.text().contains("south"), "{messages}: {}", answer.text());
        }
    }
    assert_eq!(world.chat(Chat::only("south")).status, 200);
}

#[test]
fn heads_that_are_no_http_are_turned_away_and_nothing_breaks() {
    let world = World::with()
        .openai("steady", Profile::default())
        .server("header_timeout: 1s")
        .server("read_timeout: 1s")
        .start();
    let long = "x".repeat(1 << 20);
    let many: String = (0..5000).map(|n| format!("x-{n}: {n}\r\n")).collect();
    let bodyless = world.chat_head(None);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec()),
        ("zeros", vec![0; 4096]),
        ("no version", b"GET /\r\n\r\n".to_vec()),
        ("a long path", format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes()),
        ("a long header", format!("GET / HTTP/1.1\r\nhost: x\r\nx: {long}\r\n\r\n").into_bytes()),
        ("many headers", format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n").into_bytes()),
        ("a header without a name", b"GET / HTTP/1.1\r\n: x\r\n\r\n".to_vec()),
        ("a zero in a header", b"GET / HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n".to_vec()),
        (
            "two lengths",
            bodyless.replace("transfer-encoding: chunked", "content-length: 2\r\ncontent-length: 3").into_bytes(),
        ),
        ("a negative length", bodyless.replace("transfer-encoding: chunked", "content-length: -1").into_bytes()),
        (
            "a length beyond all",
            bodyless.replace("transfer-encoding: chunked", "content-length: 99999999999999999999999").into_bytes(),
        ),
        (
            "length and chunks",
            bodyless.replace("transfer-encoding", "content-length: 2\r\ntransfer-encoding").into_bytes(),
        ),
        ("a chunk of no size", format!("{bodyless}nonsense\r\n{{}}\r\n0\r\n\r\n").into_bytes()),
        ("a chunk beyond all", format!("{bodyless}ffffffffffffffffff\r\n{{}}\r\n").into_bytes()),
        ("half a preface", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec()),
        ("a preface and garbage", [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0xff; 100]].concat()),
    ];
    for (what, bytes) in cases {
        let mut connection = world.connect();
        let sent = connection.send_beside(bytes);
        connection.patience(Duration::from_secs(4));
        // Refused, or hung up on: both will do. Served would not, nor left open.
        match connection.try_answer() {
            Ok(answer) => assert!((400..600).contains(&answer.status), "{what}: {} {}", answer.status, answer.text()),
            Err(e) => assert!(!matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{what}: left open"),
        }
        connection.hang_up();
        let _ = sent.join();
        assert_eq!(world.chat(Chat::only("steady")).status, 200, "after {what}");
    }
    world.wait_for_metric("tollgate_requests_in_flight", &[], 0.0);
    assert!(world.resident_bytes() < 200 << 20, "nor does it keep any of it");
}

#[test]
fn odd_but_proper_requests_are_served() {
    let world = World::steady();
    let body = Chat::only("steady").bytes();
    let bearer = format!("Bearer {}", world.key);
    let plain = head("POST", "/v1/chat/completions", &[("authorization", &bearer)], Some(body.len()));
    for (what, text) in [
        ("HTTP/1.0", plain.replace("HTTP/1.1", "HTTP/1.0")),
        ("an absolute URI", plain.replace("POST /v1", "POST http://gate.test/v1")),
        ("a query", plain.replace("/completions ", "/completions?api-version=1 ")),
        (
            "names in capitals",
            plain.replace("authorization", "AUTHORIZATION").replace("content-length", "Content-LENGTH"),
        ),
    ] {
        let answer = world.connect().send([text.as_bytes(), &body].concat()).answer();
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
    }
}

/// What a vendor may say that is no answer.
fn garbage() -> Vec<(&'static str, String)> {
    let json = |body: &str| {
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    let stream =
        |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}");
    vec![
        ("nothing", String::new()),
        ("no HTTP", "SSH-2.0-OpenSSH_9.2\r\n".into()),
        ("a status of letters", "HTTP/1.1 abc OK\r\n\r\n".into()),
        ("an endless head", format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20))),
        ("a body shorter than it says", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}".into()),
        (
            "a chunk of no size",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n{}\r\n0\r\n\r\n".into(),
        ),
        ("chunks that stop", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n100\r\n{".into()),
        ("an empty body", json("")),
        ("a list", json("[1,2,3]")),
        ("a page", json("<html>It works!</html>")),
        ("half an answer", json(&WHOLE[..WHOLE.len() / 2])),
        ("compressed nonsense", json("\x1f\u{8b}\u{8}nonsense")),
        ("events that are no JSON", stream("data: hello\n\ndata: world\n\n")),
        ("events that are no chunks", stream("data: 7\n\ndata: []\n\n")),
        ("an endless line", stream(&format!("data: {}", "x".repeat(20 << 20)))),
    ]
}

#[test]
fn a_vendor_that_answers_garbage_is_passed_over_or_told_of() {
    for (what, bytes) in garbage() {
        for stream in [false, true] {
            let of_this_kind = bytes.contains("event-stream") == stream || !bytes.contains("200 OK");
            if !of_this_kind {
                continue;
            }
            let bytes = bytes.clone();
            let vendor = BareVendor::spawn(move |_, mut wire| {
                wire.request();
                wire.write(&bytes);
            });
            let world = World::with()
                .at("garbage", vendor.base_url())
                .openai("steady", Profile::default())
                .model("chain", &["garbage", "steady"])
                .section("timeouts", "{first_byte: 3s}")
                .start();
            let asked = |chat: Chat| world.chat(if stream { chat.streamed() } else { chat });
            let answer = asked(Chat::to("chain"));
            assert_eq!(
                (answer.status, answer.header("x-tollgate-endpoint")),
                (200, Some("steady")),
                "{what}, streamed: {stream}: {}",
                answer.text()
            );
            let answer = asked(Chat::only("garbage"));
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (503, "all_endpoints_failed"),
                "{what}, streamed: {stream}"
            );
            assert!(world.resident_bytes() < 200 << 20, "{what}");
        }
    }
}

#[test]
fn a_vendor_that_forgets_half_of_an_answer_does_not_confuse_the_next() {
    let vendor = BareVendor::spawn(|_, mut wire| {
        while wire.request().is_some() {
            // The answer, and behind it what looks like the next one.
            wire.write(format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{WHOLE}HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n{{\"poisoned\":\"yes\"}}\n", WHOLE.len()));
        }
    });
    let world = World::with().at("poisoner", vendor.base_url()).start();
    for _ in 0..5 {
        let answer = world.chat(Chat::only("poisoner"));
        assert_eq!((answer.status, answer.said().as_str()), (200, "bare"), "{}", answer.text());
    }
}

#[test]
fn unicode_of_every_kind_passes() {
    let echo = Profile { echo: true, ..Profile::default() };
    let world = World::with().openai("north", echo.clone()).anthropic("south", echo).start();
    let text: String = ('\u{1}'..='\u{2ff}').chain("\u{fffd}\u{feff}𐍈🏳️‍🌈\u{202e}\u{10ffff}".chars()).collect();
    for name in ["north", "south"] {
        let answer = world.chat(Chat::only(name).with("messages", json!([{"role": "user", "content": text}])));
        assert_eq!(answer.said(), text, "{name}");
    }
}
