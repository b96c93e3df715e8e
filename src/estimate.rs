//! Tokens that nobody reported: of a whole answer, of a stream, of a request whose client left.
//!
//! Tokenizers are slow on long texts, so they run off the worker threads. The figures are marked as
//! estimates wherever they go.

use bytes::Bytes;
use tollgate_api::{Event, Usage, UsageSource};
use tollgate_meter::{estimate_output_chars, estimate_prompt, estimate_text};
use tollgate_translate::Dialect;

use crate::off_worker::off_worker;
use crate::tally::Tally;

/// A whole answer without usage.
pub(crate) async fn whole(tally: &Tally, dialect: Dialect, body: Bytes) -> Usage {
    let messages = messages(tally);
    off_worker(move || estimated(&messages, text_tokens(dialect, &body))).await
}

/// A stream without usage, of which this many characters of output came.
pub(crate) async fn stream(tally: &Tally, output_chars: u64) -> Usage {
    let messages = messages(tally);
    off_worker(move || estimated(&messages, estimate_output_chars(output_chars))).await
}

/// The client left while an endpoint was working for it: what it read is owed all the same.
pub(crate) async fn hang_up(tally: &mut Tally) {
    let Some(endpoint) = tally.left_behind() else { return };
    let usage = stream(tally, 0).await;
    tally.metered(usage, endpoint.price(&usage));
}

/// The request's messages: a reference into its body, not a copy.
fn messages(tally: &Tally) -> Bytes {
    let of = |exchange: &tollgate_api::Exchange| exchange.call.body.slice(exchange.call.spans.messages.clone());
    tally.exchange.as_deref().map(of).unwrap_or_default()
}

fn estimated(messages: &[u8], output: u64) -> Usage {
    let input = estimate_prompt(std::str::from_utf8(messages).unwrap_or_default());
    Usage { input, output, source: UsageSource::Estimated, ..Usage::default() }
}

fn text_tokens(dialect: Dialect, body: &[u8]) -> u64 {
    let mut events = Vec::new();
    if dialect.whole(body, &mut events).is_err() {
        return estimate_output_chars(body.len() as u64);
    }
    let text = |event: &Event| match event {
        Event::Text { text, .. } | Event::Thinking { text, .. } | Event::Refusal { text, .. } => estimate_text(text),
        Event::ToolArguments { json, .. } => estimate_text(json),
        _ => 0,
    };
    events.iter().map(text).sum()
}
