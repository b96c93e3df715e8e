//! Tokens as Responses counts them.

use std::fmt::Write as _;

use serde::Deserialize;
use tollgate_api::{Cost, Tier, Usage, UsageSource};

use crate::json::{Count, Text};

/// The `usage` member, read.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Report {
    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    total_tokens: Option<Count>,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Option<Count>,
    cache_write_tokens: Option<Count>,
    audio_tokens: Option<Count>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Option<Count>,
    audio_tokens: Option<Count>,
}

impl Report {
    /// The counts at this tier. `input_tokens` holds the cached ones and those written too; ours
    /// are apart. What only the total counts came out.
    pub(super) fn usage(&self, tier: Option<&str>) -> Usage {
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        let details = self.input_tokens_details.unwrap_or_default();
        let (cached, written) = (count(details.cached_tokens), count(details.cache_write_tokens));
        let (input, output) = (count(self.input_tokens), count(self.output_tokens));
        let unsaid = count(self.total_tokens).saturating_sub(input).saturating_sub(output);
        let spoken = self.output_tokens_details.unwrap_or_default();
        Usage {
            input: input.saturating_sub(cached).saturating_sub(written),
            cached,
            cache_write: written,
            output: output.saturating_add(unsaid),
            reasoning: count(spoken.reasoning_tokens),
            audio_input: count(details.audio_tokens),
            audio_output: count(spoken.audio_tokens),
            tier: tier.map_or(Tier::Standard, Tier::of_word),
            source: UsageSource::Reported,
            ..Usage::default()
        }
    }
}

/// The usage of a whole answer; the rest of the body is skipped over.
pub(super) fn usage_of(body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Whole<'a> {
        usage: Option<Report>,
        #[serde(borrow)]
        service_tier: Option<Text<'a>>,
    }
    let Whole { usage, service_tier } = serde_json::from_slice(body).ok()?;
    usage.map(|report| report.usage(service_tier.as_ref().map(|tier| &*tier.0)))
}

/// The `usage` member for these counts, and what they cost as the decimal it is: a float would
/// round it.
pub(super) fn write(usage: &Usage, cost: Option<Cost>) -> String {
    let written = usage.cache_write.saturating_add(usage.cache_write_1h);
    let mut json = format!(
        r#"{{"input_tokens":{},"input_tokens_details":{{"cached_tokens":{},"cache_write_tokens":{written}}},"output_tokens":{},"output_tokens_details":{{"reasoning_tokens":{}}},"total_tokens":{}"#,
        usage.prompt(),
        usage.cached,
        usage.output,
        usage.reasoning,
        usage.total(),
    );
    if let Some(cost) = cost {
        write!(json, r#","cost":{}"#, cost.total()).expect("a string takes all");
    }
    json + "}"
}

/// OpenAI's word for a tier.
pub(super) fn word(tier: Tier) -> &'static str {
    match tier {
        Tier::Standard => "default",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use tollgate_api::Money;

    use super::*;

    fn read(json: &str) -> Usage {
        serde_json::from_str::<Report>(json).expect("a report").usage(None)
    }

    #[test]
    fn cached_and_written_tokens_are_not_billed_as_fresh_input() {
        let usage = read(
            r#"{"input_tokens":100,"output_tokens":1,"total_tokens":101,
                "input_tokens_details":{"cached_tokens":70,"cache_write_tokens":20}}"#,
        );
        assert_eq!((usage.input, usage.cached, usage.cache_write, usage.prompt()), (10, 70, 20, 100));
    }

    #[test]
    fn tokens_that_only_the_total_counts_are_not_free() {
        assert_eq!(read(r#"{"input_tokens":35,"output_tokens":12,"total_tokens":109}"#).output, 74);
    }

    #[test]
    fn impossible_counts_saturate() {
        let usage = read(r#"{"input_tokens":-5,"total_tokens":1,"input_tokens_details":{"cached_tokens":9}}"#);
        assert_eq!((usage.input, usage.cached, usage.output), (0, 9, 1));
    }

    #[test]
    fn the_tier_is_the_one_that_the_answer_names() {
        let body = br#"{"service_tier":"priority","usage":{"input_tokens":1,"output_tokens":1}}"#;
        assert_eq!(usage_of(body).map(|usage| usage.tier), Some(Tier::Priority));
        for tier in [Tier::Standard, Tier::Flex, Tier::Priority, Tier::Batch, Tier::Ultrafast] {
            assert_eq!(Tier::of_word(word(tier)), tier);
        }
    }

    #[test]
    fn what_is_written_reads_back_and_the_cost_is_a_plain_decimal() {
        let usage = Usage {
            input: 1,
            cached: 2,
            cache_write: 4,
            output: 16,
            reasoning: 3,
            source: UsageSource::Reported,
            ..Usage::default()
        };
        let cost = Cost { input: Money::from_nano(1), output: Money::from_nano(450_000) };
        let json = write(&usage, Some(cost));
        assert_eq!(read(&json), usage);
        assert!(json.ends_with(r#","cost":0.000450001}"#), "{json}");
    }
}
