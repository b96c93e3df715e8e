//! Tokens as Interactions counts them.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use tollgate_api::{Cost, Tier, Usage, UsageSource};

use crate::json::{Count, Text};
use crate::object::members;

/// The `usage` member, read.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Report {
    total_tokens: Option<Count>,
    total_input_tokens: Option<Count>,
    total_cached_tokens: Option<Count>,
    total_output_tokens: Option<Count>,
    total_thought_tokens: Option<Count>,
    total_tool_use_tokens: Option<Count>,
    #[serde(rename = "input_tokens_by_modality", deserialize_with = "audio")]
    audio_input: u64,
    #[serde(rename = "cached_tokens_by_modality", deserialize_with = "audio")]
    audio_cached: u64,
    #[serde(rename = "output_tokens_by_modality", deserialize_with = "audio")]
    audio_output: u64,
}

impl Report {
    /// The counts. The input holds what was cached, and leaves out what the vendor's tools read;
    /// the output leaves out the thoughts. What only the total counts is not free either.
    pub(super) fn usage(&self, tier: Tier) -> Usage {
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        let (input, cached) = (count(self.total_input_tokens), count(self.total_cached_tokens));
        let (output, thought) = (count(self.total_output_tokens), count(self.total_thought_tokens));
        let tools = count(self.total_tool_use_tokens);
        let said = [input, output, thought, tools].iter().fold(0, |sum: u64, part| sum.saturating_add(*part));
        let unsaid = count(self.total_tokens).saturating_sub(said);
        Usage {
            input: input.saturating_sub(cached).saturating_add(tools),
            cached,
            output: output.saturating_add(thought).saturating_add(unsaid),
            reasoning: thought,
            audio_input: self.audio_input.saturating_sub(self.audio_cached),
            audio_output: self.audio_output,
            tier,
            source: UsageSource::Reported,
            ..Usage::default()
        }
    }
}

/// The tokens of sound in a list of counts by modality.
fn audio<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    struct Part<'a> {
        #[serde(borrow)]
        modality: Option<Text<'a>>,
        tokens: Option<Count>,
    }
    let parts = Option::<Vec<Part<'de>>>::deserialize(from)?.unwrap_or_default();
    let heard = parts.iter().filter(|part| part.modality.as_ref().is_some_and(|word| word.0 == "audio"));
    Ok(heard.fold(0, |sum, part| sum.saturating_add(part.tokens.unwrap_or_default().0)))
}

/// The tier that an answer names.
pub(super) fn tier(word: Option<&Text<'_>>) -> Tier {
    word.map_or(Tier::Standard, |word| Tier::of_word(&word.0))
}

/// The usage of a whole answer; the rest of the body is skipped over.
pub(super) fn usage_of(body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Whole<'a> {
        usage: Option<Report>,
        #[serde(borrow)]
        service_tier: Option<Text<'a>>,
    }
    let whole: Whole<'_> = serde_json::from_slice(body).ok()?;
    Some(whole.usage?.usage(tier(whole.service_tier.as_ref())))
}

/// The text of the usage in the event that shows the client the whole of it.
pub(super) fn shown(data: &str) -> Option<&str> {
    let event = members(data).ok()?;
    let find = |name: &str| event.iter().find(|member| member.name == name).map(|member| member.value);
    find("event_type").filter(|kind| *kind == "\"interaction.completed\"")?;
    let interaction = members(find("interaction")?).ok()?;
    interaction.iter().find(|member| member.name == "usage" && member.value.starts_with('{')).map(|usage| usage.value)
}

/// The `usage` member, written: the vendor's fields, and what it cost.
#[derive(Serialize)]
pub(super) struct Member {
    total_tokens: u64,
    total_input_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    input_tokens_by_modality: Vec<Modality>,
    total_cached_tokens: u64,
    total_output_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    output_tokens_by_modality: Vec<Modality>,
    total_tool_use_tokens: u64,
    total_thought_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct Modality {
    modality: &'static str,
    tokens: u64,
}

/// The `usage` member for these counts.
pub(super) fn write(usage: &Usage, cost: Option<Cost>) -> Member {
    // OpenRouter reports more reasoning than output in some answers.
    let thought = usage.reasoning.min(usage.output);
    let output = usage.output - thought;
    Member {
        total_tokens: usage.total(),
        total_input_tokens: usage.prompt(),
        input_tokens_by_modality: modalities(usage.prompt(), usage.audio_input),
        total_cached_tokens: usage.cached,
        total_output_tokens: output,
        output_tokens_by_modality: modalities(output, usage.audio_output),
        total_tool_use_tokens: 0,
        total_thought_tokens: thought,
        // The decimal text itself: a float would round it.
        cost: cost.and_then(|cost| RawValue::from_string(cost.total().to_string()).ok()),
    }
}

/// Counts by modality, where one of them is sound.
fn modalities(all: u64, audio: u64) -> Vec<Modality> {
    if audio == 0 {
        return Vec::new();
    }
    let text = Modality { modality: "text", tokens: all.saturating_sub(audio) };
    vec![text, Modality { modality: "audio", tokens: audio }]
}

#[cfg(test)]
mod tests {
    use tollgate_api::Money;

    use super::*;

    fn read(json: &str) -> Usage {
        serde_json::from_str::<Report>(json).expect("a report").usage(Tier::Standard)
    }

    #[test]
    fn thoughts_are_not_free() {
        let usage = read(
            r#"{"total_tokens":148,"total_input_tokens":7,"total_cached_tokens":0,"total_output_tokens":26,
                "total_tool_use_tokens":0,"total_thought_tokens":115}"#,
        );
        assert_eq!((usage.input, usage.output, usage.reasoning, usage.total()), (7, 141, 115, 148));
    }

    #[test]
    fn what_the_vendors_tools_read_is_input() {
        let usage = read(
            r#"{"total_tokens":1373,"total_input_tokens":22,"total_output_tokens":973,"total_tool_use_tokens":129,
                "total_thought_tokens":249}"#,
        );
        assert_eq!((usage.input, usage.output, usage.total()), (151, 1222, 1373));
    }

    #[test]
    fn cached_tokens_are_not_billed_as_fresh_input() {
        let usage = read(
            r#"{"total_input_tokens":100,"total_cached_tokens":80,
                "input_tokens_by_modality":[{"modality":"text","tokens":50},{"modality":"audio","tokens":50}],
                "cached_tokens_by_modality":[{"modality":"audio","tokens":40}]}"#,
        );
        assert_eq!((usage.input, usage.cached, usage.audio_input, usage.prompt()), (20, 80, 10, 100));
    }

    #[test]
    fn tokens_that_only_the_total_counts_are_not_free() {
        let usage = read(r#"{"total_tokens":100,"total_input_tokens":10,"total_output_tokens":20}"#);
        assert_eq!((usage.input, usage.output), (10, 90));
    }

    #[test]
    fn impossible_counts_saturate() {
        let most = u64::MAX;
        let usage = read(&format!(
            r#"{{"total_tokens":-1,"total_input_tokens":5,"total_cached_tokens":9,"total_output_tokens":{most},
                "total_thought_tokens":{most},"total_tool_use_tokens":{most},"input_tokens_by_modality":[{{}}]}}"#
        ));
        assert_eq!((usage.input, usage.cached, usage.output), (most, 9, most));
    }

    #[test]
    fn what_is_written_reads_back_and_the_cost_is_a_plain_decimal() {
        let usage = Usage {
            input: 10,
            cached: 2,
            output: 16,
            reasoning: 3,
            audio_input: 4,
            audio_output: 5,
            source: UsageSource::Reported,
            ..Usage::default()
        };
        let cost = Cost { input: Money::from_nano(1), output: Money::from_nano(450_000) };
        let json = serde_json::to_string(&write(&usage, Some(cost))).expect("JSON");
        assert_eq!(read(&json), usage);
        assert!(json.contains(r#""cost":0.000450001"#), "{json}");
        let odd = Usage { output: 1, reasoning: 9, ..usage };
        assert_eq!(read(&serde_json::to_string(&write(&odd, None)).expect("JSON")).output, 1);
    }

    #[test]
    fn the_usage_is_shown_in_the_last_event_only() {
        let last = r#"{"interaction":{"usage":{"total_tokens":1},"id":"i"},"event_type":"interaction.completed"}"#;
        assert_eq!(shown(last), Some(r#"{"total_tokens":1}"#));
        for other in [
            r#"{"event_type":"interaction.status_update","usage":{"total_tokens":1}}"#,
            r#"{"event_type":"interaction.completed","interaction":{"usage":null}}"#,
            r#"{"event_type":"interaction.completed"}"#,
            "[DONE]",
        ] {
            assert_eq!(shown(other), None, "{other}");
        }
    }
}
