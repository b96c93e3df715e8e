//! DeepSeek (api-docs.deepseek.com, recordings of 2026-08).

use tollgate_translate::Accent;

use crate::vendor::{OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "deepseek",
    accent: Accent::DEEPSEEK,
    base_url: Some("https://api.deepseek.com/v1"),
    variable: "DEEPSEEK_API_KEY",
    models: ["deepseek-v4-flash", "deepseek-v4-pro"],
    embeds: false,
    limits: &[],
    money_errors: &["Insufficient Balance"],
    ..OPENAI_LIKE
};
