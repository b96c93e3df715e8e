//! Google Interactions: every recorded exchange is read, counted, cut, written again and crossed.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tollgate_api::{Address, Call, Event, Surface, Usage, UsageSource};
use tollgate_translate::neutral::{Content, Request};
use tollgate_translate::{AnswerHead, Dialect, Losses, Phase, Relay, request};

use super::exchanges::{Exchange, chunk_files, recorded};
use crate::plain::plain;
use crate::relayed::sound as relay;
use crate::said::{cents, essence, last_usage};

const OURS: Dialect = Dialect::Interactions;

fn exchanges() -> Vec<Exchange> {
    let exchanges = recorded("gemini", "/interactions");
    assert_eq!(exchanges.len(), 20);
    exchanges
}

/// An answer, and where it is recorded.
struct Answer {
    file: String,
    /// Its payloads; of a whole answer the one.
    payloads: Vec<String>,
    streamed: bool,
}

impl Answer {
    fn events(&self) -> Vec<Event> {
        let (mut decoder, mut events) = (OURS.decoder(), Vec::new());
        for payload in &self.payloads {
            let read = match self.streamed {
                true => decoder.event(None, payload, &mut events),
                false => OURS.whole(payload.as_bytes(), &mut events),
            };
            read.unwrap_or_else(|garbage| panic!("{}: {garbage}", self.file));
        }
        events
    }

    /// The usage, counted another way: by the identity that held in every recording.
    fn oracle(&self) -> Usage {
        let last = self.payloads.iter().rev().find_map(|payload| {
            let value: Value = serde_json::from_str(payload).ok()?;
            let interaction = if self.streamed { &value["interaction"] } else { &value };
            interaction["usage"].is_object().then(|| interaction["usage"].clone())
        });
        let usage = last.expect("usage");
        let count = |name: &str| usage[name].as_u64().expect("a count");
        let [input, output, thought] = ["total_input_tokens", "total_output_tokens", "total_thought_tokens"].map(count);
        let [cached, tools, total] = ["total_cached_tokens", "total_tool_use_tokens", "total_tokens"].map(count);
        assert_eq!(total, input + output + thought + tools, "{}", self.file);
        Usage {
            input: input - cached + tools,
            cached,
            output: output + thought,
            reasoning: thought,
            source: UsageSource::Reported,
            ..Usage::default()
        }
    }
}

/// Every recorded answer, of both collections.
fn answers() -> Vec<Answer> {
    let rig = exchanges().into_iter().map(|exchange| {
        assert_eq!(exchange.status, 200, "{}", exchange.file);
        let streamed = exchange.streamed();
        let payloads = if streamed {
            exchange.payloads().into_iter().map(str::to_owned).collect()
        } else {
            vec![exchange.answer.clone()]
        };
        Answer { file: exchange.file, payloads, streamed }
    });
    let of_interactions = |(file, _): &(String, _)| file.contains("src/interactions/");
    // These come without their framing, and so without the mark of their end.
    let chunks = chunk_files("google").into_iter().filter(of_interactions).map(|(file, mut payloads)| {
        payloads.push("[DONE]".into());
        Answer { file, payloads, streamed: true }
    });
    let all: Vec<_> = rig.chain(chunks).chain(whole_files()).collect();
    assert_eq!(all.len(), 20 + 8 + 9);
    all
}

fn whole_files() -> Vec<Answer> {
    let folder = "../../../shared/data/fixtures/vercel-ai/packages/google/src/interactions/__fixtures__";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let paths = fs::read_dir(folder).expect("a folder of recordings").map(|entry| entry.expect("an entry").path());
    let whole = paths.filter(|path| path.extension().is_some_and(|end| end == "json"));
    whole
        .map(|path| Answer {
            file: path.display().to_string(),
            payloads: vec![fs::read_to_string(path).expect("a recording")],
            streamed: false,
        })
        .collect()
}

fn head() -> AnswerHead {
    AnswerHead { id: "v1_1".into(), model: "m".into(), created: 1 }
}

fn call() -> Call {
    let body = r#"{"model":"m","input":"a","stream":true}"#;
    request::read(&Address::of(Surface::Interactions), body.into()).expect("a call")
}

#[test]
fn every_recorded_answer_is_read_whole_and_counted_right() {
    for answer in answers() {
        let (file, events) = (&answer.file, answer.events());
        assert!(matches!(events.first(), Some(Event::Start { model, .. }) if model.starts_with("gemini")), "{file}");
        assert!(events.iter().any(|event| matches!(event, Event::Text { .. } | Event::ToolStart { .. })), "{file}");
        assert!(matches!(events.last(), Some(Event::End)), "{file}: {events:?}");
        assert_eq!(events.iter().filter(|event| matches!(event, Event::Stop { .. })).count(), 1, "{file}");
        assert_eq!(last_usage(&events), Some(answer.oracle()), "{file}");
        if !answer.streamed {
            assert_eq!(OURS.usage(answer.payloads[0].as_bytes()), last_usage(&events), "{file}");
        }
    }
}

#[test]
fn every_recorded_answer_written_again_reads_as_the_same_answer() {
    for answer in answers() {
        let events = answer.events();
        let (mut encoder, mut stream) = (OURS.encoder(&head(), &call()), Vec::new());
        events.iter().for_each(|event| encoder.event(event, None, &mut stream));
        let stream = String::from_utf8(stream).expect("UTF-8");
        let (mut decoder, mut again) = (OURS.decoder(), Vec::new());
        for event in stream.split_terminator("\n\n") {
            let (name, data) = event.split_once("\ndata: ").expect("a name and data");
            if data != "[DONE]" {
                let kind: Value = serde_json::from_str(data).expect("JSON");
                assert_eq!(name.strip_prefix("event: "), kind["event_type"].as_str());
            }
            decoder.event(None, data, &mut again).expect("our own stream reads");
        }
        assert_eq!(essence(&again), essence(&events), "streamed: {}", answer.file);

        let (body, mut again) = (OURS.assemble(&head(), &call(), &events, None), Vec::new());
        OURS.whole(&body, &mut again).expect("our own answer reads");
        assert_eq!(essence(&again), essence(&events), "whole: {}", answer.file);
    }
}

#[test]
fn places_in_the_text_are_characters_here_and_bytes_there() {
    let answer = answers().into_iter().find(|answer| answer.file.contains("google_search_tool")).expect("recorded");
    let events = answer.events();
    let text: String =
        events.iter().filter_map(|e| if let Event::Text { text, .. } = e { Some(&**text) } else { None }).collect();
    let cited = events.iter().find_map(|e| if let Event::Cited { citation, .. } = e { citation.cited } else { None });
    let (start, end) =
        cited.map(|(a, b)| (usize::try_from(a).expect("small"), usize::try_from(b).expect("small"))).expect("cited");
    let words: String = text.chars().take(end).skip(start).collect();
    assert!(words.starts_with("**Spain** won") && words.ends_with("July 14, 2024."), "{words}");
}

/// The recorded streams as they came over the wire.
fn streams() -> Vec<(String, String)> {
    let streamed = exchanges().into_iter().filter(Exchange::streamed);
    streamed.map(|exchange| (exchange.file, exchange.answer.trim_end().to_owned() + "\n\n")).collect()
}

#[test]
fn a_recorded_stream_cut_anywhere_comes_out_the_same() {
    let passthrough = || Relay::passthrough(OURS, &call());
    let own = || Relay::foreign(OURS, &head(), &call());
    let chat = || Relay::foreign(OURS, &head(), &plain(true));
    for (file, stream) in streams() {
        let stream = stream.as_bytes();
        for way in [&passthrough as &dyn Fn() -> Relay, &own, &chat] {
            let uncut = relay(way(), [stream], cents);
            assert_eq!(uncut.phase, Phase::Ended, "{file}");
            for at in 0..stream.len() {
                let (a, b) = stream.split_at(at);
                assert_eq!(relay(way(), [a, b], cents), uncut, "{file} cut at {at}");
            }
            assert_eq!(relay(way(), stream.chunks(1), cents), uncut, "{file} by 1");
        }
    }
}

#[test]
fn a_recorded_stream_goes_through_as_it_came_but_for_its_cost() {
    for (file, stream) in streams() {
        let free = relay(Relay::passthrough(OURS, &call()), [stream.as_bytes()], |_| None);
        assert_eq!(free.bytes, stream, "{file}");
        let priced = relay(Relay::passthrough(OURS, &call()), [stream.as_bytes()], cents);
        assert_eq!(priced.bytes.matches(r#""usage":{"cost":0.03,"#).count(), 1, "{file}");
        assert_eq!(priced.bytes.replace(r#""cost":0.03,"#, ""), stream, "{file}");
    }
}

fn read(dialect: Dialect, body: &[u8]) -> Request {
    dialect.read(body, &[], &mut Losses::default()).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

fn write(dialect: Dialect, request: &Request) -> Vec<u8> {
    dialect.write(request, &mut Losses::new(true)).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

#[test]
fn every_recorded_request_keeps_its_meaning_when_it_is_written_again() {
    for Exchange { file, request, .. } in exchanges() {
        let once = read(OURS, request.as_bytes());
        assert!(!once.turns.is_empty() && !once.model.is_empty(), "{file}");
        assert!(once == read(OURS, &write(OURS, &once)), "{file}");
    }
}

/// What every vendor can say, told apart by no `Debug`: a request is a prompt.
fn same(before: &Request, after: &Request, file: &str) {
    assert!(before.system == after.system, "the system prompt: {file}");
    assert!(before.turns == after.turns, "the turns: {file}");
    assert!(before.tools == after.tools, "the tools: {file}");
    assert!(before.choice == after.choice, "the choice of tools: {file}");
}

#[test]
fn every_recorded_request_crosses_to_other_vendors_and_back() {
    let mut crossed = 0;
    for Exchange { file, request, .. } in exchanges() {
        let mut before = read(OURS, request.as_bytes());
        if before.unknown.contains_key("previous_interaction_id") || file.contains("google_search") {
            continue;
        }
        crossed += 1;
        before.unknown.clear();
        for other in [Dialect::OpenAi, Dialect::Anthropic] {
            let there = read(other, &write(other, &before));
            same(&before, &there, &file);
            let back = read(OURS, &write(OURS, &there));
            same(&before, &back, &file);
            if other == Dialect::OpenAi {
                assert!(before.sampling == back.sampling && before.reasoning == back.reasoning, "{file}");
            }
        }
        assert!(before.turns.iter().all(|turn| turn.parts.iter().all(|part| matches!(part.content, Content::Text(_)))));
    }
    assert_eq!(crossed, 16);
}
