//! What Gemini is asked, in the words that it takes.

use serde_json::{Value, json};
use tollgate_api::{Code, Seal, Sealer};
use tollgate_translate::neutral::{Content, Request, Role, Source};
use tollgate_translate::{Dialect, Losses};

use super::{chat, read, write};

fn with_calls() -> Value {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}});
    json!({"model": "m", "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": null, "tool_calls": [call("c1"), call("c2")]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "{\"two\":2}"},
        {"role": "user", "content": "and?"}]})
}

#[test]
fn parallel_results_stand_together_named_by_their_calls() {
    let body = chat("gemini-2.5-flash", &with_calls()).expect("it can be said");
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
    let body = chat("gemini-3-flash-preview", &with_calls()).expect("it can be said");
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
