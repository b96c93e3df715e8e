//! What Amazon says of an `InvokeModel`: the counts in the head of a whole answer, and in the last chunk of a
//! streamed one. The body between is the model's own and differs from maker to maker.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use serde::Deserialize;
use tollgate_api::{Tier, Usage, UsageSource};

use crate::json::Count;

/// The headers, in Amazon's words (seen with Anthropic's and Amazon's models).
const INPUT: &str = "x-amzn-bedrock-input-token-count";
const OUTPUT: &str = "x-amzn-bedrock-output-token-count";
const READ: &str = "x-amzn-bedrock-cache-read-input-token-count";
const WRITE: &str = "x-amzn-bedrock-cache-write-input-token-count";
const TIER: &str = "x-amzn-bedrock-service-tier";

/// The usage that a head reports. Amazon's input leaves cached tokens out, as ours does.
pub(super) fn in_head<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Usage> {
    let count = |name: &str| header(name).and_then(|text| text.trim().parse::<u64>().ok());
    let (input, output) = (count(INPUT), count(OUTPUT));
    input.or(output)?;
    Some(Usage {
        input: input.unwrap_or_default(),
        cached: count(READ).unwrap_or_default(),
        cache_write: count(WRITE).unwrap_or_default(),
        output: output.unwrap_or_default(),
        tier: header(TIER).map(Tier::of_word).unwrap_or_default(),
        source: UsageSource::Reported,
        ..Usage::default()
    })
}

/// The chunks of a streamed answer, as far as they tell what was used.
#[derive(Debug, Default)]
pub(super) struct Invoked {
    /// Written to the cache for an hour: Anthropic's models alone say so, and Amazon's own sum does not.
    hour: u64,
    metrics: Option<Metrics>,
}

/// What the last chunk of every model carries beside its own members.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metrics {
    input_token_count: Option<Count>,
    output_token_count: Option<Count>,
    cache_read_input_token_count: Option<Count>,
    cache_write_input_token_count: Option<Count>,
}

impl Invoked {
    /// Takes the payload of a frame: the model's own chunk, wrapped.
    pub(super) fn read(&mut self, payload: &[u8]) {
        #[derive(Deserialize)]
        struct Wrapped<'a> {
            bytes: &'a str,
        }
        let wrapped = serde_json::from_slice::<Wrapped<'_>>(payload).ok();
        let Some(chunk) = wrapped.and_then(|wrapped| STANDARD.decode(wrapped.bytes).ok()) else { return };
        let tells =
            [&b"invocationMetrics"[..], b"ephemeral_1h"].iter().any(|word| memmem::find(&chunk, word).is_some());
        if tells {
            self.told(&chunk);
        }
    }

    fn told(&mut self, chunk: &[u8]) {
        #[derive(Deserialize)]
        struct Chunk {
            #[serde(rename = "amazon-bedrock-invocationMetrics")]
            metrics: Option<Metrics>,
            message: Option<Message>,
        }
        #[derive(Deserialize)]
        struct Message {
            usage: Option<Begun>,
        }
        #[derive(Deserialize)]
        struct Begun {
            cache_creation: Option<Written>,
        }
        #[derive(Deserialize)]
        struct Written {
            ephemeral_1h_input_tokens: Option<Count>,
        }
        let Ok(Chunk { metrics, message }) = serde_json::from_slice(chunk) else { return };
        self.metrics = metrics.or(self.metrics);
        let written = message.and_then(|message| message.usage?.cache_creation?.ephemeral_1h_input_tokens);
        self.hour = written.map_or(self.hour, |count| count.0);
    }

    /// The counts, if they came.
    pub(super) fn usage(&self) -> Option<Usage> {
        let metrics = self.metrics?;
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        let written = count(metrics.cache_write_input_token_count);
        let hour = self.hour.min(written);
        Some(Usage {
            input: count(metrics.input_token_count),
            cached: count(metrics.cache_read_input_token_count),
            cache_write: written - hour,
            cache_write_1h: hour,
            output: count(metrics.output_token_count),
            source: UsageSource::Reported,
            ..Usage::default()
        })
    }
}
