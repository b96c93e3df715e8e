//! Whose model stands behind an id at Bedrock, and what it takes beside what all take.
//!
//! Converse is one API over many vendors' models: what it passes on to them untouched is spelled as
//! each wants it, and what one of them refuses is left out.

use crate::anthropic::Version;

/// What an ARN is of, where it names a customer's own thing and no model.
const UNTELLING: [&str; 6] =
    ["application-inference-profile/", "custom-model", "endpoint/", "imported-model/", "prompt", "provisioned-model/"];

/// Whose model it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Anthropic's, of this version.
    Claude(Version),
    /// Amazon's own.
    Nova {
        /// Whether it can be told how hard to think.
        thinks: bool,
    },
    /// OpenAI's and Moonshot's, which take OpenAI's words.
    OpenAi,
    /// Somebody else's.
    Other,
    /// A profile of the customer's own: its ARN does not say.
    Unknown,
}

impl Family {
    /// The family of the model with this id, name or ARN.
    pub(super) fn of(model: &str) -> Self {
        let says = |word: &str| model.contains(word);
        if says("claude") {
            Self::Claude(Version::of(model))
        } else if says("amazon.nova") {
            Self::Nova { thinks: says("amazon.nova-2") }
        } else if says("openai.") || says("moonshot") {
            Self::OpenAi
        } else if UNTELLING.iter().any(|word| says(word)) {
            Self::Unknown
        } else {
            Self::Other
        }
    }

    /// Whether it takes marks of where to cache; and among its tools.
    pub(super) fn caches(self, tools: bool) -> bool {
        match self {
            Self::Claude(version) => version >= Version(3, 5),
            Self::Nova { .. } => !tools,
            Self::Unknown => true,
            Self::OpenAi | Self::Other => false,
        }
    }

    /// Whether what is cached may be kept for an hour.
    pub(super) fn caches_for_an_hour(self) -> bool {
        matches!(self, Self::Claude(version) if version >= Version(4, 5))
    }

    /// Whether arguments can be held to their schema.
    pub(super) fn is_strict(self) -> bool {
        match self {
            Self::Claude(version) => version >= Version(4, 5),
            Self::OpenAi | Self::Unknown => true,
            Self::Nova { .. } | Self::Other => false,
        }
    }

    /// Whether it is told that a tool failed.
    pub(super) fn knows_failure(self) -> bool {
        matches!(self, Self::Claude(_) | Self::Nova { .. } | Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_id_names_its_family() {
        let claude = |major, minor| Family::Claude(Version(major, minor));
        let table = [
            ("anthropic.claude-3-5-sonnet-20240620-v1:0", claude(3, 5)),
            ("us.anthropic.claude-haiku-4-5-20251001-v1:0", claude(4, 5)),
            ("anthropic.claude-sonnet-4-20250514-v1:0", claude(4, 0)),
            ("global.anthropic.claude-opus-5", claude(5, 0)),
            ("anthropic.claude-instant-v1", claude(u32::MAX, 0)),
            ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-8-20260601-v1:0", claude(4, 8)),
            ("amazon.nova-lite-v1:0", Family::Nova { thinks: false }),
            ("us.amazon.nova-2-lite-v1:0", Family::Nova { thinks: true }),
            ("openai.gpt-oss-120b-1:0", Family::OpenAi),
            ("moonshot.kimi-k2-thinking", Family::OpenAi),
            ("us.deepseek.r1-v1:0", Family::Other),
            ("meta.llama3-3-70b-instruct-v1:0", Family::Other),
            ("arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-3-70b-instruct-v1:0", Family::Other),
            ("arn:aws:bedrock:us-east-1:1:inference-profile/us.meta.llama3-3-70b-instruct-v1:0", Family::Other),
            ("arn:aws:bedrock:us-east-1:1:application-inference-profile/a1b2c3", Family::Unknown),
            ("arn:aws:bedrock:us-east-1:1:provisioned-model/a1b2c3", Family::Unknown),
        ];
        for (model, family) in table {
            assert_eq!(Family::of(model), family, "{model}");
        }
    }
}
