//! A chat request on its way to Anthropic: each test is named after what went wrong in a gateway.

use serde_json::{Value, json};
use tollgate_api::{Call, Caps, Code, Edit, Framing, Refusal, Seal, Sealer, Spans, Surface};
use tollgate_translate::{Dialect, Losses};

fn call(body: &Value) -> Call {
    Call {
        body: body.to_string().into(),
        surface: Surface::ChatCompletions,
        model: "m".into(),
        stream: body["stream"] == true,
        framing: Framing::Sse,
        wants_usage: false,
        max_output: None,
        caps: Caps::default(),
        choices: 1,
        unbounded: None,
        end_user: None,
        tools: false,
        drop_unsupported: false,
        start_within: None,
        asks_tier: None,
        spans: Spans::default(),
    }
}

fn try_write(model: &str, mut body: Value) -> Result<Value, Refusal> {
    let members = body.as_object_mut().expect("an object");
    members.entry("messages").or_insert_with(|| json!([{"role": "user", "content": "hi"}]));
    let written = Dialect::Anthropic.request(&call(&body), &[], model)?;
    Ok(serde_json::from_slice(&written.body).expect("JSON"))
}

fn write(body: Value) -> Value {
    try_write("claude-sonnet-4-5", body).expect("it can be said")
}

fn messages(messages: Value) -> Value {
    write(json!({ "messages": messages }))
}

fn weather() -> Value {
    json!({"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}})
}

fn calls(ids: &[&str]) -> Value {
    let call = |id: &&str| json!({"id": id, "type": "function", "function": {"name": "weather", "arguments": "{}"}});
    json!({"role": "assistant", "content": null, "tool_calls": ids.iter().map(call).collect::<Vec<_>>()})
}

#[test]
fn parallel_tool_results_are_one_message_and_stand_first_in_it() {
    let body = messages(json!([
        {"role": "user", "content": "hi"},
        calls(&["a", "b"]),
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "user", "content": "and?"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}]},
    ]));
    assert_eq!(body["messages"].as_array().map(Vec::len), Some(3));
    let expected = json!([
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "1"}]},
        {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "2"}]},
        {"type": "text", "text": "and?"},
    ]);
    assert_eq!(body["messages"][2]["content"], expected);
}

#[test]
fn tool_choice_is_only_sent_beside_tools_and_always_with_a_type() {
    let alone = write(json!({"tool_choice": "auto", "parallel_tool_calls": false}));
    assert!(alone["tool_choice"].is_null() && alone["parallel_tool_calls"].is_null());
    let table = [
        (json!({}), Value::Null),
        (json!({"tool_choice": "auto"}), json!({"type": "auto"})),
        (json!({"tool_choice": "none", "parallel_tool_calls": false}), json!({"type": "none"})),
        (json!({"tool_choice": "required"}), json!({"type": "any"})),
        (json!({"parallel_tool_calls": true}), Value::Null),
        (json!({"parallel_tool_calls": false}), json!({"type": "auto", "disable_parallel_tool_use": true})),
        (
            json!({"tool_choice": {"type": "function", "function": {"name": "weather"}}, "parallel_tool_calls": false}),
            json!({"type": "tool", "name": "weather", "disable_parallel_tool_use": true}),
        ),
    ];
    for (mut body, expected) in table {
        body["tools"] = json!([weather()]);
        assert_eq!(write(body.clone())["tool_choice"], expected, "{body}");
    }
}

#[test]
fn a_tool_without_a_schema_still_has_an_object_for_one() {
    let tool = |parameters: Value| json!({"type": "function", "function": {"name": "f", "parameters": parameters}});
    let table = [
        (Value::Null, json!({"type": "object", "properties": {}})),
        (json!({}), json!({"type": "object"})),
        (json!({"properties": {"z": {}, "a": {}}}), json!({"type": "object", "properties": {"z": {}, "a": {}}})),
    ];
    for (parameters, expected) in table {
        let body = write(json!({"tools": [tool(parameters)]}));
        assert_eq!(body["tools"], json!([{"name": "f", "input_schema": expected}]));
    }
}

#[test]
fn a_schema_keeps_the_order_of_its_properties() {
    let body = r#"{"messages":[{"role":"user","content":"hi"}],"response_format":{"type":"json_schema",
        "json_schema":{"name":"n","schema":{"type":"object","properties":{"reason":{},"answer":{}}}}}}"#;
    let mut read = Dialect::OpenAi.read(body.as_bytes(), &[], &mut Losses::default()).expect("a request");
    read.model = "claude-sonnet-4-5".into();
    let written = String::from_utf8(Dialect::Anthropic.write(&read, &mut Losses::default()).expect("it can be said"))
        .expect("UTF-8");
    let expected = r#""output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"reason":{},"answer":{}}}}}"#;
    assert!(written.contains(expected), "{written}");
}

#[test]
fn the_cap_that_anthropic_requires_is_there() {
    let table = [
        (json!({}), 4096),
        (json!({"max_tokens": 5}), 5),
        (json!({"max_completion_tokens": 7}), 7),
        (json!({"max_tokens": 5, "max_completion_tokens": 7}), 7),
    ];
    for (body, cap) in table {
        assert_eq!(write(body)["max_tokens"], cap);
    }
}

#[test]
fn system_messages_anywhere_become_the_system_prompt() {
    let cached = json!({"type": "ephemeral"});
    let body = messages(json!([
        {"role": "system", "content": "one"},
        {"role": "user", "content": "hi"},
        {"role": "developer", "content": [{"type": "text", "text": "two", "cache_control": cached}]},
    ]));
    let expected = json!([
        {"type": "text", "text": "one"},
        {"type": "text", "text": "two", "cache_control": cached},
    ]);
    assert_eq!(body["system"], expected);
    assert_eq!(body["messages"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_system_prompt_alone_is_what_the_user_says() {
    let body = messages(json!([{"role": "system", "content": "hi"}]));
    assert_eq!(body["messages"], json!([{"role": "user", "content": [{"type": "text", "text": "hi"}]}]));
    assert!(body["system"].is_null());
}

#[test]
fn images_are_sent_as_bytes_or_as_a_place() {
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url, "detail": "low"}});
    let body = messages(json!([{"role": "user", "content": [
        image("data:image/png;base64,AAAA"),
        image("https://example.com/a.png"),
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"}},
    ]}]));
    let expected = json!([
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "BBBB"},
            "title": "a.pdf",
        },
    ]);
    assert_eq!(body["messages"][0]["content"], expected);
}

#[test]
fn sealed_thinking_goes_back_before_the_call_it_led_to() {
    let mut turn = calls(&["a"]);
    turn["reasoning_content"] = json!("because");
    turn["thinking_blocks"] = json!([
        {"type": "thinking", "thinking": "because", "signature": "seal"},
        {"type": "redacted_thinking", "data": "hidden"},
    ]);
    let body = messages(json!([{"role": "user", "content": "hi"}, turn]));
    let blocks = body["messages"][1]["content"].as_array().expect("blocks");
    assert_eq!(blocks[0], json!({"type": "thinking", "thinking": "because", "signature": "seal"}));
    assert_eq!(blocks[1], json!({"type": "redacted_thinking", "data": "hidden"}));
    assert_eq!(blocks[2]["type"], "tool_use");
}

#[test]
fn thinking_without_a_seal_is_left_out_because_anthropic_refuses_it() {
    let body = messages(json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yes", "reasoning_content": "because"},
    ]));
    assert_eq!(body["messages"][1]["content"], json!([{"type": "text", "text": "yes"}]));
}

#[test]
fn blank_text_is_left_out_because_anthropic_refuses_it() {
    let body = messages(json!([
        {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": ""},
    ]));
    assert_eq!(body["messages"], json!([{"role": "user", "content": [{"type": "text", "text": "hi"}]}]));
}

#[test]
fn effort_becomes_a_budget_below_the_cap_and_sampling_gives_way() {
    for (effort, budget) in [("low", 1024), ("medium", 4096), ("high", 16_384)] {
        let body = write(json!({"reasoning_effort": effort, "max_tokens": 500, "temperature": 0.2, "top_p": 0.5}));
        assert_eq!(body["thinking"], json!({"type": "enabled", "budget_tokens": budget}));
        assert_eq!(body["max_tokens"], budget + 500);
        assert!(body["temperature"].is_null() && body["top_p"].is_null());
    }
    assert_eq!(write(json!({"reasoning_effort": "low", "max_tokens": 9000}))["max_tokens"], 9000);
    assert!(write(json!({"reasoning_effort": "none"}))["thinking"].is_null());
}

#[test]
fn models_that_think_as_they_see_fit_get_an_effort_and_no_sampling() {
    let body = json!({"reasoning_effort": "high", "temperature": 1, "top_k": 5, "max_tokens": 500});
    let written = try_write("claude-opus-4-7", body).expect("it can be said");
    assert_eq!(written["thinking"], json!({"type": "adaptive"}));
    assert_eq!(written["output_config"], json!({"effort": "high"}));
    assert_eq!(written["max_tokens"], 500);
    assert!(written["temperature"].is_null() && written["top_k"].is_null());
}

#[test]
fn effort_gives_way_to_a_forced_tool_and_to_calls_without_sealed_thinking() {
    let forced = write(json!({"reasoning_effort": "high", "tools": [weather()], "tool_choice": "required"}));
    assert!(forced["thinking"].is_null());
    let history = json!([
        {"role": "user", "content": "hi"},
        calls(&["a"]),
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]);
    assert!(write(json!({"reasoning_effort": "high", "messages": history}))["thinking"].is_null());
    let adaptive = try_write("claude-opus-4-7", json!({"reasoning_effort": "high", "messages": history}));
    assert_eq!(
        adaptive.expect("it can be said")["thinking"],
        json!({"type": "adaptive"}),
        "which may not have thought"
    );
}

#[test]
fn a_budget_gives_way_to_calls_whose_thinking_another_vendor_sealed() {
    let thinks = json!({"type": "enabled", "budget_tokens": 2048});
    let asked = |by: Sealer| {
        let seal = Seal::new(by, "EqQB").spelled_for(Sealer::Anthropic).into_owned();
        let mut turn = calls(&["a"]);
        turn["thinking_blocks"] = json!([{"type": "thinking", "thinking": "so", "signature": seal}]);
        let history = json!([
            {"role": "user", "content": "hi"}, turn, {"role": "tool", "tool_call_id": "a", "content": "1"},
        ]);
        write(json!({"thinking": thinks, "messages": history}))
    };
    assert_eq!(asked(Sealer::Anthropic)["thinking"], thinks);
    assert!(asked(Sealer::OpenAi)["thinking"].is_null(), "Anthropic would miss the thinking before the call");
}

#[test]
fn what_only_openai_knows_is_dropped_and_what_anthropic_knows_is_kept() {
    let body = write(json!({
        "frequency_penalty": 1, "logit_bias": {}, "store": true, "seed": 7, "prompt_cache_key": "k", "logprobs": false,
        "stream_options": {"include_usage": true}, "modalities": ["text"], "n": 1,
        "metadata": {"user_id": "u1", "team": "x"}, "user": "u2",
        "top_k": 5, "context_management": {"edits": []}, "stop": "END", "temperature": 1.5,
    }));
    let expected = json!({
        "model": "claude-sonnet-4-5", "max_tokens": 4096, "temperature": 1, "stop_sequences": ["END"],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "metadata": {"user_id": "u1"}, "top_k": 5, "context_management": {"edits": []},
    });
    assert_eq!(body, expected);
    assert_eq!(write(json!({"user": "u2"}))["metadata"], json!({"user_id": "u2"}));
    assert_eq!(write(json!({"service_tier": "auto"}))["service_tier"], "auto");
    let native = json!({"type": "enabled", "budget_tokens": 2000});
    assert_eq!(write(json!({"thinking": native}))["thinking"], native);
}

#[test]
fn what_anthropic_cannot_say_is_refused_by_name() {
    let table = [
        (json!({"n": 2}), "n"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"audio": {"voice": "alloy"}}), "audio"),
        (json!({"response_format": {"type": "json_object"}}), "response_format"),
        (json!({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}), "tool_choice"),
        (
            json!({"messages": [{"role": "user", "content": [
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
            ]}]}),
            "messages",
        ),
    ];
    for (body, param) in table {
        let refusal = try_write("claude-sonnet-4-5", body).expect_err(param);
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some(param)));
    }
}

#[test]
fn a_malformed_request_is_refused_by_name_without_its_content() {
    let table = [
        (json!({"messages": []}), "messages"),
        (json!({"messages": "secret"}), "messages"),
        (json!({"messages": [{"role": "user", "content": "hi"}, {"role": "secret"}]}), "messages[1]"),
        (json!({"messages": [{"role": "user", "content": {"secret": 1}}]}), "messages[0]"),
        (json!({"messages": [{"role": "tool", "content": "secret"}]}), "messages[0].tool_call_id"),
        (json!({"temperature": "secret"}), "temperature"),
        (json!({"reasoning_effort": "secret"}), "reasoning_effort"),
        (json!({"tools": [{"type": "function"}]}), "tools[0].function"),
        (json!({"max_tokens": 0}), "max_tokens"),
    ];
    for (body, param) in table {
        let refusal = try_write("claude-sonnet-4-5", body).expect_err(param);
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::InvalidRequest, Some(param)));
        assert!(!refusal.message.contains("secret"), "{}", refusal.message);
    }
}

#[test]
fn edits_of_filters_reach_a_foreign_vendor() {
    let body = json!({"messages": [{"role": "user", "content": "hi"}], "temperature": 0.1, "max_tokens": 9});
    let edits = [
        Edit { member: "max_tokens".into(), value: Some("3".into()) },
        Edit { member: "temperature".into(), value: None },
    ];
    let written = Dialect::Anthropic.request(&call(&body), &edits, "claude-x").expect("it can be said").body;
    let written: Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!((&written["max_tokens"], &written["temperature"]), (&json!(3), &Value::Null));
    let broken = [Edit { member: "top_p".into(), value: Some("{".into()) }];
    let refusal = Dialect::Anthropic.request(&call(&body), &broken, "claude-x").expect_err("not JSON");
    assert_eq!(refusal.code, Code::Internal);
}
