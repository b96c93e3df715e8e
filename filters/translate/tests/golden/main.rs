//! Real traffic, recorded, through both dialects.

mod answers;
mod chat;
mod converse;
mod embeddings;
mod envoy;
mod exchanges;
mod fan;
#[path = "../frames/mod.rs"]
mod frames;
mod gemini;
mod interactions;
mod messages;
#[path = "../plain/mod.rs"]
mod plain;
mod requests;
mod responses;
mod streams;
#[path = "../strict/mod.rs"]
mod strict;

/// Vendors that speak OpenAI's dialect.
const OPENAI_LIKE: [&str; 11] = [
    "openai",
    "groq",
    "deepseek",
    "mistral",
    "copilot",
    "venice",
    "perplexity",
    "mistralrs",
    "openrouter",
    "doubleword",
    "llamacpp",
];
