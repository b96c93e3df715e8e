//! A moment as RFC 3339 writes it, in UTC. It reads no clock.

const DAY: u64 = 86_400;

/// `2026-05-15T18:51:57Z` for Unix seconds.
pub(super) fn timestamp(unix: u64) -> String {
    let (year, month, day) = date(unix / DAY);
    let (hour, minute, second) = (unix % DAY / 3600, unix % 3600 / 60, unix % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The date so many days after 1 January 1970. Years are counted from a 1 March, so that the day
/// that only leap years have is a year's last.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / (ERA - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + later, month, day)
}

#[cfg(test)]
mod tests {
    use super::timestamp;

    #[test]
    fn moments_are_written_as_calendars_have_them() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_778_871_117, "2026-05-15T18:51:57Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(timestamp(unix), text);
        }
        timestamp(u64::MAX);
    }
}
