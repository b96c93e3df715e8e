//! Amazon Bedrock: a region in place of an address, and a credential of two or three parts.

use super::ours::Credential;
use crate::mask;

/// The address of the region, where LiteLLM would look for it.
pub(super) fn address(take: impl Fn(&str) -> Option<String>) -> String {
    let region = take("aws_region_name").unwrap_or_else(|| "${AWS_REGION_NAME}".to_owned());
    format!("https://bedrock-runtime.{region}.amazonaws.com")
}

/// A Bedrock API key, or an access key as `id:secret` or `id:secret:session`.
pub(super) fn credential(take: impl Fn(&str) -> Option<String>) -> Credential {
    if let Some(key) = take("api_key") {
        return if mask::is_reference(&key) { Credential::Open(key) } else { Credential::Written(key) };
    }
    let id = take("aws_access_key_id").unwrap_or_else(|| "${AWS_ACCESS_KEY_ID}".to_owned());
    let secret = take("aws_secret_access_key").unwrap_or_else(|| "${AWS_SECRET_ACCESS_KEY}".to_owned());
    let parts: Vec<String> = [id, secret].into_iter().chain(take("aws_session_token")).collect();
    let is_open = parts.iter().all(|part| mask::is_reference(part));
    let key = parts.join(":");
    if is_open { Credential::Open(key) } else { Credential::Written(key) }
}

/// The model's id without LiteLLM's words for how it is to be asked.
pub(super) fn model(id: &str) -> &str {
    ["converse/", "invoke/", "converse_like/"].iter().find_map(|word| id.strip_prefix(word)).unwrap_or(id)
}
