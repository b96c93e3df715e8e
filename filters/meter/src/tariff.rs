//! A model's prices as they are written: lists for any prompt and for long ones, for each service tier.
//!
//! What a price that is left out means, and what a request costs, is said in `prices`.

use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_api::{Price, Tier};

/// US dollars per million tokens. A price left out is that of `input`, or of `output` for what comes out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tariff {
    /// Fresh input.
    pub input: Price,
    /// Output, reasoning included.
    pub output: Price,
    /// Input read from the vendor's cache.
    #[serde(default)]
    pub cached: Option<Price>,
    /// Input written to the vendor's cache.
    #[serde(default)]
    pub cache_write: Option<Price>,
    /// Input written to the vendor's cache for an hour; left out: that of `cache_write`.
    #[serde(default)]
    pub cache_write_1h: Option<Price>,
    /// Fresh input that is audio.
    #[serde(default)]
    pub audio_input: Option<Price>,
    /// Output that is audio.
    #[serde(default)]
    pub audio_output: Option<Price>,
    /// Dearer prices for long prompts, shortest first. They reprice the whole request.
    #[serde(default)]
    pub long_context: Vec<Step>,
    /// Prices of service tiers other than the standard one.
    #[serde(default)]
    pub tiers: Tiers,
}

/// A price list for each service tier that has one. A request is priced by the tier that served it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tiers {
    /// Slower and cheaper. Left out: the standard prices.
    #[serde(default)]
    pub flex: Option<TierTariff>,
    /// Whole batches, answered within a day. Left out: the standard prices.
    #[serde(default)]
    pub batch: Option<TierTariff>,
    /// Sooner and dearer. Left out: the prices of `fast`; without those, three times the standard ones.
    #[serde(default)]
    pub priority: Option<TierTariff>,
    /// Faster and dearer. Left out: the prices of `priority`; without those, seven times the standard ones.
    #[serde(default)]
    pub fast: Option<TierTariff>,
    /// Much faster and much dearer. Left out: seven times the standard ones.
    #[serde(default)]
    pub ultrafast: Option<TierTariff>,
}

/// The prices of a service tier: as those of the standard tier, and complete in themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TierTariff {
    /// Fresh input.
    pub input: Price,
    /// Output, reasoning included.
    pub output: Price,
    /// Input read from the vendor's cache.
    #[serde(default)]
    pub cached: Option<Price>,
    /// Input written to the vendor's cache.
    #[serde(default)]
    pub cache_write: Option<Price>,
    /// Input written to the vendor's cache for an hour; left out: that of `cache_write`.
    #[serde(default)]
    pub cache_write_1h: Option<Price>,
    /// Fresh input that is audio.
    #[serde(default)]
    pub audio_input: Option<Price>,
    /// Output that is audio.
    #[serde(default)]
    pub audio_output: Option<Price>,
    /// Dearer prices for long prompts, shortest first.
    #[serde(default)]
    pub long_context: Vec<Step>,
}

/// What a request costs whose whole prompt is longer than a threshold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Prompts of more tokens than this, cached ones included.
    pub above: u64,
    /// Fresh input.
    pub input: Price,
    /// Output.
    pub output: Price,
    /// Input read from the vendor's cache.
    #[serde(default)]
    pub cached: Option<Price>,
    /// Input written to the vendor's cache.
    #[serde(default)]
    pub cache_write: Option<Price>,
    /// Input written to the vendor's cache for an hour; left out: in proportion to `cache_write`.
    #[serde(default)]
    pub cache_write_1h: Option<Price>,
    /// Fresh input that is audio; left out: in proportion to `input`.
    #[serde(default)]
    pub audio_input: Option<Price>,
    /// Output that is audio; left out: in proportion to `output`.
    #[serde(default)]
    pub audio_output: Option<Price>,
}

/// One list, wherever it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) input: Price,
    pub(crate) output: Price,
    pub(crate) cached: Option<Price>,
    pub(crate) cache_write: Option<Price>,
    pub(crate) cache_write_1h: Option<Price>,
    pub(crate) audio_input: Option<Price>,
    pub(crate) audio_output: Option<Price>,
}

impl Tiers {
    /// The lists that there are, with the word that the file has for each.
    pub(crate) fn written(&self) -> impl Iterator<Item = (&'static str, &TierTariff)> {
        let Self { flex, batch, priority, fast, ultrafast } = self;
        let all = [("flex", flex), ("batch", batch), ("priority", priority), ("fast", fast), ("ultrafast", ultrafast)];
        all.into_iter().filter_map(|(word, list)| Some((word, list.as_ref()?)))
    }

    /// The list of a tier, where it has one beside the tariff's own, which is that of the standard tier.
    pub(crate) fn of(&self, tier: Tier) -> Option<&TierTariff> {
        let Self { flex, batch, priority, fast, ultrafast } = self;
        match tier {
            Tier::Standard => None,
            Tier::Flex => flex.as_ref(),
            Tier::Batch => batch.as_ref(),
            Tier::Priority => priority.as_ref(),
            Tier::Fast => fast.as_ref(),
            Tier::Ultrafast => ultrafast.as_ref(),
        }
    }
}

impl Tariff {
    /// Steps must rise in every list, or the wrong one would be taken.
    pub(crate) fn steps_rise(&self) -> bool {
        let rise = |steps: &[Step]| steps.is_sorted_by(|a, b| a.above < b.above);
        rise(&self.long_context) && self.tiers.written().all(|(_, list)| rise(&list.long_context))
    }

    pub(crate) fn written(&self) -> Written {
        let Self {
            input,
            output,
            cached,
            cache_write,
            cache_write_1h,
            audio_input,
            audio_output,
            long_context: _,
            tiers: _,
        } = *self;
        Written { input, output, cached, cache_write, cache_write_1h, audio_input, audio_output }
    }
}

impl TierTariff {
    pub(crate) fn written(&self) -> Written {
        let Self { input, output, cached, cache_write, cache_write_1h, audio_input, audio_output, long_context: _ } =
            *self;
        Written { input, output, cached, cache_write, cache_write_1h, audio_input, audio_output }
    }
}

impl Step {
    pub(crate) fn written(&self) -> Written {
        let Self { above: _, input, output, cached, cache_write, cache_write_1h, audio_input, audio_output } = *self;
        Written { input, output, cached, cache_write, cache_write_1h, audio_input, audio_output }
    }
}
