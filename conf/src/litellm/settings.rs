//! LiteLLM's settings beside its models: those that have a member of ours.

use super::ours::Ours;
use super::source::Node;
use super::write::scalar;
use crate::mask;

/// What `timeouts.total` is where nobody says.
const TOTAL_MS: u64 = 600_000;
/// What `health.max_cooldown` is where nobody says.
const MAX_COOLDOWN_MS: u64 = 300_000;
/// The longest time that a file of ours may name.
const TIME_MAX_MS: u64 = 30 * 24 * 3_600_000;

pub(super) fn take(root: Node<'_>, ours: &mut Ours) {
    for name in ["router_settings", "litellm_settings", "general_settings"] {
        let Some(section) = root.member(name) else { continue };
        times(section, ours);
        health(section, ours);
        log(section, ours);
        redis(section, ours);
        redis_named(section, ours);
        metrics(section);
    }
    let general = root.member("general_settings");
    if let Some(size) = general.and_then(|general| general.take_as("max_request_size_mb", mebibytes)) {
        ours.set("server", "max_body", size);
    }
}

/// Seconds, whole or not, as a duration of ours.
pub(super) fn time(text: &str) -> Option<String> {
    milliseconds(text).map(written)
}

fn milliseconds(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    if !digits(whole) || !digits(part) || whole.len() + part.len() == 0 {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: u64 = format!("{part:0<3}")[..3].parse().ok()?;
    let ms = whole.checked_mul(1000)?.checked_add(part)?;
    (1..=TIME_MAX_MS).contains(&ms).then_some(ms)
}

fn written(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

/// The largest body: bytes in 2^20.
fn mebibytes(text: &str) -> Option<String> {
    let whole: u64 = text.split('.').next()?.parse().ok()?;
    (1..=1024).contains(&whole).then(|| format!("{whole}MiB"))
}

/// LiteLLM's time-out is for a whole call: here, for a whole answer, it is that to the first byte.
fn times(section: Node<'_>, ours: &mut Ours) {
    for name in ["timeout", "request_timeout"] {
        let Some(ms) = section.take_as(name, milliseconds) else { continue };
        if ours.set("timeouts", "first_byte", written(ms)) && ms > TOTAL_MS {
            ours.set("timeouts", "total", written(ms));
        }
    }
}

fn health(section: Node<'_>, ours: &mut Ours) {
    let count = |text: &str| text.parse::<u32>().ok().map(|count| count.max(1).to_string());
    if let Some(count) = section.take_as("allowed_fails", count) {
        ours.set("health", "trip_after", count);
    }
    if let Some(ms) = section.take_as("cooldown_time", milliseconds)
        && ours.set("health", "cooldown", written(ms))
        && ms > MAX_COOLDOWN_MS
    {
        ours.set("health", "max_cooldown", written(ms));
    }
}

fn log(section: Node<'_>, ours: &mut Ours) {
    let is_on = |text: &str| matches!(&*text.to_lowercase(), "true" | "yes" | "on").then_some(());
    if section.take_as("set_verbose", is_on).is_some() {
        ours.set("log", "level", "debug".to_owned());
    }
    // Both are so anyway.
    section.take_as("json_logs", is_on);
    section.take_as("turn_off_message_logging", is_on);
}

/// `redis_host`, `redis_port` and the like beside other settings.
fn redis(section: Node<'_>, ours: &mut Ours) {
    connect(section, ["redis_url", "redis_host", "redis_port", "redis_password"], ours);
}

/// The same in a map of their own.
fn redis_named(section: Node<'_>, ours: &mut Ours) {
    if let Some(inside) = section.member("coordination_redis") {
        connect(inside, ["url", "host", "port", "password"], ours);
    }
}

fn connect(section: Node<'_>, [url, host, port, password]: [&str; 4], ours: &mut Ours) {
    let as_it_is = |text: &str| Some(text.to_owned());
    let is_url = |text: &str| text.starts_with("redis://") && !text.contains(['@', '$']) || mask::is_reference(text);
    if let Some(url) = section.take_as(url, |text| as_it_is(text).filter(|text| is_url(text))) {
        ours.set("store", "redis", scalar(&url));
    }
    let is_plain = |text: &str| text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-'));
    let is_part = |text: &str| mask::is_reference(text) || is_plain(text);
    let Some(host) = section.take_as(host, |text| as_it_is(text).filter(|text| is_part(text))) else { return };
    let is_port = |text: &str| mask::is_reference(text) || text.parse::<u16>().is_ok_and(|port| port > 0);
    let port = section.take_as(port, |text| as_it_is(text).filter(|text| is_port(text)));
    let port = port.unwrap_or_else(|| "6379".to_owned());
    // A password that stands written out stays where it is, and is spoken of.
    let password = section.take_as(password, |text| as_it_is(text).filter(|text| mask::is_reference(text)));
    let password = password.map(|password| format!(":{password}@")).unwrap_or_default();
    ours.set("store", "redis", scalar(&format!("redis://{password}{host}:{port}")));
}

/// Prometheus is served anyway.
fn metrics(section: Node<'_>) {
    for name in ["callbacks", "success_callback", "failure_callback"] {
        let Some(callbacks) = section.member(name) else { continue };
        let of_metrics = callbacks.items().into_iter().filter(|item| item.text().as_deref() == Some("prometheus"));
        of_metrics.for_each(Node::taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_durations() {
        let cases = [("5", Some("5s")), ("0.5", Some("500ms")), ("1.2345", Some("1234ms")), ("600", Some("600s"))];
        let wrong = [("0", None), ("-1", None), ("x", None), ("", None), (".", None), ("99999999999999999999", None)];
        for (text, expected) in cases.into_iter().chain(wrong) {
            assert_eq!(time(text).as_deref(), expected, "{text}");
        }
    }
}
