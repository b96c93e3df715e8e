//! Service tiers: each is served by its own profile, and said.

use serde_json::json;
use tollgate_simulate::{Distribution, Fault, Profile, Vendor};

use super::{ask, chat, json, message, named, vendor};

/// Asks in a tier.
fn asked_in(vendor: &Vendor, profile: &str, tier: &str, stream: bool) -> String {
    let body = json!({
        "model": "m", "stream": stream, "stream_options": {"include_usage": true}, "service_tier": tier,
        "messages": [{"role": "user", "content": "hi"}],
    });
    ask(vendor, "POST", &format!("/{profile}/v1/chat/completions"), &body.to_string())
}

fn saying(name: &str) -> Profile {
    Profile { says: Some(format!("I am {name}.")), ..named(name, Fault::None) }
}

fn with_flex() -> Profile {
    Profile { tiers: [("flex".to_owned(), "north-flex".to_owned())].into(), ..saying("north") }
}

/// How often a stream says this tier, and how often any.
fn tiers_said(stream: &str, tier: &str) -> (usize, usize) {
    (stream.matches(&format!("\"service_tier\":\"{tier}\"")).count(), stream.matches("\"service_tier\":").count())
}

#[test]
fn a_tier_is_served_by_its_own_profile_and_reported() {
    let vendor = vendor(vec![with_flex(), saying("north-flex")]);
    let whole = json(&asked_in(&vendor, "north", "flex", false));
    assert_eq!(whole["service_tier"], "flex");
    assert_eq!(whole["choices"][0]["message"]["content"], "I am north-flex.");
    let stream = asked_in(&vendor, "north", "flex", true);
    let chunks = stream.matches("chat.completion.chunk").count();
    assert!(stream.contains("I am north-flex.") && chunks > 3, "{stream}");
    assert_eq!(tiers_said(&stream, "flex"), (chunks, chunks));
    assert_eq!((vendor.seen("north").requests, vendor.seen("north-flex").requests), (0, 2));
    assert_eq!(vendor.seen("north-flex").answered, 2);
}

#[test]
fn default_and_auto_are_served_by_the_profile_itself_in_the_ordinary_tier() {
    let vendor = vendor(vec![with_flex()]);
    for answer in [
        asked_in(&vendor, "north", "default", false),
        asked_in(&vendor, "north", "auto", false),
        chat(&vendor, "north", false),
    ] {
        let answer = json(&answer);
        assert_eq!(answer["service_tier"], "default");
        assert_eq!(answer["choices"][0]["message"]["content"], "I am north.");
    }
    assert_eq!((vendor.seen("north").requests, vendor.seen("north-flex").requests), (3, 0));
}

#[test]
fn a_tier_that_a_model_does_not_have_is_refused_in_openais_words() {
    let vendor = vendor(vec![with_flex()]);
    vendor.script("north", vec![named("", Fault::CutBeforeHead)]);
    let answer = asked_in(&vendor, "north", "priority", true);
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let error = json!({"error": {
        "message": "Invalid service_tier argument: 'priority' is not supported by this model.",
        "type": "invalid_request_error", "param": "service_tier", "code": "invalid_service_tier",
    }});
    assert_eq!(json(&answer), error);
    let seen = vendor.seen("north");
    assert_eq!((seen.requests, seen.answered, seen.billed.input), (1, 1, 0));
    assert_eq!(chat(&vendor, "north", false), "", "what was scripted is for a request that is served");
}

#[test]
fn a_profile_may_serve_a_tier_by_itself() {
    let own = Profile { tiers: [("on_demand".to_owned(), "groq".to_owned())].into(), ..saying("groq") };
    let vendor = vendor(vec![own]);
    assert_eq!(json(&asked_in(&vendor, "groq", "on_demand", false))["service_tier"], "on_demand");
    assert!(asked_in(&vendor, "groq", "flex", false).starts_with("HTTP/1.1 400"));
}

#[test]
fn where_a_profile_has_no_tiers_they_are_ignored() {
    let vendor = vendor(vec![]);
    assert_eq!(json(&asked_in(&vendor, "any", "priority", false))["service_tier"], "default");
}

#[test]
fn a_silent_downgrade_is_reported() {
    let fast = Profile { serves: Some("default".into()), ..saying("north-fast") };
    let tiers = [("priority".to_owned(), "north-fast".to_owned())].into();
    let vendor = vendor(vec![Profile { tiers, ..saying("north") }, fast]);
    let stream = asked_in(&vendor, "north", "priority", true);
    let (default, all) = tiers_said(&stream, "default");
    assert!(default == all && all > 3 && stream.contains("I am north-fast."), "{stream}");
}

#[test]
fn anthropics_dialect_has_tiers_of_its_own() {
    let served = Profile { serves: Some("priority".into()), ..named("served", Fault::None) };
    let vendor = vendor(vec![with_flex(), served]);
    let asked =
        r#"{"model":"m","max_tokens":9,"service_tier":"standard_only","messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(json(&ask(&vendor, "POST", "/north/v1/messages", asked))["usage"]["service_tier"], "standard");
    let stream = message(&vendor, "served", true);
    assert_eq!(tiers_said(&stream, "priority"), (2, 2), "{stream}");
}

#[test]
fn what_is_scripted_is_for_the_profile_that_serves() {
    let vendor = vendor(vec![with_flex(), saying("north-flex")]);
    vendor.script("north-flex", vec![named("", Fault::FlexFull)]);
    assert!(chat(&vendor, "north", false).starts_with("HTTP/1.1 200"));
    assert!(asked_in(&vendor, "north", "flex", false).starts_with("HTTP/1.1 429"));
    assert!(asked_in(&vendor, "north", "flex", false).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_flex_tier_that_is_full_says_so_in_openais_words() {
    let vendor = vendor(vec![with_flex(), named("north-flex", Fault::FlexFull)]);
    for stream in [false, true] {
        let answer = asked_in(&vendor, "north", "flex", stream);
        assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
        let kind = "resource_unavailable";
        let error = json!({"message": "Resource unavailable", "type": kind, "param": null, "code": kind});
        assert_eq!(json(&answer), json!({"error": error}));
    }
    assert_eq!(vendor.seen("north-flex").billed.input, 0);
}

#[test]
fn the_control_call_knows_tiers_and_what_races_need() {
    let vendor = vendor(vec![]);
    let put = |name: &str, profile: &str| {
        let answer = ask(&vendor, "PUT", &format!("/control/{name}"), profile);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    put("x", r#"{"tiers":{"flex":"x-flex"},"early_head":true}"#);
    put("x-flex", r#"{"fault":"flex_full"}"#);
    assert!(asked_in(&vendor, "x", "flex", false).starts_with("HTTP/1.1 429"));
    put("x-flex", r#"{"fault":"cut_after_head"}"#);
    assert!(asked_in(&vendor, "x", "flex", false).ends_with("\r\n\r\n"));
    put("x-flex", r#"{"serves":"default","ttft":{"log_normal":{"median":1,"p99":2}}}"#);
    assert_eq!(json(&asked_in(&vendor, "x", "flex", false))["service_tier"], "default");
    let tail = r#"{"log_normal":{"median":900,"p99":9000,"never_per_mille":20}}"#;
    let read: Distribution = serde_json::from_str(tail).expect("a distribution");
    assert_eq!(read, Distribution::LogNormal { median: 900, p99: 9000, never_per_mille: 20 });
}
