//! How fast, and for how much, a vendor serves a request: its service tier. What each is called at
//! a vendor is for the dialects to know.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The tier at which a request was served, and by which it is priced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// The ordinary one: what a vendor calls `default`, `standard` or `on_demand`, or does not name.
    #[default]
    Standard,
    /// Cheaper, when there is room.
    Flex,
    /// Dearer, and sooner.
    Priority,
    /// In bulk, within a day.
    Batch,
    /// The same model on faster machines (Anthropic's `speed: fast`).
    Fast,
    /// OpenAI's fastest.
    Ultrafast,
}

impl Tier {
    /// Every tier, in declaration order.
    pub const ALL: [Self; 6] = [Self::Standard, Self::Flex, Self::Priority, Self::Batch, Self::Fast, Self::Ultrafast];

    /// The word used in configuration, headers, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Batch => "batch",
            Self::Fast => "fast",
            Self::Ultrafast => "ultrafast",
        }
    }

    /// The tier that a vendor's word stands for; a word that nobody knows is the ordinary one.
    ///
    /// OpenAI may answer `priority` to `fast`, so its `fast` is that too. Anthropic's fast mode is no
    /// tier of that name, and is read where its usage is.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        const WORDS: [(&str, Tier); 5] = [
            ("flex", Tier::Flex),
            ("priority", Tier::Priority),
            ("fast", Tier::Priority),
            ("batch", Tier::Batch),
            ("ultrafast", Tier::Ultrafast),
        ];
        // Every answer has one: without a search and without a copy.
        let word = word.strip_prefix("ON_DEMAND_").unwrap_or(word);
        WORDS.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)).map_or(Self::Standard, |(_, tier)| *tier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendors_word_for_a_tier_is_read() {
        for (word, tier) in [
            ("default", Tier::Standard),
            ("standard", Tier::Standard),
            ("on_demand", Tier::Standard),
            ("ON_DEMAND", Tier::Standard),
            ("STANDARD", Tier::Standard),
            ("flex", Tier::Flex),
            ("ON_DEMAND_FLEX", Tier::Flex),
            ("ON_DEMAND_PRIORITY", Tier::Priority),
            ("fast", Tier::Priority),
            ("ultrafast", Tier::Ultrafast),
            ("batch", Tier::Batch),
            ("", Tier::Standard),
        ] {
            assert_eq!(Tier::of_word(word), tier, "{word}");
        }
    }
}
