//! LM Studio's server (lmstudio.ai/docs, 2026-11).

use crate::vendor::{OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "lmstudio",
    base_url: Some("http://127.0.0.1:1234/v1"),
    variable: "LMSTUDIO_HOST",
    local: true,
    limits: &[],
    money_errors: &[],
    ..OPENAI_LIKE
};
