//! Gemini: every recorded request and answer, read, counted, written again and cut.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;
use tollgate_api::{Address, Call, Cost, Event, Framing, Surface, Tier, Usage, UsageSource};
use tollgate_translate::neutral::{Content, Effort, Reasoning, Request, Role};
use tollgate_translate::{AnswerHead, Dialect, Losses, Out, Phase, Relay, request};

use super::exchanges::{Exchange, chunk_files, recorded};
use crate::said::{cents, joined, last_usage};

/// Every recorded exchange of the API.
fn exchanges() -> Vec<Exchange> {
    recorded("gemini", "enerateContent")
}

fn answered() -> Vec<Exchange> {
    exchanges().into_iter().filter(|exchange| exchange.status == 200).collect()
}

/// A call whose client wants everything that there is.
fn call(framing: Framing) -> Call {
    let body = r#"{"contents":"hi","generationConfig":{"thinkingConfig":{"includeThoughts":true}}}"#;
    let address =
        Address { model: Some("m".into()), stream: Some(true), framing, ..Address::of(Surface::GenerateContent) };
    request::read(&address, body.into()).expect("a call")
}

fn head() -> AnswerHead {
    AnswerHead { id: "r".into(), model: "m".into(), created: 1 }
}

fn decode<T: AsRef<str>>(file: &str, payloads: &[T]) -> Vec<Event> {
    let (mut decoder, mut events) = (Dialect::Gemini.decoder(), Vec::new());
    for payload in payloads {
        decoder.event(None, payload.as_ref(), &mut events).unwrap_or_else(|garbage| panic!("{file}: {garbage}"));
    }
    events
}

fn whole(file: &str, body: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    Dialect::Gemini.whole(body, &mut events).unwrap_or_else(|garbage| panic!("{file}: {garbage}"));
    events
}

fn read(exchange: &Exchange) -> Vec<Event> {
    match exchange.streamed() {
        true => decode(&exchange.file, &exchange.payloads()),
        false => whole(&exchange.file, exchange.answer.as_bytes()),
    }
}

/// What each choice says, pieces joined, and the last usage.
fn essence(events: &[Event]) -> (BTreeMap<u32, Vec<Event>>, Option<Usage>) {
    let mut choices: BTreeMap<u32, Vec<Event>> = BTreeMap::new();
    for event in events {
        if let Event::Text { choice, .. }
        | Event::Thinking { choice, .. }
        | Event::ToolStart { choice, .. }
        | Event::ToolArguments { choice, .. }
        | Event::Image { choice, .. }
        | Event::Stop { choice, .. } = event
        {
            choices.entry(*choice).or_default().push(event.clone());
        }
    }
    let choices = choices.into_iter().map(|(choice, events)| (choice, joined(&events))).collect();
    (choices, last_usage(events))
}

/// Gemini's usage, counted another way.
fn oracle(usage: &Value) -> Usage {
    let count = |name: &str| usage[name].as_u64().unwrap_or(0);
    let audio = |name: &str| {
        let details = usage[name].as_array().into_iter().flatten().filter(|one| one["modality"] == "AUDIO");
        details.map(|one| one["tokenCount"].as_u64().unwrap_or(0)).sum::<u64>()
    };
    Usage {
        input: count("promptTokenCount") + count("toolUsePromptTokenCount") - count("cachedContentTokenCount"),
        cached: count("cachedContentTokenCount"),
        // All that is no input is output.
        output: count("totalTokenCount") - count("promptTokenCount") - count("toolUsePromptTokenCount"),
        reasoning: count("thoughtsTokenCount"),
        audio_input: audio("promptTokensDetails") - audio("cacheTokensDetails"),
        audio_output: audio("candidatesTokensDetails"),
        tier: Tier::Standard,
        source: UsageSource::Reported,
        ..Usage::default()
    }
}

#[test]
fn every_recorded_answer_is_read_whole_and_counted_right() {
    let answers = answered();
    assert!(answers.len() > 320, "{} answers", answers.len());
    for exchange in &answers {
        let events = read(exchange);
        let file = &exchange.file;
        assert!(
            matches!(events.first(), Some(Event::Start { id, model }) if !id.is_empty() && !model.is_empty()),
            "{file}"
        );
        let stops = events.iter().filter(|event| matches!(event, Event::Stop { .. })).count();
        let choices = events.iter().filter(|event| matches!(event, Event::Stop { choice, .. } if *choice > 0)).count();
        assert_eq!(stops, 1 + choices, "{file}: {events:?}");
        assert_eq!(events.last() == Some(&Event::End), !exchange.streamed(), "{file}");
        let payloads = if exchange.streamed() { exchange.payloads() } else { vec![exchange.answer.as_str()] };
        let last = payloads.iter().filter_map(|payload| serde_json::from_str::<Value>(payload).ok());
        let last = last.map(|mut value| value["usageMetadata"].take()).rfind(Value::is_object).expect("usage");
        assert_eq!(last_usage(&events), Some(oracle(&last)), "{file}");
        if !exchange.streamed() {
            assert_eq!(Dialect::Gemini.usage(exchange.answer.as_bytes()), last_usage(&events), "{file}");
        }
    }
}

#[test]
fn every_recorded_call_has_an_id_of_its_own_and_arguments_that_are_an_object() {
    let mut calls = 0;
    for exchange in answered() {
        let events = read(&exchange);
        let mut ids = std::collections::BTreeSet::new();
        for event in &events {
            match event {
                Event::ToolStart { id, index, .. } => {
                    calls += 1;
                    assert_eq!(usize::try_from(*index), Ok(ids.len()), "{}", exchange.file);
                    assert!(id.len() <= 40 && ids.insert(id), "{}", exchange.file);
                    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
                    assert!(id.bytes().all(plain), "{id}");
                }
                Event::ToolArguments { json, .. } => {
                    assert!(serde_json::from_str::<Value>(json).is_ok_and(|args| args.is_object()), "{json}");
                }
                _ => {}
            }
        }
    }
    assert!(calls > 120, "{calls} calls");
}

#[test]
fn every_recorded_answer_comes_back_from_our_own_words() {
    for exchange in answered() {
        let events = read(&exchange);
        let framings = [Framing::Sse, Framing::JsonArray];
        for framing in framings {
            let payloads = encoded(&events, framing);
            assert_eq!(essence(&decode("our own stream", &payloads)), essence(&events), "{}", exchange.file);
        }
        let body = Dialect::Gemini.assemble(&head(), &call(Framing::Sse), &events, None);
        assert_eq!(essence(&whole("our own answer", &body)), essence(&events), "{}", exchange.file);
    }
}

/// The chunks of the answer in our own words.
fn encoded(events: &[Event], framing: Framing) -> Vec<String> {
    let mut encoder = Dialect::Gemini.encoder(&head(), &call(framing));
    let mut bytes = Vec::new();
    let said = events.iter().filter(|event| **event != Event::End);
    said.chain([&Event::End]).for_each(|event| encoder.event(event, None, &mut bytes));
    let text = String::from_utf8(bytes).expect("UTF-8");
    if framing == Framing::JsonArray {
        let list: Vec<Value> = serde_json::from_str(&text).expect("an array");
        return list.iter().map(Value::to_string).collect();
    }
    text.split_terminator("\r\n\r\n").map(|event| event.strip_prefix("data: ").expect("an event").to_owned()).collect()
}

#[test]
fn recorded_streams_pass_byte_for_byte_and_the_cost_stands_in_the_last_usage() {
    let mut state = 5_u64;
    for exchange in answered().iter().filter(|exchange| exchange.streamed()) {
        let stream = exchange.answer.trim_end().to_owned() + "\r\n\r\n";
        let uncut = pass([stream.as_bytes()], |_| None, Framing::Sse);
        assert_eq!(uncut.0, stream, "{}", exchange.file);
        assert_eq!((&uncut.1, uncut.2), (&Phase::Ended, last_usage(&read(exchange))), "{}", exchange.file);
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let size = 1 + usize::try_from(state >> 58).expect("six bits");
        for framing in [Framing::Sse, Framing::JsonArray] {
            let priced = pass([stream.as_bytes()], cents, framing);
            assert_eq!(priced.0.matches("\"cost\":0.03").count(), 1, "{}", exchange.file);
            let cut = pass(stream.as_bytes().chunks(size), cents, framing);
            assert!(cut == priced, "{} by {size}", exchange.file);
            if framing == Framing::JsonArray {
                let list: Vec<Value> = serde_json::from_str(&priced.0).expect("an array");
                assert_eq!(list.len(), exchange.payloads().len(), "{}", exchange.file);
            }
        }
    }
}

fn pass<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
    price: fn(&Usage) -> Option<Cost>,
    framing: Framing,
) -> (String, Phase, Option<Usage>) {
    let mut relay = Relay::passthrough(Dialect::Gemini, &call(framing));
    let mut out = Out::default();
    for chunk in chunks {
        relay.push(Bytes::copy_from_slice(chunk), &price, &mut |_| {}, &mut out).expect("a recorded stream");
    }
    relay.end(&price, &mut |_| {}, &mut out).expect("a recorded stream");
    (String::from_utf8(out.take().to_vec()).expect("UTF-8"), relay.phase().clone(), relay.usage())
}

#[test]
fn streams_of_another_collection_are_read_too() {
    let files: Vec<_> =
        chunk_files("google").into_iter().filter(|(file, _)| file.contains("src/__fixtures__/google-")).collect();
    assert!(files.len() > 7, "{} files", files.len());
    for (file, lines) in files {
        let events = decode(&file, &lines);
        assert!(events.iter().any(|event| matches!(event, Event::Stop { .. })), "{file}");
        assert!(last_usage(&events).is_some_and(|usage| usage.output > 0), "{file}");
        let body = Dialect::Gemini.assemble(&head(), &call(Framing::Sse), &events, None);
        assert_eq!(essence(&whole("our own answer", &body)).1, last_usage(&events), "{file}");
        for event in &events {
            if let Event::ToolArguments { json, .. } = event {
                assert!(serde_json::from_str::<Value>(json).is_ok_and(|args| args.is_object()), "{file}: {json}");
            }
        }
    }
}

#[test]
fn arguments_that_came_in_pieces_are_what_the_model_wrote() {
    let files = chunk_files("google");
    let arguments = |name: &str| {
        let (file, lines) = files.iter().find(|(file, _)| file.contains(name)).expect("a recording");
        let json = decode(file, lines).into_iter().filter_map(|event| match event {
            Event::ToolArguments { json, .. } => serde_json::from_str::<Value>(&json).ok(),
            _ => None,
        });
        json.collect::<Vec<_>>()
    };
    let weather = arguments("google-stream-tool-call-arguments.");
    assert_eq!(weather, [serde_json::json!({"location": "Boston"}), serde_json::json!({"location": "San Francisco"})]);
    let screens = arguments("google-stream-no-args-tool-call");
    assert_eq!(screens[0], serde_json::json!({}));
    assert_eq!(
        screens[1..].iter().map(|args| args["id"].as_str()).collect::<Vec<_>>(),
        [Some("A"), Some("B"), Some("C")]
    );
    let items = arguments("missing-terminal-function-call");
    assert_eq!(items[0]["operations"][1]["description"], "Ripe yellow banana");
    let recipe = arguments("google-vertex-stream-tool-call-arguments-nested");
    assert_eq!(recipe[0]["recipe"]["ingredients"][2]["name"], "Ricotta cheese");
}

fn spoken(exchange: &Exchange) -> Request {
    let read = Dialect::Gemini.read(exchange.request.as_bytes(), &[], &mut Losses::default());
    let mut request = read.unwrap_or_else(|refusal| panic!("{}: {}", exchange.file, refusal.message));
    let model = exchange.path.rsplit('/').next().and_then(|last| last.split(':').next());
    request.model = model.expect("a model").into();
    request
}

fn written(request: &Request, dialect: Dialect) -> Vec<u8> {
    dialect.write(request, &mut Losses::default()).unwrap_or_else(|refusal| panic!("{}", refusal.message))
}

#[test]
fn every_recorded_request_reads_and_writes_the_same() {
    for exchange in answered() {
        let mut request = spoken(&exchange);
        let body = written(&request, Dialect::Gemini);
        assert_is_googles(&serde_json::from_slice(&body).expect("JSON"), &exchange.file);
        let mut back = Dialect::Gemini.read(&body, &[], &mut Losses::default()).expect("our own request reads");
        back.model.clone_from(&request.model);
        // A budget is a level where levels have replaced it, and thoughts asked for are shown.
        for request in [&mut request, &mut back] {
            request.unknown.remove("generationConfig");
            if request.model.starts_with("gemini-3") && request.reasoning.is_some() {
                request.reasoning = Some(Reasoning::Effort(Effort::Low));
            }
        }
        assert!(back == request, "{}", exchange.file);
    }
}

/// Holds a request against what Google demands of one.
fn assert_is_googles(body: &Value, file: &str) {
    let mut open = 0;
    for content in body["contents"].as_array().expect("contents") {
        assert!(matches!(content["role"].as_str(), Some("user" | "model")), "{file}");
        let parts = content["parts"].as_array().expect("parts");
        assert!(!parts.is_empty(), "{file}");
        let results = parts.iter().filter(|part| part["functionResponse"].is_object()).count();
        assert_eq!(results, open, "{file}: as many results as calls");
        open = parts.iter().filter(|part| part["functionCall"].is_object()).count();
        for part in parts {
            assert!(part["functionResponse"].is_null() || part["functionResponse"]["response"].is_object(), "{file}");
            assert!(part["functionCall"].is_null() || part["functionCall"]["args"].is_object(), "{file}");
        }
    }
}

#[test]
fn every_recorded_request_crosses_to_other_vendors_and_back() {
    let mut crossed = 0;
    for exchange in answered() {
        let mut request = spoken(&exchange);
        request.unknown.clear();
        // A turn of sounds alone is nothing to those who cannot hear.
        if essentials(&request).1.iter().any(|(_, parts)| parts.is_empty()) {
            continue;
        }
        for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
            let mut asked = request.clone();
            if dialect == Dialect::Anthropic {
                asked.model = "claude-sonnet-4-5".into();
            }
            let Ok(body) = dialect.write(&asked, &mut Losses::default()) else {
                let lost = ["\"codeExecution\":{", "\"candidateCount\":"];
                assert!(lost.iter().any(|lost| exchange.request.contains(lost)), "{}: {dialect}", exchange.file);
                continue;
            };
            crossed += 1;
            let back = dialect.read(&body, &[], &mut Losses::default()).expect("what we wrote reads");
            assert!(essentials(&back) == essentials(&request), "{}: {dialect}", exchange.file);
            let mut again = back;
            again.model.clone_from(&request.model);
            let body = written(&again, Dialect::Gemini);
            assert_is_googles(&serde_json::from_slice(&body).expect("JSON"), &exchange.file);
        }
    }
    assert!(crossed > 550, "{crossed} crossed");
}

/// The system prompt, the turns and the tools.
type Essentials = (Vec<String>, Vec<(Role, Vec<String>)>, Vec<String>);

/// What every vendor can say: the text, the calls with their ids, and their results.
fn essentials(request: &Request) -> Essentials {
    let text = |content: &Content| match content {
        Content::Text(text) => Some(text.clone()),
        Content::ToolCall { id, name, arguments, .. } => Some(format!("call {id} {name} {arguments}")),
        Content::ToolResult { id, parts, .. } => {
            let said = parts.iter().filter_map(|part| match &part.content {
                Content::Text(text) => Some(text.as_str()),
                _ => None,
            });
            Some(format!("result {id} {}", said.collect::<String>()))
        }
        _ => None,
    };
    let turns = request.turns.iter().map(|turn| {
        let parts = turn.parts.iter().filter_map(|part| text(&part.content)).filter(|text| !text.trim().is_empty());
        (turn.role, parts.collect())
    });
    let tools = request.tools.iter().map(|tool| match tool {
        tollgate_translate::neutral::Tool::Function { name, description, schema, .. } => {
            let schema = schema.as_ref().and_then(|schema| schema.to::<Value>());
            format!("{name} {description:?} {schema:?}")
        }
        _ => String::new(),
    });
    let system = request.system.iter().filter_map(|part| text(&part.content)).collect();
    (system, turns.collect(), tools.collect())
}

#[test]
fn every_recorded_error_is_understood() {
    for exchange in exchanges().iter().filter(|exchange| exchange.status >= 400) {
        let error = Dialect::Gemini.error(exchange.status, exchange.answer.as_bytes());
        assert!(["NOT_FOUND", "INVALID_ARGUMENT"].contains(&&*error.kind), "{}: {error:?}", exchange.file);
        let mut events = Vec::new();
        Dialect::Gemini.whole(exchange.answer.as_bytes(), &mut events).expect("an error is an answer too");
        assert!(matches!(&events[..], [Event::Failed { kind, .. }] if *kind == error.kind), "{}", exchange.file);
    }
}

#[test]
fn a_recorded_answer_cut_anywhere_is_garbage() {
    let answers = answered();
    let whole = answers.iter().filter(|exchange| !exchange.streamed());
    let body =
        whole.map(|exchange| exchange.answer.trim_end()).min_by_key(|body| body.len().abs_diff(4000)).expect("one");
    for end in 0..body.len() {
        assert!(Dialect::Gemini.whole(&body.as_bytes()[..end], &mut Vec::new()).is_err(), "{end}");
    }
}
