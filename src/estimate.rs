//! Tokens that nobody reported: of a whole answer, of a stream, of a request whose client left.
//!
//! Tokenizers are slow on long texts, so they run off the worker threads. The figures are marked as
//! estimates wherever they go.

use bytes::Bytes;
use tollgate_api::{Event, Tier, Usage, UsageSource};
use tollgate_meter::{Encoding, estimate_output_chars};
use tollgate_translate::Dialect;

use crate::off_worker::off_worker;
use crate::tally::Tally;

/// A whole answer without usage.
pub(crate) async fn whole(tally: &Tally, dialect: Dialect, body: Bytes) -> Usage {
    let (messages, encoding, tier) = (messages(tally), encoding(tally), tier(tally));
    off_worker(move || estimated(encoding, &messages, text_tokens(encoding, dialect, &body), tier)).await
}

/// A stream without usage, of which this many characters of output came.
pub(crate) async fn stream(tally: &Tally, output_chars: u64) -> Usage {
    let (messages, encoding, tier) = (messages(tally), encoding(tally), tier(tally));
    off_worker(move || estimated(encoding, &messages, estimate_output_chars(output_chars), tier)).await
}

/// Whether a vendor's report leaves the prompt out: it answered, and read nothing. (llama.cpp's streams of
/// Messages do, now and then.) A report of nothing at all is true of what a guardrail stopped.
pub(crate) fn lacks_prompt(usage: &Usage) -> bool {
    usage.prompt() == 0 && usage.output > 0
}

/// What a vendor reports, with the prompt counted here where it left that out.
pub(crate) async fn completed(tally: &Tally, usage: Usage) -> Usage {
    if !lacks_prompt(&usage) {
        return usage;
    }
    let counted = stream(tally, 0).await;
    Usage { input: counted.input, source: UsageSource::Estimated, ..usage }
}

/// Nobody answered: those that were called off may have read the prompt all the same.
pub(crate) async fn nobody(tally: &mut Tally) {
    if tally.has_lost() && tally.usage.is_none() {
        let prompt = stream(tally, 0).await.prompt();
        tally.metered_nothing(prompt);
    }
}

/// The client left while an endpoint was working for it: what it read is owed all the same.
pub(crate) async fn hang_up(tally: &mut Tally) {
    let Some(endpoint) = tally.left_behind() else { return };
    let usage = match tally.worst() {
        // In a race nobody had begun to answer: they have read, and that is all.
        Some(_) if tally.race.is_some() => stream(tally, 0).await,
        Some(worst) => worst,
        None => stream(tally, 0).await,
    };
    tally.metered(usage, &endpoint);
}

/// The request's messages: a reference into its body, not a copy.
fn messages(tally: &Tally) -> Bytes {
    let of = |exchange: &tollgate_api::Exchange| exchange.call.body.slice(exchange.call.spans.messages.clone());
    tally.exchange.as_deref().map(of).unwrap_or_default()
}

/// The tokenizer of the model that was asked last.
fn encoding(tally: &Tally) -> Encoding {
    tally.leg.tried.last().map_or_else(Encoding::default, |tried| Encoding::of_model(&tried.endpoint.model))
}

/// The tier that was asked of whoever was asked last: what nobody reports is priced by it.
fn tier(tally: &Tally) -> Tier {
    tally.leg.tried.last().map_or(Tier::Standard, |tried| tried.how.priced_as())
}

fn estimated(encoding: Encoding, messages: &[u8], output: u64, tier: Tier) -> Usage {
    let input = encoding.prompt(std::str::from_utf8(messages).unwrap_or_default());
    Usage { input, output, tier, source: UsageSource::Estimated, ..Usage::default() }
}

fn text_tokens(encoding: Encoding, dialect: Dialect, body: &[u8]) -> u64 {
    let mut events = Vec::new();
    if dialect.whole(body, &mut events).is_err() {
        return estimate_output_chars(body.len() as u64);
    }
    let text = |event: Event| match event {
        Event::Text { text, .. } | Event::Thinking { text, .. } | Event::Refusal { text, .. } => text,
        Event::ToolArguments { json, .. } => json,
        _ => String::new(),
    };
    // As one text: what is counted of it is bounded as a whole.
    encoding.count(&events.into_iter().map(text).collect::<String>())
}
