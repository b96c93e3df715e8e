//! Recorded traffic of Amazon Bedrock: real event streams, answers and requests of Converse.

use aws_smithy_types::base64;
use bytes::Bytes;
use serde_json::Value;
use tollgate_api::{Event, Tier, Usage, UsageSource};
use tollgate_translate::neutral::{Content, Part, Request};
use tollgate_translate::{AnswerHead, Dialect, Losses, Out, Phase, Relay};

use super::exchanges::{Exchange, chunk_files, recorded};
use crate::frames::{call, framed, unframed};
use crate::plain::plain;
use crate::said::{essence, last_usage};

/// The bytes of every recorded stream.
fn streams() -> Vec<(String, Vec<u8>)> {
    let exchanges = recorded("bedrock", "/converse-stream").into_iter().filter(|exchange| exchange.status == 200);
    exchanges.map(|exchange| (exchange.file, base64::decode(exchange.answer.trim()).expect("base64"))).collect()
}

/// Every recorded whole answer.
fn wholes() -> Vec<Exchange> {
    recorded("bedrock", "/converse").into_iter().filter(|exchange| exchange.status == 200).collect()
}

/// Streams of the other collection: their events stand alone on a line, each under its name. Some hold
/// the count before the stop, or none.
fn chunked() -> Vec<(String, Vec<(String, String)>)> {
    let unwrap = |line: &String| {
        let Value::Object(event) = serde_json::from_str(line).expect("JSON") else { panic!("{line}") };
        let (name, payload) = event.into_iter().next().expect("one member");
        (name, payload.to_string())
    };
    let files = chunk_files("amazon-bedrock");
    files.into_iter().map(|(file, lines)| (file, lines.iter().map(unwrap).collect())).collect()
}

fn read_stream(stream: &[u8]) -> Vec<Event> {
    let events: Vec<_> = unframed(stream).into_iter().map(|(name, payload)| (name, payload.to_string())).collect();
    read_events(&events)
}

fn read_events(said: &[(String, String)]) -> Vec<Event> {
    let (mut decoder, mut events) = (Dialect::Converse.decoder(), Vec::new());
    for (name, payload) in said {
        decoder.event(Some(name), payload, &mut events).expect("Converse's");
    }
    events
}

fn read_whole(body: &str) -> Vec<Event> {
    let mut events = Vec::new();
    Dialect::Converse.whole(body.as_bytes(), &mut events).unwrap_or_else(|garbage| panic!("{garbage}: {body}"));
    events
}

/// Every recorded answer, with the usage that it reports as Amazon wrote it.
fn answers() -> Vec<(String, Vec<Event>, Value)> {
    let whole = wholes().into_iter().map(|exchange| {
        let usage = serde_json::from_str::<Value>(&exchange.answer).expect("JSON")["usage"].take();
        (exchange.file, read_whole(&exchange.answer), usage)
    });
    let streamed = streams().into_iter().map(|(file, stream)| {
        let mut usage = unframed(&stream).into_iter().filter(|(name, _)| name == "metadata");
        let usage = usage.next().map_or(Value::Null, |(_, mut metadata)| metadata["usage"].take());
        (file, read_stream(&stream), usage)
    });
    whole.chain(streamed).collect()
}

/// Amazon's usage, counted another way, by the identity that holds in every recording.
fn oracle(usage: &Value) -> Usage {
    let count = |name: &str| usage[name].as_u64().unwrap_or(0);
    let (input, output) = (count("inputTokens"), count("outputTokens"));
    let (cached, cache_write) = (count("cacheReadInputTokens"), count("cacheWriteInputTokens"));
    assert_eq!(input + output + cached + cache_write, count("totalTokens"), "{usage}");
    Usage {
        input,
        cached,
        cache_write,
        output,
        source: UsageSource::Reported,
        tier: Tier::Standard,
        ..Usage::default()
    }
}

fn head() -> AnswerHead {
    AnswerHead { id: "answer".into(), model: "m".into(), created: 1 }
}

fn rewritten(events: &[Event]) -> Vec<u8> {
    let mut encoder = Dialect::Converse.encoder(&head(), &call());
    let mut bytes = Vec::new();
    events.iter().for_each(|event| encoder.event(event, None, &mut bytes));
    bytes
}

#[test]
fn every_recorded_answer_is_read_whole_and_counted_right() {
    let answers = answers();
    assert!(answers.len() >= 20, "{} answers", answers.len());
    for (file, events, usage) in &answers {
        assert!(matches!(events.first(), Some(Event::Start { .. })), "{file}");
        assert!(events.iter().any(|event| matches!(event, Event::Stop { .. })), "{file}");
        assert_eq!(events.iter().filter(|event| **event == Event::End).count(), 1, "{file}");
        assert_eq!(events.last(), Some(&Event::End), "{file}");
        assert_eq!(last_usage(events), Some(oracle(usage)), "{file}");
    }
    for exchange in wholes() {
        let events = read_whole(&exchange.answer);
        assert_eq!(Dialect::Converse.usage(exchange.answer.as_bytes()), last_usage(&events), "{}", exchange.file);
    }
}

#[test]
fn every_recorded_answer_in_our_words_reads_the_same() {
    let chunked = chunked().into_iter().map(|(file, said)| (file, read_events(&said)));
    for (file, events) in answers().into_iter().map(|(file, events, _)| (file, events)).chain(chunked) {
        let streamed = read_stream(&rewritten(&events));
        assert_eq!(streamed.contains(&Event::End), events.contains(&Event::End), "{file}");
        // A count that came without an end never goes out.
        if events.contains(&Event::End) || last_usage(&events).is_none() {
            assert_eq!(essence(&streamed), essence(&events), "streamed: {file}");
        }
        let body = Dialect::Converse.assemble(&head(), &call(), &events, None);
        let whole = read_whole(std::str::from_utf8(&body).expect("UTF-8"));
        assert_eq!(essence(&whole), essence(&events), "whole: {file}");
    }
}

#[test]
fn whole_answers_of_the_other_collection_are_read_too() {
    let folder = "vercel-ai/packages/amazon-bedrock/src/__fixtures__";
    let files = super::exchanges::folder_files(folder);
    assert!(files.len() >= 10, "{} files", files.len());
    for (file, body) in files {
        let usage = serde_json::from_str::<Value>(&body).expect("JSON")["usage"].take();
        assert_eq!(last_usage(&read_whole(&body)), Some(oracle(&usage)), "{file}");
    }
}

/// How many frames a stream has, by their lengths alone.
fn frames_in(mut stream: &[u8]) -> usize {
    let mut frames = 0;
    while let Some((length, _)) = stream.split_first_chunk() {
        stream = &stream[u32::from_be_bytes(*length) as usize..];
        frames += 1;
    }
    frames
}

/// What a stream came to.
#[derive(PartialEq, Debug)]
struct Came {
    bytes: Vec<u8>,
    phase: Phase,
    usage: Option<Usage>,
    output_chars: u64,
}

fn relay<'a>(mut relay: Relay, chunks: impl IntoIterator<Item = &'a [u8]>) -> Came {
    let mut out = Out::default();
    for chunk in chunks {
        relay.push(Bytes::copy_from_slice(chunk), &|_| None, &mut |_| {}, &mut out).expect("a recorded stream");
    }
    relay.end(&|_| None, &mut |_| {}, &mut out).expect("a recorded stream");
    let (usage, output_chars) = (relay.usage(), relay.output_chars());
    Came { bytes: out.take().to_vec(), phase: relay.phase().clone(), usage, output_chars }
}

fn through() -> Relay {
    Relay::passthrough(Dialect::Converse, &call())
}

fn anew() -> Relay {
    Relay::foreign(Dialect::Converse, &head(), &call())
}

fn to_chat() -> Relay {
    Relay::foreign(Dialect::Converse, &head(), &plain(true))
}

#[test]
fn every_recorded_frame_passes_byte_for_byte_and_is_metered() {
    let mut frames = 0;
    for (file, stream) in streams() {
        let came = relay(through(), [&*stream]);
        assert!(came.bytes == stream, "{file}");
        assert_eq!(came.phase, Phase::Ended, "{file}");
        assert_eq!(came.usage, last_usage(&read_stream(&stream)), "{file}");
        assert_eq!(unframed(&stream).len(), frames_in(&stream), "{file}");
        frames += frames_in(&stream);
    }
    assert!(frames > 200, "{frames} frames");
}

#[test]
fn recorded_streams_come_out_the_same_however_they_are_cut() {
    let mut state = 7_u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    let mut streams = streams();
    streams.sort_by_key(|(_, stream)| stream.len());
    for (nth, (file, stream)) in streams.iter().enumerate() {
        for way in [through, anew, to_chat] {
            let uncut = relay(way(), [&**stream]);
            let everywhere = if nth < 2 { (0..=stream.len()).collect() } else { vec![draw(stream.len()); 5] };
            for at in everywhere {
                let (a, b) = stream.split_at(at);
                assert_eq!(relay(way(), [a, b]), uncut, "{file} cut at {at}");
            }
            let size = 1 + draw(40);
            assert_eq!(relay(way(), stream.chunks(size)), uncut, "{file} by {size}");
        }
    }
}

#[test]
fn every_recorded_stream_reaches_a_chat_client_whole() {
    for (file, stream) in streams() {
        let came = relay(to_chat(), [&*stream]);
        let text = String::from_utf8(came.bytes).expect("UTF-8");
        assert_eq!(came.phase, Phase::Ended, "{file}");
        assert!(text.ends_with("data: [DONE]\n\n"), "{file}");
        let tools = read_stream(&stream).iter().filter(|event| matches!(event, Event::ToolStart { .. })).count();
        assert_eq!(text.matches("\"id\":\"tooluse_").count(), tools, "{file}");
    }
}

#[test]
fn a_stream_cut_before_its_count_is_metered_as_far_as_it_came() {
    for (file, stream) in streams() {
        let events = unframed(&stream);
        let said: Vec<_> = events.iter().map(|(name, payload)| (name.as_str(), payload.to_string())).collect();
        let cut = framed(said[..said.len() - 1].iter().map(|(name, payload)| (*name, payload.as_str())));
        let came = relay(anew(), [&*cut]);
        assert_eq!((came.phase, came.usage), (Phase::Ended, None), "{file}");
        let cut = framed(said[..said.len() - 2].iter().map(|(name, payload)| (*name, payload.as_str())));
        assert_eq!(relay(anew(), [&*cut]).phase, Phase::Content, "{file}");
    }
}

fn requests() -> Vec<(String, Request)> {
    let exchanges = recorded("bedrock", "/converse").into_iter().chain(recorded("bedrock", "/converse-stream"));
    let read = |exchange: Exchange| {
        // The recorders' own mark is no character that Amazon allows in a document's name.
        let body = exchange.request.replace("document-REDACTED_", "document-REDACTED-");
        // One asks for a guardrail, which is refused where another vendor is to answer.
        let request = Dialect::Converse.read(body.as_bytes(), &[], &mut Losses::new(true));
        let mut request = request.unwrap_or_else(|refusal| panic!("{}: {}", exchange.file, refusal.message));
        let model = exchange.path.trim_start_matches("/model/").split('/').next().unwrap_or_default();
        request.model = model.replace("%3A", ":");
        (exchange.file, request)
    };
    exchanges.map(read).collect()
}

#[test]
fn every_recorded_request_reads_and_writes_the_same() {
    let requests = requests();
    assert!(requests.len() >= 20, "{} requests", requests.len());
    for (file, request) in requests {
        let body = Dialect::Converse.write(&request, &mut Losses::default()).expect("it was Converse's");
        let mut back = Dialect::Converse.read(&body, &[], &mut Losses::new(true)).expect("our own request reads");
        back.model.clone_from(&request.model);
        assert!(back == request, "{file}: {}", String::from_utf8_lossy(&body));
    }
}

#[test]
fn every_recorded_request_crosses_to_others_and_comes_back() {
    for (file, mut request) in requests() {
        request.unknown.clear();
        // A document that is plain text is text to others.
        let is_document = |part: &Part| matches!(part.content, Content::Document { .. });
        if request.turns.iter().flat_map(|turn| &turn.parts).any(is_document) {
            continue;
        }
        for other in [Dialect::OpenAi, Dialect::Anthropic] {
            let body = other.write(&request, &mut Losses::default()).expect("nothing that others lack");
            let mut over = other.read(&body, &[], &mut Losses::default()).expect("our own request reads");
            // OpenAI's dialect asks for usage in a member that is between the client and us.
            over.unknown.clear();
            let body = Dialect::Converse.write(&over, &mut Losses::default()).expect("it was Converse's");
            let back = Dialect::Converse.read(&body, &[], &mut Losses::default()).expect("our own request reads");
            assert!(back.turns == request.turns, "{file} {other}: {}", String::from_utf8_lossy(&body));
            assert!(back.system == request.system && back.tools == request.tools, "{file} {other}");
            assert!(back.sampling.stop == request.sampling.stop && back.choice == request.choice, "{file} {other}");
        }
    }
}

#[test]
fn requests_of_other_vendors_become_requests_that_read_back_the_same() {
    let mut crossed = 0;
    for (dialect, vendor, path) in
        [(Dialect::OpenAi, "openai", "/chat/completions"), (Dialect::Anthropic, "anthropic", "/messages")]
    {
        for exchange in recorded(vendor, path).iter().filter(|exchange| exchange.status == 200) {
            let Ok(mut request) = dialect.read(exchange.request.as_bytes(), &[], &mut Losses::default()) else {
                continue;
            };
            request.model = "us.anthropic.claude-sonnet-4-6".into();
            let Ok(body) = Dialect::Converse.write(&request, &mut Losses::default()) else { continue };
            let back = Dialect::Converse.read(&body, &[], &mut Losses::default()).expect("our own request reads");
            assert!(
                texts(&back) == texts(&request.with_one_prompt()),
                "{}: {}",
                exchange.file,
                String::from_utf8_lossy(&body)
            );
            // A conversation that has called tools brings them, even where it offers none.
            assert!(back.tools.len() == request.tools.len() || request.tools.is_empty(), "{}", exchange.file);
            crossed += 1;
        }
    }
    assert!(crossed > 400, "{crossed} crossed");
}

/// All text of a conversation, blank text aside.
fn texts(request: &Request) -> Vec<&str> {
    let parts = request.system.iter().chain(request.turns.iter().flat_map(|turn| &turn.parts));
    let texts = parts.filter_map(|part| match &part.content {
        Content::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.filter(|text| !text.trim().is_empty()).collect()
}

/// `cargo test --release -p tollgate-translate --test golden -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn frames_and_requests_cost_little() {
    let streams: Vec<_> = streams().into_iter().map(|(_, stream)| Bytes::from(stream)).collect();
    let frames: usize = streams.iter().map(|stream| frames_in(stream)).sum();
    let rounds = 200;
    for (name, way) in [("through", through as fn() -> Relay), ("anew", anew), ("to chat", to_chat)] {
        let began = std::time::Instant::now();
        for stream in streams.iter().cycle().take(rounds * streams.len()) {
            let (mut relay, mut out) = (way(), Out::default());
            relay.push(stream.clone(), &|_| None, &mut |_| {}, &mut out).expect("a recorded stream");
            std::hint::black_box(out.take());
        }
        let each = began.elapsed() / u32::try_from(frames * rounds).expect("few");
        eprintln!("{name}: {each:?} a frame, of {frames}");
    }
    let text = "x".repeat(4096);
    let chat = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}],"max_tokens":9}}"#);
    let began = std::time::Instant::now();
    for _ in 0..10_000 {
        let request = Dialect::OpenAi.read(chat.as_bytes(), &[], &mut Losses::default()).expect("a request");
        let body = Dialect::Converse.write(&request, &mut Losses::default()).expect("it can be said");
        std::hint::black_box(Dialect::Converse.read(&body, &[], &mut Losses::default()).expect("ours reads"));
    }
    eprintln!("a request of 4 KB there and back: {:?}", began.elapsed() / 10_000);
}
