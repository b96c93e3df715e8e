//! Parts of an assistant's message that requests and answers share: thinking, and what is attached
//! to a call.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_api::{Event, Seal, Sealer};

use crate::neutral::Content;

/// Arguments as JSON text: what is in the string, or the object as it stands.
pub(super) fn argument_text(raw: &RawValue) -> String {
    match raw.get() {
        "null" => String::new(),
        text if text.starts_with('"') => serde_json::from_str(text).unwrap_or_default(),
        text => text.to_owned(),
    }
}

/// `extra_content`, in which Google's own surface of this dialect seals the thinking that led to a
/// call, and wants it back.
#[derive(Serialize, Deserialize)]
pub(super) struct Extra {
    google: Option<Google>,
}

#[derive(Serialize, Deserialize)]
struct Google {
    thought_signature: Option<String>,
}

impl Extra {
    /// With this signature.
    pub(super) fn new(signature: impl Into<String>) -> Self {
        Self { google: Some(Google { thought_signature: Some(signature.into()) }) }
    }

    /// With this seal, in Google's member whosever it is.
    pub(super) fn sealed(seal: &Seal) -> Self {
        Self::new(seal.spelled_for(Sealer::Google))
    }

    /// The seal in it.
    pub(super) fn seal(self) -> Option<Seal> {
        let signature = self.google?.thought_signature.filter(|signature| !signature.is_empty())?;
        Some(Seal::read(signature, Sealer::Google))
    }
}

/// One of `thinking_blocks`, as LiteLLM's users know them.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ThinkingBlock {
    /// Shown.
    Thinking {
        #[serde(default)]
        thinking: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// Hidden.
    RedactedThinking { data: String },
    /// Newer than this code.
    #[serde(other, skip_serializing)]
    Other,
}

impl ThinkingBlock {
    /// Thinking, written for any client.
    pub(super) fn shown(text: &str, seal: Option<&Seal>) -> Self {
        let signature = seal.map(|seal| seal.spelled_for(Sealer::Anthropic).into_owned());
        Self::Thinking { thinking: Some(text.to_owned()), signature }
    }

    /// Hidden thinking, written for any client.
    pub(super) fn hidden(seal: &Seal) -> Self {
        Self::RedactedThinking { data: seal.spelled_for(Sealer::Anthropic).into_owned() }
    }

    /// What it says, given back.
    pub(super) fn content(self) -> Option<Content> {
        match self {
            Self::Thinking { thinking, signature } => {
                let seal = signature.map(|signature| Seal::read(signature, Sealer::Anthropic));
                Some(Content::Thinking { text: thinking.unwrap_or_default(), seal })
            }
            Self::RedactedThinking { data } => Some(Content::RedactedThinking(Seal::read(data, Sealer::Anthropic))),
            Self::Other => None,
        }
    }

    /// What it tells.
    pub(super) fn event(self, choice: u32) -> Option<Event> {
        match self.content()? {
            Content::Thinking { text, seal } => {
                let seal = seal.filter(|seal| !seal.data.is_empty());
                (seal.is_some() || !text.is_empty()).then_some(Event::Thinking { choice, text, seal })
            }
            Content::RedactedThinking(seal) => Some(Event::RedactedThinking { seal }),
            _ => None,
        }
    }
}
