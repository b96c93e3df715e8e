//! Windows of time, in UTC and without leap seconds. It reads no clock.

use crate::types::Period;

const DAY: i64 = 86_400;

/// When the window began that this moment lies in, in seconds since 1970; 0 for one that never ends.
#[must_use]
pub fn window_of(period: Period, unix_seconds: i64) -> i64 {
    match period {
        Period::Total => 0,
        Period::Day => unix_seconds.div_euclid(DAY).saturating_mul(DAY),
        Period::Month => {
            let days = unix_seconds.div_euclid(DAY);
            days.saturating_sub(day_of_month(days)).saturating_mul(DAY)
        }
    }
}

/// Days since the first of its month, for a day counted from 1970-01-01. After Howard Hinnant,
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>: years begin in March, so that the
/// odd day comes last.
fn day_of_month(days: i64) -> i64 {
    let from_march = days.saturating_add(719_468);
    let of_era = from_march.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    of_year - (153 * month + 2) / 5
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Counts months by hand, from 1970 on.
    fn months() -> impl Iterator<Item = (i64, i64)> {
        let mut start = 0;
        (1970..2500_i64).flat_map(|year| (1..=12).map(move |month| (year, month))).map(move |(year, month)| {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let days = match month {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let this = start;
            start += days * DAY;
            (this, start)
        })
    }

    #[test]
    fn each_month_begins_on_its_first_through_leap_years_and_centuries() {
        for (start, next) in months() {
            assert_eq!(window_of(Period::Month, start), start);
            assert_eq!(window_of(Period::Month, next - 1), start);
        }
    }

    #[test]
    fn the_29th_of_february_belongs_to_february() {
        let leap_day = 1_709_208_000; // 2024-02-29 12:00
        assert_eq!(window_of(Period::Month, leap_day), 1_706_745_600); // 2024-02-01
        assert_eq!(window_of(Period::Day, leap_day), 1_709_164_800);
        assert_eq!(window_of(Period::Month, 951_825_600), 949_363_200); // 2000-02-29, 2000-02-01
        assert_eq!(window_of(Period::Month, 4_107_542_400), 4_107_542_400); // 2100-03-01, no leap year
    }

    proptest! {
        #[test]
        fn a_window_begins_before_its_moments_and_holds_them_all(at in any::<i64>()) {
            prop_assert_eq!(window_of(Period::Total, at), 0);
            for (period, longest) in [(Period::Day, DAY), (Period::Month, 31 * DAY)] {
                let start = window_of(period, at);
                if start > i64::MIN + DAY && at < i64::MAX - 800_000 * DAY {
                    prop_assert!(start <= at && at - start < longest, "{} {}", start, at);
                    prop_assert_eq!(start % DAY, 0);
                    prop_assert_eq!(window_of(period, start), start);
                }
            }
        }
    }
}
