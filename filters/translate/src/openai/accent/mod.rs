//! How vendors differ that speak OpenAI's dialect: a table with one row for each.
//!
//! A row holds what its vendor documents and what was recorded of it. What nobody knows of a vendor
//! is sent as OpenAI has it.

mod rows;

use std::fmt;

use rows::OPENAIS;

use crate::neutral::{Effort, TierAsked};

/// How one vendor speaks OpenAI's dialect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Accent(&'static Row);

/// What is known of one vendor.
#[derive(PartialEq, Eq)]
pub(super) struct Row {
    /// The word in configuration.
    name: &'static str,
    /// The name in sentences.
    pub(super) vendor: &'static str,
    /// The member that caps the output.
    pub(super) cap: Cap,
    /// How the model's reasoning is given back to it.
    pub(super) given_back: GivenBack,
    /// How the seal over the thinking that led to a call is given back.
    pub(super) seals: Seals,
    /// How effort is asked for.
    pub(super) asks: Asks,
    /// The efforts that it has words for, from the least to the greatest; `none` is apart.
    pub(super) efforts: (Effort, Effort),
    /// Its words for service tiers.
    tiers: &'static [(TierAsked, &'static str)],
    /// Whether a tier of a name that nobody here knows is passed on.
    other_tiers: bool,
    /// Which ids of calls it takes.
    pub(super) ids: Ids,
    /// How sounds and files are attached.
    pub(super) attaches: Attaches,
    /// Whether the model may be instructed once the conversation has begun: chat templates of open models, and
    /// servers that follow them, refuse a system message that is not the first.
    instructs_anywhere: bool,
    /// Whether a tool's result may hold more than text.
    pub(super) rich_results: bool,
    /// What OpenAI takes and it does not.
    lacks: &'static [&'static str],
    /// What it takes and OpenAI does not.
    also: &'static [&'static [&'static str]],
}

/// The member that caps the output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cap {
    /// The older one, which local servers and most vendors have.
    MaxTokens,
    /// OpenAI's newer one, which its reasoning models insist on.
    MaxCompletionTokens,
}

/// How the model's reasoning is given back to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenBack {
    /// Not at all: the vendor refuses it, or has no use for it.
    Nowhere,
    /// As `thinking_blocks`, as gateways have them.
    Blocks,
    /// As `reasoning_content`.
    Content,
    /// As `reasoning_content`, which every turn that calls tools must have, even an empty one.
    ContentOfCalls,
    /// As `reasoning`.
    Reasoning,
    /// As OpenRouter's `reasoning_details`.
    Details,
    /// As a part of `content`, as Mistral has it.
    Part,
}

/// How the seal over the thinking that led to a call is given back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seals {
    /// Not beside the call.
    Nowhere,
    /// In Google's `extra_content`, Google's own alone; Google refuses a call without.
    Googles,
    /// In Google's `extra_content`, whosever it is: for another gateway.
    Any,
}

/// How effort is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// By `reasoning_effort` alone.
    Effort,
    /// The same, and what was said in Anthropic's `thinking` is passed on: for another gateway.
    EffortOrAsGiven,
    /// By `reasoning_effort`, and `reasoning_format` so that it is told apart from the answer.
    EffortAndFormat,
    /// By `reasoning_effort`, and `reasoning: {enabled: false}` for none.
    EffortOrNot,
    /// By `thinking: {type}`, and `reasoning_effort` for how much.
    Switch,
    /// The same, and it gives way to a tool that must be called.
    SwitchUnlessForced,
    /// By OpenRouter's `reasoning: {effort, max_tokens}`.
    Reasoning,
}

/// Which ids of calls a vendor takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids {
    /// Any.
    Free,
    /// Up to 40 characters.
    Short,
    /// Exactly nine letters and digits.
    Nine,
}

/// How sounds and files are attached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Attaches {
    /// As OpenAI has it: the bytes, in `input_audio` with their format, and in `file`.
    Bytes,
    /// The same, and a file may be a URL, a film a `video_url`.
    BytesAndPlaces,
    /// As Mistral has it: `input_audio` is a text, a file a `document_url`.
    Mistral,
}

impl Accent {
    /// Any server that speaks the dialect.
    pub const GENERIC: Self = Self(&rows::GENERIC);
    /// OpenAI itself.
    pub const OPENAI: Self = Self(&rows::OPENAI);
    /// Azure OpenAI.
    pub const AZURE: Self = Self(&rows::AZURE);
    /// Mistral.
    pub const MISTRAL: Self = Self(&rows::MISTRAL);
    /// Groq.
    pub const GROQ: Self = Self(&rows::GROQ);
    /// DeepSeek.
    pub const DEEPSEEK: Self = Self(&rows::DEEPSEEK);
    /// xAI.
    pub const XAI: Self = Self(&rows::XAI);
    /// Z.AI.
    pub const ZAI: Self = Self(&rows::ZAI);
    /// DeepInfra.
    pub const DEEPINFRA: Self = Self(&rows::DEEPINFRA);
    /// Together.
    pub const TOGETHER: Self = Self(&rows::TOGETHER);
    /// OpenRouter.
    pub const OPENROUTER: Self = Self(&rows::OPENROUTER);
    /// Gemini's OpenAI surface.
    pub const GEMINI: Self = Self(&rows::GEMINI);
    /// Ollama.
    pub const OLLAMA: Self = Self(&rows::OLLAMA);
    /// vLLM.
    pub const VLLM: Self = Self(&rows::VLLM);
    /// llama.cpp, and LM Studio, which is built on it.
    pub const LLAMACPP: Self = Self(&rows::LLAMACPP);

    /// Every accent.
    pub const ALL: [Self; 15] = [
        Self::GENERIC,
        Self::OPENAI,
        Self::AZURE,
        Self::MISTRAL,
        Self::GROQ,
        Self::DEEPSEEK,
        Self::XAI,
        Self::ZAI,
        Self::DEEPINFRA,
        Self::TOGETHER,
        Self::OPENROUTER,
        Self::GEMINI,
        Self::OLLAMA,
        Self::VLLM,
        Self::LLAMACPP,
    ];

    /// The accent of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|accent| accent.as_str() == name)
    }

    /// Whether the output is capped by `max_completion_tokens`, OpenAI's newer member, rather than by
    /// `max_tokens`.
    #[must_use]
    pub fn caps_by_newer_member(self) -> bool {
        self.0.cap == Cap::MaxCompletionTokens
    }

    /// Whether a system message may stand anywhere in a conversation.
    pub(crate) fn instructs_anywhere(self) -> bool {
        self.0.instructs_anywhere
    }

    /// The word used in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0.name
    }

    pub(super) fn row(self) -> &'static Row {
        self.0
    }

    /// Whether it takes this member, or this way to say something.
    pub(super) fn takes(self, member: &str) -> bool {
        let also = || self.0.also.iter().any(|list| list.contains(&member));
        !self.0.lacks.contains(&member) && (OPENAIS.contains(&member) || also())
    }

    /// Its word for a tier. A vendor that has no tiers serves the ordinary one unasked.
    pub(crate) fn tier(self, asked: &TierAsked) -> Tier {
        if let Some((_, word)) = self.0.tiers.iter().find(|(tier, _)| tier == asked) {
            return Tier::Word(word);
        }
        match asked {
            TierAsked::Auto | TierAsked::Default => Tier::Unsaid,
            TierAsked::Flex | TierAsked::Priority => Tier::Missing,
            TierAsked::Other(_) if self.0.other_tiers => Tier::Given,
            TierAsked::Other(_) => Tier::Missing,
        }
    }

    /// The nearest effort that it has a word for.
    pub(super) fn effort(self, effort: Effort) -> Effort {
        let (least, greatest) = self.0.efforts;
        if effort == Effort::None { effort } else { effort.clamp(least, greatest) }
    }
}

/// What becomes of a tier that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// This word is sent.
    Word(&'static str),
    /// The word that was given is sent.
    Given,
    /// Nothing is sent, and the tier is what it would be.
    Unsaid,
    /// There is no such tier.
    Missing,
}

impl Default for Accent {
    fn default() -> Self {
        Self::GENERIC
    }
}

impl fmt::Debug for Accent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accent_is_found_by_its_name_and_by_no_other() {
        for accent in Accent::ALL {
            assert_eq!(Accent::named(accent.as_str()), Some(accent));
        }
        assert_eq!(Accent::named(""), None);
    }

    #[test]
    fn what_a_vendor_lacks_it_does_not_take_and_what_it_lacks_is_openais() {
        for accent in Accent::ALL {
            for member in accent.row().lacks {
                assert!(OPENAIS.contains(member) && !accent.takes(member), "{accent:?} {member}");
            }
        }
        assert!(Accent::MISTRAL.takes("random_seed") && !Accent::OPENAI.takes("random_seed"));
        assert!(!Accent::GENERIC.takes("context_management") && !Accent::GENERIC.takes("safetySettings"));
    }

    #[test]
    fn tiers_are_said_in_each_vendors_words() {
        use TierAsked::*;
        for (accent, asked, said) in [
            (Accent::OPENAI, Flex, Tier::Word("flex")),
            (Accent::OPENAI, Other("ultrafast".into()), Tier::Given),
            (Accent::GROQ, Default, Tier::Word("on_demand")),
            (Accent::GROQ, Priority, Tier::Missing),
            (Accent::MISTRAL, Default, Tier::Word("standard_only")),
            (Accent::MISTRAL, Flex, Tier::Missing),
            (Accent::XAI, Auto, Tier::Unsaid),
            (Accent::XAI, Priority, Tier::Word("priority")),
            (Accent::DEEPSEEK, Auto, Tier::Unsaid),
            (Accent::VLLM, Flex, Tier::Missing),
        ] {
            assert_eq!(accent.tier(&asked), said, "{accent:?} {asked:?}");
        }
    }

    #[test]
    fn an_effort_without_a_word_becomes_the_nearest() {
        assert_eq!(Accent::GROQ.effort(Effort::Max), Effort::High);
        assert_eq!(Accent::GROQ.effort(Effort::Minimal), Effort::Low);
        assert_eq!(Accent::GROQ.effort(Effort::None), Effort::None);
        assert_eq!(Accent::OPENAI.effort(Effort::Max), Effort::Max);
    }
}
