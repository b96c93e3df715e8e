//! Anthropic Messages as a surface: recorded answers, told to a client that speaks it.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_api::{Event, Seal, StopReason, Usage};
use tollgate_translate::neutral::Reasoning;
use tollgate_translate::{AnswerHead, Dialect, Losses, Out, Phase, Relay};

use super::OPENAI_LIKE;
use super::exchanges::{Exchange, cassettes, chunk_files, json_files, recorded};
use super::requests;
use crate::plain::plain;

fn head() -> AnswerHead {
    AnswerHead { id: "msg_1".into(), model: "m".into(), created: 1 }
}

fn decode<T: AsRef<str>>(dialect: Dialect, file: &str, payloads: &[T]) -> Vec<Event> {
    let (mut decoder, mut events) = (dialect.decoder(), Vec::new());
    for payload in payloads {
        let result = decoder.event(None, payload.as_ref(), &mut events);
        result.unwrap_or_else(|garbage| panic!("{file}: {garbage}"));
    }
    events
}

fn answer(dialect: Dialect, exchange: &Exchange) -> Vec<Event> {
    if exchange.streamed() {
        return decode(dialect, &exchange.file, &exchange.payloads());
    }
    let mut events = Vec::new();
    let result = dialect.whole(exchange.answer.as_bytes(), &mut events);
    result.unwrap_or_else(|garbage| panic!("{}: {garbage}", exchange.file));
    events
}

/// Every recorded answer that a Messages client could be given, with where it is from.
fn answers() -> Vec<(String, Vec<Event>)> {
    let mut all = Vec::new();
    let good = |exchange: &Exchange| exchange.status == 200 && !exchange.answer.is_empty();
    let anthropic = recorded("anthropic", "/messages").into_iter().chain(cassettes("/messages"));
    for exchange in anthropic.filter(good) {
        all.push((exchange.file.clone(), answer(Dialect::Anthropic, &exchange)));
    }
    for vendor in OPENAI_LIKE {
        for exchange in recorded(vendor, "/chat/completions").into_iter().filter(good) {
            all.push((exchange.file.clone(), answer(Dialect::OpenAi, &exchange)));
        }
    }
    for (file, body) in json_files("anthropic") {
        let mut events = Vec::new();
        Dialect::Anthropic.whole(body.as_bytes(), &mut events).unwrap_or_else(|garbage| panic!("{file}: {garbage}"));
        all.push((file, events));
    }
    for (file, lines) in chunk_files("anthropic").into_iter().filter(|(file, _)| !file.contains("spliced")) {
        for lines in lines.split_inclusive(|line| line.contains(r#""type":"message_stop""#)) {
            all.push((file.clone(), decode(Dialect::Anthropic, &file, lines)));
        }
    }
    all.retain(|(_, events)| events.last() == Some(&Event::End));
    assert!(all.len() > 1_300, "{} answers", all.len());
    all
}

fn encoded(events: &[Event]) -> String {
    let mut encoder = Dialect::Anthropic.encoder(&head(), &plain(true));
    let mut bytes = Vec::new();
    events.iter().for_each(|event| encoder.event(event, None, &mut bytes));
    String::from_utf8(bytes).expect("UTF-8")
}

/// The payloads of our own stream, held against its framing.
fn payloads(stream: &str) -> Vec<Value> {
    let payload = |event: &str| {
        let (name, data) = event.split_once('\n').expect("two lines");
        let value: Value = serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON");
        assert_eq!(name, format!("event: {}", value["type"].as_str().expect("a type")));
        value
    };
    stream.split_terminator("\n\n").map(payload).collect()
}

/// The message that a strict client makes of our stream: every event must stand where it may.
fn accumulated(stream: &str) -> Value {
    let mut message = Value::Null;
    let mut open: Option<u64> = None;
    let mut arguments = String::new();
    let mut over = false;
    for event in payloads(stream) {
        assert!(!over, "after the end: {event}");
        match event["type"].as_str().expect("a type") {
            "message_start" => {
                assert!(message.is_null(), "a second message_start");
                message = event["message"].clone();
                assert_eq!((&message["content"], &message["type"]), (&Value::Array(Vec::new()), &"message".into()));
                assert!(message["usage"]["input_tokens"].is_u64() && message["usage"]["output_tokens"].is_u64());
            }
            "content_block_start" => {
                let content = message["content"].as_array_mut().expect("a message that began");
                assert_eq!((open, event["index"].as_u64()), (None, Some(content.len() as u64)), "{event}");
                open = event["index"].as_u64();
                content.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                assert_eq!(event["index"].as_u64(), open, "{event}");
                let block = message["content"].as_array_mut().and_then(|list| list.last_mut()).expect("a block");
                grow(block, &event["delta"], &mut arguments);
            }
            "content_block_stop" => {
                assert_eq!(event["index"].as_u64(), open.take(), "{event}");
                let block = message["content"].as_array_mut().and_then(|list| list.last_mut()).expect("a block");
                if !arguments.is_empty() {
                    // Arguments that were cut off are put into an object, in a whole answer.
                    let unparsed = |_| json!({"unparsed_arguments": arguments});
                    block["input"] = serde_json::from_str(&arguments).unwrap_or_else(unparsed);
                    arguments.clear();
                }
            }
            "message_delta" => {
                assert_eq!(open, None, "{event}");
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
                message["stop_sequence"] = event["delta"]["stop_sequence"].clone();
                message["usage"] = event["usage"].clone();
            }
            "message_stop" => over = true,
            other => panic!("an event of type {other}"),
        }
    }
    assert!(over, "the stream has no end");
    message
}

/// What a delta adds to the block that is open: each kind has its place.
fn grow(block: &mut Value, delta: &Value, arguments: &mut String) {
    let (kind, of) = (delta["type"].as_str().expect("a type"), block["type"].as_str().expect("a type"));
    let append = |place: &mut Value, piece: &Value| {
        *place = format!("{}{}", place.as_str().expect("text"), piece.as_str().expect("text")).into();
    };
    match (kind, of) {
        ("text_delta", "text") => append(&mut block["text"], &delta["text"]),
        ("thinking_delta", "thinking") => append(&mut block["thinking"], &delta["thinking"]),
        ("signature_delta", "thinking") => block["signature"] = delta["signature"].clone(),
        ("input_json_delta", "tool_use") => arguments.push_str(delta["partial_json"].as_str().expect("text")),
        ("citations_delta", "text") => {
            let citations = &mut block["citations"];
            if citations.is_null() {
                *citations = Value::Array(Vec::new());
            }
            citations.as_array_mut().expect("a list").push(delta["citation"].clone());
        }
        (kind, of) => panic!("a {kind} in a block of type {of}"),
    }
}

fn whole(events: &[Event]) -> Value {
    serde_json::from_slice(&Dialect::Anthropic.assemble(&head(), &plain(false), events, None)).expect("JSON")
}

/// Pieces joined, refusals as the text that Anthropic has for them, and nothing of other choices.
fn essence(events: &[Event]) -> Vec<Event> {
    let mut joined: Vec<Event> = Vec::new();
    let mut usage = None;
    let mut refused = false;
    // What is cited before any text goes with the first text, after it.
    let (before, rest) = events.split_at(events.iter().position(|e| matches!(e, Event::Text { .. })).unwrap_or(0));
    let early = before.iter().filter(|event| matches!(event, Event::Cited { .. }));
    let text = rest.iter().take_while(|event| matches!(event, Event::Text { .. })).count();
    let others = before.iter().filter(|event| !matches!(event, Event::Cited { .. }));
    let events = others.chain(&rest[..text]).chain(early).chain(&rest[text..]);
    for event in events {
        let event = match event.clone() {
            Event::Start { .. } | Event::End | Event::Logprobs { .. } | Event::Image { .. } => continue,
            Event::Usage(told) => {
                usage = Some(told);
                continue;
            }
            Event::Refusal { choice, text } => {
                refused = true;
                Event::Text { choice, text }
            }
            Event::Stop { choice, reason: StopReason::EndOfTurn, sequence } if refused => {
                Event::Stop { choice, reason: StopReason::Refused, sequence }
            }
            // Where a block begins, and with it what is cited, is not told apart.
            Event::Cited { choice, mut citation } => {
                citation.cited = None;
                Event::Cited { choice, citation }
            }
            // The seals of others are marked as theirs.
            Event::Thinking { choice, text, seal } => {
                Event::Thinking { choice, text, seal: seal.map(|seal| Seal::read(seal.data, seal.by)) }
            }
            Event::RedactedThinking { seal } => Event::RedactedThinking { seal: Seal::read(seal.data, seal.by) },
            Event::ToolArguments { json, choice, index } => {
                let json = if json == "null" { "{}".into() } else { json };
                Event::ToolArguments { choice, index, json }
            }
            event => event,
        };
        match (joined.last_mut(), event) {
            (_, event) if choice(&event) > 0 => {}
            (_, Event::Text { text, .. }) if text.is_empty() => {}
            (Some(Event::Text { text, .. }), Event::Text { text: more, .. }) => text.push_str(&more),
            (
                Some(Event::Thinking { text, seal: seal @ None, .. }),
                Event::Thinking { text: more, seal: later, .. },
            ) => {
                text.push_str(&more);
                *seal = later;
            }
            (Some(Event::ToolArguments { json, index, .. }), Event::ToolArguments { json: more, index: same, .. })
                if *index == same =>
            {
                json.push_str(&more);
            }
            (_, event) => joined.push(event),
        }
    }
    in_block_order(&mut joined);
    joined.push(Event::Usage(Usage { audio_input: 0, audio_output: 0, ..usage.unwrap_or_default() }));
    joined
}

fn choice(event: &Event) -> u32 {
    match event {
        Event::Text { choice, .. }
        | Event::Thinking { choice, .. }
        | Event::ToolStart { choice, .. }
        | Event::ToolArguments { choice, .. }
        | Event::Cited { choice, .. }
        | Event::Stop { choice, .. } => *choice,
        _ => 0,
    }
}

/// The arguments of each call after its start, in one piece.
fn in_block_order(events: &mut Vec<Event>) {
    let mut arguments = std::collections::BTreeMap::<u32, String>::new();
    events.retain(|event| match event {
        Event::ToolArguments { index, json, .. } => {
            arguments.entry(*index).or_default().push_str(json);
            false
        }
        _ => true,
    });
    let with = |event: Event| {
        let told = match &event {
            Event::ToolStart { choice, index, .. } => {
                let json = arguments.remove(index).unwrap_or_else(|| "{}".into()).trim_end().to_owned();
                Some(Event::ToolArguments { choice: *choice, index: *index, json })
            }
            _ => None,
        };
        std::iter::once(event).chain(told).collect::<Vec<_>>()
    };
    *events = std::mem::take(events).into_iter().flat_map(with).collect();
}

#[test]
fn every_recorded_answer_told_to_a_messages_client_means_the_same() {
    for (file, events) in answers() {
        let stream = encoded(&events);
        let again: Vec<_> = payloads(&stream).iter().map(Value::to_string).collect();
        let again = decode(Dialect::Anthropic, &file, &again);
        assert_eq!(essence(&again), essence(&events), "{file}");
        assert_eq!(again.iter().filter(|event| matches!(event, Event::Start { .. })).count(), 1, "{file}");
    }
}

#[test]
fn a_streamed_message_is_the_whole_message_to_a_strict_client() {
    for (file, events) in answers() {
        let (streamed, whole) = (accumulated(&encoded(&events)), whole(&events));
        assert!(streamed == whole, "{file}:\n{streamed}\n{whole}");
    }
}

#[test]
fn every_answer_of_the_other_collections_is_read_and_counted() {
    let (mut read, mut cited) = (0, 0);
    for exchange in cassettes("/messages").iter().filter(|exchange| !exchange.answer.is_empty()) {
        let events = answer(Dialect::Anthropic, exchange);
        read += 1;
        assert!(matches!(events.first(), Some(Event::Start { .. })) && events.last() == Some(&Event::End));
        cited += events.iter().filter(|event| matches!(event, Event::Cited { .. })).count();
    }
    for (file, body) in json_files("anthropic") {
        let mut events = Vec::new();
        Dialect::Anthropic.whole(body.as_bytes(), &mut events).unwrap_or_else(|garbage| panic!("{file}: {garbage}"));
        read += 1;
        let said: Value = serde_json::from_str(&body).expect("JSON");
        let output = said["usage"]["output_tokens"].as_u64();
        let compacted = said["usage"]["iterations"].as_array().into_iter().flatten();
        let compacted =
            compacted.filter(|one| one["type"] == "compaction").filter_map(|one| one["output_tokens"].as_u64());
        let usage = Dialect::Anthropic.usage(body.as_bytes()).expect("usage");
        assert_eq!(Some(usage.output), output.map(|output| output + compacted.sum::<u64>()), "{file}");
        assert!(events.contains(&Event::Usage(usage)), "{file}");
        cited += events.iter().filter(|event| matches!(event, Event::Cited { .. })).count();
    }
    assert!(read > 45 && cited > 3, "{read} read, {cited} cited");
}

/// What a relayed stream came to.
#[derive(PartialEq)]
struct Relayed {
    bytes: String,
    phase: Phase,
    usage: Option<Usage>,
}

fn relayed(dialect: Dialect, chunks: &[&[u8]]) -> Relayed {
    let mut call = plain(true);
    call.surface = tollgate_api::Surface::Messages;
    let mut relay = Relay::foreign(dialect, &head(), &call);
    let mut out = Out::default();
    for chunk in chunks {
        relay.push(Bytes::copy_from_slice(chunk), &|_| None, &mut |_| {}, &mut out).expect("a recorded stream");
    }
    relay.end(&|_| None, &mut |_| {}, &mut out).expect("a recorded stream");
    let bytes = String::from_utf8(out.take().to_vec()).expect("UTF-8");
    Relayed { bytes, phase: relay.phase().clone(), usage: relay.usage() }
}

#[test]
fn a_stream_cut_anywhere_is_the_same_to_a_messages_client() {
    let mut seed = 7_usize;
    let mut draw = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let (openai, anthropic) = (recorded("openai", "/chat/completions"), recorded("anthropic", "/messages"));
    let sources = [(Dialect::OpenAi, openai), (Dialect::Anthropic, anthropic)];
    for (dialect, exchanges) in sources {
        let mut streams: Vec<_> = exchanges.iter().filter(|exchange| exchange.streamed()).collect();
        streams.sort_by_key(|exchange| exchange.answer.len());
        for (number, exchange) in streams.iter().enumerate() {
            let text = exchange.answer.trim_end().to_owned() + "\n\n";
            let stream = text.as_bytes();
            let uncut = relayed(dialect, &[stream]);
            assert_eq!(uncut.phase, Phase::Ended, "{}", exchange.file);
            let everywhere = (0..stream.len()).filter(|_| number < 2);
            let somewhere = [draw(stream.len()), draw(stream.len())];
            for at in everywhere.chain(somewhere) {
                let (a, b) = stream.split_at(at);
                assert!(relayed(dialect, &[a, b]) == uncut, "{} cut at {at}", exchange.file);
            }
            let pieces: Vec<_> = stream.chunks(1 + draw(40)).collect();
            assert!(relayed(dialect, &pieces) == uncut, "{} in pieces", exchange.file);
        }
    }
}

#[test]
fn every_cassettes_request_reads_and_writes_the_same() {
    let mut same = 0;
    for exchange in cassettes("/messages") {
        let mut losses = Losses::default();
        let mut request = Dialect::Anthropic.read(exchange.request.as_bytes(), &[], &mut losses).expect(&exchange.file);
        let body = Dialect::Anthropic.write(&request, &mut losses).expect("it was Anthropic's");
        let back = Dialect::Anthropic.read(&body, &[], &mut losses).expect("our own request reads");
        // Sampling gives way to thinking.
        request.sampling.temperature =
            back.sampling.temperature.clone().or(request.sampling.temperature.filter(|_| request.reasoning.is_none()));
        // An older model is told a budget for an effort, and blank text is refused.
        let budget =
            matches!((&request.reasoning, &back.reasoning), (Some(Reasoning::Effort(_)), Some(Reasoning::Budget(_))));
        if requests::plain(&request) && !budget {
            assert!(requests::comparable(&back) == requests::comparable(&request), "{}", exchange.file);
            assert!(back.unknown == request.unknown, "{}", exchange.file);
            same += 1;
        }
    }
    assert!(same > 20, "{same} requests");
}
