//! Billionths as decimal text, written on the stack. It reads nothing and rounds nothing.

/// A sign, ten digits, a point, nine digits: the longest that an `i64` of billionths can be.
const LONGEST: usize = 21;

/// A decimal number: `0.00045`, `-3`, `0`.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    /// Filled from its end.
    text: [u8; LONGEST],
    start: usize,
    end: usize,
}

impl Decimal {
    pub(crate) fn of(nano: i64) -> Self {
        let mut decimal = Self { text: [0; LONGEST], start: LONGEST, end: LONGEST };
        let mut rest = nano.unsigned_abs();
        for _ in 0..9 {
            rest = decimal.digit_before(rest);
        }
        decimal.trim_zeros();
        if decimal.start < decimal.end {
            decimal.before(b'.');
        }
        rest = decimal.digit_before(rest);
        while rest > 0 {
            rest = decimal.digit_before(rest);
        }
        if nano < 0 {
            decimal.before(b'-');
        }
        decimal
    }

    fn before(&mut self, character: u8) {
        self.start -= 1;
        self.text[self.start] = character;
    }

    /// Writes the last digit of `rest` and returns the others.
    fn digit_before(&mut self, rest: u64) -> u64 {
        self.before(b"0123456789"[(rest % 10) as usize]);
        rest / 10
    }

    fn trim_zeros(&mut self) {
        while self.start < self.end && self.text[self.end - 1] == b'0' {
            self.end -= 1;
        }
        if self.start == self.end {
            (self.start, self.end) = (LONGEST, LONGEST);
        }
    }
}

impl std::ops::Deref for Decimal {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.text[self.start..self.end]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_significant_decimals_are_written() {
        for (nano, text) in [
            (0, "0"),
            (1, "0.000000001"),
            (-1, "-0.000000001"),
            (450_000, "0.00045"),
            (1_000_000_000, "1"),
            (10_000_000_000, "10"),
            (12_340_000_000, "12.34"),
            (i64::MAX, "9223372036.854775807"),
            (i64::MIN, "-9223372036.854775808"),
        ] {
            assert_eq!(&*Decimal::of(nano), text);
        }
    }
}
