//! Who speaks in the targets: dialects, surfaces, and calls that are as small as can be.

use tollgate_api::{Address, Call, Cost, Framing, Money, Surface, Usage};
use tollgate_translate::{AnswerHead, Dialect, request};

/// The surfaces whose answers are written.
pub(crate) const WRITTEN: &[Surface] = &[
    Surface::ChatCompletions,
    Surface::Responses,
    Surface::Messages,
    Surface::GenerateContent,
    Surface::Interactions,
    Surface::Converse,
];

/// The dialect that a number of the input stands for.
pub(crate) fn dialect(number: u8) -> Dialect {
    pick(&Dialect::ALL, number)
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
