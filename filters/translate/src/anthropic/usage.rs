//! Tokens as Anthropic counts them, over the two reports of a stream.

use memchr::memmem;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_api::{Cost, Tier, Usage, UsageSource};

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
    #[serde(deserialize_with = "tier")]
    service_tier: Option<Tier>,
    /// Another word for a tier: the same model on faster machines.
    #[serde(deserialize_with = "speed")]
    speed: Option<Tier>,
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
        last(&mut self.service_tier, later.service_tier);
        last(&mut self.speed, later.speed);
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
            tier: self.speed.filter(|speed| *speed == Tier::Fast).or(self.service_tier).unwrap_or_default(),
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

fn tier<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Tier>, D::Error> {
    Ok(Option::<Text<'de>>::deserialize(from)?.map(|word| Tier::of_word(&word.0)))
}

fn speed<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Tier>, D::Error> {
    let word = Option::<Text<'de>>::deserialize(from)?;
    Ok(word.map(|word| if word.0 == "fast" { Tier::Fast } else { Tier::Standard }))
}

/// The `usage` member, written: all that clients look for, and what it cost.
#[derive(Serialize)]
pub(super) struct Member {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation: Option<Lifetimes>,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<Thought>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct Lifetimes {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Serialize)]
struct Thought {
    thinking_tokens: u64,
}

/// The `usage` member for these counts.
pub(super) fn write(usage: &Usage, cost: Option<Cost>) -> Member {
    let lifetimes =
        Lifetimes { ephemeral_5m_input_tokens: usage.cache_write, ephemeral_1h_input_tokens: usage.cache_write_1h };
    let fast = usage.tier == Tier::Fast;
    Member {
        input_tokens: usage.input,
        cache_creation_input_tokens: usage.cache_write.saturating_add(usage.cache_write_1h),
        cache_read_input_tokens: usage.cached,
        cache_creation: (usage.cache_write_1h > 0).then_some(lifetimes),
        output_tokens: usage.output,
        output_tokens_details: (usage.reasoning > 0).then_some(Thought { thinking_tokens: usage.reasoning }),
        service_tier: Some(usage.tier.as_str()).filter(|_| !fast && usage.tier != Tier::Standard),
        speed: fast.then_some("fast"),
        // The decimal text itself: a float would round it.
        cost: cost.and_then(|cost| RawValue::from_string(cost.total().to_string()).ok()),
    }
}

/// The usage in `message_delta`, where it is final. What begins the message is only a first count.
pub(super) fn shown(data: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Frame<'a> {
        #[serde(rename = "type", borrow)]
        kind: Text<'a>,
        #[serde(borrow)]
        usage: Option<&'a RawValue>,
    }
    const KIND: &str = "message_delta";
    memmem::find(data.as_bytes(), KIND.as_bytes())?;
    let frame: Frame<'_> = serde_json::from_str(data).ok()?;
    Some(frame.usage.filter(|_| frame.kind.0 == KIND)?.get())
}

#[cfg(test)]
mod tests {
    use tollgate_api::Money;

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

    #[test]
    fn a_tier_is_what_the_vendor_says_it_served_and_fast_machines_are_one() {
        for (words, tier) in [
            ("", Tier::Standard),
            (r#""service_tier":"standard","speed":"standard""#, Tier::Standard),
            (r#""service_tier":null,"speed":null"#, Tier::Standard),
            (r#""service_tier":"priority""#, Tier::Priority),
            (r#""service_tier":"batch","speed":"standard""#, Tier::Batch),
            (r#""service_tier":"standard","speed":"fast""#, Tier::Fast),
        ] {
            assert_eq!(report(&format!("{{{words}}}")).usage().tier, tier, "{words}");
        }
    }

    #[test]
    fn what_is_written_reads_back_and_the_cost_is_a_plain_decimal() {
        for tier in [Tier::Standard, Tier::Priority, Tier::Batch, Tier::Fast] {
            let usage = Usage {
                input: 1,
                cached: 2,
                cache_write: 4,
                cache_write_1h: 8,
                output: 16,
                reasoning: 3,
                tier,
                source: UsageSource::Reported,
                ..Usage::default()
            };
            let cost = Cost { input: Money::from_nano(1), output: Money::from_nano(450_000) };
            let json = serde_json::to_string(&write(&usage, Some(cost))).expect("JSON");
            assert_eq!(report(&json).usage(), usage);
            assert!(json.ends_with(r#","cost":0.000450001}"#), "{json}");
        }
    }

    #[test]
    fn the_usage_that_a_client_is_shown_is_the_last_one() {
        let last = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage": {"output_tokens":2} }"#;
        assert_eq!(shown(last), Some(r#"{"output_tokens":2}"#));
        for other in [
            r#"{"type":"message_start","message":{"usage":{"output_tokens":1}}}"#,
            r#"{"type":"content_block_delta","delta":{"text":"message_delta"},"usage":{}}"#,
            r#"{"type":"message_delta","delta":{}}"#,
            "message_delta",
        ] {
            assert_eq!(shown(other), None, "{other}");
        }
    }
}
