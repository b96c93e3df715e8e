//! In time: what `start_within` makes of a request, who wins, who is called off, and what that costs.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_simulate::{Distribution, Fault, Profile};
use tollgate_store::{BalanceKind, Covers, Deadlines, Period};

use crate::bare::BareVendor;
use crate::office::Office;
use crate::world::{Chat, World, faulty, status, until};

/// The catalogue's prior for the simulated models is 200 ms: the standard tier starts so long before.
const START_WITHIN: &str = "600ms";

fn after(ms: u64) -> Profile {
    Profile { ttft: Distribution::Fixed(ms), ..Profile::default() }
}

fn raced(standard: Profile, flex: Profile) -> World {
    World::with().timed().tiered("north", standard, flex).start()
}

fn asking(start: &str) -> Chat {
    Chat::only("north").with("start_within", json!(start))
}

/// What a profile was sent last.
fn sent(world: &World, profile: &str) -> Value {
    serde_json::from_slice(&world.seen(profile).last.expect("a request").body).expect("JSON")
}

/// How long after the standard tier was asked, which answers at once, the vendor has seen flex called off: the
/// median, for machines have other things to do.
fn called_off_after(world: &World) -> Duration {
    let (cancelled, began) = (world.vendor.cancelled("north-flex"), world.vendor.began("north"));
    assert_eq!(cancelled.len(), began.len());
    let pairs = cancelled.iter().zip(&began);
    let mut all: Vec<_> = pairs.map(|(off, on)| off.at.saturating_duration_since(on.at)).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

#[test]
fn flex_that_starts_in_time_serves_at_half_the_price_and_the_standard_tier_never_hears_of_it() {
    let world = raced(Profile::default(), Profile::default());
    for chat in [asking("30s"), asking("30s").streamed()] {
        let answer = world.chat(chat);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(!answer.said().is_empty());
        assert_eq!(answer.header("x-tollgate-race"), Some("flex"));
        assert_eq!(answer.header("x-tollgate-tier-asked"), Some("flex"));
        let line = world.line_of(&answer);
        assert_eq!(
            (&line["race"], &line["tier"], &line["start_within"]),
            (&json!("flex"), &json!("flex"), &json!("30s"))
        );
    }
    let body = sent(&world, "north-flex");
    assert_eq!((&body["service_tier"], body.get("start_within")), (&json!("flex"), None));
    assert_eq!(world.seen("north").requests, 0);
}

#[test]
fn the_tier_that_served_is_the_vendors_word_and_by_it_the_answer_is_priced() {
    let world = raced(Profile::default(), Profile { serves: Some("default".into()), ..Profile::default() });
    let answer = world.chat(asking("30s"));
    assert_eq!(answer.header("x-tollgate-tier-asked"), Some("flex"));
    assert_eq!(answer.header("x-tollgate-tier"), Some("standard"), "it was asked for flex and served otherwise");
    assert_eq!(answer.header("x-tollgate-saved-usd"), None, "then nothing was saved");
    assert_eq!(world.record_of(&answer)["tier"], "standard");
}

#[test]
fn what_is_saved_is_told_with_the_fee_on_it_and_anyone_can_compute_it_again() {
    let world = raced(Profile::default(), Profile::default());
    let answer = world.chat(asking("30s"));
    let nano = |name: &str| {
        let text = answer.header(name).unwrap_or_else(|| panic!("{name}: {:?}", answer.headers));
        text.parse::<tollgate_api::Money>().expect("an amount").nano()
    };
    let (cost, saved, fee) = (nano("x-tollgate-cost-usd"), nano("x-tollgate-saved-usd"), nano("x-tollgate-fee-usd"));
    assert_eq!(saved, cost, "flex is half the price");
    assert_eq!(fee, (saved + 2) / 5, "a fifth of what was saved");
    let record = world.record_of(&answer);
    assert_eq!(
        (&record["race"], &record["tier"], &record["tier_asked"]),
        (&json!("flex"), &json!("flex"), &json!("flex"))
    );
    assert_eq!((&record["saved"], &record["saving_fee"], &record["fee"]), (&json!(saved), &json!(fee), &json!(fee)));
    assert_eq!((&record["attempts"][0]["why"], &record["attempts"][0]["tier"]), (&json!("flex"), &json!("flex")));
    world.verified_export("export");
}

#[test]
fn a_late_flex_tier_loses_and_the_vendor_sees_it_called_off_within_50_ms() {
    let world = raced(Profile::default(), after(60_000));
    let chats = || [asking(START_WITHIN), asking(START_WITHIN).streamed()];
    for chat in chats().into_iter().chain(chats()) {
        let began = Instant::now();
        let answer = world.chat(chat);
        let took = began.elapsed();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-tollgate-race"), Some("standard"));
        assert_eq!(answer.header("x-tollgate-fallback-chain"), Some("north@flex:lost,north:ok"));
        assert_eq!(answer.header("x-tollgate-fallback-reason"), None, "nobody failed");
        assert!(took >= Duration::from_millis(390), "not before it must: {took:?}");
        let record = world.record_of(&answer);
        let [flex, standard] = [&record["attempts"][0], &record["attempts"][1]];
        assert_eq!(
            (&flex["failed"], &flex["tier"], &standard["why"]),
            (&json!("lost"), &json!("flex"), &json!("late"))
        );
        assert!(standard["at_ms"].as_u64().is_some_and(|at| (400..3000).contains(&at)), "{record}");
        assert!(flex["at_most"].as_u64().is_some_and(|nano| nano > 0), "what it may have cost is told: {record}");
    }
    assert!(called_off_after(&world) < Duration::from_millis(50), "{:?}", called_off_after(&world));
    world.verified_export("export");
}

#[test]
fn over_http2_the_loser_is_reset_and_its_connection_serves_on() {
    let world = World::with().timed().over_h2c("north").start();
    world.set("north-flex", after(60_000));
    world.set("north", Profile { tiers: [("flex".into(), "north-flex".into())].into(), ..Profile::default() });
    for round in 1..=3 {
        let answer = world.chat(asking(START_WITHIN).streamed());
        assert_eq!((answer.status, answer.header("x-tollgate-race")), (200, Some("standard")), "{}", answer.text());
        until("flex is called off", || (world.vendor.cancelled("north-flex").len() == round).then_some(()));
    }
    assert!(called_off_after(&world) < Duration::from_millis(50), "{:?}", called_off_after(&world));
}

#[test]
fn flex_that_comes_while_both_run_wins_and_the_standard_tier_is_called_off() {
    let world = raced(after(60_000), after(1500));
    let answer = world.chat(asking(START_WITHIN));
    assert_eq!(answer.header("x-tollgate-race"), Some("flex"));
    assert_eq!(answer.header("x-tollgate-fallback-chain"), Some("north:lost,north@flex:ok"));
    until("the standard tier is called off", || (world.seen("north").cancelled == 1).then_some(()));
    let record = world.record_of(&answer);
    assert!(record["attempts"][0]["at_most"].as_u64() > Some(0), "the standard tier may have read the prompt");
    assert!(record["saved"].as_u64() > Some(0));
    world.verified_export("export");
}

#[test]
fn in_sequence_flex_is_called_off_before_the_standard_tier_is_asked() {
    let world = World::with().timed().tiered("north", after(3000), after(2500));
    let world = world.section("deadlines", "{race: sequential}").start();
    let answer = world.chat(asking(START_WITHIN));
    assert_eq!(answer.header("x-tollgate-race"), Some("standard"), "flex would have come first");
    let (cancelled, began) = (world.vendor.cancelled("north-flex"), world.vendor.began("north"));
    let both = began[0].at.saturating_duration_since(cancelled[0].at);
    assert!(cancelled[0].at < began[0].at + Duration::from_millis(50), "never two at once: {both:?}");
    assert!(world.record_of(&answer)["attempts"][0]["at_most"].as_u64() > Some(0));
}

#[test]
fn a_flex_tier_that_is_full_starts_the_standard_tier_at_once_and_rests() {
    let world = raced(Profile::default(), faulty(Fault::FlexFull));
    let began = Instant::now();
    let answer = world.chat(asking("30s"));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!((answer.status, answer.header("x-tollgate-race")), (200, Some("standard")));
    assert_eq!(world.record_of(&answer)["attempts"][1]["why"], "refused");
    let answer = world.chat(asking("30s"));
    assert_eq!((answer.status, answer.header("x-tollgate-fallback-chain")), (200, None));
    assert_eq!(world.record_of(&answer)["attempts"][0]["why"], "resting");
    assert_eq!(world.seen("north-flex").requests, 1, "a minute's rest");
    assert_eq!(world.chat(Chat::only("north")).status, 200, "its health is not in question");
    world.wait_for_metric("tollgate_endpoint_health", &[("endpoint", "north"), ("state", "flowing")], 1.0);
}

#[test]
fn a_model_without_flex_is_found_out_once_and_not_asked_again() {
    // The catalogue thinks that it has one; the vendor knows better.
    let world =
        World::with().openai("north", Profile { tiers: [("x".into(), "x".into())].into(), ..Profile::default() });
    let world = world.start();
    for _ in 0..3 {
        let answer = world.chat(asking("30s"));
        assert_eq!((answer.status, answer.header("x-tollgate-race")), (200, Some("standard")), "{}", answer.text());
    }
    assert_eq!(world.seen("north").requests, 4);
}

#[test]
fn flex_that_dies_after_its_head_leaves_the_standard_tier_to_answer() {
    for fault in [Fault::CutAfterHead, Fault::CutBeforeHead] {
        let world = raced(Profile::default(), faulty(fault));
        for chat in [asking("30s"), asking("30s").streamed()] {
            let answer = world.chat(chat);
            assert_eq!((answer.status, answer.header("x-tollgate-race")), (200, Some("standard")), "{}", answer.text());
            assert_eq!(world.record_of(&answer)["attempts"][1]["why"], "failed");
        }
    }
}

#[test]
fn a_head_without_content_wins_nothing() {
    let silent = Profile { early_head: true, ..after(60_000) };
    let world = raced(Profile::default(), silent);
    for chat in [asking(START_WITHIN), asking(START_WITHIN).streamed()] {
        assert_eq!(world.chat(chat).header("x-tollgate-race"), Some("standard"));
    }
}

#[test]
fn where_both_fail_the_client_hears_of_both_and_pays_for_none() {
    let world = raced(status(500), faulty(Fault::FlexFull));
    let answer = world.chat(asking("30s"));
    assert_eq!((answer.status, answer.code().as_str()), (503, "all_endpoints_failed"));
    let text = answer.text();
    assert!(text.contains("north (flex): status 429") && text.contains("north: status 500"), "{text}");
    let line = world.line_of(&answer);
    assert_eq!((&line["race"], line.get("cost_usd")), (&json!("none"), None));
}

#[test]
fn a_standard_tier_that_fails_leaves_flex_its_time() {
    let world = raced(status(500), after(900));
    let answer = world.chat(asking(START_WITHIN));
    assert_eq!((answer.status, answer.header("x-tollgate-race")), (200, Some("flex")), "{}", answer.text());
}

#[test]
fn a_client_that_hangs_up_in_the_race_calls_off_both() {
    let world = raced(after(60_000), after(60_000));
    let connection = world.begin(asking(START_WITHIN));
    world.wait_for_requests("north", 1);
    let hung_up = Instant::now();
    drop(connection);
    for profile in ["north", "north-flex"] {
        let seen = until("it is seen", || world.vendor.cancelled(profile).first().map(|cancelled| cancelled.at));
        assert!(seen.saturating_duration_since(hung_up) < Duration::from_millis(50), "{profile}");
    }
    let line = world.wait_for_line("a hang-up", |line| line["outcome"] == "hung_up");
    assert_eq!(line["race"], "none");
}

#[test]
fn a_word_is_put_into_each_vendors_words_and_taken_out_of_the_body() {
    let world = raced(Profile::default(), Profile::default());
    for (word, sends) in [("default", "default"), ("priority", "priority"), ("auto", "auto")] {
        let answer = world.chat(asking(word));
        assert_eq!((answer.status, answer.header("x-tollgate-race")), (200, None), "{}", answer.text());
        let body = sent(&world, "north");
        assert_eq!((&body["service_tier"], body.get("start_within")), (&json!(sends), None));
        let answer = world.chat_with(&[("x-tollgate-start-within", word)], Chat::only("north").streamed());
        assert_eq!(answer.status, 200);
        assert_eq!(sent(&world, "north")["service_tier"], sends);
    }
    assert_eq!(world.chat(Chat::only("north")).status, 200);
    assert_eq!(sent(&world, "north").get("service_tier"), None, "who asks for nothing sends nothing");
}

#[test]
fn every_surface_can_say_how_soon() {
    let world = raced(Profile::default(), Profile::default());
    let key = [("authorization", format!("Bearer {}", world.key))];
    let headers: Vec<_> = key.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for (path, body) in [
        ("/v1/responses", json!({"model": "only-north", "input": "x"})),
        (
            "/v1/messages",
            json!({"model": "only-north", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}),
        ),
        ("/v1beta/models/only-north:generateContent", json!({"contents": [{"parts": [{"text": "x"}]}]})),
        ("/v1beta/models/only-north:streamGenerateContent", json!({"contents": [{"parts": [{"text": "x"}]}]})),
        ("/v1beta/interactions", json!({"model": "only-north", "input": "x"})),
        ("/bedrock/model/only-north/converse", json!({"messages": [{"role": "user", "content": [{"text": "x"}]}]})),
    ] {
        let mut with = body.clone();
        with["start_within"] = json!("PT30S");
        let answer = world.ask("POST", path, &headers, with.to_string().as_bytes());
        assert_eq!((answer.status, answer.header("x-tollgate-race")), (200, Some("flex")), "{path}: {}", answer.text());
        let sent = sent(&world, "north-flex");
        assert_eq!((&sent["service_tier"], sent.get("start_within")), (&json!("flex"), None), "{path}");
        let headers = [&headers[..], &[("x-tollgate-start-within", "1m30s")]].concat();
        let answer = world.ask("POST", path, &headers, body.to_string().as_bytes());
        assert_eq!((answer.status, answer.header("x-tollgate-race")), (200, Some("flex")), "{path}: {}", answer.text());
    }
    let vectors = json!({"model": "only-north", "input": "x", "start_within": "default"});
    let answer = world.ask("POST", "/v1/embeddings", &headers, vectors.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(sent(&world, "north").get("start_within"), None);
    for (start, code) in [("30s", "model_not_flex_capable"), ("priority", "priority_unsupported_for_openai_compatible")]
    {
        let vectors = json!({"model": "only-north", "input": "x", "start_within": start});
        let answer = world.ask("POST", "/v1/embeddings", &headers, vectors.to_string().as_bytes());
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "vectors have one tier: {}", answer.text());
    }
}

#[test]
fn what_a_vendor_or_a_model_lacks_is_said_by_name() {
    let world = World::with().anthropic("claude", Profile::default()).openai("north", Profile::default());
    let world = world.place("google", "gemini", "http://127.0.0.1:1".into(), "").model("bare", &["north/unlisted"]);
    let world = world.model("mixed", &["claude", "north"]).start();
    for (model, start, code) in [
        ("only-claude", "30s", "flex_unsupported_for_anthropic"),
        ("only-claude", "priority", "priority_unsupported_for_anthropic"),
        ("only-google", "auto", "auto_unsupported_for_gemini"),
        ("bare", "30s", "model_not_flex_capable"),
    ] {
        let answer = world.chat(Chat::to(model).with("start_within", json!(start)));
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{}", answer.text());
        let base = code.split("_for_").next().expect("a code");
        assert!(answer.json()["error"]["doc_url"].as_str().is_some_and(|url| url.ends_with(&format!("#{base}"))));
    }
    let answer = world.chat(Chat::to("mixed").with("start_within", json!("30s")));
    assert_eq!((answer.status, answer.header("x-tollgate-endpoint")), (200, Some("north")), "one of them can");
}

#[test]
fn what_is_no_start_is_refused_and_so_are_two_words_for_one_thing() {
    let world = World::with().openai("north", Profile::default()).section("deadlines", "{longest: 10m}").start();
    for (chat, param) in [
        (asking("soon"), "start_within"),
        (asking("0s"), "start_within"),
        (asking("11m"), "start_within"),
        (asking("30s").with("service_tier", json!("flex")), "service_tier"),
    ] {
        let answer = world.chat(chat);
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_request"), "{}", answer.text());
        assert_eq!(answer.json()["error"]["param"], param);
    }
    for header in [
        ("x-tollgate-start-within", "soon"),
        ("x-tollgate-max-latency-ms", "0"),
        ("x-tollgate-max-latency-ms", "1.5"),
        ("x-tollgate-max-cost-usd", "cheap"),
        ("x-tollgate-max-cost-usd", "-1"),
    ] {
        let answer = world.chat_with(&[header], Chat::only("north"));
        assert_eq!((answer.status, answer.json()["error"]["param"].as_str()), (400, Some(header.0)), "{header:?}");
    }
    assert_eq!(world.seen("north").requests, 0);
}

#[test]
fn a_tenant_may_require_it_or_have_a_default_and_an_operator_too() {
    let world = World::with().tiered("north", Profile::default(), Profile::default());
    let world = world.section("deadlines", "{require: true}").start();
    let missing = |answer: crate::http::Answer| (answer.status, answer.code()) == (400, "missing_start_within".into());
    assert!(missing(world.chat(Chat::only("north"))));
    assert_eq!(world.chat(asking("default")).status, 200);
    let office = Office::of(&world);
    let tell = |deadlines| {
        office.change_tenant(|tenant| tenant.deadlines = deadlines);
        office.is_taken_up_by(&world);
    };
    tell(Deadlines { require: Some(false), ..Deadlines::default() });
    assert_eq!(world.chat(Chat::only("north")).status, 200);
    tell(Deadlines { start_within: "30s".parse().ok(), require: Some(true), race: None });
    let answer = world.chat(Chat::only("north"));
    assert_eq!((answer.status, answer.header("x-tollgate-race")), (200, Some("flex")), "a default is an answer");
    let own = world.chat(Chat::only("north").with("service_tier", json!("priority")));
    assert_eq!(own.status, 200, "{}", own.text());
    assert_eq!(sent(&world, "north")["service_tier"], "priority", "who names a tier gets that");
}

#[test]
fn a_default_that_a_model_cannot_meet_is_no_mistake_of_its_client() {
    let world =
        World::with().anthropic("claude", Profile::default()).section("deadlines", "{start_within: 30s}").start();
    let answer = world.chat(Chat::only("claude"));
    assert_eq!((answer.status, answer.header("x-tollgate-race")), (200, None), "{}", answer.text());
}

#[test]
fn a_deadline_too_short_for_flex_goes_straight_to_the_standard_tier() {
    let world = raced(Profile::default(), Profile::default());
    let answer = world.chat(asking("1ms"));
    assert_eq!((answer.status, answer.header("x-tollgate-race")), (200, Some("standard")));
    assert_eq!(world.record_of(&answer)["attempts"][0]["why"], "no_time");
    assert_eq!(world.seen("north-flex").requests, 0);
    let answer = world.chat(asking("24h"));
    assert_eq!((answer.status, answer.header("x-tollgate-race")), (200, Some("flex")));
}

#[test]
fn time_spent_waiting_for_money_counts() {
    let world = raced(after(900), Profile::default());
    let office = Office::of(&world);
    office.budget(Covers::Tenant, Period::Total, 300_000);
    office.is_taken_up_by(&world);
    let capped = |chat: Chat| chat.with("max_tokens", json!(300));
    let first = world.begin(capped(Chat::only("north")));
    world.wait_for_requests("north", 1);
    let answer = world.chat(capped(asking(START_WITHIN)));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let record = world.record_of(&answer);
    assert_eq!(record["attempts"][0]["why"], "no_time", "it had waited until the first was done: {record}");
    assert!(record["attempts"][0]["at_ms"].as_u64() >= Some(400), "{record}");
    assert_eq!(world.seen("north-flex").requests, 0);
    drop(first);
}

#[test]
fn what_was_seen_of_the_standard_tier_decides_when_it_starts() {
    let world = raced(Profile { latency: Distribution::Fixed(600), ..Profile::default() }, after(60_000));
    served_25_times(&world, "north");
    let answer = world.chat(asking("2s"));
    let at = world.record_of(&answer)["attempts"][1]["at_ms"].as_u64().expect("it started");
    assert!(at < 1750, "2 s less at least 600 ms, not less the prior's 200: {at}");
}

/// As often as it takes for what was seen to count, all at once.
fn served_25_times(world: &World, endpoint: &str) {
    let begun: Vec<_> = (0..25).map(|_| world.begin(Chat::only(endpoint))).collect();
    for mut connection in begun {
        assert_eq!(connection.answer().status, 200);
    }
}

#[test]
fn a_bound_on_latency_holds_over_the_whole_chain() {
    let world = World::with().openai("slow", after(60_000)).openai("slower", after(60_000));
    let world = world.model("both", &["slow", "slower"]).start();
    for chat in [Chat::to("both"), Chat::to("both").streamed(), Chat::only("slow")] {
        let began = Instant::now();
        let answer = world.chat_with(&[("x-tollgate-max-latency-ms", "300")], chat);
        let took = began.elapsed();
        assert_eq!((answer.status, answer.code().as_str()), (504, "deadline_exceeded"), "{}", answer.text());
        assert!((300..5000).contains(&took.as_millis()), "{took:?}");
    }
    assert_eq!(world.seen("slower").requests, 0, "there was no time left for it");
    world.wait_for_metric("tollgate_endpoint_health", &[("endpoint", "slow"), ("state", "flowing")], 1.0);
}

#[test]
fn no_attempt_is_started_that_cannot_meet_the_bound() {
    let world = World::with().openai("slow", Profile { latency: Distribution::Fixed(800), ..Profile::default() });
    let world = world.openai("fast", Profile::default()).model("both", &["slow", "fast"]).start();
    served_25_times(&world, "slow");
    let answer = world.chat_with(&[("x-tollgate-max-latency-ms", "600")], Chat::to("both"));
    assert_eq!((answer.status, answer.header("x-tollgate-fallback-chain")), (200, Some("slow:too_late,fast:ok")));
    let began = Instant::now();
    let answer = world.chat_with(&[("x-tollgate-max-latency-ms", "600")], Chat::only("slow"));
    assert_eq!((answer.status, answer.code().as_str()), (504, "deadline_exceeded"), "{}", answer.text());
    assert!(began.elapsed() < Duration::from_millis(500), "it is said at once");
    assert_eq!(world.seen("slow").requests, 25);
}

#[test]
fn a_bound_on_cost_lowers_the_cap_and_refuses_what_even_so_is_too_dear() {
    let world = World::with().openai("north", Profile::default()).start();
    // 0.6 US dollars a million tokens of output: 500 of them are 0.0003.
    let answer = world.chat_with(&[("x-tollgate-max-cost-usd", "0.0003")], Chat::only("north"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cap: u64 = answer.header("x-tollgate-max-output").and_then(|cap| cap.parse().ok()).expect("lowered");
    assert!((256..500).contains(&cap), "{cap}");
    assert_eq!(sent(&world, "north")["max_tokens"], cap);
    let small = Chat::only("north").with("max_tokens", json!(10));
    assert_eq!(world.chat_with(&[("x-tollgate-max-cost-usd", "0.0003")], small).header("x-tollgate-max-output"), None);
    let answer = world.chat_with(&[("x-tollgate-max-cost-usd", "0.0000001")], Chat::only("north"));
    assert_eq!((answer.status, answer.code().as_str()), (400, "max_cost_exceeded"), "{}", answer.text());
    assert_eq!(world.seen("north").requests, 2);
}

/// In nano-dollars a token, as the catalogue has `sim-small`.
const INPUT: i64 = 150;

#[test]
fn a_race_holds_the_prompt_twice_and_settles_what_the_loser_may_have_cost() {
    let world = raced(Profile::default(), after(60_000));
    let office = Office::of(&world);
    let budget = office.budget(Covers::Tenant, Period::Total, 1_000_000_000);
    office.is_taken_up_by(&world);
    let answer = world.chat(asking(START_WITHIN));
    let record = world.record_of(&answer);
    let of = |value: &Value| value.as_i64().unwrap_or_default();
    let all = of(&record["cost"]["input"]) + of(&record["cost"]["output"]) + of(&record["attempts"][0]["at_most"]);
    let spent = office.settled(&budget, |standing| standing.settled > 0);
    assert_eq!(spent, all, "the winner, and what the loser may have read: {record}");
    until("all of the hold is back", || (office.standing(&budget).leased == 0).then_some(()));
    let flex = world.seen("north-flex").billed;
    assert!(of(&record["attempts"][0]["at_most"]) >= flex.input as i64 * INPUT / 2, "no less than the vendor asks");
}

#[test]
fn where_nobody_answers_a_budget_counts_what_was_called_off_and_a_balance_does_not() {
    let world = World::with().timed().tiered("north", status(500), after(60_000));
    let world = world.section("deadlines", "{race: sequential}").start();
    let office = Office::of(&world);
    let budget = office.budget(Covers::Tenant, Period::Total, 1_000_000_000);
    office.top_up(BalanceKind::Managed, 1_000_000_000);
    office.is_taken_up_by(&world);
    let answer = world.chat(asking(START_WITHIN));
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("called off"), "{}", answer.text());
    let record = world.record_of(&answer);
    let at_most = record["attempts"][0]["at_most"].as_i64().expect("flex may have read the prompt");
    assert_eq!(office.settled(&budget, |standing| standing.settled > 0), at_most);
    until("all of the hold is back", || (office.standing(&budget).leased == 0).then_some(()));
    let scope = tollgate_store::Scope::Operator;
    let balances = office.store.balances(&scope, crate::office::TENANT).expect("balances");
    assert!(
        balances.iter().all(|balance| balance.standing.settled == 0),
        "nobody asks the tenant for it: {balances:?}"
    );
    world.verified_export("export");
}

#[test]
fn a_client_that_hangs_up_in_a_race_pays_for_what_may_have_been_read_and_no_more() {
    let world = raced(after(60_000), after(60_000));
    let office = Office::of(&world);
    let budget = office.budget(Covers::Tenant, Period::Total, 1_000_000_000);
    office.is_taken_up_by(&world);
    let connection = world.begin(asking(START_WITHIN));
    world.wait_for_requests("north", 1);
    drop(connection);
    let spent = office.settled(&budget, |standing| standing.settled > 0);
    let billed =
        world.seen("north").billed.input as i64 * INPUT + world.seen("north-flex").billed.input as i64 * INPUT / 2;
    assert!(spent >= billed && spent < 100 * INPUT, "{spent} for {billed}");
    until("all of the hold is back", || (office.standing(&budget).leased == 0).then_some(()));
}

#[test]
fn a_client_that_hangs_up_after_the_standard_tier_failed_pays_once_for_flex() {
    let world = raced(status(500), after(60_000));
    let office = Office::of(&world);
    let budget = office.budget(Covers::Tenant, Period::Total, 1_000_000_000);
    office.is_taken_up_by(&world);
    let connection = world.begin(asking(START_WITHIN));
    world.wait_for_metric("tollgate_upstream_attempts_total", &[("endpoint", "north"), ("outcome", "status_5xx")], 1.0);
    drop(connection);
    let line = world.wait_for_line("a hang-up", |line| line["outcome"] == "hung_up");
    assert_eq!((&line["chain"], &line["tier"]), (&json!("north:500,north@flex:hung_up"), &json!("flex")));
    let cost = line["cost_usd"].as_str().and_then(|cost| cost.parse::<tollgate_api::Money>().ok()).expect("a cost");
    assert_eq!(cost.nano(), line["input_tokens"].as_i64().expect("a count") * INPUT / 2, "the prompt, at flex");
    assert_eq!(line.get("duplicate_usd_at_most"), None, "and not once more: {line}");
    assert_eq!(office.settled(&budget, |standing| standing.settled > 0), cost.nano());
}

#[test]
fn a_route_with_a_hedge_reads_on_for_a_client_that_has_gone_and_tells_what_it_dropped() {
    let route = "[{name: hedged, match: {model: [both]}, candidates: [first, second], hedge: {extra_percent: \"50\"}}]";
    let world = World::with().anthropic("first", after(300)).openai("second", Profile::default());
    let world = world.model("both", &["first"]).section("routes", route).start();
    let lossy = Chat::to("both").with("logprobs", json!(true)).with("drop_unsupported", json!(true));
    assert!(world.chat(lossy).header("x-tollgate-dropped").is_some_and(|dropped| dropped.contains("logprobs")));
    let office = Office::of(&world);
    let budget = office.budget(Covers::Tenant, Period::Total, 1_000_000_000);
    office.is_taken_up_by(&world);
    let before = world.seen("first").billed;
    let connection = world.begin(Chat::to("both"));
    world.wait_for_requests("first", 2);
    drop(connection);
    let spent = office.settled(&budget, |standing| standing.settled > 0);
    let billed = world.seen("first").billed;
    let owed = (billed.input - before.input) as i64 * INPUT + (billed.output - before.output) as i64 * 4 * INPUT;
    assert_eq!(spent, owed, "what the vendor asks, and not all that was held");
}

#[test]
fn a_hedge_is_sent_where_the_first_is_late_and_never_too_often() {
    let route = "[{name: hedged, match: {model: [both]}, candidates: [first, second], hedge: {extra_percent: \"50\"}}]";
    let world = World::with().timed().openai("first", Profile::default()).openai("second", Profile::default());
    let world = world.model("both", &["first"]).section("routes", route).start();
    for _ in 0..25 {
        assert_eq!(world.chat(Chat::to("both")).status, 200);
    }
    world.set("first", after(60_000));
    let began = Instant::now();
    let answer = world.chat(Chat::to("both"));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(answer.header("x-tollgate-race"), Some("second"), "{}", answer.text());
    assert_eq!(answer.header("x-tollgate-fallback-chain"), Some("first:lost,second:ok"));
    assert_eq!(world.record_of(&answer)["attempts"][1]["why"], "hedge");
    until("the first is called off", || (!world.vendor.cancelled("first").is_empty()).then_some(()));
    world.set("first", status(500));
    let answer = world.chat(Chat::to("both"));
    assert_eq!(answer.header("x-tollgate-fallback-chain"), Some("first:500,second:ok"));
    assert_eq!(world.record_of(&answer)["attempts"][1]["why"], "fallback");
}

#[test]
fn a_hedge_that_there_is_nothing_left_for_waits_for_the_first() {
    let route =
        "[{name: hedged, match: {model: [both]}, candidates: [first, second], hedge: {extra_percent: \"0.01\"}}]";
    let world = World::with().openai("first", Profile::default()).openai("second", Profile::default());
    let world = world.model("both", &["first"]).section("routes", route).start();
    for _ in 0..25 {
        assert_eq!(world.chat(Chat::to("both")).status, 200);
    }
    world.set("first", after(400));
    let answer = world.chat(Chat::to("both"));
    assert_eq!((answer.status, answer.header("x-tollgate-endpoint")), (200, Some("first")));
    assert_eq!(world.seen("second").requests, 0);
}

#[test]
fn gemini_is_told_how_long_flex_is_waited_for() {
    const ANSWER: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"finishReason":"STOP"}],
        "usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1,"totalTokenCount":4,"serviceTier":"flex"}}"#;
    let heard = Arc::new(Mutex::new(String::new()));
    let hears = Arc::clone(&heard);
    let vendor = BareVendor::spawn(move |_, mut connection| {
        while let Some(request) = connection.request() {
            *hears.lock().expect("nobody panics") = request;
            connection.answer(ANSWER);
        }
    });
    let base = vendor.base_url().replace("/v1", "");
    let world = World::with().place("google", "gemini", base, "    vendor: gemini\n").start();
    let answer = world.chat(Chat::only("google").with("start_within", json!("30s")));
    assert_eq!((answer.status, answer.header("x-tollgate-tier")), (200, Some("flex")), "{}", answer.text());
    let heard = heard.lock().expect("nobody panics").to_lowercase();
    assert!(heard.contains("x-server-timeout: 6"), "ten minutes and the half that it has to start: {heard}");
    assert!(heard.contains(r#""servicetier":"flex""#) && !heard.contains("start_within"), "{heard}");
}

#[test]
fn races_are_counted_by_who_won_and_why() {
    let world = raced(Profile::default(), after(60_000));
    assert_eq!(world.chat(asking(START_WITHIN)).status, 200);
    world.set("north-flex", Profile::default());
    assert_eq!(world.chat(asking(START_WITHIN)).status, 200);
    for (name, labels, value) in [
        ("tollgate_races_total", ("winner", "standard"), 1.0),
        ("tollgate_races_total", ("winner", "flex"), 1.0),
        ("tollgate_race_starts_total", ("why", "late"), 1.0),
        ("tollgate_start_within_total", ("in_time", "yes"), 2.0),
        ("tollgate_tiers_total", ("served", "flex"), 1.0),
    ] {
        world.wait_for_metric(name, &[labels], value);
    }
    assert!(world.metric("tollgate_saved_usd_total", &[("endpoint", "north")]) > 0.0);
    assert!(world.metric("tollgate_duplicate_usd_total", &[("endpoint", "north")]) > 0.0);
}

#[test]
fn how_long_an_endpoint_takes_is_told_once_enough_was_seen() {
    const NAME: &str = "tollgate_first_content_seconds";
    let world = World::with().openai("north", after(30)).openai("south", Profile::default()).start();
    for _ in 0..20 {
        assert!(!world.ops_get("/metrics").text().contains(NAME), "not before twenty were seen");
        assert_eq!(world.chat(Chat::only("north")).status, 200);
    }
    for quantile in ["0.5", "0.95"] {
        let labels = [("endpoint", "north"), ("tier", "standard"), ("stream", "false"), ("quantile", quantile)];
        assert!(world.metric(NAME, &labels) >= 0.03, "{quantile}");
    }
    assert!(!world.ops_get("/metrics").text().contains(&format!("{NAME}{{endpoint=\"south\"")), "of nobody else");
}
