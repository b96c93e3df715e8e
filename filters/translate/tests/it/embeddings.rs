//! Embeddings: what is asked of each vendor, and what a client gets.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_api::{Address, Call, Code, Edit, Surface};
use tollgate_translate::embeddings::{self, Encoding, Wants};
use tollgate_translate::{Dialect, Losses, request};

fn call(body: Value) -> Call {
    request::read(&Address::of(Surface::Embeddings), body.to_string().into()).expect("a call")
}

fn asked(dialect: Dialect, model: &str, body: Value) -> Result<Value, (Code, String)> {
    let written = embeddings::request(dialect, &call(body), &[], model, &mut Losses::new(true));
    let written = written.map_err(|refusal| (refusal.code, refusal.param.expect("a member").into_owned()))?;
    Ok(serde_json::from_slice(&written).expect("JSON"))
}

fn gemini(body: Value) -> Result<Value, (Code, String)> {
    asked(Dialect::Gemini, "gemini-embedding-001", body)
}

fn wants(encoding: Encoding) -> Wants {
    Wants { encoding: Some(encoding), model: "m".into(), estimate: 7 }
}

#[test]
fn an_upstream_that_speaks_openais_words_gets_the_clients_bytes() {
    let body = r#"{ "model":"public","input":[[1,2],[3]], "encoding_format" : "base64","new":1.50}"#;
    let call = request::read(&Address::of(Surface::Embeddings), body.into()).expect("a call");
    let sent = embeddings::request(Dialect::OpenAi, &call, &[], "theirs", &mut Losses::default()).expect("spliced");
    assert_eq!(sent, body.replace("public", "theirs"));
    let same = embeddings::request(Dialect::OpenAi, &call, &[], "public", &mut Losses::default()).expect("spliced");
    assert_eq!(same.as_ptr(), call.body.as_ptr());
}

#[test]
fn gemini_gets_each_text_as_a_request_in_order() {
    let body =
        gemini(json!({"model": "m", "input": ["a", "b"], "dimensions": 256, "user": "u", "encoding_format": "float",
        "task_type": "RETRIEVAL_QUERY"}));
    let one = |text: &str| {
        json!({"model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]},
            "outputDimensionality": 256, "taskType": "RETRIEVAL_QUERY"})
    };
    assert_eq!(body, Ok(json!({"requests": [one("a"), one("b")]})));
    let single = gemini(json!({"model": "m", "input": "a"})).expect("one text");
    let expected = json!({"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "a"}]}});
    assert_eq!(single["requests"], json!([expected]));
}

#[test]
fn tokens_cannot_go_to_gemini_whatever_the_client_lets_go() {
    for input in [json!([1, 2]), json!([[1, 2], [3]])] {
        assert_eq!(gemini(json!({"model": "m", "input": input})), Err((Code::Unsupported, "input".into())));
    }
}

#[test]
fn a_malformed_request_is_refused_by_name() {
    for (body, param) in [
        (json!({"model": "m", "input": ["a", null]}), "input[1]"),
        (json!({"model": "m", "input": ["a", {"secret": 1}]}), "input[1]"),
        (json!({"model": "m", "input": {"secret": 1}}), "input"),
        (json!({"model": "m", "input": "a", "encoding_format": "int8"}), "encoding_format"),
        (json!({"model": "m", "input": "a", "dimensions": "secret"}), "dimensions"),
    ] {
        assert_eq!(gemini(body), Err((Code::InvalidRequest, param.into())));
    }
}

#[test]
fn edits_of_filters_reach_a_foreign_vendor() {
    let call = call(json!({"model": "m", "input": "secret"}));
    let edits = [Edit { member: "input".into(), value: Some("\"masked\"".into()) }];
    let sent = embeddings::request(Dialect::Gemini, &call, &edits, "g", &mut Losses::default()).expect("sent");
    let sent = String::from_utf8(sent.to_vec()).expect("UTF-8");
    assert!(sent.contains("masked") && !sent.contains("secret"), "{sent}");
}

#[test]
fn amazon_gets_the_body_of_the_models_maker() {
    let titan = "amazon.titan-embed-text-v2:0";
    let one = asked(Dialect::Converse, titan, json!({"model": "m", "input": ["a"], "dimensions": 256}));
    assert_eq!(one, Ok(json!({"inputText": "a", "dimensions": 256})));
    let two = asked(Dialect::Converse, titan, json!({"model": "m", "input": ["a", "b"]}));
    assert_eq!(two, Err((Code::Unsupported, "input".into())));
    let cohere =
        asked(Dialect::Converse, "us.cohere.embed-v4:0", json!({"model": "m", "input": ["a", "b"], "dimensions": 256}));
    let expected = json!({"texts": ["a", "b"], "input_type": "search_document", "embedding_types": ["float"],
        "output_dimension": 256});
    assert_eq!(cohere, Ok(expected));
    let other = asked(Dialect::Converse, "anthropic.claude-x", json!({"model": "m", "input": "a"}));
    assert_eq!(other, Err((Code::Unsupported, "model".into())));
    let none = asked(Dialect::Anthropic, "claude-x", json!({"model": "m", "input": "a"}));
    assert_eq!(none, Err((Code::Unsupported, "model".into())));
}

#[test]
fn a_client_gets_its_encoding_whatever_the_vendor_wrote_and_all_else_as_it_came() {
    let floats = r#"{ "object":"list","data":[{"index":0,"embedding":[0.5, -1.0]},{"embedding":[2.0],"index":1}],"usage":{"prompt_tokens":3,"total_tokens":3},"x":1.0 }"#;
    let texts = floats.replace("[0.5, -1.0]", "\"AAAAPwAAgL8=\"").replace("[2.0]", "\"AAAAQA==\"");
    let body = Bytes::from(floats);
    let (same, usage) = embeddings::answer(Dialect::OpenAi, body.clone(), &wants(Encoding::Float)).expect("a list");
    assert_eq!((same.as_ptr(), usage.map(|usage| usage.input)), (body.as_ptr(), Some(3)));
    let (packed, _) = embeddings::answer(Dialect::OpenAi, body, &wants(Encoding::Base64)).expect("a list");
    assert_eq!(packed, texts);
    let (listed, _) = embeddings::answer(Dialect::OpenAi, packed, &wants(Encoding::Float)).expect("a list");
    assert_eq!(listed, floats.replace(", -1.0", ",-1.0"));
    // An encoding that nobody here knows is between the client and its vendor.
    let call = call(json!({"model": "m", "input": "a", "encoding_format": "int8"}));
    let (untouched, _) =
        embeddings::answer(Dialect::OpenAi, texts.clone().into(), &Wants::of(&call, 0)).expect("a list");
    assert_eq!(untouched, texts);
}

#[test]
fn geminis_vectors_keep_their_order_and_their_spelling() {
    let body = r#"{"embeddings":[{"values":[-0.020067329, 1e-3]},{"values":[2]}]}"#;
    let (list, usage) = embeddings::answer(Dialect::Gemini, body.into(), &wants(Encoding::Float)).expect("a list");
    let expected = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[-0.020067329, 1e-3]},{"object":"embedding","index":1,"embedding":[2]}],"model":"m","usage":{"prompt_tokens":7,"total_tokens":7}}"#;
    assert_eq!((list.as_ref(), usage), (expected.as_bytes(), None));
    let counted = r#"{"embeddings":[{"values":[1]}],"usageMetadata":{"promptTokenCount":4}}"#;
    let (list, usage) = embeddings::answer(Dialect::Gemini, counted.into(), &wants(Encoding::Base64)).expect("a list");
    let list: Value = serde_json::from_slice(&list).expect("JSON");
    assert_eq!((&list["data"][0]["embedding"], usage.map(|usage| usage.input)), (&json!("AACAPw=="), Some(4)));
}

#[test]
fn amazons_answers_are_lists_too() {
    for (body, vectors, tokens) in [
        (r#"{"embedding":[0.5],"inputTextTokenCount":5}"#, json!([[0.5]]), Some(5)),
        (r#"{"embeddings":{"float":[[0.5],[1.5]]},"response_type":"embeddings_by_type"}"#, json!([[0.5], [1.5]]), None),
        (r#"{"embeddings":[[0.5],[1.5]],"id":"x"}"#, json!([[0.5], [1.5]]), None),
    ] {
        let (list, usage) =
            embeddings::answer(Dialect::Converse, body.into(), &wants(Encoding::Float)).expect("a list");
        let list: Value = serde_json::from_slice(&list).expect("JSON");
        let found: Vec<_> = list["data"].as_array().expect("data").iter().map(|one| one["embedding"].clone()).collect();
        assert_eq!((Value::from(found), usage.map(|usage| usage.input)), (vectors, tokens), "{body}");
    }
}

#[test]
fn what_is_no_answer_is_garbage_and_is_not_quoted() {
    for body in
        ["", "secret", "[]", "{}", r#"{"data":"secret"}"#, r#"{"data":[{"embedding":{"secret":1}}]}"#, "{\"data\":[{"]
    {
        for dialect in [Dialect::OpenAi, Dialect::Gemini, Dialect::Converse, Dialect::Anthropic] {
            let garbage = embeddings::answer(dialect, body.into(), &wants(Encoding::Base64)).expect_err(body);
            assert!(!garbage.to_string().contains("secret"), "{garbage}");
        }
    }
    let not_utf8 = Bytes::from_static(b"{\"data\":[{\"embedding\":\"\xff\"}]}");
    assert!(embeddings::answer(Dialect::OpenAi, not_utf8, &wants(Encoding::Float)).is_err());
}

#[test]
fn what_a_client_wants_is_in_its_call() {
    let of = |body: Value| Wants::of(&call(body), 3);
    let plain = of(json!({"model": "m", "input": "a"}));
    assert_eq!(plain, Wants { encoding: Some(Encoding::Float), model: "m".into(), estimate: 3 });
    assert_eq!(of(json!({"model": "m", "input": "a", "encoding_format": "base64"})).encoding, Some(Encoding::Base64));
    assert_eq!(of(json!({"model": "m", "input": "a", "encoding_format": null})).encoding, Some(Encoding::Float));
}
