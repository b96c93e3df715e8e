//! The door: deadlines for the first bytes and for the head of each request, which Pingora lacks.
//!
//! A client that drips its head is cut off. Everything else is Pingora's proxy, untouched.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use pingora::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp};
use pingora::protocols::Stream;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora::proxy::HttpProxy;
use pingora::server::ShutdownWatch;

use crate::gateway::Gateway;
use crate::proxy::Proxy;

/// Big prompts fit into the window without waiting for updates.
const H2_WINDOW_BYTES: u32 = 1 << 20;

/// How HTTP/2 in clear text begins (RFC 9113 §3.4). No request of HTTP/1 begins so, and none is shorter.
const PREFACE_BEGINS: &[u8; 4] = b"PRI ";
const PREFACE_BYTES: usize = 24;

/// Connections come in here, and are told apart by their first bytes. Pingora would do that without a
/// deadline, and wait for more bytes than the shortest request has.
pub(crate) struct Door {
    /// For HTTP/1 in clear text, and for TLS, whose handshake settles the version.
    pub(crate) front: Arc<Front>,
    /// For HTTP/2 in clear text.
    pub(crate) h2c: Arc<Front>,
}

impl Door {
    /// The side of the house that this connection wants. `None` when it does not say in time.
    async fn ask(&self, stream: &mut Stream) -> Option<&Arc<Front>> {
        if stream.get_ssl_digest().is_some() {
            return Some(&self.front);
        }
        let asking = async {
            let mut begins = [0; PREFACE_BEGINS.len()];
            stream.try_peek(&mut begins).await.ok()?;
            if begins != *PREFACE_BEGINS {
                return Some(&self.front);
            }
            stream.try_peek(&mut [0; PREFACE_BYTES]).await.ok()?;
            Some(&self.h2c)
        };
        pingora_timeout::timeout(self.front.patience(false), asking).await.ok()?
    }
}

#[async_trait]
impl ServerApp for Door {
    async fn process_new(self: &Arc<Self>, mut stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let front = self.ask(&mut stream).await?;
        front.process_new(stream, shutdown).await
    }

    async fn cleanup(&self) {
        // Both sides share one proxy.
        self.front.cleanup().await;
    }
}

/// Stopped when the head has come. It travels with the connection, as Pingora lets it.
pub(crate) struct Stopwatch(Arc<AtomicBool>);

impl Stopwatch {
    /// The head is here.
    pub(crate) fn stop(&self) {
        self.0.store(true, Relaxed);
    }
}

/// Pingora's proxy behind a stopwatch.
pub(crate) struct Front {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) proxy: Arc<HttpProxy<Proxy>>,
    pub(crate) options: HttpServerOptions,
}

impl Front {
    /// How long a head may take. Between requests a connection may also rest for the keep-alive time.
    fn patience(&self, reused: bool) -> Duration {
        let live = self.gateway.live.load();
        let rest = if reused { live.server.keepalive } else { Duration::ZERO };
        live.server.header_timeout + rest
    }
}

#[async_trait]
impl HttpServerApp for Front {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        if session.is_http2() {
            // Its heads arrive with the connection's frames, which Pingora bounds.
            return self.proxy.process_new_http(session, shutdown).await;
        }
        // The proxy leaves a mark on connections that it has served before.
        let patience = self.patience(session.take_connection_user_context().is_some());
        let arrived = Arc::new(AtomicBool::new(false));
        session.set_connection_user_context(Some(Box::new(Stopwatch(Arc::clone(&arrived)))));
        let mut work = self.proxy.process_new_http(session, shutdown);
        tokio::select! {
            biased;
            reused = &mut work => return reused,
            () = pingora_timeout::sleep(patience) => {}
        }
        // The head is here and the answer takes its time; or the head never came, and we hang up.
        if arrived.load(Relaxed) { work.await } else { None }
    }

    fn h2_options(&self) -> Option<H2Options> {
        let mut options = default_h2_options();
        options.initial_window_size(H2_WINDOW_BYTES).initial_connection_window_size(4 * H2_WINDOW_BYTES);
        Some(options)
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.options)
    }

    async fn http_cleanup(&self) {
        self.proxy.http_cleanup().await;
    }
}
