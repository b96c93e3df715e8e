//! The simulated vendors on the wire: each temper is what it says it is.

mod h2;
mod races;
mod tiers;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tollgate_simulate::{Distribution, Fault, Options, Profile, ToolCall, Vendor};

const OPENAI: &str = r#"{"model":"m","stream":STREAM,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"#;
const ANTHROPIC: &str = r#"{"model":"m","stream":STREAM,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;

fn vendor(profiles: Vec<Profile>) -> Vendor {
    Vendor::spawn(Options { profiles, ..Options::default() }).expect("a vendor starts")
}

fn named(name: &str, fault: Fault) -> Profile {
    Profile { name: name.into(), fault, ..Profile::default() }
}

fn open(vendor: &Vendor, method: &str, path: &str, body: &str) -> TcpStream {
    open_with(vendor, method, path, "", body)
}

/// With further headers, each with its end of line.
fn open_with(vendor: &Vendor, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(vendor.address()).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a deadline");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nanthropic-version: 2023-06-01\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).expect("it reads");
    stream
}

fn ask(vendor: &Vendor, method: &str, path: &str, body: &str) -> String {
    let mut all = Vec::new();
    let _ = open(vendor, method, path, body).read_to_end(&mut all);
    String::from_utf8(all).expect("UTF-8")
}

/// The body of an answer that was not streamed, as JSON.
fn json(answer: &str) -> serde_json::Value {
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}"))
}

fn chat(vendor: &Vendor, profile: &str, stream: bool) -> String {
    ask(vendor, "POST", &format!("/{profile}/v1/chat/completions"), &OPENAI.replace("STREAM", &stream.to_string()))
}

fn message(vendor: &Vendor, profile: &str, stream: bool) -> String {
    ask(vendor, "POST", &format!("/{profile}/v1/messages"), &ANTHROPIC.replace("STREAM", &stream.to_string()))
}

#[test]
fn both_dialects_are_spoken_whole_and_streamed() {
    let vendor = vendor(vec![]);
    assert!(chat(&vendor, "any", false).contains("\"object\":\"chat.completion\""));
    let stream = chat(&vendor, "any", true);
    assert!(stream.contains("\"total_tokens\"") && stream.contains("data: [DONE]"), "{stream}");
    assert!(message(&vendor, "any", false).contains("\"type\":\"message\""));
    let stream = message(&vendor, "any", true);
    for event in ["message_start", "content_block_delta", "message_delta", "message_stop"] {
        assert!(stream.contains(&format!("event: {event}\n")), "{event}: {stream}");
    }
}

#[test]
fn the_same_seed_gives_the_same_answers() {
    let words = |seed| {
        let vendor = Vendor::spawn(Options { seed, ..Options::default() }).expect("a vendor starts");
        let answer = chat(&vendor, "any", false);
        answer.split("\"content\":").nth(1).expect("content").split(',').next().expect("a value").to_owned()
    };
    assert_eq!(words(5), words(5));
    assert_ne!(words(5), words(6));
}

#[test]
fn faults_are_what_they_say() {
    let status = Fault::Status { status: 429, retry_after: Some(7), body: None };
    let vendor = vendor(vec![
        named("busy", status),
        named("cut", Fault::CutMidStream { after_events: 2 }),
        named("before", Fault::CutBeforeContent),
        named("nothing", Fault::CutBeforeHead),
        named("error", Fault::FirstEventError),
        named("late", Fault::MidStreamError { after_events: 2 }),
        named("broken", Fault::WrongJson),
        named("page", Fault::NotJson),
        named("silent", Fault::NoUsage),
        named("empty", Fault::EmptyStream),
    ]);
    let busy = chat(&vendor, "busy", false);
    assert!(busy.starts_with("HTTP/1.1 429") && busy.contains("retry-after: 7"), "{busy}");
    let cut = chat(&vendor, "cut", true);
    assert!(cut.matches("\"content\"").count() == 3 && !cut.contains("[DONE]") && !cut.ends_with("0\r\n\r\n"), "{cut}");
    assert!(!chat(&vendor, "before", true).contains("\"content\":\" "));
    assert_eq!(chat(&vendor, "nothing", true), "");
    assert!(chat(&vendor, "error", true).contains("data: {\"error\""));
    assert!(message(&vendor, "late", true).contains("event: error"));
    let broken = chat(&vendor, "broken", false);
    let body = broken.split("\r\n\r\n").nth(1).expect("a body");
    assert!(body.starts_with('{') && !body.ends_with('}'), "{body}");
    assert!(chat(&vendor, "page", false).contains("text/html"));
    assert!(!chat(&vendor, "silent", true).contains("total_tokens"));
    assert!(!chat(&vendor, "empty", true).contains("data:"));
}

#[test]
fn a_vendor_that_is_asked_for_a_key_wants_the_right_one() {
    let vendor = vendor(vec![Profile { name: "guarded".into(), require_key: Some("k".into()), ..Profile::default() }]);
    assert!(chat(&vendor, "guarded", false).starts_with("HTTP/1.1 401"));
    assert!(message(&vendor, "guarded", false).contains("authentication_error"));
}

/// A question with a tool, then as many rounds of a call and its result as given.
fn with_tool(rounds: usize) -> (String, String) {
    let open = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"write","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"ok"}"#;
    let anthropic = r#"{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"write","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"ok"}]}"#;
    let turns = |round: &str| format!(r#"[{{"role":"user","content":"hi"}}{}]"#, format!(",{round}").repeat(rounds));
    let schema = r#"{"type":"object","properties":{"path":{"type":"string"}}}"#;
    (
        format!(
            r#"{{"model":"m","messages":{},"tools":[{{"type":"function","function":{{"name":"write","parameters":{schema}}}}}]}}"#,
            turns(open)
        ),
        format!(
            r#"{{"model":"m","max_tokens":9,"messages":{},"tools":[{{"name":"write","input_schema":{schema}}}]}}"#,
            turns(anthropic)
        ),
    )
}

#[test]
fn tools_are_called_for_as_many_turns_as_the_profile_says_and_then_words_are_said() {
    let patient = Profile { turns: 3, ..named("patient", Fault::None) };
    let vendor = vendor(vec![patient]);
    for (profile, turns) in [("any", 1), ("patient", 3)] {
        for round in 0..5 {
            let (open, anthropic) = with_tool(round);
            let open = ask(&vendor, "POST", &format!("/{profile}/v1/chat/completions"), &open);
            let anthropic = ask(&vendor, "POST", &format!("/{profile}/v1/messages"), &anthropic);
            let calls = (open.contains("\"tool_calls\":"), anthropic.contains("\"tool_use\""));
            assert_eq!(calls, (round < turns, round < turns), "{profile}, {round}");
        }
    }
}

#[test]
fn scripted_calls_are_made_one_in_each_turn_where_the_client_brings_the_tool() {
    let call = |tool: &str, path: &str| ToolCall { tool: tool.into(), arguments: serde_json::json!({"path": path}) };
    let says = Some("Done.".to_owned());
    let calls = vec![call("write", "first"), call("absent", "second"), call("write", "third")];
    let vendor = vendor(vec![Profile { calls, says, ..named("agent", Fault::None) }]);
    for (round, expected) in [(0, "first"), (1, "Done."), (2, "third"), (3, "Done.")] {
        let answer = ask(&vendor, "POST", "/agent/v1/chat/completions", &with_tool(round).0);
        assert!(answer.contains(expected), "{round}: {answer}");
    }
}

#[test]
fn a_hang_up_is_noticed_at_once() {
    let vendor = vendor(vec![named("hang", Fault::AcceptAndHang)]);
    let stream = open(&vendor, "POST", "/hang/v1/chat/completions", &OPENAI.replace("STREAM", "true"));
    until(|| vendor.seen("hang").requests == 1);
    let began = Instant::now();
    drop(stream);
    until(|| vendor.seen("hang").cancelled == 1);
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[test]
fn profiles_are_set_and_scripted_by_the_control_call() {
    let vendor = vendor(vec![]);
    let down = r#"{"fault":{"status":{"status":503}}}"#;
    assert!(ask(&vendor, "PUT", "/control/x", down).starts_with("HTTP/1.1 200"));
    assert!(chat(&vendor, "x", false).starts_with("HTTP/1.1 503"));
    assert!(ask(&vendor, "PUT", "/control/x", "{}").starts_with("HTTP/1.1 200"));
    assert!(ask(&vendor, "POST", "/control/x/next", &format!("[{down}]")).starts_with("HTTP/1.1 200"));
    assert!(chat(&vendor, "x", false).starts_with("HTTP/1.1 503"));
    assert!(chat(&vendor, "x", false).starts_with("HTTP/1.1 200"));
    assert!(ask(&vendor, "GET", "/control/x", "").contains("\"requests\":3"));
    assert!(ask(&vendor, "PUT", "/control/x", r#"{"speed":1}"#).starts_with("HTTP/1.1 400"));
}

#[test]
fn times_are_drawn_from_their_distribution() {
    let slow = Profile { latency: Distribution::Uniform { min: 60, max: 80 }, ..named("slow", Fault::None) };
    let vendor = vendor(vec![slow]);
    let began = Instant::now();
    chat(&vendor, "slow", false);
    assert!(began.elapsed() >= Duration::from_millis(60));
}

fn until(holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(10), "waited in vain");
        std::thread::sleep(Duration::from_millis(2));
    }
}
