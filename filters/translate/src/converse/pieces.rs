//! What both a streamed and a whole answer on this surface are made of, and how a failure is told.

use std::borrow::Cow;

use aws_smithy_types::base64;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tollgate_api::{Seal, Sealer, StopReason};

use crate::dialect::Failure;
use crate::frames;

/// Where arguments go that are no JSON object: a client of Converse can hold nothing else.
const UNPARSED: &str = "unparsed_arguments";

/// `{"bytes": ...}`, in base64.
#[derive(Serialize)]
pub(super) struct Bytes<'a> {
    pub(super) bytes: &'a str,
}

/// The vendor's own words for why it stopped, where there is a place for them.
#[derive(Serialize)]
pub(super) struct Fields<'a> {
    pub(super) stop_sequence: &'a str,
}

/// How long the model took.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metrics {
    latency_ms: u64,
}

/// Amazon's own clock measured nothing here, but clients read the member.
pub(super) const METRICS: Metrics = Metrics { latency_ms: 0 };

/// Amazon's word for why an answer ended.
pub(super) fn stop_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::EndOfTurn | StopReason::Paused => "end_turn",
        StopReason::StopSequence => "stop_sequence",
        StopReason::MaxTokens => "max_tokens",
        StopReason::ToolUse => "tool_use",
        StopReason::Refused => "content_filtered",
    }
}

/// Arguments as the object that Converse wants, byte for byte where they are one.
pub(super) fn input(arguments: &str) -> Cow<'_, RawValue> {
    // Groq's models write `null` where a tool takes none.
    let arguments = if matches!(arguments.trim(), "" | "null") { "{}" } else { arguments };
    match serde_json::from_str::<&RawValue>(arguments) {
        Ok(object) if object.get().starts_with('{') => Cow::Borrowed(object),
        _ => {
            let wrapped = std::collections::BTreeMap::from([(UNPARSED, arguments)]);
            Cow::Owned(to_raw_value(&wrapped).expect("a map of strings is JSON"))
        }
    }
}

/// A seal for a member of bytes: clients decode it, and encode it again on the next turn.
pub(super) fn sealed_bytes(seal: &Seal) -> Cow<'_, str> {
    let spelled = seal.spelled_for(Sealer::Anthropic);
    let survives = base64::decode(&spelled).is_ok_and(|bytes| base64::encode(bytes) == *spelled);
    // Written for anybody else it carries our mark, which is base64.
    if survives { spelled } else { seal.spelled_for(Sealer::Google) }
}

/// The last frame of a stream that cannot be finished.
pub(super) fn failure(failure: &Failure<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Payload<'a> {
        message: &'a str,
        code: &'a str,
    }
    let Failure { code, message, kind } = *failure;
    let mut out = Vec::new();
    frames::write_exception(exception(kind, code), json(&Payload { message, code }), &mut out);
    out
}

/// The exception of Amazon's that says it best. There are five, and a client's library knows no others.
fn exception(kind: &str, code: &str) -> &'static str {
    let said = |words: &[&str]| {
        let has = |text: &str| words.iter().any(|word| text.to_ascii_lowercase().contains(word));
        has(kind) || has(code)
    };
    if said(&["throttl", "rate_limit", "too_many", "quota", "exhausted"]) {
        "throttlingException"
    } else if said(&["overloaded", "unavailable", "capacity"]) {
        "serviceUnavailableException"
    } else if said(&["invalid", "validation"]) {
        "validationException"
    } else if said(&["modelstream", "upstream"]) {
        "modelStreamErrorException"
    } else {
        "internalServerException"
    }
}

/// One value as JSON.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("strings and numbers are JSON, and memory takes all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_the_exception_that_says_it_best() {
        for (kind, code, expected) in [
            ("rate_limit_error", "rate_limit_exceeded", "throttlingException"),
            ("ThrottlingException", "ThrottlingException", "throttlingException"),
            ("RESOURCE_EXHAUSTED", "429", "throttlingException"),
            ("overloaded_error", "overloaded_error", "serviceUnavailableException"),
            ("invalid_request_error", "invalid_request", "validationException"),
            ("ValidationException", "ValidationException", "validationException"),
            ("api_error", "upstream_failed", "modelStreamErrorException"),
            ("ModelStreamErrorException", "ModelStreamErrorException", "modelStreamErrorException"),
            ("api_error", "internal_error", "internalServerException"),
            ("", "", "internalServerException"),
        ] {
            assert_eq!(exception(kind, code), expected, "{kind} {code}");
        }
    }

    #[test]
    fn sealed_bytes_survive_a_client_that_decodes_them() {
        for (by, data) in [
            (Sealer::Anthropic, "EqQBCkgI"),
            (Sealer::Anthropic, "not base64_-"),
            (Sealer::Anthropic, "YQ"),
            (Sealer::OpenAi, "gAAAA_-"),
        ] {
            let seal = Seal::new(by, data);
            let spelled = sealed_bytes(&seal).into_owned();
            let bytes = base64::decode(&spelled).expect("base64");
            assert_eq!(Seal::read(base64::encode(bytes), Sealer::Anthropic), seal, "{data}");
        }
    }

    #[test]
    fn arguments_are_always_an_object_and_an_object_is_not_respelled() {
        let table = [
            ("", "{}"),
            ("null", "{}"),
            ("{ \"b\": 1.0, \"a\": 12345678901234567890123 }", "{ \"b\": 1.0, \"a\": 12345678901234567890123 }"),
            ("{\"cut", r#"{"unparsed_arguments":"{\"cut"}"#),
            ("[1]", r#"{"unparsed_arguments":"[1]"}"#),
        ];
        for (arguments, written) in table {
            assert_eq!(input(arguments).get(), written);
        }
    }
}
