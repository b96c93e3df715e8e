//! Amazon's binary event stream for tests, by Amazon's own code; and a call of the Converse surface.

use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Buf as _;
use serde_json::Value;
use tollgate_api::{Address, Call, Framing, Surface};
use tollgate_translate::request;

/// A streamed call, as small as it can be.
pub(crate) fn call() -> Call {
    let address = Address {
        surface: Surface::Converse,
        model: Some("m".into()),
        stream: Some(true),
        framing: Framing::EventStream,
    };
    request::read(&address, br#"{"messages":[1]}"#[..].into()).expect("a call")
}

/// These events as a stream: a name and a payload each.
pub(crate) fn framed<'a>(events: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, payload) in events {
        let text = |name: &'static str, value: &str| Header::new(name, HeaderValue::String(value.to_owned().into()));
        let (kind, header, name) = match name.strip_prefix("exception:") {
            Some(name) => ("exception", ":exception-type", name),
            None => ("event", ":event-type", name),
        };
        let message = Message::new(payload.to_owned()).add_header(text(header, name));
        let message = message.add_header(text(":content-type", "application/json"));
        write_message_to(&message.add_header(text(":message-type", kind)), &mut out).expect("a frame");
    }
    out
}

/// The events of a stream, as a strict client reads them.
pub(crate) fn unframed(mut stream: &[u8]) -> Vec<(String, Value)> {
    let mut events = Vec::new();
    while stream.has_remaining() {
        let message = read_message_from(&mut stream).expect("a frame with sound checksums");
        let header = |name: &str| {
            let header = message.headers().iter().find(|header| header.name().as_str() == name);
            header.map(|header| header.value().as_string().expect("a text").as_str().to_owned())
        };
        assert_eq!(header(":content-type").as_deref(), Some("application/json"));
        let name = match header(":message-type").as_deref() {
            Some("event") => header(":event-type").expect("an event's name"),
            Some("exception") => format!("exception:{}", header(":exception-type").expect("an exception's name")),
            other => panic!("{other:?} is no type of message"),
        };
        events.push((name, serde_json::from_slice(message.payload()).expect("JSON")));
    }
    events
}
