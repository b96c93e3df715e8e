//! What lives as long as the process: pools, metrics, the log, and the configuration in use.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tollgate_api::RequestId;
use tollgate_audit::Audit;
use tollgate_conf::Config;

use crate::accounts::Accounts;
use crate::admit::Others;
use crate::ledger::Ledger;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::request_log::RequestLog;
use crate::upstream::Upstreams;

/// The running gateway.
pub(crate) struct Gateway {
    /// The configuration in use. A request takes one and keeps it to its end.
    pub(crate) live: ArcSwap<Live>,
    /// Who may call.
    pub(crate) accounts: Arc<Accounts>,
    /// What this node may spend.
    pub(crate) ledger: Arc<Ledger>,
    /// The other nodes, where Redis connects them.
    pub(crate) others: Option<Others>,
    /// Connections to upstreams.
    pub(crate) pools: Arc<Upstreams>,
    /// Every metric.
    pub(crate) metrics: Arc<Metrics>,
    /// Where request lines go; `None` when they are switched off.
    pub(crate) request_log: Option<Arc<RequestLog>>,
    /// The log that anyone can verify; `None` when it is off.
    pub(crate) audit: Option<Arc<Audit>>,
    /// Turns for hashing keys that take a core for tens of milliseconds.
    pub(crate) slow_checks: Semaphore,
    /// Set once shutdown has begun: readiness is off, connections are not kept.
    pub(crate) draining: AtomicBool,
}

impl Gateway {
    /// Puts another configuration into use.
    ///
    /// # Errors
    /// When its master key cannot be read or no ring of keys can be made; the rest is in use then.
    pub(crate) fn take_up(&self, config: &Config, live: Live) -> anyhow::Result<()> {
        self.live.store(Arc::new(live));
        self.accounts.reload(config)?;
        self.name_logs(config)?;
        self.accounts.vault.reload(config)
    }

    /// Makes a log for each tenant of configuration: it is there before its first request.
    pub(crate) fn name_logs(&self, config: &Config) -> anyhow::Result<()> {
        let live = self.live.load();
        let Some(books) = &live.books else { return Ok(()) };
        config.keys.iter().try_for_each(|key| self.accounts.tenant(&key.stored.tenant).log(books).map(|_| ()))
    }
}

/// Draws a request id.
pub(crate) fn draw_request_id() -> RequestId {
    RequestId::from_random(draw().unwrap_or_else(|| {
        // Ids must be unique, not secret: when the system has no randomness to give, the clock serves.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let now = u128::from(crate::clock::unix_micros());
        (now << 64 | u128::from(NUMBER.fetch_add(1, Relaxed))).to_le_bytes()
    }))
}

/// Random bytes; `None` when the system gives none. Fetched for many at once: it costs a system call.
pub(crate) fn draw<const N: usize>() -> Option<[u8; N]> {
    const POOL: usize = 2048;
    thread_local! {
        static DRAWN: RefCell<([u8; POOL], usize)> = const { RefCell::new(([0; POOL], 0)) };
    }
    DRAWN.with_borrow_mut(|(bytes, left)| {
        if *left < N {
            getrandom::fill(bytes).ok()?;
            *left = POOL;
        }
        *left -= N;
        // What is given out is not kept.
        let drawn = std::array::from_fn(|i| std::mem::take(&mut bytes[*left + i]));
        Some(drawn)
    })
}
