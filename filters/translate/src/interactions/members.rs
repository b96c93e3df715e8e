//! What becomes of the top-level members that the neutral form does not know.

use std::collections::BTreeMap;

use tollgate_api::{Code, Refusal};

use super::read::asks_for_more_than_text;
use crate::json::{Json, Members};
use crate::losses::Losses;
use crate::neutral::Request;

/// What Google's own clients may say, and the writer does not say itself.
const KEPT: [&str; 12] = [
    "agent_config",
    "background",
    "cached_content",
    "continuation_token",
    "environment",
    "labels",
    "previous_interaction_id",
    "response_format",
    "response_modalities",
    "safety_settings",
    "store",
    "webhook_config",
];

/// What clients of other surfaces would miss in the answer.
const REFUSED: [&str; 7] =
    ["audio", "function_call", "functions", "logprobs", "modalities", "top_logprobs", "web_search_options"];

/// What nobody but the vendor that keeps or runs it can do: to leave it out would be another request.
const STATE: [&str; 6] =
    ["agent", "background", "cached_content", "continuation_token", "environment", "previous_interaction_id"];

/// What a Google client would miss in another vendor's answer.
const MISSED: [&str; 4] = ["agent_config", "response_format", "response_modalities", "webhook_config"];
/// The same within `generation_config`.
const MISSED_CONFIG: [&str; 4] = ["image_config", "speech_config", "transcription_config", "video_config"];

/// Refuses what cannot be said to Google.
pub(super) fn refuse(unknown: &Members, losses: &mut Losses) -> Result<(), Refusal> {
    let asked = REFUSED.iter().filter(|name| asks(unknown, name));
    asked.into_iter().try_for_each(|name| losses.lose(name, "does not exist at Google Interactions"))
}

/// What is passed on. Chat Completions has a `response_format` of its own.
pub(super) fn kept(unknown: &Members) -> BTreeMap<&str, &Json> {
    let ours = |name: &str, value: &Json| name != "response_format" || asks_for_more_than_text(value);
    let given = KEPT.iter().filter_map(|name| Some((*name, unknown.get(*name)?)));
    given.filter(|(name, value)| ours(name, value)).collect()
}

/// The members of `generation_config` that the neutral form does not know.
pub(super) fn config(unknown: &Members) -> Members {
    unknown.get("generation_config").and_then(Json::to).unwrap_or_default()
}

/// A Google client's request goes to another vendor: what only Google understands is refused where
/// it matters, and left behind.
pub(crate) fn leave(request: &mut Request, losses: &mut Losses) -> Result<(), Refusal> {
    let unknown = std::mem::take(&mut request.unknown);
    if let Some(name) = STATE.iter().find(|name| asks(&unknown, name)) {
        let what = format!(
            "`{name}` means something to Google's own Interactions upstream alone: \
             route this model to one, or send the whole conversation as `input` to a model."
        );
        return Err(Refusal::new(Code::Unsupported, what).at(*name));
    }
    let only = "means something to Google's own Interactions upstream alone";
    MISSED.iter().filter(|name| asks(&unknown, name)).try_for_each(|name| losses.lose(name, only))?;
    let config = config(&unknown);
    let mut missed = MISSED_CONFIG.iter().filter(|name| asks(&config, name));
    missed.try_for_each(|name| losses.lose(&format!("generation_config.{name}"), only))
}

/// Whether a member is there, and asks for anything: `logprobs: false`, `modalities: ["text"]` and
/// their like do not.
fn asks(members: &Members, name: &str) -> bool {
    let Some(value) = members.get(name) else { return false };
    let text_only = || value.to::<Vec<String>>().is_some_and(|list| list.iter().all(|mode| mode == "text"));
    let nothing = match name {
        "modalities" | "response_modalities" => text_only(),
        "top_logprobs" => value.text() == "0",
        _ => false,
    };
    !value.is_unset() && !nothing
}
