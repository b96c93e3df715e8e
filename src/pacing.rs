//! When a vendor says to come back: `Retry-After` and the rate-limit headers of the field.
//!
//! It reads what vendors were recorded to send; it does not decide what to do about it.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use tollgate_vendors::{LimitHeaders, Vendor};

/// How long a vendor that refused asks to be left alone.
///
/// In order: `retry-after-ms` (OpenAI), `retry-after` in seconds or as a date (RFC 9110 §10.2.3),
/// then the reset of an exhausted rate limit.
pub(crate) fn asked_to_wait(headers: &HeaderMap, vendor: &Vendor, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    text("retry-after-ms")
        .and_then(|ms| ms.parse().ok().map(Duration::from_millis))
        .or_else(|| text("retry-after").and_then(|v| retry_after(v, now)))
        .or_else(|| exhausted(headers, vendor, now))
}

/// The reset of a limit that has nothing left: an answer may still be a success, the next will not.
pub(crate) fn exhausted(headers: &HeaderMap, vendor: &Vendor, now: SystemTime) -> Option<Duration> {
    // Most answers carry none of these: one look-up each, no parsing.
    vendor.limits.iter().filter_map(|limit| exhausted_of(headers, limit, now)).max()
}

fn exhausted_of(headers: &HeaderMap, limit: &LimitHeaders, now: SystemTime) -> Option<Duration> {
    let none_left = headers.get(limit.remaining)?.as_bytes() == b"0";
    if !none_left {
        return None;
    }
    let reset = headers.get(limit.reset)?.to_str().ok()?;
    duration(reset).or_else(|| {
        let at = humantime::parse_rfc3339_weak(reset).ok()?;
        Some(at.duration_since(now).unwrap_or(Duration::ZERO))
    })
}

fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(at.duration_since(now).unwrap_or(Duration::ZERO))
}

/// `6m0s`, `120ms`, `1.5s`, `7` (seconds): the spelling of OpenAI, Groq and Azure.
fn duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number = nanos(&rest[..digits])?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit: u32 = match &rest[..letters] {
            "h" => 3600,
            "m" => 60,
            "s" => 1,
            "ms" => 0,
            _ => return None,
        };
        total = total.checked_add(match unit {
            0 => number / 1000,
            unit => number.checked_mul(unit)?,
        })?;
        rest = &rest[letters..];
    }
    Some(total)
}

/// A decimal number of seconds, without floating point.
fn nanos(text: &str) -> Option<Duration> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part: String = part.chars().chain(std::iter::repeat('0')).take(9).collect();
    Some(Duration::new(whole.parse().ok()?, part.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (http::HeaderName::from_static(n), v.parse().expect("a value"))).collect()
    }

    fn openai() -> &'static Vendor {
        tollgate_vendors::vendor("openai").expect("known")
    }

    #[test]
    fn retry_after_is_read_in_seconds_milliseconds_and_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let wait = |pairs: &[(&'static str, &str)]| asked_to_wait(&headers(pairs), openai(), now);
        assert_eq!(wait(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(wait(&[("retry-after-ms", "250"), ("retry-after", "1")]), Some(Duration::from_millis(250)));
        assert_eq!(wait(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]), Some(Duration::from_secs(7)));
        assert_eq!(wait(&[("retry-after", "soon")]), None);
    }

    #[test]
    fn only_an_exhausted_limit_counts() {
        let now = SystemTime::UNIX_EPOCH;
        let left = |n: &str| {
            let limits = [("x-ratelimit-remaining-requests", n), ("x-ratelimit-reset-requests", "1m30s")];
            exhausted(&headers(&limits), openai(), now)
        };
        assert_eq!(left("0"), Some(Duration::from_secs(90)));
        assert_eq!(left("1"), None);
    }

    #[test]
    fn a_limit_of_anthropics_is_whole_again_at_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let anthropic = tollgate_vendors::vendor("anthropic").expect("known");
        let limits = [
            ("anthropic-ratelimit-output-tokens-remaining", "0"),
            ("anthropic-ratelimit-output-tokens-reset", "1994-11-06T08:49:37Z"),
            ("anthropic-ratelimit-requests-remaining", "12"),
        ];
        assert_eq!(exhausted(&headers(&limits), anthropic, now), Some(Duration::from_secs(7)));
    }

    #[test]
    fn resets_are_read_as_vendors_spell_them() {
        for (text, ms) in [("6m0s", 360_000), ("120ms", 120), ("1.5s", 1500), ("2h3m", 7_380_000), ("9", 9000)] {
            assert_eq!(duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "1x", "99999999999999999999s", "-1s"] {
            assert_eq!(duration(text).filter(|d| !d.is_zero()), None, "{text}");
        }
    }
}
