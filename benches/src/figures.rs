//! From times to figures: quantiles of a run, medians and spreads over rounds.

use std::fmt;

use crate::load::Outcome;

/// What one contender did in one round of one load. Times are in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) cpu: f64,
    pub(crate) first_p99: f64,
    pub(crate) events_per_second: f64,
}

/// One member of the figures.
pub(crate) type Pick = fn(&Figures) -> f64;

impl From<&Outcome> for Figures {
    fn from(outcome: &Outcome) -> Self {
        let requests = outcome.latencies.len() as f64;
        Self {
            per_second: requests / outcome.seconds,
            p50: quantile(&outcome.latencies, 500),
            p99: quantile(&outcome.latencies, 990),
            cpu: outcome.cpu_micros as f64 / requests.max(1.0),
            first_p99: quantile(&outcome.first, 990),
            events_per_second: outcome.events as f64 / outcome.seconds,
        }
    }
}

/// The value at this share (in per mille) of ascending times; 0 of none.
pub(crate) fn quantile(times: &[u32], per_mille: usize) -> f64 {
    let at = (times.len() * per_mille / 1000).min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or(0).into()
}

/// A median and what it was taken of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of values in any order; `None` of no values.
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let (upper, lower) = (values.get(values.len() / 2)?, values.get((values.len() - 1) / 2)?);
        Some(Self { median: f64::midpoint(*lower, *upper), least, most })
    }

    /// Of one figure.
    pub(crate) fn each(own: &[Figures], pick: Pick) -> Option<Self> {
        Self::of(own.iter().map(pick))
    }

    /// Of ratios, each within its round: what disturbs a round disturbs both.
    pub(crate) fn ratio(own: &[Figures], other: &[Figures], pick: Pick) -> Option<Self> {
        Self::of(own.iter().zip(other).map(|(o, b)| pick(o) / pick(b)).filter(|r| r.is_finite()))
    }

    /// Of differences, each within its round.
    pub(crate) fn added(own: &[Figures], other: &[Figures], pick: Pick) -> Option<Self> {
        Self::of(own.iter().zip(other).map(|(o, b)| pick(o) - pick(b)))
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let Self { median, least, most } = self;
        write!(f, "{median:.digits$} ({least:.digits$} to {most:.digits$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let times: Vec<u32> = (1..=1000).collect();
        assert_eq!([quantile(&times, 500), quantile(&times, 990), quantile(&times, 1000)], [501.0, 991.0, 1000.0]);
        assert_eq!([quantile(&[7], 990), quantile(&[], 500)], [7.0, 0.0]);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        let spread = Spread::of([4.0, 1.0, 3.0, 10.0].into_iter());
        assert_eq!(spread, Some(Spread { median: 3.5, least: 1.0, most: 10.0 }));
        assert_eq!(Spread::of(std::iter::empty()), None);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let rounds = |cpu: [f64; 3]| cpu.map(|cpu| Figures { cpu, ..Figures::default() });
        let (own, bare) = (rounds([30.0, 300.0, 33.0]), rounds([20.0, 200.0, 20.0]));
        let ratio = Spread::ratio(&own, &bare, |f| f.cpu).expect("three rounds");
        assert_eq!((ratio.median, ratio.most), (1.5, 1.65));
        assert_eq!(format!("{ratio:.1}"), "1.5 (1.5 to 1.6)");
    }
}
