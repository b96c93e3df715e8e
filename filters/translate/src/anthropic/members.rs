//! What becomes of the top-level members that the neutral form does not know.
//!
//! Three tables: what is refused because the answer would not be what was asked for, what is
//! dropped because it means nothing to Anthropic, and what this writer says itself. All else is
//! passed on: Anthropic's own members, `top_k` or `context_management`, come through by that.

use std::collections::BTreeMap;

use tollgate_api::Refusal;

use crate::json::{Json, Members};
use crate::losses::Losses;

/// What the client would miss in the answer.
const REFUSED: [&str; 7] =
    ["audio", "function_call", "functions", "logprobs", "modalities", "top_logprobs", "web_search_options"];

/// Hints, and parameters of other samplers, of other gateways and of other vendors' bookkeeping.
const DROPPED: [&str; 23] = [
    "chat_template_kwargs",
    "frequency_penalty",
    "guided_json",
    "logit_bias",
    "min_p",
    "models",
    "moderation",
    "plugins",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "provider",
    "reasoning",
    "repetition_penalty",
    "route",
    "safety_identifier",
    "store",
    "stream_options",
    "transforms",
    "usage",
    "verbosity",
];

/// What the writer says itself: a second copy would be a duplicate member.
const OURS: [&str; 12] = [
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_p",
];

/// Refuses what cannot be said.
pub(super) fn refuse(unknown: &Members, losses: &mut Losses) -> Result<(), Refusal> {
    let asked = |name: &&&str| unknown.get(**name).is_some_and(|value| !asks_nothing(name, value));
    REFUSED.iter().filter(asked).try_for_each(|name| losses.lose(name, "does not exist at Anthropic"))
}

/// What is passed on.
pub(super) fn kept(unknown: &Members) -> BTreeMap<&str, &Json> {
    let passes = |name: &str, value: &Json| {
        let listed = REFUSED.iter().chain(&DROPPED).chain(&OURS).any(|known| *known == name);
        let foreign_tier = name == "service_tier" && !matches!(value.text(), "\"auto\"" | "\"standard_only\"");
        !listed && !foreign_tier
    };
    unknown.iter().filter(|(name, value)| passes(name, value)).map(|(name, value)| (name.as_str(), value)).collect()
}

/// `logprobs: false`, `modalities: ["text"]` and their like.
fn asks_nothing(name: &str, value: &Json) -> bool {
    let text_only = || value.to::<Vec<String>>().is_some_and(|list| list.iter().all(|mode| mode == "text"));
    value.is_unset() || (name == "modalities" && text_only()) || (name == "top_logprobs" && value.text() == "0")
}
