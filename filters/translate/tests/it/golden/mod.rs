//! Real traffic, recorded, through both dialects.

mod answers;
mod chat;
mod converse;
mod embeddings;
mod envoy;
mod exchanges;
mod fan;
mod gemini;
mod interactions;
mod messages;
mod requests;
mod responses;
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
