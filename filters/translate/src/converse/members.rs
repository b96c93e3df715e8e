//! What becomes of the top-level members that the neutral form does not know.
//!
//! What the answer would miss is refused, and what Amazon knows is passed on. All else, other
//! vendors' hints and bookkeeping, means nothing there: nothing is forwarded blindly.

use std::collections::BTreeMap;

use tollgate_api::Refusal;

use crate::json::{Json, Members};
use crate::losses::Losses;

/// What the client would miss in the answer.
const REFUSED: [&str; 9] = [
    "audio",
    "container",
    "function_call",
    "functions",
    "logprobs",
    "mcp_servers",
    "modalities",
    "top_logprobs",
    "web_search_options",
];

/// The members of the vendor's own answer that are to be shown.
pub(super) const PATHS: &str = "additionalModelResponseFieldPaths";
/// What Amazon knows, and this writer does not write itself.
const KEPT: [&str; 5] = [PATHS, "guardrailConfig", "performanceConfig", "promptVariables", "requestMetadata"];

/// Refuses what cannot be said.
pub(super) fn refuse(unknown: &Members, losses: &mut Losses) -> Result<(), Refusal> {
    let asked = |name: &&&str| unknown.get(**name).is_some_and(|value| !asks_nothing(name, value));
    REFUSED.iter().filter(asked).try_for_each(|name| losses.lose(name, "does not exist at Amazon Bedrock"))
}

/// What is passed on.
pub(super) fn kept(unknown: &Members) -> BTreeMap<&str, &Json> {
    KEPT.iter().filter_map(|name| Some((*name, unknown.get(*name)?))).collect()
}

/// `logprobs: false`, `modalities: ["text"]` and their like.
fn asks_nothing(name: &str, value: &Json) -> bool {
    let text_only = || value.to::<Vec<String>>().is_some_and(|list| list.iter().all(|mode| mode == "text"));
    value.is_unset() || (name == "modalities" && text_only()) || (name == "top_logprobs" && value.text() == "0")
}
