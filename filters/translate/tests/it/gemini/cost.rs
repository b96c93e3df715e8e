//! What translating costs.

use serde_json::json;
use tollgate_translate::{AnswerHead, Dialect, Losses};

use super::plain;

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
