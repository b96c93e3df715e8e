//! Together (docs.together.ai, 2026-11).

use tollgate_translate::Accent;

use crate::vendor::{LimitHeaders, OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "together",
    accent: Accent::TOGETHER,
    base_url: Some("https://api.together.xyz/v1"),
    variable: "TOGETHER_API_KEY",
    models: ["openai/gpt-oss-120b", "deepseek-ai/DeepSeek-V4-Pro-0813"],
    limits: &[LimitHeaders { remaining: "x-ratelimit-remaining", reset: "x-ratelimit-reset" }],
    ..OPENAI_LIKE
};
