//! From a refusal to HTTP, in the envelope of the surface that was called. The only place that
//! spells an error.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use serde_json::json;
use tollgate_api::{Code, Kind, Refusal};
use tollgate_translate::VendorError;

/// Where the error reference is served from.
pub(crate) const ERROR_REFERENCE: &str = "/docs/errors";

/// An error as it goes out.
pub(crate) struct ErrorReply {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    pub(crate) retry_after: Option<Duration>,
}

impl From<&Refusal> for ErrorReply {
    fn from(refusal: &Refusal) -> Self {
        let code = refusal.code;
        let body = json!({"error": {
            "message": format!("{}. {}", refusal.message.trim_end_matches('.'), code.remedy()),
            "type": code.kind().as_str(),
            "param": refusal.param,
            "code": code.as_str(),
            "rule": code.rule(),
            "remedy": code.remedy(),
            "doc_url": format!("{ERROR_REFERENCE}#{}", code.as_str()),
        }});
        Self { status: code.status(), body: Bytes::from(body.to_string()), retry_after: refusal.retry_after }
    }
}

impl ErrorReply {
    /// The vendor's own "no", under its status, in our envelope.
    pub(crate) fn of_vendor(status: u16, error: &VendorError) -> Self {
        let kind = if error.kind.is_empty() { Kind::InvalidRequest.as_str() } else { &error.kind };
        let body = json!({"error": {
            "message": error.message,
            "type": kind,
            "param": null,
            "code": error.code,
        }});
        Self { status, body: Bytes::from(body.to_string()), retry_after: None }
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
    whole(session, reply.status, "application/json", headers, reply.body).await
}

/// Writes a refusal outside of any exchange: an unknown path, a wrong method.
pub(crate) async fn refuse(session: &mut Session, refusal: &Refusal) -> pingora::Result<()> {
    let allow = (refusal.code == Code::MethodNotAllowed).then(|| refusal.param.as_deref().unwrap_or("POST"));
    let headers = allow.and_then(|a| Some((header::ALLOW, HeaderValue::from_str(a).ok()?)));
    error(session, ErrorReply::from(refusal), headers.into_iter().collect()).await
}
