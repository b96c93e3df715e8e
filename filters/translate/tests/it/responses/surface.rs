//! Answers written for a client that speaks Responses.

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_api::{Citation, Cost, Event, Framing, Money, Seal, Sealer, StopReason, Tier, Usage};
use tollgate_translate::{Dialect, Failure};

use crate::strict::{call, decoded, essence, gather, head, payloads, streamed};

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}

fn thinking(text: &str, seal: Option<(Sealer, &str)>) -> Event {
    Event::Thinking { choice: 0, text: text.into(), seal: seal.map(|(by, data)| Seal::new(by, data)) }
}

fn start(index: u32, id: &str, name: &str) -> Event {
    Event::ToolStart { choice: 0, index, id: id.into(), name: name.into(), seal: None }
}

fn arguments(index: u32, json: &str) -> Event {
    Event::ToolArguments { choice: 0, index, json: json.into() }
}

fn stop(reason: StopReason) -> Event {
    Event::Stop { choice: 0, reason, sequence: None }
}

/// The whole answer, which must be what the stream of the same events ends with.
fn whole(events: &[Event], tools: &Value) -> Value {
    let call = call(tools);
    let body = Dialect::Responses.assemble(&head(), &call, events, None);
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(gather(&streamed(events, &call)), body);
    body
}

fn output(events: &[Event]) -> Value {
    let events: Vec<_> = events.iter().cloned().chain([Event::End]).collect();
    whole(&events, &json!([]))["output"].clone()
}

#[test]
fn a_message_is_streamed_as_openai_streams_it() {
    let kinds = streamed(&[text("Hé"), text("\n\"you\""), stop(StopReason::EndOfTurn), Event::End], &call(&json!([])));
    let kinds: Vec<_> = kinds.iter().map(|payload| payload["type"].as_str().expect("a type")).collect();
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn an_answer_repeats_of_its_request_what_clients_types_want() {
    let tools = json!([{"type": "function", "name": "f", "parameters": {"type": "object"}}]);
    let body = whole(&[text("a"), stop(StopReason::EndOfTurn), Event::End], &tools);
    assert_eq!(
        (&body["tools"], &body["tool_choice"], &body["parallel_tool_calls"]),
        (&tools, &json!("auto"), &json!(true))
    );
    assert_eq!(
        (&body["id"], &body["object"], &body["created_at"], &body["model"]),
        (&json!("resp_1"), &json!("response"), &json!(1), &json!("m"))
    );
    for null in ["error", "incomplete_details", "instructions", "usage", "temperature"] {
        assert_eq!(body.get(null), Some(&Value::Null), "{null}");
    }
}

#[test]
fn a_request_with_line_breaks_does_not_break_its_answers_events() {
    let body = "{\"model\":\"m\",\"input\":\"hi\",\r\n\"metadata\":{\r\n\"a\":\n\"\\n\"}}";
    let address = tollgate_api::Address::of(tollgate_api::Surface::Responses);
    let call = tollgate_translate::request::read(&address, body.into()).expect("a call");
    let payloads = streamed(&[text("a"), Event::End], &call);
    assert_eq!(payloads[0]["response"]["metadata"], json!({"a": "\n"}));
}

#[test]
fn usage_comes_with_the_end_and_its_cost_as_a_plain_decimal() {
    let usage = Usage {
        input: 3,
        cached: 4,
        cache_write: 2,
        cache_write_1h: 1,
        output: 5,
        reasoning: 2,
        tier: Tier::Flex,
        ..Usage::default()
    };
    let cost = Cost { input: Money::from_nano(1), output: Money::from_nano(450_000) };
    let mut encoder = Dialect::Responses.encoder(&head(), &call(&json!([])));
    let mut bytes = Vec::new();
    encoder.event(&Event::Usage(Usage::default()), None, &mut bytes);
    encoder.event(&Event::Usage(usage), Some(cost), &mut bytes);
    encoder.event(&Event::End, None, &mut bytes);
    let stream = String::from_utf8(bytes).expect("UTF-8");
    assert!(stream.contains("\"cost\":0.000450001}"), "{stream}");
    let response = gather(&payloads(&stream));
    let expected = json!({
        "input_tokens": 10, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
        "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 15, "cost": 0.000_450_001,
    });
    assert_eq!((&response["usage"], &response["service_tier"]), (&expected, &json!("flex")));
}

#[test]
fn several_sealed_blocks_of_thinking_stay_several_items() {
    let events = [
        thinking("be", None),
        thinking("cause", None),
        thinking("", Some((Sealer::Anthropic, "s1"))),
        thinking("and", Some((Sealer::Anthropic, "s2"))),
        Event::RedactedThinking { seal: Seal::new(Sealer::Anthropic, "hidden") },
        text("So."),
    ];
    let items = output(&events);
    let summaries: Vec<_> =
        items.as_array().expect("items").iter().map(|item| item["summary"][0]["text"].clone()).collect();
    assert_eq!(summaries, [json!("because"), json!("and"), Value::Null, Value::Null]);
    let seals: Vec<_> = items.as_array().expect("items").iter().map(|item| item["encrypted_content"].clone()).collect();
    let spelled = |data| json!(Seal::new(Sealer::Anthropic, data).spelled_for(Sealer::OpenAi));
    assert_eq!(seals[..3], [spelled("s1"), spelled("s2"), spelled("hidden")]);
}

#[test]
fn the_seal_of_a_call_travels_in_an_item_before_it() {
    let seal = Seal::new(Sealer::Google, "signature");
    let sealed = |index, id: &str, seal: Option<&Seal>| Event::ToolStart {
        choice: 0,
        index,
        id: id.into(),
        name: "f".into(),
        seal: seal.cloned(),
    };
    let items = output(&[
        text("I call."),
        sealed(0, "a", Some(&seal)),
        arguments(0, "{}"),
        sealed(1, "b", None),
        arguments(1, "{}"),
        stop(StopReason::ToolUse),
    ]);
    let kinds: Vec<_> =
        items.as_array().expect("items").iter().map(|item| item["type"].as_str().expect("a type")).collect();
    assert_eq!(kinds, ["message", "reasoning", "function_call", "function_call"]);
    assert_eq!(items[1]["encrypted_content"], *seal.spelled_for(Sealer::OpenAi));
}

#[test]
fn pieces_of_parallel_calls_go_to_the_call_they_belong_to() {
    let items = output(&[
        start(0, "a", "f"),
        start(1, "b", "g"),
        arguments(1, "[1"),
        arguments(0, "[0]"),
        arguments(1, "]"),
        stop(StopReason::ToolUse),
    ]);
    let calls: Vec<_> = items
        .as_array()
        .expect("items")
        .iter()
        .map(|item| (&item["call_id"], &item["name"], &item["arguments"]))
        .collect();
    assert_eq!(calls, [(&json!("a"), &json!("f"), &json!("[0]")), (&json!("b"), &json!("g"), &json!("[1]"))]);
}

#[test]
fn a_tool_with_plain_text_is_called_with_plain_text() {
    let tools = json!([{"type": "custom", "name": "patch"}, {"type": "function", "name": "f"}, 7, {"name": 7}]);
    let events = [
        start(0, "a", "patch"),
        arguments(0, "{\"in"),
        arguments(0, "put\": \"*** Begin\\n\"}"),
        start(1, "b", "patch"),
        arguments(1, "*** not JSON"),
        start(2, "c", "f"),
        arguments(2, "{\"input\":\"x\"}"),
        stop(StopReason::ToolUse),
        Event::End,
    ];
    let items = whole(&events, &tools)["output"].clone();
    let said: Vec<_> = items
        .as_array()
        .expect("items")
        .iter()
        .map(|item| (&item["type"], &item["input"], &item["arguments"]))
        .collect();
    let (custom, function, null) = (json!("custom_tool_call"), json!("function_call"), Value::Null);
    let texts = [json!("*** Begin\n"), json!("*** not JSON"), json!("{\"input\":\"x\"}")];
    assert_eq!(said, [(&custom, &texts[0], &null), (&custom, &texts[1], &null), (&function, &null, &texts[2])]);
}

#[test]
fn an_answer_that_was_cut_says_so_and_its_last_item_too() {
    let events = [text("all"), start(0, "a", "f"), arguments(0, "{\"cut"), stop(StopReason::MaxTokens), Event::End];
    let body = whole(&events, &json!([]));
    assert_eq!(
        (&body["status"], &body["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
    assert_eq!(
        (&body["output"][0]["status"], &body["output"][1]["status"]),
        (&json!("completed"), &json!("incomplete"))
    );
    let refused = whole(&[text("no"), stop(StopReason::Refused), Event::End], &json!([]));
    assert_eq!(
        (&refused["status"], &refused["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("content_filter"))
    );
}

#[test]
fn a_refusal_is_a_part_of_its_own() {
    let items = output(&[
        text("Well"),
        Event::Refusal { choice: 0, text: "No".into() },
        Event::Refusal { choice: 0, text: ".".into() },
    ]);
    assert_eq!(items[0]["content"][1], json!({"type": "refusal", "refusal": "No."}));
    assert_eq!(items.as_array().map(Vec::len), Some(1));
}

#[test]
fn sources_are_placed_within_their_part_and_one_without_a_place_is_of_all_of_it() {
    let cited = |cited, url: Option<&str>| Event::Cited {
        choice: 0,
        citation: Box::new(Citation {
            url: url.map(Into::into),
            title: Some("T".into()),
            document: Some(2),
            cited,
            ..Citation::default()
        }),
    };
    let items = output(&[
        text("before"),
        start(0, "a", "f"),
        text("later"),
        cited(Some((7, 8)), Some("https://a")),
        cited(None, Some("https://b")),
        cited(None, None),
    ]);
    let expected = json!([
        {"type": "url_citation", "url": "https://a", "title": "T", "start_index": 1, "end_index": 2},
        {"type": "url_citation", "url": "https://b", "title": "T", "start_index": 0, "end_index": 5},
        {"type": "file_citation", "file_id": "document_2", "filename": "T", "index": 5},
    ]);
    assert_eq!(items[2]["content"][0]["annotations"], expected);
}

#[test]
fn logprobs_and_pictures_are_not_lost() {
    let tokens = r#"[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]}]"#;
    let logprobs = Event::Logprobs { choice: 0, tokens: tokens.into() };
    let image = Event::Image { choice: 0, media_type: "image/webp".into(), data: "AAAA".into() };
    let events = [text("a"), logprobs.clone(), text("a"), logprobs, image, stop(StopReason::EndOfTurn)];
    let items = output(&events);
    assert_eq!(items[0]["content"][0]["logprobs"].as_array().map(Vec::len), Some(2));
    assert_eq!((&items[1]["result"], &items[1]["output_format"]), (&json!("AAAA"), &json!("webp")));
    assert_eq!(
        essence(&decoded(&streamed(&[&events[..], &[Event::End]].concat(), &call(&json!([]))))),
        essence(&events)
    );
}

#[test]
fn a_failure_is_an_error_for_sdks_and_a_failed_response_for_agents() {
    let failure = Failure { code: "upstream_cut", message: "It \"ended\".", kind: "api_error" };
    let mut encoder = Dialect::Responses.encoder(&head(), &call(&json!([])));
    let mut bytes = Vec::new();
    encoder.event(&text("a"), None, &mut bytes);
    encoder.fail(&failure, &mut bytes);
    encoder.fail(&failure, &mut bytes);
    encoder.event(&Event::End, None, &mut bytes);
    let events = payloads(&String::from_utf8(bytes).expect("UTF-8"));
    let response = gather(&events);
    let said = json!({"code": "upstream_cut", "message": "It \"ended\"."});
    assert_eq!((&response["status"], &response["error"]), (&json!("failed"), &said));
    let error = &events[events.len() - 2];
    assert_eq!((&error["type"], &error["error"]["type"]), (&json!("error"), &json!("api_error")));
    for place in [error, &error["error"]] {
        assert_eq!((&place["code"], &place["message"]), (&said["code"], &said["message"]));
    }

    let alone = payloads(&String::from_utf8(Dialect::Responses.failure(&failure, Framing::Sse)).expect("UTF-8"));
    let kinds: Vec<_> = alone.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    assert_eq!(kinds, ["error", "response.failed"]);
    assert_eq!(alone[1]["response"]["error"], said);
    assert!(alone[0]["sequence_number"].as_u64() < alone[1]["sequence_number"].as_u64());
    let failed = Event::Failed { kind: "api_error".into(), message: "It \"ended\".".into() };
    assert_eq!(decoded(&alone), [failed]);
}

#[test]
fn another_choice_is_nobodys() {
    let items = output(&[Event::Text { choice: 1, text: "b".into() }, text("a")]);
    assert_eq!(items[0]["content"][0]["text"], "a");
    assert_eq!(items.as_array().map(Vec::len), Some(1));
}

fn any_event() -> impl Strategy<Value = Event> {
    let words = prop_oneof![Just(String::new()), "\\PC{0,6}", Just("{\"input\":\"\\".to_owned())];
    let seal = prop::option::of(words.clone().prop_map(|data| Seal::new(Sealer::Google, data)));
    let index = 0..3_u32;
    prop_oneof![
        words.clone().prop_map(|text| Event::Text { choice: 0, text }),
        words.clone().prop_map(|text| Event::Refusal { choice: 0, text }),
        (words.clone(), seal.clone()).prop_map(|(text, seal)| Event::Thinking { choice: 0, text, seal }),
        words.clone().prop_map(|data| Event::RedactedThinking { seal: Seal::new(Sealer::OpenAi, data) }),
        (index.clone(), words.clone(), seal).prop_map(|(index, id, seal)| Event::ToolStart {
            choice: 0,
            index,
            id,
            name: "patch".into(),
            seal
        }),
        (index, words.clone()).prop_map(|(index, json)| Event::ToolArguments { choice: 0, index, json }),
        (words.clone(), prop::option::of(any::<(u64, u64)>())).prop_map(|(url, cited)| Event::Cited {
            choice: 0,
            citation: Box::new(Citation { url: Some(url), cited, ..Citation::default() }),
        }),
        Just(Event::Logprobs { choice: 0, tokens: "[{},\n{}]".into() }),
        words.prop_map(|data| Event::Image { choice: 0, media_type: "image/png".into(), data }),
        Just(Event::Stop { choice: 0, reason: StopReason::MaxTokens, sequence: None }),
        Just(Event::Usage(Usage::default())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whatever_comes_is_written_as_sdks_gather_it(events in prop::collection::vec(any_event(), 0..24), custom: bool) {
        let tools = if custom { json!([{"type": "custom", "name": "patch"}]) } else { json!([]) };
        let events: Vec<_> = events.into_iter().chain([Event::End]).collect();
        whole(&events, &tools);
    }
}
