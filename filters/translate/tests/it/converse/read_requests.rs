//! Requests of a client of this surface, read.

use serde_json::{Value, json};
use tollgate_api::{Code, Event, Refusal, Seal, Sealer, StopReason};
use tollgate_translate::neutral::{Content, Json, Reasoning, Request, Source, ToolChoice};
use tollgate_translate::{Dialect, Losses};

use super::write_answers::{argued, assembled, begun, stopped};
use super::write_requests::base64;

pub(crate) fn try_read(body: &Value, losses: &mut Losses) -> Result<Request, Refusal> {
    Dialect::Converse.read(body.to_string().as_bytes(), &[], losses)
}

pub(crate) fn read(body: &Value) -> Request {
    try_read(body, &mut Losses::default()).expect("a request")
}

pub(crate) fn said(content: Value) -> Value {
    json!({"messages": [{"role": "user", "content": content}]})
}

#[test]
fn every_part_of_a_request_is_read() {
    let request = read(&json!({
        "messages": [
            {"role": "system", "content": [{"text": "Later"}]},
            {"role": "user", "content": [
                {"text": "a"},
                {"cachePoint": {"type": "default", "ttl": "1h"}},
                {"image": {"format": "jpeg", "source": {"bytes": "AQID"}}},
                {"document": {"format": "md", "name": "d", "source": {"text": "é"}}},
                {"video": {"format": "three_gp", "source": {"bytes": "AQID"}}},
                {"guardContent": {"text": {"text": "g"}}},
            ]},
            {"role": "assistant", "content": [
                {"citationsContent": {"content": [{"text": "c"}, {"text": "d"}], "citations": []}},
                {"toolUse": {"toolUseId": "t", "name": "f", "input": {"n": 1.50}}},
            ]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "status": "error", "content": [{"json": {"n": 1}}]}}]},
        ],
        "system": [{"text": "First"}, {"cachePoint": {"type": "default"}}],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["S"]},
        "additionalModelRequestFields": {
            "top_k": 5, "thinking": {"type": "enabled", "budget_tokens": 2048},
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}, "custom": 1,
        },
        "requestMetadata": {"a": "b"},
    }));
    let system: Vec<_> = request.system.iter().map(|part| (&part.content, part.cache.is_some())).collect();
    assert!(
        matches!(&system[..], [(Content::Text(a), true), (Content::Text(b), false)] if a == "First" && b == "Later")
    );
    let parts = &request.turns[0].parts;
    assert_eq!(parts[0].cache.as_ref().map(Json::text), Some(r#"{"type":"ephemeral","ttl":"1h"}"#));
    assert!(parts[1].content == Content::Image(base64("image/jpeg")));
    let markdown = Source::Base64 { media_type: "text/markdown".into(), data: "w6k=".into() };
    assert!(parts[2].content == Content::Document { source: markdown, name: Some("d".into()) });
    assert!(parts[3].content == Content::Document { source: base64("video/3gpp"), name: None });
    assert!(parts[4].content == Content::Text("g".into()));
    assert!(request.turns[1].parts[0].content == Content::Text("cd".into()));
    assert!(
        matches!(&request.turns[1].parts[1].content, Content::ToolCall { arguments, .. } if arguments == r#"{"n":1.5}"#)
    );
    let parts = vec![Content::Text(r#"{"n":1}"#.into()).into()];
    assert!(request.turns[2].parts[0].content == Content::ToolResult { id: "t".into(), parts, failed: true });
    let sampling = &request.sampling;
    assert_eq!(
        (sampling.max_output, &sampling.stop[..], sampling.top_k.is_some()),
        (Some(9), &["S".to_owned()][..], true)
    );
    assert_eq!(
        (request.reasoning, request.parallel, request.choice),
        (Some(Reasoning::Budget(2048)), Some(false), Some(ToolChoice::Auto))
    );
    assert_eq!(request.unknown["additionalModelRequestFields"].text(), r#"{"custom":1}"#);
    assert_eq!(request.unknown.len(), 2);
}

#[test]
fn the_seal_of_a_call_comes_back_to_its_call() {
    let seal = Seal::new(Sealer::Google, "thought");
    let events = [begun(0, Some(seal.clone())), argued(0, "{}"), stopped(StopReason::ToolUse), Event::End];
    let message = assembled(&events)["output"]["message"].take();
    let request = read(&json!({"messages": [{"role": "user", "content": [{"text": "a"}]}, message]}));
    let parts = &request.turns[1].parts;
    assert_eq!(parts.len(), 1);
    assert!(matches!(&parts[0].content, Content::ToolCall { seal: Some(back), .. } if *back == seal));
}

#[test]
fn what_amazon_alone_can_do_is_refused_where_another_is_to_answer() {
    let mut guarded = said(json!([{"text": "a"}]));
    guarded["guardrailConfig"] = json!({"guardrailIdentifier": "g", "guardrailVersion": "1"});
    let in_s3 = said(json!([{"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/secret"}}}}]));
    let newer = said(json!([{"hologram": {"secret": 1}}]));
    for (body, param) in
        [(&guarded, "guardrailConfig"), (&in_s3, "messages[0].content[0]"), (&newer, "messages[0].content[0]")]
    {
        let refusal = try_read(body, &mut Losses::default()).expect_err(param);
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some(param)));
        assert!(!refusal.message.contains("secret"), "{}", refusal.message);
    }
    let mut losses = Losses::new(true);
    assert!(try_read(&guarded, &mut losses).is_ok() && try_read(&in_s3, &mut losses).is_ok());
    assert_eq!(losses.dropped(), ["guardrailConfig", "messages[0].content[0]"]);
}

#[test]
fn what_is_wrong_is_named_by_its_place_and_not_quoted() {
    for (body, param) in [
        (json!({"messages": [{"role": "secret", "content": []}]}), "messages[0]"),
        (said(json!([{"toolUse": {"name": "secret"}}])), "messages[0]"),
        (said(json!([{"reasoningContent": {}}])), "messages[0].content[0].reasoningContent"),
        (json!({"messages": [], "toolConfig": {"toolChoice": {"secret": {}}}}), "toolConfig.toolChoice"),
        (json!({"messages": [], "toolConfig": {"tools": [{"toolSpec": "secret"}]}}), "toolConfig.tools[0]"),
        (json!({"messages": [], "inferenceConfig": {"maxTokens": "secret"}}), "inferenceConfig"),
    ] {
        let refusal = try_read(&body, &mut Losses::default()).expect_err(param);
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::InvalidRequest, Some(param)));
        assert!(!refusal.message.contains("secret"), "{}", refusal.message);
    }
}
