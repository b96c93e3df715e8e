//! What a vendor says went wrong: read from whatever shape it comes in, without the keys it echoes.
//!
//! It never fails: HTML, a bare string and an empty body are answers too.

use std::time::Duration;

use serde_json::Value;

use crate::dialect::VendorError;

/// Longest message that is kept, in characters.
const MESSAGE_MAX: usize = 512;
/// Longest kind or code that is kept, in characters.
const WORD_MAX: usize = 64;
/// How vendors' keys begin.
const KEY_PREFIXES: [&str; 5] = ["sk-", "AIza", "gsk_", "xai-", "AKIA"];
/// A run of letters and digits this long, mixed and unbroken, is taken for a key without a prefix.
const KEY_LENGTH: usize = 32;

/// Reads an error body.
pub(crate) fn read(status: u16, body: &[u8]) -> VendorError {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => of(&value, status),
        Err(_) => error(None, None, &plain(&String::from_utf8_lossy(body)), status),
    }
}

/// Google's `RetryInfo`: `"retryDelay": "34.4s"` among the details.
fn retry_delay(error: &Value) -> Option<Duration> {
    let details = error["details"].as_array()?;
    let delay = details.iter().find_map(|detail| detail["retryDelay"].as_str())?;
    let (whole, part) = delay.strip_suffix('s')?.split_once('.').unwrap_or((delay.strip_suffix('s')?, ""));
    let tenths = part.bytes().next().map_or(0, |digit| u64::from(digit.saturating_sub(b'0').min(9)));
    Some(Duration::from_millis(whole.parse::<u64>().ok()?.saturating_mul(1000).saturating_add(tenths * 100)))
}

/// Reads an error that stands in the middle of a stream.
pub(crate) fn in_stream(value: &Value) -> VendorError {
    of(value, 200)
}

fn of(value: &Value, status: u16) -> VendorError {
    let value = value.as_array().and_then(|list| list.first()).unwrap_or(value);
    let inner = match &value["error"] {
        Value::Null => value,
        inner => inner,
    };
    let message = inner.as_str().or_else(|| message(inner)).or_else(|| message(value)).unwrap_or_default();
    let kind = [&inner["type"], &inner["status"], &value["type"]];
    let kind = kind.iter().find_map(|kind| kind.as_str()).filter(|kind| *kind != "error");
    let code = [&inner["code"], &value["code"]].iter().find_map(|code| word(code));
    VendorError { retry_after: retry_delay(inner), ..error(kind, code, message, status) }
}

/// The sentence in an object: `message`, `detail`, or a list of FastAPI's `{msg}`.
fn message(value: &Value) -> Option<&str> {
    let detail = &value["detail"];
    let places = [&value["message"], detail, &detail["message"], &detail[0]["msg"], &value["error_message"]];
    places.iter().find_map(|place| place.as_str())
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn error(kind: Option<&str>, code: Option<String>, message: &str, status: u16) -> VendorError {
    let message = clean(message, MESSAGE_MAX);
    VendorError {
        kind: kind.map_or_else(|| format!("http_{status}"), |kind| clean(kind, WORD_MAX)),
        code: code.map(|code| clean(&code, WORD_MAX)),
        message: if message.is_empty() { format!("status {status} without a message") } else { message },
        retry_after: None,
    }
}

/// The words of a body that is not JSON: a page's title, or the text itself.
fn plain(body: &str) -> String {
    if !body.trim_start().starts_with('<') {
        return body.to_owned();
    }
    let title = body.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    title.map_or_else(|| "an HTML page".to_owned(), |(title, _)| title.to_owned())
}

/// One line of at most `max` characters with everything that looks like a key masked.
fn clean(text: &str, max: usize) -> String {
    let mut line = String::new();
    let mut after_bearer = false;
    // Read more than is kept, so that a key is seen whole before the cut.
    let head: String = text.chars().take(4 * max).collect();
    for word in head.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&if after_bearer { "[masked]".to_owned() } else { mask(word) });
        after_bearer = word.to_ascii_lowercase().ends_with("bearer");
    }
    line.retain(|c| !c.is_control());
    line.chars().take(max).collect()
}

/// `word` with its runs of key characters masked where they look like keys.
fn mask(word: &str) -> String {
    let in_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '.');
    let mut masked = String::new();
    let mut rest = word;
    while let Some(start) = rest.find(in_key) {
        let (before, from) = rest.split_at(start);
        let (run, after) = from.split_at(from.find(|c| !in_key(c)).unwrap_or(from.len()));
        masked.push_str(before);
        masked.push_str(if is_key(run) { "[masked]" } else { run });
        rest = after;
    }
    masked + rest
}

fn is_key(run: &str) -> bool {
    let unbroken = run.len() >= KEY_LENGTH && run.bytes().all(|b| b.is_ascii_alphanumeric());
    let mixed = run.bytes().any(|b| b.is_ascii_digit()) && run.bytes().any(|b| b.is_ascii_alphabetic());
    let prefixed = KEY_PREFIXES.iter().any(|prefix| run.starts_with(prefix) && run.len() > prefix.len() + 3);
    prefixed || (unbroken && mixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> (String, Option<String>, String) {
        let VendorError { kind, code, message, .. } = read(400, body.as_bytes());
        (kind, code, message)
    }

    #[test]
    fn every_shape_that_vendors_use_is_read() {
        let table = [
            (r#"{"error":{"message":"m","type":"t","param":null,"code":"c"}}"#, "t", Some("c"), "m"),
            (r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, "overloaded_error", None, "m"),
            (
                r#"[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]"#,
                "INVALID_ARGUMENT",
                Some("400"),
                "m",
            ),
            (r#"{"code":"invalid-argument","error":"m"}"#, "http_400", Some("invalid-argument"), "m"),
            (r#"{"object":"error","message":"m","type":"t","code":"1500"}"#, "t", Some("1500"), "m"),
            (r#"{"detail":"m"}"#, "http_400", None, "m"),
            (r#"{"detail":[{"loc":["body"],"msg":"m"}]}"#, "http_400", None, "m"),
            (r#"{"message":"m"}"#, "http_400", None, "m"),
            (r#""m""#, "http_400", None, "m"),
            ("<html><title>502 Bad Gateway</title></html>", "http_400", None, "502 Bad Gateway"),
            ("<!doctype html>", "http_400", None, "an HTML page"),
            ("", "http_400", None, "status 400 without a message"),
            ("{\"error\":", "http_400", None, "{\"error\":"),
        ];
        for (body, kind, code, message) in table {
            assert_eq!(said(body), (kind.into(), code.map(Into::into), message.into()), "{body}");
        }
    }

    #[test]
    fn keys_that_vendors_echo_are_masked() {
        let table = [
            "Incorrect API key provided: sk-proj-abc***************wxyz. See the page.",
            "token=AIzaSyA1234567890abcdefgh is bad",
            "\"gsk_1234567890\" (gsk_1234567890)",
            "Authorization: Bearer verysecretthing",
            "key xai-1234567890 or 0123456789abcdef0123456789abcdef",
        ];
        for text in table {
            let (_, _, message) = said(text);
            assert!(message.contains("[masked]"), "{message}");
            for secret in ["sk-", "wxyz", "AIza", "gsk_", "verysecret", "xai-", "0123456789abcdef"] {
                assert!(!message.contains(secret), "{message}");
            }
        }
        assert_eq!(said("risk-free desk-top task-based").2, "risk-free desk-top task-based");
    }

    #[test]
    fn a_message_is_one_line_of_at_most_512_characters() {
        let (_, _, message) = said(&"é\n\u{7}".repeat(10_000));
        assert!(message.chars().count() <= MESSAGE_MAX && !message.contains('\n'));
    }
}
