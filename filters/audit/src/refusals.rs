//! Requests that were refused without a known caller: counted by minute and code, never one by one, so
//! that nobody without a key can fill the log.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::journal::lock;

const MINUTE_US: u64 = 60_000_000;

/// Counts of one minute, by error code.
pub(crate) type Codes = BTreeMap<&'static str, u64>;

/// What was refused since it was last asked.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<u64, Codes>>);

impl Refusals {
    /// Counts one. `code` comes from a closed set.
    pub(crate) fn count(&self, code: &'static str, now_us: u64) {
        *lock(&self.0).entry(now_us / MINUTE_US).or_default().entry(code).or_default() += 1;
    }

    /// The minutes that are over; all of them where `now_us` is the end of time.
    pub(crate) fn take(&self, now_us: u64) -> BTreeMap<u64, Codes> {
        let mut minutes = lock(&self.0);
        let open = minutes.split_off(&(now_us / MINUTE_US));
        std::mem::replace(&mut minutes, open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_told_once_and_when_it_is_over() {
        let refusals = Refusals::default();
        refusals.count("missing_key", 5);
        refusals.count("missing_key", MINUTE_US - 1);
        refusals.count("invalid_key", MINUTE_US);
        assert_eq!(refusals.take(MINUTE_US - 1), BTreeMap::new());
        assert_eq!(refusals.take(MINUTE_US), BTreeMap::from([(0, Codes::from([("missing_key", 2)]))]));
        assert_eq!(refusals.take(u64::MAX), BTreeMap::from([(1, Codes::from([("invalid_key", 1)]))]));
    }
}
