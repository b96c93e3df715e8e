//! Requests written for Amazon.

use serde_json::{Value, json};
use tollgate_api::{Code, Refusal, Seal, Sealer};
use tollgate_translate::neutral::{Content, Json, Part, Request, Role, Source, Tool, ToolChoice};
use tollgate_translate::{Dialect, Losses};

use super::read_requests::read;
use super::{CLAUDE, GPT, LLAMA, NOVA};

pub(crate) fn try_write(request: &Request) -> Result<Value, Refusal> {
    let body = Dialect::Converse.write(request, &mut Losses::default())?;
    Ok(serde_json::from_slice(&body).expect("JSON"))
}

pub(crate) fn write(request: &Request) -> Value {
    try_write(request).expect("it can be said")
}

/// What is lost of a request where that is permitted.
pub(crate) fn lost(request: &Request) -> Vec<String> {
    let mut losses = Losses::new(true);
    Dialect::Converse.write(request, &mut losses).expect("it may be dropped");
    losses.dropped()
}

fn asking(model: &str, parts: Vec<Part>) -> Request {
    let mut request = Request { model: model.into(), ..Request::default() };
    request.say(Role::User, parts);
    request
}

pub(crate) fn hello(model: &str) -> Request {
    asking(model, vec![Content::Text("Hello".into()).into()])
}

pub(crate) fn function(name: &str) -> Tool {
    Tool::Function { name: name.into(), description: None, schema: None, strict: None, cache: None }
}

pub(crate) fn called(id: &str) -> Part {
    Content::ToolCall { id: id.into(), name: "f".into(), arguments: "{}".into(), seal: None }.into()
}

pub(crate) fn result(id: &str, text: &str) -> Part {
    Content::ToolResult { id: id.into(), parts: vec![Content::Text(text.into()).into()], failed: false }.into()
}

pub(crate) fn json(text: &str) -> Json {
    Json::parse(text).expect("JSON")
}

pub(crate) fn base64(media_type: &str) -> Source {
    Source::Base64 { media_type: media_type.into(), data: "AQID".into() }
}

#[test]
fn parallel_results_stand_in_one_message_before_anything_else() {
    let mut request = hello(CLAUDE);
    request.say(Role::Assistant, vec![called("a"), called("b")]);
    request.say(Role::User, vec![Content::Text("and?".into()).into(), result("a", "1")]);
    request.say(Role::User, vec![result("b", "2")]);
    let messages = &write(&request)["messages"];
    assert_eq!(messages.as_array().map(Vec::len), Some(3));
    assert_eq!(
        messages[2],
        json!({"role": "user", "content": [
            {"toolResult": {"toolUseId": "a", "content": [{"text": "1"}]}},
            {"toolResult": {"toolUseId": "b", "content": [{"text": "2"}]}},
            {"text": "and?"},
        ]})
    );
}

#[test]
fn a_conversation_that_called_tools_always_brings_some() {
    let mut request = hello(LLAMA);
    request.say(Role::Assistant, vec![called("a")]);
    request.say(Role::User, vec![result("a", "1")]);
    let spec = json!({"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object", "properties": {}}}}});
    assert_eq!(write(&request)["toolConfig"], json!({"tools": [spec]}));
    request.tools.push(function("f"));
    request.choice = Some(ToolChoice::None);
    assert_eq!(try_write(&request).expect_err("it has no word").param.as_deref(), Some("tool_choice"));
    request.model = CLAUDE.into();
    let body = write(&request);
    assert_eq!(body["additionalModelRequestFields"], json!({"tool_choice": {"type": "none"}}));
    assert_eq!(body["toolConfig"]["toolChoice"], Value::Null);
}

#[test]
fn a_choice_is_never_sent_without_tools_and_none_is_no_tools_at_all() {
    let mut request = hello(NOVA);
    request.choice = Some(ToolChoice::Required);
    request.parallel = Some(false);
    assert_eq!(write(&request), json!({"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}));
    request.parallel = None;
    request.tools.push(function("f"));
    assert_eq!(write(&request)["toolConfig"]["toolChoice"], json!({"any": {}}));
    request.choice = Some(ToolChoice::Named("f".into()));
    assert_eq!(write(&request)["toolConfig"]["toolChoice"], json!({"tool": {"name": "f"}}));
    request.choice = Some(ToolChoice::None);
    assert_eq!(write(&request)["toolConfig"], Value::Null);
}

#[test]
fn one_call_at_a_time_is_said_where_it_can_be_and_refused_elsewhere() {
    let serial = |model: &str, choice| {
        let mut request = hello(model);
        (request.tools, request.parallel, request.choice) = (vec![function("f")], Some(false), choice);
        request
    };
    let named = write(&serial(CLAUDE, Some(ToolChoice::Named("f".into()))));
    let choice = json!({"type": "tool", "name": "f", "disable_parallel_tool_use": true});
    assert_eq!(named["additionalModelRequestFields"]["tool_choice"], choice);
    assert_eq!(named["toolConfig"]["toolChoice"], Value::Null);
    let auto = write(&serial(CLAUDE, None));
    assert_eq!(
        auto["additionalModelRequestFields"]["tool_choice"],
        json!({"type": "auto", "disable_parallel_tool_use": true})
    );
    let openai = write(&serial(GPT, None));
    assert_eq!(openai["additionalModelRequestFields"], json!({"parallel_tool_calls": false}));
    assert_eq!(lost(&serial(NOVA, None)), ["parallel_tool_calls"]);
}

#[test]
fn marks_of_where_to_cache_become_points_for_models_that_know_them() {
    let mark = |text: &str| Some(json(text));
    let mut request = hello(CLAUDE);
    request.system = vec![Part { content: Content::Text("Be".into()), cache: mark(r#"{"type":"ephemeral"}"#) }];
    request.turns[0].parts[0].cache = mark(r#"{"type":"ephemeral","ttl":"1h"}"#);
    request.tools = vec![Tool::Function {
        name: "f".into(),
        description: None,
        schema: None,
        strict: None,
        cache: mark(r#"{"type":"ephemeral"}"#),
    }];
    let point = json!({"cachePoint": {"type": "default"}});
    let body = write(&request);
    assert_eq!(body["system"], json!([{"text": "Be"}, point]));
    let hour = json!({"cachePoint": {"type": "default", "ttl": "1h"}});
    assert_eq!(body["messages"][0]["content"], json!([{"text": "Hello"}, hour]));
    assert_eq!(body["toolConfig"]["tools"][1], point);
    // Read back, they are the same marks.
    let back = read(&body);
    assert!(back.system == request.system && back.turns == request.turns);

    request.model = NOVA.into();
    let body = write(&request);
    assert_eq!(body["messages"][0]["content"][1], point);
    assert_eq!(body["toolConfig"]["tools"].as_array().map(Vec::len), Some(1));
    request.model = LLAMA.into();
    assert!(!write(&request).to_string().contains("cachePoint"));
}

#[test]
fn a_mark_within_a_result_stands_behind_the_result() {
    let mut inner: Part = Content::Text("1".into()).into();
    inner.cache = Some(json(r#"{"type":"ephemeral"}"#));
    let mut request = hello(CLAUDE);
    request.say(Role::Assistant, vec![called("a")]);
    request.say(Role::User, vec![Content::ToolResult { id: "a".into(), parts: vec![inner], failed: true }.into()]);
    let expected = json!([
        {"toolResult": {"toolUseId": "a", "content": [{"text": "1"}], "status": "error"}},
        {"cachePoint": {"type": "default"}},
    ]);
    assert_eq!(write(&request)["messages"][2]["content"], expected);
}

#[test]
fn blank_text_is_left_out_and_a_result_without_words_still_has_content() {
    let mut request = asking(NOVA, vec![Content::Text(" \n".into()).into(), Content::Text("a".into()).into()]);
    request.say(Role::Assistant, vec![Content::Text("".into()).into()]);
    request.say(Role::User, vec![result("a", " ")]);
    let body = write(&request);
    assert_eq!(body["messages"][0]["content"], json!([{"text": "a"}]));
    // The assistant said nothing, and so is not there.
    assert_eq!(body["messages"][1]["content"], json!([{"toolResult": {"toolUseId": "a", "content": [{"json": {}}]}}]));
    let silent = try_write(&asking(NOVA, vec![Content::Text(" ".into()).into()])).expect_err("it says nothing");
    assert_eq!((silent.code, silent.param.as_deref()), (Code::InvalidRequest, Some("messages")));
}

#[test]
fn pictures_and_files_are_sent_as_bytes_in_amazons_formats() {
    let document = |name: Option<&str>, source| Content::Document { source, name: name.map(Into::into) };
    let request = asking(
        CLAUDE,
        vec![
            Content::Image(base64("image/jpg")).into(),
            document(Some("My  report (1).pdf"), base64("application/pdf")).into(),
            document(Some("My report (1).pdf"), base64("application/octet-stream")).into(),
            document(None, base64("text/plain; charset=utf-8")).into(),
            document(None, base64("video/mp4")).into(),
            Content::Audio(base64("audio/wav")).into(),
            Content::Image(Source::Url("s3://bucket/a.png".into())).into(),
        ],
    );
    let bytes = json!({"bytes": "AQID"});
    assert_eq!(
        write(&request)["messages"][0]["content"],
        json!([
            {"image": {"format": "jpeg", "source": bytes}},
            {"document": {"format": "pdf", "name": "My report (1)-pdf", "source": bytes}},
            {"document": {"format": "pdf", "name": "My report (1)-pdf 2", "source": bytes}},
            {"document": {"format": "txt", "name": "document", "source": bytes}},
            {"video": {"format": "mp4", "source": bytes}},
            {"audio": {"format": "wav", "source": bytes}},
            {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/a.png"}}}},
        ])
    );
}

#[test]
fn a_picture_by_url_is_refused_with_a_remedy_unless_it_may_be_dropped() {
    for content in [
        Content::Image(Source::Url("https://a.example/secret.png".into())),
        Content::Document { source: Source::Url("https://a.example/secret.pdf".into()), name: None },
        Content::Image(base64("image/tiff")),
    ] {
        let request = asking(CLAUDE, vec![content.into(), Content::Text("what?".into()).into()]);
        let refusal = try_write(&request).expect_err("it cannot be said");
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some("messages")));
        assert!(!refusal.message.contains("secret"), "{}", refusal.message);
        assert_eq!(lost(&request), ["messages"]);
    }
}

#[test]
fn ids_keep_to_the_characters_and_the_length_that_amazon_allows_and_stay_different() {
    let long = "x".repeat(200);
    let id = |model: &str, id: &str| {
        let mut request = hello(model);
        request.say(Role::Assistant, vec![called(id)]);
        request.say(Role::User, vec![result(id, "1")]);
        let body = write(&request);
        let used = body["messages"][1]["content"][0]["toolUse"]["toolUseId"].clone();
        assert_eq!(used, body["messages"][2]["content"][0]["toolResult"]["toolUseId"], "{id}");
        used.as_str().expect("an id").to_owned()
    };
    assert_eq!(id(CLAUDE, "tooluse_A-1"), "tooluse_A-1");
    assert_eq!(id(GPT, "functions.f:0"), "functions.f:0");
    for odd in ["", "functions.f:0", "a|b", "é", &long] {
        let written = id(CLAUDE, odd);
        assert!((1..=64).contains(&written.len()), "{written}");
        assert!(written.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'), "{written}");
    }
    assert_ne!(id(CLAUDE, "a.b"), id(CLAUDE, "a:b"));
    assert_ne!(id(CLAUDE, &long), id(CLAUDE, &format!("{long}y")));
}

#[test]
fn reasoning_goes_back_only_under_the_seal_of_its_maker() {
    let thinking = |seal| Part::from(Content::Thinking { text: "hm".into(), seal });
    let seal = |by| Seal::new(by, "c2ln");
    let mut request = hello(CLAUDE);
    request.say(
        Role::Assistant,
        vec![
            thinking(None),
            thinking(Some(seal(Sealer::Google))),
            thinking(Some(seal(Sealer::Anthropic))),
            Content::RedactedThinking(seal(Sealer::OpenAi)).into(),
            Content::RedactedThinking(seal(Sealer::Anthropic)).into(),
            Content::Text("so".into()).into(),
        ],
    );
    request.say(Role::User, vec![Content::Text("and?".into()).into()]);
    assert_eq!(
        write(&request)["messages"][1]["content"],
        json!([
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": "c2ln"}},
            {"text": "so"},
        ])
    );
}
