//! What clients of Google ask for, however they spell it.

use serde_json::{Value, json};
use tollgate_api::{Seal, Sealer};
use tollgate_translate::neutral::{Content, Effort, Format, Reasoning, Role, Tool, ToolChoice};

use super::{read, try_read, write};

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
fn an_answer_that_a_client_kept_in_pieces_is_one_again_and_so_are_its_sealed_thoughts() {
    let seal = Seal::new(Sealer::Anthropic, "sig");
    let request = read(&json!({"contents": [
        {"role": "model", "parts": [{"text": "a", "thought": true}]},
        {"role": "model", "parts": [{"text": "b", "thought": true}]},
        {"role": "model", "parts": [{"text": "", "thought": true, "thoughtSignature": seal.spelled_for(Sealer::Google)}]},
        {"role": "model", "parts": [{"text": "ans"}]},
        {"role": "model", "parts": [{"text": "wer"}]},
        {"role": "model", "parts": [{"text": ""}]}]}));
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
