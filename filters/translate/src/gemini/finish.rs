//! Why an answer ended, in Google's words and in everybody's.

use tollgate_api::StopReason;

/// What a `finishReason` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// The answer is complete, for this reason.
    Stop(StopReason),
    /// The model wrote what Google itself cannot read: no answer.
    Broken,
}

/// Reads a `finishReason`. Google says `STOP` after tool calls too.
pub(super) fn read(word: &str, called: bool) -> Finish {
    Finish::Stop(match word {
        "MAX_TOKENS" => StopReason::MaxTokens,
        "SAFETY" | "RECITATION" | "LANGUAGE" | "OTHER" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "NO_IMAGE" => {
            StopReason::Refused
        }
        _ if word.starts_with("IMAGE_") => StopReason::Refused,
        "MALFORMED_FUNCTION_CALL"
        | "MALFORMED_RESPONSE"
        | "MISSING_THOUGHT_SIGNATURE"
        | "TOO_MANY_TOOL_CALLS"
        | "UNEXPECTED_TOOL_CALL" => return Finish::Broken,
        "CONTINUATION" => StopReason::Paused,
        _ if called => StopReason::ToolUse,
        _ => StopReason::EndOfTurn,
    })
}

/// Google's word.
pub(super) fn write(reason: StopReason) -> &'static str {
    match reason {
        StopReason::EndOfTurn | StopReason::StopSequence | StopReason::ToolUse | StopReason::Paused => "STOP",
        StopReason::MaxTokens => "MAX_TOKENS",
        StopReason::Refused => "SAFETY",
    }
}
