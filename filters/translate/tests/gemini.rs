//! Gemini as a surface and as an upstream: the law, and the traps that others fell into.

use serde_json::{Value, json};
use tollgate_api::{
    Address, Call, Code, Event, Framing, Refusal, Seal, Sealer, StopReason, Surface, Usage, UsageSource,
};
use tollgate_translate::neutral::{Content, Effort, Format, Json, Reasoning, Request, Role, Source, Tool, ToolChoice};
use tollgate_translate::{AnswerHead, Dialect, Failure, Losses, request};

fn call(body: &str, framing: Framing) -> Call {
    let address =
        Address { model: Some("m".into()), stream: Some(true), framing, ..Address::of(Surface::GenerateContent) };
    request::read(&address, body.to_owned().into()).expect("a call")
}

fn plain() -> Call {
    call(r#"{"contents":"hi"}"#, Framing::Sse)
}

/// A call whose client asks for thoughts.
fn curious() -> Call {
    let body = r#"{"contents":"hi","generation_config":{"thinking_config":{"include_thoughts":true}}}"#;
    call(body, Framing::Sse)
}

fn read(body: &Value) -> Request {
    try_read(body).unwrap_or_else(|refusal| panic!("{}", refusal.message))
}

fn try_read(body: &Value) -> Result<Request, Refusal> {
    Dialect::Gemini.read(body.to_string().as_bytes(), &[], &mut Losses::default())
}

/// A chat request, written for this model.
fn chat(model: &str, body: &Value) -> Result<Value, Refusal> {
    let mut request = Dialect::OpenAi.read(body.to_string().as_bytes(), &[], &mut Losses::default())?;
    request.model = model.into();
    write(&request)
}

fn write(request: &Request) -> Result<Value, Refusal> {
    let body = Dialect::Gemini.write(request, &mut Losses::default())?;
    Ok(serde_json::from_slice(&body).expect("JSON"))
}

fn decode(chunks: &[Value]) -> Vec<Event> {
    let (mut decoder, mut events) = (Dialect::Gemini.decoder(), Vec::new());
    for chunk in chunks {
        decoder.event(None, &chunk.to_string(), &mut events).expect("a chunk");
    }
    events
}

/// One chunk of the first choice.
fn chunk(parts: Value) -> Value {
    json!({"candidates":[{"content":{"parts":parts,"role":"model"},"index":0}],"responseId":"r-1","modelVersion":"g"})
}

fn finish(word: &str) -> Value {
    json!({"candidates":[{"content":{"role":"model"},"finishReason":word,"index":0}]})
}

fn encode(call: &Call, events: &[Event]) -> String {
    let head = AnswerHead { id: "i".into(), model: "m".into(), created: 7 };
    let mut encoder = Dialect::Gemini.encoder(&head, call);
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(event, None, &mut out));
    String::from_utf8(out).expect("UTF-8")
}

fn assemble(call: &Call, events: &[Event]) -> Value {
    let head = AnswerHead { id: "i".into(), model: "m".into(), created: 7 };
    serde_json::from_slice(&Dialect::Gemini.assemble(&head, call, events, None)).expect("JSON")
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}

fn thinking(text: &str, seal: Option<Seal>) -> Event {
    Event::Thinking { choice: 0, text: text.into(), seal }
}

fn stop(reason: StopReason) -> Event {
    Event::Stop { choice: 0, reason, sequence: None }
}

fn begun(index: u32, id: &str, seal: Option<Seal>) -> Event {
    Event::ToolStart { choice: 0, index, id: id.into(), name: "f".into(), seal }
}

fn arguments(index: u32, json: &str) -> Event {
    Event::ToolArguments { choice: 0, index, json: json.into() }
}

fn reason(events: &[Event]) -> Option<StopReason> {
    events.iter().find_map(|event| if let Event::Stop { reason, .. } = event { Some(*reason) } else { None })
}

fn ids(events: &[Event]) -> Vec<&str> {
    let id = |event| if let &Event::ToolStart { ref id, .. } = event { Some(id.as_str()) } else { None };
    events.iter().filter_map(id).collect()
}

// The surface: requests.

#[test]
fn both_spellings_of_a_request_are_the_same_request() {
    let camel = json!({
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [
            {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA"}}, {"fileData": {"fileUri": "https://x.test/a.pdf"}}]},
            {"role": "model", "parts": [{"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2Vh"}]},
            {"role": "function", "parts": [{"functionResponse": {"id": "1", "name": "f", "response": {"x": 2}}}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}, {"googleSearch": {}}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {"maxOutputTokens": 9, "topK": 3, "stopSequences": ["x"], "responseLogprobs": true, "logprobs": 2,
            "presencePenalty": 0.5, "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"},
            "thinkingConfig": {"thinkingBudget": 500, "includeThoughts": true}},
        "serviceTier": "flex", "safetySettings": [], "cachedContent": "c"});
    let snake = json!({
        "system_instruction": {"parts": [{"text": "s"}]},
        "contents": [
            {"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": "AA"}}, {"file_data": {"file_uri": "https://x.test/a.pdf"}}]},
            {"role": "model", "parts": [{"function_call": {"id": "1", "name": "f", "args": {"a": 1}}, "thought_signature": "c2Vh"}]},
            {"role": "function", "parts": [{"function_response": {"id": "1", "name": "f", "response": {"x": 2}}}]}],
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}, {"google_search": {}}],
        "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["f"]}},
        "generation_config": {"max_output_tokens": 9, "top_k": 3, "stop_sequences": ["x"], "response_logprobs": true, "logprobs": 2,
            "presence_penalty": 0.5, "response_mime_type": "application/json", "response_json_schema": {"type": "object"},
            "thinking_config": {"thinking_budget": 500, "include_thoughts": true}},
        "service_tier": "FLEX", "safety_settings": [], "cached_content": "c"});
    let request = read(&camel);
    assert!(request == read(&snake));
    assert_eq!(request.choice, Some(ToolChoice::Named("f".into())));
    assert_eq!((request.sampling.max_output, request.sampling.logprobs), (Some(9), Some(2)));
    assert_eq!(request.reasoning, Some(Reasoning::Budget(500)));
    assert!(matches!(&request.format, Some(Format::Schema { .. })));
    assert!(matches!(&request.tools[..], [Tool::Function { .. }, Tool::Hosted(_)]));
    assert_eq!(request.unknown.keys().collect::<Vec<_>>(), ["cachedContent", "generationConfig", "safetySettings"]);
}

#[test]
fn contents_may_be_a_text_or_its_one_element() {
    let list = read(&json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}));
    for contents in [json!("hi"), json!(["hi"]), json!({"parts": [{"text": "hi"}]}), json!({"parts": {"text": "hi"}})] {
        assert!(read(&json!({"contents": contents})) == list, "{contents}");
    }
    for system in [json!("s"), json!({"parts": [{"text": "s"}]}), json!([{"text": "s"}])] {
        let request = read(&json!({"contents": "hi", "systemInstruction": system}));
        assert!(matches!(&request.system[..], [part] if part.content == Content::Text("s".into())), "{system}");
    }
}

#[test]
fn what_is_wrong_is_named_by_its_place_and_never_quoted() {
    for (body, param) in [
        (json!({"contents": [{"role": "SECRET", "parts": []}]}), "contents[0].role"),
        (json!({"contents": [{"parts": [{"functionCall": {"args": "SECRET"}}]}]}), "contents[0].parts"),
        (json!({"contents": "a", "generationConfig": {"topP": "SECRET"}}), "generationConfig.topP"),
        (
            json!({"contents": "a", "toolConfig": {"functionCallingConfig": {"mode": "SECRET"}}}),
            "toolConfig.functionCallingConfig.mode",
        ),
        (
            json!({"contents": "a", "tools": [{"functionDeclarations": [{"description": "SECRET"}]}]}),
            "tools[0].functionDeclarations[0].name",
        ),
        (json!({"contents": [{"parts": [{"executableCode": {"code": "SECRET"}}]}]}), "contents[0].parts[0]"),
    ] {
        let refusal = try_read(&body).expect_err("it is wrong");
        assert_eq!(refusal.param.as_deref(), Some(param), "{}", refusal.message);
        assert!(!refusal.message.contains("SECRET"), "{}", refusal.message);
    }
}

#[test]
fn results_without_ids_find_their_calls() {
    let call = |args: Value| json!({"functionCall": {"name": "f", "args": args}});
    let result = |sky: &str| json!({"functionResponse": {"name": "f", "response": {"sky": sky}}});
    let body = json!({"contents": [
        {"role": "user", "parts": [{"text": "weather?"}]},
        {"role": "model", "parts": [call(json!({"c": "a"})), call(json!({"c": "b"}))]},
        {"role": "function", "parts": [result("blue"), result("grey")]},
        {"role": "model", "parts": [call(json!({}))]},
        {"role": "function", "parts": [result("black")]}]});
    let request = read(&body);
    assert!(request == read(&body), "the same conversation has the same ids");
    let calls = |role: Role| -> Vec<String> {
        let parts = request.turns.iter().filter(|turn| turn.role == role).flat_map(|turn| &turn.parts);
        let id = |content: &Content| match content {
            Content::ToolCall { id, .. } | Content::ToolResult { id, .. } => Some(id.clone()),
            _ => None,
        };
        parts.filter_map(|part| id(&part.content)).collect()
    };
    let (called, answered) = (calls(Role::Assistant), calls(Role::User));
    assert_eq!(called, answered);
    assert_eq!(called.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
}

#[test]
fn functions_that_may_not_be_called_are_not_offered() {
    let body = json!({"contents": "a",
        "tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g"}, {"name": "h"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "h"]}}});
    let request = read(&body);
    assert_eq!(request.choice, Some(ToolChoice::Required));
    assert_eq!(request.tools.len(), 2);
}

#[test]
fn thoughts_that_a_client_kept_in_pieces_are_one_again_under_their_seal() {
    let seal = Seal::new(Sealer::Anthropic, "sig");
    let request = read(&json!({"contents": [
        {"role": "model", "parts": [{"text": "a", "thought": true}]},
        {"role": "model", "parts": [{"text": "b", "thought": true}]},
        {"role": "model", "parts": [{"text": "", "thought": true, "thoughtSignature": seal.spelled_for(Sealer::Google)}]},
        {"role": "model", "parts": [{"text": "answer"}]}]}));
    let parts = &request.turns[0].parts;
    assert!(parts[0].content == Content::Thinking { text: "ab".into(), seal: Some(seal) });
    assert!(parts[1].content == Content::Text("answer".into()));
}

#[test]
fn thinking_is_read_in_every_word_for_it() {
    for (config, reasoning) in [
        (json!({"thinkingLevel": "HIGH"}), Some(Reasoning::Effort(Effort::High))),
        (json!({"thinkingLevel": "minimal"}), Some(Reasoning::Effort(Effort::Minimal))),
        (json!({"thinkingBudget": 0}), Some(Reasoning::Effort(Effort::None))),
        (json!({"thinkingBudget": 77}), Some(Reasoning::Budget(77))),
        (json!({"thinkingBudget": -1}), None),
        (json!({"includeThoughts": true}), None),
    ] {
        let request = read(&json!({"contents": "a", "generationConfig": {"thinkingConfig": config}}));
        assert_eq!(request.reasoning, reasoning, "{config}");
    }
    let mut left = read(&json!({"contents": "a", "generationConfig":
        {"mediaResolution": "LOW", "thinkingConfig": {"thinkingBudget": -1, "includeThoughts": true}}}));
    left.model = "gemini-2.5-flash".into();
    let again = write(&left).expect("it is Google's");
    assert_eq!(
        again["generationConfig"],
        json!({"mediaResolution": "LOW", "thinkingConfig": {"thinkingBudget": -1, "includeThoughts": true}})
    );
}

// The upstream: requests.

fn with_calls(extra: &Value) -> Value {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}});
    json!({"model": "m", "extra_body": extra, "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": null, "tool_calls": [call("c1"), call("c2")]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "{\"two\":2}"},
        {"role": "user", "content": "and?"}]})
}

#[test]
fn parallel_results_stand_together_named_by_their_calls() {
    let body = chat("gemini-2.5-flash", &with_calls(&json!(null))).expect("it can be said");
    assert_eq!(body["systemInstruction"], json!({"parts": [{"text": "s"}]}));
    assert_eq!(
        body["contents"][1],
        json!({"role": "model", "parts": [
        {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}},
        {"functionCall": {"id": "c2", "name": "f", "args": {"a": 1}}}]})
    );
    assert_eq!(
        body["contents"][2],
        json!({"role": "user", "parts": [
        {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "one"}}},
        {"functionResponse": {"id": "c2", "name": "f", "response": {"two": 2}}},
        {"text": "and?"}]})
    );
}

#[test]
fn calls_whose_seal_is_lost_do_not_stop_a_conversation() {
    let body = chat("gemini-3-flash-preview", &with_calls(&json!(null))).expect("it can be said");
    let parts = &body["contents"][1]["parts"];
    // Of calls made at once only the first is sealed.
    assert_eq!(parts[0]["thoughtSignature"], "skip_thought_signature_validator");
    assert_eq!(parts[1]["thoughtSignature"], Value::Null);
}

#[test]
fn a_seal_goes_back_to_google_alone() {
    let with = |seal: Seal| {
        let mut request = read(&json!({"contents": [{"parts": [{"text": "q"}]},
            {"role": "model", "parts": [{"functionCall": {"id": "c", "name": "f"}, "thoughtSignature": seal.spelled_for(Sealer::Google)}]},
            {"parts": [{"functionResponse": {"id": "c", "name": "f", "response": {}}}]}]}));
        request.model = "gemini-3-pro-preview".into();
        write(&request).expect("it can be said")["contents"][1]["parts"][0]["thoughtSignature"].clone()
    };
    assert_eq!(with(Seal::new(Sealer::Google, "R29v")), "R29v");
    assert_eq!(with(Seal::new(Sealer::OpenAi, "gAAA")), "skip_thought_signature_validator");
}

#[test]
fn a_seal_that_came_as_thinking_before_its_call_goes_on_the_call() {
    let seal = Some(Seal::new(Sealer::Google, "R29v"));
    let call = Content::ToolCall { id: "c".into(), name: "f".into(), arguments: String::new(), seal: None };
    let mut request = Request { model: "gemini-3-flash-preview".into(), ..Request::default() };
    request.say(Role::User, vec![Content::Text("q".into()).into()]);
    request.say(Role::Assistant, vec![Content::Thinking { text: "hm".into(), seal }.into(), call.into()]);
    let body = write(&request).expect("it can be said");
    assert_eq!(
        body["contents"][1]["parts"],
        json!([
        {"text": "hm", "thought": true},
        {"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": "R29v"}])
    );
}

#[test]
fn a_schema_goes_as_it_is() {
    let schema = json!({"$schema": "x", "type": "object", "additionalProperties": false, "$defs": {"A": {"enum": [1, 2]}},
        "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"type": ["string", "null"]}}});
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "q"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": true}}});
    let body = chat("gemini-2.5-flash", &body).expect("it can be said");
    assert_eq!(body["tools"][0]["functionDeclarations"][0], json!({"name": "f", "parametersJsonSchema": schema}));
    assert_eq!(body["generationConfig"]["responseJsonSchema"], schema);
    assert_eq!(body["generationConfig"]["responseMimeType"], "application/json");
}

#[test]
fn the_choice_of_tools_is_only_sent_beside_tools() {
    let ask = |choice: Value, tools: Value| {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "q"}], "tool_choice": choice, "tools": tools});
        chat("gemini-2.5-flash", &body).expect("it can be said")["toolConfig"].clone()
    };
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let config = |config: Value| json!({"functionCallingConfig": config});
    assert_eq!(ask(json!("auto"), json!([])), Value::Null);
    assert_eq!(ask(json!("none"), tools.clone()), config(json!({"mode": "NONE"})));
    assert_eq!(ask(json!("required"), tools.clone()), config(json!({"mode": "ANY"})));
    let named = json!({"type": "function", "function": {"name": "f"}});
    assert_eq!(ask(named, tools), config(json!({"mode": "ANY", "allowedFunctionNames": ["f"]})));
}

#[test]
fn what_gemini_has_no_words_for_is_refused_unless_it_may_be_dropped() {
    let tool = json!({"type": "function", "function": {"name": "f"}});
    for (extra, param) in [
        (json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}), "tools[0]"),
        (json!({"tools": [tool], "parallel_tool_calls": false}), "parallel_tool_calls"),
        (json!({"modalities": ["audio"]}), "modalities"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x.test/a"}}, {"type": "text", "text": "q"}]}]}),
            "messages",
        ),
    ] {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "q"}]});
        body.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        let refusal = chat("gemini-2.5-flash", &body).expect_err("it cannot be said");
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some(param)));

        let request =
            Dialect::OpenAi.read(body.to_string().as_bytes(), &[], &mut Losses::default()).expect("a request");
        let mut losses = Losses::new(true);
        Dialect::Gemini.write(&request, &mut losses).expect("it may be dropped");
        assert_eq!(losses.dropped(), [param]);
    }
}

#[test]
fn tiers_have_googles_words_and_auto_has_none() {
    use tollgate_translate::neutral::TierAsked;
    let mut request = read(&json!({"contents": "q"}));
    for (asked, word) in
        [(TierAsked::Default, "standard"), (TierAsked::Flex, "flex"), (TierAsked::Priority, "priority")]
    {
        request.tier = Some(asked);
        assert_eq!(write(&request).expect("it can be said")["serviceTier"], word);
    }
    request.tier = Some(TierAsked::Auto);
    assert_eq!(write(&request).expect_err("it cannot").param.as_deref(), Some("service_tier"));
}

#[test]
fn a_picture_from_anywhere_is_fetched_by_models_that_can() {
    let with = |model: &str, source: Source| {
        let mut request = Request { model: model.into(), ..Request::default() };
        request.say(Role::User, vec![Content::Image(source).into()]);
        write(&request).map(|body| body["contents"][0]["parts"][0].clone())
    };
    let url = |url: &str| Source::Url(url.into());
    assert_eq!(
        with("gemini-2.5-flash", url("https://x.test/a.png?s=1")).expect("it fetches"),
        json!({"fileData": {"mimeType": "image/png", "fileUri": "https://x.test/a.png?s=1"}})
    );
    let kept = "https://generativelanguage.googleapis.com/v1beta/files/abc";
    assert_eq!(with("gemini-2.0-flash", url(kept)).expect("it is Google's"), json!({"fileData": {"fileUri": kept}}));
    assert!(with("gemini-2.0-flash", url("https://x.test/a.png")).is_err());
    let bytes = Source::Base64 { media_type: "image/webp".into(), data: "AA".into() };
    assert_eq!(
        with("gemini-2.0-flash", bytes).expect("it has them"),
        json!({"inlineData": {"mimeType": "image/webp", "data": "AA"}})
    );
}

#[test]
fn pictures_in_results_stand_within_or_beside_them() {
    let picture = Content::Image(Source::Base64 { media_type: "image/png".into(), data: "AA".into() });
    let result = Content::ToolResult {
        id: "c".into(),
        parts: vec![Content::Text("see".into()).into(), picture.into()],
        failed: false,
    };
    let call = Content::ToolCall { id: "c".into(), name: "f".into(), arguments: String::new(), seal: None };
    let mut request = Request::default();
    request.say(Role::Assistant, vec![call.into()]);
    request.say(Role::User, vec![result.into()]);
    let mut parts = |model: &str| {
        request.model = model.into();
        write(&request).expect("it can be said")["contents"][1]["parts"].clone()
    };
    let inline = json!({"inlineData": {"mimeType": "image/png", "data": "AA"}});
    let response = |parts: Option<&Value>| {
        let mut response = json!({"id": "c", "name": "f", "response": {"output": "see"}});
        if let Some(part) = parts {
            response["parts"] = json!([part]);
        }
        json!({"functionResponse": response})
    };
    assert_eq!(parts("gemini-2.5-flash"), json!([response(None), inline]));
    assert_eq!(parts("gemini-3-flash-preview"), json!([response(Some(&inline))]));
}

#[test]
fn a_prompt_alone_is_what_the_user_says() {
    let body = chat("gemini-2.5-flash", &json!({"model": "m", "messages": [{"role": "system", "content": "s"}]}));
    let body = body.expect("it can be said");
    assert_eq!((&body["systemInstruction"], &body["contents"][0]["role"]), (&Value::Null, &json!("user")));
    assert!(write(&Request::default()).is_err());
}

#[test]
fn seeds_of_64_bits_fit() {
    let mut request = read(&json!({"contents": "q"}));
    request.sampling.seed = Some(i64::MAX);
    let seed = write(&request).expect("it can be said")["generationConfig"]["seed"].clone();
    assert!(seed.as_i64().is_some_and(|seed| i32::try_from(seed).is_ok()), "{seed}");
}

// The upstream: answers.

#[test]
fn stop_after_calls_is_tool_use_though_it_comes_alone() {
    let call = chunk(json!([{"functionCall": {"name": "f", "args": {}}}]));
    assert_eq!(reason(&decode(&[call.clone(), finish("STOP")])), Some(StopReason::ToolUse));
    assert_eq!(reason(&decode(&[chunk(json!([{"text": "a"}])), finish("STOP")])), Some(StopReason::EndOfTurn));
    assert_eq!(reason(&decode(&[call, finish("MAX_TOKENS")])), Some(StopReason::MaxTokens));
}

#[test]
fn parallel_calls_have_their_own_numbers_and_ids() {
    let two = json!([{"functionCall": {"name": "f", "args": {"a": 1}}}, {"functionCall": {"name": "f"}}]);
    let events = decode(&[chunk(two), chunk(json!([{"functionCall": {"id": "own", "name": "g", "args": null}}]))]);
    let numbers: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::ToolArguments { index, json, .. } => Some((*index, json.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [(0, r#"{"a":1}"#), (1, "{}"), (2, "{}")]);
    assert_eq!(ids(&events), ["call_r-1_0", "call_r-1_1", "own"]);
}

#[test]
fn ids_do_not_restart_with_every_answer() {
    let with = |id: &str, tokens: u64| {
        let mut chunk = chunk(json!([{"functionCall": {"name": "f", "args": {}}}]));
        chunk["responseId"] = id.into();
        chunk["usageMetadata"] = json!({"promptTokenCount": tokens});
        ids(&decode(&[chunk])).join(",")
    };
    assert_ne!(with("a", 1), with("b", 1));
    // A vendor that names no answer still counts its tokens.
    assert_ne!(with("", 1), with("", 2));
    assert!(with(&"x/y".repeat(100), 1).len() <= 40);
}

#[test]
fn what_was_refused_is_refused() {
    for word in ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "IMAGE_SAFETY", "OTHER"] {
        assert_eq!(reason(&decode(&[finish(word)])), Some(StopReason::Refused), "{word}");
    }
    let blocked =
        json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 3}});
    let mut events = Vec::new();
    Dialect::Gemini.whole(blocked.to_string().as_bytes(), &mut events).expect("an answer");
    assert_eq!(reason(&events), Some(StopReason::Refused));
    assert_eq!(events.last(), Some(&Event::End));
}

#[test]
fn an_answer_that_google_cannot_read_is_a_failure_and_its_tokens_count() {
    let mut broken = finish("MALFORMED_FUNCTION_CALL");
    broken["candidates"][0]["finishMessage"] = "SECRET".into();
    broken["usageMetadata"] = json!({"promptTokenCount": 3, "thoughtsTokenCount": 9});
    match &decode(&[broken])[..] {
        [Event::Start { .. }, Event::Usage(usage), Event::Failed { kind, message }] => {
            assert_eq!((usage.output, kind.as_str()), (9, "MALFORMED_FUNCTION_CALL"));
            assert!(!message.contains("SECRET"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_in_a_stream_is_told_bare_or_in_an_array() {
    let error = json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}});
    for data in [error.clone(), json!([error])] {
        let events = decode(&[data]);
        assert_eq!(events, [Event::Failed { kind: "UNAVAILABLE".into(), message: "busy".into() }]);
    }
}

#[test]
fn stop_beside_code_that_is_yet_to_run_is_not_the_end() {
    let mut runs = chunk(json!([{"text": "let me see"}, {"executableCode": {"language": "PYTHON", "code": "1"}}]));
    runs["candidates"][0]["finishReason"] = "STOP".into();
    let result = chunk(json!([{"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}, {"text": "1"}]));
    let events = decode(&[runs, result, finish("STOP")]);
    assert_eq!(events[1..], [text("let me see"), text("1"), stop(StopReason::EndOfTurn)]);
}

#[test]
fn seals_come_with_what_they_seal() {
    let google = |data: &str| Some(Seal::new(Sealer::Google, data));
    let events = decode(&[
        chunk(json!([{"text": "hm", "thought": true}, {"text": "so", "thoughtSignature": "QQ=="}])),
        chunk(
            json!([{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "Qg=="}, {"text": "", "thoughtSignature": "Qw=="}]),
        ),
    ]);
    let expected = [
        thinking("hm", None),
        text("so"),
        thinking("", google("QQ==")),
        begun(0, "call_r-1_0", google("Qg==")),
        arguments(0, "{}"),
        thinking("", google("Qw==")),
    ];
    assert_eq!(events[1..], expected);
}

#[test]
fn an_answer_without_candidates_is_garbage_and_more_calls_than_anybody_makes_too() {
    let mut events = Vec::new();
    for body in [r#"{"usageMetadata":{"promptTokenCount":1}}"#, "{}", "[]", r#"{"candidates":[]}"#] {
        assert!(Dialect::Gemini.whole(body.as_bytes(), &mut events).is_err(), "{body}");
    }
    let calls: Vec<_> = (0..1025).map(|_| json!({"functionCall": {"name": "f", "args": {}}})).collect();
    let body = chunk(json!(calls)).to_string();
    assert!(Dialect::Gemini.whole(body.as_bytes(), &mut events).is_err());
    let far = json!({"candidates": [{"index": 128}]}).to_string();
    assert!(Dialect::Gemini.whole(far.as_bytes(), &mut events).is_err());
}

// The surface: answers.

fn usage() -> Usage {
    Usage { input: 3, output: 7, reasoning: 2, source: UsageSource::Reported, ..Usage::default() }
}

#[test]
fn a_stream_is_googles_to_the_byte() {
    let head = |body: &str, more: &str| {
        format!(
            "data: {{\"candidates\":[{{{body}\"index\":0}}],\"modelVersion\":\"m\",\"responseId\":\"i\"{more}}}\r\n\r\n"
        )
    };
    let stream = encode(&plain(), &[text("a\n"), stop(StopReason::MaxTokens), Event::Usage(usage()), Event::End]);
    let first = head(r#""content":{"parts":[{"text":"a\n"}],"role":"model"},"#, "");
    let usage = r#","usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":5,"totalTokenCount":10,"thoughtsTokenCount":2,"serviceTier":"standard"}"#;
    let last = head(r#""content":{"parts":[{"text":""}],"role":"model"},"finishReason":"MAX_TOKENS","#, usage);
    assert_eq!(stream, first + &last);
}

#[test]
fn without_events_a_stream_is_one_array() {
    let call = call(r#"{"contents":"hi"}"#, Framing::JsonArray);
    let stream = encode(&call, &[text("a"), text("b"), stop(StopReason::EndOfTurn), Event::End]);
    let list: Vec<Value> = serde_json::from_str(&stream).expect("an array");
    assert_eq!((list.len(), stream.matches(",\r\n{").count()), (3, 2));
    assert_eq!(list[2]["candidates"][0]["finishReason"], "STOP");
    assert!(serde_json::from_str::<Vec<Value>>(&encode(&call, &[Event::End])).is_ok_and(|list| list.len() == 1));
}

#[test]
fn calls_come_whole_however_they_were_streamed() {
    let seal = Seal::new(Sealer::Anthropic, "sig");
    let events = [
        begun(0, "c0", Some(seal.clone())),
        arguments(0, "{\"a\":"),
        begun(1, "c1", None),
        arguments(1, "not an object"),
        arguments(0, "1.0}"),
        stop(StopReason::ToolUse),
        Event::End,
    ];
    let stream = encode(&plain(), &events);
    let expected = json!([
        {"functionCall": {"id": "c0", "name": "f", "args": {"a": 1.0}}, "thoughtSignature": seal.spelled_for(Sealer::Google)},
        {"functionCall": {"id": "c1", "name": "f", "args": {"unparsed_arguments": "not an object"}}}]);
    let chunks: Vec<Value> =
        stream.split_terminator("\r\n\r\n").map(|chunk| serde_json::from_str(&chunk[6..]).expect("JSON")).collect();
    assert_eq!(chunks[0]["candidates"][0]["content"]["parts"], expected);
    assert_eq!(assemble(&plain(), &events)["candidates"][0]["content"]["parts"], expected);
}

#[test]
fn thoughts_are_shown_to_those_who_asked() {
    let seal = |by| Some(Seal::new(by, "sig"));
    let events = [
        thinking("hm", None),
        thinking("", seal(Sealer::Anthropic)),
        text("so"),
        thinking("", seal(Sealer::Google)),
        stop(StopReason::EndOfTurn),
    ];
    let parts = |call: &Call| assemble(call, &events)["candidates"][0]["content"]["parts"].clone();
    assert_eq!(parts(&plain()), json!([{"text": "so", "thoughtSignature": "sig"}]));
    let marked = Seal::new(Sealer::Anthropic, "sig").spelled_for(Sealer::Google).into_owned();
    let shown =
        json!([{"text": "hm", "thought": true, "thoughtSignature": marked}, {"text": "so", "thoughtSignature": "sig"}]);
    assert_eq!(parts(&curious()), shown);
    assert!(!encode(&plain(), &events).contains("hm") && encode(&curious(), &events).contains("hm"));
}

#[test]
fn a_failure_is_an_event_that_googles_clients_raise() {
    let failure = Failure { code: "upstream_cut", message: "gone", kind: "overloaded_error" };
    let mut encoder = Dialect::Gemini.encoder(&AnswerHead { id: "i".into(), model: "m".into(), created: 7 }, &plain());
    let mut out = Vec::new();
    encoder.event(&text("a"), None, &mut out);
    encoder.fail(&failure, &mut out);
    encoder.event(&Event::End, None, &mut out);
    let stream = String::from_utf8(out).expect("UTF-8");
    let last = stream.split_terminator("\r\n\r\n").last().expect("the failure");
    assert!(last.starts_with("data: {\"error\":{\"code\":503,"), "{last}");
    assert_eq!(last.as_bytes(), Dialect::Gemini.failure(&failure, Framing::Sse).trim_ascii_end());
    let call = call(r#"{"contents":"hi"}"#, Framing::JsonArray);
    for before in [vec![], vec![text("a")]] {
        let mut encoder = Dialect::Gemini.encoder(&AnswerHead { id: "i".into(), model: "m".into(), created: 7 }, &call);
        let mut out = Vec::new();
        before.iter().for_each(|event| encoder.event(event, None, &mut out));
        encoder.fail(&failure, &mut out);
        let list: Vec<Value> = serde_json::from_slice(&out).expect("an array");
        assert_eq!(list.last().expect("the failure")["error"]["status"], "UNAVAILABLE");
    }
}

#[test]
fn sources_and_likelihoods_are_in_googles_members() {
    let citation = tollgate_api::Citation {
        url: Some("https://x.test".into()),
        title: Some("t".into()),
        cited: Some((0, 2)),
        ..Default::default()
    };
    let tokens = r#"[{"token":"so","logprob":-0.5,"bytes":[115,111],"top_logprobs":[]}]"#;
    let events = [
        text("so"),
        Event::Logprobs { choice: 0, tokens: tokens.into() },
        Event::Cited { choice: 0, citation: Box::new(citation) },
        stop(StopReason::EndOfTurn),
        Event::End,
    ];
    let whole = assemble(&plain(), &events);
    let mut read = Vec::new();
    Dialect::Gemini.whole(whole.to_string().as_bytes(), &mut read).expect("an answer");
    assert_eq!(read[1..4], events[..3]);
    let stream = encode(&plain(), &events);
    let mut again = Vec::new();
    let mut decoder = Dialect::Gemini.decoder();
    for chunk in stream.split_terminator("\r\n\r\n") {
        decoder.event(None, &chunk[6..], &mut again).expect("a chunk");
    }
    assert_eq!(again[1..], events[..4]);
}

#[test]
fn a_foreign_answer_comes_back_as_history_with_its_seals() {
    let seal = Seal::new(Sealer::Anthropic, "EqQB/+==");
    let events = [
        thinking("hm", None),
        thinking("", Some(seal.clone())),
        begun(0, "toolu_1", None),
        arguments(0, "{}"),
        stop(StopReason::ToolUse),
    ];
    let content = assemble(&curious(), &events)["candidates"][0]["content"].clone();
    let mut request = read(&json!({"contents": [{"parts": [{"text": "q"}]}, content,
        {"parts": [{"functionResponse": {"name": "f", "response": {"result": 1}}}]}]}));
    assert!(request.turns[1].parts[0].content == Content::Thinking { text: "hm".into(), seal: Some(seal) });
    request.model = "claude-sonnet-4-5".into();
    let body = Dialect::Anthropic.write(&request, &mut Losses::default()).expect("it can be said");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(
        body["messages"][1]["content"],
        json!([
        {"type": "thinking", "thinking": "hm", "signature": "EqQB/+=="},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}])
    );
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], "toolu_1");
}

#[test]
fn googles_schemas_reach_others_as_json_schema() {
    let request = read(&json!({"contents": "q",
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": true}}}}]}],
        "generationConfig": {"responseMimeType": "application/json", "responseSchema": {"type": "ARRAY", "items": {"type": "INTEGER"}}}}));
    let body = Dialect::OpenAi.write(&request, &mut Losses::default()).expect("it can be said");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(
        body["tools"][0]["function"]["parameters"],
        json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}}})
    );
    assert_eq!(
        body["response_format"]["json_schema"]["schema"],
        json!({"type": "array", "items": {"type": "integer"}})
    );
    assert!(Json::parse("{}").is_some());
}

/// `cargo test --release -p tollgate-translate --test gemini -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn translating_costs_little() {
    let chunk = r#"{"candidates":[{"content":{"parts":[{"text":" and some more of the answer"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":29,"candidatesTokenCount":15,"totalTokenCount":89,"promptTokensDetails":[{"modality":"TEXT","tokenCount":29}],"thoughtsTokenCount":45},"modelVersion":"gemini-3-pro-preview","responseId":"b36LacjwM668nsEP2tbsgQQ"}"#;
    let rounds = 200_000_u32;
    let head = AnswerHead { id: "i".into(), model: "m".into(), created: 7 };
    let (mut decoder, mut events, mut out) = (Dialect::Gemini.decoder(), Vec::new(), Vec::new());
    let mut encoder = Dialect::Gemini.encoder(&head, &plain());
    let began = std::time::Instant::now();
    for _ in 0..rounds {
        decoder.event(None, chunk, &mut events).expect("a chunk");
        events.drain(..).for_each(|event| encoder.event(&event, None, &mut out));
        std::hint::black_box(&out);
        out.clear();
    }
    eprintln!("an event decoded and encoded: {:?}", began.elapsed() / rounds);

    let long = "Say in one sentence why the sky is blue, and then why it is not. ".repeat(55);
    let call = json!({"functionCall": {"name": "f", "args": {"a": 1}}});
    let body = json!({"contents": [{"role": "user", "parts": [{"text": long}]}, {"role": "model", "parts": [call]},
        {"role": "function", "parts": [{"functionResponse": {"name": "f", "response": {"x": 2}}}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}]}],
        "generationConfig": {"temperature": 0.5, "maxOutputTokens": 100}})
    .to_string();
    for (from, to) in [(Dialect::Gemini, Dialect::OpenAi), (Dialect::Gemini, Dialect::Gemini)] {
        let began = std::time::Instant::now();
        for _ in 0..rounds {
            let request = from.read(body.as_bytes(), &[], &mut Losses::default()).expect("a request");
            std::hint::black_box(to.write(&request, &mut Losses::default()).expect("it can be said"));
        }
        eprintln!("{} bytes from {from} to {to}: {:?}", body.len(), began.elapsed() / rounds);
    }
}
