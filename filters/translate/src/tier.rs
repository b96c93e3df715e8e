//! The word for a service tier in each dialect, and where it stands in a request.
//!
//! Whether a model is sold at a tier is the catalogue's to say.

use tollgate_api::{Edit, Edits};

use crate::dialect::Dialect;
use crate::neutral::TierAsked;
use crate::openai::{Accent, Tier};

/// What becomes of a tier that is asked of a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TierSaid {
    /// This word is sent.
    Word(&'static str),
    /// Nothing is sent: it is what is served anyway.
    Unsaid,
    /// The vendor has no such tier.
    Missing,
}

impl Dialect {
    /// What is said for a tier to a vendor of this dialect, that speaks OpenAI's in this accent.
    #[must_use]
    pub fn tier(self, accent: Accent, asked: &TierAsked) -> TierSaid {
        match self {
            Self::OpenAi | Self::Responses => match accent.tier(asked) {
                Tier::Word(word) => TierSaid::Word(word),
                Tier::Unsaid => TierSaid::Unsaid,
                Tier::Given | Tier::Missing => TierSaid::Missing,
            },
            _ => word(self, asked).map_or(TierSaid::Missing, TierSaid::Word),
        }
    }

    /// The edits that ask for a tier by this word, in place of whatever the client asked.
    pub fn ask_tier(self, word: &str, edits: &mut Edits) {
        let (member, value, other) = match self {
            Self::OpenAi | Self::Responses | Self::Anthropic | Self::Interactions => {
                ("service_tier", format!("\"{word}\""), None)
            }
            // Google reads either spelling.
            Self::Gemini => ("serviceTier", format!("\"{word}\""), Some("service_tier")),
            Self::Converse => ("serviceTier", format!("{{\"type\":\"{word}\"}}"), None),
        };
        edits.push(Edit { member: member.into(), value: Some(value.into()) });
        edits.extend(other.map(|member| Edit { member: member.into(), value: None }));
    }
}

/// The word of a dialect whose vendors all use the same; `None` where there is no such tier.
pub(crate) fn word(dialect: Dialect, asked: &TierAsked) -> Option<&'static str> {
    let [auto, default, flex, priority] = match dialect {
        Dialect::OpenAi | Dialect::Responses => [Some("auto"), Some("default"), Some("flex"), Some("priority")],
        // Its priority is a contract, and no longer sold: `auto` uses what is left of one.
        Dialect::Anthropic => [Some("auto"), Some("standard_only"), None, None],
        Dialect::Gemini | Dialect::Interactions => [None, Some("standard"), Some("flex"), Some("priority")],
        Dialect::Converse => [None, Some("default"), Some("flex"), Some("priority")],
    };
    match asked {
        TierAsked::Auto => auto,
        TierAsked::Default => default,
        TierAsked::Flex => flex,
        TierAsked::Priority => priority,
        TierAsked::Other(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_vendor_is_asked_in_its_own_words_and_for_nothing_that_it_has_not() {
        use TierAsked::{Auto, Default, Flex, Priority};
        use TierSaid::{Missing, Unsaid, Word};
        for (dialect, accent, said) in [
            (Dialect::OpenAi, Accent::OPENAI, [Word("auto"), Word("default"), Word("flex"), Word("priority")]),
            (Dialect::Responses, Accent::OPENAI, [Word("auto"), Word("default"), Word("flex"), Word("priority")]),
            (Dialect::OpenAi, Accent::GROQ, [Word("auto"), Word("on_demand"), Word("flex"), Missing]),
            (Dialect::OpenAi, Accent::DEEPSEEK, [Unsaid, Unsaid, Missing, Missing]),
            (Dialect::OpenAi, Accent::XAI, [Unsaid, Word("default"), Missing, Word("priority")]),
            (Dialect::Anthropic, Accent::default(), [Word("auto"), Word("standard_only"), Missing, Missing]),
            (Dialect::Gemini, Accent::default(), [Missing, Word("standard"), Word("flex"), Word("priority")]),
            (Dialect::Interactions, Accent::default(), [Missing, Word("standard"), Word("flex"), Word("priority")]),
            (Dialect::Converse, Accent::default(), [Missing, Word("default"), Word("flex"), Word("priority")]),
        ] {
            assert_eq!([Auto, Default, Flex, Priority].map(|asked| dialect.tier(accent, &asked)), said, "{dialect}");
        }
    }

    #[test]
    fn a_tier_is_asked_where_the_dialect_has_its_place() {
        let asking = |dialect: Dialect| {
            let mut edits = Edits::new();
            dialect.ask_tier("flex", &mut edits);
            edits
                .iter()
                .map(|edit| (edit.member.to_string(), edit.value.as_deref().map(str::to_owned)))
                .collect::<Vec<_>>()
        };
        let edit = |member: &str, value: Option<&str>| (member.to_owned(), value.map(str::to_owned));
        assert_eq!(asking(Dialect::Responses), [edit("service_tier", Some("\"flex\""))]);
        assert_eq!(asking(Dialect::Gemini), [edit("serviceTier", Some("\"flex\"")), edit("service_tier", None)]);
        assert_eq!(asking(Dialect::Converse), [edit("serviceTier", Some(r#"{"type":"flex"}"#))]);
    }
}
