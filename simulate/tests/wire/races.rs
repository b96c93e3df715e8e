//! What tests of races need: draws that can be foreseen, heads without content, hang-ups that are seen at once.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tollgate_simulate::{Cancelled, Distribution, Fault, Options, Profile, Vendor};

use super::h2::{self, Stream};
use super::{OPENAI, chat, named, open, open_with, until};

/// No test waits for as long: what takes it is seen to be under way, and hung up on.
const LONG: Distribution = Distribution::Fixed(60_000);
/// Within which a hang-up is seen, on a machine with much else to do.
const AT_ONCE: Duration = Duration::from_millis(500);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn timed(profiles: Vec<Profile>) -> Vendor {
    Vendor::spawn(Options { profiles, keep_times: true, ..Options::default() }).expect("a vendor starts")
}

fn parent(trace_id: &str) -> String {
    format!("00-{trace_id}-00f067aa0ba902b7-01")
}

fn path(profile: &str) -> String {
    format!("/{profile}/v1/chat/completions")
}

/// Sends a chat request of a trace.
fn begin(vendor: &Vendor, profile: &str, trace_id: &str, body: &str) -> TcpStream {
    open_with(vendor, "POST", &path(profile), &format!("traceparent: {}\r\n", parent(trace_id)), body)
}

fn body(stream: bool) -> String {
    OPENAI.replace("STREAM", &stream.to_string())
}

/// What has come until now, or until this has come.
fn came(stream: &mut TcpStream, expected: &str) -> String {
    let wait = if expected.is_empty() { Duration::from_millis(100) } else { Duration::from_secs(10) };
    stream.set_read_timeout(Some(wait)).expect("a deadline");
    let mut all = Vec::new();
    let mut chunk = [0; 4096];
    while expected.is_empty() || !String::from_utf8_lossy(&all).contains(expected) {
        match stream.read(&mut chunk) {
            Ok(read) => all.extend_from_slice(&chunk[..read]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(e) => panic!("{e}"),
        }
    }
    String::from_utf8(all).expect("UTF-8")
}

#[test]
fn what_a_trace_will_draw_is_foreseen_whatever_comes_before_it() {
    let moody = Profile {
        latency: Distribution::Uniform { min: 0, max: 9 },
        ttft: Distribution::LogNormal { median: 2, p99: 9, never_per_mille: 0 },
        errors_per_mille: 500,
        error_status: 503,
        ..named("moody-flex", Fault::None)
    };
    let tiers = [("flex".to_owned(), "moody-flex".to_owned())].into();
    let vendor = timed(vec![moody, Profile { tiers, ..named("moody", Fault::None) }]);
    let flex = body(true).replacen('{', r#"{"service_tier":"flex","#, 1);
    let mut drawn = Vec::new();
    for n in 0..40_u32 {
        let trace_id = format!("{n:032x}");
        let foreseen = vendor.foresee("moody-flex", &trace_id);
        (0..n % 3).for_each(|_| drop(chat(&vendor, "moody-flex", true)));
        let mut answer = String::new();
        begin(&vendor, "moody", &trace_id, &flex).read_to_string(&mut answer).expect("an answer");
        assert_eq!(answer.starts_with("HTTP/1.1 503"), foreseen.fails, "{answer}");
        let began = vendor.began("moody-flex").pop().expect("it has come");
        assert_eq!((began.trace_id, began.drawn), (Some(trace_id), foreseen));
        drawn.push(foreseen);
    }
    assert!(drawn.iter().any(|one| one.fails) && drawn.iter().any(|one| !one.fails));
    assert!(drawn.iter().any(|one| one.latency != drawn[0].latency));
    assert!(drawn.iter().any(|one| one.ttft != drawn[0].ttft));
}

#[test]
fn the_waits_that_were_foreseen_are_waited() {
    let spread = Distribution::Uniform { min: 0, max: 150 };
    let vendor = timed(vec![Profile { latency: spread, ttft: spread, ..named("slow", Fault::None) }]);
    for (n, stream) in (0..6_u32).zip([true, false].into_iter().cycle()) {
        let trace_id = format!("{n:032x}");
        let foreseen = vendor.foresee("slow", &trace_id);
        let began = Instant::now();
        begin(&vendor, "slow", &trace_id, &body(stream)).read_to_end(&mut Vec::new()).expect("an answer");
        assert!(began.elapsed() >= foreseen.latency + foreseen.ttft, "{foreseen:?}");
    }
}

#[test]
fn what_will_never_come_is_foreseen_and_never_comes() {
    let never = Distribution::LogNormal { median: 1, p99: 1, never_per_mille: 1000 };
    let vendor = timed(vec![Profile { ttft: never, ..named("never", Fault::None) }]);
    assert_eq!(vendor.foresee("never", TRACE).ttft, Duration::MAX);
    let mut stream = begin(&vendor, "never", TRACE, &body(true));
    assert!(came(&mut stream, "\"role\"").starts_with("HTTP/1.1 200"));
    assert_eq!(came(&mut stream, ""), "");
}

#[test]
fn a_stream_opens_at_once_and_its_content_comes_after_ttft() {
    let vendor = timed(vec![Profile { ttft: LONG, ..named("late", Fault::None) }]);
    let mut stream = begin(&vendor, "late", TRACE, &body(true));
    let opening = came(&mut stream, "\"role\"");
    assert!(opening.starts_with("HTTP/1.1 200") && opening.contains("\"content\":\"\""), "{opening}");
    assert_eq!(came(&mut stream, ""), "");
}

#[test]
fn a_whole_answer_comes_after_ttft_and_its_head_before_it_where_the_profile_says_so() {
    let late = Profile { ttft: LONG, ..named("late", Fault::None) };
    let vendor = timed(vec![late.clone(), Profile { name: "early".into(), early_head: true, ..late }]);
    assert_eq!(came(&mut begin(&vendor, "late", TRACE, &body(false)), ""), "");
    let mut early = begin(&vendor, "early", TRACE, &body(false));
    assert!(came(&mut early, "\r\n\r\n").starts_with("HTTP/1.1 200"));
    assert_eq!(came(&mut early, ""), "");
    let soon = Profile { ttft: Distribution::Fixed(20), early_head: true, ..named("early", Fault::None) };
    vendor.set(soon);
    assert!(chat(&vendor, "early", false).contains("\"finish_reason\":\"stop\""));
}

#[test]
fn an_answer_dies_after_its_head_and_before_its_first_byte() {
    let vendor = timed(vec![named("cut", Fault::CutAfterHead)]);
    for stream in [false, true] {
        let answer = chat(&vendor, "cut", stream);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(!answer.ends_with("0\r\n\r\n"), "it was cut, not ended: {answer}");
    }
    assert_eq!(vendor.cancelled("cut").len(), 0, "the vendor itself has cut it");
}

/// Waits until a hang-up is seen, and tells it if it was seen at once.
fn seen_at_once(vendor: &Vendor, profile: &str, hung_up: Instant) -> Cancelled {
    until(|| !vendor.cancelled(profile).is_empty());
    let cancelled = vendor.cancelled(profile);
    let after = cancelled[0].at.saturating_duration_since(hung_up);
    assert!(cancelled.len() == 1 && after < AT_ONCE, "{profile}: {after:?} {cancelled:?}");
    assert_eq!(cancelled[0].trace_id.as_deref(), Some(TRACE));
    cancelled[0].clone()
}

/// Where a request waits: its profile, whether it is streamed, what has come of its answer by then.
fn waits() -> [(Profile, bool, &'static str); 4] {
    let latency = Profile { latency: LONG, ..named("latency", Fault::None) };
    let ttft = |name: &str| Profile { ttft: LONG, ..named(name, Fault::None) };
    [
        (latency, true, ""),
        (ttft("stream"), true, "\"role\""),
        (ttft("whole"), false, ""),
        (Profile { early_head: true, ..ttft("early") }, false, "\r\n\r\n"),
    ]
}

#[test]
fn a_hang_up_is_seen_at_once_wherever_the_request_waits() {
    for (profile, stream, expected) in waits() {
        let name = profile.name.clone();
        let vendor = timed(vec![profile]);
        let mut connection = begin(&vendor, &name, TRACE, &body(stream));
        until(|| vendor.began(&name).len() == 1);
        assert!(came(&mut connection, expected).contains(expected));
        let hung_up = Instant::now();
        drop(connection);
        let cancelled = seen_at_once(&vendor, &name, hung_up);
        assert_eq!(cancelled.written > 0, name == "stream", "{cancelled:?}");
        assert_eq!(vendor.seen(&name).cancelled, 1);
    }
}

#[test]
fn a_hang_up_is_seen_at_once_over_http2_by_stream_and_by_connection() {
    for is_reset in [true, false] {
        for (profile, stream, expected) in waits() {
            let name = profile.name.clone();
            let vendor = timed(vec![profile]);
            let mut connection = Stream::post(&vendor, &path(&name), &parent(TRACE), &body(stream));
            until(|| vendor.began(&name).len() == 1);
            match expected {
                "" => std::thread::sleep(Duration::from_millis(50)),
                "\r\n\r\n" => connection.read_until(h2::HEADERS),
                _ => connection.read_until(h2::DATA),
            }
            let hung_up = Instant::now();
            if is_reset {
                connection.reset();
                seen_at_once(&vendor, &name, hung_up);
            } else {
                drop(connection);
                seen_at_once(&vendor, &name, hung_up);
            }
        }
    }
}

#[test]
fn times_are_kept_only_where_they_are_asked_for() {
    let vendor = super::vendor(vec![named("hang", Fault::AcceptAndHang)]);
    let connection = open(&vendor, "POST", &path("hang"), &body(true));
    // A connection that is closed before the vendor has looked at it carries no request.
    until(|| vendor.seen("hang").requests == 1);
    drop(connection);
    until(|| vendor.seen("hang").cancelled == 1);
    assert!(vendor.began("hang").is_empty() && vendor.cancelled("hang").is_empty());
}

#[test]
fn thousands_may_wait_at_once_and_each_hang_up_is_seen() {
    const WAITING: usize = 2_000;
    let vendor = timed(vec![Profile { ttft: LONG, output_tokens: 10_000, ..named("silent", Fault::None) }]);
    let connections: Vec<_> =
        (0..WAITING).map(|n| begin(&vendor, "silent", &format!("{n:032x}"), &body(true))).collect();
    until(|| vendor.began("silent").len() == WAITING);
    drop(connections);
    until(|| vendor.cancelled("silent").len() == WAITING);
    let mut traces: Vec<_> = vendor.cancelled("silent").into_iter().filter_map(|one| one.trace_id).collect();
    traces.sort_unstable();
    traces.dedup();
    assert_eq!(traces.len(), WAITING);
}
