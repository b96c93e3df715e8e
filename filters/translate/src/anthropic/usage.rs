//! Tokens as Anthropic counts them, over the two reports of a stream.

use serde::Deserialize;
use tollgate_api::{Usage, UsageSource};

use crate::json::{Count, Text};

/// The `usage` member. Every report may hold every field, some, or nulls.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Report {
    input_tokens: Option<Count>,
    cache_read_input_tokens: Option<Count>,
    cache_creation_input_tokens: Option<Count>,
    cache_creation: Option<Written>,
    output_tokens: Option<Count>,
    output_tokens_details: Option<Details>,
    #[serde(deserialize_with = "compactions")]
    iterations: Option<Compaction>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Written {
    ephemeral_5m_input_tokens: Option<Count>,
    ephemeral_1h_input_tokens: Option<Count>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    thinking_tokens: Option<Count>,
}

/// What summarising a long conversation cost: the totals beside it leave it out.
#[derive(Clone, Copy, Debug, Default)]
struct Compaction {
    input: u64,
    output: u64,
}

impl Report {
    /// Takes over what a later report says. It is cumulative: fields replace, and never add up.
    pub(super) fn update(&mut self, later: Self) {
        fn last<T>(mine: &mut Option<T>, theirs: Option<T>) {
            if theirs.is_some() {
                *mine = theirs;
            }
        }
        last(&mut self.input_tokens, later.input_tokens);
        last(&mut self.cache_read_input_tokens, later.cache_read_input_tokens);
        last(&mut self.cache_creation_input_tokens, later.cache_creation_input_tokens);
        last(&mut self.cache_creation, later.cache_creation);
        last(&mut self.output_tokens, later.output_tokens);
        last(&mut self.output_tokens_details, later.output_tokens_details);
        last(&mut self.iterations, later.iterations);
    }

    /// The counts. Anthropic's `input_tokens` leaves cached tokens out, as ours does.
    pub(super) fn usage(&self) -> Usage {
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        let written = self.cache_creation.unwrap_or_default();
        let hour = count(written.ephemeral_1h_input_tokens);
        let total = self.cache_creation_input_tokens.map_or(0, |total| total.0.saturating_sub(hour));
        let compaction = self.iterations.unwrap_or_default();
        Usage {
            input: count(self.input_tokens).saturating_add(compaction.input),
            cached: count(self.cache_read_input_tokens),
            cache_write: total.max(count(written.ephemeral_5m_input_tokens)),
            cache_write_1h: hour,
            output: count(self.output_tokens).saturating_add(compaction.output),
            reasoning: count(self.output_tokens_details.unwrap_or_default().thinking_tokens),
            source: UsageSource::Reported,
            ..Usage::default()
        }
    }
}

/// The usage of a whole answer; the rest of the body is skipped over.
pub(super) fn usage_of(body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Whole {
        usage: Option<Report>,
    }
    serde_json::from_slice::<Whole>(body).ok()?.usage.map(|report| report.usage())
}

/// Sums the compactions among the iterations; other iterations are in the totals, or are billed
/// at another model's price.
fn compactions<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Compaction>, D::Error> {
    #[derive(Deserialize)]
    struct Iteration<'a> {
        #[serde(rename = "type", borrow)]
        kind: Option<Text<'a>>,
        input_tokens: Option<Count>,
        output_tokens: Option<Count>,
    }
    let Some(list) = Option::<Vec<Iteration<'de>>>::deserialize(from)? else { return Ok(None) };
    let mut sum = Compaction::default();
    for one in list.iter().filter(|one| one.kind.as_ref().is_some_and(|kind| kind.0 == "compaction")) {
        sum.input = sum.input.saturating_add(one.input_tokens.unwrap_or_default().0);
        sum.output = sum.output.saturating_add(one.output_tokens.unwrap_or_default().0);
    }
    Ok(Some(sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(json: &str) -> Report {
        serde_json::from_str(json).expect("a report")
    }

    #[test]
    fn the_two_reports_of_a_stream_are_not_summed() {
        let mut usage = report(r#"{"input_tokens":100,"cache_read_input_tokens":50,"output_tokens":1}"#);
        usage.update(report(r#"{"input_tokens":100,"cache_read_input_tokens":null,"output_tokens":9}"#));
        let usage = usage.usage();
        assert_eq!((usage.input, usage.cached, usage.output), (100, 50, 9));
    }

    #[test]
    fn cache_fields_that_come_last_are_not_dropped() {
        let mut usage = report(r#"{"input_tokens":10,"output_tokens":0}"#);
        usage.update(report(r#"{"output_tokens":2,"cache_read_input_tokens":7,"cache_creation_input_tokens":3}"#));
        let usage = usage.usage();
        assert_eq!((usage.input, usage.cached, usage.cache_write), (10, 7, 3));
        assert_eq!(usage.prompt(), 20);
    }

    #[test]
    fn hour_long_cache_writes_are_told_apart_from_short_ones() {
        let usage = report(
            r#"{"input_tokens":1,"cache_creation_input_tokens":30,
                "cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}}"#,
        );
        assert_eq!((usage.usage().cache_write, usage.usage().cache_write_1h), (10, 20));
    }

    #[test]
    fn compaction_is_added_because_the_totals_leave_it_out() {
        let usage = report(
            r#"{"input_tokens":612,"output_tokens":2819,"iterations":[
                {"type":"compaction","input_tokens":60385,"output_tokens":522},
                {"type":"message","input_tokens":612,"output_tokens":2819}]}"#,
        );
        assert_eq!((usage.usage().input, usage.usage().output), (60_997, 3_341));
    }
}
