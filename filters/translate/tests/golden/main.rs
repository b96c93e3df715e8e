//! Real traffic, recorded, through both dialects.

mod answers;
mod chat;
mod embeddings;
mod exchanges;
#[path = "../plain/mod.rs"]
mod plain;
mod requests;
mod streams;

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
