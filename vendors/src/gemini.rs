//! Google's Gemini Developer API (ai.google.dev, recordings of 2026-08).

use tollgate_translate::Dialect;

use crate::Layout;
use crate::vendor::{Auth, OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "gemini",
    dialect: Dialect::Gemini,
    also: &[Dialect::Interactions],
    base_url: Some("https://generativelanguage.googleapis.com"),
    example_url: "https://host",
    variable: "GEMINI_API_KEY",
    models: ["gemini-3.5-flash", "gemini-3.1-pro-preview"],
    auth: Auth::Header("x-goog-api-key"),
    layout: Layout::Google,
    // When to come back stands in the body of a 429, in no header.
    limits: &[],
    // A bad key is a 400.
    credential_errors: &["API_KEY_INVALID", "API key not valid", "API key expired"],
    // The time-out of google-genai's clients, which they send on.
    server_timeout: Some("x-server-timeout"),
    money_errors: &["billing account", "prepayment credits are depleted"],
    ..OPENAI_LIKE
};
