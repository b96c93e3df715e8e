//! Answers: every recorded one is read, counted and written again.

use serde_json::Value;
use tollgate_api::{Event, StopReason, Usage, UsageSource};
use tollgate_translate::{AnswerHead, Dialect};

use super::OPENAI_LIKE;
use super::exchanges::{Exchange, chunk_files, recorded};
use crate::plain::plain;
use crate::said::{self, last_usage};

fn read(dialect: Dialect, exchange: &Exchange) -> Vec<Event> {
    let mut events = Vec::new();
    if exchange.streamed() {
        events = read_stream(dialect, &exchange.file, &exchange.payloads());
    } else {
        let result = dialect.whole(exchange.answer.as_bytes(), &mut events);
        result.unwrap_or_else(|garbage| panic!("{}: {garbage}", exchange.file));
    }
    events
}

fn read_stream<T: AsRef<str>>(dialect: Dialect, file: &str, payloads: &[T]) -> Vec<Event> {
    let (mut decoder, mut events) = (dialect.decoder(), Vec::new());
    for payload in payloads {
        let result = decoder.event(None, payload.as_ref(), &mut events);
        result.unwrap_or_else(|garbage| panic!("{file}: {garbage}"));
    }
    events
}

fn answered(dialect: Dialect, vendor: &str, path: &str) -> Vec<(Exchange, Vec<Event>)> {
    let exchanges = recorded(vendor, path).into_iter().filter(|exchange| exchange.status == 200);
    exchanges
        .map(|exchange| (read(dialect, &exchange), exchange))
        .map(|(events, exchange)| (exchange, events))
        .collect()
}

fn head() -> AnswerHead {
    AnswerHead { id: "chatcmpl-1".into(), model: "m".into(), created: 1 }
}

/// What a client of the chat surface can tell apart: pieces joined, and OpenAI's own words.
fn essence(events: &[Event]) -> Vec<Event> {
    let told: Vec<_> = events.iter().filter(|event| !matches!(event, Event::Cited { .. })).cloned().collect();
    let mut said = said::essence(&told);
    for event in &mut said {
        if let Event::Stop { reason, sequence: None, .. } = event
            && matches!(reason, StopReason::Paused | StopReason::StopSequence)
        {
            *reason = StopReason::EndOfTurn;
        }
    }
    said
}

/// By kind, in the order in which a whole chat message is read.
fn in_message_order(mut events: Vec<Event>) -> Vec<Event> {
    let mut text = String::new();
    events.retain(|event| match event {
        Event::Text { choice: 0, text: more } => {
            text.push_str(more);
            false
        }
        _ => true,
    });
    let at = events.iter().take_while(|e| matches!(e, Event::Thinking { .. } | Event::RedactedThinking { .. })).count();
    if !text.is_empty() {
        events.insert(at, Event::Text { choice: 0, text });
    }
    events
}

fn rewritten(events: &[Event]) -> Vec<Event> {
    let mut encoder = Dialect::OpenAi.encoder(&head(), &plain(true));
    let mut bytes = Vec::new();
    let said = events.iter().filter(|event| **event != Event::End);
    said.chain([&Event::End]).for_each(|event| encoder.event(event, None, &mut bytes));
    let text = String::from_utf8(bytes).expect("UTF-8");
    let payloads: Vec<_> = text.split_terminator("\n\n").map(|event| &event["data: ".len()..]).collect();
    read_stream(Dialect::OpenAi, "our own stream", &payloads)
}

fn reassembled(events: &[Event]) -> Vec<Event> {
    let body = Dialect::OpenAi.assemble(&head(), &plain(false), events, None);
    let mut again = Vec::new();
    Dialect::OpenAi.whole(&body, &mut again).expect("our own answer reads");
    again
}

fn count(usage: &Value, member: &str) -> u64 {
    usage.pointer(member).and_then(Value::as_u64).unwrap_or(0)
}

/// Anthropic's usage, counted another way: the last non-null value of each field.
fn anthropic_oracle(exchange: &Exchange) -> Usage {
    let payloads = if exchange.streamed() { exchange.payloads() } else { vec![exchange.answer.as_str()] };
    let mut merged = serde_json::Map::new();
    for payload in payloads {
        let Ok(value) = serde_json::from_str::<Value>(payload) else { continue };
        for usage in [&value["message"]["usage"], &value["usage"]] {
            let set = usage.as_object().into_iter().flatten().filter(|(_, v)| !v.is_null());
            merged.extend(set.map(|(name, value)| (name.clone(), value.clone())));
        }
    }
    let usage = Value::Object(merged);
    let hour = count(&usage, "/cache_creation/ephemeral_1h_input_tokens");
    Usage {
        input: count(&usage, "/input_tokens"),
        cached: count(&usage, "/cache_read_input_tokens"),
        cache_write: count(&usage, "/cache_creation_input_tokens") - hour,
        cache_write_1h: hour,
        output: count(&usage, "/output_tokens"),
        reasoning: count(&usage, "/output_tokens_details/thinking_tokens"),
        source: UsageSource::Reported,
        ..Usage::default()
    }
}

/// Whether the answer ended, with every call's arguments one JSON value.
fn is_whole(events: &[Event]) -> bool {
    let calls = |event: &&Event| matches!(event, Event::ToolStart { .. });
    let arguments = |number: u32| -> String {
        let pieces = events.iter().filter_map(move |event| match event {
            Event::ToolArguments { index, json, choice: 0 } if *index == number => Some(json.as_str()),
            _ => None,
        });
        pieces.collect()
    };
    let cut = events.iter().any(|e| matches!(e, Event::Stop { reason: StopReason::MaxTokens, .. }));
    let mut numbers = 0..u32::try_from(events.iter().filter(calls).count()).expect("a few");
    let sound = |n: u32| cut || serde_json::from_str::<Value>(&arguments(n)).is_ok();
    events.last() == Some(&Event::End) && numbers.all(sound)
}

#[test]
fn every_recorded_answer_of_anthropic_is_read_whole_and_counted_right() {
    let answers = answered(Dialect::Anthropic, "anthropic", "/messages");
    assert!(answers.len() > 400, "{} answers", answers.len());
    for (exchange, events) in &answers {
        assert!(matches!(events.first(), Some(Event::Start { id, .. }) if !id.is_empty()), "{}", exchange.file);
        assert!(is_whole(events), "{}: {events:?}", exchange.file);
        assert_eq!(last_usage(events), Some(anthropic_oracle(exchange)), "{}", exchange.file);
        if !exchange.streamed() {
            assert_eq!(Dialect::Anthropic.usage(exchange.answer.as_bytes()), last_usage(events));
        }
    }
}

#[test]
fn every_recorded_answer_of_anthropic_survives_the_chat_surface() {
    for (exchange, events) in answered(Dialect::Anthropic, "anthropic", "/messages") {
        assert_eq!(essence(&rewritten(&events)), essence(&events), "streamed: {}", exchange.file);
        let whole = in_message_order(essence(&reassembled(&events)));
        assert_eq!(whole, in_message_order(essence(&events)), "whole: {}", exchange.file);
    }
}

#[test]
fn every_recorded_answer_in_openais_dialect_is_read_and_survives_rewriting() {
    let mut answers = 0;
    for vendor in OPENAI_LIKE {
        for (exchange, events) in answered(Dialect::OpenAi, vendor, "/chat/completions") {
            answers += 1;
            let failed = events.iter().any(|event| matches!(event, Event::Failed { .. }));
            // Perplexity ends some of its streams without `[DONE]`.
            let stopped = events.iter().any(|event| matches!(event, Event::Stop { .. }));
            assert!(failed || stopped, "{}: {:?}", exchange.file, events.last());
            if !failed {
                assert_eq!(essence(&rewritten(&events)), essence(&events), "{}", exchange.file);
            }
        }
    }
    assert!(answers > 800, "{answers} answers");
}

#[test]
fn usage_of_openai_itself_is_what_the_recording_says() {
    for (exchange, events) in answered(Dialect::OpenAi, "openai", "/chat/completions") {
        let payloads = if exchange.streamed() { exchange.payloads() } else { vec![exchange.answer.as_str()] };
        let values = payloads.iter().filter_map(|payload| serde_json::from_str::<Value>(payload).ok());
        let Some(said) = values.map(|value| value["usage"].clone()).rfind(Value::is_object) else { continue };
        let usage = last_usage(&events).expect("usage");
        assert_eq!(usage.prompt(), count(&said, "/prompt_tokens"), "{}", exchange.file);
        assert_eq!(usage.cached, count(&said, "/prompt_tokens_details/cached_tokens"), "{}", exchange.file);
        assert_eq!(usage.output, count(&said, "/completion_tokens"), "{}", exchange.file);
        assert_eq!(usage.total(), count(&said, "/total_tokens"), "{}", exchange.file);
        assert_eq!(usage.reasoning, count(&said, "/completion_tokens_details/reasoning_tokens"), "{}", exchange.file);
    }
}

#[test]
fn streams_of_other_collections_are_read_too() {
    for (file, lines) in chunk_files("anthropic") {
        // The one recording that splices two answers: its calls would run into each other.
        if file.contains("spliced-message-start") {
            let mut decoder = Dialect::Anthropic.decoder();
            assert!(lines.iter().any(|line| decoder.event(None, line, &mut Vec::new()).is_err()));
            continue;
        }
        // Some hold the answers of several requests, one after the other.
        for answer in lines.split_inclusive(|line| line.contains(r#""type":"message_stop""#)) {
            let events = read_stream(Dialect::Anthropic, &file, answer);
            let starts = events.iter().filter(|event| matches!(event, Event::Start { .. })).count();
            assert_eq!(starts, 1, "{file}");
            assert_eq!(essence(&rewritten(&events)), essence(&events), "{file}");
        }
    }
    for (package, chats) in [
        ("openai", "src/chat/"),
        ("groq", ""),
        ("deepseek", ""),
        ("xai", "src/__fixtures__"),
        ("openai-compatible", ""),
    ] {
        for (file, lines) in chunk_files(package).into_iter().filter(|(file, _)| file.contains(chats)) {
            let events = read_stream(Dialect::OpenAi, &file, &lines);
            assert!(last_usage(&events).is_some(), "{file}");
            assert_eq!(essence(&rewritten(&events)), essence(&events), "{file}");
        }
    }
}

#[test]
fn every_recorded_error_is_understood() {
    let vendors = [("anthropic", "/messages"), ("openai", ""), ("xai", ""), ("mistral", ""), ("deepseek", "")];
    for (vendor, path) in vendors {
        for exchange in recorded(vendor, path).iter().filter(|exchange| exchange.status >= 400) {
            let error = Dialect::OpenAi.error(exchange.status, exchange.answer.as_bytes());
            assert!(!error.message.contains("without a message"), "{}: {}", exchange.file, exchange.answer);
            assert!(error.message.chars().count() <= 512);
        }
    }
}

#[test]
fn a_recorded_answer_cut_anywhere_is_garbage() {
    for (dialect, vendor, path) in
        [(Dialect::OpenAi, "openai", "/chat/completions"), (Dialect::Anthropic, "anthropic", "/messages")]
    {
        let exchanges = recorded(vendor, path);
        let whole = exchanges.iter().filter(|exchange| exchange.status == 200 && !exchange.streamed());
        let body = whole.map(|exchange| exchange.answer.trim_end()).max_by_key(|body| body.len()).expect("one");
        for end in (0..body.len()).step_by(7) {
            assert!(dialect.whole(&body.as_bytes()[..end], &mut Vec::new()).is_err(), "{end}");
        }
    }
}
