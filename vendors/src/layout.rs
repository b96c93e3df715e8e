//! Where a vendor has what: the paths below its base URL.

use std::fmt::Write as _;

use tollgate_translate::Dialect;

/// How a vendor lays out its paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The base URL ends in a version, as `/v1`; the rest follows it.
    OpenAi,
    /// The base URL is the host; the version is added.
    Anthropic,
    /// The base URL is the host; the model stands in the path.
    Google,
    /// As Google, without a version.
    Bedrock,
}

/// What is asked of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// An answer, in this dialect.
    Generate {
        /// The dialect.
        dialect: Dialect,
        /// Whether it is to be streamed.
        stream: bool,
    },
    /// Vectors.
    Embed,
    /// How long a prompt is, in Anthropic's words.
    CountTokens,
    /// Anything else that the vendor has: a path, without its version, and its query.
    Other(&'a str),
}

impl Layout {
    /// The path below the base URL's own, for the vendor's `model`. `None` where this layout has
    /// no place for it.
    #[must_use]
    pub fn path(self, operation: Operation<'_>, model: &str) -> Option<String> {
        match self {
            Self::OpenAi => openai(operation),
            Self::Anthropic => anthropic(operation),
            Self::Google => google(operation, model),
            Self::Bedrock => bedrock(operation, model),
        }
    }
}

fn openai(operation: Operation<'_>) -> Option<String> {
    Some(match operation {
        Operation::Generate { dialect: Dialect::OpenAi, .. } => "/chat/completions".into(),
        Operation::Generate { dialect: Dialect::Responses, .. } => "/responses".into(),
        Operation::Generate { dialect: Dialect::Anthropic, .. } => "/messages".into(),
        Operation::Generate { .. } => return None,
        Operation::Embed => "/embeddings".into(),
        Operation::CountTokens => "/messages/count_tokens".into(),
        Operation::Other(path) => path.into(),
    })
}

fn anthropic(operation: Operation<'_>) -> Option<String> {
    Some(match operation {
        Operation::Generate { dialect: Dialect::Anthropic, .. } => "/v1/messages".into(),
        Operation::CountTokens => "/v1/messages/count_tokens".into(),
        Operation::Other(path) => format!("/v1{path}"),
        Operation::Generate { .. } | Operation::Embed => return None,
    })
}

fn google(operation: Operation<'_>, model: &str) -> Option<String> {
    let model = escaped(model.strip_prefix("models/").unwrap_or(model));
    Some(match operation {
        Operation::Generate { dialect: Dialect::Gemini, stream: false } => {
            format!("/v1beta/models/{model}:generateContent")
        }
        Operation::Generate { dialect: Dialect::Gemini, stream: true } => {
            format!("/v1beta/models/{model}:streamGenerateContent?alt=sse")
        }
        Operation::Generate { dialect: Dialect::Interactions, .. } => "/v1beta/interactions".into(),
        Operation::Generate { dialect: Dialect::OpenAi, .. } => "/v1beta/openai/chat/completions".into(),
        Operation::Embed => format!("/v1beta/models/{model}:batchEmbedContents"),
        Operation::Other(path) => format!("/v1beta{path}"),
        Operation::Generate { .. } | Operation::CountTokens => return None,
    })
}

fn bedrock(operation: Operation<'_>, model: &str) -> Option<String> {
    let model = escaped(model);
    Some(match operation {
        Operation::Generate { dialect: Dialect::Converse, stream: false } => format!("/model/{model}/converse"),
        Operation::Generate { dialect: Dialect::Converse, stream: true } => format!("/model/{model}/converse-stream"),
        // Its vectors come of the older interface, which has a body for each maker's models.
        Operation::Embed => format!("/model/{model}/invoke"),
        Operation::Other(path) => path.into(),
        Operation::Generate { .. } | Operation::CountTokens => return None,
    })
}

/// A name as one segment of a path: Amazon's hold colons and slashes.
#[must_use]
pub fn escaped(name: &str) -> String {
    let mut path = String::with_capacity(name.len() + 8);
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(char::from(byte)),
            other => {
                let _ = write!(path, "%{other:02X}");
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generate(dialect: Dialect, stream: bool) -> Operation<'static> {
        Operation::Generate { dialect, stream }
    }

    #[test]
    fn each_layout_has_its_paths_and_says_so_where_it_has_none() {
        for (layout, operation, path) in [
            (Layout::OpenAi, generate(Dialect::OpenAi, true), Some("/chat/completions")),
            (Layout::OpenAi, generate(Dialect::Responses, false), Some("/responses")),
            (Layout::OpenAi, generate(Dialect::Converse, false), None),
            (Layout::Anthropic, generate(Dialect::Anthropic, true), Some("/v1/messages")),
            (Layout::Anthropic, Operation::Embed, None),
            (Layout::Anthropic, Operation::Other("/files?limit=1"), Some("/v1/files?limit=1")),
            (Layout::Google, generate(Dialect::Gemini, false), Some("/v1beta/models/m%3A1:generateContent")),
            (
                Layout::Google,
                generate(Dialect::Gemini, true),
                Some("/v1beta/models/m%3A1:streamGenerateContent?alt=sse"),
            ),
            (Layout::Bedrock, generate(Dialect::Converse, true), Some("/model/m%3A1/converse-stream")),
            (Layout::Bedrock, generate(Dialect::OpenAi, true), None),
        ] {
            assert_eq!(layout.path(operation, "m:1").as_deref(), path, "{layout:?} {operation:?}");
        }
        assert_eq!(
            Layout::Google.path(generate(Dialect::Gemini, false), "models/gemini-3-flash").as_deref(),
            Some("/v1beta/models/gemini-3-flash:generateContent")
        );
    }
}
