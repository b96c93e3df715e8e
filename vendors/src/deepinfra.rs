//! DeepInfra (deepinfra.com/docs, 2026-11).

use tollgate_translate::Accent;

use crate::vendor::{OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "deepinfra",
    accent: Accent::DEEPINFRA,
    base_url: Some("https://api.deepinfra.com/v1/openai"),
    variable: "DEEPINFRA_API_KEY",
    models: ["openai/gpt-oss-20b", "deepseek-ai/DeepSeek-V4-Pro"],
    ..OPENAI_LIKE
};
