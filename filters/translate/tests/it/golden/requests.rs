//! Requests: every recorded one crosses to the other dialect and comes back the same.

use serde_json::Value;
use tollgate_api::{Code, Refusal};
use tollgate_translate::neutral::{Content, Format, Reasoning, Request, Tool, ToolChoice};
use tollgate_translate::{Dialect, Losses};

use super::OPENAI_LIKE;
use super::exchanges::recorded;

/// What must be equal on both sides, once what Anthropic cannot say is set aside.
pub(crate) fn comparable(request: &Request) -> Request {
    let mut request = request.clone();
    request.unknown.clear();
    request.user = None;
    request.sampling.seed = None;
    request.sampling.choices = None;
    (request.sampling.top_k, request.tier) = (None, None);
    request.sampling.max_output.get_or_insert(4096);
    request.parallel = request.parallel.filter(|parallel| !parallel);
    if request.parallel == Some(false) && !request.tools.is_empty() {
        request.choice.get_or_insert(ToolChoice::Auto);
    }
    if request.tools.is_empty() {
        (request.choice, request.parallel) = (None, None);
    }
    for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        if let Content::ToolCall { arguments, .. } = &mut part.content {
            let value = serde_json::from_str::<Value>(arguments).ok().filter(Value::is_object);
            *arguments = value.map_or_else(|| "{}".into(), |value| value.to_string());
        }
    }
    for tool in &mut request.tools {
        if let Tool::Function { strict, .. } = tool {
            *strict = strict.filter(|strict| *strict);
        }
    }
    if let Some(Format::Schema { name, strict, .. }) = &mut request.format {
        (*name, *strict) = (None, None);
    }
    request
}

/// Holds a Messages request against the types of its fields.
fn assert_is_messages_request(body: &[u8], file: &str) {
    let value: Value = serde_json::from_slice(body).expect("JSON");
    assert!(value["max_tokens"].as_u64().is_some_and(|max| max > 0), "{file}");
    let messages = value["messages"].as_array().expect("messages");
    assert!(!messages.is_empty(), "{file}");
    for message in messages {
        assert!(matches!(message["role"].as_str(), Some("user" | "assistant")), "{file}");
        for block in message["content"].as_array().expect("blocks") {
            match block["type"].as_str() {
                Some("text") => assert!(block["text"].as_str().is_some_and(|text| !text.is_empty()), "{file}"),
                Some("tool_use") => assert!(block["input"].is_object() && block["id"].is_string(), "{file}"),
                Some("tool_result") => assert!(block["tool_use_id"].is_string(), "{file}"),
                Some("thinking") => assert!(block["signature"].is_string(), "{file}"),
                Some("redacted_thinking") => assert!(block["data"].is_string(), "{file}"),
                Some("image" | "document") => assert!(block["source"]["type"].is_string(), "{file}"),
                other => panic!("{file}: a block of type {other:?}"),
            }
        }
    }
    for tool in value["tools"].as_array().into_iter().flatten() {
        assert!(tool["name"].is_string() && tool["input_schema"]["type"] == "object", "{file}");
    }
    assert!(value["tool_choice"].is_null() || (value["tool_choice"]["type"].is_string() && value["tools"].is_array()));
}

#[test]
fn every_recorded_chat_request_becomes_a_messages_request_and_reads_back_the_same() {
    let (mut crossed, mut same, mut refused) = (0, 0, 0);
    for vendor in OPENAI_LIKE {
        for exchange in recorded(vendor, "/chat/completions").iter().filter(|exchange| exchange.status == 200) {
            let (request, body) = match cross(&exchange.request) {
                Ok(crossed) => crossed,
                Err(refusal) => {
                    assert_eq!(refusal.code, Code::Unsupported, "{}: {}", exchange.file, refusal.message);
                    let param = refusal.param.expect("a member");
                    let member = param.split('[').next().expect("a name");
                    assert!(exchange.request.contains(&format!("\"{member}\"")), "{}: {param}", exchange.file);
                    refused += 1;
                    continue;
                }
            };
            crossed += 1;
            assert_is_messages_request(&body, &exchange.file);
            if matches!(request.reasoning, None | Some(Reasoning::Thinking(_))) && plain(&request) {
                let back = Dialect::Anthropic.read(&body, &[], &mut Losses::default()).expect("our own request reads");
                assert!(comparable(&back) == comparable(&request.with_one_prompt()), "{}", exchange.file);
                same += 1;
            }
        }
    }
    assert!(crossed > 850 && same > 600, "{crossed} crossed, {same} the same, {refused} refused");
}

fn cross(chat: &str) -> Result<(Request, Vec<u8>), Refusal> {
    let mut request = Dialect::OpenAi.read(chat.as_bytes(), &[], &mut Losses::default())?;
    request.model = "claude-sonnet-4-6".into();
    let body = Dialect::Anthropic.write(&request, &mut Losses::default())?;
    Ok((request, body))
}

/// Whether nothing in it is bound to be lost: unsealed thinking, blank text, hot sampling.
pub(crate) fn plain(request: &Request) -> bool {
    let kept = |content: &Content| match content {
        Content::Thinking { seal, .. } => seal.is_some(),
        Content::Text(text) => !text.trim().is_empty(),
        Content::ToolResult { parts, .. } => {
            parts.iter().all(|part| !matches!(&part.content, Content::Text(text) if text.trim().is_empty()))
        }
        _ => true,
    };
    let typed = |tool: &Tool| match tool {
        Tool::Function { schema, .. } => schema.as_ref().is_some_and(|schema| schema.text().contains("\"type\"")),
        Tool::Freeform { .. } | Tool::Hosted(_) => true,
    };
    let hot = request.sampling.temperature.as_ref().and_then(serde_json::Number::as_f64).is_some_and(|t| t > 1.0);
    let both = request.sampling.temperature.is_some() && request.sampling.top_p.is_some();
    let parts = request.turns.iter().flat_map(|turn| &turn.parts).chain(&request.system);
    !hot && !both
        && !request.turns.is_empty()
        && request.tools.iter().all(typed)
        && parts.map(|part| &part.content).all(kept)
}

#[test]
fn every_recorded_messages_request_reads_and_writes_the_same() {
    let (mut same, mut foreign) = (0, 0);
    for exchange in recorded("anthropic", "/messages").iter().filter(|exchange| exchange.status == 200) {
        let request = match Dialect::Anthropic.read(exchange.request.as_bytes(), &[], &mut Losses::default()) {
            Ok(request) => request,
            Err(refusal) => {
                assert_eq!(refusal.code, Code::Unsupported, "{}: {}", exchange.file, refusal.message);
                foreign += 1;
                continue;
            }
        };
        let body = Dialect::Anthropic.write(&request, &mut Losses::default()).expect("it was Anthropic's");
        let back = Dialect::Anthropic.read(&body, &[], &mut Losses::default()).expect("our own request reads");
        if plain(&request) {
            assert!(comparable(&back) == comparable(&request), "{}", exchange.file);
            assert!(back.unknown == request.unknown, "{}", exchange.file);
            same += 1;
        }
    }
    assert!(same > 350 && foreign < 30, "{same} same, {foreign} foreign");
}

#[test]
fn every_recorded_messages_request_becomes_a_chat_request_that_reads_back_the_same() {
    for exchange in recorded("anthropic", "/messages").iter().filter(|exchange| exchange.status == 200) {
        let Ok(mut request) = Dialect::Anthropic.read(exchange.request.as_bytes(), &[], &mut Losses::default()) else {
            continue;
        };
        request.unknown.clear();
        let Ok(body) = Dialect::OpenAi.write(&request, &mut Losses::default()) else {
            assert!(request.tools.iter().any(|tool| matches!(tool, Tool::Hosted(_))), "{}", exchange.file);
            continue;
        };
        let back = Dialect::OpenAi.read(&body, &[], &mut Losses::default()).expect("our own request reads");
        let request = request.with_one_prompt();
        assert!(back.turns.len() == request.turns.len(), "{}", exchange.file);
        assert!(back.system == request.system, "{}", exchange.file);
        assert!(back.tools == request.tools && back.sampling == request.sampling, "{}", exchange.file);
    }
}
