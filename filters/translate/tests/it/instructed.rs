//! What a model is told once the conversation has begun: where it stood, or, where there is one place for all of
//! it, in the prompt.

use serde_json::{Value, json};
use tollgate_api::{Address, Surface};
use tollgate_translate::{Accent, Dialect, Losses, Seals, Upstream, request};

/// The body in the words of this dialect, in this accent.
fn sent(surface: Surface, body: &Value, dialect: Dialect, accent: Accent) -> Value {
    to_model("m", surface, body, dialect, accent)
}

fn to_model(model: &str, surface: Surface, body: &Value, dialect: Dialect, accent: Accent) -> Value {
    let call = request::read(&Address::of(surface), body.to_string().into()).expect("a call");
    let upstream = Upstream { model, accent, tier: None, seals: Seals::Unmarked };
    let said = dialect.request_to(&call, &[], &upstream).expect("it can be said");
    serde_json::from_slice(&said.body).expect("JSON")
}

/// Who speaks, in order.
fn roles(conversation: &Value) -> Vec<&str> {
    conversation.as_array().expect("a list").iter().filter_map(|item| item["role"].as_str()).collect()
}

/// A conversation as Claude Code has it, with a hint between two turns.
fn hinted() -> Value {
    json!({"model": "m", "max_tokens": 9, "system": "Be brief.", "messages": [
        {"role": "user", "content": "hi"},
        {"role": "system", "content": [{"type": "text", "text": "It is late.", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": "ho"},
        {"role": "user", "content": "well"},
    ]})
}

#[test]
fn what_is_told_later_stays_where_it_stood_and_what_was_cached_stays_cached() {
    for accent in [Accent::OPENAI, Accent::AZURE, Accent::XAI] {
        let chat = sent(Surface::Messages, &hinted(), Dialect::OpenAi, accent);
        assert_eq!(roles(&chat["messages"]), ["system", "user", "system", "assistant", "user"], "{accent:?}");
        assert_eq!(chat["messages"][2]["content"], "It is late.");
    }
    let chat = json!({"model": "m", "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
        {"role": "developer", "content": "It is late."},
        {"role": "user", "content": "well"},
    ]});
    let responses = sent(Surface::ChatCompletions, &chat, Dialect::Responses, Accent::GENERIC);
    assert_eq!(
        (&responses["instructions"], roles(&responses["input"])),
        (&json!("Be brief."), vec!["user", "system", "user"])
    );
    let items = json!({"model": "m", "instructions": "Be brief.", "input": [
        {"role": "user", "content": "hi"},
        {"role": "developer", "content": "It is late."},
        {"role": "user", "content": "well"},
    ]});
    let chat = sent(Surface::Responses, &items, Dialect::OpenAi, Accent::OPENAI);
    assert_eq!(roles(&chat["messages"]), ["system", "user", "system", "user"]);
}

#[test]
fn where_there_is_one_place_for_it_all_is_in_the_prompt() {
    let prompt = |body: &Value| match body {
        body if body["system"].is_array() => body["system"].clone(),
        body if body["systemInstruction"].is_object() => body["systemInstruction"]["parts"].clone(),
        body => body["system_instruction"].clone(),
    };
    for (dialect, conversation) in [
        (Dialect::Anthropic, "messages"),
        (Dialect::Converse, "messages"),
        (Dialect::Gemini, "contents"),
        (Dialect::Interactions, "input"),
    ] {
        let body = sent(Surface::Messages, &hinted(), dialect, Accent::GENERIC);
        let told = prompt(&body).to_string();
        let (brief, late) = (told.find("Be brief."), told.find("It is late."));
        assert!(brief.is_some() && brief < late, "{dialect}: {body}");
        assert_eq!(body[conversation].as_array().map(Vec::len), Some(3), "{dialect}: {body}");
    }
    // The chat templates of open models refuse a system message that is not the first.
    for accent in [Accent::GENERIC, Accent::VLLM, Accent::LLAMACPP, Accent::OLLAMA, Accent::MISTRAL] {
        let chat = sent(Surface::Messages, &hinted(), Dialect::OpenAi, accent);
        assert_eq!(roles(&chat["messages"]), ["system", "user", "assistant", "user"], "{accent:?}");
    }
}

#[test]
fn newer_opus_models_are_told_after_what_the_user_says_and_nowhere_else() {
    let chat = |later: [&str; 2]| {
        let [one, two] = later.map(|role| json!({"role": role, "content": format!("of {role}")}));
        json!({"model": "m", "messages": [{"role": "user", "content": "hi"}, one, two]})
    };
    let to = |model: &str, body: &Value| {
        to_model(model, Surface::ChatCompletions, body, Dialect::Anthropic, Accent::GENERIC)
    };
    let told = to("claude-opus-4-8", &chat(["developer", "assistant"]));
    assert_eq!((roles(&told["messages"]), told["system"].is_null()), (vec!["user", "system", "assistant"], true));
    for (model, body, expected) in [
        ("claude-opus-4-8", chat(["system", "user"]), vec!["user"]),
        ("claude-opus-4-8", chat(["assistant", "system"]), vec!["user", "assistant"]),
        ("claude-opus-4-7", chat(["system", "assistant"]), vec!["user", "assistant"]),
        ("claude-sonnet-5", chat(["system", "assistant"]), vec!["user", "assistant"]),
    ] {
        let told = to(model, &body);
        assert_eq!(roles(&told["messages"]), expected, "{model}: {told}");
        assert_eq!(told["system"][0]["text"], "of system", "{model}: {told}");
    }
}

#[test]
fn nothing_is_said_between_a_call_and_its_result() {
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let chat = json!({"model": "m", "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "system", "content": "It is late."},
        {"role": "tool", "tool_call_id": "c", "content": "4"},
    ]});
    let read = Dialect::OpenAi.read(chat.to_string().as_bytes(), &[], &mut Losses::default()).expect("a request");
    assert_eq!((read.system.len(), read.turns.len()), (1, 3));
}
