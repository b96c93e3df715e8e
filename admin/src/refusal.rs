//! Every error of the management API: its code, its status, its rule. The only file that knows them.
//!
//! What a client sent is never repeated in one, but for names of members and parameters, and of those
//! at most a hundred characters.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use tollgate_store::StoreError;

use crate::answer;

/// The longest text of a client's that an error repeats, in characters.
const ECHO_MAX: usize = 100;

/// Which error. The names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Code {
    InvalidKey,
    Forbidden,
    ScopeExceeded,
    NotFound,
    MethodNotAllowed,
    Conflict,
    Invalid,
    InvalidJson,
    BodyTooLarge,
    UnsupportedMediaType,
    StoreUnreachable,
    RecordsUnreachable,
    Internal,
}

/// What stands in the table of errors.
struct Entry {
    status: StatusCode,
    code: &'static str,
    rule: &'static str,
}

impl Code {
    pub(crate) const ALL: [Self; 13] = [
        Self::InvalidKey,
        Self::Forbidden,
        Self::ScopeExceeded,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::Invalid,
        Self::InvalidJson,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::StoreUnreachable,
        Self::RecordsUnreachable,
        Self::Internal,
    ];

    fn entry(self) -> Entry {
        let (status, code, rule) = match self {
            Self::InvalidKey => (401, "invalid_key", "Every request carries a valid management key."),
            Self::Forbidden => (403, "forbidden", "What a key may do depends on its role."),
            Self::ScopeExceeded => (403, "scope_exceeded", "A key gives away at most what it has itself."),
            Self::NotFound => (404, "not_found", "Only what exists for this key is shown."),
            Self::MethodNotAllowed => (405, "method_not_allowed", "Each path has its methods."),
            Self::Conflict => (409, "conflict", "A change fits what is stored already."),
            Self::Invalid => (400, "invalid", "Every value has the documented form."),
            Self::InvalidJson => (400, "invalid_json", "A body is one JSON object, each member at most once."),
            Self::BodyTooLarge => (413, "body_too_large", "A body has at most 65536 bytes."),
            Self::UnsupportedMediaType => (415, "unsupported_media_type", "Bodies are `application/json`."),
            Self::StoreUnreachable => (503, "store_unreachable", "Accounts are read and changed in the database."),
            Self::RecordsUnreachable => (503, "records_unreachable", "Records are read from the audit log."),
            Self::Internal => (500, "internal", "Tollgate answers what it is asked."),
        };
        Entry { status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), code, rule }
    }

    pub(crate) fn status(self) -> StatusCode {
        self.entry().status
    }

    pub(crate) fn name(self) -> &'static str {
        self.entry().code
    }

    pub(crate) fn rule(self) -> &'static str {
        self.entry().rule
    }
}

/// An error on its way to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    message: Cow<'static, str>,
    remedy: Cow<'static, str>,
    /// For a path that has other methods.
    allow: Option<String>,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<Cow<'static, str>>, remedy: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), remedy: remedy.into(), allow: None }
    }

    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>, remedy: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Invalid, message, remedy)
    }

    /// The same for every key that is none.
    pub(crate) fn invalid_key() -> Self {
        Self::new(
            Code::InvalidKey,
            "there is no valid management key in this request",
            "send `Authorization: Bearer tgm_…`; an owner or the operator makes such keys",
        )
    }

    /// The same for what is not there and for what is another's.
    pub(crate) fn not_found() -> Self {
        Self::new(Code::NotFound, "there is no such thing", "check the path and the ids in it")
    }

    pub(crate) fn forbidden(who: &str) -> Self {
        Self::new(Code::Forbidden, "this key may not do that", format!("it takes the right of: {who}"))
    }

    pub(crate) fn wrong_method(allow: String) -> Self {
        let remedy = format!("use one of: {allow}");
        let refusal = Self::new(Code::MethodNotAllowed, "this path has no such method", remedy);
        Self { allow: Some(allow), ..refusal }
    }

    pub(crate) fn internal(what: &'static str) -> Self {
        Self::new(Code::Internal, what, "try again; if it stays, the operator finds more in Tollgate's own log")
    }

    fn body(&self) -> String {
        let Self { code, message, remedy, allow: _ } = self;
        json!({"error": {"code": code.name(), "message": message, "rule": code.rule(), "remedy": remedy}}).to_string()
    }
}

impl std::convert::From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::not_found(),
            StoreError::Conflict(why) => Self::new(Code::Conflict, why, "read it again and correct the change"),
            StoreError::Invalid { what, remedy } => Self::invalid(what, remedy),
            StoreError::Unreachable(why) => {
                tracing::warn!(why, "the database cannot be reached");
                let message = "the database does not answer; what was asked may have been done all the same";
                Self::new(Code::StoreUnreachable, message, "look whether it was done, then try again")
            }
            error @ (StoreError::Newer { .. } | StoreError::Broken(_)) => {
                tracing::error!(%error, "the database does not hold what it should");
                Self::internal("the database does not hold what it should")
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = answer::json(self.code.status(), self.body());
        let headers = response.headers_mut();
        match self.code {
            Code::InvalidKey => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Code::StoreUnreachable | Code::RecordsUnreachable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::from_str(&allow).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}

/// A text of a client's, as far as it is repeated to it.
pub(crate) fn cut(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(ECHO_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_known_by_one_name() {
        let names: std::collections::HashSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            let fits = code.status().is_client_error() || code.status().is_server_error();
            assert!(fits && code.rule().ends_with('.'), "{code:?}");
        }
    }

    #[test]
    fn the_reason_of_an_unreachable_database_stays_in_the_log() {
        let refusal = Refusal::from(StoreError::Unreachable("postgres://user:hunter2@db".into()));
        assert!(!refusal.body().contains("hunter2"));
        let response = refusal.into_response();
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn what_is_repeated_is_short() {
        assert_eq!(cut(&"é".repeat(1000)).chars().count(), ECHO_MAX);
        assert_eq!(cut("a\r\nb"), "ab");
    }
}
