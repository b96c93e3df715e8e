//! xAI (docs.x.ai, recordings of 2026-08).

use tollgate_translate::{Accent, Dialect};

use crate::vendor::{OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "xai",
    accent: Accent::XAI,
    also: &[Dialect::Responses],
    base_url: Some("https://api.x.ai/v1"),
    variable: "XAI_API_KEY",
    models: ["grok-4.5", "grok-4.5"],
    // A bad key is a 400.
    credential_errors: &["Incorrect API key provided", "invalid_api_key"],
    // A 422 (seen by others with Codex, 2026-07).
    refuses_nulls: true,
    ..OPENAI_LIKE
};
