//! Recorded streams through the relay: cut anywhere, they come out the same.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::Value;
use tollgate_api::{Cost, Usage};
use tollgate_translate::{AnswerHead, Dialect, Out, Phase, Relay};

use super::OPENAI_LIKE;
use super::exchanges::{Exchange, recorded};
use crate::plain::plain;
use crate::relayed::{Came, no_price, sound};
use crate::said::cents;

/// A recorded stream.
struct Recording {
    file: String,
    stream: String,
}

/// How an answer is relayed.
#[derive(Clone, Copy)]
enum Way {
    Passthrough,
    Foreign(Dialect),
}

fn streams(vendor: &str, path: &str) -> Vec<Recording> {
    let exchanges = recorded(vendor, path).into_iter().filter(Exchange::streamed);
    // The loader takes the last blank line for the end of a document.
    exchanges
        .map(|Exchange { file, answer, .. }| Recording { file, stream: answer.trim_end().to_owned() + "\n\n" })
        .collect()
}

/// Every streamed chat completion, read once for all tests: reading takes longer than they do.
static CHAT_STREAMS: LazyLock<Vec<Recording>> = LazyLock::new(|| {
    let all: Vec<_> = OPENAI_LIKE.into_iter().flat_map(|vendor| streams(vendor, "/chat/completions")).collect();
    assert!(all.len() > 400, "only {} recordings", all.len());
    all
});

fn relay<'a>(
    way: Way,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    wants_usage: bool,
    price: fn(&Usage) -> Option<Cost>,
) -> Came {
    let head = AnswerHead { id: "answer".into(), model: "m".into(), created: 1 };
    let relay = match way {
        Way::Passthrough => Relay::passthrough(Dialect::OpenAi, &plain(wants_usage)),
        Way::Foreign(dialect) => Relay::foreign(dialect, &head, &plain(wants_usage)),
    };
    sound(relay, chunks, price)
}

/// All at once, the client wanting everything and nothing having a price.
fn whole(stream: &str) -> Came {
    relay(Way::Passthrough, [stream.as_bytes()], true, no_price)
}

/// The data of each event that is JSON.
fn payloads(stream: &str) -> Vec<Value> {
    stream.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok()).collect()
}

/// A small generator of numbers, so that a failure can be had again.
fn draw(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).expect("31 bits")
}

/// Cuts the stream in three, and into small pieces, at random.
fn cut_at_random(way: Way, Recording { file, stream }: &Recording, seed: &mut u64) {
    let stream = stream.as_bytes();
    for wants_usage in [true, false] {
        let uncut = relay(way, [stream], wants_usage, cents);
        for _ in 0..3 {
            let (a, b) = (draw(seed) % stream.len(), draw(seed) % stream.len());
            let (a, b) = (a.min(b), a.max(b));
            let cut = relay(way, [&stream[..a], &stream[a..b], &stream[b..]], wants_usage, cents);
            assert!(cut == uncut, "{file} cut at {a} and {b}");
        }
        let size = 1 + draw(seed) % 40;
        assert!(relay(way, stream.chunks(size), wants_usage, cents) == uncut, "{file} by {size}");
    }
}

/// Cuts the stream in two at every byte, and into single bytes.
fn cut_everywhere(way: Way, file: &str, stream: &str) {
    let stream = stream.as_bytes();
    let uncut = relay(way, [stream], false, cents);
    for at in 0..stream.len() {
        let (a, b) = stream.split_at(at);
        assert!(relay(way, [a, b], false, cents) == uncut, "{file} cut at {at}");
    }
    assert!(relay(way, stream.chunks(1), false, cents) == uncut, "{file} by 1");
}

fn shortest<'a>(recordings: impl IntoIterator<Item = &'a Recording>, count: usize) -> Vec<&'a Recording> {
    let mut recordings: Vec<_> = recordings.into_iter().collect();
    recordings.sort_by_key(|recording| recording.stream.len());
    recordings.truncate(count);
    recordings
}

#[test]
fn recorded_streams_pass_byte_for_byte() {
    for Recording { file, stream } in &*CHAT_STREAMS {
        let came = whole(stream);
        let end = if stream.contains("[DONE]") { "" } else { "data: [DONE]\n\n" };
        assert!(came.bytes == format!("{stream}{end}"), "{file}");
        assert_eq!(came.phase, Phase::Ended, "{file}");
    }
}

#[test]
fn recorded_usage_is_the_last_that_the_vendor_reported() {
    for Recording { file, stream } in &*CHAT_STREAMS {
        let mut reports = payloads(stream).into_iter().map(|mut chunk| chunk["usage"].take());
        let last = reports.rfind(Value::is_object).unwrap_or_default();
        let count = |value: &Value| value.as_u64().unwrap_or_default();
        let usage = whole(stream).usage.unwrap_or_default();
        assert_eq!(usage.total(), count(&last["total_tokens"]), "{file}");
        let cached = last["prompt_tokens_details"]["cached_tokens"].as_u64();
        assert_eq!(usage.cached, cached.unwrap_or(count(&last["prompt_cache_hit_tokens"])), "{file}");
        let said = count(&last["prompt_tokens"]) + count(&last["completion_tokens"]);
        if said == usage.total() {
            assert_eq!(usage.output, count(&last["completion_tokens"]), "{file}");
        }
    }
}

#[test]
fn recorded_output_characters_are_those_of_the_deltas() {
    for Recording { file, stream } in &*CHAT_STREAMS {
        let mut chars = 0;
        for choice in payloads(stream).iter().flat_map(|chunk| chunk["choices"].as_array()).flatten() {
            let delta = &choice["delta"];
            let texts = ["content", "reasoning_content", "reasoning", "refusal"].map(|name| &delta[name]);
            let calls = delta["tool_calls"].as_array().into_iter().flatten();
            let arguments = calls.map(|call| &call["function"]["arguments"]);
            let texts = texts.into_iter().chain(arguments).filter_map(Value::as_str);
            chars += texts.map(|text| text.chars().count() as u64).sum::<u64>();
        }
        assert_eq!(whole(stream).output_chars, chars, "{file}");
    }
}

#[test]
fn a_client_that_did_not_ask_sees_every_recorded_event_but_the_one_for_usage() {
    for Recording { file, stream } in &*CHAT_STREAMS {
        let came = relay(Way::Passthrough, [stream.as_bytes()], false, cents);
        let has_choices = |chunk: &Value| chunk["choices"].as_array().is_some_and(|choices| !choices.is_empty());
        let mut wanted = payloads(stream);
        wanted.retain(|chunk| !chunk["usage"].is_object() || has_choices(chunk));
        assert!(payloads(&came.bytes) == wanted, "{file}");
        assert_eq!(came.usage, whole(stream).usage, "{file}");
    }
}

#[test]
fn recorded_streams_pass_the_same_however_they_are_cut() {
    let mut seed = 7;
    for recording in &*CHAT_STREAMS {
        cut_at_random(Way::Passthrough, recording, &mut seed);
    }
    for Recording { file, stream } in shortest(&*CHAT_STREAMS, 25) {
        cut_everywhere(Way::Passthrough, file, stream);
        cut_everywhere(Way::Passthrough, file, &stream.replace('\n', "\r\n"));
    }
}

#[test]
fn recorded_streams_are_translated_the_same_however_they_are_cut() {
    let mut seed = 11;
    for (dialect, vendor, path) in [
        (Dialect::OpenAi, "groq", "/chat/completions"),
        (Dialect::OpenAi, "deepseek", "/chat/completions"),
        (Dialect::OpenAi, "mistral", "/chat/completions"),
        (Dialect::OpenAi, "openrouter", "/chat/completions"),
        (Dialect::Anthropic, "anthropic", "/messages"),
        (Dialect::Gemini, "gemini", ":streamGenerateContent"),
    ] {
        let recordings = streams(vendor, path);
        for recording in &recordings {
            cut_at_random(Way::Foreign(dialect), recording, &mut seed);
        }
        for Recording { file, stream } in shortest(&recordings, 2) {
            cut_everywhere(Way::Foreign(dialect), file, stream);
        }
    }
}

#[test]
fn every_recorded_stream_of_anthropic_reaches_a_chat_client_whole() {
    for Recording { file, stream } in streams("anthropic", "/messages") {
        let came = relay(Way::Foreign(Dialect::Anthropic), [stream.as_bytes()], true, cents);
        assert_eq!(came.phase, Phase::Ended, "{file}");
        assert!(came.bytes.ends_with("data: [DONE]\n\n"), "{file}");
        let usage = payloads(&came.bytes).into_iter().filter(|chunk| chunk["usage"].is_object());
        assert_eq!(usage.map(|chunk| chunk["usage"]["cost"].to_string()).collect::<Vec<_>>(), ["0.03"], "{file}");
        assert!(came.usage.is_some_and(|usage| usage.output > 0), "{file}");
    }
}

/// `cargo test --release -p tollgate-translate --test golden -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn relaying_costs_little() {
    let streams: Vec<_> = CHAT_STREAMS.iter().map(|recording| Bytes::from(&*recording.stream)).collect();
    let events: usize = streams.iter().map(|stream| stream.windows(6).filter(|w| w == b"\ndata:").count() + 1).sum();
    let bytes: usize = streams.iter().map(Bytes::len).sum();
    for size in [usize::MAX, 16 * 1024, 300] {
        let began = std::time::Instant::now();
        for stream in &streams {
            let mut relay = Relay::passthrough(Dialect::OpenAi, &plain(false));
            let mut out = Out::default();
            let mut at = 0;
            while at < stream.len() {
                let end = at.saturating_add(size).min(stream.len());
                relay.push(stream.slice(at..end), &cents, &mut |_| {}, &mut out).expect("chunks");
                std::hint::black_box(out.take());
                at = end;
            }
        }
        let each = began.elapsed() / u32::try_from(events).expect("few");
        eprintln!("{} streams, {events} events, {bytes} bytes, chunks of {size}: {each:?} an event", streams.len());
    }
}
