//! Anthropic (docs.claude.com, recordings of 2026-08).

use tollgate_translate::Dialect;

use crate::Layout;
use crate::vendor::{Auth, LimitHeaders, OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "anthropic",
    dialect: Dialect::Anthropic,
    base_url: Some("https://api.anthropic.com"),
    example_url: "https://host",
    variable: "ANTHROPIC_API_KEY",
    models: ["claude-haiku-4-5", "claude-sonnet-5"],
    auth: Auth::Header("x-api-key"),
    layout: Layout::Anthropic,
    embeds: false,
    headers: &[("anthropic-version", "2023-06-01")],
    limits: &[
        LimitHeaders {
            remaining: "anthropic-ratelimit-requests-remaining",
            reset: "anthropic-ratelimit-requests-reset",
        },
        LimitHeaders {
            remaining: "anthropic-ratelimit-input-tokens-remaining",
            reset: "anthropic-ratelimit-input-tokens-reset",
        },
        LimitHeaders {
            remaining: "anthropic-ratelimit-output-tokens-remaining",
            reset: "anthropic-ratelimit-output-tokens-reset",
        },
    ],
    credential_errors: &["authentication_error", "permission_error"],
    // Spend limits come as 429 beside the rates; coming back does not help.
    money_errors: &["billing_error", "credit balance is too low", "spend limit"],
    ..OPENAI_LIKE
};
