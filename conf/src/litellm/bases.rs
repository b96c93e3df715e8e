//! Where LiteLLM's addresses end, and where ours do.

use tollgate_translate::Dialect;

use crate::base_url;

/// An address as a provider here has it; the words against one that cannot be called.
pub(super) fn base_url(vendor: &str, dialect: Dialect, text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/');
    let mut url = match dialect {
        Dialect::Anthropic => text.trim_end_matches("/messages").trim_end_matches("/v1"),
        _ => text.trim_end_matches("/chat/completions"),
    }
    .to_owned();
    let (is_due, end) = match vendor {
        "ollama" => (!url.ends_with("/v1"), "/v1"),
        "azure" => (!url.contains("/openai"), "/openai/v1"),
        _ => (false, ""),
    };
    if is_due {
        url.push_str(end);
    }
    // What a variable will hold cannot be looked at.
    if !url.contains("${") {
        base_url::parse(&url, dialect).map_err(|bad| format!("{}: {}", bad.what, bad.remedy))?;
    }
    Ok(url)
}

/// A name for a provider at this address: its host, or the variable that holds it.
pub(super) fn name(url: &str) -> String {
    let inside = match url.split_once("${") {
        Some((_, rest)) => rest.split(['}', ':']).next().unwrap_or_default().to_lowercase(),
        None => url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default().to_owned(),
    };
    let name: String = inside.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-');
    name[..name.len().min(60)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_ends_where_ours_do() {
        let cases = [
            ("openai", Dialect::OpenAi, "https://x.example/v1/", "https://x.example/v1"),
            ("openai", Dialect::OpenAi, "https://x.example/v1/chat/completions", "https://x.example/v1"),
            ("openai", Dialect::OpenAi, "${BASE}", "${BASE}"),
            ("anthropic", Dialect::Anthropic, "https://x.example/v1/messages", "https://x.example"),
            ("anthropic", Dialect::Anthropic, "https://x.example/v1", "https://x.example"),
            ("ollama", Dialect::OpenAi, "http://localhost:11434", "http://localhost:11434/v1"),
            ("azure", Dialect::OpenAi, "https://x.openai.azure.com/", "https://x.openai.azure.com/openai/v1"),
            ("ollama", Dialect::OpenAi, "${OLLAMA_API_BASE}", "${OLLAMA_API_BASE}/v1"),
        ];
        for (vendor, dialect, text, expected) in cases {
            assert_eq!(base_url(vendor, dialect, text).as_deref(), Ok(expected), "{text}");
        }
        assert!(base_url("openai", Dialect::OpenAi, "x.example").is_err());
    }

    #[test]
    fn a_provider_is_named_by_its_host() {
        assert_eq!(name("https://llm.example.com/v1"), "llm-example-com");
        assert_eq!(name("http://127.0.0.1:8000/v1"), "127-0-0-1-8000");
        assert_eq!(name("${VLLM_BASE}/v1"), "vllm-base");
    }
}
