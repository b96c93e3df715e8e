//! Tokens as OpenAI's dialect counts them, vendors' variations included.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use tollgate_api::{Cost, Tier, Usage, UsageSource};

use crate::json::{Count, Text};

/// The `usage` member, read.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Report {
    prompt_tokens: Option<Count>,
    completion_tokens: Option<Count>,
    total_tokens: Option<Count>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek's word for what was cached.
    prompt_cache_hit_tokens: Option<Count>,
    /// Anthropic's words, as gateways add them (ours too).
    cache_read_input_tokens: Option<Count>,
    cache_creation_input_tokens: Option<Count>,
    cache_creation: Option<Written>,
    /// Copilot's place for it.
    reasoning_tokens: Option<Count>,
    /// Mistral's place for it.
    service_tier: Option<Word>,
}

/// A tier, whatever it is called.
#[derive(Clone, Copy, Debug)]
struct Word(Tier);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(Tier::of_word(&Text::deserialize(from)?.0)))
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Option<Count>,
    cache_write_tokens: Option<Count>,
    audio_tokens: Option<Count>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Option<Count>,
    audio_tokens: Option<Count>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Written {
    ephemeral_1h_input_tokens: Option<Count>,
}

impl Report {
    /// The counts, served at this tier unless they say otherwise. `prompt_tokens` holds the cached
    /// ones too; ours are apart.
    pub(super) fn usage(&self, tier: Option<Tier>) -> Usage {
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        let details = self.prompt_tokens_details.unwrap_or_default();
        let said = self.completion_tokens_details.unwrap_or_default();
        let cached = details.cached_tokens.or(self.prompt_cache_hit_tokens).or(self.cache_read_input_tokens);
        let written = count(details.cache_write_tokens.or(self.cache_creation_input_tokens));
        let hour = count(self.cache_creation.unwrap_or_default().ephemeral_1h_input_tokens).min(written);
        let (prompt, completion) = (count(self.prompt_tokens), count(self.completion_tokens));
        let (audio, thought) = self.unsaid(count(details.audio_tokens));
        let fresh = prompt.saturating_sub(count(cached)).saturating_sub(written);
        let (input, output) = (fresh.saturating_add(audio), completion.saturating_add(thought));
        Usage {
            input,
            cached: count(cached),
            cache_write: written - hour,
            cache_write_1h: hour,
            output,
            // OpenRouter and doubleword were seen to report more of a part than of the whole.
            reasoning: count(said.reasoning_tokens.or(self.reasoning_tokens)).min(output),
            audio_input: count(details.audio_tokens).min(input),
            audio_output: count(said.audio_tokens).min(output),
            tier: self.service_tier.map(|word| word.0).or(tier).unwrap_or_default(),
            source: UsageSource::Reported,
        }
    }

    /// What `total_tokens` counts beyond the other two: audio that Mistral leaves out of the
    /// prompt, or thoughts that Gemini and xAI leave out of the completion.
    fn unsaid(&self, audio: u64) -> (u64, u64) {
        let said = [self.prompt_tokens, self.completion_tokens];
        let said = said.iter().fold(0, |sum: u64, part| sum.saturating_add(part.unwrap_or_default().0));
        let beyond = self.total_tokens.map_or(0, |total| total.0.saturating_sub(said));
        if audio > 0 && beyond == audio { (audio, 0) } else { (0, beyond) }
    }
}

/// What Groq says beside an answer: the same usage again, or the only one.
#[derive(Deserialize)]
pub(super) struct Groq {
    pub(super) usage: Option<Report>,
}

/// What llama.cpp measured of an answer.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Timings {
    cache_n: Option<Count>,
    prompt_n: Count,
    predicted_n: Count,
}

impl Timings {
    /// The counts in it.
    pub(super) fn usage(self) -> Usage {
        Usage {
            input: self.prompt_n.0,
            cached: self.cache_n.unwrap_or_default().0,
            output: self.predicted_n.0,
            source: UsageSource::Reported,
            ..Usage::default()
        }
    }
}

/// The usage of a whole answer, or of a chunk; the rest of the body is skipped over.
pub(super) fn usage_of(body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Whole {
        usage: Option<Report>,
        service_tier: Option<Word>,
        x_groq: Option<Groq>,
        timings: Option<Timings>,
    }
    let Whole { usage, service_tier, x_groq, timings } = serde_json::from_slice(body).ok()?;
    // By reference: to choose one by value took 8,000 instructions, bit by bit.
    let report = usage.as_ref().or(x_groq.as_ref().and_then(|groq| groq.usage.as_ref()));
    let usage = report.map(|report| report.usage(service_tier.map(|word| word.0)));
    usage.or_else(|| timings.map(Timings::usage))
}

/// OpenAI's word for the tier at which an answer was served.
pub(super) fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Standard => "default",
        other => other.as_str(),
    }
}

/// The `usage` member, written: OpenAI's fields, Anthropic's cache fields as LiteLLM's users know
/// them, and what it cost.
#[derive(Serialize)]
pub(super) struct Member {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptParts,
    completion_tokens_details: CompletionParts,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation: Option<Lifetimes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct PromptParts {
    cached_tokens: u64,
    audio_tokens: u64,
}

#[derive(Serialize)]
struct CompletionParts {
    reasoning_tokens: u64,
    audio_tokens: u64,
}

#[derive(Serialize)]
struct Lifetimes {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

/// The `usage` member for these counts.
pub(super) fn write(usage: &Usage, cost: Option<Cost>) -> Member {
    let lifetimes =
        Lifetimes { ephemeral_5m_input_tokens: usage.cache_write, ephemeral_1h_input_tokens: usage.cache_write_1h };
    Member {
        prompt_tokens: usage.prompt(),
        completion_tokens: usage.output,
        total_tokens: usage.total(),
        prompt_tokens_details: PromptParts { cached_tokens: usage.cached, audio_tokens: usage.audio_input },
        completion_tokens_details: CompletionParts {
            reasoning_tokens: usage.reasoning,
            audio_tokens: usage.audio_output,
        },
        cache_creation_input_tokens: usage.cache_write.saturating_add(usage.cache_write_1h),
        cache_read_input_tokens: usage.cached,
        cache_creation: (usage.cache_write_1h > 0).then_some(lifetimes),
        // The decimal text itself: a float would round it.
        cost: cost.and_then(|cost| RawValue::from_string(cost.total().to_string()).ok()),
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
    fn cached_tokens_are_not_billed_as_fresh_input() {
        let table = [
            r#"{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":80}}"#,
            r#"{"prompt_tokens":100,"completion_tokens":1,"prompt_cache_hit_tokens":80,"prompt_cache_miss_tokens":20}"#,
            r#"{"prompt_tokens":100,"completion_tokens":1,"cache_read_input_tokens":80}"#,
        ];
        for json in table {
            let usage = read(json);
            assert_eq!((usage.input, usage.cached, usage.prompt()), (20, 80, 100), "{json}");
        }
    }

    #[test]
    fn tokens_that_only_the_total_counts_are_not_free() {
        let gemini = read(r#"{"prompt_tokens":35,"completion_tokens":12,"total_tokens":109}"#);
        assert_eq!((gemini.input, gemini.output), (35, 74));
        let mistral = read(
            r#"{"prompt_tokens":11,"completion_tokens":15,"total_tokens":401,
                "prompt_tokens_details":{"audio_tokens":375}}"#,
        );
        assert_eq!((mistral.input, mistral.output), (386, 15));
    }

    #[test]
    fn impossible_counts_saturate() {
        let usage = read(r#"{"prompt_tokens":-5,"prompt_tokens_details":{"cached_tokens":9,"cache_write_tokens":9}}"#);
        assert_eq!((usage.input, usage.cached, usage.cache_write), (0, 9, 9));
    }

    #[test]
    fn what_is_written_reads_back_and_the_cost_is_a_plain_decimal() {
        let usage = Usage {
            input: 1,
            cached: 2,
            cache_write: 4,
            cache_write_1h: 8,
            output: 16,
            reasoning: 3,
            source: UsageSource::Reported,
            ..Usage::default()
        };
        let cost = Cost { input: Money::from_nano(1), output: Money::from_nano(450_000) };
        let json = serde_json::to_string(&write(&usage, Some(cost))).expect("JSON");
        assert_eq!(read(&json), usage);
        assert!(json.contains(r#""cost":0.000450001"#), "{json}");
    }

    #[test]
    fn what_a_whole_answer_says_of_its_tokens_elsewhere_is_looked_at_too() {
        let timed = br#"{"timings":{"cache_n":6,"prompt_n":12,"predicted_n":5}}"#;
        assert_eq!(usage_of(timed).map(|usage| (usage.input, usage.cached, usage.output)), Some((12, 6, 5)));
        let groqs = br#"{"x_groq":{"usage":{"prompt_tokens":3,"completion_tokens":4}}}"#;
        assert_eq!(usage_of(groqs).map(|usage| (usage.input, usage.output)), Some((3, 4)));
    }
}
