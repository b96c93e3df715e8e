//! The end of a stream that cannot be finished, in Google's shape: its clients raise an error only
//! where the event begins with `error`, and its `code` is a status.

use serde::Serialize;
use tollgate_api::Framing;

use crate::dialect::Failure;

#[derive(Serialize)]
struct Body<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    details: [Detail<'a>; 1],
}

/// Where Google says what no status can: here, the stable code.
#[derive(Serialize)]
struct Detail<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    reason: &'a str,
    domain: &'static str,
}

/// The event. As an element of an array it comes bare: who knows what went before it adds the rest.
pub(super) fn failure(failure: &Failure<'_>, framing: Framing) -> Vec<u8> {
    let (code, status) = status(failure.kind);
    let detail = Detail { kind: "type.googleapis.com/google.rpc.ErrorInfo", reason: failure.code, domain: "tollgate" };
    let error = Error { code, message: failure.message, status, details: [detail] };
    let body = serde_json::to_vec(&Body { error }).expect("strings and numbers are JSON");
    match framing {
        Framing::JsonArray => body,
        Framing::Sse | Framing::EventStream => [b"data: ", body.as_slice(), b"\r\n\r\n"].concat(),
    }
}

/// The status that a vendor's word stands for.
fn status(kind: &str) -> (u16, &'static str) {
    let kind = kind.to_ascii_lowercase();
    let number = kind.strip_prefix("http_").and_then(|number| number.parse().ok());
    let is = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    let code = match number {
        Some(number) => number,
        None if is(&["overloaded", "unavailable", "capacity"]) => 503,
        None if is(&["rate_limit", "exhausted", "quota", "throttl"]) => 429,
        None if is(&["timeout", "deadline"]) => 504,
        None if is(&["invalid", "failed_precondition"]) => 400,
        None if is(&["unauthenticated", "authentication"]) => 401,
        None if is(&["permission"]) => 403,
        None if is(&["not_found"]) => 404,
        None => 500,
    };
    match code {
        400 | 413 | 422 => (code, "INVALID_ARGUMENT"),
        401 => (code, "UNAUTHENTICATED"),
        402 | 403 => (code, "PERMISSION_DENIED"),
        404 => (code, "NOT_FOUND"),
        429 => (code, "RESOURCE_EXHAUSTED"),
        502 | 503 | 529 => (503, "UNAVAILABLE"),
        408 | 504 => (504, "DEADLINE_EXCEEDED"),
        _ => (500, "INTERNAL"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendors_word_for_a_failure_has_a_status_of_googles() {
        for (kind, expected) in [
            ("overloaded_error", (503, "UNAVAILABLE")),
            ("UNAVAILABLE", (503, "UNAVAILABLE")),
            ("rate_limit_exceeded", (429, "RESOURCE_EXHAUSTED")),
            ("insufficient_quota", (429, "RESOURCE_EXHAUSTED")),
            ("http_529", (503, "UNAVAILABLE")),
            ("http_99999999", (500, "INTERNAL")),
            ("timeout_error", (504, "DEADLINE_EXCEEDED")),
            ("invalid_request_error", (400, "INVALID_ARGUMENT")),
            ("authentication_error", (401, "UNAUTHENTICATED")),
            ("api_error", (500, "INTERNAL")),
            ("MALFORMED_FUNCTION_CALL", (500, "INTERNAL")),
        ] {
            assert_eq!(status(kind), expected, "{kind}");
        }
    }
}
