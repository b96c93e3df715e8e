//! Gemini as a surface and as an upstream: the law, and the traps that others fell into.

mod answers_read;
mod answers_written;
mod cost;
mod requests_read;
mod requests_written;

use serde_json::{Value, json};
use tollgate_api::{Address, Call, Event, Framing, Refusal, Seal, StopReason, Surface};
use tollgate_translate::neutral::Request;
use tollgate_translate::{AnswerHead, Dialect, Losses, request};

pub(crate) fn call(body: &str, framing: Framing) -> Call {
    let address =
        Address { model: Some("m".into()), stream: Some(true), framing, ..Address::of(Surface::GenerateContent) };
    request::read(&address, body.to_owned().into()).expect("a call")
}

pub(crate) fn plain() -> Call {
    call(r#"{"contents":"hi"}"#, Framing::Sse)
}

/// A call whose client asks for thoughts.
pub(crate) fn curious() -> Call {
    let body = r#"{"contents":"hi","generation_config":{"thinking_config":{"include_thoughts":true}}}"#;
    call(body, Framing::Sse)
}

pub(crate) fn read(body: &Value) -> Request {
    try_read(body).unwrap_or_else(|refusal| panic!("{}", refusal.message))
}

pub(crate) fn try_read(body: &Value) -> Result<Request, Refusal> {
    Dialect::Gemini.read(body.to_string().as_bytes(), &[], &mut Losses::default())
}

/// A chat request, written for this model.
pub(crate) fn chat(model: &str, body: &Value) -> Result<Value, Refusal> {
    let mut request = Dialect::OpenAi.read(body.to_string().as_bytes(), &[], &mut Losses::default())?;
    request.model = model.into();
    write(&request)
}

pub(crate) fn write(request: &Request) -> Result<Value, Refusal> {
    let body = Dialect::Gemini.write(request, &mut Losses::default())?;
    Ok(serde_json::from_slice(&body).expect("JSON"))
}

pub(crate) fn decode(chunks: &[Value]) -> Vec<Event> {
    let (mut decoder, mut events) = (Dialect::Gemini.decoder(), Vec::new());
    for chunk in chunks {
        decoder.event(None, &chunk.to_string(), &mut events).expect("a chunk");
    }
    events
}

/// One chunk of the first choice.
pub(crate) fn chunk(parts: Value) -> Value {
    json!({"candidates":[{"content":{"parts":parts,"role":"model"},"index":0}],"responseId":"r-1","modelVersion":"g"})
}

pub(crate) fn finish(word: &str) -> Value {
    json!({"candidates":[{"content":{"role":"model"},"finishReason":word,"index":0}]})
}

pub(crate) fn encode(call: &Call, events: &[Event]) -> String {
    let head = AnswerHead { id: "i".into(), model: "m".into(), created: 7 };
    let mut encoder = Dialect::Gemini.encoder(&head, call);
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(event, None, &mut out));
    String::from_utf8(out).expect("UTF-8")
}

pub(crate) fn assemble(call: &Call, events: &[Event]) -> Value {
    let head = AnswerHead { id: "i".into(), model: "m".into(), created: 7 };
    serde_json::from_slice(&Dialect::Gemini.assemble(&head, call, events, None)).expect("JSON")
}

pub(crate) fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}

pub(crate) fn thinking(text: &str, seal: Option<Seal>) -> Event {
    Event::Thinking { choice: 0, text: text.into(), seal }
}

pub(crate) fn stop(reason: StopReason) -> Event {
    Event::Stop { choice: 0, reason, sequence: None }
}

pub(crate) fn begun(index: u32, id: &str, seal: Option<Seal>) -> Event {
    Event::ToolStart { choice: 0, index, id: id.into(), name: "f".into(), seal }
}

pub(crate) fn arguments(index: u32, json: &str) -> Event {
    Event::ToolArguments { choice: 0, index, json: json.into() }
}

pub(crate) fn reason(events: &[Event]) -> Option<StopReason> {
    events.iter().find_map(|event| if let Event::Stop { reason, .. } = event { Some(*reason) } else { None })
}

pub(crate) fn ids(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| if let Event::ToolStart { id, .. } = event { Some(id.as_str()) } else { None })
        .collect()
}
