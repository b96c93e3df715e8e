//! How soon an answer must start: a word for a service tier, or a time. It reads and writes the text;
//! what follows from it is for the plan and the race to say.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a client asks for by `start_within`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StartWithin {
    /// The ordinary tier.
    Default,
    /// The dear and fast one.
    Priority,
    /// Whatever the account with the vendor is set to: the vendor's own meaning of the word.
    Auto,
    /// The cheap tier if it starts in this time, or else the ordinary one. Never zero.
    Time(Duration),
}

/// What happens to the cheap attempt when the ordinary one starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RaceMode {
    /// Both go on, and the first content wins. Cheap answers that come late still count; the loser may cost.
    #[default]
    Overlap,
    /// It is cancelled first: never two at once.
    Sequential,
}

impl RaceMode {
    /// The word in configuration, the store and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::Sequential => "sequential",
        }
    }
}

/// The text is none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `default`, `priority`, `auto`, or a time: `30s`, `1m30s`, `00h-00m-30s`, `PT30S`")]
pub struct NoStart;

impl FromStr for StartWithin {
    type Err = NoStart;

    fn from_str(text: &str) -> Result<Self, NoStart> {
        match text {
            "default" => Ok(Self::Default),
            "priority" => Ok(Self::Priority),
            "auto" => Ok(Self::Auto),
            text => time(text).filter(|time| !time.is_zero()).map(Self::Time).ok_or(NoStart),
        }
    }
}

impl fmt::Display for StartWithin {
    /// As it is read back: a time in the largest units that hold it exactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Priority => f.write_str("priority"),
            Self::Auto => f.write_str("auto"),
            Self::Time(time) => {
                let all = time.as_millis();
                let parts =
                    [(all / 3_600_000, "h"), (all / 60_000 % 60, "m"), (all / 1000 % 60, "s"), (all % 1000, "ms")];
                parts
                    .into_iter()
                    .filter(|(count, _)| *count > 0)
                    .try_for_each(|(count, unit)| write!(f, "{count}{unit}"))
            }
        }
    }
}

/// A number and its unit, as often as there are any: each unit once, the largest first. Whole milliseconds.
fn time(text: &str) -> Option<Duration> {
    let text = text.trim();
    match text.strip_prefix(['P', 'p']) {
        Some(iso) => sum(&iso.to_ascii_lowercase(), &[("d", DAY)], true),
        None => sum(&text.replace('-', ""), &UNITS, false),
    }
}

const DAY: u64 = 86_400_000;
/// Units and their milliseconds.
const UNITS: [(&str, u64); 5] = [("d", DAY), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// ISO 8601 has days before its `T`, and hours, minutes and seconds after it.
fn sum(text: &str, units: &[(&str, u64)], is_iso: bool) -> Option<Duration> {
    let (days, clock) = match text.split_once('t').filter(|_| is_iso) {
        Some((days, clock)) if !clock.is_empty() => (days, clock),
        Some(_) => return None,
        None => (text, ""),
    };
    if days.is_empty() && clock.is_empty() {
        return None;
    }
    let millis = counted(days, units)?.checked_add(counted(clock, &UNITS[1..4])?)?;
    Some(Duration::from_millis(millis))
}

fn counted(mut text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let mut units = units.iter();
    let mut sum = 0_u64;
    while !text.is_empty() {
        let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, rest) = text.split_at(digits);
        let word = rest.find(|c: char| c.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
        let (_, millis) = units.find(|(unit, _)| *unit == word)?;
        sum = sum.checked_add(decimal(number, *millis)?)?;
        text = &rest[word.len()..];
    }
    Some(sum)
}

/// So many units of so many milliseconds; at most three places, and no less than a millisecond is meant.
fn decimal(number: &str, millis: u64) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || part.len() > 3 {
        return None;
    }
    let places = 10_u64.pow(3 - u32::try_from(part.len()).ok()?);
    let thousandths = (part.parse::<u64>().ok()? * places).checked_mul(millis)?;
    whole.parse::<u64>().ok()?.checked_mul(millis)?.checked_add(thousandths / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> Option<u128> {
        match text.parse() {
            Ok(StartWithin::Time(time)) => Some(time.as_millis()),
            _ => None,
        }
    }

    #[test]
    fn a_time_may_be_written_in_every_usual_way() {
        for (text, expected) in [
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("00h-00m-30s", 30_000),
            ("01h-30m-05s", 5_405_000),
            ("PT30S", 30_000),
            ("PT1H30M", 5_400_000),
            ("P1D", 86_400_000),
            ("P1DT1S", 86_401_000),
            ("PT0.5S", 500),
            ("1.5s", 1500),
            ("250ms", 250),
            ("1ms", 1),
            ("24h", 86_400_000),
            (" 30s ", 30_000),
        ] {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "30",
            "s",
            "0s",
            "00h-00m-00s",
            "-30s-x",
            "30s30s",
            "30s1m",
            "1y",
            "PT",
            "P",
            "P1DT",
            "PT30",
            "P30S",
            "PT1D",
            "1.s",
            ".5s",
            "1.2345s",
            "1e3s",
            "30 s",
            "18446744073709551615h",
            "Default",
            "flex",
            "३s",
        ] {
            assert_eq!(text.parse::<StartWithin>(), Err(NoStart), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["default", "priority", "auto", "30s", "1m30s", "24h", "1ms", "1h1ms"] {
            let read: StartWithin = text.parse().expect(text);
            assert_eq!(read.to_string(), text);
        }
    }
}
