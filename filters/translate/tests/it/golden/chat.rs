//! The chat dialect alone: every recorded exchange in it, in and out of the neutral form.

use std::collections::BTreeMap;

use serde_json::Value;
use tollgate_api::{Event, Tier};
use tollgate_translate::neutral::{Reasoning, Request};
use tollgate_translate::{Accent, AnswerHead, Dialect, Losses};

use super::OPENAI_LIKE;
use super::envoy::recorded_by_envoy;
use super::exchanges::{Exchange, chunk_files, recorded};
use crate::plain::plain;
use crate::said::last_usage;

/// Every chat exchange that was answered, and the accent of who answered.
fn answered() -> Vec<(Accent, Exchange)> {
    let of = |vendor: &str| -> Vec<_> {
        let accent = Accent::named(vendor).unwrap_or_default();
        recorded(vendor, "/chat/completions").into_iter().map(|one| (accent, one)).collect()
    };
    let all = OPENAI_LIKE.iter().flat_map(|vendor| of(vendor));
    let envoys = recorded_by_envoy("/v1/chat/completions").into_iter().map(|one| (Accent::OPENAI, one));
    let all: Vec<_> = all.chain(envoys).filter(|(_, one)| one.status == 200).collect();
    assert!(all.len() > 1200, "only {} recordings", all.len());
    all
}

fn events_of(exchange: &Exchange) -> Vec<Event> {
    let (mut decoder, mut events) = (Dialect::OpenAi.decoder(), Vec::new());
    if exchange.streamed() {
        for payload in exchange.payloads() {
            let result = decoder.event(None, payload, &mut events);
            result.unwrap_or_else(|garbage| panic!("{}: {garbage}", exchange.file));
        }
    } else {
        let result = Dialect::OpenAi.whole(exchange.answer.as_bytes(), &mut events);
        result.unwrap_or_else(|garbage| panic!("{}: {garbage}", exchange.file));
    }
    events
}

fn count(usage: &Value, member: &str) -> u64 {
    usage.pointer(member).and_then(Value::as_u64).unwrap_or(0)
}

/// The last usage in a recording, and the last tier that was named.
fn said(exchange: &Exchange) -> (Value, String) {
    let payloads = if exchange.streamed() { exchange.payloads() } else { vec![exchange.answer.as_str()] };
    let values: Vec<Value> = payloads.iter().filter_map(|payload| serde_json::from_str(payload).ok()).collect();
    let usage = values.iter().rev().map(|value| value["usage"].clone()).find(Value::is_object).unwrap_or_default();
    let tiers = values.iter().rev().filter_map(|value| value["service_tier"].as_str());
    let tier = usage["service_tier"].as_str().or(tiers.into_iter().next()).unwrap_or_default().to_owned();
    (usage, tier)
}

#[test]
fn every_recorded_usage_adds_up_to_what_the_vendor_says() {
    let mut tiers = BTreeMap::new();
    for (_, exchange) in answered() {
        let (said, tier) = said(&exchange);
        let Some(usage) = last_usage(&events_of(&exchange)) else {
            assert!(said.is_null(), "{}", exchange.file);
            continue;
        };
        let file = &exchange.file;
        assert_eq!(usage.total(), count(&said, "/total_tokens"), "{file}");
        let cached = ["/prompt_tokens_details/cached_tokens", "/prompt_cache_hit_tokens", "/cache_read_input_tokens"];
        let cached = cached.into_iter().find_map(|member| said.pointer(member)?.as_u64()).unwrap_or(0);
        assert_eq!(usage.cached, cached, "{file}");
        let written = count(&said, "/prompt_tokens_details/cache_write_tokens");
        let written = written.max(count(&said, "/cache_creation_input_tokens"));
        assert_eq!(usage.cache_write + usage.cache_write_1h, written, "{file}");
        let thought =
            count(&said, "/completion_tokens_details/reasoning_tokens").max(count(&said, "/reasoning_tokens"));
        assert_eq!(usage.reasoning, thought.min(usage.output), "{file}");
        assert_eq!(usage.audio_input, count(&said, "/prompt_tokens_details/audio_tokens"), "{file}");
        assert_eq!(usage.audio_output, count(&said, "/completion_tokens_details/audio_tokens"), "{file}");
        assert_eq!(usage.tier, Tier::of_word(&tier), "{file}");
        *tiers.entry(tier).or_insert(0_u32) += 1;
        if !exchange.streamed() {
            assert_eq!(Dialect::OpenAi.usage(exchange.answer.as_bytes()), Some(usage), "{file}");
        }
    }
    assert!(tiers.len() > 3, "{tiers:?}");
}

#[test]
fn llamacpps_timings_count_the_same_tokens_as_its_usage() {
    for (_, exchange) in answered().iter().filter(|(accent, _)| *accent == Accent::LLAMACPP) {
        let payloads = if exchange.streamed() { exchange.payloads() } else { vec![exchange.answer.as_str()] };
        let mut values = payloads.iter().filter_map(|payload| serde_json::from_str::<Value>(payload).ok());
        let mut last = values.rfind(|value| value["timings"].is_object()).expect("timings");
        let counted = last_usage(&events_of(exchange)).expect("usage");
        last.as_object_mut().expect("an object").remove("usage");
        let mut events = Vec::new();
        Dialect::OpenAi.decoder().event(None, &last.to_string(), &mut events).expect("a chunk");
        let timed = last_usage(&events).expect("timings are usage");
        let same = (timed.prompt(), timed.cached, timed.output) == (counted.prompt(), counted.cached, counted.output);
        // Several answers to one prompt are timed one by one.
        let one = !exchange.request.contains("\"n\":2") && !exchange.request.contains("\"n\":3");
        assert!(same || !one, "{}: {timed:?} {counted:?}", exchange.file);
    }
}

/// What one choice of an answer says, by kind; how it was cut into pieces does not count.
#[derive(Debug, Default, PartialEq)]
struct Told {
    thinking: Vec<(String, Option<String>)>,
    hidden: Vec<String>,
    text: String,
    refusal: String,
    calls: Vec<(String, String, String, Option<String>)>,
    cited: Vec<String>,
    images: Vec<String>,
    tokens: Vec<Value>,
    stopped: Option<&'static str>,
}

fn told(events: &[Event]) -> BTreeMap<u32, Told> {
    let mut choices: BTreeMap<u32, Told> = BTreeMap::new();
    for event in events {
        match event {
            Event::Text { choice, text } => choices.entry(*choice).or_default().text.push_str(text),
            Event::Refusal { choice, text } => choices.entry(*choice).or_default().refusal.push_str(text),
            Event::Thinking { choice, text, seal } => {
                let thinking = &mut choices.entry(*choice).or_default().thinking;
                let seal = seal.as_ref().map(|seal| format!("{:?} {}", seal.by, seal.data));
                match thinking.last_mut() {
                    Some((said, under @ None)) => {
                        said.push_str(text);
                        *under = seal;
                    }
                    _ => thinking.push((text.clone(), seal)),
                }
            }
            Event::RedactedThinking { seal } => choices.entry(0).or_default().hidden.push(seal.data.clone()),
            Event::ToolStart { choice, id, name, seal, .. } => {
                let seal = seal.as_ref().map(|seal| seal.data.clone());
                choices.entry(*choice).or_default().calls.push((id.clone(), name.clone(), String::new(), seal));
            }
            Event::ToolArguments { choice, index, json } => {
                let calls = &mut choices.entry(*choice).or_default().calls;
                calls[usize::try_from(*index).expect("few")].2.push_str(json);
            }
            Event::Cited { choice, citation } => {
                choices.entry(*choice).or_default().cited.push(format!("{citation:?}"));
            }
            Event::Image { choice, data, .. } => choices.entry(*choice).or_default().images.push(data.clone()),
            Event::Logprobs { choice, tokens } => {
                let tokens: Vec<Value> = serde_json::from_str(tokens).expect("a list");
                choices.entry(*choice).or_default().tokens.extend(tokens);
            }
            Event::Stop { choice, reason, .. } => {
                let head = AnswerHead { id: String::new(), model: String::new(), created: 0 };
                let stop = Event::Stop { choice: *choice, reason: *reason, sequence: None };
                let body = Dialect::OpenAi.assemble(&head, &plain(false), &[stop], None);
                let length = String::from_utf8(body).expect("UTF-8").contains("length");
                choices.entry(*choice).or_default().stopped = Some(if length { "length" } else { "otherwise" });
            }
            Event::Start { .. } | Event::Usage(_) | Event::Failed { .. } | Event::End => {}
        }
    }
    choices
}

/// The events as our own stream says them, and as our own whole answer does.
fn said_again(events: &[Event]) -> [Vec<Event>; 2] {
    let head = AnswerHead { id: "i".into(), model: "m".into(), created: 1 };
    let (mut encoder, mut bytes) = (Dialect::OpenAi.encoder(&head, &plain(true)), Vec::new());
    // Perplexity ends some of its streams without an end mark.
    let said = events.iter().filter(|event| **event != Event::End).chain([&Event::End]);
    said.for_each(|event| encoder.event(event, None, &mut bytes));
    let (mut decoder, mut streamed) = (Dialect::OpenAi.decoder(), Vec::new());
    for event in std::str::from_utf8(&bytes).expect("UTF-8").split_terminator("\n\n") {
        let data = event.strip_prefix("data: ").expect("our own framing");
        decoder.event(None, data, &mut streamed).expect("our own chunk");
    }
    let mut whole = Vec::new();
    let body = Dialect::OpenAi.assemble(&head, &plain(true), events, None);
    Dialect::OpenAi.whole(&body, &mut whole).expect("our own answer");
    [streamed, whole]
}

#[test]
fn every_recorded_answer_says_the_same_streamed_and_whole() {
    let (mut cited, mut likely, mut sealed) = (0, 0, 0);
    for (_, exchange) in answered() {
        let events = events_of(&exchange);
        if events.iter().any(|event| matches!(event, Event::Failed { .. })) {
            continue;
        }
        let once = told(&events);
        for told in once.values() {
            cited += told.cited.len();
            likely += told.tokens.len();
            sealed += told.thinking.iter().filter(|(_, seal)| seal.is_some()).count();
        }
        for again in said_again(&events) {
            assert_eq!(told(&again), once, "{}", exchange.file);
            assert_eq!(last_usage(&again), last_usage(&events), "{}", exchange.file);
        }
    }
    assert!(cited > 50 && likely > 200 && sealed > 20, "{cited} sources, {likely} likelihoods, {sealed} seals");
}

#[test]
fn streams_of_other_collections_say_the_same_streamed_and_whole() {
    let packages = [("openai", "src/chat/"), ("groq", ""), ("deepseek", ""), ("mistral", ""), ("perplexity", "")];
    let more = [("xai", "src/__fixtures__"), ("openai-compatible", ""), ("cerebras", "")];
    let mut files = 0;
    for (package, within) in packages.into_iter().chain(more) {
        for (file, lines) in chunk_files(package).into_iter().filter(|(file, _)| file.contains(within)) {
            let (mut decoder, mut events) = (Dialect::OpenAi.decoder(), Vec::new());
            for line in &lines {
                decoder.event(None, line, &mut events).unwrap_or_else(|garbage| panic!("{file}: {garbage}"));
            }
            files += 1;
            for again in said_again(&events) {
                assert_eq!(told(&again), told(&events), "{file}");
            }
        }
    }
    assert!(files > 15, "{files} files");
}

/// What must be equal once it has gone through an accent.
fn comparable(mut request: Request) -> Request {
    request.unknown.clear();
    request.accent = Accent::default();
    // A budget is told as the effort that it stands for.
    request.reasoning = request.reasoning.filter(|asked| !matches!(asked, Reasoning::Budget(_) | Reasoning::Effort(_)));
    request
}

#[test]
fn every_recorded_request_is_the_same_after_it_was_written_and_read() {
    for (accent, exchange) in answered() {
        let request = Dialect::OpenAi.read(exchange.request.as_bytes(), &[], &mut Losses::default());
        let request = request.unwrap_or_else(|refusal| panic!("{}: {}", exchange.file, refusal.message));
        let body = Dialect::OpenAi.write(&request, &mut Losses::default()).expect("a gateway takes all of it");
        let again = Dialect::OpenAi.read(&body, &[], &mut Losses::default()).expect("our own request reads");
        assert!(comparable(again.clone()) == comparable(request.clone()), "{}", exchange.file);
        assert!(again.unknown.keys().all(|name| request.unknown.contains_key(name)), "{}", exchange.file);

        let request = Request { accent, ..request };
        let body = Dialect::OpenAi.write(&request, &mut Losses::default());
        let body = body.unwrap_or_else(|refusal| panic!("{}: {}", exchange.file, refusal.message));
        let again = Dialect::OpenAi.read(&body, &[], &mut Losses::default()).expect("our own request reads");
        assert_eq!(again.turns.len(), request.turns.len(), "{}", exchange.file);
        assert!(again.tools == request.tools && again.choice == request.choice, "{}", exchange.file);
        assert!(again.sampling == request.sampling && again.format == request.format, "{}", exchange.file);
        let theirs: Value = serde_json::from_str(&exchange.request).expect("JSON");
        let ours: Value = serde_json::from_slice(&body).expect("JSON");
        for member in ours.as_object().expect("an object").keys() {
            let by_us =
                ["stream_options", "max_tokens", "max_completion_tokens", "reasoning", "reasoning_effort", "thinking"];
            let known = theirs.get(member).is_some() || by_us.contains(&member.as_str());
            assert!(known, "{}: {member}", exchange.file);
        }
    }
}

/// `cargo test --release -p tollgate-translate --test golden -- --ignored --nocapture translating`
#[test]
#[ignore = "a measurement"]
fn translating_costs_little() {
    let exchanges = answered();
    let streams: Vec<Vec<&str>> =
        exchanges.iter().filter(|(_, one)| one.streamed()).map(|(_, one)| one.payloads()).collect();
    let head = AnswerHead { id: "i".into(), model: "m".into(), created: 1 };
    let (rounds, mut chunks, mut out) = (20_u32, 0_u32, Vec::new());
    let began = std::time::Instant::now();
    for payloads in (0..rounds).flat_map(|_| &streams) {
        let (mut decoder, mut encoder) = (Dialect::OpenAi.decoder(), Dialect::OpenAi.encoder(&head, &plain(true)));
        let mut events = Vec::new();
        for payload in payloads {
            decoder.event(None, payload, &mut events).expect("a chunk");
            out.clear();
            events.drain(..).for_each(|event| encoder.event(&event, None, &mut out));
            std::hint::black_box(&out);
            chunks += 1;
        }
    }
    eprintln!("{chunks} chunks decoded and encoded: {:?} each", began.elapsed() / chunks);

    let bodies: Vec<&str> = exchanges.iter().map(|(_, one)| one.request.as_str()).collect();
    let bodies: Vec<&str> = bodies.into_iter().filter(|body| (3_500..4_500).contains(&body.len())).collect();
    let began = std::time::Instant::now();
    let mut requests = 0_u32;
    for body in (0..rounds).flat_map(|_| &bodies) {
        let request = Dialect::OpenAi.read(body.as_bytes(), &[], &mut Losses::default()).expect("a request");
        std::hint::black_box(Dialect::OpenAi.write(&request, &mut Losses::default()).expect("it was one"));
        requests += 1;
    }
    eprintln!("{requests} requests of about 4 KB read and written: {:?} each", began.elapsed() / requests.max(1));
}
