//! Leaving without losing a request: readiness off first, then listeners, then the open requests.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch};
use tokio::signal::unix::{SignalKind, signal};

use crate::gateway::Gateway;

/// How often it is asked whether all requests have ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits for the signal to leave.
pub(crate) struct Leave {
    pub(crate) gateway: Arc<Gateway>,
}

#[async_trait]
impl ShutdownSignalWatch for Leave {
    async fn recv(&self) -> ShutdownSignal {
        let (Ok(mut terminate), Ok(mut interrupt), Ok(mut quit)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::quit()))
        else {
            return std::future::pending().await;
        };
        let (signal, patient) = tokio::select! {
            _ = terminate.recv() => (ShutdownSignal::GracefulTerminate, true),
            _ = quit.recv() => (ShutdownSignal::GracefulUpgrade, true),
            // A person at the keyboard has no load balancer to tell.
            _ = interrupt.recv() => (ShutdownSignal::GracefulTerminate, false),
        };
        self.gateway.draining.store(true, Relaxed);
        let delay = self.gateway.live.load().server.shutdown_delay;
        if let Some(delay) = delay.filter(|_| patient) {
            tracing::info!(?delay, "leaving soon: not ready any more, new requests are still taken");
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                _ = interrupt.recv() => {}
            }
        }
        tracing::info!(
            open = self.gateway.metrics.in_flight.get(),
            "leaving: no new connections, open requests finish"
        );
        // Pingora would sleep its whole grace period; nobody needs to wait once nothing is open.
        let gateway = Arc::clone(&self.gateway);
        std::thread::spawn(move || {
            std::thread::sleep(LOOK_EVERY);
            while gateway.metrics.in_flight.get() > 0 {
                std::thread::sleep(LOOK_EVERY);
            }
            // The last answer's bytes are in the kernel; its line is still in our buffer.
            std::thread::sleep(LOOK_EVERY);
            if let Some(log) = &gateway.request_log {
                log.flush();
            }
            if let Some(audit) = &gateway.audit {
                audit.close();
            }
            // The journal is whole now: what it says is written down, and the rest goes back.
            gateway.ledger.close();
            std::process::exit(0);
        });
        signal
    }
}
