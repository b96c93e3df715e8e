//! The metrics of accounts, money and shared limits: their names and what they say.

use prometheus::{IntCounter, IntGauge, Registry};

use super::{VALID, gauge, register};

/// Accounts, money and limits.
pub(crate) struct LedgerMetrics {
    /// How often nothing could be borrowed.
    pub(crate) unreachable: IntCounter,
    /// How often an upstream billed more than was held. Never, where upstreams keep to their caps.
    pub(crate) breaches: IntCounter,
    /// Charges that were written down in the ledger.
    pub(crate) posted: IntCounter,
    /// Requests whose cap was lowered to what is affordable.
    pub(crate) lowered: IntCounter,
    /// Keys that are known.
    pub(crate) keys: IntGauge,
    /// The last change of the store that was taken up.
    pub(crate) change: IntGauge,
    /// 1 while limits are not shared: Redis is away.
    pub(crate) peers_away: IntGauge,
}

impl LedgerMetrics {
    pub(super) fn new(r: &Registry) -> Self {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help).expect(VALID);
            register(r, &counter);
            counter
        };
        Self {
            unreachable: counter("tollgate_ledger_unreachable_total", "How often nothing could be borrowed."),
            breaches: counter("tollgate_ledger_breaches_total", "Requests that cost more than was held for them."),
            posted: counter("tollgate_ledger_posted_total", "Charges that were written down in the ledger."),
            lowered: counter("tollgate_budget_lowered_total", "Requests whose cap was lowered to what is affordable."),
            keys: gauge(r, "tollgate_keys", "Keys that are known."),
            change: gauge(r, "tollgate_store_change", "The last change of the store that was taken up."),
            peers_away: gauge(r, "tollgate_limits_local", "1 while limits are counted by each node for itself."),
        }
    }
}
