//! LiteLLM's words for vendors, and what each is here.

use tollgate_translate::Dialect;

use tollgate_vendors::vendor;

/// A vendor as LiteLLM knows it.
#[derive(Debug)]
pub(super) struct Prefix {
    /// Before the slash of a `model`.
    word: &'static str,
    /// The provider's name here.
    pub(super) name: &'static str,
    /// The variable that LiteLLM reads its credential from; empty where it needs none.
    pub(super) variable: &'static str,
    pub(super) home: Home,
}

/// How it is known where a vendor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// Tollgate knows the vendor by its name.
    ByName,
    /// Here, in OpenAI's dialect.
    At(&'static str),
    /// Only the file can say; in OpenAI's dialect.
    Unsaid,
}

const fn by_name(word: &'static str, name: &'static str, variable: &'static str) -> Prefix {
    Prefix { word, name, variable, home: Home::ByName }
}

const fn at(word: &'static str, variable: &'static str, base_url: &'static str) -> Prefix {
    Prefix { word, name: word, variable, home: Home::At(base_url) }
}

const fn unsaid(word: &'static str, variable: &'static str) -> Prefix {
    Prefix { word, name: word, variable, home: Home::Unsaid }
}

/// Those that can be turned.
const PREFIXES: [Prefix; 30] = [
    by_name("openai", "openai", "OPENAI_API_KEY"),
    by_name("anthropic", "anthropic", "ANTHROPIC_API_KEY"),
    by_name("azure", "azure", "AZURE_API_KEY"),
    by_name("bedrock", "bedrock", ""),
    by_name("deepinfra", "deepinfra", "DEEPINFRA_API_KEY"),
    by_name("deepseek", "deepseek", "DEEPSEEK_API_KEY"),
    by_name("gemini", "gemini", "GEMINI_API_KEY"),
    by_name("groq", "groq", "GROQ_API_KEY"),
    by_name("hosted_vllm", "vllm", ""),
    by_name("llamafile", "llamacpp", ""),
    by_name("lm_studio", "lmstudio", ""),
    by_name("mistral", "mistral", "MISTRAL_API_KEY"),
    by_name("ollama", "ollama", ""),
    by_name("ollama_chat", "ollama", ""),
    by_name("openrouter", "openrouter", "OPENROUTER_API_KEY"),
    by_name("together_ai", "together", "TOGETHER_API_KEY"),
    by_name("vllm", "vllm", ""),
    by_name("xai", "xai", "XAI_API_KEY"),
    by_name("zai", "zai", "ZAI_API_KEY"),
    at("cerebras", "CEREBRAS_API_KEY", "https://api.cerebras.ai/v1"),
    at("codestral", "CODESTRAL_API_KEY", "https://codestral.mistral.ai/v1"),
    at("fireworks_ai", "FIREWORKS_AI_API_KEY", "https://api.fireworks.ai/inference/v1"),
    at("nebius", "NEBIUS_API_KEY", "https://api.studio.nebius.ai/v1"),
    at("novita", "NOVITA_API_KEY", "https://api.novita.ai/v3/openai"),
    at("nvidia_nim", "NVIDIA_NIM_API_KEY", "https://integrate.api.nvidia.com/v1"),
    at("perplexity", "PERPLEXITYAI_API_KEY", "https://api.perplexity.ai"),
    at("sambanova", "SAMBANOVA_API_KEY", "https://api.sambanova.ai/v1"),
    unsaid("custom_openai", ""),
    unsaid("litellm_proxy", "LITELLM_PROXY_API_KEY"),
    unsaid("openai_like", ""),
];

/// How the names begin of models that LiteLLM takes without a prefix.
const UNPREFIXED: [(&str, &str); 7] = [
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("text-embedding-", "openai"),
    ("claude-", "anthropic"),
];

impl Prefix {
    /// What it speaks; `None` for a vendor that Tollgate does not know.
    pub(super) fn dialect(&self) -> Option<Dialect> {
        match self.home {
            Home::ByName => vendor(self.name).map(|vendor| vendor.dialect),
            Home::At(_) | Home::Unsaid => Some(Dialect::OpenAi),
        }
    }
}

/// The vendor and its own id of a model, as LiteLLM splits `vendor/model`; the word where it is unknown.
pub(super) fn split<'m>(model: &'m str, given: Option<&str>) -> Result<(&'static Prefix, &'m str), String> {
    if let Some(word) = given {
        let id = model.strip_prefix(word).and_then(|rest| rest.strip_prefix('/')).unwrap_or(model);
        return prefix(word).map(|prefix| (prefix, id)).ok_or_else(|| word.to_owned());
    }
    if let Some((word, id)) = model.split_once('/') {
        return prefix(word).map(|prefix| (prefix, id)).ok_or_else(|| word.to_owned());
    }
    let named = UNPREFIXED.iter().find(|(start, _)| model.starts_with(start));
    named.and_then(|(_, word)| prefix(word)).map(|prefix| (prefix, model)).ok_or_else(|| model.to_owned())
}

fn prefix(word: &str) -> Option<&'static Prefix> {
    PREFIXES.iter().find(|prefix| prefix.word == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_is_named_before_the_slash_or_known_by_how_its_models_begin() {
        let cases = [
            ("openai/gpt-5.4-mini", None, Ok(("openai", "gpt-5.4-mini"))),
            ("openrouter/openai/gpt-5.4-mini", None, Ok(("openrouter", "openai/gpt-5.4-mini"))),
            ("gpt-5.4-mini", None, Ok(("openai", "gpt-5.4-mini"))),
            ("claude-sonnet-5", None, Ok(("anthropic", "claude-sonnet-5"))),
            ("together_ai/a/b", None, Ok(("together", "a/b"))),
            ("a/b", Some("openai"), Ok(("openai", "a/b"))),
            ("openai/b", Some("openai"), Ok(("openai", "b"))),
            ("vertex_ai/gemini", None, Err("vertex_ai")),
            ("command-r", None, Err("command-r")),
        ];
        for (model, given, expected) in cases {
            let found = split(model, given).map(|(prefix, id)| (prefix.name, id));
            assert_eq!(found, expected.map_err(str::to_owned), "{model}");
        }
    }

    #[test]
    fn every_address_is_one_that_can_be_called() {
        for prefix in &PREFIXES {
            if let Home::At(base_url) = prefix.home {
                assert!(crate::base_url::parse(base_url, Dialect::OpenAi).is_ok(), "{base_url}");
            }
        }
    }
}
