//! What is written is of its dialect: whatever a client adds to its request, what another vendor is sent
//! can be read again.

use serde_json::{Value, json};
use tollgate_api::{Address, Code, Framing, Refusal, Surface};
use tollgate_translate::neutral::Request;
use tollgate_translate::{Dialect, Losses, request};

/// Models that are spoken to in ways of their own.
const MODELS: [&str; 4] = ["m", "claude-sonnet-4-5", "claude-opus-4-7", "gemini-2.5-flash"];

/// Members that one vendor has and clients of others add, and where they stand.
const ADDED: [(&str, &[&str]); 7] = [
    (
        "",
        &[
            "additionalModelRequestFields",
            "additionalModelResponseFieldPaths",
            "agent_config",
            "background",
            "cachedContent",
            "cache_control",
            "container",
            "context_management",
            "frequency_penalty",
            "generationConfig",
            "generation_config",
            "guardrailConfig",
            "include",
            "inferenceConfig",
            "labels",
            "logit_bias",
            "max_tokens",
            "mcp_servers",
            "metadata",
            "moderation",
            "n",
            "outputConfig",
            "output_config",
            "output_format",
            "parallel_tool_calls",
            "performanceConfig",
            "prediction",
            "previous_interaction_id",
            "prompt",
            "prompt_cache_key",
            "random_seed",
            "reasoning",
            "reasoning_effort",
            "requestMetadata",
            "response_format",
            "response_mime_type",
            "response_modalities",
            "safetySettings",
            "safety_identifier",
            "seed",
            "serviceTier",
            "service_tier",
            "speed",
            "stop",
            "stop_sequences",
            "store",
            "stream_options",
            "text",
            "thinking",
            "toolConfig",
            "tool_choice",
            "tool_config",
            "top_k",
            "top_p",
            "truncation",
            "user",
            "verbosity",
        ],
    ),
    (
        "generationConfig",
        &[
            "_responseJsonSchema",
            "candidate_count",
            "frequency_penalty",
            "logprobs",
            "maxOutputTokens",
            "max_output_tokens",
            "presence_penalty",
            "responseSchema",
            "response_json_schema",
            "response_logprobs",
            "response_mime_type",
            "seed",
            "speech_config",
            "stop_sequences",
            "temperature",
            "thinking_config",
            "top_k",
            "top_p",
        ],
    ),
    ("toolConfig", &["functionCallingConfig", "function_calling_config", "retrieval_config"]),
    ("generation_config", &["max_output_tokens", "seed", "thinking_level", "tool_choice", "video_config"]),
    ("output_config", &["effort", "format"]),
    ("response_format", &["json_schema", "mime_type", "schema", "type"]),
    ("additionalModelRequestFields", &["output_config", "thinking", "tool_choice", "top_k"]),
];

/// The types of tools that some vendor runs.
const HOSTED: [&str; 5] = ["google_search", "mcp_toolset", "systemTool", "web_search", "web_search_20250305"];
/// What is in them.
const OF_TOOLS: [&str; 13] = [
    "cache_control",
    "cachePoint",
    "custom",
    "description",
    "format",
    "function",
    "functionDeclarations",
    "function_declarations",
    "name",
    "parameters",
    "strict",
    "systemTool",
    "toolSpec",
];

fn values() -> [Value; 8] {
    [json!(-1), json!(1.5), json!("x"), json!(true), json!([]), json!([5]), json!({"a": 1}), json!({"type": "x"})]
}

fn surface(dialect: Dialect) -> Surface {
    Surface::ALL.into_iter().find(|surface| Dialect::of(*surface) == Some(dialect)).expect("a surface for each")
}

/// A request with a tool, as small as it can be.
fn body(dialect: Dialect) -> Value {
    let said = json!([{"role": "user", "content": "hi"}]);
    match dialect {
        Dialect::OpenAi => {
            json!({"model": "m", "messages": said, "tools": [{"type": "function", "function": {"name": "f"}}]})
        }
        Dialect::Responses => json!({"model": "m", "input": "hi", "tools": [{"type": "function", "name": "f"}]}),
        Dialect::Anthropic => {
            json!({"model": "m", "max_tokens": 9, "messages": said, "tools": [{"name": "f", "input_schema": {}}]})
        }
        Dialect::Gemini => json!({
            "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
            "tools": [{"functionDeclarations": [{"name": "f"}]}],
        }),
        Dialect::Interactions => json!({"model": "m", "input": "hi", "tools": [{"type": "function", "name": "f"}]}),
        Dialect::Converse => json!({
            "messages": [{"role": "user", "content": [{"text": "hi"}]}],
            "toolConfig": {"tools": [{"toolSpec": {"name": "f"}}]},
        }),
    }
}

/// Sends the body to every other vendor, and reads what each is sent.
fn assert_is_read_again(from: Dialect, body: &Value, model: &str) {
    let surface = surface(from);
    let in_path = matches!(surface, Surface::GenerateContent | Surface::Converse).then_some(());
    let (named, stream) = (in_path.map(|()| "m".into()), in_path.map(|()| false));
    let address = Address { surface, model: named, stream, framing: Framing::Sse };
    let Ok(mut call) = request::read(&address, body.to_string().into()) else { return };
    call.drop_unsupported = true;
    for other in Dialect::ALL.into_iter().filter(|other| *other != from) {
        let Ok(said) = other.request(&call, &[], model) else { continue };
        match other.read(&said.body, &[], &mut Losses::new(true)) {
            Err(refusal) if refusal.code != Code::Unsupported => {
                panic!("{from} to {other}: {body}: {}", refusal.message)
            }
            _ => {}
        }
    }
}

/// What another vendor is sent of a client's body.
fn sent(from: Dialect, to: Dialect, model: &str, body: &Value) -> Result<Value, Refusal> {
    let read = from.read(body.to_string().as_bytes(), &[], &mut Losses::default())?;
    let written = to.write(&Request { model: model.into(), ..read }, &mut Losses::default())?;
    Ok(serde_json::from_slice(&written).expect("JSON"))
}

/// A small body with one member more.
fn with(dialect: Dialect, name: &str, value: Value) -> Value {
    let mut body = body(dialect);
    body[name] = value;
    body
}

/// It went to Anthropic as it came, which refuses what is no number.
#[test]
fn a_top_k_that_its_own_vendor_does_not_have_is_not_passed_on() {
    for from in [Dialect::Gemini, Dialect::Interactions, Dialect::Converse] {
        let body = sent(from, Dialect::Anthropic, "claude-sonnet-4-5", &with(from, "top_k", json!([{"name": "f"}])));
        assert!(body.expect("it can be said")["top_k"].is_null(), "{from}");
    }
    let body = with(Dialect::Gemini, "generationConfig", json!({"topK": 4}));
    let body = sent(Dialect::Gemini, Dialect::Anthropic, "claude-sonnet-4-5", &body);
    assert_eq!(body.expect("it can be said")["top_k"], 4);
}

#[test]
fn an_output_config_that_is_not_anthropics_is_refused_and_one_that_is_goes_on() {
    let send = |config: &Value| {
        let body = with(Dialect::OpenAi, "output_config", config.clone());
        sent(Dialect::OpenAi, Dialect::Anthropic, "claude-opus-4-7", &body)
    };
    for config in [json!(5), json!({"effort": "much"}), json!({"format": {"type": "json_schema"}})] {
        let refusal = send(&config).expect_err("not Anthropic's");
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::InvalidRequest, Some("output_config")), "{config}");
    }
    let newer = json!({"effort": "max", "task_budget": {"type": "tokens", "total": 20_000}});
    assert_eq!(send(&newer).expect("Anthropic's")["output_config"], newer);
}

/// Gemini takes both spellings, and a member twice is an error there.
#[test]
fn generation_config_in_the_other_spelling_is_not_said_a_second_time() {
    let config = json!({"top_k": "x", "max_output_tokens": 3, "speech_config": {}, "_responseJsonSchema": {}});
    let mut body = with(Dialect::OpenAi, "generationConfig", config);
    body["top_k"] = json!(4);
    body["tool_choice"] = json!("required");
    body["toolConfig"] = json!({"function_calling_config": 5, "retrieval_config": {}});
    let sent = sent(Dialect::OpenAi, Dialect::Gemini, "gemini-2.5-flash", &body).expect("it can be said");
    assert_eq!(sent["generationConfig"], json!({"topK": 4, "speechConfig": {}}));
    let calling = json!({"mode": "ANY"});
    assert_eq!(sent["toolConfig"], json!({"functionCallingConfig": calling, "retrievalConfig": {}}));
}

#[test]
fn a_safety_identifier_that_is_no_string_is_refused_by_name() {
    let send = |given: Value| {
        sent(Dialect::Responses, Dialect::OpenAi, "m", &with(Dialect::Responses, "safety_identifier", given))
    };
    let refusal = send(json!(5)).expect_err("no string");
    assert_eq!((refusal.code, refusal.param.as_deref()), (Code::InvalidRequest, Some("safety_identifier")));
    assert_eq!(send(json!("u")).expect("a string")["safety_identifier"], "u");
}

/// It was taken for a schema, as Google's older clients send one.
#[test]
fn the_response_format_of_chat_is_not_sent_as_googles() {
    let chats = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {}}});
    for (format, googles) in [(chats, false), (json!([{"type": "audio"}]), true), (json!({"type": "image"}), true)] {
        let body = with(Dialect::Anthropic, "response_format", format.clone());
        let sent = sent(Dialect::Anthropic, Dialect::Interactions, "m", &body).expect("it can be said");
        assert_eq!(sent["response_format"], if googles { format } else { Value::Null });
    }
}

#[test]
fn a_tool_of_amazons_is_not_taken_for_googles() {
    for tool in [json!({"systemTool": {"name": "nova_grounding"}}), json!({"functionDeclarations": 5})] {
        let mut body = body(Dialect::Converse);
        body["toolConfig"]["tools"] = json!([tool]);
        let refusal = sent(Dialect::Converse, Dialect::Gemini, "gemini-2.5-flash", &body).expect_err("not Google's");
        assert_eq!(refusal.code, Code::Unsupported);
    }
}

#[test]
fn what_a_client_adds_of_another_vendor_is_never_sent_where_it_could_not_be_read() {
    for from in Dialect::ALL {
        for (place, name) in ADDED.into_iter().flat_map(|(place, names)| names.iter().map(move |name| (place, *name))) {
            for value in values() {
                let mut body = body(from);
                let object = if place.is_empty() { &mut body } else { &mut body[place] };
                object[name] = value;
                MODELS.iter().for_each(|model| assert_is_read_again(from, &body, model));
            }
        }
    }
}

#[test]
fn a_tool_that_a_vendor_runs_may_have_members_of_our_names_in_it() {
    for from in Dialect::ALL {
        for (kind, name) in HOSTED.into_iter().flat_map(|kind| OF_TOOLS.map(|name| (kind, name))) {
            for value in values() {
                let mut body = body(from);
                let tools =
                    if from == Dialect::Converse { &mut body["toolConfig"]["tools"] } else { &mut body["tools"] };
                let mut tools = |tool: Value| tools.as_array_mut().expect("a list").push(tool);
                tools(json!({"type": kind, name: value}));
                tools(json!({name: value}));
                tools(json!({name: value, "systemTool": {}}));
                assert_is_read_again(from, &body, "m");
            }
        }
    }
}
