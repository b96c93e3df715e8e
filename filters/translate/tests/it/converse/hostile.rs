//! Bytes that nobody should send: nothing panics, and what is written is read.

use proptest::prelude::*;
use serde_json::Value;
use tollgate_api::Event;
use tollgate_translate::{Dialect, Losses};

use super::read_requests::{said, try_read};
use super::write_answers::{assembled, strict, written};
use super::{CLAUDE, GPT, LLAMA, NOVA};

const MEMBERS: [&str; 45] = [
    "messages",
    "role",
    "content",
    "text",
    "image",
    "format",
    "source",
    "bytes",
    "document",
    "name",
    "toolUse",
    "toolUseId",
    "input",
    "toolResult",
    "status",
    "reasoningContent",
    "reasoningText",
    "signature",
    "redactedContent",
    "cachePoint",
    "type",
    "ttl",
    "system",
    "inferenceConfig",
    "maxTokens",
    "toolConfig",
    "tools",
    "toolSpec",
    "inputSchema",
    "json",
    "toolChoice",
    "tool",
    "additionalModelRequestFields",
    "outputConfig",
    "contentBlockIndex",
    "start",
    "delta",
    "stopReason",
    "usage",
    "inputTokens",
    "cacheDetails",
    "output",
    "message",
    "citation",
    "location",
];

const NAMES: [&str; 8] = [
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
    "exception:",
    "chunk",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        proptest::sample::select(&["", "user", "assistant", "png", "AQID", "tool_use", "1h", "{}"][..])
            .prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let members = prop::collection::vec((proptest::sample::select(&MEMBERS[..]), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|list| list
                .into_iter()
                .map(|(n, v)| (n.to_owned(), v))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_events_panic_and_what_is_written_of_them_is_frames(
        said in prop::collection::vec((proptest::sample::select(&NAMES[..]), value()), 0..8)
    ) {
        let (mut decoder, mut events) = (Dialect::Converse.decoder(), Vec::new());
        for (name, payload) in &said {
            let _ = decoder.event(Some(name), &payload.to_string(), &mut events);
        }
        events.push(Event::End);
        strict(&written(&events));
        assembled(&events);
    }

    #[test]
    fn no_request_panics_and_what_is_written_of_it_reads(content in prop::collection::vec(value(), 0..4), rest in value()) {
        let mut body = said(Value::from(content));
        if let Value::Object(rest) = rest {
            body.as_object_mut().expect("an object").extend(rest);
        }
        if let Ok(mut request) = try_read(&body, &mut Losses::new(true)) {
            for model in [CLAUDE, NOVA, LLAMA, GPT] {
                request.model = model.into();
                if let Ok(written) = Dialect::Converse.write(&request, &mut Losses::new(true)) {
                    prop_assert!(Dialect::Converse.read(&written, &[], &mut Losses::new(true)).is_ok());
                }
            }
        }
    }
}
