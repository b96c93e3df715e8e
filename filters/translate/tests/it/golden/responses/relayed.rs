//! Recorded streams through the relay: cut anywhere, they come out the same.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_translate::{Dialect, Phase, Relay};

use super::STREAMS;
use crate::relayed::{Came, sound};
use crate::said::cents;
use crate::strict::{call, gather, head, payloads};

fn relay<'a>(foreign: bool, chunks: impl IntoIterator<Item = &'a [u8]>) -> Came {
    let call = call(&json!([]));
    let relay = match foreign {
        true => Relay::foreign(Dialect::Responses, &head(), &call),
        false => Relay::passthrough(Dialect::Responses, &call),
    };
    sound(relay, chunks, cents)
}

/// A small generator of numbers, so that a failure can be had again.
fn draw(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).expect("31 bits")
}

#[test]
fn recorded_streams_are_the_same_however_they_are_cut() {
    let mut seed = 5;
    let mut streams: Vec<_> = STREAMS.iter().map(|stream| (&stream.file, stream.framed())).collect();
    streams.sort_by_key(|(_, stream)| stream.len());
    // The longest hold pictures, and take long.
    streams.retain(|(_, stream)| stream.len() < 300_000);
    for (rank, (file, stream)) in streams.iter().enumerate() {
        let stream = stream.as_bytes();
        for foreign in [true, false] {
            let uncut = relay(foreign, [stream]);
            let (a, b) = (draw(&mut seed) % stream.len(), draw(&mut seed) % stream.len());
            let (a, b) = (a.min(b), a.max(b));
            assert!(relay(foreign, [&stream[..a], &stream[a..b], &stream[b..]]) == uncut, "{file} cut at {a} and {b}");
            let size = 1 + draw(&mut seed) % 40;
            assert!(relay(foreign, stream.chunks(size)) == uncut, "{file} by {size}");
            for at in (0..stream.len()).take_while(|_| rank < 2) {
                let (a, b) = stream.split_at(at);
                assert!(relay(foreign, [a, b]) == uncut, "{file} cut at {at}");
            }
        }
    }
}

#[test]
fn recorded_streams_pass_byte_for_byte_but_for_the_cost_of_the_last_event() {
    for stream in &*STREAMS {
        let framed = stream.framed();
        let came = relay(false, [framed.as_bytes()]);
        let (sent, got) = (payloads_of(&framed), payloads_of(&came.bytes));
        let shown = |event: &&Value| event["response"]["usage"]["cost"].is_number();
        if matches!(came.phase, Phase::Failed { .. }) {
            assert!(framed.starts_with(&came.bytes), "{}", stream.file);
            continue;
        }
        assert_eq!(came.phase, Phase::Ended, "{}", stream.file);
        assert_eq!(got.iter().filter(shown).count(), 1, "{}", stream.file);
        assert_eq!(got.last().expect("an end")["response"]["usage"]["cost"].to_string(), "0.03", "{}", stream.file);
        // What follows the end is not for the client.
        let end = got.len() - 1;
        assert!(sent.len() >= got.len() && got[..end] == sent[..end], "{}", stream.file);
        let until = came.bytes.rfind("\nevent:").unwrap_or_default();
        assert!(framed.starts_with(&came.bytes[..until]), "{}", stream.file);
    }
}

fn payloads_of(stream: &str) -> Vec<Value> {
    stream.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect()
}

#[test]
fn every_recorded_stream_reaches_a_client_of_another_endpoint_strictly_formed() {
    for stream in &*STREAMS {
        let came = relay(true, [stream.framed().as_bytes()]);
        let response = gather(&payloads(&came.bytes));
        let failed = matches!(came.phase, Phase::Failed { .. });
        assert_eq!(failed, response["status"] == "failed", "{}", stream.file);
        assert!(failed || response["usage"]["cost"] == json!(0.03), "{}", stream.file);
    }
}

/// `cargo test --release -p tollgate-translate --test golden -- --ignored --nocapture events_of_responses`
#[test]
#[ignore = "a measurement"]
fn events_of_responses_cost_little() {
    let streams: Vec<_> = STREAMS.iter().map(|stream| Bytes::from(stream.framed())).collect();
    let events: usize = STREAMS.iter().map(|stream| stream.payloads.len()).sum();
    for foreign in [true, false] {
        let began = std::time::Instant::now();
        for stream in &streams {
            std::hint::black_box(relay(foreign, [&stream[..]]));
        }
        let each = began.elapsed() / u32::try_from(events).expect("few");
        eprintln!("{} streams, {events} events, foreign {foreign}: {each:?} an event", streams.len());
    }
}
