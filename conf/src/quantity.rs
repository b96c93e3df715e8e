//! Durations and sizes as people write them: `30s`, `32MiB`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::mask;

/// A duration with its unit: `250ms`, `30s`, `5m`, `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Duration);

/// A number of bytes, plain or with a unit: `65536`, `64KiB`, `32MiB`, `10MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

/// Longer than anything here should take; far from the end of any clock.
const TIME_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
const TIME_UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZE_UNITS: [(&str, u64); 7] = [
    ("", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// A whole number and a unit, multiplied.
fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// The value for a message, where it is short enough not to be something else by mistake.
fn quoted(text: &str) -> String {
    match text.len() <= mask::SHOWN_MAX {
        true => format!("`{}`", mask::shown(text)),
        false => "this".to_owned(),
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || {
            let bare = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
            let example = if bare { format!("{text}s") } else { "30s".to_owned() };
            format!(
                "{} is no duration: write a whole number and its unit, such as `{example}`, `250ms`, `5m` or `1h`",
                quoted(text)
            )
        };
        match amount(text, &TIME_UNITS).map(Duration::from_millis) {
            None => Err(refused()),
            Some(Duration::ZERO) => Err("a duration here is longer than nothing: write at least `1ms`".into()),
            Some(time) if time > TIME_MAX => Err("a duration here is at most 30 days: write `30d` or less".into()),
            Some(time) => Ok(Self(time)),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || {
            format!(
                "{} is no size: write a whole number of bytes, or one with a unit, such as `64KiB`, `32MiB` or `10MB`",
                quoted(text)
            )
        };
        amount(text, &SIZE_UNITS).map(Self).ok_or_else(refused)
    }
}

/// The largest unit that divides without a rest.
fn write(f: &mut fmt::Formatter<'_>, amount: u64, units: &[(&str, u64)]) -> fmt::Result {
    let fits = units.iter().filter(|(_, factor)| amount != 0 && amount.is_multiple_of(*factor));
    let (unit, factor) = fits.max_by_key(|(_, factor)| *factor).copied().unwrap_or(units[0]);
    write!(f, "{}{unit}", amount / factor)
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX), &TIME_UNITS)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, &SIZE_UNITS)
    }
}

macro_rules! as_text {
    ($name:ident, $what:literal, $schema:tt) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $what.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

as_text!(Time, "Time", { "type": "string", "format": "time span", "pattern": "^[0-9]+ ?(ms|s|m|h|d)$|\\$\\{" });
as_text!(Size, "Size", {
    "type": ["string", "integer"], "format": "size", "minimum": 0, "pattern": "^[0-9]+ ?(KiB|MiB|GiB|kB|MB|GB)?$|\\$\\{"
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_their_unit() {
        let cases = [
            ("250ms", 250),
            ("30s", 30_000),
            ("30 s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("30d", 2_592_000_000),
        ];
        for (text, millis) in cases {
            assert_eq!(text.parse(), Ok(Time(Duration::from_millis(millis))), "{text}");
        }
        for text in ["", "30", "s", "-1s", "1.5s", "1m30s", "30S", "31d", "0s", "99999999999999999999s"] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
        assert!("30".parse::<Time>().is_err_and(|e| e.contains("`30s`")), "the remedy is the very value");
    }

    #[test]
    fn sizes_are_bytes_or_carry_their_unit() {
        let cases = [("0", 0), ("65536", 65_536), ("64KiB", 65_536), ("32MiB", 33_554_432), ("10MB", 10_000_000)];
        for (text, bytes) in cases {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "MiB", "1.5MiB", "-1", "1mib", "99999999999GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_back_reads_the_same() {
        for text in ["250ms", "90s", "5m", "1h", "1d"] {
            assert_eq!(text.parse::<Time>().map(|t| t.to_string()), Ok(text.into()));
        }
        for text in ["1", "64KiB", "32MiB", "10MB"] {
            assert_eq!(text.parse::<Size>().map(|s| s.to_string()), Ok(text.into()));
        }
    }

    #[test]
    fn a_long_value_is_not_repeated() {
        assert!(!"abcdefghijklmnopqrstuvwxyz".parse::<Time>().expect_err("no duration").contains("abc"));
    }
}
