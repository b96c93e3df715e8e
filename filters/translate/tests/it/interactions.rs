//! The laws of Google Interactions: what recordings do not show.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tollgate_api::{
    Address, Call, Citation, CitedSpan, Code, Cost, Event, Money, Refusal, Seal, Sealer, StopReason, Surface, Tier,
    Usage,
};
use tollgate_translate::neutral::{Content, Effort, Reasoning, Request, Source, ToolChoice};
use tollgate_translate::{AnswerHead, Dialect, Failure, Losses, request};

const OURS: Dialect = Dialect::Interactions;

fn call(surface: Surface, body: &Value) -> Call {
    request::read(&Address::of(surface), body.to_string().into()).expect("a call")
}

fn read(body: &Value) -> Request {
    OURS.read(body.to_string().as_bytes(), &[], &mut Losses::default()).expect("a request")
}

fn refused(body: &Value) -> Refusal {
    OURS.read(body.to_string().as_bytes(), &[], &mut Losses::default()).expect_err("no request")
}

fn written(request: &Request) -> Value {
    let body = OURS.write(request, &mut Losses::default()).unwrap_or_else(|refusal| panic!("{refusal:?}"));
    serde_json::from_slice(&body).expect("JSON")
}

/// A chat client's request in Google's words.
fn from_chat(body: Value) -> Result<Value, Refusal> {
    let said = OURS.request(&call(Surface::ChatCompletions, &body), &[], "gemini-3-flash-preview")?;
    Ok(serde_json::from_slice(&said.body).expect("JSON"))
}

/// A Google client's request in another vendor's words.
fn to(other: Dialect, body: &Value) -> Result<Value, Refusal> {
    let said = other.request(&call(Surface::Interactions, body), &[], "m")?;
    Ok(serde_json::from_slice(&said.body).expect("JSON"))
}

fn head() -> AnswerHead {
    AnswerHead { id: "v1_1".into(), model: "m".into(), created: 1_778_871_117 }
}

fn plain() -> Call {
    call(Surface::Interactions, &json!({"model": "m", "input": "a", "stream": true}))
}

fn cents() -> Cost {
    Cost { input: Money::from_nano(10_000_000), output: Money::from_nano(20_000_000) }
}

/// The data of each event that these are written as.
fn streamed(events: &[Event]) -> Vec<Value> {
    let (mut encoder, mut out) = (OURS.encoder(&head(), &plain()), Vec::new());
    events.iter().for_each(|event| encoder.event(event, Some(cents()), &mut out));
    payloads(&String::from_utf8(out).expect("UTF-8"))
}

fn payloads(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).expect("JSON")).collect()
}

fn whole(events: &[Event]) -> Value {
    serde_json::from_slice(&OURS.assemble(&head(), &plain(), events, Some(cents()))).expect("JSON")
}

fn decoded(frames: &[Value]) -> Vec<Event> {
    let (mut decoder, mut events) = (OURS.decoder(), Vec::new());
    for frame in frames {
        decoder.event(None, &frame.to_string(), &mut events).expect("an event");
    }
    events
}

fn decoded_whole(body: &Value) -> Vec<Event> {
    let mut events = Vec::new();
    OURS.whole(body.to_string().as_bytes(), &mut events).expect("an answer");
    events
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}

fn stop(reason: StopReason) -> Event {
    Event::Stop { choice: 0, reason, sequence: None }
}

fn starts(index: u32, id: &str) -> Event {
    Event::ToolStart { choice: 0, index, id: id.into(), name: "f".into(), seal: None }
}

fn argues(index: u32, json: &str) -> Event {
    Event::ToolArguments { choice: 0, index, json: json.into() }
}

/// Types of events with the numbers of their steps.
fn outline(frames: &[Value]) -> Vec<String> {
    let short = |frame: &Value| {
        let kind = frame["event_type"].as_str().expect("a type");
        frame["index"].as_u64().map_or_else(|| kind.to_owned(), |index| format!("{kind} {index}"))
    };
    frames.iter().map(short).collect()
}

// Requests.

#[test]
fn an_input_is_a_text_a_piece_of_content_a_list_of_them_steps_or_turns() {
    let table = [
        json!("hi"),
        json!({"type": "text", "text": "hi"}),
        json!([{"type": "text", "text": "hi"}]),
        json!([{"type": "user_input", "content": [{"type": "text", "text": "hi"}]}]),
        json!([{"type": "user_input", "content": "hi"}]),
        json!([{"role": "user", "content": "hi"}]),
        json!([{"role": "user", "content": {"type": "text", "text": "hi"}}]),
    ];
    let wanted = read(&json!({"model": "m", "input": table[0]}));
    assert_eq!(wanted.turns.len(), 1);
    for input in table {
        assert!(read(&json!({"model": "m", "input": input})) == wanted, "{input}");
    }
}

#[test]
fn a_conversation_with_parallel_calls_keeps_its_ids_and_the_names_of_its_results() {
    let input = json!([
        {"type": "user_input", "content": [{"type": "text", "text": "add"}]},
        {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "hm"}]},
        {"type": "function_call", "id": "a", "name": "add", "arguments": {"x": 1.0}},
        {"type": "function_call", "id": "b", "name": "sub", "arguments": {}},
        {"type": "function_result", "call_id": "b", "name": "sub", "result": "2"},
        {"type": "function_result", "call_id": "a", "name": "add",
            "result": [{"type": "text", "text": "3"}, {"type": "image", "mime_type": "image/png", "data": "AA=="}], "is_error": true},
        {"type": "model_output", "content": [{"type": "text", "text": "3"}]},
    ]);
    let request = read(&json!({"model": "m", "input": input}));
    assert_eq!(request.turns.len(), 4);
    assert_eq!(written(&request)["input"], input);
    let chat = to(Dialect::OpenAi, &json!({"model": "m", "input": input})).expect("chat can say it");
    assert_eq!(chat["messages"][1]["tool_calls"][1]["id"], "b");
    assert_eq!(chat["messages"][3]["tool_call_id"], "a");
}

#[test]
fn what_a_tool_answered_in_json_of_its_own_is_its_text() {
    for result in [json!({"sum": 18.0}), json!([1, 2]), json!([{"type": "row"}])] {
        let request = read(&json!({"model": "m", "input": [{"type": "user_input", "content": [
            {"type": "function_result", "call_id": "a", "result": result}]}]}));
        assert_eq!(written(&request)["input"][0]["result"], result.to_string());
    }
}

#[test]
fn pictures_sounds_files_and_films_keep_their_bytes_and_addresses() {
    let content = json!([
        {"type": "image", "mime_type": "image/png", "data": "AA=="},
        {"type": "image", "mime_type": "image/jpeg", "uri": "https://a.example/b.JPG?c"},
        {"type": "image", "uri": "https://a.example/b"},
        {"type": "audio", "mime_type": "audio/wav", "data": "AA=="},
        {"type": "document", "mime_type": "application/pdf", "data": "AA=="},
        {"type": "document", "uri": "https://a.example/v1beta/files/b"},
        {"type": "video", "mime_type": "video/mp4", "data": "AA=="},
        {"type": "video", "uri": "https://www.youtube.com/watch?v=1"},
    ]);
    let request = read(&json!({"model": "m", "input": [{"type": "user_input", "content": content}]}));
    assert_eq!(written(&request)["input"][0]["content"], content);
    let parts = &request.turns[0].parts;
    assert!(
        matches!(&parts[3].content, Content::Audio(Source::Base64 { media_type, .. }) if media_type == "audio/wav")
    );
    let refusal = refused(&json!({"model": "m", "input": [{"type": "image"}]}));
    assert_eq!(refusal.param.as_deref(), Some("input[0]"));
}

#[test]
fn what_is_missing_or_wrong_is_refused_with_its_place_and_never_quoted() {
    for (body, param) in [
        (json!({"input": [{"type": "text", "text": 7}]}), "input[0]"),
        (json!({"input": 7}), "input"),
        (json!({"input": [{"type": "user_input", "content": [{"type": "text"}]}]}), "input[0].content[0].text"),
        (json!({"input": [{"type": "function_call", "id": "a"}]}), "input[0].name"),
        (json!({"input": [{"SECRET": 1}]}), "input[0].type"),
        (json!({"input": [{"type": "SECRET"}]}), "input[0]"),
        (json!({"input": "a", "tools": [{"type": "function"}]}), "tools[0].name"),
        (json!({"input": "a", "generation_config": 7}), "generation_config"),
        (json!({"input": "a", "generation_config": {"seed": "SECRET"}}), "generation_config.seed"),
        (json!({"input": "a", "generation_config": {"tool_choice": "SECRET"}}), "generation_config.tool_choice"),
        (json!({"input": "a", "response_format": 7}), "response_format"),
        (json!({"input": "a", "system_instruction": {}}), "system_instruction"),
    ] {
        let refusal = refused(&body);
        assert_eq!(refusal.param.as_deref(), Some(param), "{body}");
        assert!(!refusal.message.contains("SECRET"), "{}", refusal.message);
    }
}

#[test]
fn the_steps_of_tools_that_google_runs_are_refused_or_dropped() {
    let body = json!({"model": "m", "input": [
        {"type": "google_search_call", "id": "a", "arguments": {"queries": ["q"]}},
        {"type": "google_search_result", "call_id": "a", "result": [{}]},
        {"type": "user_input", "content": "hi"}]});
    assert_eq!(refused(&body).code, Code::Unsupported);
    let mut losses = Losses::new(true);
    let request = OURS.read(body.to_string().as_bytes(), &[], &mut losses).expect("dropped");
    assert_eq!((request.turns.len(), losses.dropped().len()), (1, 2));
}

#[test]
fn what_only_google_remembers_is_refused_elsewhere_and_can_not_be_dropped() {
    for (member, value) in [
        ("previous_interaction_id", json!("v1_1")),
        ("background", json!(true)),
        ("cached_content", json!("cachedContents/1")),
        ("environment", json!("e")),
        ("continuation_token", json!("t")),
    ] {
        let mut body = json!({"model": "m", "input": "a", "drop_unsupported": true});
        body[member] = value.clone();
        for other in [Dialect::OpenAi, Dialect::Anthropic] {
            let refusal = to(other, &body).expect_err(member);
            assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some(member)));
        }
        assert_eq!(to(OURS, &body).expect("its own")[member], value);
    }
    let agent = json!({"agent": "deep-research", "input": "a", "agent_config": {"type": "dynamic"}});
    assert_eq!(to(Dialect::OpenAi, &agent).expect_err("no agent there").param.as_deref(), Some("agent"));
    let own = to(OURS, &agent).expect("its own");
    assert_eq!((&own["agent"], own.get("model")), (&json!("m"), None));
}

#[test]
fn what_a_google_client_would_miss_elsewhere_is_refused_unless_it_may_be_dropped() {
    let body = json!({"model": "m", "input": "a", "response_modalities": ["image"], "store": true, "labels": {"a": "b"},
        "generation_config": {"speech_config": {"voice": "v"}, "thinking_summaries": "auto"}});
    assert_eq!(to(Dialect::OpenAi, &body).expect_err("no pictures").param.as_deref(), Some("response_modalities"));
    let mut dropping = body.clone();
    dropping["drop_unsupported"] = json!(true);
    let said = Dialect::OpenAi.request(&call(Surface::Interactions, &dropping), &[], "m").expect("dropped");
    assert_eq!(said.dropped, ["response_modalities", "generation_config.speech_config"]);
    let sent: Value = serde_json::from_slice(&said.body).expect("JSON");
    let members: Vec<_> = sent.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["messages", "model"]);
    let mut own = to(OURS, &body).expect("its own");
    own["input"] = json!("a");
    assert_eq!(own, body);
}

#[test]
fn a_foreign_clients_conversation_is_not_kept_by_google_unless_it_asks_for_that() {
    let ask = |more: Value| {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}]});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("members").clone());
        from_chat(body).expect("it can be said")
    };
    assert_eq!(ask(json!({}))["store"], false);
    assert_eq!(ask(json!({"store": true}))["store"], true);
    assert_eq!(written(&read(&json!({"model": "m", "input": "a"})))["store"], true);
    assert_eq!(written(&read(&json!({"model": "m", "input": "a", "store": false})))["store"], false);
}

#[test]
fn members_of_foreign_clients_are_not_forwarded_blindly() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}], "logit_bias": {"1": 1},
        "prompt_cache_key": "k", "user": "u", "metadata": {"a": "b"}});
    let sent = from_chat(body).expect("it can be said");
    let members: Vec<_> = sent.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(members, ["input", "model", "store"]);
}

#[test]
fn what_a_chat_client_would_miss_is_refused() {
    for (member, value) in [("n", json!(2)), ("logprobs", json!(true)), ("modalities", json!(["audio"]))] {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}]});
        body[member] = value;
        assert_eq!(from_chat(body).expect_err(member).param.as_deref(), Some(member));
    }
    let tool = json!({"type": "function", "function": {"name": "f"}});
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}], "tools": [tool],
        "parallel_tool_calls": false});
    assert_eq!(from_chat(body).expect_err("in parallel").param.as_deref(), Some("parallel_tool_calls"));
}

#[test]
fn how_to_generate_is_said_in_googles_words() {
    let body = json!({"model": "m", "max_completion_tokens": 9, "temperature": 0.5, "top_p": 0.9, "stop": ["x"],
        "seed": 7, "reasoning_effort": "high", "tool_choice": {"type": "function", "function": {"name": "f"}},
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "a"}]});
    let sent = from_chat(body).expect("it can be said");
    assert_eq!(
        sent["generation_config"],
        json!({"max_output_tokens": 9, "temperature": 0.5, "top_p": 0.9, "stop_sequences": ["x"], "seed": 7,
            "thinking_level": "high", "thinking_summaries": "auto",
            "tool_choice": {"allowed_tools": {"mode": "any", "tools": ["f"]}}})
    );
    assert_eq!(sent["system_instruction"], "be brief");
    assert_eq!(
        sent["tools"][0],
        json!({"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}})
    );
    assert_eq!(
        sent["response_format"],
        json!({"type": "text", "mime_type": "application/json", "schema": {"type": "object"}})
    );
}

#[test]
fn a_client_of_google_that_thinks_without_summaries_is_sent_none() {
    let request = read(&json!({"model": "m", "input": "a", "generation_config": {"thinking_level": "low"}}));
    assert_eq!(request.reasoning, Some(Reasoning::Effort(Effort::Low)));
    assert_eq!(written(&request)["generation_config"], json!({"thinking_level": "low", "thinking_summaries": "none"}));
    let odd = read(&json!({"model": "m", "input": "a", "generation_config": {"thinking_level": "deepest"}}));
    assert_eq!(written(&odd)["generation_config"], json!({"thinking_level": "deepest"}));
}

#[test]
fn only_the_tools_that_are_allowed_are_brought() {
    let ask = |choice: Value| {
        read(&json!({"model": "m", "input": "a", "generation_config": {"tool_choice": choice},
            "tools": [{"type": "function", "name": "f"}, {"type": "function", "name": "g"}, {"type": "google_search"}]}))
    };
    let named = ask(json!({"allowed_tools": {"mode": "any", "tools": ["g"]}}));
    assert_eq!((named.choice, named.tools.len()), (Some(ToolChoice::Named("g".into())), 3));
    let some = ask(json!({"allowed_tools": {"mode": "auto", "tools": ["g"]}}));
    assert_eq!((some.choice, some.tools.len()), (Some(ToolChoice::Auto), 2));
    assert_eq!(ask(json!("validated")).choice, Some(ToolChoice::Auto));
}

#[test]
fn every_spelling_of_a_format_is_read() {
    let schema = json!({"type": "object", "properties": {}});
    let new = json!({"type": "text", "mime_type": "application/json", "schema": schema});
    for body in [
        json!({"model": "m", "input": "a", "response_format": new}),
        json!({"model": "m", "input": "a", "response_format": [new]}),
        json!({"model": "m", "input": "a", "response_format": schema, "response_mime_type": "application/json"}),
    ] {
        assert_eq!(written(&read(&body))["response_format"], new, "{body}");
    }
    let any = json!({"model": "m", "input": "a", "response_mime_type": "application/json"});
    assert_eq!(written(&read(&any))["response_format"], json!({"type": "text", "mime_type": "application/json"}));
    for other in [json!({"type": "image"}), json!([{"type": "text"}, {"type": "audio"}])] {
        let body = json!({"model": "m", "input": "a", "response_format": other});
        assert_eq!(written(&read(&body))["response_format"], other);
        assert_eq!(to(Dialect::OpenAi, &body).expect_err("pictures").param.as_deref(), Some("response_format"));
    }
    let text = read(&json!({"model": "m", "input": "a", "response_format": {"type": "text"}}));
    assert!(text.format.is_none() && written(&text).get("response_format").is_none());
}

#[test]
fn a_tool_of_another_vendor_is_refused_and_googles_own_is_sent_as_it_came() {
    let own = json!([{"type": "google_search", "search_types": ["web_search"]}, {"type": "mcp_server", "url": "u"}]);
    assert_eq!(written(&read(&json!({"model": "m", "input": "a", "tools": own})))["tools"], own);
    for foreign in [json!({"type": "web_search"}), json!({"type": "file_search", "vector_store_ids": ["v"]})] {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}], "tools": [foreign]});
        assert_eq!(from_chat(body).expect_err("foreign").param.as_deref(), Some("tools[0]"));
    }
}

#[test]
fn a_prompt_alone_is_what_the_user_says_and_nothing_at_all_is_refused() {
    let sent = from_chat(json!({"model": "m", "messages": [{"role": "system", "content": "a"}]})).expect("a prompt");
    assert_eq!(sent["input"], json!([{"type": "user_input", "content": [{"type": "text", "text": "a"}]}]));
    assert!(sent.get("system_instruction").is_none());
    let refusal = from_chat(json!({"model": "m", "messages": [{"role": "user", "content": ""}]})).expect_err("nothing");
    assert_eq!(refusal.param.as_deref(), Some("input"));
    let next = json!({"model": "m", "input": [{"type": "text", "text": ""}], "previous_interaction_id": "v1_1"});
    assert!(to(OURS, &next).is_ok());
}

#[test]
fn only_googles_seals_go_to_google() {
    let mut request = read(&json!({"model": "m", "input": "a"}));
    for by in [Sealer::Google, Sealer::Anthropic] {
        let seal = Some(Seal::new(by, "s"));
        let thinking = Content::Thinking { text: "hm".into(), seal: seal.clone() };
        let call = Content::ToolCall { id: "a".into(), name: "f".into(), arguments: String::new(), seal };
        request.turns[0].parts.extend([thinking.into(), call.into()]);
    }
    let steps = written(&request)["input"].clone();
    let kinds: Vec<_> =
        steps.as_array().expect("steps").iter().map(|step| step["type"].as_str().expect("one")).collect();
    assert_eq!(kinds, ["user_input", "thought", "thought", "function_call", "function_call"]);
}

// Answers.

#[test]
fn a_step_or_event_that_is_newer_than_this_code_is_passed_over_whatever_its_shape() {
    let frames = [
        json!({"event_type": "interaction.moved", "step": 7}),
        json!({"event_type": "step.start", "index": 0, "step": {"type": "dream", "arguments": 1, "content": 2}}),
        json!({"event_type": "step.delta", "index": 0, "delta": {"type": "dream", "text": {}, "signature": 3}}),
        json!({"event_type": "step.start", "index": 1, "step": {"type": "model_output"}}),
        json!({"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "a"}}),
    ];
    assert_eq!(decoded(&frames), [text("a")]);
    let body = json!({"status": "completed", "steps": [{"type": "dream", "content": 7}, {"type": "user_input", "content":
        [{"type": "text", "text": "echo"}]}, {"type": "model_output", "content": [{"type": "text", "text": "a"}]}]});
    let texts: Vec<_> = decoded_whole(&body).into_iter().filter(|event| matches!(event, Event::Text { .. })).collect();
    assert_eq!(texts, [text("a")]);
    let known = json!({"event_type": "step.delta", "delta": {"type": "text", "text": {}}});
    assert!(OURS.decoder().event(None, &known.to_string(), &mut Vec::new()).is_err());
}

#[test]
fn the_mark_of_the_end_alone_does_not_make_an_answer_whole() {
    let (mut decoder, mut events) = (OURS.decoder(), Vec::new());
    decoder.event(Some("done"), "[DONE]", &mut events).expect("an event");
    assert_eq!(events, []);
}

#[test]
fn a_call_without_arguments_has_the_empty_object() {
    for arguments in [json!({}), Value::Null] {
        let frames = [
            json!({"event_type": "step.start", "index": 3, "step": {"type": "function_call", "id": "a", "name": "f", "arguments": arguments}}),
            json!({"event_type": "step.stop", "index": 3}),
        ];
        assert_eq!(decoded(&frames), [starts(0, "a"), argues(0, "{}")]);
    }
}

#[test]
fn arguments_that_come_in_pieces_replace_those_of_the_start() {
    let frames = [
        json!({"event_type": "step.start", "index": 1, "step": {"type": "function_call", "id": "a", "name": "f", "arguments": {}}}),
        json!({"event_type": "step.start", "index": 2, "step": {"type": "function_call", "id": "b", "name": "f", "arguments": {"y": 2}}}),
        json!({"event_type": "step.delta", "index": 1, "delta": {"type": "arguments_delta", "arguments": "{\"x\":"}}),
        json!({"event_type": "step.delta", "index": 1, "delta": {"type": "arguments_delta", "arguments": "1}"}}),
        json!({"event_type": "interaction.completed", "interaction": {"status": "requires_action"}}),
    ];
    let events: Vec<_> = decoded(&frames).into_iter().filter(|e| !matches!(e, Event::Start { .. })).collect();
    let wanted = [starts(0, "a"), starts(1, "b"), argues(0, "{\"x\":"), argues(0, "1}"), argues(1, "{\"y\":2}")];
    assert_eq!(events[..5], wanted);
    assert_eq!(events[5..], [stop(StopReason::ToolUse)]);
}

#[test]
fn there_is_a_limit_on_calls() {
    let start =
        json!({"event_type": "step.start", "index": 0, "step": {"type": "function_call", "id": "a", "name": "f"}});
    let (mut decoder, mut events) = (OURS.decoder(), Vec::new());
    let garbage = (0..2000).find_map(|n| decoder.event(None, &start.to_string(), &mut events).err().map(|_| n));
    assert_eq!(garbage, Some(1024));
}

#[test]
fn every_status_says_why_the_answer_stopped() {
    for (status, reason) in [
        ("completed", StopReason::EndOfTurn),
        ("requires_action", StopReason::ToolUse),
        ("incomplete", StopReason::MaxTokens),
        ("budget_exceeded", StopReason::MaxTokens),
        ("requires_continuation", StopReason::Paused),
        ("a newer word", StopReason::EndOfTurn),
    ] {
        let events = decoded_whole(&json!({"status": status, "steps": []}));
        assert_eq!(events[1..], [stop(reason), Event::End], "{status}");
    }
}

#[test]
fn a_failure_is_no_answer_and_what_it_took_is_counted() {
    let usage = json!({"total_input_tokens": 5, "total_output_tokens": 1, "total_tokens": 6});
    for (status, error, kind) in [
        ("failed", json!([{"code": "api_error", "message": "m"}]), "api_error"),
        ("failed", Value::Null, "failed"),
        ("cancelled", Value::Null, "cancelled"),
    ] {
        let body = json!({"status": status, "steps": [], "errors": error, "usage": usage});
        for events in
            [decoded_whole(&body), decoded(&[json!({"event_type": "interaction.completed", "interaction": body})])]
        {
            assert!(matches!(events[1], Event::Usage(Usage { input: 5, output: 1, .. })), "{events:?}");
            assert!(matches!(&events[2..], [Event::Failed { kind: said, .. }] if said == kind), "{events:?}");
        }
    }
    for frame in [
        json!({"event_type": "error", "error": {"code": "api_error", "message": "m"}}),
        json!({"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}),
        json!({"event_type": "error"}),
    ] {
        assert!(matches!(decoded(std::slice::from_ref(&frame))[..], [Event::Failed { .. }]), "{frame}");
    }
    assert!(matches!(decoded_whole(&json!({"error": {"code": "x", "message": "m"}}))[..], [Event::Failed { .. }]));
}

#[test]
fn what_a_filter_stopped_is_a_refusal_and_no_fault() {
    let body = json!({"status": "incomplete", "steps": [], "errors": [{"code": "safety", "message": "m"}]});
    assert_eq!(decoded_whole(&body)[1], stop(StopReason::Refused));
    let step = json!({"status": "failed", "steps": [{"type": "model_output", "error": {"code": 3, "message": "m",
        "status": "BLOCKED_SAFETY"}}]});
    assert!(matches!(decoded_whole(&step)[..], [Event::Start { .. }, Event::Failed { .. }]));
    let frame = json!({"event_type": "error", "error": {"code": "prohibited_content", "message": "m"}});
    assert_eq!(decoded(&[frame]), [stop(StopReason::Refused)]);
    let written = whole(&[stop(StopReason::Refused), Event::End]);
    assert_eq!((&written["status"], &written["errors"][0]["code"]), (&json!("incomplete"), &json!("safety")));
    assert_eq!(decoded_whole(&written)[1], stop(StopReason::Refused));
}

#[test]
fn the_tier_is_the_one_the_vendor_says_it_served() {
    let usage = json!({"total_input_tokens": 1, "total_tokens": 1});
    for (word, tier) in [("standard", Tier::Standard), ("flex", Tier::Flex), ("priority", Tier::Priority)] {
        let body = json!({"status": "completed", "steps": [], "service_tier": word, "usage": usage});
        assert_eq!(OURS.usage(body.to_string().as_bytes()).map(|usage| usage.tier), Some(tier));
        assert!(decoded_whole(&body).iter().any(|event| matches!(event, Event::Usage(usage) if usage.tier == tier)));
    }
}

#[test]
fn a_stream_begins_with_its_interaction_and_ends_with_its_usage_and_cost() {
    let usage = Usage { input: 7, cached: 1, output: 5, reasoning: 2, ..Usage::default() };
    let thinking = Event::Thinking { choice: 0, text: "hm".into(), seal: Some(Seal::new(Sealer::Google, "c2ln")) };
    let events = [thinking, text("a"), text("b"), stop(StopReason::EndOfTurn), Event::Usage(usage), Event::End];
    let frames = streamed(&events);
    assert_eq!(
        outline(&frames),
        [
            "interaction.created",
            "interaction.status_update",
            "step.start 0",
            "step.delta 0",
            "step.delta 0",
            "step.stop 0",
            "step.start 1",
            "step.delta 1",
            "step.delta 1",
            "step.stop 1",
            "interaction.completed",
        ]
    );
    let last = json!({
        "event_type": "interaction.completed",
        "interaction": {"id": "v1_1", "object": "interaction", "model": "m", "status": "completed",
            "created": "2026-05-15T18:51:57Z", "updated": "2026-05-15T18:51:57Z", "service_tier": "standard",
            "usage": {"total_tokens": 13, "total_input_tokens": 8, "total_cached_tokens": 1, "total_output_tokens": 3,
                "total_tool_use_tokens": 0, "total_thought_tokens": 2, "cost": 0.03}}
    });
    assert_eq!(frames.last(), Some(&last));
    assert_eq!(frames[4]["delta"], json!({"type": "thought_signature", "signature": "c2ln"}));
    let whole = whole(&events);
    assert_eq!(whole["usage"], last["interaction"]["usage"]);
    assert_eq!(
        whole["steps"],
        json!([{"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "hm"}]},
            {"type": "model_output", "content": [{"type": "text", "text": "ab"}]}])
    );
}

#[test]
fn a_call_ends_before_the_next_step_begins_unless_its_arguments_are_still_coming() {
    let one_by_one = [starts(0, "a"), argues(0, "{\"x\""), argues(0, ":1}"), starts(1, "b"), argues(1, "{}")];
    let calls = |events: &[Event]| outline(&streamed(events))[2..].to_vec();
    let ended = [one_by_one.as_slice(), &[stop(StopReason::ToolUse)]].concat();
    assert_eq!(
        calls(&ended),
        ["step.start 0", "step.delta 0", "step.delta 0", "step.stop 0", "step.start 1", "step.delta 1", "step.stop 1"]
    );
    let crossed = [
        starts(0, "a"),
        starts(1, "b"),
        argues(0, "{\"x\":"),
        argues(1, "{"),
        argues(0, "1}"),
        argues(1, "}"),
        stop(StopReason::ToolUse),
    ];
    assert_eq!(
        calls(&crossed),
        [
            "step.start 0",
            "step.start 1",
            "step.delta 0",
            "step.delta 1",
            "step.delta 0",
            "step.delta 1",
            "step.stop 0",
            "step.stop 1",
        ]
    );
    let steps = &whole(&crossed)["steps"];
    assert_eq!((&steps[0]["arguments"], &steps[1]["arguments"]), (&json!({"x": 1}), &json!({})));
}

#[test]
fn the_seal_of_a_call_goes_into_a_thought_before_it() {
    let sealed = Event::ToolStart {
        choice: 0,
        index: 0,
        id: "a".into(),
        name: "f".into(),
        seal: Some(Seal::new(Sealer::Google, "c2ln")),
    };
    let steps = whole(&[sealed, argues(0, "{}"), stop(StopReason::ToolUse)])["steps"].clone();
    assert_eq!(steps[0], json!({"type": "thought", "signature": "c2ln"}));
    assert_eq!(steps[1], json!({"type": "function_call", "id": "a", "name": "f", "arguments": {}}));
}

#[test]
fn seals_of_other_vendors_come_back_as_they_were_through_a_google_client() {
    let shown = Event::Thinking { choice: 0, text: String::new(), seal: Some(Seal::new(Sealer::Anthropic, "one")) };
    let hidden = Event::RedactedThinking { seal: Seal::new(Sealer::Anthropic, "two") };
    let mut body = whole(&[shown, hidden, text("a"), stop(StopReason::EndOfTurn)]);
    let request = read(&json!({"model": "m", "input": body["steps"].take()}));
    let said: Vec<_> = request.turns[0].parts.iter().map(|part| &part.content).collect();
    assert!(matches!(said[0], Content::Thinking { seal: Some(seal), .. } if seal.of(Sealer::Anthropic) == Some("one")));
    assert!(matches!(said[1], Content::RedactedThinking(seal) if seal.of(Sealer::Anthropic) == Some("two")));
}

#[test]
fn places_are_bytes_in_the_text_they_stand_in() {
    let cited = |citation: Citation| Event::Cited { choice: 0, citation: Box::new(citation) };
    let url = cited(Citation {
        url: Some("https://a.example".into()),
        title: Some("t".into()),
        cited: Some((1, 3)),
        ..Citation::default()
    });
    let file = cited(Citation {
        title: Some("f.pdf".into()),
        quote: Some("q".into()),
        cited: Some((4, 5)),
        source: Some(CitedSpan::Pages(2, 2)),
        ..Citation::default()
    });
    let events = [text("é日a"), url.clone(), text("b"), file.clone(), stop(StopReason::EndOfTurn), Event::End];
    let annotations = whole(&events)["steps"][0]["content"][0]["annotations"].clone();
    assert_eq!(
        annotations,
        json!([{"type": "url_citation", "url": "https://a.example", "title": "t", "start_index": 2, "end_index": 6},
            {"type": "file_citation", "file_name": "f.pdf", "source": "q", "page_number": 2, "start_index": 7, "end_index": 7}])
    );
    let again = decoded(&streamed(&[text("é日a"), url.clone()]));
    assert_eq!(again[1..], [text("é日a"), url]);
}

#[test]
fn a_picture_that_the_model_made_is_content() {
    let image = Event::Image { choice: 0, media_type: "image/png".into(), data: "AA==".into() };
    let events = [text("a"), image.clone(), text("b"), stop(StopReason::EndOfTurn)];
    assert!(decoded(&streamed(&events)).contains(&image));
    let content = whole(&events)["steps"][0]["content"].clone();
    assert_eq!(content[1], json!({"type": "image", "mime_type": "image/png", "data": "AA=="}));
    assert_eq!(content[2]["text"], "b");
}

#[test]
fn a_failure_in_mid_stream_is_in_the_vendors_shape_and_nothing_follows_it() {
    let failure = Failure { code: "upstream_cut", message: "gone", kind: "api_error" };
    let (mut encoder, mut out) = (OURS.encoder(&head(), &plain()), Vec::new());
    encoder.event(&text("a"), None, &mut out);
    encoder.fail(&failure, &mut out);
    [stop(StopReason::EndOfTurn), Event::End].iter().for_each(|event| encoder.event(event, None, &mut out));
    let out = String::from_utf8(out).expect("UTF-8");
    let error =
        "event: error\ndata: {\"event_type\":\"error\",\"error\":{\"code\":\"upstream_cut\",\"message\":\"gone\"}}\n\n";
    assert!(out.ends_with(error), "{out}");
    assert_eq!(OURS.failure(&failure, tollgate_api::Framing::Sse), error.as_bytes());
    assert!(matches!(decoded(&payloads(&out))[..], [.., Event::Failed { ref kind, .. }] if kind == "upstream_cut"));
}

#[test]
fn an_answer_without_a_word_is_still_an_interaction() {
    let frames = streamed(&[stop(StopReason::MaxTokens), Event::End]);
    assert_eq!(outline(&frames), ["interaction.created", "interaction.status_update", "interaction.completed"]);
    assert_eq!(frames[2]["interaction"]["status"], "incomplete");
    assert_eq!(whole(&[])["steps"], json!([]));
}

#[test]
fn many_citations_of_a_long_text_take_time_in_proportion() {
    let annotation = json!({"type": "url_citation", "url": "u", "start_index": 999_000, "end_index": 999_999});
    let body = json!({"status": "completed", "steps": [{"type": "model_output", "content": [
        {"type": "text", "text": "é".repeat(500_000), "annotations": vec![annotation; 20_000]}]}]});
    let begun = std::time::Instant::now();
    let events = decoded_whole(&body);
    whole(&events);
    assert_eq!(events.len(), 1 + 1 + 20_000 + 2);
    // Generous: quadratic time over these lengths would be minutes.
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
}

// Hostile bytes.

/// The members that some reader looks at: random objects are made of them, so that they get far.
const MEMBERS: [&str; 32] = [
    "type",
    "role",
    "content",
    "text",
    "data",
    "mime_type",
    "uri",
    "name",
    "id",
    "arguments",
    "call_id",
    "result",
    "signature",
    "summary",
    "input",
    "generation_config",
    "tool_choice",
    "allowed_tools",
    "tools",
    "response_format",
    "event_type",
    "index",
    "step",
    "steps",
    "delta",
    "interaction",
    "status",
    "errors",
    "error",
    "annotations",
    "start_index",
    "end_index",
];

const WORDS: [&str; 26] = [
    "",
    "text",
    "image",
    "document",
    "user",
    "model",
    "user_input",
    "model_output",
    "thought",
    "function_call",
    "function_result",
    "google_search_call",
    "function",
    "any",
    "object",
    "step.start",
    "step.delta",
    "step.stop",
    "interaction.created",
    "interaction.completed",
    "error",
    "thought_summary",
    "thought_signature",
    "arguments_delta",
    "url_citation",
    "dG9sbGdhdGU6YW50aHJvcGljOmhpZGRlbjp4",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0_u64..3).prop_map(Value::from),
        proptest::sample::select(&WORDS[..]).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let members = prop::collection::vec((proptest::sample::select(&MEMBERS[..]), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|list| list.into_iter().map(|(n, v)| (n.to_owned(), v)).collect::<Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn no_request_panics_and_what_is_written_is_read_again(input in value(), config in value(), format in value()) {
        let body = json!({"model": "m", "input": input, "generation_config": config, "response_format": format});
        for body in [json!({"model": "m", "input": input}), body] {
            let mut losses = Losses::new(true);
            let Ok(request) = OURS.read(body.to_string().as_bytes(), &[], &mut losses) else { continue };
            let Ok(written) = OURS.write(&request, &mut losses) else { continue };
            let again = OURS.read(&written, &[], &mut losses);
            prop_assert!(again.is_ok_and(|again| OURS.write(&again, &mut losses).is_ok_and(|twice| twice == written)));
        }
    }

    #[test]
    fn no_answer_panics_and_what_is_written_is_read_again(frames in prop::collection::vec(value(), 0..6), steps in value()) {
        let (mut decoder, mut events) = (OURS.decoder(), Vec::new());
        for frame in &frames {
            let _ = decoder.event(None, &frame.to_string(), &mut events);
        }
        let _ = OURS.whole(json!({"status": "completed", "steps": steps}).to_string().as_bytes(), &mut events);
        decoded(&streamed(&events));
        decoded_whole(&whole(&events));
    }
}
