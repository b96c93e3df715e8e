//! Shares, written as per cent and kept as millionths. No float comes near them.

use std::ops::RangeInclusive;

use tollgate_api::Money;

use super::Desk;
use crate::file::Text;

/// A whole, in millionths.
pub(super) const WHOLE: u32 = 1_000_000;

/// A kind of share, and how much of one there may be.
pub(super) struct Share {
    /// What it is called where something is none.
    pub(super) name: &'static str,
    /// In millionths.
    pub(super) bounds: RangeInclusive<u32>,
    /// What to write instead.
    pub(super) remedy: &'static str,
}

impl Share {
    /// In millionths; nothing where it is wrong, which is noted.
    pub(super) fn read(&self, text: &Text, desk: &mut Desk<'_>) -> u32 {
        millionths(text).filter(|share| self.bounds.contains(share)).unwrap_or_else(|| {
            let what = format!("`{}` is no {}", desk.shown(text), self.name);
            desk.note(text, what, self.remedy);
            0
        })
    }
}

/// A per cent is ten thousand millionths: there are at most four decimals.
fn millionths(percent: &str) -> Option<u32> {
    let nano = percent.parse::<Money>().ok()?.nano();
    (nano % 100_000 == 0).then_some(nano / 100_000)?.try_into().ok()
}
