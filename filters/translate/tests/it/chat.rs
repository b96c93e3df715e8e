//! OpenAI's dialect in its many accents: each test is named after what went wrong in a gateway.

use serde_json::{Value, json};
use tollgate_api::{Address, Call, Citation, Code, Event, Refusal, Seal, Sealer, StopReason, Surface, Tier, Usage};
use tollgate_translate::neutral::{Content, Part, Request, Role, Source, TierAsked, Tool, ToolChoice};
use tollgate_translate::{Accent, AnswerHead, Dialect, Losses, Seals, Upstream, request};

fn call(surface: Surface, body: &Value) -> Call {
    request::read(&Address::of(surface), body.to_string().into()).expect("a call")
}

fn read(mut body: Value) -> Request {
    body["model"] = json!("m");
    let messages = body.as_object_mut().expect("an object").entry("messages");
    messages.or_insert_with(|| json!([{"role": "user", "content": "hi"}]));
    Dialect::OpenAi.read(body.to_string().as_bytes(), &[], &mut Losses::default()).expect("a request")
}

fn try_write(accent: Accent, mut request: Request, permitted: bool) -> Result<Value, Refusal> {
    request.accent = accent;
    let body = Dialect::OpenAi.write(&request, &mut Losses::new(permitted))?;
    Ok(serde_json::from_slice(&body).expect("JSON"))
}

fn write(accent: Accent, request: Request) -> Value {
    try_write(accent, request, false).expect("it can be said")
}

/// What a chat client's body becomes at a vendor.
fn said(accent: Accent, body: Value) -> Value {
    write(accent, read(body))
}

fn refused(accent: Accent, body: Value) -> (Code, String) {
    let refusal = try_write(accent, read(body), false).expect_err("it cannot be said");
    (refusal.code, refusal.param.expect("a member").into_owned())
}

fn weather() -> Value {
    json!({"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}})
}

fn sql() -> Value {
    json!({"type": "custom", "custom": {"name": "sql", "description": "runs it"}})
}

fn decoded(payloads: &[Value]) -> Vec<Event> {
    let (mut decoder, mut events) = (Dialect::OpenAi.decoder(), Vec::new());
    for payload in payloads {
        decoder.event(None, &payload.to_string(), &mut events).expect("a chunk");
    }
    events
}

/// A stream of these deltas, and then its end.
fn deltas(deltas: &[Value]) -> Vec<Event> {
    let chunk = |delta: &Value| json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta}]});
    let mut events = decoded(&deltas.iter().map(chunk).collect::<Vec<_>>());
    events.retain(|event| !matches!(event, Event::Start { .. }));
    events
}

fn whole(message: Value) -> Vec<Event> {
    let body = json!({"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]});
    let mut events = Vec::new();
    Dialect::OpenAi.whole(body.to_string().as_bytes(), &mut events).expect("an answer");
    events.retain(|event| !matches!(event, Event::Start { .. } | Event::Stop { .. } | Event::End));
    events
}

fn usage(payload: Value) -> Usage {
    let events = decoded(std::slice::from_ref(&payload));
    let usage = events.iter().rev().find_map(|event| if let Event::Usage(usage) = event { Some(*usage) } else { None });
    usage.expect("usage")
}

fn head() -> AnswerHead {
    AnswerHead { id: "i".into(), model: "m".into(), created: 7 }
}

/// The chunks that a client of this call gets for these events.
fn streamed(call: &Call, events: &[Event]) -> Vec<Value> {
    let (mut encoder, mut out) = (Dialect::OpenAi.encoder(&head(), call), Vec::new());
    events.iter().for_each(|event| encoder.event(event, None, &mut out));
    let text = String::from_utf8(out).expect("UTF-8");
    let data = text.split_terminator("\n\n").filter_map(|event| event.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).expect("JSON")).collect()
}

fn assembled(call: &Call, events: &[Event]) -> Value {
    serde_json::from_slice(&Dialect::OpenAi.assemble(&head(), call, events, None)).expect("JSON")
}

fn stop(reason: StopReason) -> Event {
    Event::Stop { choice: 0, reason, sequence: None }
}

fn calls(name: &str, arguments: &[&str], seal: Option<Seal>) -> Vec<Event> {
    let start = Event::ToolStart { choice: 0, index: 0, id: "a".into(), name: name.into(), seal };
    let piece = |json: &&str| Event::ToolArguments { choice: 0, index: 0, json: (*json).into() };
    std::iter::once(start).chain(arguments.iter().map(piece)).chain([stop(StopReason::ToolUse), Event::End]).collect()
}

#[test]
fn what_the_neutral_form_has_a_place_for_is_read_and_written_back() {
    let body = json!({
        "messages": [{"role": "user", "content": "hi"}],
        "model": "m", "max_completion_tokens": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "frequency_penalty": 0.25,
        "presence_penalty": -1, "seed": 7, "n": 2, "stop": ["END"], "logprobs": true, "top_logprobs": 3,
        "verbosity": "low", "service_tier": "flex", "user": "u", "reasoning_effort": "minimal",
        "metadata": {"a": "b"}, "min_p": 0.1, "store": false,
    });
    assert_eq!(said(Accent::GENERIC, body.clone()), body);
}

#[test]
fn members_of_other_surfaces_are_not_sent() {
    let foreign = json!({"context_management": {"edits": []}, "safetySettings": [], "anthropic_beta": ["x"],
        "truncation": "auto", "include": [], "logit_bias": {"1": 2}});
    for accent in Accent::ALL {
        let body = said(accent, foreign.clone());
        let mut members: Vec<_> = body.as_object().expect("an object").keys().map(String::as_str).collect();
        members.retain(|member| *member != "logit_bias");
        assert_eq!(members, ["messages", "model"], "{accent:?}");
    }
    assert_eq!(said(Accent::OPENAI, foreign.clone())["logit_bias"], json!({"1": 2}));
    assert!(said(Accent::MISTRAL, foreign)["logit_bias"].is_null());
}

#[test]
fn the_cap_on_output_is_the_member_that_the_vendor_knows() {
    for (accent, member) in [
        (Accent::GENERIC, "max_completion_tokens"),
        (Accent::OPENAI, "max_completion_tokens"),
        (Accent::GROQ, "max_completion_tokens"),
        (Accent::MISTRAL, "max_tokens"),
        (Accent::DEEPSEEK, "max_tokens"),
        (Accent::OLLAMA, "max_tokens"),
    ] {
        let body = said(accent, json!({"max_tokens": 5}));
        assert_eq!(body[member], 5, "{accent:?}");
        let caps = ["max_tokens", "max_completion_tokens"].into_iter().filter(|cap| !body[cap].is_null());
        assert_eq!(caps.count(), 1, "{accent:?}");
    }
}

#[test]
fn mistral_gets_only_what_it_knows() {
    let body = said(
        Accent::MISTRAL,
        json!({"seed": 7, "user": "u", "verbosity": "low", "store": true, "stream": true, "top_k": 5, "n": 2,
            "safe_prompt": true, "prompt_cache_key": "k"}),
    );
    let expected = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "random_seed": 7, "stream": true,
        "top_k": 5, "n": 2, "safe_prompt": true, "prompt_cache_key": "k"});
    assert_eq!(body, expected);
    // And its own spelling is read.
    assert_eq!(said(Accent::OPENAI, json!({"random_seed": 7}))["seed"], 7);
}

#[test]
fn usage_is_asked_for_wherever_it_must_be() {
    for accent in Accent::ALL {
        let asked = &said(accent, json!({"stream": true}))["stream_options"]["include_usage"];
        assert_eq!(asked == true, accent != Accent::MISTRAL, "{accent:?}");
        assert!(said(accent, json!({}))["stream_options"].is_null());
    }
}

#[test]
fn ids_of_calls_are_nine_characters_at_mistral_on_both_sides() {
    let history = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [
            {"id": "toolu_01ABC", "type": "function", "function": {"name": "weather", "arguments": ""}},
        ]},
        {"role": "tool", "tool_call_id": "toolu_01ABC", "content": "rain"},
    ]);
    let body = said(Accent::MISTRAL, json!({"messages": history, "tools": [weather()]}));
    let id = body["messages"][1]["tool_calls"][0]["id"].as_str().expect("an id");
    assert!(id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert_eq!(body["messages"][2]["tool_call_id"], id);
    assert_eq!(body["messages"][1]["tool_calls"][0]["function"]["arguments"], "{}");
    let body = said(Accent::OPENAI, json!({"messages": history, "tools": [weather()]}));
    assert_eq!(body["messages"][2]["tool_call_id"], "toolu_01ABC");
}

fn thought_then_called() -> Request {
    let mut request = read(json!({"tools": [weather()]}));
    let thinking = Content::Thinking { text: "because".into(), seal: Some(Seal::new(Sealer::Anthropic, "seal")) };
    let call = Content::ToolCall { id: "a".into(), name: "weather".into(), arguments: "{}".into(), seal: None };
    request.say(Role::Assistant, vec![thinking.into(), Content::Text("so".into()).into(), call.into()]);
    request
}

#[test]
fn reasoning_is_given_back_as_each_vendor_takes_it() {
    let said = |accent| write(accent, thought_then_called())["messages"][1].clone();
    let names = ["reasoning_content", "reasoning", "reasoning_details", "thinking_blocks"];
    for (accent, name, value) in [
        (Accent::DEEPSEEK, "reasoning_content", json!("because")),
        (Accent::VLLM, "reasoning_content", json!("because")),
        (Accent::GROQ, "reasoning", json!("because")),
        (
            Accent::OPENROUTER,
            "reasoning_details",
            json!([{"type": "reasoning.text", "text": "because", "signature": "seal",
                "format": "anthropic-claude-v1", "index": 0}]),
        ),
        (Accent::GENERIC, "thinking_blocks", json!([{"type": "thinking", "thinking": "because", "signature": "seal"}])),
        (Accent::OPENAI, "none", Value::Null),
        (Accent::GEMINI, "none", Value::Null),
    ] {
        let message = said(accent);
        assert_eq!(message[name], value, "{accent:?}");
        for other in names.into_iter().filter(|other| *other != name) {
            assert!(message[other].is_null(), "{accent:?}: {other}");
        }
        assert_eq!(message["content"], "so");
    }
    let parts = json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": "because"}]},
        {"type": "text", "text": "so"},
    ]);
    assert_eq!(said(Accent::MISTRAL)["content"], parts);
}

#[test]
fn a_call_without_its_reasoning_is_refused_by_deepseek_so_an_empty_one_is_sent() {
    let history = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "rain"},
        {"role": "assistant", "content": "Rain."},
    ]);
    let body = said(Accent::DEEPSEEK, json!({"messages": history, "tools": [weather()]}));
    assert_eq!(body["messages"][1]["reasoning_content"], "");
    assert!(body["messages"][3]["reasoning_content"].is_null());
}

#[test]
fn effort_is_asked_for_in_each_vendors_words() {
    let asked = |accent: Accent, body: Value| {
        let body = said(accent, body);
        ["reasoning_effort", "reasoning", "thinking", "reasoning_format"].map(|member| body[member].clone())
    };
    let null = || Value::Null;
    for (accent, body, expected) in [
        (Accent::OPENAI, json!({"reasoning_effort": "xhigh"}), [json!("xhigh"), null(), null(), null()]),
        (Accent::GROQ, json!({"reasoning_effort": "max"}), [json!("high"), null(), null(), json!("parsed")]),
        (Accent::GROQ, json!({"reasoning_effort": "none"}), [json!("none"), null(), null(), null()]),
        (Accent::DEEPSEEK, json!({"reasoning_effort": "none"}), [null(), null(), json!({"type": "disabled"}), null()]),
        (
            Accent::DEEPSEEK,
            json!({"reasoning_effort": "max"}),
            [json!("max"), null(), json!({"type": "enabled"}), null()],
        ),
        (Accent::DEEPSEEK, json!({}), [null(), null(), null(), null()]),
        (Accent::ZAI, json!({"thinking": {"type": "disabled"}}), [null(), null(), json!({"type": "disabled"}), null()]),
        (Accent::OPENROUTER, json!({"reasoning_effort": "low"}), [null(), json!({"effort": "low"}), null(), null()]),
        (
            Accent::OPENROUTER,
            json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}),
            [null(), json!({"max_tokens": 2000}), null(), null()],
        ),
        (
            Accent::OPENAI,
            json!({"reasoning": {"effort": "high", "exclude": true}}),
            [json!("high"), null(), null(), null()],
        ),
        (Accent::OPENAI, json!({"reasoning": {"max_tokens": 4000}}), [json!("medium"), null(), null(), null()]),
        (
            Accent::TOGETHER,
            json!({"reasoning": {"enabled": false}}),
            [null(), json!({"enabled": false}), null(), null()],
        ),
    ] {
        assert_eq!(asked(accent, body.clone()), expected, "{accent:?} {body}");
    }
}

#[test]
fn a_forced_tool_is_refused_while_deepseek_thinks_so_it_does_not() {
    for choice in [json!("required"), json!({"type": "function", "function": {"name": "weather"}})] {
        let body =
            said(Accent::DEEPSEEK, json!({"tools": [weather()], "tool_choice": choice, "reasoning_effort": "high"}));
        assert_eq!((&body["thinking"], &body["reasoning_effort"]), (&json!({"type": "disabled"}), &Value::Null));
    }
    let body = said(Accent::DEEPSEEK, json!({"tools": [weather()], "tool_choice": "auto"}));
    assert!(body["thinking"].is_null());
}

#[test]
fn what_a_vendor_lacks_is_refused_by_name_or_dropped_where_it_may_be() {
    let schema = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}});
    for (accent, body, param) in [
        (Accent::DEEPSEEK, json!({"response_format": schema}), "response_format"),
        (Accent::ZAI, json!({"response_format": schema}), "response_format"),
        (Accent::GROQ, json!({"logprobs": true}), "logprobs"),
        (Accent::GROQ, json!({"n": 2}), "n"),
        (Accent::GROQ, json!({"service_tier": "priority"}), "service_tier"),
        (Accent::VLLM, json!({"service_tier": "flex"}), "service_tier"),
    ] {
        assert_eq!(refused(accent, body.clone()), (Code::Unsupported, param.to_owned()), "{accent:?}");
        let dropped = try_write(accent, read(body), true).expect("it may be dropped");
        assert!(dropped[param].is_null() || dropped[param] == json!({"type": "json_object"}), "{dropped}");
    }
    assert!(said(Accent::GROQ, json!({"n": 1}))["n"].is_null());
    assert!(said(Accent::OPENAI, json!({"top_k": 3}))["top_k"].is_null());
    assert_eq!(said(Accent::TOGETHER, json!({"logprobs": true, "top_logprobs": 3}))["logprobs"], 3);
}

#[test]
fn tiers_are_said_in_the_vendors_words_and_read_in_any() {
    for (word, tier) in [
        ("auto", TierAsked::Auto),
        ("default", TierAsked::Default),
        ("on_demand", TierAsked::Default),
        ("flex", TierAsked::Flex),
        ("priority", TierAsked::Priority),
        ("ultrafast", TierAsked::Other("ultrafast".into())),
    ] {
        assert_eq!(read(json!({"service_tier": word})).tier, Some(tier));
    }
    assert_eq!(said(Accent::GROQ, json!({"service_tier": "default"}))["service_tier"], "on_demand");
    assert_eq!(said(Accent::MISTRAL, json!({"service_tier": "default"}))["service_tier"], "standard_only");
    assert_eq!(said(Accent::OPENAI, json!({"service_tier": "ultrafast"}))["service_tier"], "ultrafast");
    assert!(said(Accent::TOGETHER, json!({"service_tier": "auto"}))["service_tier"].is_null());
}

#[test]
fn cache_marks_are_sent_only_where_they_are_no_error() {
    let body = json!({"messages": [{"role": "user", "content": [
        {"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}},
    ]}]});
    let marked = |accent| said(accent, body.clone())["messages"][0]["content"].clone();
    assert_eq!(marked(Accent::OPENROUTER)[0]["cache_control"], json!({"type": "ephemeral"}));
    assert_eq!(marked(Accent::OPENAI), "long");
}

#[test]
fn a_tool_of_plain_text_is_a_function_of_one_string_where_the_vendor_has_no_other() {
    let history = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "sql", "input": "SELECT \"1\""}}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]);
    let body =
        json!({"messages": history, "tools": [sql()], "tool_choice": {"type": "custom", "custom": {"name": "sql"}}});
    assert!(matches!(&read(body.clone()).tools[0], Tool::Freeform { name, .. } if name == "sql"));
    let openai = said(Accent::OPENAI, body.clone());
    assert_eq!((&openai["tools"], &openai["tool_choice"]), (&json!([sql()]), &body["tool_choice"]));
    assert_eq!(openai["messages"][1]["tool_calls"], history[1]["tool_calls"]);

    let mistral = said(Accent::MISTRAL, body);
    assert_eq!(mistral["tools"][0]["function"]["parameters"]["required"], json!(["input"]));
    assert_eq!(mistral["tool_choice"], json!({"type": "function", "function": {"name": "sql"}}));
    let called = &mistral["messages"][1]["tool_calls"][0];
    assert_eq!(
        (&called["type"], &called["function"]["arguments"]),
        (&json!("function"), &json!(r#"{"input":"SELECT \"1\""}"#))
    );
}

#[test]
fn functions_of_before_there_were_tools_are_tools() {
    let request = read(json!({
        "functions": [{"name": "weather", "parameters": {"type": "object"}}],
        "function_call": {"name": "weather"},
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": null, "function_call": {"name": "weather", "arguments": "{\"a\":1}"}},
            {"role": "function", "name": "weather", "content": "rain"},
        ],
    }));
    assert_eq!((request.choice.clone(), request.parallel), (Some(ToolChoice::Named("weather".into())), Some(false)));
    let body = write(Accent::OPENAI, request);
    assert_eq!(body["tools"], json!([weather()]));
    let id = &body["messages"][1]["tool_calls"][0]["id"];
    assert!(id.is_string() && body["messages"][2]["tool_call_id"] == *id);

    let orphan = json!({"model": "m", "messages": [{"role": "function", "name": "f", "content": "x"}]}).to_string();
    let refusal = Dialect::OpenAi.read(orphan.as_bytes(), &[], &mut Losses::default()).expect_err("no call");
    assert_eq!(refusal.param.as_deref(), Some("messages[0].name"));
}

#[test]
fn sounds_and_files_are_attached_as_the_vendor_takes_them() {
    let body = json!({"messages": [{"role": "user", "content": [
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,BB"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,CC"}},
    ]}]});
    let content = |accent| said(accent, body.clone())["messages"][0]["content"].clone();
    assert_eq!(content(Accent::OPENROUTER), body["messages"][0]["content"]);
    let mistral = content(Accent::MISTRAL);
    assert_eq!(mistral[0], json!({"type": "input_audio", "input_audio": "AA"}));
    let file =
        json!({"type": "document_url", "document_url": "data:application/pdf;base64,BB", "document_name": "a.pdf"});
    assert_eq!(mistral[1], file);

    let parts = &read(body).turns[0].parts;
    let source = Source::Base64 { media_type: "audio/mpeg".into(), data: "AA".into() };
    assert!(matches!(&parts[0].content, Content::Audio(sound) if *sound == source));
}

#[test]
fn a_file_by_its_url_is_refused_where_nobody_fetches_it() {
    let mut request = read(json!({}));
    let source = Source::Url("https://example.com/a.pdf".into());
    request.say(Role::User, vec![Part::from(Content::Document { source, name: None })]);
    let refusal = try_write(Accent::OPENAI, request.clone(), false).expect_err("a URL");
    assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some("messages")));
    assert_eq!(
        write(Accent::MISTRAL, request)["messages"][0]["content"][1]["document_url"],
        "https://example.com/a.pdf"
    );
}

#[test]
fn a_picture_in_a_tools_result_follows_it_because_results_are_text() {
    let mut request = read(json!({"tools": [weather()]}));
    let call =
        |id: &str| Content::ToolCall { id: id.into(), name: "weather".into(), arguments: "{}".into(), seal: None };
    request.say(Role::Assistant, vec![call("a").into(), call("b").into()]);
    let picture = Content::Image(Source::Base64 { media_type: "image/png".into(), data: "AA".into() });
    let result = |id: &str, parts| Part::from(Content::ToolResult { id: id.into(), parts, failed: false });
    let text = Content::Text("see".into());
    request.say(Role::User, vec![result("a", vec![text.into(), picture.into()]), result("b", Vec::new())]);
    let messages = write(Accent::OPENAI, request)["messages"].clone();
    assert_eq!(messages[2], json!({"role": "tool", "tool_call_id": "a", "content": "see"}));
    assert_eq!(messages[3], json!({"role": "tool", "tool_call_id": "b", "content": ""}));
    let picture = json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]);
    assert_eq!(messages[4], json!({"role": "user", "content": picture}));
}

#[test]
fn googles_seal_on_a_call_goes_out_and_comes_back() {
    let seal = Seal::new(Sealer::Google, "sig");
    let extra = json!({"google": {"thought_signature": "sig"}});
    let call = json!({"index": 0, "id": "a", "type": "function", "extra_content": extra,
        "function": {"name": "weather", "arguments": "{}"}});
    let events = deltas(&[json!({"tool_calls": [call]})]);
    assert!(matches!(&events[0], Event::ToolStart { seal: Some(its), .. } if *its == seal));
    let plain = call_of(json!({}));
    let told = calls("weather", &["{}"], Some(seal));
    assert_eq!(streamed(&plain, &told)[0]["choices"][0]["delta"]["tool_calls"][0]["extra_content"], extra);
    assert_eq!(assembled(&plain, &told)["choices"][0]["message"]["tool_calls"][0]["extra_content"], extra);

    let history = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [
            {"id": "a", "type": "function", "extra_content": extra, "function": {"name": "weather", "arguments": "{}"}},
        ]},
    ]);
    let given_back = |accent| {
        let body = said(accent, json!({"messages": history, "tools": [weather()]}));
        body["messages"][1].clone()
    };
    assert_eq!(given_back(Accent::GEMINI)["tool_calls"][0]["extra_content"], extra);
    assert!(given_back(Accent::OPENAI)["tool_calls"][0]["extra_content"].is_null());
    let detail =
        json!([{"type": "reasoning.encrypted", "data": "sig", "id": "a", "format": "google-gemini-v1", "index": 0}]);
    assert_eq!(given_back(Accent::OPENROUTER)["reasoning_details"], detail);
}

fn call_of(mut body: Value) -> Call {
    body["model"] = json!("m");
    body["stream"] = json!(true);
    body["messages"] = json!([{"role": "user", "content": "hi"}]);
    call(Surface::ChatCompletions, &body)
}

#[test]
fn a_call_that_another_vendor_made_is_not_refused_by_gemini_for_lack_of_a_seal() {
    let body = write(Accent::GEMINI, thought_then_called());
    let seal = &body["messages"][1]["tool_calls"][0]["extra_content"]["google"]["thought_signature"];
    assert_eq!(seal, "skip_thought_signature_validator");
}

#[test]
fn details_of_reasoning_are_told_once_and_with_their_makers_seal() {
    let thinking = |text: &str, seal: Option<(Sealer, &str)>| Event::Thinking {
        choice: 0,
        text: text.into(),
        seal: seal.map(|(by, data)| Seal::new(by, data)),
    };
    let text =
        |text: &str| json!({"type": "reasoning.text", "text": text, "format": "anthropic-claude-v1", "index": 0});
    let events = deltas(&[
        json!({"content": "", "reasoning": "be", "reasoning_details": [text("be")]}),
        json!({"content": "", "reasoning": "cause", "reasoning_details": [text("cause")]}),
        json!({"reasoning_details": [{"type": "reasoning.text", "signature": "s", "format": "anthropic-claude-v1"}]}),
    ]);
    assert_eq!(events, [thinking("be", None), thinking("cause", None), thinking("", Some((Sealer::Anthropic, "s")))]);

    let events = whole(json!({"content": "so", "reasoning": "why", "reasoning_details": [
        {"type": "reasoning.encrypted", "data": "d", "format": "openai-responses-v1", "id": "rs_1"},
    ]}));
    let said = Event::Text { choice: 0, text: "so".into() };
    assert_eq!(events, [thinking("why", None), thinking("", Some((Sealer::OpenAi, "d"))), said]);
}

#[test]
fn a_seal_that_names_its_call_is_the_calls_whichever_comes_first() {
    let detail = json!({"type": "reasoning.encrypted", "data": "d", "id": "a", "format": "google-gemini-v1"});
    let call = json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}});
    let sealed = |events: &[Event]| {
        events.iter().any(|event| matches!(event, Event::ToolStart { seal: Some(seal), .. } if seal.data == "d"))
    };
    assert!(sealed(&deltas(&[json!({"reasoning_details": [detail], "tool_calls": [call]})])));
    assert!(sealed(&deltas(&[json!({"reasoning_details": [detail]}), json!({"tool_calls": [call]})])));
    // One whose call never comes is not lost.
    let events = whole(json!({"content": "so", "reasoning_details": [detail]}));
    assert!(matches!(events.last(), Some(Event::Thinking { seal: Some(seal), .. }) if seal.data == "d"));

    let message = json!({"role": "assistant", "tool_calls": [call], "reasoning_details": [detail]});
    let request = read(json!({"messages": [{"role": "user", "content": "hi"}, message]}));
    let expected = Seal::new(Sealer::Google, "d");
    assert!(
        matches!(&request.turns[1].parts[0].content, Content::ToolCall { seal: Some(seal), .. } if *seal == expected)
    );
}

#[test]
fn sources_are_told_and_shown() {
    let annotation = json!({"type": "url_citation", "url_citation":
        {"start_index": 1, "end_index": 4, "url": "https://a", "title": "A"}});
    let citation =
        Citation { url: Some("https://a".into()), title: Some("A".into()), cited: Some((1, 4)), ..Citation::default() };
    let cited = Event::Cited { choice: 0, citation: Box::new(citation) };
    let message = json!({"content": "text", "annotations": [annotation, {"type": "new"}]});
    let once = std::slice::from_ref(&cited);
    assert_eq!(whole(message.clone())[1..], *once);
    assert_eq!(deltas(&[message])[1..], *once);

    let events = [Event::Text { choice: 0, text: "text".into() }, cited, stop(StopReason::EndOfTurn), Event::End];
    let plain = call_of(json!({}));
    assert_eq!(streamed(&plain, &events)[1]["choices"][0]["delta"]["annotations"], json!([annotation]));
    assert_eq!(assembled(&plain, &events)["choices"][0]["message"]["annotations"], json!([annotation]));
}

#[test]
fn pages_that_perplexity_repeats_in_every_chunk_are_told_once() {
    let chunk = |finish: Value| {
        json!({"citations": ["https://a"], "search_results": [{"title": "A", "url": "https://a", "snippet": "s"}],
            "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": finish}]})
    };
    let events = decoded(&[chunk(Value::Null), chunk(Value::Null), chunk(json!("stop"))]);
    let cited: Vec<_> = events.iter().filter(|event| matches!(event, Event::Cited { .. })).collect();
    assert!(matches!(cited[..], [Event::Cited { citation, .. }] if citation.quote.as_deref() == Some("s")));
}

#[test]
fn likelihoods_and_pictures_are_told_and_shown() {
    let tokens = json!([{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]);
    let chunk =
        json!({"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": {"content": tokens, "refusal": null}}]});
    let events = decoded(&[chunk.clone(), chunk]);
    let likely = Event::Logprobs { choice: 0, tokens: tokens.to_string().into() };
    assert_eq!(events.iter().filter(|event| **event == likely).count(), 2);
    let plain = call_of(json!({}));
    let chunks = streamed(&plain, &events);
    assert_eq!(chunks[1]["choices"][0]["logprobs"]["content"], tokens);
    let all = assembled(&plain, &events)["choices"][0]["logprobs"]["content"].clone();
    assert_eq!(all, json!([tokens[0], tokens[0]]));

    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}});
    let made = Event::Image { choice: 0, media_type: "image/png".into(), data: "AA".into() };
    assert_eq!(deltas(&[json!({"images": [image]})]), std::slice::from_ref(&made));
    assert_eq!(streamed(&plain, std::slice::from_ref(&made))[0]["choices"][0]["delta"]["images"], json!([image]));
    assert_eq!(assembled(&plain, &[made])["choices"][0]["message"]["images"], json!([image]));
}

#[test]
fn a_client_that_sent_a_tool_of_plain_text_gets_its_text() {
    let client = call_of(json!({"tools": [sql(), weather()]}));
    let events = calls("sql", &["{\"inp", "ut\":\"a\\\"b\"}"], None);
    let chunks = streamed(&client, &events);
    let piece = |chunk: &Value| chunk["choices"][0]["delta"]["tool_calls"][0].clone();
    assert_eq!(
        piece(&chunks[0]),
        json!({"index": 0, "id": "a", "type": "custom", "custom": {"name": "sql", "input": ""}})
    );
    assert_eq!(piece(&chunks[1]), json!({"index": 0, "custom": {"input": "a\"b"}}));
    assert_eq!(chunks[2]["choices"][0]["finish_reason"], "tool_calls");
    let whole = assembled(&client, &events)["choices"][0]["message"]["tool_calls"].clone();
    assert_eq!(whole, json!([{"id": "a", "type": "custom", "custom": {"name": "sql", "input": "a\"b"}}]));
    // And it reads back as it was said.
    let again = decoded(&chunks);
    let json: String = again
        .iter()
        .filter_map(|event| if let Event::ToolArguments { json, .. } = event { Some(json.as_str()) } else { None })
        .collect();
    assert_eq!(json, r#"{"input":"a\"b"}"#);
    assert_eq!(piece(&streamed(&client, &calls("weather", &["{}"], None))[0])["type"], "function");
}

#[test]
fn a_client_that_sent_functions_gets_a_function_call() {
    let client = call_of(json!({"functions": [{"name": "weather"}]}));
    let events = calls("weather", &["{\"a\":", "1}"], None);
    let chunks = streamed(&client, &events);
    let delta = |i: usize| chunks[i]["choices"][0]["delta"]["function_call"].clone();
    assert_eq!((delta(0), delta(1)), (json!({"name": "weather", "arguments": ""}), json!({"arguments": "{\"a\":"})));
    assert_eq!(chunks[3]["choices"][0]["finish_reason"], "function_call");
    let message = assembled(&client, &events)["choices"][0].clone();
    assert_eq!(message["message"]["function_call"], json!({"name": "weather", "arguments": "{\"a\":1}"}));
    assert!(message["message"]["tool_calls"].is_null());
    let again = decoded(&chunks);
    assert!(matches!(&again[1], Event::ToolStart { name, .. } if name == "weather"));
    assert!(again.contains(&stop(StopReason::ToolUse)));
}

#[test]
fn the_tier_that_served_is_read_wherever_it_is_said_and_shown() {
    let counts = json!({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3});
    assert_eq!(usage(json!({"service_tier": "flex", "usage": counts})).tier, Tier::Flex);
    let mut mistral = counts.clone();
    mistral["service_tier"] = json!("priority");
    assert_eq!(usage(json!({ "usage": mistral })).tier, Tier::Priority);
    // Said in an earlier chunk than the one with the usage.
    let chunks = [json!({"service_tier": "flex", "choices": []}), json!({"choices": [], "usage": counts})];
    assert!(decoded(&chunks).iter().any(|event| matches!(event, Event::Usage(usage) if usage.tier == Tier::Flex)));
    let body = json!({"choices": [], "usage": counts, "service_tier": "flex"}).to_string();
    assert_eq!(Dialect::OpenAi.usage(body.as_bytes()).map(|usage| usage.tier), Some(Tier::Flex));

    let client = call_of(json!({"stream_options": {"include_usage": true}}));
    let events = [Event::Usage(Usage { tier: Tier::Flex, ..Usage::default() }), Event::End];
    assert_eq!(streamed(&client, &events)[0]["service_tier"], "flex");
    assert_eq!(assembled(&client, &events)["service_tier"], "flex");
}

#[test]
fn sounds_are_counted_in_and_out_and_mistrals_stand_outside_the_prompt() {
    let openai = usage(json!({"usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
        "prompt_tokens_details": {"audio_tokens": 60, "cached_tokens": 10}, "completion_tokens_details": {"audio_tokens": 40}}}));
    assert_eq!((openai.input, openai.audio_input, openai.output, openai.audio_output), (90, 60, 50, 40));
    let mistral = usage(json!({"usage": {"prompt_tokens": 11, "completion_tokens": 15, "total_tokens": 401,
        "prompt_tokens_details": {"audio_tokens": 375, "cached_tokens": 9}}}));
    assert_eq!((mistral.input, mistral.cached, mistral.audio_input, mistral.total()), (377, 9, 375, 401));
    let client = call_of(json!({"stream_options": {"include_usage": true}}));
    let shown = streamed(&client, &[Event::Usage(openai), Event::End])[0]["usage"].clone();
    assert_eq!(shown["prompt_tokens_details"]["audio_tokens"], 60);
    assert_eq!(shown["completion_tokens_details"]["audio_tokens"], 40);
}

#[test]
fn groqs_usage_is_not_summed_though_it_comes_three_times_nor_lost_where_it_comes_once() {
    let counts = json!({"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12});
    let finish = json!({"index": 0, "delta": {}, "finish_reason": "stop"});
    let thrice = [
        json!({"choices": [finish], "usage": counts, "x_groq": {"usage": counts}}),
        json!({"choices": [], "usage": counts}),
    ];
    let once = [json!({"choices": [finish], "x_groq": {"id": "r", "usage": counts}})];
    for chunks in [&thrice[..], &once[..]] {
        let events = decoded(chunks);
        let last = events.iter().rev().find_map(|e| if let Event::Usage(usage) = e { Some(*usage) } else { None });
        assert_eq!(last.map(|usage| (usage.input, usage.output)), Some((7, 5)));
    }
}

#[test]
fn usage_in_every_chunk_is_the_last_one_and_llamacpp_counts_in_its_timings() {
    let chunk =
        |n: u64| json!({"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": n, "total_tokens": 4 + n}});
    let events = decoded(&[chunk(1), chunk(2), chunk(3)]);
    assert!(matches!(events.last(), Some(Event::Usage(usage)) if usage.output == 3));
    let timings = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "timings": {"cache_n": 23, "prompt_n": 2, "predicted_n": 9, "prompt_ms": 1.5}});
    let counted = usage(timings);
    assert_eq!((counted.cached, counted.input, counted.output, counted.total()), (23, 2, 9, 34));
}

#[test]
fn a_part_is_never_more_than_the_whole() {
    let counted = usage(json!({"usage": {"prompt_tokens": 5, "completion_tokens": 2,
        "prompt_tokens_details": {"audio_tokens": 50}, "completion_tokens_details": {"reasoning_tokens": 9, "audio_tokens": 9}}}));
    assert_eq!((counted.reasoning, counted.audio_input, counted.audio_output), (2, 5, 2));
    let gemini = usage(json!({"usage": {"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109}}));
    assert_eq!((gemini.input, gemini.output), (35, 74));
    let deepseek = usage(json!({"usage": {"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101,
        "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}}));
    assert_eq!((deepseek.cached, deepseek.input), (64, 36));
}

#[test]
fn an_upstreams_accent_is_that_of_the_call_to_it() {
    let body = json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]});
    let call = call(Surface::Messages, &body);
    let sent = |accent| {
        let upstream = Upstream { model: "vendors-name", accent, tier: None, seals: Seals::Unmarked };
        let said = Dialect::OpenAi.request_to(&call, &[], &upstream).expect("it can be said");
        serde_json::from_slice::<Value>(&said.body).expect("JSON")
    };
    assert_eq!(
        (&sent(Accent::MISTRAL)["max_tokens"], &sent(Accent::OPENAI)["max_completion_tokens"]),
        (&json!(5), &json!(5))
    );
    assert_eq!(sent(Accent::MISTRAL)["model"], "vendors-name");
}
