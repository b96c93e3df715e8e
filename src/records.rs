//! The records of a tenant for those who manage it, from the signed part of its log. Reads files, and so
//! blocks.

use serde_json::Value;
use tollgate_audit::shelf::Shelf;

use crate::audit_pages::request_id;

/// Leaves read at once to find the records of requests among them.
const LEAVES_MAX: u64 = 4096;

/// The latest first, those before `before`, at most `limit`.
///
/// # Errors
/// The log cannot be read; the text is for the operator.
pub(crate) fn latest(shelf: &Shelf, before: Option<u64>, limit: usize) -> Result<Vec<Value>, String> {
    let mut end = shelf.signed().map_err(|error| error.to_string())?.min(before.unwrap_or(u64::MAX));
    let mut found = Vec::new();
    while end > 0 && found.len() < limit {
        let begin = end.saturating_sub(LEAVES_MAX);
        found.extend(read(shelf, begin, end)?.into_iter().rev());
        end = begin;
    }
    found.truncate(limit);
    Ok(found)
}

/// The record of one request.
///
/// # Errors
/// The log cannot be read; the text is for the operator.
pub(crate) fn one(shelf: &Shelf, id: &str) -> Result<Option<Value>, String> {
    let Some(request) = request_id(id) else { return Ok(None) };
    let size = shelf.signed().map_err(|error| error.to_string())?;
    let Some(seq) = shelf.find(&request, size).map_err(|error| error.to_string())? else { return Ok(None) };
    Ok(read(shelf, seq, seq + 1)?.pop())
}

fn read(shelf: &Shelf, begin: u64, end: u64) -> Result<Vec<Value>, String> {
    let mut found = Vec::new();
    let read = shelf.each_request(begin, end, &mut |seq, record| {
        if let Ok(mut value) = serde_json::to_value(record) {
            value["seq"] = seq.into();
            found.push(value);
        }
    });
    read.map(|()| found).map_err(|error| error.to_string())
}
