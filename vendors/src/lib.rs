//! What each vendor is: where it is, what it speaks, how it wants to be asked, and how it says no.
//!
//! Facts, one small file a vendor. Nothing here opens a connection or holds a credential.

mod anthropic;
mod azure;
mod bedrock;
mod deepinfra;
mod deepseek;
mod gemini;
mod groq;
mod layout;
mod llamacpp;
mod lmstudio;
mod mistral;
mod ollama;
mod openai;
mod openrouter;
mod together;
mod vendor;
mod vllm;
mod xai;
mod zai;

pub use layout::{Layout, Operation, escaped};
pub use vendor::{Auth, LimitHeaders, Vendor};

/// All that are known by name, in the order in which `tollgate init` proposes them.
pub static VENDORS: [&Vendor; 17] = [
    &openai::VENDOR,
    &anthropic::VENDOR,
    &gemini::VENDOR,
    &mistral::VENDOR,
    &groq::VENDOR,
    &deepseek::VENDOR,
    &xai::VENDOR,
    &zai::VENDOR,
    &deepinfra::VENDOR,
    &together::VENDOR,
    &openrouter::VENDOR,
    &azure::VENDOR,
    &bedrock::VENDOR,
    &ollama::VENDOR,
    &vllm::VENDOR,
    &llamacpp::VENDOR,
    &lmstudio::VENDOR,
];

/// The vendor of this name.
#[must_use]
pub fn vendor(name: &str) -> Option<&'static Vendor> {
    VENDORS.iter().copied().find(|vendor| vendor.name == name)
}
