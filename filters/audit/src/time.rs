//! Calendar months of microseconds since 1970, in UTC. It reads no clock.

/// Months since year 0 of a time.
#[must_use]
pub(crate) fn month_of(us: u64) -> u32 {
    let (year, month) = civil(us);
    year * 12 + month - 1
}

/// A month as text, on the stack.
pub(crate) struct MonthText([u8; 7]);

impl std::ops::Deref for MonthText {
    type Target = str;
    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// `2026-11`. Years past 9999 are not told apart.
#[must_use]
pub(crate) fn month_text(us: u64) -> MonthText {
    let (year, month) = civil(us);
    let year = year.min(9999);
    let digits = [year / 1000, year / 100 % 10, year / 10 % 10, year % 10, month / 10, month % 10];
    let [a, b, c, d, e, f] = digits.map(|digit| b"0123456789"[digit as usize]);
    MonthText([a, b, c, d, b'-', e, f])
}

/// Year and month, by the era arithmetic of proleptic Gregorian calendars: eras of 400 years begin
/// in March, so that leap days are last.
fn civil(us: u64) -> (u32, u32) {
    let days = us / 86_400_000_000 + 719_468;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + days / 146_097 * 400 + u64::from(month <= 2);
    (u32::try_from(year).unwrap_or(u32::MAX / 12 - 1), u32::try_from(month).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_the_calendar() {
        let day = 86_400_000_000;
        for (days, text) in [
            (0, "1970-01"),
            (30, "1970-01"),
            (31, "1970-02"),
            (11_016, "2000-02"),
            (11_017, "2000-03"),
            (20_778, "2026-11"),
            (47_540, "2100-02"),
            (47_541, "2100-03"),
        ] {
            assert_eq!(&*month_text(days * day), text, "{days}");
        }
        assert_eq!(month_of(31 * day), 1970 * 12 + 1);
    }
}
