//! What happens when a vendor fails: before content the next one serves, after it the truth is told.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_simulate::{Fault, Profile};

use crate::bare::{BareVendor, WHOLE};
use crate::http::Answer;
use crate::world::{Chat, World, busy, faulty, paced, status, until};

/// The chain as the headers tell it.
fn chain(answer: &Answer) -> &str {
    answer.header("x-tollgate-fallback-chain").unwrap_or("(none)")
}

/// A base URL where nobody listens: the port was free a moment ago.
fn nowhere() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    format!("http://{}/v1", listener.local_addr().expect("a bound socket"))
}

#[test]
fn a_503_and_a_429_fall_back_across_dialects_with_two_megabytes() {
    let world = World::with()
        .openai("down", status(503))
        .anthropic("busy", busy(30))
        .openai("steady", Profile::default())
        .anthropic("other", Profile::default())
        .model("to-openai", &["down", "busy", "steady"])
        .model("to-anthropic", &["down", "other"])
        .start();
    let long = "0123456789abcdef".repeat(2 << 16);
    let sent = |name: &str| world.seen(name).last.expect("it was asked");
    for chat in [Chat::to("to-openai"), Chat::to("to-openai").streamed()] {
        let answer = world.chat(chat.saying(long.as_str()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-tollgate-endpoint"), Some("steady"));
        assert!(!answer.said().is_empty());
    }
    let answer = world.chat(Chat::to("to-anthropic").saying(long.as_str()));
    assert_eq!((answer.status, chain(&answer)), (200, "down:503,other:ok"));

    for (name, path, header, credential) in [
        ("down", "/v1/chat/completions", "authorization", "Bearer credential-of-down"),
        ("busy", "/v1/messages", "x-api-key", "credential-of-busy"),
        ("steady", "/v1/chat/completions", "authorization", "Bearer credential-of-steady"),
        ("other", "/v1/messages", "x-api-key", "credential-of-other"),
    ] {
        let request = sent(name);
        assert_eq!((request.path.as_str(), request.header(header)), (path, Some(credential)), "{name}");
        assert!(!format!("{:?}", request.headers).contains(&world.key), "{name} sees a credential, never the key");
        let body: Value = serde_json::from_slice(&request.body).expect("each vendor gets JSON");
        assert_eq!(body["model"], format!("{name}-model"));
        assert!(body["messages"].to_string().contains(&long), "{name} gets the whole prompt");
    }
}

#[test]
fn the_headers_and_the_log_tell_the_chain_and_its_reason() {
    let world = World::with()
        .openai("down", status(503))
        .openai("busy", busy(30))
        .openai("steady", Profile::default())
        .model("chain", &["down", "busy", "steady"])
        .start();
    let answer = world.chat(Chat::to("chain"));
    assert_eq!(chain(&answer), "down:503,busy:429,steady:ok");
    assert_eq!(answer.header("x-tollgate-fallback-reason"), Some("503"));
    let line = world.line_of(&answer);
    assert_eq!((&line["chain"], &line["endpoint"]), (&json!("down:503,busy:429,steady:ok"), &json!("steady")));
    let fell =
        |from, to, reason| world.metric("tollgate_fallbacks_total", &[("from", from), ("to", to), ("reason", reason)]);
    assert!(fell("down", "busy", "status_5xx") > 0.5 && fell("busy", "steady", "status_429") > 0.5);

    let answer = world.chat(Chat::only("steady"));
    assert_eq!(chain(&answer), "(none)", "the first choice served: there is no chain to tell");
    assert_eq!(answer.header("x-tollgate-fallback-reason"), None);
}

#[test]
fn whatever_fails_before_content_falls_back() {
    let whole = [
        ("cut-before-head", faulty(Fault::CutBeforeHead), "broken"),
        ("cut-in-the-body", faulty(Fault::CutBeforeContent), "broken"),
        ("no-json", faulty(Fault::NotJson), "garbage"),
        ("half-json", faulty(Fault::WrongJson), "garbage"),
        ("silent", faulty(Fault::AcceptAndHang), "timeout"),
        ("request-timeout", status(408), "408"),
        ("overloaded", status(529), "529"),
        ("credential-refused", status(401), "401"),
        ("no-such-model", status(404), "404"),
    ];
    let streamed = [
        ("cut-before-head", faulty(Fault::CutBeforeHead), "broken"),
        ("cut-before-content", faulty(Fault::CutBeforeContent), "broken"),
        ("empty", faulty(Fault::EmptyStream), "broken"),
        ("first-event-error", faulty(Fault::FirstEventError), "first_event"),
        ("half-json", faulty(Fault::WrongJson), "garbage"),
        ("silent", faulty(Fault::AcceptAndHang), "timeout"),
        ("silent-after-head", faulty(Fault::HangAfterHead), "timeout"),
        ("server-error", status(500), "500"),
    ];
    for dialect in ["openai", "anthropic"] {
        for (cases, stream) in [(&whole[..], false), (&streamed[..], true)] {
            let mut plans =
                World::with().openai("steady", Profile::default()).section("timeouts", "{first_byte: 400ms}");
            for (name, profile, _) in cases {
                plans = match dialect {
                    "openai" => plans.openai(name, profile.clone()),
                    _ => plans.anthropic(name, profile.clone()),
                };
                plans = plans.model(&format!("with-{name}"), &[*name, "steady"]);
            }
            let world = plans.start();
            for (name, _, short) in cases {
                let chat = Chat::to(&format!("with-{name}"));
                let answer = world.chat(if stream { chat.streamed() } else { chat });
                let context = format!("{dialect} {name}, streamed: {stream}: {}", answer.text());
                assert_eq!(answer.status, 200, "{context}");
                assert_eq!(chain(&answer), format!("{name}:{short},steady:ok"), "{context}");
                assert!(!answer.said().is_empty(), "{context}");
                assert!(!stream || answer.events().last().is_some_and(|e| e == "[DONE]"), "{context}");
                assert_eq!(world.seen(name).requests, 1, "{context}");
            }
        }
    }
}

#[test]
fn a_vendor_that_cannot_be_reached_is_passed_over() {
    let world = World::with()
        .at("nowhere", nowhere())
        .at("no-such-name", "http://no-such-host.invalid/v1")
        .openai("steady", Profile::default())
        .model("chain", &["nowhere", "steady"])
        .model("by-name", &["no-such-name", "steady"])
        .start();
    assert_eq!(chain(&world.chat(Chat::to("chain"))), "nowhere:connect,steady:ok");
    assert_eq!(chain(&world.chat(Chat::to("by-name"))), "no-such-name:connect,steady:ok");
}

#[test]
fn a_first_byte_that_does_not_come_in_time_falls_back_and_cancels_the_attempt() {
    let world = World::with()
        .openai("silent", faulty(Fault::AcceptAndHang))
        .openai("steady", Profile::default())
        .model("chain", &["silent", "steady"])
        .section("timeouts", "{first_byte: 300ms}")
        .start();
    let began = Instant::now();
    let answer = world.chat(Chat::to("chain"));
    assert_eq!(chain(&answer), "silent:timeout,steady:ok");
    assert!(began.elapsed() >= Duration::from_millis(300), "it was given its time");
    until("the attempt is cancelled", || (world.seen("silent").cancelled == 1).then_some(()));
}

#[test]
fn a_cut_in_mid_stream_ends_with_an_error_and_is_never_made_good_by_another() {
    for dialect in ["openai", "anthropic"] {
        for fault in [Fault::CutMidStream { after_events: 5 }, Fault::MidStreamError { after_events: 5 }] {
            let plans = World::with().openai("steady", Profile::default()).model("chain", &["cut", "steady"]);
            let profile = faulty(fault.clone());
            let world =
                if dialect == "openai" { plans.openai("cut", profile) } else { plans.anthropic("cut", profile) };
            let world = world.start();
            let answer = world.chat(Chat::to("chain").streamed());
            let context = format!("{dialect} {fault:?}: {}", answer.text());
            assert_eq!(answer.status, 200, "{context}");
            let events = answer.events();
            assert!(!answer.said().is_empty(), "content came first: {context}");
            assert!(!events.contains(&"[DONE]".to_owned()), "a cut is no end: {context}");
            let last: Value = serde_json::from_str(events.last().expect("events")).expect("JSON");
            assert!(last["error"]["message"].is_string(), "the last event is an error: {context}");
            if matches!(fault, Fault::CutMidStream { .. }) {
                assert_eq!(last["error"]["code"], "upstream_cut", "{context}");
            }
            let line = world.line_of(&answer);
            assert_eq!(line["outcome"], "cut_upstream", "{context}");
            assert!(line["output_tokens"].as_u64() > Some(0), "what came is metered: {line}");
            assert_eq!(world.seen("steady").requests, 0, "{context}");
            let labels = [("model", "chain"), ("outcome", "cut_upstream")];
            assert!((world.metric("tollgate_requests_total", &labels) - 1.0).abs() < 0.1);
        }
    }
}

#[test]
fn a_stream_that_falls_silent_is_ended_with_an_error() {
    let world = World::with().openai("slow", paced(10, 1)).section("timeouts", "{idle: 300ms}").start();
    let answer = world.chat(Chat::only("slow").streamed());
    let last = answer.events().pop().expect("events");
    assert!(last.contains("upstream_cut") && last.contains("silent"), "{last}");
    assert_eq!(world.line_of(&answer)["outcome"], "cut_upstream");
}

#[test]
fn a_whole_answer_whose_body_stops_coming_falls_back_too() {
    let world = World::with()
        .openai("stuck", faulty(Fault::HangAfterHead))
        .openai("steady", Profile::default())
        .model("chain", &["stuck", "steady"])
        .section("timeouts", "{first_byte: 300ms, idle: 300ms, total: 5s}")
        .start();
    let answer = world.chat(Chat::to("chain"));
    assert_eq!(answer.status, 200, "`timeouts.idle` is the time between two pieces: {}", answer.text());
    assert!(chain(&answer).ends_with("steady:ok"), "{}", chain(&answer));
}

#[test]
fn when_all_fail_the_answer_names_each_and_says_when_to_come_back() {
    let world = World::with()
        .openai("down", status(503))
        .anthropic("busy", busy(7))
        .at("nowhere", nowhere())
        .model("chain", &["down", "busy", "nowhere"])
        .start();
    for (round, chat) in [Chat::to("chain"), Chat::to("chain").streamed()].into_iter().enumerate() {
        let answer = world.chat(chat);
        assert_eq!((answer.status, answer.code().as_str()), (503, "all_endpoints_failed"));
        let error = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        for name in ["down", "busy", "nowhere"] {
            assert!(error.contains(name), "{error}");
        }
        assert!(round > 0 || error.contains("503") && error.contains("429"), "{error}");
        let wait: u64 = answer.header("retry-after").expect("it says when").parse().expect("seconds");
        assert!((1..=10).contains(&wait), "{wait}");
        assert_eq!(world.line_of(&answer)["code"], "all_endpoints_failed");
    }
    assert_eq!(world.seen("busy").requests, 1, "it named a wait");
}

#[test]
fn what_a_vendor_finds_wrong_with_a_request_is_the_clients_to_mend() {
    for status_code in [400, 413, 422] {
        let world = World::with()
            .openai("strict", status(status_code))
            .openai("steady", Profile::default())
            .model("chain", &["strict", "steady"])
            .section("health", "{trip_after: 1}")
            .start();
        for _ in 0..2 {
            let answer = world.chat(Chat::to("chain"));
            assert_eq!(answer.status, status_code);
            assert!(answer.json()["error"]["message"].as_str().is_some_and(|m| m.contains("says no")));
        }
        assert_eq!(world.seen("strict").requests, 2, "it speaks against the request, not against the endpoint");
        assert_eq!(world.seen("steady").requests, 0, "nobody else would like it better");
    }
}

#[test]
fn a_vendor_that_names_a_wait_is_left_alone_until_then() {
    let world = World::with()
        .openai("busy", busy(2))
        .openai("steady", Profile::default())
        .model("chain", &["busy", "steady"])
        .start();
    let began = Instant::now();
    assert_eq!(chain(&world.chat(Chat::to("chain"))), "busy:429,steady:ok");
    for _ in 0..5 {
        assert_eq!(chain(&world.chat(Chat::to("chain"))), "(none)", "the plan begins with who may be tried");
    }
    assert_eq!(world.chat(Chat::only("busy")).status, 503, "not even where there is no other");
    assert_eq!(world.seen("busy").requests, 1);
    assert!(
        (world.metric("tollgate_endpoint_health", &[("endpoint", "busy"), ("state", "tripped")]) - 1.0).abs() < 0.1
    );
    world.set("busy", Profile::default());
    until("it is tried again", || {
        world.chat(Chat::to("chain"));
        (world.seen("busy").requests == 2).then_some(())
    });
    assert!(began.elapsed() >= Duration::from_millis(1990), "not before its time: {:?}", began.elapsed());
    assert_eq!(world.chat(Chat::to("chain")).header("x-tollgate-endpoint"), Some("busy"), "it is well again");
}

#[test]
fn failures_in_a_row_trip_an_endpoint_and_one_probe_brings_it_back() {
    let world = World::with()
        .openai("shaky", status(500))
        .openai("steady", Profile::default())
        .model("chain", &["shaky", "steady"])
        .section("health", "{trip_after: 2, cooldown: 1s}")
        .start();
    for _ in 0..6 {
        assert_eq!(world.chat(Chat::to("chain")).status, 200);
    }
    assert_eq!(world.seen("shaky").requests, 2, "tripped after two");
    world.set("shaky", Profile::default());
    until("a probe brings it back", || {
        (world.chat(Chat::to("chain")).header("x-tollgate-endpoint") == Some("shaky")).then_some(())
    });
    assert!(
        (world.metric("tollgate_endpoint_health", &[("endpoint", "shaky"), ("state", "flowing")]) - 1.0).abs() < 0.1
    );
}

#[test]
fn an_endpoint_that_rests_by_our_own_count_is_still_better_than_none() {
    let world = World::with()
        .openai("shaky", status(500))
        .section("health", "{trip_after: 1, cooldown: 1h, max_cooldown: 1h}")
        .start();
    assert_eq!(world.chat(Chat::only("shaky")).status, 503);
    world.set("shaky", Profile::default());
    assert_eq!(world.chat(Chat::only("shaky")).status, 200);
}

#[test]
fn a_request_that_runs_out_of_time_is_told_so() {
    let world = World::with()
        .openai("one", faulty(Fault::AcceptAndHang))
        .openai("two", faulty(Fault::AcceptAndHang))
        .model("chain", &["one", "two"])
        .section("timeouts", "{total: 400ms}")
        .start();
    let began = Instant::now();
    let answer = world.chat(Chat::to("chain"));
    assert_eq!((answer.status, answer.code().as_str()), (504, "deadline_exceeded"));
    assert!(began.elapsed() < Duration::from_secs(3), "the whole request has one deadline");
}

#[test]
fn a_reused_connection_that_is_dead_is_replayed_once_on_a_fresh_one() {
    let vendor = BareVendor::spawn(|_, mut wire| {
        // Answers once; the next request on this connection finds it closed.
        if wire.request().is_some() && wire.answer(WHOLE) {
            wire.request();
        }
    });
    let world = World::with().at("fickle", vendor.base_url()).start();
    for round in 1..=3 {
        let answer = world.chat(Chat::only("fickle"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(chain(&answer), "(none)", "nobody notices");
        assert_eq!(vendor.connections(), round);
    }
}

#[test]
fn a_fresh_connection_that_dies_is_not_replayed() {
    let vendor = BareVendor::spawn(|number, mut wire| {
        if number == 0 && wire.request().is_some() {
            wire.answer(WHOLE);
        }
        wire.request();
    });
    let world = World::with()
        .at("fickle", vendor.base_url())
        .openai("steady", Profile::default())
        .model("chain", &["fickle", "steady"])
        .start();
    assert_eq!(chain(&world.chat(Chat::to("chain"))), "(none)");
    assert_eq!(chain(&world.chat(Chat::to("chain"))), "fickle:broken,steady:ok");
    assert_eq!(vendor.connections(), 2, "the reused one, and one fresh");
}

#[test]
fn what_no_candidate_can_express_is_a_400_that_names_the_member_and_not_a_503_to_send_again() {
    let world = World::with()
        .anthropic("first", Profile::default())
        .anthropic("second", Profile::default())
        .openai("third", Profile::default())
        .model("both", &["first", "second"])
        .model("all", &["first", "second", "third"])
        .start();
    let two = |model| world.chat(Chat::to(model).with("n", json!(2)));
    let refused = two("both");
    assert_eq!((refused.status, refused.code().as_str()), (400, "unsupported"), "{}", refused.text());
    assert_eq!(refused.json()["error"]["param"], "n");
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(two("all").status, 200, "another candidate can");
    assert_eq!(world.seen("first").requests + world.seen("second").requests, 0);
    // Where one that could is down, it is worth coming back.
    world.set("third", status(503));
    assert_eq!(two("all").status, 503);
}
