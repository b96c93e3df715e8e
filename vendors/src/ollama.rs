//! Ollama, by its OpenAI surface (docs.ollama.com, 2026-11).

use tollgate_translate::Accent;

use crate::vendor::{OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "ollama",
    accent: Accent::OLLAMA,
    base_url: Some("http://127.0.0.1:11434/v1"),
    variable: "OLLAMA_HOST",
    local: true,
    models: ["llama3.2", "qwen3:32b"],
    limits: &[],
    money_errors: &[],
    ..OPENAI_LIKE
};
