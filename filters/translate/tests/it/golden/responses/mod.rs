//! OpenAI Responses: every recorded request and answer, of every vendor that speaks it.

mod answers;
mod relayed;
mod requests;

use std::sync::LazyLock;

use serde_json::Value;
use tollgate_api::Event;
use tollgate_translate::Dialect;

use crate::golden::exchanges::{Exchange, chunk_files, recorded};

/// Vendors that speak Responses.
const SPEAKERS: [&str; 7] = ["openai", "xai", "chatgpt", "copilot", "openrouter", "llamacpp", "mistralrs"];

/// A recorded stream: its payloads.
struct Recording {
    file: String,
    payloads: Vec<String>,
}

/// Every exchange that was answered, read once for all tests: reading takes longer than they do.
static ANSWERED: LazyLock<Vec<Exchange>> = LazyLock::new(|| {
    let exchanges = SPEAKERS.into_iter().flat_map(|vendor| recorded(vendor, "/responses"));
    let answered: Vec<_> = exchanges.filter(|exchange| exchange.status == 200).collect();
    assert!(answered.len() > 290, "only {} recordings", answered.len());
    answered
});

/// Every recorded stream, one answer each.
static STREAMS: LazyLock<Vec<Recording>> = LazyLock::new(|| {
    let recorded = ANSWERED.iter().filter(|exchange| exchange.streamed()).map(|exchange| Recording {
        file: exchange.file.clone(),
        payloads: exchange.payloads().into_iter().map(str::to_owned).collect(),
    });
    let files = ["openai", "azure", "xai", "open-responses"].into_iter().flat_map(chunk_files);
    let files = files.filter(|(_, lines)| lines.iter().any(|line| line.contains("\"response.created\"")));
    // Some hold the answers of several requests, one after the other.
    let answers = files.flat_map(|(file, lines)| {
        let answers = lines.split_inclusive(|line| line.contains(r#""type":"response.completed""#));
        answers.map(|answer| Recording { file: file.clone(), payloads: answer.to_vec() }).collect::<Vec<_>>()
    });
    let streams: Vec<_> = recorded.chain(answers).collect();
    assert!(streams.len() > 170, "only {} streams", streams.len());
    streams
});

impl Recording {
    /// The stream as it was framed.
    fn framed(&self) -> String {
        let event = |payload: &String| {
            let kind =
                serde_json::from_str::<Value>(payload).ok().and_then(|value| Some(value["type"].as_str()?.to_owned()));
            format!("event: {}\ndata: {payload}\n\n", kind.unwrap_or_else(|| "message".into()))
        };
        self.payloads.iter().map(event).collect()
    }

    fn read(&self) -> Vec<Event> {
        let (mut decoder, mut events) = (Dialect::Responses.decoder(), Vec::new());
        for payload in &self.payloads {
            let result = decoder.event(None, payload, &mut events);
            result.unwrap_or_else(|garbage| panic!("{}: {garbage}", self.file));
        }
        events
    }

    /// Whether its collection left out most pieces of its text.
    fn is_shortened(&self) -> bool {
        let values: Vec<Value> =
            self.payloads.iter().filter_map(|payload| serde_json::from_str(payload).ok()).collect();
        let texts = |kind: &str, member: &str| -> String {
            let events = values.iter().filter(|value| value["type"] == kind);
            events.filter_map(|value| value[member].as_str()).collect()
        };
        texts("response.output_text.delta", "delta") != texts("response.output_text.done", "text")
    }

    /// The `response` that its last event brings.
    fn last(&self) -> Value {
        let values = self.payloads.iter().filter_map(|payload| serde_json::from_str::<Value>(payload).ok());
        values.map(|mut value| value["response"].take()).rfind(Value::is_object).expect("a response")
    }
}

fn whole(body: &str, file: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let result = Dialect::Responses.whole(body.as_bytes(), &mut events);
    result.unwrap_or_else(|garbage| panic!("{file}: {garbage}"));
    events
}
