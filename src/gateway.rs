//! What lives as long as the process: pools, metrics, the log, and the configuration in use.

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

/// Draws a request id.
pub(crate) fn draw_request_id() -> RequestId {
    let mut bytes = [0; 16];
    // Ids must be unique, not secret: when the system has no randomness to give, the clock serves.
    if getrandom::fill(&mut bytes).is_err() {
        bytes[..8].copy_from_slice(&crate::clock::now_ms().to_le_bytes());
    }
    RequestId::from_random(bytes)
}
