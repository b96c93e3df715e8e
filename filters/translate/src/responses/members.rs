//! What becomes of the members and tools that the neutral form does not know: on the way from a
//! Responses client to another vendor, and from another client to a vendor of Responses.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use tollgate_api::Refusal;

use crate::json::{Json, Members, unsupported};
use crate::losses::Losses;
use crate::neutral::{Request, Tool};

/// The name in `include` by which logprobs are asked for.
pub(super) const LOGPROBS: &str = "message.output_text.logprobs";

/// What stands for content that only OpenAI has: without it the conversation is another.
const KEPT_ELSEWHERE: [&str; 3] = ["conversation", "previous_response_id", "prompt"];

/// What a client of another surface would miss in the answer.
const REFUSED: [&str; 5] = ["audio", "function_call", "functions", "modalities", "web_search_options"];

/// What means nothing to another vendor, or something else.
const OURS: [&str; 8] = [
    "background",
    "include",
    "max_tool_calls",
    "moderation",
    "prompt_cache_options",
    "reasoning",
    "stream_options",
    "truncation",
];

/// What is passed on to a vendor: Responses' own members, and those that Chat Completions shares.
const PASSED: [&str; 15] = [
    "background",
    "context_management",
    "conversation",
    "max_tool_calls",
    "metadata",
    "moderation",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "store",
    "stream_options",
    "truncation",
];

/// The types of tools that OpenAI runs, without the dates that some end in.
const HOSTED: [&str; 14] = [
    "apply_patch",
    "code_interpreter",
    "computer",
    "computer_use_preview",
    "file_search",
    "image_generation",
    "local_shell",
    "mcp",
    "namespace",
    "programmatic_tool_calling",
    "shell",
    "tool_search",
    "web_search",
    "web_search_preview",
];

/// Leaves behind what another vendor has not: what OpenAI keeps or runs for its clients.
pub(crate) fn leave(request: &mut Request, losses: &mut Losses) -> Result<(), Refusal> {
    if let Some(name) = KEPT_ELSEWHERE.into_iter().find(|name| request.unknown.contains_key(*name)) {
        return Err(unsupported(
            name,
            "names what OpenAI keeps, and another vendor serves this model: send it in `input`",
        ));
    }
    if request.unknown.get("background").is_some_and(|value| !value.is_unset()) {
        losses.lose("background", "does not exist at the vendor that serves this model")?;
    }
    // Agents offer with every request all that OpenAI has, beside tools of their own. Where nothing else is on
    // offer, it is what the client is after.
    let is_aside = request.tools.iter().any(|tool| !matches!(tool, Tool::Hosted(_)));
    for (i, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Hosted(_) if is_aside => losses.forgo(&format!("tools[{i}]")),
            Tool::Hosted(_) => losses.lose(&format!("tools[{i}]"), "is of a type that only OpenAI has")?,
            _ => {}
        }
    }
    request.tools.retain(|tool| !matches!(tool, Tool::Hosted(_)));
    request.unknown.retain(|name, value| !OURS.contains(&name.as_str()) && !is_compaction(name, value));
    Ok(())
}

/// Whether it is OpenAI's way to shorten a long conversation, a list; Anthropic's is an object.
fn is_compaction(name: &str, value: &Json) -> bool {
    name == "context_management" && !value.is_object()
}

/// Refuses what cannot be said in a Responses request.
pub(super) fn refuse(request: &Request, losses: &mut Losses) -> Result<(), Refusal> {
    let asked = |name: &&str| request.unknown.get(*name).is_some_and(|value| !asks_nothing(name, value));
    for name in REFUSED.into_iter().filter(asked) {
        losses.lose(name, "does not exist in OpenAI's Responses")?;
    }
    if request.sampling.choices.is_some_and(|n| n > 1) {
        losses.lose("n", "above 1 does not exist in OpenAI's Responses")?;
    }
    if !request.sampling.stop.is_empty() {
        losses.lose("stop", "does not exist in OpenAI's Responses")?;
    }
    Ok(())
}

/// `modalities: ["text"]` and its like.
fn asks_nothing(name: &str, value: &Json) -> bool {
    let text_only = || value.to::<Vec<String>>().is_some_and(|list| list.iter().all(|mode| mode == "text"));
    value.is_unset() || (name == "modalities" && text_only())
}

/// What is passed on, `store: false` where the client says nothing: what it sends us is not kept
/// elsewhere unless it asks for that.
pub(super) fn kept(unknown: &Members) -> BTreeMap<&str, &Json> {
    let ours = |name: &str, value: &Json| match name {
        // Chat Completions and Anthropic have members of these names that mean something else.
        "stream_options" => value.text().contains("include_obfuscation"),
        "context_management" => is_compaction(name, value),
        _ => true,
    };
    let passes = |name: &str, value: &Json| PASSED.contains(&name) && ours(name, value);
    unknown.iter().filter(|(name, value)| passes(name, value)).map(|(name, value)| (name.as_str(), value)).collect()
}

/// The names in `include`: the client's, and those of what the request asks for otherwise.
pub(super) fn include(request: &Request, sealed: bool) -> BTreeSet<String> {
    let given = request.unknown.get("include").and_then(Json::to::<Vec<String>>).unwrap_or_default();
    let logprobs = request.sampling.logprobs.map(|_| LOGPROBS.to_owned());
    let seals = sealed.then(|| "reasoning.encrypted_content".to_owned());
    given.into_iter().chain(logprobs).chain(seals).collect()
}

/// Whether a hosted tool is in OpenAI's words. Its types may end in a date with underscores, and
/// Anthropic's in one without.
pub(super) fn is_openais(tool: &Json) -> bool {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    let undated =
        |kind: &str| match kind.len().checked_sub("_2025_03_11".len()).and_then(|at| kind.split_at_checked(at)) {
            Some((name, date)) if date.bytes().all(|b| b.is_ascii_digit() || b == b'_') => name.to_owned(),
            _ => kind.to_owned(),
        };
    tool.to::<Kind>().is_some_and(|tool| HOSTED.contains(&undated(&tool.kind).as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosted_tool_of_another_vendor_is_not_taken_for_openais() {
        for (kind, ours) in [
            ("web_search", true),
            ("web_search_2025_08_26", true),
            ("web_search_preview_2025_03_11", true),
            ("mcp", true),
            ("web_search_20250305", false),
            ("bash_20250124", false),
            ("text_editor_20250728", false),
            ("é_2025_03_11", false),
            ("", false),
        ] {
            let tool = Json::parse(&format!(r#"{{"type":"{kind}"}}"#)).expect("JSON");
            assert_eq!(is_openais(&tool), ours, "{kind}");
        }
    }
}
