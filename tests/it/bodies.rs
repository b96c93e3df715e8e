//! Bodies of every size, over every framing and every version of HTTP: byte for byte, or refused.

use std::time::{Duration, Instant};

use serde_json::json;
use sha2::{Digest, Sha256};
use tollgate_simulate::Profile;

use crate::bare::{BareVendor, WHOLE};
use crate::http::{Answer, Connection, chunked};
use crate::world::{Chat, World};

const MEBI: usize = 1 << 20;

/// A chat request of exactly this many bytes, whose text differs from place to place.
fn body_of(bytes: usize, model: &str) -> Vec<u8> {
    let (open, close) = (format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":""#), r#""}]}"#);
    let text = (0..).flat_map(|n: u32| format!("{n:08x} ").into_bytes()).take(bytes - open.len() - close.len());
    open.bytes().chain(text).chain(close.bytes()).collect()
}

fn sha(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Sends head and body from a thread, so that an early answer is seen.
fn send(world: &World, head: String, body: &[u8]) -> Answer {
    let mut connection = world.connect();
    let sent = connection.send_beside([head.as_bytes(), body].concat());
    let answer = connection.answer();
    drop(connection);
    let _ = sent.join();
    answer
}

#[test]
fn twenty_megabytes_arrive_byte_for_byte() {
    let world = World::steady();
    let body = body_of(20 * MEBI, "only-steady");
    let expected = sha(&body_of(20 * MEBI + "steady-model".len() - "only-steady".len(), "steady-model"));
    let arrived = |how: &str, answer: Answer| {
        assert_eq!(answer.status, 200, "{how}: {}", answer.text());
        assert_eq!(sha(&world.seen("steady").last.expect("it was asked").body), expected, "{how}");
    };
    arrived("with its length", send(&world, world.chat_head(Some(body.len())), &body));
    arrived("in chunks", send(&world, world.chat_head(None), &chunked(&body, 100_003)));
    arrived("over HTTP/2", world.chat_over_h2(body.clone()));
}

#[test]
fn thirty_three_megabytes_are_refused_however_they_come() {
    let world = World::steady();
    let body = body_of(33 * MEBI, "only-steady");
    let refused = |how: &str, answer: Answer| {
        assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"), "{how}");
    };
    refused("with its length", send(&world, world.chat_head(Some(body.len())), &body));
    refused("in chunks", send(&world, world.chat_head(None), &chunked(&body, 65_536)));
    refused("over HTTP/2", world.chat_over_h2(body));
    assert_eq!(world.seen("steady").requests, 0);
    assert_eq!(world.chat(Chat::only("steady")).status, 200, "the next one is served");
}

#[test]
fn the_limit_is_exact_and_configurable() {
    let world = World::with().openai("steady", Profile::default()).server("max_body: 1000").start();
    for (bytes, status) in [(1000, 200), (1001, 413)] {
        let body = body_of(bytes, "only-steady");
        assert_eq!(world.post(&body).status, status, "{bytes} with their length");
        let in_chunks = send(&world, world.chat_head(None), &chunked(&body, 7));
        assert_eq!(in_chunks.status, status, "{bytes} in chunks");
        assert_eq!(world.chat_over_h2(body).status, status, "{bytes} over HTTP/2");
    }
}

#[test]
fn a_body_of_one_byte_or_none_is_a_clear_400() {
    let world = World::steady();
    for body in ["", "x", "{", "1", "\n", "\0"] {
        let with_length = world.post(body);
        let in_chunks = send(&world, world.chat_head(None), &chunked(body.as_bytes(), 1));
        for answer in [with_length, in_chunks, world.chat_over_h2(body)] {
            assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_json"), "{body:?}");
        }
    }
}

#[test]
fn chunks_of_one_byte_trailers_and_extensions_are_chunks_like_others() {
    let world = World::steady();
    let body = Chat::only("steady").bytes();
    let ones = chunked(&body, 1);
    let mut with_trailer = chunked(&body, 10);
    with_trailer.truncate(with_trailer.len() - 2);
    with_trailer.extend_from_slice(b"x-trailer: 1\r\n\r\n");
    let extended =
        format!("{:x};name=value\r\n{}\r\n0\r\n\r\n", body.len(), String::from_utf8_lossy(&body)).into_bytes();
    for (how, framed) in [("one byte each", ones), ("a trailer", with_trailer), ("an extension", extended)] {
        let answer = send(&world, world.chat_head(None), &framed);
        assert_eq!(answer.status, 200, "{how}: {}", answer.text());
    }
}

#[test]
fn clients_may_speak_http_1_and_2_in_clear_text_and_with_tls() {
    let plain = World::steady();
    let body = Chat::only("steady").bytes();
    let streamed = Chat::only("steady").streamed().bytes();
    assert_eq!(plain.chat(Chat::only("steady")).status, 200);
    assert_eq!(plain.chat_over_h2(body.clone()).status, 200, "h2c by prior knowledge");
    assert_eq!(plain.chat_over_h2(streamed.clone()).events().last().map(String::as_str), Some("[DONE]"));

    let secure = World::with().openai("steady", Profile::default()).tls().start();
    let ca = secure.ca_pem.clone().expect("it has TLS");
    assert_eq!(secure.chat_over_h2(body.clone()).status, 200, "HTTP/2 by ALPN");
    assert_eq!(secure.chat_over_h2(streamed.clone()).events().last().map(String::as_str), Some("[DONE]"));
    for alpn in [&["http/1.1"][..], &[]] {
        let (mut connection, taken) = Connection::open_tls(secure.clients_tls(), &ca, alpn);
        assert_ne!(taken.as_deref(), Some(&b"h2"[..]), "who offers HTTP/1.1 gets it");
        for body in [&body, &streamed] {
            assert_eq!(connection.send(secure.chat_bytes(body)).answer().status, 200, "{alpn:?}");
        }
    }
}

#[test]
fn upstreams_may_speak_http_2_and_tls() {
    let world = World::with().over_h2c("clear").over_tls("secure", "1.1").over_tls("both", "2").start();
    for (name, version) in [("clear", "HTTP/2.0"), ("secure", "HTTP/1.1"), ("both", "HTTP/2.0")] {
        for chat in [Chat::only(name), Chat::only(name).streamed(), Chat::only(name).saying("x".repeat(2 * MEBI))] {
            let answer = world.chat(chat);
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
            assert!(!answer.said().is_empty());
        }
        let vendor = if name == "clear" { &world.vendor } else { world.tls_vendor.as_ref().expect("it was started") };
        let request = vendor.seen(name).last.expect("it was asked");
        assert_eq!(request.version, version, "{name}");
        assert_eq!(request.header("authorization"), Some(format!("Bearer credential-of-{name}").as_str()));
    }
}

#[test]
fn a_vendor_whose_certificate_nobody_vouches_for_is_not_spoken_to() {
    let stranger = tollgate_simulate::Vendor::spawn(tollgate_simulate::Options { tls: true, ..Default::default() });
    let stranger = stranger.expect("a vendor starts");
    let world = World::with()
        .at("stranger", format!("{}/v1", stranger.base_url("stranger")))
        .openai("steady", Profile::default())
        .model("chain", &["stranger", "steady"])
        .start();
    let answer = world.chat(Chat::to("chain"));
    assert_eq!(answer.header("x-tollgate-fallback-chain"), Some("stranger:tls,steady:ok"));
    assert_eq!(stranger.seen("stranger").requests, 0);
}

#[test]
fn expect_100_continue_is_answered_at_once() {
    let world = World::steady();
    let body = Chat::only("steady").bytes();
    let head = world.chat_head(Some(body.len())).replace("\r\n\r\n", "\r\nexpect: 100-continue\r\n\r\n");
    let mut connection = world.connect();
    let began = Instant::now();
    connection.send(&head);
    assert_eq!(connection.head().expect("the go-ahead, before any body").status, 100);
    assert!(
        began.elapsed() < Duration::from_millis(500),
        "curl waits a second before it gives up: {:?}",
        began.elapsed()
    );
    assert_eq!(connection.send(&body).answer().status, 200);

    let head = world.chat_head(Some(33 * MEBI)).replace("\r\n\r\n", "\r\nexpect: 100-continue\r\n\r\n");
    assert_eq!(world.connect().send(head).head().expect("an answer").status, 413, "no go-ahead for what is too long");
}

#[test]
fn a_stray_line_break_after_a_body_is_harmless() {
    let world = World::steady();
    for chat in [Chat::only("steady"), Chat::only("steady").streamed()] {
        let mut connection = world.connect();
        for _ in 0..3 {
            let stray = [world.chat_bytes(&chat.bytes()), b"\r\n".to_vec()].concat();
            let answer = connection.send(stray).answer();
            assert_eq!(answer.status, 200);
            assert!(!answer.said().is_empty());
        }
    }
    assert_eq!(world.seen("steady").answered, 6, "none was taken for a hang-up");
}

#[test]
fn requests_in_a_row_share_a_connection_also_when_sent_at_once() {
    let world = World::steady();
    let mut connection = world.connect();
    let one = world.chat_bytes(&Chat::only("steady").bytes());
    connection.send([one.clone(), one].concat());
    assert_eq!((connection.answer().status, connection.answer().status), (200, 200));
    let refused = connection.send(world.chat_bytes(b"{")).answer();
    assert_eq!(refused.status, 400);
    assert_eq!(
        connection.send(world.chat_bytes(&Chat::only("steady").bytes())).answer().status,
        200,
        "an error ends no connection"
    );
}

#[test]
fn a_compressed_body_is_refused_by_name() {
    let world = World::steady();
    let answer = world.chat_with(&[("content-encoding", "gzip")], Chat::only("steady"));
    assert_eq!((answer.status, answer.code().as_str()), (415, "unsupported_encoding"));
    assert_eq!(world.chat_with(&[("content-encoding", "identity")], Chat::only("steady")).status, 200);
}

#[test]
fn head_and_body_leave_for_the_upstream_in_one_write() {
    let (tell, told) = std::sync::mpsc::channel();
    let vendor = BareVendor::spawn(move |_, mut wire| {
        while let Some(first) = wire.read_once() {
            let whole = wire.request().map_or(0, |r| r.len());
            let _ = tell.send((first, whole));
            wire.answer(WHOLE);
        }
    });
    let world = World::with().at("bare", vendor.base_url()).start();
    // The first is on a fresh connection. Two writes would now and then be read at once: not always.
    for round in 0..20 {
        assert_eq!(world.chat(Chat::only("bare")).status, 200);
        let (first, whole) = told.recv().expect("it was asked");
        assert_eq!(first, whole, "request {round}: the first read held it all");
    }
    assert_eq!(vendor.connections(), 1);
}

#[test]
fn a_whole_answer_of_many_megabytes_arrives_whole() {
    let profile = Profile { body_bytes: 20 * MEBI, ..Profile::default() };
    let world = World::with().openai("steady", profile.clone()).anthropic("other", profile).start();
    let answer = world.chat(Chat::only("steady"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["padding"].as_str().map(str::len), Some(20 * MEBI));
    let answer = world.chat(Chat::only("other"));
    assert!(answer.status == 200 && !answer.said().is_empty(), "translated as well");
}

#[test]
fn ten_thousand_messages_are_as_good_as_one() {
    let world = World::with().openai("steady", Profile::default()).anthropic("other", Profile::default()).start();
    let turn = |n: usize| json!({"role": if n.is_multiple_of(2) { "user" } else { "assistant" }, "content": format!("turn {n}")});
    let messages: Vec<_> = (0..10_001).map(turn).collect();
    for name in ["steady", "other"] {
        let answer = world.chat(Chat::only(name).with("messages", json!(messages)));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let sent = world.seen(name).last.expect("it was asked").body;
        let sent: serde_json::Value = serde_json::from_slice(&sent).expect("JSON");
        assert_eq!(sent["messages"].as_array().map(Vec::len), Some(10_001), "{name}");
    }
}
