//! Tokens as Converse counts them, read and written.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_api::{Cost, Tier, Usage, UsageSource};

use crate::json::{Count, Text};

/// The `usage` member, read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Report<'a> {
    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    total_tokens: Option<Count>,
    cache_read_input_tokens: Option<Count>,
    cache_write_input_tokens: Option<Count>,
    #[serde(borrow)]
    cache_details: Option<Vec<Written<'a>>>,
}

/// What was written to the cache, by how long it lives.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(borrow)]
    ttl: Option<Text<'a>>,
    input_tokens: Option<Count>,
}

/// The tier that served.
#[derive(Debug, Deserialize)]
pub(super) struct Served<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
}

impl Report<'_> {
    /// The counts. Converse's `inputTokens` leaves cached tokens out, as ours does.
    pub(super) fn usage(&self, served: Option<&Served<'_>>) -> Usage {
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        let (hour, minutes) = (self.written(true), self.written(false));
        let write = count(self.cache_write_input_tokens).max(hour.saturating_add(minutes));
        let cached = count(self.cache_read_input_tokens);
        Usage {
            input: self.fresh(cached, write),
            cached,
            cache_write: write - hour,
            cache_write_1h: hour,
            output: count(self.output_tokens),
            tier: served.and_then(|served| served.kind.as_ref()).map_or(Tier::Standard, |kind| Tier::of_word(&kind.0)),
            source: UsageSource::Reported,
            ..Usage::default()
        }
    }

    /// What was written for an hour, or for less.
    fn written(&self, hour: bool) -> u64 {
        let all = self.cache_details.iter().flatten();
        let of = all.filter(|one| one.ttl.as_ref().is_some_and(|ttl| ttl.0 == "1h") == hour);
        of.fold(0, |sum: u64, one| sum.saturating_add(one.input_tokens.unwrap_or_default().0))
    }

    /// The input that no cache knows. The total is input, output and both cache counts; where it is
    /// short by exactly what the cache holds, the input was said to include that (OpenAI's way).
    fn fresh(&self, cached: u64, write: u64) -> u64 {
        let input = self.input_tokens.unwrap_or_default().0;
        let sum =
            [self.output_tokens.unwrap_or_default().0, cached, write].iter().fold(input, |a, b| a.saturating_add(*b));
        let short = self.total_tokens.map_or(0, |total| sum.saturating_sub(total.0));
        let included = short > 0 && [cached.saturating_add(write), write, cached].contains(&short);
        if included { input.saturating_sub(short) } else { input }
    }
}

/// The usage of a whole answer; the rest of the body is skipped over.
pub(super) fn usage_of(body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Whole<'a> {
        #[serde(borrow)]
        usage: Option<Report<'a>>,
        #[serde(borrow)]
        service_tier: Option<Served<'a>>,
    }
    let whole = serde_json::from_slice::<Whole<'_>>(body).ok()?;
    Some(whole.usage?.usage(whole.service_tier.as_ref()))
}

/// The `usage` member, written: Amazon's fields, and what it cost.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    cache_read_input_tokens: u64,
    cache_write_input_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cache_details: Vec<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Lifetime {
    ttl: &'static str,
    input_tokens: u64,
}

/// The `serviceTier` member, written.
#[derive(Serialize)]
pub(super) struct TierMember {
    #[serde(rename = "type")]
    kind: &'static str,
}

/// The `usage` member for these counts.
pub(super) fn write(usage: &Usage, cost: Option<Cost>) -> Member {
    let lifetimes = [("1h", usage.cache_write_1h), ("5m", usage.cache_write)];
    let lifetimes = lifetimes.into_iter().filter(|(_, tokens)| *tokens > 0);
    Member {
        input_tokens: usage.input,
        output_tokens: usage.output,
        total_tokens: usage.total(),
        cache_read_input_tokens: usage.cached,
        cache_write_input_tokens: usage.cache_write.saturating_add(usage.cache_write_1h),
        cache_details: lifetimes.map(|(ttl, input_tokens)| Lifetime { ttl, input_tokens }).collect(),
        // The decimal text itself: a float would round it.
        cost: cost.and_then(|cost| RawValue::from_string(cost.total().to_string()).ok()),
    }
}

/// The tier to name: the ordinary one goes without saying.
pub(super) fn tier(usage: &Usage) -> Option<TierMember> {
    (usage.tier != Tier::Standard).then(|| TierMember { kind: usage.tier.as_str() })
}

#[cfg(test)]
mod tests {
    use tollgate_api::Money;

    use super::*;

    fn read(json: &str) -> Usage {
        serde_json::from_str::<Report<'_>>(json).expect("a report").usage(None)
    }

    #[test]
    fn cached_tokens_are_not_subtracted_a_second_time() {
        let usage = read(
            r#"{"inputTokens":10,"outputTokens":5,"totalTokens":145,"cacheReadInputTokens":100,"cacheWriteInputTokens":30}"#,
        );
        assert_eq!((usage.input, usage.cached, usage.cache_write, usage.total()), (10, 100, 30, 145));
    }

    #[test]
    fn an_input_that_includes_what_the_cache_holds_is_not_billed_twice() {
        for (read_tokens, write, total) in [(0, 4993, 5014), (4993, 0, 5014), (3000, 1993, 5014)] {
            let usage = read(&format!(
                r#"{{"inputTokens":4995,"outputTokens":19,"totalTokens":{total},"cacheReadInputTokens":{read_tokens},"cacheWriteInputTokens":{write}}}"#
            ));
            assert_eq!((usage.input, usage.total()), (2, total), "{read_tokens} {write}");
        }
    }

    #[test]
    fn a_total_that_explains_nothing_changes_nothing() {
        for total in ["0", "17", "9999", "null"] {
            let usage = read(&format!(
                r#"{{"inputTokens":100,"outputTokens":5,"totalTokens":{total},"cacheReadInputTokens":50}}"#
            ));
            assert_eq!((usage.input, usage.cached), (100, 50), "{total}");
        }
    }

    #[test]
    fn hour_long_cache_writes_are_told_apart_from_short_ones() {
        let usage = read(
            r#"{"inputTokens":1,"outputTokens":1,"totalTokens":32,"cacheWriteInputTokens":30,
                "cacheDetails":[{"ttl":"1h","inputTokens":20},{"ttl":"5m","inputTokens":10}]}"#,
        );
        assert_eq!((usage.cache_write, usage.cache_write_1h), (10, 20));
        let details_alone = read(r#"{"inputTokens":1,"cacheDetails":[{"ttl":"1h","inputTokens":20}]}"#);
        assert_eq!((details_alone.cache_write, details_alone.cache_write_1h), (0, 20));
    }

    #[test]
    fn the_tier_that_served_is_the_one_that_the_answer_names() {
        let body = |tier| format!(r#"{{"usage":{{"inputTokens":1}},"serviceTier":{tier}}}"#);
        for (tier, expected) in [
            (r#"{"type":"flex"}"#, Tier::Flex),
            (r#"{"type":"priority"}"#, Tier::Priority),
            (r#"{"type":"default"}"#, Tier::Standard),
            (r#"{"type":"reserved"}"#, Tier::Standard),
            ("null", Tier::Standard),
        ] {
            assert_eq!(usage_of(body(tier).as_bytes()).map(|usage| usage.tier), Some(expected), "{tier}");
        }
    }

    #[test]
    fn what_is_written_reads_back_and_the_cost_is_a_plain_decimal() {
        let usage = Usage {
            input: 1,
            cached: 2,
            cache_write: 4,
            cache_write_1h: 8,
            output: 16,
            source: UsageSource::Reported,
            ..Usage::default()
        };
        let cost = Cost { input: Money::from_nano(1), output: Money::from_nano(450_000) };
        let json = serde_json::to_string(&write(&usage, Some(cost))).expect("JSON");
        assert_eq!(read(&json), usage);
        assert!(json.contains(r#""cost":0.000450001"#), "{json}");
    }
}
