//! A distribution of times to draw from: those of a file, as they are, or a heavy tail through two points.

use std::str::FromStr;
use std::time::Duration;

/// Times to first content, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latencies(Vec<Duration>);

/// There is nothing to draw from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLatencies {
    /// A line is no number of milliseconds.
    #[error("line {line}: each line is one time to first content in milliseconds, such as `812` or `812.5`")]
    Line {
        /// Which, from 1.
        line: usize,
    },
    /// There is no line.
    #[error("there are no times to draw from: give one on each line, in milliseconds")]
    Empty,
    /// The 99th percentile is not past the median.
    #[error("the 99th percentile must be more than the median, and the median more than nothing")]
    Flat,
}

/// How finely a distribution through two points is cut.
const POINTS: u32 = 10_000;
/// A day: nothing is drawn that is longer.
const LONGEST: f64 = 86_400.0;

impl Latencies {
    /// The log-logistic distribution with this median and this 99th percentile: its tail is as heavy as
    /// queues make it.
    ///
    /// # Errors
    /// When the two are not in order.
    pub fn heavy_tail(median: Duration, p99: Duration) -> Result<Self, NoLatencies> {
        if median.is_zero() || p99 <= median {
            return Err(NoLatencies::Flat);
        }
        let slope = (p99.as_secs_f64() / median.as_secs_f64()).ln() / 99_f64.ln();
        let point = |n: u32| {
            let share = (f64::from(n) + 0.5) / f64::from(POINTS);
            let odds = share / (1.0 - share);
            Duration::from_secs_f64((median.as_secs_f64() * odds.powf(slope)).min(LONGEST))
        };
        Ok(Self((0..POINTS).map(point).collect()))
    }

    /// The time at a place of all, from 0 to 1.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place"
        )]
        let place = (self.0.len() as f64 * share.clamp(0.0, 1.0)) as usize;
        self.0[place.min(self.0.len() - 1)]
    }

    /// The share that is no longer than this.
    #[must_use]
    pub fn share_within(&self, time: Duration) -> f64 {
        let within = self.0.partition_point(|one| *one <= time);
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let share = within as f64 / self.0.len() as f64;
        share
    }

    pub(crate) fn draw(&self, chance: &mut fastrand::Rng) -> Duration {
        self.0[chance.usize(..self.0.len())]
    }
}

impl FromStr for Latencies {
    type Err = NoLatencies;

    /// One time on each line, in milliseconds; empty lines and what follows a `#` are left out.
    fn from_str(text: &str) -> Result<Self, NoLatencies> {
        let mut all = Vec::new();
        for (place, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let millis = line.parse::<f64>().ok().filter(|millis| (0.0..=LONGEST * 1000.0).contains(millis));
            let millis = millis.ok_or(NoLatencies::Line { line: place + 1 })?;
            all.push(Duration::from_secs_f64(millis / 1000.0));
        }
        if all.is_empty() {
            return Err(NoLatencies::Empty);
        }
        all.sort_unstable();
        Ok(Self(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heavy_tail_goes_through_its_two_points() {
        let found = Latencies::heavy_tail(Duration::from_secs(6), Duration::from_secs(240)).expect("in order");
        assert!((found.quantile(0.5).as_secs_f64() - 6.0).abs() < 0.01);
        assert!((found.quantile(0.99).as_secs_f64() / 240.0 - 1.0).abs() < 0.02);
        assert!((found.share_within(Duration::from_secs(6)) - 0.5).abs() < 0.01);
        assert!(Latencies::heavy_tail(Duration::ZERO, Duration::from_secs(1)).is_err());
    }

    #[test]
    fn a_file_has_one_time_on_each_line() {
        let found: Latencies = "# flex\n250\n\n 12.5 # fast\n1000\n".parse().expect("three");
        assert_eq!((found.quantile(0.0), found.quantile(1.0)), (Duration::from_micros(12_500), Duration::from_secs(1)));
        for (text, wrong) in [
            ("1\nsoon\n", NoLatencies::Line { line: 2 }),
            ("-1", NoLatencies::Line { line: 1 }),
            ("NaN", NoLatencies::Line { line: 1 }),
            ("1e99", NoLatencies::Line { line: 1 }),
            ("# nothing\n", NoLatencies::Empty),
        ] {
            assert_eq!(text.parse::<Latencies>(), Err(wrong), "{text}");
        }
    }
}
