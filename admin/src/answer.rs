//! Answers as bytes. It decides nothing about what stands in them.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

use crate::refusal::Refusal;

/// A response of JSON that nobody keeps: it may hold the only copy of a key.
pub(crate) fn json(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What a route found, as JSON.
pub(crate) fn value(of: &impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(of).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written as JSON");
        Refusal::internal("the answer cannot be written as JSON")
    })
}

/// A page of a list: `next` is what to give as `after` for the one that follows.
pub(crate) fn page<T: Serialize>(list: &[T], limit: usize, id: impl Fn(&T) -> &str) -> Result<Value, Refusal> {
    let next = list.last().filter(|_| list.len() == limit).map(id);
    Ok(json!({"data": value(&list)?, "next": next}))
}
