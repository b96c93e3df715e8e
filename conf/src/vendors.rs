//! The vendors that need no introduction: what they speak, where they are, and two of their models.
//!
//! A name in `providers` that stands here has these defaults; anything else is spelled out.

use tollgate_translate::Dialect;

/// A vendor that is known by its name.
pub(crate) struct Vendor {
    /// Its name in configuration.
    pub(crate) name: &'static str,
    pub(crate) dialect: Dialect,
    pub(crate) base_url: &'static str,
    /// The environment variable that usually holds its credential; for a local server, its address.
    pub(crate) variable: &'static str,
    /// Whether it answers without a credential.
    pub(crate) local: bool,
    /// A small and a large model of it, for a first configuration.
    pub(crate) models: [&'static str; 2],
}

const fn openai(
    name: &'static str,
    base_url: &'static str,
    variable: &'static str,
    models: [&'static str; 2],
) -> Vendor {
    Vendor { name, dialect: Dialect::OpenAi, base_url, variable, local: false, models }
}

/// All of them, in the order in which `tollgate init` proposes them.
pub(crate) const VENDORS: [Vendor; 9] = [
    openai("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", ["gpt-5.4-mini", "gpt-6.1-sol"]),
    Vendor {
        name: "anthropic",
        dialect: Dialect::Anthropic,
        base_url: "https://api.anthropic.com",
        variable: "ANTHROPIC_API_KEY",
        local: false,
        models: ["claude-haiku-4-5", "claude-sonnet-5"],
    },
    openai("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", ["mistral-small-latest", "mistral-large-latest"]),
    openai("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", ["openai/gpt-oss-120b", "openai/gpt-oss-120b"]),
    openai("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", ["deepseek-v4-flash", "deepseek-v4-pro"]),
    openai("xai", "https://api.x.ai/v1", "XAI_API_KEY", ["grok-4.5", "grok-4.5"]),
    openai(
        "openrouter",
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY",
        ["openai/gpt-5.4-mini", "anthropic/claude-sonnet-5"],
    ),
    openai(
        "together",
        "https://api.together.xyz/v1",
        "TOGETHER_API_KEY",
        ["openai/gpt-oss-120b", "deepseek-ai/DeepSeek-V4-Pro-0813"],
    ),
    Vendor {
        name: "ollama",
        dialect: Dialect::OpenAi,
        base_url: "http://127.0.0.1:11434/v1",
        variable: "OLLAMA_HOST",
        local: true,
        models: ["llama3.2", "qwen3:32b"],
    },
];

/// The vendor of this name.
pub(crate) fn vendor(name: &str) -> Option<&'static Vendor> {
    VENDORS.iter().find(|vendor| vendor.name == name)
}
