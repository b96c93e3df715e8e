//! Recorded embeddings: every one is counted, and is the same after having been written the other way.

use bytes::Bytes;
use serde_json::Value;
use tollgate_api::{Address, Call, Surface};
use tollgate_translate::embeddings::{self, Encoding, Wants};
use tollgate_translate::{Dialect, Losses, request};

use super::envoy::recorded_by_envoy;
use super::exchanges::{Exchange, recorded};

const VENDORS: [&str; 7] = ["openai", "copilot", "doubleword", "llamacpp", "mistral", "openrouter", "venice"];

fn answered() -> Vec<Exchange> {
    let all = VENDORS.iter().flat_map(|vendor| recorded(vendor, "/embeddings"));
    let all = all.chain(recorded_by_envoy("/v1/embeddings"));
    let all: Vec<_> = all.filter(|exchange| exchange.status == 200).collect();
    assert!(all.len() > 70, "{} recordings", all.len());
    all
}

fn call(exchange: &Exchange) -> Call {
    let body = Bytes::from(exchange.request.clone());
    request::read(&Address::of(Surface::Embeddings), body)
        .unwrap_or_else(|refusal| panic!("{}: {refusal:?}", exchange.file))
}

/// The vectors in a list, by OpenAI's words.
fn vectors(body: &[u8]) -> Vec<Vec<f32>> {
    let value: Value = serde_json::from_slice(body).expect("JSON");
    let data = value["data"].as_array().expect("data").iter();
    data.map(|one| serde_json::from_value(one["embedding"].clone()).expect("floats")).collect()
}

fn written(dialect: Dialect, body: Bytes, encoding: Encoding) -> Bytes {
    let wants = Wants { encoding: Some(encoding), model: "m".into(), estimate: 0 };
    embeddings::answer(dialect, body, &wants).expect("a recorded answer").0
}

#[test]
fn every_recorded_answer_passes_untouched_and_is_counted() {
    for exchange in answered() {
        let body = Bytes::from(exchange.answer.clone());
        let (same, usage) = embeddings::answer(Dialect::OpenAi, body.clone(), &Wants::of(&call(&exchange), 0))
            .unwrap_or_else(|garbage| panic!("{}: {garbage}", exchange.file));
        assert_eq!(same.as_ptr(), body.as_ptr(), "{}", exchange.file);
        let said: Value = serde_json::from_str(&exchange.answer).expect("JSON");
        let tokens = said["usage"]["prompt_tokens"].as_u64();
        assert_eq!(usage.map(|usage| usage.prompt()), tokens, "{}", exchange.file);
        assert_eq!(usage.map_or(0, |usage| usage.output), 0, "{}", exchange.file);
    }
}

#[test]
fn every_recorded_vector_is_the_same_after_having_been_written_the_other_way() {
    for exchange in answered() {
        let body = Bytes::from(exchange.answer.clone());
        let floats = written(Dialect::OpenAi, body, Encoding::Float);
        let packed = written(Dialect::OpenAi, floats.clone(), Encoding::Base64);
        let again = written(Dialect::OpenAi, packed.clone(), Encoding::Float);
        assert!(vectors(&again) == vectors(&floats), "{}", exchange.file);
        assert!(packed.len() < floats.len(), "{}", exchange.file);
        assert_eq!(written(Dialect::OpenAi, again, Encoding::Base64), packed, "{}", exchange.file);
    }
}

#[test]
fn every_recorded_request_reaches_an_upstream_of_its_own_as_it_came() {
    for exchange in answered() {
        let call = call(&exchange);
        let sent = embeddings::request(Dialect::OpenAi, &call, &[], &call.model, &mut Losses::default());
        assert_eq!(sent.expect("spliced"), exchange.request, "{}", exchange.file);
    }
}

#[test]
fn every_recorded_batch_of_gemini_is_what_the_same_call_becomes() {
    let exchanges = recorded("gemini", ":batchEmbedContents");
    let answered: Vec<_> = exchanges.iter().filter(|exchange| exchange.status == 200).collect();
    assert!(answered.len() > 10, "{} recordings", answered.len());
    for exchange in answered {
        let batch: Value = serde_json::from_str(&exchange.request).expect("JSON");
        let requests = batch["requests"].as_array().expect("requests");
        let texts: Vec<_> = requests.iter().map(|one| one["content"]["parts"][0]["text"].clone()).collect();
        let mut body = serde_json::json!({"model": "m", "input": texts});
        if let Some(dimensions) = requests[0]["output_dimensionality"].as_u64() {
            body["dimensions"] = dimensions.into();
        }
        let call = request::read(&Address::of(Surface::Embeddings), body.to_string().into()).expect("a call");
        let model = requests[0]["model"].as_str().expect("a model").trim_start_matches("models/");
        let sent = embeddings::request(Dialect::Gemini, &call, &[], model, &mut Losses::default()).expect("sent");
        // The recorder spelled one member in Google's other way.
        let sent =
            String::from_utf8(sent.to_vec()).expect("UTF-8").replace("outputDimensionality", "output_dimensionality");
        assert!(serde_json::from_str::<Value>(&sent).expect("JSON") == batch, "{}", exchange.file);

        let floats = written(Dialect::Gemini, exchange.answer.clone().into(), Encoding::Float);
        let said: Value = serde_json::from_str(&exchange.answer).expect("JSON");
        let theirs = said["embeddings"].as_array().expect("embeddings").iter();
        let theirs: Vec<Vec<f32>> =
            theirs.map(|one| serde_json::from_value(one["values"].clone()).expect("floats")).collect();
        assert!(vectors(&floats) == theirs && theirs.len() == texts.len(), "{}", exchange.file);
        let packed = written(Dialect::Gemini, exchange.answer.clone().into(), Encoding::Base64);
        assert!(vectors(&written(Dialect::OpenAi, packed, Encoding::Float)) == theirs, "{}", exchange.file);
    }
}

#[test]
fn every_recorded_answer_of_titan_is_a_list_of_one() {
    let exchanges = recorded("bedrock", "/invoke");
    let titans: Vec<_> = exchanges.iter().filter(|exchange| exchange.path.contains("titan-embed")).collect();
    assert!(titans.len() > 3, "{} recordings", titans.len());
    for exchange in titans {
        let list = written(Dialect::Converse, exchange.answer.clone().into(), Encoding::Float);
        let said: Value = serde_json::from_str(&exchange.answer).expect("JSON");
        let theirs: Vec<f32> = serde_json::from_value(said["embedding"].clone()).expect("floats");
        assert!(vectors(&list) == [theirs], "{}", exchange.file);
        let list: Value = serde_json::from_slice(&list).expect("JSON");
        assert_eq!(list["usage"]["prompt_tokens"], said["inputTextTokenCount"], "{}", exchange.file);
    }
}

#[test]
fn a_text_that_openai_packed_is_the_vector_that_it_listed() {
    let exchanges = recorded_by_envoy("/v1/embeddings");
    let of = |name: &str| exchanges.iter().find(|exchange| exchange.file.ends_with(name)).expect("a recording");
    let (listed, packed) = (of("embeddings-basic.yaml"), of("embeddings-base64.yaml"));
    let listed = vectors(listed.answer.as_bytes());
    let packed = vectors(&written(Dialect::OpenAi, packed.answer.clone().into(), Encoding::Float));
    // Two answers to one question: a model's vectors waver in their last digits.
    let apart = listed[0].iter().zip(&packed[0]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(listed[0].len() == packed[0].len() && apart < 1e-3, "{apart}");
}
