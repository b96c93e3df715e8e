//! OpenRouter (openrouter.ai/docs, recordings of 2026-08).

use tollgate_translate::{Accent, Dialect};

use crate::vendor::{OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "openrouter",
    accent: Accent::OPENROUTER,
    also: &[Dialect::Responses, Dialect::Anthropic],
    base_url: Some("https://openrouter.ai/api/v1"),
    variable: "OPENROUTER_API_KEY",
    models: ["openai/gpt-5.4-mini", "anthropic/claude-sonnet-5"],
    ..OPENAI_LIKE
};
