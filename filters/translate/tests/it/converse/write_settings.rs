//! What a request to Amazon says beside its messages: thinking, sampling, schemas, tiers, other members.

use serde_json::{Value, json};
use tollgate_api::{Code, Seal, Sealer};
use tollgate_translate::neutral::{Content, Effort, Format, Reasoning, Request, Role, TierAsked, Tool, ToolChoice};

use super::read_requests::read;
use super::write_requests::{called, function, hello, json, lost, result, try_write, write};
use super::{CLAUDE, GPT, LLAMA, NOVA};

#[test]
fn how_hard_to_think_is_said_as_each_family_wants_it() {
    let body = |model: &str, reasoning: Reasoning| {
        let mut request = hello(model);
        request.reasoning = Some(reasoning);
        request.sampling.max_output = Some(2000);
        request.sampling.temperature = serde_json::Number::from_f64(0.5);
        write(&request)
    };
    let high = || Reasoning::Effort(Effort::High);
    let fields = "additionalModelRequestFields";
    let older = body(CLAUDE, high());
    assert_eq!(older[fields], json!({"thinking": {"type": "enabled", "budget_tokens": 16_384}}));
    assert_eq!(older["inferenceConfig"], json!({"maxTokens": 18_384}));
    let newer = body("global.anthropic.claude-opus-5", high());
    assert_eq!(newer[fields], json!({"thinking": {"type": "adaptive"}}));
    assert_eq!(
        (&newer["outputConfig"], &newer["inferenceConfig"]),
        (&json!({"effort": "high"}), &json!({"maxTokens": 2000}))
    );
    assert_eq!(body(GPT, high())[fields], json!({"reasoning_effort": "high"}));
    assert_eq!(body(GPT, Reasoning::Budget(2000))[fields], json!({"reasoning_effort": "medium"}));
    // Nova at its highest takes no cap, and a cap is money.
    assert_eq!(
        body(NOVA, high())[fields],
        json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}})
    );
    for (model, reasoning) in
        [(LLAMA, high()), ("amazon.nova-lite-v1:0", high()), (CLAUDE, Reasoning::Effort(Effort::None))]
    {
        let plain = body(model, reasoning);
        assert_eq!((&plain[fields], &plain["inferenceConfig"]["temperature"]), (&Value::Null, &json!(0.5)), "{model}");
    }
}

#[test]
fn effort_gives_way_to_a_forced_tool_and_to_calls_whose_thinking_is_lost() {
    let mut request = hello(CLAUDE);
    request.reasoning = Some(Reasoning::Effort(Effort::Low));
    request.tools = vec![function("f")];
    request.choice = Some(ToolChoice::Required);
    assert_eq!(write(&request)["additionalModelRequestFields"], Value::Null);
    request.choice = None;
    request.say(Role::Assistant, vec![called("a")]);
    request.say(Role::User, vec![result("a", "1")]);
    assert_eq!(write(&request)["additionalModelRequestFields"], Value::Null);
    let sealed = Content::Thinking { text: "hm".into(), seal: Some(Seal::new(Sealer::Anthropic, "c2ln")) };
    request.turns[1].parts.insert(0, sealed.into());
    assert_eq!(write(&request)["additionalModelRequestFields"]["thinking"]["budget_tokens"], 1024);
}

#[test]
fn sampling_is_said_within_amazons_limits_and_only_where_it_exists() {
    let mut request = hello(CLAUDE);
    request.sampling.temperature = serde_json::Number::from_f64(1.7);
    request.sampling.top_p = serde_json::Number::from_f64(0.9);
    request.sampling.top_k = Some(5.into());
    request.sampling.stop = vec!["END".into()];
    let body = write(&request);
    // Claude takes one of the two.
    assert_eq!(body["inferenceConfig"], json!({"temperature": 1, "stopSequences": ["END"]}));
    assert_eq!(body["additionalModelRequestFields"], json!({"top_k": 5}));
    // It says which stop sequence it met, if asked.
    assert_eq!(body["additionalModelResponseFieldPaths"], json!(["/stop_sequence", "/delta/stop_sequence"]));
    request.model = NOVA.into();
    let body = write(&request);
    assert_eq!(body["inferenceConfig"]["topP"], 0.9);
    assert_eq!(body["additionalModelRequestFields"], json!({"inferenceConfig": {"topK": 5}}));
    request.model = LLAMA.into();
    assert_eq!(write(&request)["additionalModelRequestFields"], Value::Null);

    for (name, change) in [
        ("n", (|request| request.sampling.choices = Some(2)) as fn(&mut Request)),
        ("logprobs", |request| request.sampling.logprobs = Some(0)),
        ("response_format", |request| request.format = Some(Format::JsonObject)),
        ("service_tier", |request| request.tier = Some(TierAsked::Other("scale".into()))),
        ("web_search_options", |request| drop(request.unknown.insert("web_search_options".into(), json("{}")))),
    ] {
        let mut request = hello(CLAUDE);
        change(&mut request);
        let refusal = try_write(&request).expect_err(name);
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::Unsupported, Some(name)));
        assert_eq!(lost(&request), [name]);
    }
}

#[test]
fn a_schema_is_sent_as_text_and_a_tools_schema_always_has_a_type() {
    let mut request = hello(CLAUDE);
    let schema = json(r#"{"type":"object","properties":{"b":{"type":"number"},"a":{"type":"string"}}}"#);
    request.format = Some(Format::Schema { name: Some("answer".into()), schema: schema.clone(), strict: Some(true) });
    request.tools = vec![Tool::Function {
        name: "f".into(),
        description: Some("".into()),
        schema: Some(json(r#"{"properties":{}}"#)),
        strict: Some(true),
        cache: None,
    }];
    let body = write(&request);
    let structure = json!({"jsonSchema": {"schema": schema.text(), "name": "answer"}});
    assert_eq!(body["outputConfig"], json!({"textFormat": {"type": "json_schema", "structure": structure}}));
    let spec = json!({"name": "f", "inputSchema": {"json": {"type": "object", "properties": {}}}, "strict": true});
    assert_eq!(body["toolConfig"]["tools"], json!([{"toolSpec": spec}]));
    request.model = NOVA.into();
    assert_eq!(write(&request)["toolConfig"]["tools"][0]["toolSpec"]["strict"], Value::Null);
    assert!(matches!(read(&body).format, Some(Format::Schema { schema: again, .. }) if again == schema));
}

#[test]
fn every_word_for_a_tier_is_amazons() {
    for (tier, word) in [
        (TierAsked::Default, json!({"type": "default"})),
        (TierAsked::Flex, json!({"type": "flex"})),
        (TierAsked::Priority, json!({"type": "priority"})),
        (TierAsked::Other("reserved".into()), json!({"type": "reserved"})),
        (TierAsked::Auto, Value::Null),
    ] {
        let mut request = hello(NOVA);
        request.tier = Some(tier.clone());
        let body = write(&request);
        assert_eq!(body["serviceTier"], word);
        assert_eq!(read(&body).tier, (tier != TierAsked::Auto).then_some(tier));
    }
}

#[test]
fn members_of_other_vendors_are_never_forwarded_and_amazons_own_always() {
    let mut request = hello(CLAUDE);
    request.reasoning = Some(Reasoning::Budget(2048));
    for (name, value) in [
        ("metadata", r#"{"a":"b"}"#),
        ("store", "true"),
        ("provider", r#"{"order":[]}"#),
        ("requestMetadata", r#"{"a":"b"}"#),
        ("guardrailConfig", r#"{"guardrailIdentifier":"g","guardrailVersion":"1"}"#),
        ("additionalModelRequestFields", r#"{"thinking":{"type":"disabled"},"anthropic_beta":["x"]}"#),
    ] {
        request.unknown.insert(name.into(), json(value));
    }
    let body = write(&request);
    let names: Vec<_> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(names, ["additionalModelRequestFields", "guardrailConfig", "messages", "requestMetadata"]);
    // What the client said in the model's own words stands, and stands once.
    let fields = json!({"thinking": {"type": "disabled"}, "anthropic_beta": ["x"]});
    assert_eq!(body["additionalModelRequestFields"], fields);
}

#[test]
fn tools_that_another_vendor_runs_are_refused_and_amazons_go_through() {
    let mut request = hello(NOVA);
    request.tools = vec![Tool::Hosted(json(r#"{"systemTool":{"name":"nova_grounding"}}"#))];
    let body = write(&request);
    assert_eq!(body["toolConfig"]["tools"], json!([{"systemTool": {"name": "nova_grounding"}}]));
    assert!(read(&body).tools == request.tools);
    request.tools = vec![Tool::Hosted(json(r#"{"type":"web_search"}"#))];
    assert_eq!(try_write(&request).expect_err("another's").param.as_deref(), Some("tools[0]"));
}

#[test]
fn a_system_prompt_alone_is_what_the_user_says() {
    let mut request = Request { model: NOVA.into(), ..Request::default() };
    request.system = vec![Content::Text("Say hi".into()).into()];
    assert_eq!(write(&request), json!({"messages": [{"role": "user", "content": [{"text": "Say hi"}]}]}));
}
