//! Who speaks in the targets: dialects, surfaces, and calls that are as small as can be.

use tollgate_api::{Address, Call, Cost, Framing, Money, Surface, Usage};
use tollgate_translate::{AnswerHead, Dialect, request};

/// The dialects whose requests and answers are read, and whose requests are written. All of them,
/// once those that are missing are.
pub(crate) const READ: &[Dialect] = &[Dialect::OpenAi, Dialect::Anthropic, Dialect::Interactions];
/// The dialects that write nothing that they refuse to read: all of them, once those that are older
/// than this law keep it.
pub(crate) const FAITHFUL: &[Dialect] = &[Dialect::Interactions];
/// The surfaces whose answers are written. All but embeddings, once those that are missing are.
pub(crate) const WRITTEN: &[Surface] = &[Surface::ChatCompletions, Surface::Interactions];

/// The dialect that a number of the input stands for, where its answers can be read.
pub(crate) fn dialect(number: u8) -> Option<Dialect> {
    Some(pick(&Dialect::ALL, number)).filter(|dialect| READ.contains(dialect))
}

/// One of these, as a byte of the input says.
pub(crate) fn pick<T: Copy>(list: &[T], byte: u8) -> T {
    list[usize::from(byte) % list.len()]
}

/// A streamed call to this surface.
pub(crate) fn call(surface: Surface, framing: Framing) -> Call {
    let body = r#"{"messages":[1],"input":"a","contents":[1],"stream_options":{"include_usage":true}}"#;
    let address = Address { surface, model: Some("m".into()), stream: Some(true), framing };
    request::read(&address, body.into()).expect("a call to every surface")
}

/// What our answers say of themselves.
pub(crate) fn head() -> AnswerHead {
    AnswerHead { id: "i".into(), model: "m".into(), created: 7 }
}

/// A price, so that costs are written.
pub(crate) fn price(_: &Usage) -> Option<Cost> {
    Some(Cost { input: Money::from_nano(1), output: Money::from_nano(450_000) })
}

/// Whether these bytes are one JSON value.
pub(crate) fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}
