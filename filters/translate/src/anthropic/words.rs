//! Anthropic's words for how an answer ends, well or not.

use serde::Serialize;
use tollgate_api::StopReason;

use crate::dialect::Failure;

/// The event that ends a stream which cannot be finished: no `message_stop` follows it.
pub(super) fn failure(failure: &Failure<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Error<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        message: &'a str,
        code: &'a str,
    }
    let Failure { code, message, kind } = *failure;
    let mut out = b"event: error\ndata: {\"type\":\"error\",\"error\":".to_vec();
    let error = Error { kind: error_type(kind), message, code };
    serde_json::to_writer(&mut out, &error).expect("strings are JSON, and memory takes all");
    out.extend_from_slice(b"}\n\n");
    out
}

/// The kind in one of Anthropic's words, by which its clients choose what they raise.
fn error_type(kind: &str) -> &'static str {
    const WORDS: [&str; 9] = [
        "invalid_request_error",
        "authentication_error",
        "billing_error",
        "permission_error",
        "not_found_error",
        "rate_limit_error",
        "timeout_error",
        "overloaded_error",
        "api_error",
    ];
    let contains = |words: [&str; 3]| words.into_iter().any(|word| kind.contains(word));
    match WORDS.into_iter().find(|word| *word == kind) {
        Some(word) => word,
        None if contains(["rate_limit", "quota", "429"]) => "rate_limit_error",
        None if contains(["overload", "unavailable", "503"]) => "overloaded_error",
        None => "api_error",
    }
}

/// Anthropic's word for why an answer ended.
pub(super) fn stop_reason(reason: StopReason, refused: bool) -> &'static str {
    match reason {
        StopReason::EndOfTurn if refused => "refusal",
        StopReason::EndOfTurn => "end_turn",
        StopReason::StopSequence => "stop_sequence",
        StopReason::MaxTokens => "max_tokens",
        StopReason::ToolUse => "tool_use",
        StopReason::Refused => "refusal",
        StopReason::Paused => "pause_turn",
    }
}
