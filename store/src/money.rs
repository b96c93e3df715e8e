//! Nano-dollars as decimal text, for `#[serde(with = "…")]`. It knows no currency but the dollar.

use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
use tollgate_api::Money;

/// Writes `12.5` for 12,500,000,000.
///
/// # Errors
/// What the serializer says.
pub fn serialize<S: Serializer>(nano: &i64, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&Money::from_nano(*nano))
}

/// Reads a plain decimal with at most nine places, as text: a JSON number is floating point to most.
///
/// # Errors
/// The text is no such decimal.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    let text = String::deserialize(from)?;
    text.parse::<Money>().map(Money::nano).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Paid {
        #[serde(with = "super")]
        amount: i64,
    }

    #[test]
    fn money_is_exact_text_on_the_wire() {
        for (nano, text) in
            [(0, "0"), (12_500_000_000, "12.5"), (-1, "-0.000000001"), (i64::MAX, "9223372036.854775807")]
        {
            let json = format!(r#"{{"amount":"{text}"}}"#);
            assert_eq!(serde_json::to_string(&Paid { amount: nano }).expect("it works"), json);
            assert_eq!(serde_json::from_str::<Paid>(&json).expect("it works"), Paid { amount: nano });
        }
    }

    #[test]
    fn a_json_number_is_not_money() {
        assert!(serde_json::from_str::<Paid>(r#"{"amount":12.5}"#).is_err());
        assert!(serde_json::from_str::<Paid>(r#"{"amount":"1e3"}"#).is_err());
    }
}
