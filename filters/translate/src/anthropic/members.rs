//! What becomes of the top-level members that the neutral form does not know.
//!
//! Two tables: what is refused because the answer would not be what was asked for, and what is
//! passed on because it is Anthropic's own. All else is dropped: hints, and parameters of other
//! samplers, of other gateways and of other vendors' bookkeeping.

use std::collections::BTreeMap;

use tollgate_api::Refusal;

use super::read::OutputConfig;
use crate::json::{Json, Members, invalid};
use crate::losses::Losses;

/// What the client would miss in the answer.
const REFUSED: [&str; 7] =
    ["audio", "function_call", "functions", "logprobs", "modalities", "top_logprobs", "web_search_options"];

/// Anthropic's own, which clients of any surface may add.
const KNOWN: [&str; 7] =
    ["cache_control", "container", "context_management", "inference_geo", "mcp_servers", "output_config", "speed"];

/// Refuses what cannot be said, and what is passed on but is not Anthropic's.
pub(super) fn refuse(unknown: &Members, losses: &mut Losses) -> Result<(), Refusal> {
    let asked = |name: &&&str| unknown.get(**name).is_some_and(|value| !asks_nothing(name, value));
    REFUSED.iter().filter(asked).try_for_each(|name| losses.lose(name, "does not exist at Anthropic"))?;
    match unknown.get("output_config").map(Json::to::<OutputConfig>) {
        Some(None) => Err(invalid("output_config", "must be an object with Anthropic's `format` or `effort`")),
        _ => Ok(()),
    }
}

/// What is passed on.
pub(super) fn kept(unknown: &Members) -> BTreeMap<&str, &Json> {
    let is_tier =
        |name: &str, value: &Json| name == "service_tier" && matches!(value.text(), "\"auto\"" | "\"standard_only\"");
    let passes = |name: &str, value: &Json| KNOWN.contains(&name) || is_tier(name, value);
    unknown.iter().filter(|(name, value)| passes(name, value)).map(|(name, value)| (name.as_str(), value)).collect()
}

/// `logprobs: false`, `modalities: ["text"]` and their like.
fn asks_nothing(name: &str, value: &Json) -> bool {
    let text_only = || value.to::<Vec<String>>().is_some_and(|list| list.iter().all(|mode| mode == "text"));
    value.is_unset() || (name == "modalities" && text_only()) || (name == "top_logprobs" && value.text() == "0")
}
