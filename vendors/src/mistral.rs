//! Mistral (docs.mistral.ai, recordings of 2026-08).

use tollgate_translate::Accent;

use crate::vendor::{LimitHeaders, OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "mistral",
    accent: Accent::MISTRAL,
    base_url: Some("https://api.mistral.ai/v1"),
    variable: "MISTRAL_API_KEY",
    models: ["mistral-small-latest", "mistral-large-latest"],
    // It says what is left and never when: a window is named in the header, and its length is the wait.
    limits: &[LimitHeaders { remaining: "x-ratelimit-remaining-req-10-second", reset: "retry-after" }],
    ..OPENAI_LIKE
};
