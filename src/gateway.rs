//! What lives as long as the process: pools, metrics, the log, and the configuration in use.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tollgate_api::RequestId;

use crate::live::Live;
use crate::metrics::Metrics;
use crate::request_log::RequestLog;
use crate::upstream::Upstreams;

/// The running gateway.
pub(crate) struct Gateway {
    /// The configuration in use. A request takes one and keeps it to its end.
    pub(crate) live: ArcSwap<Live>,
    /// Connections to upstreams.
    pub(crate) pools: Arc<Upstreams>,
    /// Every metric.
    pub(crate) metrics: Arc<Metrics>,
    /// Where request lines go; `None` when they are switched off.
    pub(crate) request_log: Option<Arc<RequestLog>>,
    /// Turns for hashing keys that take a core for tens of milliseconds.
    pub(crate) slow_checks: Semaphore,
    /// Set once shutdown has begun: readiness is off, connections are not kept.
    pub(crate) draining: AtomicBool,
}

/// Draws a request id. Randomness is fetched for many at once: it costs a system call.
pub(crate) fn draw_request_id() -> RequestId {
    const BATCH: usize = 64;
    thread_local! {
        static DRAWN: RefCell<Vec<[u8; 16]>> = const { RefCell::new(Vec::new()) };
    }
    DRAWN.with_borrow_mut(|drawn| {
        if drawn.is_empty() {
            let mut bytes = [[0; 16]; BATCH];
            // Ids must be unique, not secret: when the system has no randomness to give, the clock serves.
            if getrandom::fill(bytes.as_flattened_mut()).is_err() {
                let now = crate::clock::now_ms();
                bytes = std::array::from_fn(|i| (u128::from(now) << 64 | i as u128).to_le_bytes());
            }
            drawn.extend(bytes);
        }
        RequestId::from_random(drawn.pop().unwrap_or_default())
    })
}
