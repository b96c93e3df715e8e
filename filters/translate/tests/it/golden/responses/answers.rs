//! Answers: every recorded one is read, counted, and written again.

use serde_json::{Value, json};
use tollgate_api::{Event, StopReason, Tier, Usage, UsageSource};
use tollgate_translate::Dialect;

use super::{ANSWERED, STREAMS, whole};
use crate::golden::exchanges::recorded;
use crate::said::last_usage;
use crate::strict::{call, decoded, essence, gather, head, streamed};

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
                // Nor has it the words of a source, or the place in a document of the prompt.
                Event::Cited { citation, .. } => {
                    (citation.quote, citation.document, citation.source) = (None, None, None);
                }
                _ => {}
            }
        }
        assert_eq!(read, said, "{}", exchange.file);
    }
}
