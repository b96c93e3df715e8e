//! OpenAI (platform.openai.com/docs, recordings of 2026-08).

use tollgate_translate::{Accent, Dialect};

use crate::vendor::{OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "openai",
    accent: Accent::OPENAI,
    also: &[Dialect::Responses],
    base_url: Some("https://api.openai.com/v1"),
    variable: "OPENAI_API_KEY",
    models: ["gpt-5.4-mini", "gpt-6.1-sol"],
    ..OPENAI_LIKE
};
