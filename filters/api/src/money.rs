//! Amounts and prices as integers; no floating point touches money.

use std::fmt;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::decimal::Decimal;

const NANO: i64 = 1_000_000_000;

/// An amount in nano-dollars (10⁻⁹ USD).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// An amount given in nano-dollars.
    #[must_use]
    pub const fn from_nano(nano: i64) -> Self {
        Self(nano)
    }

    /// The amount in nano-dollars.
    #[must_use]
    pub const fn nano(self) -> i64 {
        self.0
    }

    /// The amount as text in US dollars, as it is displayed, without an allocation.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        Decimal::of(self.0)
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// US dollars with all nine decimals trimmed to what is significant: `0.00045`, `0`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Decimal::of(self.0))
    }
}

impl Serialize for Money {
    /// A decimal string: JSON numbers are floating point to most readers.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl FromStr for Money {
    type Err = ParseMoneyError;
    fn from_str(text: &str) -> Result<Self, ParseMoneyError> {
        parse_decimal(text).map(Self)
    }
}

/// A price in nano-dollars per million tokens: `0.075` USD per million is 75 000 000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(i64);

impl Price {
    /// Free.
    pub const ZERO: Self = Self(0);

    /// A price given in nano-dollars per million tokens.
    #[must_use]
    pub const fn from_nano_per_million(nano: i64) -> Self {
        Self(nano)
    }

    /// The price in nano-dollars per million tokens.
    #[must_use]
    pub const fn nano_per_million(self) -> i64 {
        self.0
    }

    /// What `tokens` cost, in 10⁻¹⁵ USD: exact, to be summed and rounded once by [`Money::from_femto`].
    #[must_use]
    pub fn femto(self, tokens: u64) -> i128 {
        i128::from(self.0) * i128::from(tokens)
    }
}

impl Money {
    /// Rounds 10⁻¹⁵ USD to the nearest nano-dollar, halves away from zero; saturates.
    #[must_use]
    pub fn from_femto(femto: i128) -> Self {
        let half = if femto < 0 { -500_000 } else { 500_000 };
        let nano = (femto + half) / 1_000_000;
        Self(i64::try_from(nano).unwrap_or(if nano < 0 { i64::MIN } else { i64::MAX }))
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Decimal::of(self.0))
    }
}

impl FromStr for Price {
    type Err = ParseMoneyError;
    fn from_str(text: &str) -> Result<Self, ParseMoneyError> {
        let nano = parse_decimal(text)?;
        if nano < 0 {
            return Err(ParseMoneyError);
        }
        Ok(Self(nano))
    }
}

impl<'de> Deserialize<'de> for Price {
    /// From a string: a YAML number reaches us as the text that was written, never as a float.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Price {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Price".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "number"],
            "description": "US dollars per million tokens, as a decimal with at most nine places."
        })
    }
}

/// What one request cost, split as the response headers show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Everything that went in: fresh, cached and cache-writing tokens.
    pub input: Money,
    /// Everything that came out, reasoning included.
    pub output: Money,
}

impl Cost {
    /// Input and output together.
    #[must_use]
    pub fn total(self) -> Money {
        self.input + self.output
    }
}

/// The text is not a decimal with at most nine places that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an amount: write a plain decimal with at most nine places, such as 0.075")]
pub struct ParseMoneyError;

fn parse_decimal(text: &str) -> Result<i64, ParseMoneyError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(part) || part.len() > 9 {
        return Err(ParseMoneyError);
    }
    let whole: i64 = whole.parse().map_err(|_| ParseMoneyError)?;
    let part: i64 = format!("{part:0<9}").parse().map_err(|_| ParseMoneyError)?;
    let nano = whole.checked_mul(NANO).and_then(|w| w.checked_add(part)).ok_or(ParseMoneyError)?;
    Ok(if negative { -nano } else { nano })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_survive_the_round_trip_exactly() {
        for text in ["0", "0.075", "15", "1.000000001", "-3.5", "9223372036.854775807"] {
            assert_eq!(text.parse::<Money>().map(|m| m.to_string()), Ok(text.into()));
        }
    }

    #[test]
    fn what_is_not_a_plain_decimal_is_refused() {
        for text in ["", ".", "1.", ".5", "1e-7", "0.0000000001", "+1", "1,0", "99999999999", "NaN"] {
            assert_eq!(text.parse::<Money>(), Err(ParseMoneyError), "{text}");
        }
        assert!("-1".parse::<Price>().is_err());
    }

    #[test]
    fn cost_is_rounded_once_and_to_the_nearest_nano_dollar() {
        let price: Price = "0.0375".parse().expect("a decimal");
        assert_eq!(Money::from_femto(price.femto(1)), Money::from_nano(38));
        assert_eq!(Money::from_femto(price.femto(1_000_000)), Money::from_nano(37_500_000));
        assert_eq!(Money::from_femto(price.femto(u64::MAX)), Money::from_nano(i64::MAX));
    }
}
