//! vLLM's server (docs.vllm.ai, 2026-11).

use tollgate_translate::Accent;

use crate::vendor::{OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "vllm",
    accent: Accent::VLLM,
    base_url: Some("http://127.0.0.1:8000/v1"),
    variable: "VLLM_HOST",
    local: true,
    limits: &[],
    money_errors: &[],
    ..OPENAI_LIKE
};
