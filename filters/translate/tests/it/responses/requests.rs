//! Requests: of clients that speak Responses, to vendors that do not, and the other way.

use serde_json::{Value, json};
use tollgate_api::{Code, Refusal, Seal, Sealer, Surface};
use tollgate_translate::neutral::{Content, Request, Role};
use tollgate_translate::{Dialect, Losses, Said};

use crate::strict;

fn read(members: Value) -> Request {
    try_read(members).expect("a request")
}

fn try_read(mut members: Value) -> Result<Request, Refusal> {
    let object = members.as_object_mut().expect("an object");
    object.entry("input").or_insert_with(|| json!("hi"));
    object.entry("model").or_insert_with(|| json!("m"));
    Dialect::Responses.read(members.to_string().as_bytes(), &[], &mut Losses::default())
}

fn input(items: Value) -> Request {
    read(json!({ "input": items }))
}

/// A request of a client of `surface`, as `dialect` says it.
fn cross(surface: Surface, dialect: Dialect, body: &Value, drop: bool) -> Result<(Value, Vec<String>), Refusal> {
    let mut call = strict::call(&json!([]));
    (call.surface, call.body, call.drop_unsupported, call.stream) = (surface, body.to_string().into(), drop, false);
    let Said { body, dropped } = dialect.request(&call, &[], "claude-sonnet-4-5")?;
    Ok((serde_json::from_slice(&body).expect("JSON"), dropped))
}

/// A Responses request as another dialect says it.
fn to(dialect: Dialect, mut body: Value) -> Result<Value, Refusal> {
    body.as_object_mut().expect("an object").entry("input").or_insert_with(|| json!("hi"));
    cross(Surface::Responses, dialect, &body, false).map(|(body, _)| body)
}

/// A chat request as Responses says it.
fn from_chat(mut body: Value) -> Result<Value, Refusal> {
    let messages = json!([{"role": "user", "content": "hi"}]);
    body.as_object_mut().expect("an object").entry("messages").or_insert(messages);
    cross(Surface::ChatCompletions, Dialect::Responses, &body, false).map(|(body, _)| body)
}

fn written(request: &Request) -> Value {
    let body = Dialect::Responses.write(request, &mut Losses::default()).expect("it can be said");
    serde_json::from_slice(&body).expect("JSON")
}

fn contents(request: &Request) -> Vec<(Role, &Content)> {
    request.turns.iter().flat_map(|turn| turn.parts.iter().map(|part| (turn.role, &part.content))).collect()
}

#[test]
fn text_alone_and_a_message_without_a_type_are_what_the_user_says() {
    for given in [json!("hi"), json!([{"role": "user", "content": "hi"}])] {
        let request = input(given);
        assert!(contents(&request) == [(Role::User, &Content::Text("hi".into()))]);
    }
}

#[test]
fn instructions_and_system_items_are_the_system_prompt_in_their_order() {
    let body = to(
        Dialect::Anthropic,
        json!({"instructions": "one", "input": [
            {"role": "developer", "content": [{"type": "input_text", "text": "two"}]},
            {"role": "user", "content": "hi"},
            {"role": "system", "content": "three"},
        ]}),
    );
    let body = body.expect("it can be said");
    let texts: Vec<_> = body["system"].as_array().expect("blocks").iter().map(|block| &block["text"]).collect();
    assert_eq!(texts, ["one", "two", "three"]);
}

#[test]
fn a_turn_with_parallel_calls_and_its_results_reaches_anthropic_as_two_messages() {
    let call = |id: &str| json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": "f", "arguments": "{\"a\":1}"});
    let body = to(
        Dialect::Anthropic,
        json!({"input": [
            {"role": "user", "content": "hi"},
            {"type": "message", "role": "assistant", "id": "msg", "status": "completed", "content": [{"type": "output_text", "text": "I call.", "annotations": []}]},
            call("a"),
            call("b"),
            {"type": "function_call_output", "call_id": "a", "output": "1"},
            {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "2"}, {"type": "input_image", "image_url": "data:image/png;base64,AA"}]},
        ]}),
    );
    let body = body.expect("it can be said");
    let messages = body["messages"].as_array().expect("messages");
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[1]["content"][1], json!({"type": "tool_use", "id": "a", "name": "f", "input": {"a": 1}}));
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}});
    assert_eq!(messages[2]["content"][1]["content"][1], image);
}

#[test]
fn images_files_and_audio_are_read_and_written_back() {
    let parts = json!([
        {"type": "input_text", "text": "Look"},
        {"type": "input_image", "image_url": "https://example.com/a.png"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"},
        {"type": "input_file", "file_url": "https://example.com/a.pdf"},
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
    ]);
    let request = input(json!([{"role": "user", "content": parts}]));
    assert_eq!(written(&request)["input"][0]["content"], parts);
    let bare =
        input(json!([{"role": "user", "content": [{"type": "input_file", "filename": "a.txt", "file_data": "AA"}]}]));
    assert_eq!(written(&bare)["input"][0]["content"][0]["file_data"], "data:text/plain;base64,AA");
    let unnamed = json!([{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:application/pdf;base64,AA"}}]}]);
    let body = from_chat(json!({ "messages": unnamed })).expect("it can be said");
    assert_eq!(body["input"][0]["content"][0]["filename"], "file.pdf", "bytes without a name are refused");
}

#[test]
fn the_members_of_a_request_cross_to_chat_and_anthropic() {
    let schema = json!({"type": "object", "properties": {"b": {}, "a": {}}});
    let body = json!({
        "text": {"format": {"type": "json_schema", "name": "n", "schema": schema, "strict": true}, "verbosity": "low"},
        "max_output_tokens": 50, "temperature": 0.5, "parallel_tool_calls": false, "tool_choice": "required", "user": "u",
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": true}],
    });
    let chat = to(Dialect::OpenAi, body.clone()).expect("it can be said");
    assert_eq!(
        (&chat["max_completion_tokens"], &chat["tool_choice"], &chat["user"]),
        (&json!(50), &json!("required"), &json!("u"))
    );
    assert_eq!(chat["response_format"]["json_schema"]["schema"], schema);
    assert_eq!(chat["tools"][0]["function"]["name"], "f");
    let anthropic = to(Dialect::Anthropic, body).expect("it can be said");
    assert_eq!(anthropic["tool_choice"], json!({"type": "any", "disable_parallel_tool_use": true}));
    assert_eq!(anthropic["output_config"]["format"]["schema"], schema);
    assert_eq!((&anthropic["max_tokens"], &anthropic["temperature"]), (&json!(50), &json!(0.5)));
}

#[test]
fn effort_crosses_and_what_else_the_client_says_of_reasoning_comes_back() {
    let request = read(json!({"reasoning": {"effort": "high", "summary": "auto", "generate_summary": null}}));
    let body = written(&request);
    assert_eq!(body["reasoning"], json!({"effort": "high", "summary": "auto"}));
    assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
    let body = to(Dialect::Anthropic, json!({"reasoning": {"effort": "high"}})).expect("it can be said");
    assert_eq!(body["thinking"]["type"], "enabled");
    let refusal = try_read(json!({"reasoning": {"effort": "secret"}})).expect_err("no level");
    assert_eq!(refusal.param.as_deref(), Some("reasoning.effort"));
}

#[test]
fn thinking_comes_back_to_its_vendor_and_to_no_other() {
    let spelled = |by, data: &str| Seal::new(by, data).spelled_for(Sealer::OpenAi).into_owned();
    let item = |summary: Value, seal: String| json!({"type": "reasoning", "id": "rs", "summary": summary, "encrypted_content": seal});
    let shown = |text: &str| json!([{"type": "summary_text", "text": text}]);
    let items = json!([
        {"role": "user", "content": "hi"},
        item(shown("because"), spelled(Sealer::Anthropic, "s1")),
        item(shown(""), spelled(Sealer::Anthropic, "s2")),
        item(json!([]), spelled(Sealer::Anthropic, "hidden")),
        item(shown("openly"), spelled(Sealer::OpenAi, "s3")),
        item(json!([]), spelled(Sealer::OpenAi, "s4")),
        {"type": "reasoning", "id": "rs", "summary": shown("unsealed"), "encrypted_content": null},
        {"role": "assistant", "content": "So."},
    ]);
    let anthropic = to(Dialect::Anthropic, json!({ "input": items })).expect("it can be said");
    let expected = json!([
        {"type": "thinking", "thinking": "because", "signature": "s1"},
        {"type": "thinking", "thinking": "", "signature": "s2"},
        {"type": "redacted_thinking", "data": "hidden"},
        {"type": "text", "text": "So."},
    ]);
    assert_eq!(anthropic["messages"][1]["content"], expected);
    let openai = written(&input(items));
    let expected = json!([
        {"type": "reasoning", "summary": shown("openly"), "encrypted_content": "s3"},
        {"type": "reasoning", "summary": [], "encrypted_content": "s4"},
    ]);
    assert_eq!(openai["input"].as_array().expect("items")[1..3], *expected.as_array().expect("items"));
    assert_eq!(openai["input"].as_array().map(Vec::len), Some(4));
    assert_eq!(openai["include"], json!(["reasoning.encrypted_content"]), "who brings seals wants more of them");
}

#[test]
fn the_seal_of_a_call_comes_back_to_it() {
    let seal = |data: &str| Seal::new(Sealer::Google, data);
    let sealed = |data: &str, summary: Value| json!({"type": "reasoning", "summary": summary, "encrypted_content": seal(data).spelled_for(Sealer::OpenAi)});
    let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"});
    let request = input(json!([
        sealed("thought", json!([{"type": "summary_text", "text": "why"}])),
        sealed("first", json!([])), call("a"), call("b"),
        sealed("third", json!([])), call("c"),
        sealed("stray", json!([])), {"role": "assistant", "content": "So."},
        sealed("last", json!([])),
    ]));
    let told: Vec<_> = contents(&request)
        .into_iter()
        .map(|(_, content)| match content {
            Content::ToolCall { id, seal, .. } => (id.clone(), seal.clone()),
            Content::Thinking { text, seal } => (text.clone(), seal.clone()),
            Content::RedactedThinking(seal) => ("hidden".into(), Some(seal.clone())),
            Content::Text(text) => (text.clone(), None),
            _ => panic!("something else"),
        })
        .collect();
    let expected = [
        ("why", Some("thought")),
        ("a", Some("first")),
        ("b", None),
        ("c", Some("third")),
        ("hidden", Some("stray")),
        ("So.", None),
        ("hidden", Some("last")),
    ];
    assert_eq!(told, expected.map(|(name, data)| (name.to_owned(), data.map(seal))));
}

#[test]
fn a_tool_with_plain_text_is_a_function_elsewhere_and_itself_at_home() {
    let grammar = json!({"type": "grammar", "syntax": "lark", "definition": "start: X"});
    let body = json!({
        "tools": [{"type": "custom", "name": "patch", "description": "Patches.", "format": grammar}],
        "tool_choice": {"type": "custom", "name": "patch"},
        "input": [
            {"role": "user", "content": "hi"},
            {"type": "custom_tool_call", "call_id": "a", "name": "patch", "input": "*** Begin"},
            {"type": "custom_tool_call_output", "call_id": "a", "output": "done"},
        ],
    });
    let chat = to(Dialect::OpenAi, body.clone()).expect("it can be said");
    let function = &chat["tools"][0]["function"];
    assert_eq!(function["parameters"]["required"], json!(["input"]));
    assert_eq!(function["description"], "Patches.");
    let rule = &function["parameters"]["properties"]["input"]["description"];
    assert!(rule.as_str().is_some_and(|text| text.ends_with("start: X")), "{rule}");
    assert_eq!(chat["messages"][1]["tool_calls"][0]["function"]["arguments"], "{\"input\":\"*** Begin\"}");
    assert_eq!(chat["tool_choice"]["function"]["name"], "patch");
    let anthropic = to(Dialect::Anthropic, body.clone()).expect("it can be said");
    assert_eq!(anthropic["messages"][1]["content"][0]["input"], json!({"input": "*** Begin"}));
    let home = written(&read(body.clone()));
    for member in ["tools", "tool_choice"] {
        assert_eq!(home[member], body[member]);
    }
    assert_eq!(home["input"].as_array().expect("items")[1..], body["input"].as_array().expect("items")[1..]);
}

#[test]
fn only_the_allowed_tools_are_offered() {
    let tool = |name: &str| json!({"type": "function", "name": name, "parameters": {"type": "object"}});
    let allowed = json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "b"}]});
    let chat =
        to(Dialect::OpenAi, json!({"tools": [tool("a"), tool("b")], "tool_choice": allowed})).expect("it can be said");
    assert_eq!(chat["tools"].as_array().map(Vec::len), Some(1));
    assert_eq!((&chat["tools"][0]["function"]["name"], &chat["tool_choice"]), (&json!("b"), &json!("required")));
}

#[test]
fn what_openai_keeps_cannot_be_asked_of_another_and_is_never_dropped() {
    let reference = json!({"input": [{"type": "item_reference", "id": "msg_1"}]});
    let compaction = json!({"input": [{"type": "compaction", "encrypted_content": "x"}]});
    for (body, param) in [
        (json!({"input": "hi", "previous_response_id": "resp_1"}), "previous_response_id"),
        (json!({"input": "hi", "conversation": "conv_1"}), "conversation"),
        (json!({"input": "hi", "prompt": {"id": "p"}}), "prompt"),
        (reference, "input[0]"),
        (compaction, "input[0]"),
    ] {
        for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
            let refusal = cross(Surface::Responses, dialect, &body, true).expect_err(param);
            assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some(param)));
        }
    }
    let kept = json!({"previous_response_id": "resp_1", "store": true, "truncation": "auto", "max_tool_calls": 3});
    let body = written(&read(kept.clone()));
    for (name, value) in kept.as_object().expect("an object") {
        assert_eq!(&body[name], value, "{name}");
    }
}

#[test]
fn what_openai_runs_is_refused_elsewhere_unless_it_may_be_dropped() {
    let items = json!([
        {"role": "user", "content": "hi"},
        {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"type": "search"}},
        {"type": "local_shell_call", "call_id": "a", "action": {"command": ["ls"]}},
        {"type": "local_shell_call_output", "id": "a", "output": "x"},
    ]);
    let hosted = json!([{"type": "web_search"}, {"type": "namespace", "name": "n", "tools": []}]);
    for (body, names) in [
        (json!({"input": "hi", "tools": hosted}), vec!["tools[0]", "tools[1]"]),
        (json!({ "input": items }), vec!["input[1]", "input[2]", "input[3]"]),
        (json!({"input": "hi", "tool_choice": {"type": "web_search"}}), vec!["tool_choice"]),
        (json!({"input": "hi", "background": true}), vec!["background"]),
    ] {
        let refusal = cross(Surface::Responses, Dialect::OpenAi, &body, false).expect_err(names[0]);
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some(names[0])));
        let (written, dropped) = cross(Surface::Responses, Dialect::OpenAi, &body, true).expect("it may be dropped");
        assert_eq!(dropped, names);
        assert_eq!(written["tools"].as_array(), None, "{written}");
    }
    assert_eq!(
        written(&read(json!({ "tools": hosted })))["tools"].as_array().map(Vec::len),
        Some(2),
        "at home all go on"
    );
}

#[test]
fn what_only_responses_knows_is_not_sent_to_another() {
    let body = json!({
        "include": ["reasoning.encrypted_content"], "truncation": "auto", "max_tool_calls": 3, "background": false,
        "reasoning": {"summary": "auto"}, "stream_options": {"include_obfuscation": false},
        "context_management": [{"type": "compaction"}], "metadata": {"team": "x"},
    });
    let chat = to(Dialect::OpenAi, body.clone()).expect("it can be said");
    let anthropic = to(Dialect::Anthropic, body.clone()).expect("it can be said");
    for name in body.as_object().expect("an object").keys().filter(|name| *name != "metadata") {
        assert!(chat[name].is_null() && anthropic[name].is_null(), "{name}");
    }
    assert_eq!(chat["metadata"], json!({"team": "x"}));
}

#[test]
fn what_openai_would_run_beside_the_clients_own_tools_is_left_out_elsewhere_and_named() {
    let tools = json!([{"type": "web_search"}, {"type": "function", "name": "f"}, {"type": "namespace", "name": "n", "tools": []}]);
    let body = json!({"input": "hi", "tools": tools, "tool_choice": "auto"});
    for upstream in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini, Dialect::Converse] {
        let (written, dropped) = cross(Surface::Responses, upstream, &body, false).expect("as Codex sends it");
        assert_eq!(dropped, ["tools[0]", "tools[2]"], "{upstream:?}");
        let offered = written.to_string();
        assert!(offered.contains("\"f\"") && !offered.contains("web_search"), "{upstream:?}: {offered}");
    }
}

#[test]
fn a_malformed_request_is_refused_by_name_without_its_content() {
    for (body, param) in [
        (json!({"input": 7}), "input"),
        (json!({"input": [7]}), "input[0]"),
        (json!({"input": [{"content": "secret"}]}), "input[0].role"),
        (json!({"input": [{"role": "secret", "content": "a"}]}), "input[0]"),
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_text", "secret": 1}]}]}),
            "input[0].content[0].text",
        ),
        (json!({"input": [{"type": "function_call", "name": "secret", "arguments": "{}"}]}), "input[0].call_id"),
        (json!({"input": [{"type": "function_call", "call_id": "a", "name": "secret"}]}), "input[0].arguments"),
        (json!({"input": [{"type": "function_call_output", "output": "secret"}]}), "input[0].call_id"),
        (json!({"tools": [{"type": "function", "secret": 1}]}), "tools[0].name"),
        (json!({"tool_choice": "secret"}), "tool_choice"),
        (json!({"text": {"format": {"type": "json_schema", "name": "secret"}}}), "text.format.schema"),
        (json!({"temperature": "secret"}), "temperature"),
        (json!({"include": "secret"}), "include"),
    ] {
        let refusal = try_read(body).expect_err(param);
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::InvalidRequest, Some(param)));
        assert!(!refusal.message.contains("secret"), "{}", refusal.message);
    }
    for (body, param) in [
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file_1"}]}]}),
            "input[0].content[0]",
        ),
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]}),
            "input[0].content[0]",
        ),
        (json!({"text": {"format": {"type": "grammar"}}}), "text.format"),
    ] {
        let refusal = try_read(body).expect_err(param);
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some(param)));
    }
}

#[test]
fn a_chat_request_is_said_in_responses_words() {
    let body = from_chat(json!({
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]},
            {"role": "assistant", "content": "I call.", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto", "reasoning_effort": "low",
        "max_tokens": 1, "temperature": 0.5, "metadata": {"team": "x"}, "logit_bias": {}, "guided_json": {}, "prompt_cache_key": "k",
    }));
    let expected = json!({
        "model": "claude-sonnet-4-5", "instructions": "Be brief.",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}, {"type": "input_image", "image_url": "https://example.com/a.png"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I call."}]},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "1"},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": false}],
        "tool_choice": "auto", "reasoning": {"effort": "low"}, "include": ["reasoning.encrypted_content"], "store": false,
        "max_output_tokens": 16, "temperature": 0.5, "metadata": {"team": "x"}, "prompt_cache_key": "k",
    });
    assert_eq!(body.expect("it can be said"), expected);
}

#[test]
fn what_responses_cannot_say_is_refused_by_name() {
    let searched = json!([{"type": "web_search_20250305", "name": "web_search"}]);
    let anthropic = json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9, "tools": searched});
    let refusal = cross(Surface::Messages, Dialect::Responses, &anthropic, false).expect_err("a tool of Anthropic's");
    assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some("tools[0]")));
    for (body, param) in [
        (json!({"n": 2}), "n"),
        (json!({"stop": ["END"]}), "stop"),
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"web_search_options": {}}), "web_search_options"),
    ] {
        let refusal = from_chat(body).expect_err(param);
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some(param)));
    }
    assert!(from_chat(json!({"n": 1, "stop": [], "modalities": ["text"], "seed": 7})).is_ok());
}

#[test]
fn tool_choice_is_only_sent_beside_tools() {
    let body = from_chat(json!({"tool_choice": "auto", "parallel_tool_calls": false})).expect("it can be said");
    assert!(body["tool_choice"].is_null() && body["parallel_tool_calls"].is_null());
}

#[test]
fn ids_and_users_that_openai_finds_too_long_are_no_reason_for_a_400() {
    let (long, other) = ("x".repeat(80), format!("{}y", "x".repeat(79)));
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "1"});
    let messages = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": null, "tool_calls": [call(&long), call(&other)]},
        result(&long), result(&other),
    ]);
    let body = from_chat(json!({"messages": messages, "user": long})).expect("it can be said");
    let ids: Vec<_> = body["input"].as_array().expect("items")[1..]
        .iter()
        .map(|item| item["call_id"].as_str().expect("an id"))
        .collect();
    assert!(ids.iter().all(|id| id.len() == 64) && ids[0] != ids[1] && ids[..2] == ids[2..], "{ids:?}");
    assert!(body["user"].is_null());
}

#[test]
fn logprobs_are_asked_for_in_two_places() {
    let body = written(&read(json!({"include": ["message.output_text.logprobs"], "top_logprobs": 3})));
    assert_eq!((&body["include"], &body["top_logprobs"]), (&json!(["message.output_text.logprobs"]), &json!(3)));
    let none = written(&read(json!({"top_logprobs": 0})));
    assert!(none["include"].is_null() && none["top_logprobs"].is_null());
}

#[test]
fn every_word_for_a_tier_comes_back_and_other_vendors_words_are_refused() {
    for word in ["auto", "default", "flex", "priority", "scale", "ultrafast"] {
        assert_eq!(written(&read(json!({ "service_tier": word })))["service_tier"], word);
    }
    let foreign = read(json!({"service_tier": "standard_only"}));
    let refusal = Dialect::Responses.write(&foreign, &mut Losses::default()).expect_err("Anthropic's");
    assert_eq!(refusal.param.as_deref(), Some("service_tier"));
}
