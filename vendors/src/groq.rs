//! Groq (console.groq.com/docs, recordings of 2026-08). Its 498 means that the flex tier is full.

use tollgate_translate::Accent;

use crate::vendor::{OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "groq",
    accent: Accent::GROQ,
    base_url: Some("https://api.groq.com/openai/v1"),
    variable: "GROQ_API_KEY",
    models: ["openai/gpt-oss-20b", "openai/gpt-oss-120b"],
    embeds: false,
    ..OPENAI_LIKE
};
