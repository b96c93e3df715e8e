//! From a refusal to HTTP, in the envelope of the surface that was called. The only place that
//! spells an error.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use serde_json::{Map, Value, json};
use tollgate_api::{Code, Kind, Refusal, Surface};
use tollgate_translate::VendorError;

/// Where the error reference is served from.
pub(crate) const ERROR_REFERENCE: &str = "/docs/errors";

/// Where Amazon's clients look for the name of an error.
const EXCEPTION: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// An error as it goes out.
pub(crate) struct ErrorReply {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    pub(crate) retry_after: Option<Duration>,
    /// What clients of Amazon's know the error by.
    exception: Option<&'static str>,
}

/// The shape in which the clients of a surface look for an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Envelope {
    /// `{"error": {"message", "type", "param", "code"}}`.
    #[default]
    OpenAi,
    /// `{"type": "error", "error": {"type", "message"}}`.
    Anthropic,
    /// `{"error": {"code", "message", "status", "details"}}`.
    Google,
    /// `{"message"}`, and `x-amzn-errortype` in the head.
    Amazon,
}

impl Envelope {
    /// That of a surface; `None` for a vendor's own path, which says it itself.
    pub(crate) fn of(surface: Surface) -> Option<Self> {
        Some(match surface {
            Surface::ChatCompletions | Surface::Responses | Surface::Embeddings => Self::OpenAi,
            Surface::Messages => Self::Anthropic,
            Surface::GenerateContent | Surface::Interactions => Self::Google,
            Surface::Converse => Self::Amazon,
            Surface::Native => return None,
        })
    }

    /// An error in this shape. `ours` are members that every shape has: `code`, and what leads to a remedy.
    fn error(self, status: u16, kind: &str, message: &str, ours: Map<String, Value>) -> Value {
        match self {
            Self::OpenAi => json!({"error": with(json!({"message": message, "type": kind, "param": null}), ours)}),
            Self::Anthropic => {
                let error = json!({"type": anthropic_kind(status, kind), "message": message});
                json!({"type": "error", "error": with(error, ours)})
            }
            Self::Google => {
                let word = google_status(status);
                let mut detail =
                    map(json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "tollgate"}));
                detail.insert("reason".into(), ours.get("code").cloned().unwrap_or_default());
                detail.insert("metadata".into(), Value::Object(ours));
                json!({"error": {"code": status, "message": message, "status": word, "details": [detail]}})
            }
            Self::Amazon => with(json!({"message": message}), ours),
        }
    }

    fn exception(self, status: u16) -> Option<&'static str> {
        (self == Self::Amazon).then(|| amazon_exception(status))
    }
}

/// An object with more members in it.
fn with(error: Value, more: Map<String, Value>) -> Value {
    let mut error = map(error);
    error.extend(more);
    Value::Object(error)
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The types that Anthropic's clients know; theirs follow the status.
fn anthropic_kind(status: u16, kind: &str) -> &str {
    match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => kind,
    }
}

/// Google's words for a status (google.rpc.Code).
fn google_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        402 | 403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        503 => "UNAVAILABLE",
        408 | 504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

/// The errors of Amazon's runtime; its clients decide by these names whether to try again.
fn amazon_exception(status: u16) -> &'static str {
    match status {
        401 | 403 => "AccessDeniedException",
        402 => "ServiceQuotaExceededException",
        404 => "ResourceNotFoundException",
        408 | 504 => "ModelTimeoutException",
        429 => "ThrottlingException",
        502 => "ModelErrorException",
        503 | 529 => "ServiceUnavailableException",
        500.. => "InternalServerException",
        _ => "ValidationException",
    }
}

impl ErrorReply {
    /// Our own error.
    pub(crate) fn of(refusal: &Refusal, envelope: Envelope) -> Self {
        let code = refusal.code;
        let message = format!("{}. {}", refusal.message.trim_end_matches('.'), code.remedy());
        let ours = map(json!({
            "param": refusal.param,
            "code": refusal.word(),
            "rule": code.rule(),
            "remedy": code.remedy(),
            "doc_url": format!("{ERROR_REFERENCE}#{}", code.as_str()),
        }));
        let body = envelope.error(code.status(), code.kind().as_str(), &message, ours);
        let (status, body) = (code.status(), Bytes::from(body.to_string()));
        Self { status, body, retry_after: refusal.retry_after, exception: envelope.exception(status) }
    }

    /// The vendor's own "no", under its status.
    pub(crate) fn of_vendor(status: u16, error: &VendorError, envelope: Envelope) -> Self {
        let kind = if error.kind.is_empty() { Kind::InvalidRequest.as_str() } else { &error.kind };
        let ours = map(json!({"code": error.code}));
        let body = envelope.error(status, kind, &error.message, ours);
        Self { status, body: Bytes::from(body.to_string()), retry_after: None, exception: envelope.exception(status) }
    }
}

/// The head of an answer. Made of typed names: Pingora's own way spells and parses each again.
pub(crate) fn head(status: u16, headers: impl Iterator<Item = (HeaderName, HeaderValue)>) -> Box<ResponseHeader> {
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    parts.headers = HeaderMap::with_capacity(16);
    for (name, value) in headers {
        parts.headers.insert(name, value);
    }
    Box::new(ResponseHeader::from(parts))
}

/// Writes a whole answer with its length: head and body leave in one write.
pub(crate) async fn whole(
    session: &mut Session,
    status: u16,
    content_type: &'static str,
    headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    body: Bytes,
) -> pingora::Result<()> {
    let ours = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_LENGTH, HeaderValue::from(body.len())),
    ];
    let head = head(status, ours.into_iter().chain(headers));
    let bodyless = session.req_header().method == http::Method::HEAD;
    session.write_response_header(head, bodyless).await?;
    if bodyless {
        return Ok(());
    }
    session.write_response_body(Some(body), true).await
}

/// Writes an error.
pub(crate) async fn error(
    session: &mut Session,
    reply: ErrorReply,
    mut headers: Vec<(HeaderName, HeaderValue)>,
) -> pingora::Result<()> {
    if let Some(wait) = reply.retry_after {
        // Rounded up: coming back too early is refused again.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.push((header::RETRY_AFTER, HeaderValue::from(seconds.max(1))));
    }
    if let Some(exception) = reply.exception {
        headers.push((EXCEPTION, HeaderValue::from_static(exception)));
    }
    whole(session, reply.status, "application/json", headers, reply.body).await
}

/// Writes a refusal outside of any exchange: an unknown path, a wrong method.
pub(crate) async fn refuse(session: &mut Session, refusal: &Refusal, envelope: Envelope) -> pingora::Result<()> {
    let allow = (refusal.code == Code::MethodNotAllowed).then(|| refusal.param.as_deref().unwrap_or("POST"));
    let headers = allow.and_then(|a| Some((header::ALLOW, HeaderValue::from_str(a).ok()?)));
    error(session, ErrorReply::of(refusal, envelope), headers.into_iter().collect()).await
}
