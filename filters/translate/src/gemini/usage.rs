//! Tokens as Gemini counts them.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_api::{Cost, Tier, Usage, UsageSource};

use crate::json::{Count, Text};

/// The `usageMetadata` member, read. Nearly every chunk has one, and each counts from the start.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Report<'a> {
    prompt_token_count: Option<Count>,
    cached_content_token_count: Option<Count>,
    candidates_token_count: Option<Count>,
    thoughts_token_count: Option<Count>,
    tool_use_prompt_token_count: Option<Count>,
    #[serde(borrow)]
    prompt_tokens_details: Option<Vec<Modality<'a>>>,
    #[serde(borrow)]
    cache_tokens_details: Option<Vec<Modality<'a>>>,
    #[serde(borrow)]
    candidates_tokens_details: Option<Vec<Modality<'a>>>,
    #[serde(borrow)]
    tool_use_prompt_tokens_details: Option<Vec<Modality<'a>>>,
    #[serde(borrow)]
    service_tier: Option<Text<'a>>,
    /// Vertex's word for the tier.
    #[serde(borrow)]
    traffic_type: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Modality<'a> {
    #[serde(borrow)]
    modality: Option<Text<'a>>,
    token_count: Option<Count>,
}

impl Report<'_> {
    /// The counts, if there are any: Vertex's first chunks name the traffic alone.
    ///
    /// The prompt holds the cached tokens; what tools fetched for the model is input beside it; and
    /// the candidates leave the thoughts out.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.prompt_token_count.or(self.candidates_token_count)?;
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        let cached = count(self.cached_content_token_count);
        let thoughts = count(self.thoughts_token_count);
        let fresh = count(self.prompt_token_count).saturating_sub(cached);
        let input = fresh.saturating_add(count(self.tool_use_prompt_token_count));
        let output = count(self.candidates_token_count).saturating_add(thoughts);
        let heard = audio(&self.prompt_tokens_details).saturating_add(audio(&self.tool_use_prompt_tokens_details));
        let tier = self.service_tier.as_ref().or(self.traffic_type.as_ref());
        Some(Usage {
            input,
            cached,
            output,
            reasoning: thoughts,
            audio_input: heard.saturating_sub(audio(&self.cache_tokens_details)).min(input),
            audio_output: audio(&self.candidates_tokens_details).min(output),
            tier: tier.map_or(Tier::Standard, |word| Tier::of_word(&word.0)),
            source: UsageSource::Reported,
            ..Usage::default()
        })
    }
}

fn audio(details: &Option<Vec<Modality<'_>>>) -> u64 {
    let is_audio = |one: &&Modality<'_>| one.modality.as_ref().is_some_and(|modality| modality.0 == "AUDIO");
    let counts = details.iter().flatten().filter(is_audio).map(|one| one.token_count.unwrap_or_default().0);
    counts.fold(0, u64::saturating_add)
}

/// The usage of a whole answer; the rest of the body is skipped over.
pub(super) fn usage_of(body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Whole<'a> {
        #[serde(borrow)]
        usage_metadata: Option<Report<'a>>,
    }
    serde_json::from_slice::<Whole<'_>>(body).ok()?.usage_metadata?.usage()
}

/// The usage in the chunk that says why the answer ended: nothing is counted after it.
pub(super) fn shown(data: &str) -> Option<&str> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Chunk<'a> {
        candidates: Option<Vec<Candidate>>,
        prompt_feedback: Option<IgnoredAny>,
        #[serde(borrow)]
        usage_metadata: Option<&'a RawValue>,
    }
    // Most chunks say neither, and need no second reading.
    if !data.contains("finishReason") && !data.contains("promptFeedback") {
        return None;
    }
    let chunk: Chunk<'_> = serde_json::from_str(data).ok()?;
    let ended = chunk.candidates.iter().flatten().any(Candidate::ended);
    chunk.usage_metadata.filter(|_| ended || chunk.prompt_feedback.is_some()).map(RawValue::get)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Content {
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    executable_code: Option<IgnoredAny>,
}

impl Candidate {
    /// Whether it said why it stopped, and means it: code that is yet to run is not the end.
    fn ended(&self) -> bool {
        let parts = self.content.as_ref().and_then(|content| content.parts.as_deref()).unwrap_or_default();
        self.finish_reason.is_some() && parts.last().is_none_or(|part| part.executable_code.is_none())
    }
}

/// The `usageMetadata` member, written, with what it cost: Google's clients pass over members that
/// they do not know.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    prompt_token_count: u64,
    candidates_token_count: u64,
    total_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cached_content_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    thoughts_token_count: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    prompt_tokens_details: Vec<Said>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates_tokens_details: Vec<Said>,
    service_tier: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    modality: &'static str,
    token_count: u64,
}

/// The `usageMetadata` member for these counts.
pub(super) fn write(usage: &Usage, cost: Option<Cost>) -> Member {
    let candidates = usage.output.saturating_sub(usage.reasoning);
    Member {
        prompt_token_count: usage.prompt(),
        candidates_token_count: candidates,
        total_token_count: usage.total(),
        cached_content_token_count: usage.cached,
        thoughts_token_count: usage.output - candidates,
        prompt_tokens_details: details(usage.prompt(), usage.audio_input),
        candidates_tokens_details: details(candidates, usage.audio_output),
        service_tier: usage.tier.as_str(),
        // The decimal text itself: a float would round it.
        cost: cost.and_then(|cost| RawValue::from_string(cost.total().to_string()).ok()),
    }
}

/// What was heard or spoken, and the rest; nothing where all is text.
fn details(all: u64, audio: u64) -> Vec<Said> {
    let text = Said { modality: "TEXT", token_count: all.saturating_sub(audio) };
    let audio = Said { modality: "AUDIO", token_count: audio };
    if audio.token_count == 0 { Vec::new() } else { vec![text, audio] }
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use tollgate_api::Money;

    use super::*;

    fn read(json: &str) -> Usage {
        serde_json::from_str::<Report<'_>>(json).expect("a report").usage().expect("counts")
    }

    #[test]
    fn thoughts_are_billed_as_output() {
        let usage =
            read(r#"{"promptTokenCount":9,"candidatesTokenCount":23,"totalTokenCount":334,"thoughtsTokenCount":302}"#);
        assert_eq!((usage.input, usage.output, usage.reasoning, usage.total()), (9, 325, 302, 334));
    }

    #[test]
    fn what_tools_fetched_is_billed_as_input_beside_the_prompt() {
        let usage = read(
            r#"{"promptTokenCount":50,"toolUsePromptTokenCount":200,"candidatesTokenCount":7,
                "cachedContentTokenCount":30,"totalTokenCount":257}"#,
        );
        assert_eq!((usage.input, usage.cached, usage.total()), (220, 30, 257));
    }

    #[test]
    fn audio_is_told_apart_from_text() {
        let usage = read(
            r#"{"promptTokenCount":100,"cachedContentTokenCount":20,"candidatesTokenCount":40,
                "promptTokensDetails":[{"modality":"TEXT","tokenCount":10},{"modality":"AUDIO","tokenCount":90}],
                "cacheTokensDetails":[{"modality":"AUDIO","tokenCount":20}],
                "candidatesTokensDetails":[{"modality":"AUDIO","tokenCount":40}]}"#,
        );
        assert_eq!((usage.input, usage.audio_input, usage.audio_output), (80, 70, 40));
    }

    #[test]
    fn the_tier_is_the_one_that_served() {
        for (json, tier) in [
            (r#"{"promptTokenCount":1,"serviceTier":"flex"}"#, Tier::Flex),
            (r#"{"promptTokenCount":1,"trafficType":"ON_DEMAND_PRIORITY"}"#, Tier::Priority),
            (r#"{"promptTokenCount":1,"trafficType":"PROVISIONED_THROUGHPUT"}"#, Tier::Standard),
        ] {
            assert_eq!(read(json).tier, tier, "{json}");
        }
        let alone: Report<'_> = serde_json::from_str(r#"{"trafficType":"ON_DEMAND"}"#).expect("a report");
        assert_eq!(alone.usage(), None);
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
            tier: Tier::Priority,
            source: UsageSource::Reported,
            ..Usage::default()
        };
        let cost = Cost { input: Money::from_nano(1), output: Money::from_nano(450_000) };
        let json = serde_json::to_string(&write(&usage, Some(cost))).expect("JSON");
        assert_eq!(read(&json), usage);
        assert!(json.contains(r#""cost":0.000450001"#), "{json}");
    }

    #[test]
    fn the_last_usage_of_a_stream_is_beside_the_reason_for_its_end() {
        let last = r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1}}"#;
        assert_eq!(shown(last), Some(r#"{"promptTokenCount":1}"#));
        assert_eq!(shown(r#"{"candidates":[{"index":0}],"usageMetadata":{"promptTokenCount":1}}"#), None);
        let runs = r#"{"candidates":[{"content":{"parts":[{"executableCode":{}}]},"finishReason":"STOP"}],"usageMetadata":{}}"#;
        assert_eq!(shown(runs), None);
        let blocked = r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{}}"#;
        assert_eq!(shown(blocked), Some("{}"));
    }
}
