//! What becomes of the members that the neutral form does not know: Google's own go through, what
//! a client of another vendor would miss is refused, all else means nothing here.

use std::collections::BTreeMap;

use tollgate_api::Refusal;

use super::fields::camel;
use crate::json::{Json, Members};
use crate::losses::Losses;

/// What the client would miss in the answer.
const REFUSED: [&str; 7] =
    ["audio", "function_call", "functions", "logprobs", "modalities", "top_logprobs", "web_search_options"];

/// Members of `generationConfig` that the writer says itself: a second copy would be a duplicate.
const OURS: [&str; 16] = [
    "_responseJsonSchema",
    "candidateCount",
    "frequencyPenalty",
    "logprobs",
    "maxOutputTokens",
    "presencePenalty",
    "responseJsonSchema",
    "responseLogprobs",
    "responseMimeType",
    "responseSchema",
    "seed",
    "stopSequences",
    "temperature",
    "thinkingConfig",
    "topK",
    "topP",
];

/// Refuses what cannot be said.
pub(super) fn refuse(unknown: &Members, losses: &mut Losses) -> Result<(), Refusal> {
    let asked = |name: &&&str| unknown.get(**name).is_some_and(|value| !asks_nothing(name, value));
    REFUSED.iter().filter(asked).try_for_each(|name| losses.lose(name, "does not exist at Gemini"))
}

/// `logprobs: false`, `modalities: ["text"]` and their like.
fn asks_nothing(name: &str, value: &Json) -> bool {
    let text_only = || value.to::<Vec<String>>().is_some_and(|list| list.iter().all(|mode| mode == "text"));
    value.is_unset() || (name == "modalities" && text_only()) || (name == "top_logprobs" && value.text() == "0")
}

/// What is passed on of `generationConfig`.
pub(super) fn config(unknown: &Members) -> BTreeMap<String, Json> {
    let mut kept = object(unknown, "generationConfig");
    kept.retain(|name, _| !OURS.contains(&name.as_str()));
    kept
}

/// What is passed on of `toolConfig`.
pub(super) fn tool_config(unknown: &Members) -> BTreeMap<String, Json> {
    let mut kept = object(unknown, "toolConfig");
    kept.remove("functionCallingConfig");
    kept
}

/// What a client of Google said of thinking that the neutral form cannot.
pub(super) fn thinking(unknown: &Members) -> Option<Json> {
    object(unknown, "generationConfig").remove("thinkingConfig")
}

/// The members of an object, under one spelling: Google takes two, and what was said in the one would
/// be said again in the other.
fn object(unknown: &Members, name: &str) -> BTreeMap<String, Json> {
    let given: BTreeMap<String, Json> = unknown.get(name).and_then(Json::to).unwrap_or_default();
    given.into_iter().map(|(name, value)| (camel(&name), value)).collect()
}
