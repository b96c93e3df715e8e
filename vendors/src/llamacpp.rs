//! llama.cpp's `llama-server` (its README, and a server that was run, 2026-11). What it was not built or
//! started for it answers with 500 or 501.

use tollgate_translate::{Accent, Dialect};

use crate::vendor::{OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "llamacpp",
    accent: Accent::LLAMACPP,
    also: &[Dialect::Anthropic, Dialect::Responses],
    base_url: Some("http://127.0.0.1:8080/v1"),
    variable: "LLAMACPP_HOST",
    local: true,
    limits: &[],
    money_errors: &[],
    feature_errors: &["not_supported_error", "does not support"],
    ..OPENAI_LIKE
};
