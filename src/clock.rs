//! The proxy's clocks. Everything pure takes the time as an argument; this is where it comes from.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the first call: monotonic, never steps back, means nothing outside.
pub(crate) fn now_ms() -> u64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let began = BEGAN.get_or_init(Instant::now);
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Microseconds since 1970.
pub(crate) fn unix_micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}

/// The time since 1970.
pub(crate) fn since_1970() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Milliseconds since 1970.
pub(crate) fn unix_ms() -> i64 {
    i64::try_from(unix_micros() / 1000).unwrap_or(i64::MAX)
}

/// Seconds since 1970.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// A day since 1970 as `2026-11-21`.
pub(crate) fn day_text(day: i64) -> String {
    let seconds = u64::try_from(day).unwrap_or(0).saturating_mul(86_400);
    let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + std::time::Duration::from_secs(seconds)).to_string();
    text[..text.len().min(10)].to_owned()
}
