//! OpenAI Responses: every recorded request and answer, of every vendor that speaks it.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_api::{Cost, Event, Money, StopReason, Tier, Usage, UsageSource};
use tollgate_translate::neutral::{Content, Request, Tool};
use tollgate_translate::{Dialect, Losses, Out, Phase, Relay};

use crate::exchanges::{Exchange, chunk_files, recorded};
use crate::strict::{call, decoded, essence, gather, head, last_usage, payloads, streamed};

/// Vendors that speak Responses.
const SPEAKERS: [&str; 7] = ["openai", "xai", "chatgpt", "copilot", "openrouter", "llamacpp", "mistralrs"];

/// A recorded stream: its payloads.
struct Recording {
    file: String,
    payloads: Vec<String>,
}

/// Every exchange that was answered, read once for all tests: reading takes longer than they do.
static ANSWERED: LazyLock<Vec<Exchange>> = LazyLock::new(|| {
    let exchanges = SPEAKERS.into_iter().flat_map(|vendor| recorded(vendor, "/responses"));
    let answered: Vec<_> = exchanges.filter(|exchange| exchange.status == 200).collect();
    assert!(answered.len() > 290, "only {} recordings", answered.len());
    answered
});

/// Every recorded stream, one answer each.
static STREAMS: LazyLock<Vec<Recording>> = LazyLock::new(|| {
    let recorded = ANSWERED.iter().filter(|exchange| exchange.streamed()).map(|exchange| Recording {
        file: exchange.file.clone(),
        payloads: exchange.payloads().into_iter().map(str::to_owned).collect(),
    });
    let files = ["openai", "azure", "xai", "open-responses"].into_iter().flat_map(chunk_files);
    let files = files.filter(|(_, lines)| lines.iter().any(|line| line.contains("\"response.created\"")));
    // Some hold the answers of several requests, one after the other.
    let answers = files.flat_map(|(file, lines)| {
        let answers = lines.split_inclusive(|line| line.contains(r#""type":"response.completed""#));
        answers.map(|answer| Recording { file: file.clone(), payloads: answer.to_vec() }).collect::<Vec<_>>()
    });
    let streams: Vec<_> = recorded.chain(answers).collect();
    assert!(streams.len() > 170, "only {} streams", streams.len());
    streams
});

impl Recording {
    /// The stream as it was framed.
    fn framed(&self) -> String {
        let event = |payload: &String| {
            let kind =
                serde_json::from_str::<Value>(payload).ok().and_then(|value| Some(value["type"].as_str()?.to_owned()));
            format!("event: {}\ndata: {payload}\n\n", kind.unwrap_or_else(|| "message".into()))
        };
        self.payloads.iter().map(event).collect()
    }

    fn read(&self) -> Vec<Event> {
        let (mut decoder, mut events) = (Dialect::Responses.decoder(), Vec::new());
        for payload in &self.payloads {
            let result = decoder.event(None, payload, &mut events);
            result.unwrap_or_else(|garbage| panic!("{}: {garbage}", self.file));
        }
        events
    }

    /// Whether its collection left out most pieces of its text.
    fn is_shortened(&self) -> bool {
        let values: Vec<Value> =
            self.payloads.iter().filter_map(|payload| serde_json::from_str(payload).ok()).collect();
        let texts = |kind: &str, member: &str| -> String {
            let events = values.iter().filter(|value| value["type"] == kind);
            events.filter_map(|value| value[member].as_str()).collect()
        };
        texts("response.output_text.delta", "delta") != texts("response.output_text.done", "text")
    }

    /// The `response` that its last event brings.
    fn last(&self) -> Value {
        let values = self.payloads.iter().filter_map(|payload| serde_json::from_str::<Value>(payload).ok());
        values.map(|mut value| value["response"].take()).rfind(Value::is_object).expect("a response")
    }
}

fn whole(body: &str, file: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let result = Dialect::Responses.whole(body.as_bytes(), &mut events);
    result.unwrap_or_else(|garbage| panic!("{file}: {garbage}"));
    events
}

/// The usage of a response, counted another way.
fn oracle(response: &Value) -> Option<Usage> {
    let usage = &response["usage"];
    let count = |path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    let (input, output) = (usage["input_tokens"].as_u64()?, usage["output_tokens"].as_u64()?);
    assert_eq!(input + output, count("/total_tokens"));
    let (cached, written) =
        (count("/input_tokens_details/cached_tokens"), count("/input_tokens_details/cache_write_tokens"));
    Some(Usage {
        input: input - cached - written,
        cached,
        cache_write: written,
        output,
        reasoning: count("/output_tokens_details/reasoning_tokens"),
        tier: match response["service_tier"].as_str() {
            Some("priority") => Tier::Priority,
            Some("flex") => Tier::Flex,
            _ => Tier::Standard,
        },
        source: UsageSource::Reported,
        ..Usage::default()
    })
}

/// Whether the answer ended, with every call's arguments one JSON value.
fn is_whole(events: &[Event]) -> bool {
    let cut = events.iter().any(|e| matches!(e, Event::Stop { reason: StopReason::MaxTokens, .. }));
    let mut arguments: Vec<String> = Vec::new();
    for event in events {
        match event {
            Event::ToolStart { .. } => arguments.push(String::new()),
            Event::ToolArguments { index, json, .. } => arguments[*index as usize].push_str(json),
            _ => {}
        }
    }
    let sound = |json: &String| serde_json::from_str::<Value>(json).is_ok();
    events.last() == Some(&Event::End) && (cut || arguments.iter().all(sound))
}

/// What is told of an answer, but for the places of sources that the vendor did not place.
fn comparable(events: &[Event]) -> Vec<Event> {
    let mut events = essence(events);
    for event in &mut events {
        if let Event::Cited { citation, .. } = event {
            citation.cited = None;
        }
    }
    events
}

/// Sources after everything else, and no logprobs: a whole answer has them beside all of a text.
fn by_kind(mut events: Vec<Event>) -> Vec<Event> {
    events.retain(|event| !matches!(event, Event::Logprobs { .. }));
    let (sources, mut told): (Vec<_>, Vec<_>) =
        events.into_iter().partition(|event| matches!(event, Event::Cited { .. }));
    // The pieces of one text are one again without what stood between them.
    told = essence(&told);
    told.extend(sources);
    told
}

#[test]
fn every_recorded_answer_is_read_whole_and_counted_right() {
    for exchange in ANSWERED.iter().filter(|exchange| !exchange.streamed()) {
        let events = whole(&exchange.answer, &exchange.file);
        let response: Value = serde_json::from_str(&exchange.answer).expect("JSON");
        assert!(matches!(events.first(), Some(Event::Start { id, .. }) if !id.is_empty()), "{}", exchange.file);
        assert!(is_whole(&events), "{}: {events:?}", exchange.file);
        assert_eq!(last_usage(&events), oracle(&response), "{}", exchange.file);
        assert_eq!(Dialect::Responses.usage(exchange.answer.as_bytes()), oracle(&response), "{}", exchange.file);
    }
}

#[test]
fn every_recorded_stream_is_read_whole_and_counted_right() {
    for stream in &*STREAMS {
        let events = stream.read();
        assert!(matches!(events.first(), Some(Event::Start { .. })), "{}", stream.file);
        if stream.file.contains("openai-error.1") {
            let expected = "insufficient_quota";
            assert!(matches!(events.last(), Some(Event::Failed { kind, .. }) if kind == expected), "{events:?}");
            continue;
        }
        assert!(is_whole(&events), "{}: {events:?}", stream.file);
        assert_eq!(last_usage(&events), oracle(&stream.last()), "{}", stream.file);
    }
}

#[test]
fn a_recorded_stream_says_what_its_last_event_says_whole() {
    let mut compared = 0;
    for stream in &*STREAMS {
        let last = stream.last();
        // ChatGPT's own service leaves the items out of the last event, and one stream failed.
        if last["output"].as_array().is_none_or(Vec::is_empty) || last["status"] == "failed" || stream.is_shortened() {
            continue;
        }
        let sealed = |event: &mut Event| match event {
            // Azure seals an item anew in every event.
            Event::Thinking { seal, .. } => *seal = None,
            Event::RedactedThinking { seal } => seal.data.clear(),
            _ => {}
        };
        let (mut streamed, mut whole) =
            (comparable(&stream.read()), comparable(&whole(&last.to_string(), &stream.file)));
        streamed.iter_mut().chain(&mut whole).for_each(sealed);
        assert_eq!(by_kind(streamed), by_kind(whole), "{}", stream.file);
        compared += 1;
    }
    assert!(compared > 130, "{compared} compared");
}

#[test]
fn every_recorded_answer_survives_the_responses_surface() {
    let answers = ANSWERED.iter().filter(|exchange| !exchange.streamed());
    let answers = answers.map(|exchange| (&exchange.file, whole(&exchange.answer, &exchange.file)));
    for (file, events) in answers.chain(STREAMS.iter().map(|stream| (&stream.file, stream.read()))) {
        if matches!(events.last(), Some(Event::Failed { .. })) {
            continue;
        }
        let names = events.iter().filter_map(|event| match event {
            Event::ToolStart { name, .. } if file.contains("custom-tool") => {
                Some(json!({"type": "custom", "name": name}))
            }
            _ => None,
        });
        let call = call(&Value::from(names.collect::<Vec<_>>()));
        let again = streamed(&events, &call);
        assert_eq!(comparable(&decoded(&again)), comparable(&events), "streamed: {file}");
        let body = Dialect::Responses.assemble(&head(), &call, &events, None);
        assert_eq!(serde_json::from_slice::<Value>(&body).expect("JSON"), gather(&again), "whole: {file}");
        let whole = whole(std::str::from_utf8(&body).expect("UTF-8"), file);
        assert_eq!(by_kind(comparable(&whole)), by_kind(comparable(&events)), "whole: {file}");
    }
}

#[test]
fn every_recorded_answer_of_anthropic_reaches_a_responses_client_whole() {
    for exchange in recorded("anthropic", "/messages").iter().filter(|exchange| exchange.status == 200) {
        let (mut decoder, mut events) = (Dialect::Anthropic.decoder(), Vec::new());
        if exchange.streamed() {
            for payload in exchange.payloads() {
                decoder.event(None, payload, &mut events).expect("a recorded stream");
            }
        } else {
            Dialect::Anthropic.whole(exchange.answer.as_bytes(), &mut events).expect("a recorded answer");
        }
        let mut said = comparable(&events);
        let mut read = comparable(&decoded(&streamed(&events, &call(&json!([])))));
        for event in said.iter_mut().chain(&mut read) {
            match event {
                // Responses has no stop sequences, and one kind of cache.
                Event::Stop { reason, sequence, .. } => {
                    *sequence = None;
                    if matches!(reason, StopReason::StopSequence | StopReason::Paused) {
                        *reason = StopReason::EndOfTurn;
                    }
                }
                Event::Usage(usage) => {
                    usage.cache_write += std::mem::take(&mut usage.cache_write_1h);
                    usage.tier = Tier::Standard;
                }
                _ => {}
            }
        }
        assert_eq!(read, said, "{}", exchange.file);
    }
}

fn cents(_: &Usage) -> Option<Cost> {
    Some(Cost { input: Money::from_nano(10_000_000), output: Money::from_nano(20_000_000) })
}

/// What a stream came to.
#[derive(PartialEq)]
struct Came {
    bytes: String,
    phase: Phase,
    usage: Option<Usage>,
    output_chars: u64,
}

fn relay<'a>(foreign: bool, chunks: impl IntoIterator<Item = &'a [u8]>) -> Came {
    let call = call(&json!([]));
    let mut relay = match foreign {
        true => Relay::foreign(Dialect::Responses, &head(), &call),
        false => Relay::passthrough(Dialect::Responses, &call),
    };
    let mut out = Out::default();
    for chunk in chunks {
        relay.push(Bytes::copy_from_slice(chunk), &cents, &mut |_| {}, &mut out).expect("a recorded stream");
    }
    relay.end(&cents, &mut |_| {}, &mut out).expect("a recorded stream");
    Came {
        bytes: String::from_utf8(out.take().to_vec()).expect("UTF-8"),
        phase: relay.phase().clone(),
        usage: relay.usage(),
        output_chars: relay.output_chars(),
    }
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

/// What must be equal on both sides, once what a writer adds is set aside.
fn as_asked(request: &Request) -> Request {
    let mut request = request.clone();
    for added in ["store", "include"] {
        request.unknown.remove(added);
    }
    // A lower cap is a 400, and reasoning without a seal is not taken back.
    request.sampling.max_output = request.sampling.max_output.map(|cap| cap.max(16));
    for turn in &mut request.turns {
        turn.parts.retain(|part| !matches!(part.content, Content::Thinking { seal: None, .. }));
    }
    for tool in &mut request.tools {
        if let Tool::Function { strict, .. } = tool {
            strict.get_or_insert(false);
        }
    }
    request
}

#[test]
fn every_recorded_request_reads_and_writes_the_same() {
    let requests = SPEAKERS.into_iter().flat_map(|vendor| recorded(vendor, "/responses"));
    let mut same = 0;
    for exchange in requests.filter(|exchange| !exchange.request.is_empty()) {
        let read = |body: &[u8]| Dialect::Responses.read(body, &[], &mut Losses::default());
        let request =
            read(exchange.request.as_bytes()).unwrap_or_else(|refusal| panic!("{}: {refusal:?}", exchange.file));
        let body = Dialect::Responses.write(&request, &mut Losses::default()).expect("it was of Responses");
        let back = read(&body).expect("our own request reads");
        assert!(as_asked(&back) == as_asked(&request), "{}", exchange.file);
        same += 1;
    }
    assert!(same > 300, "{same} the same");
}

#[test]
fn every_recorded_request_crosses_to_chat_and_anthropic_and_comes_back() {
    let mut crossed = 0;
    for exchange in &*ANSWERED {
        let mut request =
            Dialect::Responses.read(exchange.request.as_bytes(), &[], &mut Losses::default()).expect("a request");
        request.unknown.clear();
        request.model = "claude-sonnet-4-6".into();
        for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
            let body = dialect.write(&request, &mut Losses::default()).expect("it can be said");
            let back = dialect.read(&body, &[], &mut Losses::default()).expect("our own request reads");
            let again = Dialect::Responses.write(&back, &mut Losses::default()).expect("it can be said");
            let again = Dialect::Responses.read(&again, &[], &mut Losses::default()).expect("our own request reads");
            let said = |request: &Request| texts_and_calls(request);
            assert_eq!(said(&again), said(&request), "{}", exchange.file);
            let names = |request: &Request| request.tools.iter().map(name_of).collect::<Vec<_>>();
            assert_eq!(names(&again), names(&request), "{}", exchange.file);
            crossed += 1;
        }
    }
    assert!(crossed > 580, "{crossed} crossed");
}

fn name_of(tool: &Tool) -> String {
    match tool {
        Tool::Function { name, .. } | Tool::Freeform { name, .. } => name.clone(),
        Tool::Hosted(_) => String::new(),
    }
}

/// What is said and called in a conversation, as far as every vendor can say it.
fn texts_and_calls(request: &Request) -> Vec<String> {
    let turns = request.turns.iter().flat_map(|turn| &turn.parts);
    let told = turns.filter_map(|part| match &part.content {
        Content::Text(text) if !text.trim().is_empty() => Some(text.clone()),
        Content::Image(_) => Some("an image".into()),
        Content::Document { .. } => Some("a document".into()),
        Content::ToolCall { id, name, arguments, .. } => {
            let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
            Some(format!("{name} {id} {arguments}"))
        }
        Content::ToolResult { id, parts, .. } => Some(format!("{id} says {}", parts.len())),
        _ => None,
    });
    told.collect()
}

#[test]
fn every_recorded_chat_request_is_said_in_responses_words() {
    let mut crossed = 0;
    for vendor in crate::OPENAI_LIKE {
        for exchange in recorded(vendor, "/chat/completions").iter().filter(|exchange| exchange.status == 200) {
            let Ok(request) = Dialect::OpenAi.read(exchange.request.as_bytes(), &[], &mut Losses::default()) else {
                continue;
            };
            let Ok(body) = Dialect::Responses.write(&request, &mut Losses::default()) else { continue };
            let back = Dialect::Responses.read(&body, &[], &mut Losses::default()).expect("our own request reads");
            assert_eq!(texts_and_calls(&back), texts_and_calls(&request), "{}", exchange.file);
            assert!(back.system == request.system || request.turns.is_empty(), "{}", exchange.file);
            crossed += 1;
        }
    }
    assert!(crossed > 800, "{crossed} crossed");
}

/// `cargo test --release -p tollgate-translate --test golden -- --ignored --nocapture responses_cost`
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
    let requests: Vec<_> =
        ANSWERED.iter().map(|exchange| &exchange.request).filter(|request| request.len() > 2000).collect();
    let (began, bytes) = (std::time::Instant::now(), requests.iter().map(|request| request.len()).sum::<usize>());
    for request in &requests {
        let request = Dialect::Responses.read(request.as_bytes(), &[], &mut Losses::default()).expect("a request");
        std::hint::black_box(Dialect::Responses.write(&request, &mut Losses::default()).expect("it can be said"));
    }
    let each = began.elapsed() / u32::try_from(requests.len()).expect("few");
    eprintln!("{} requests of {} bytes each: {each:?} a request", requests.len(), bytes / requests.len());
}
