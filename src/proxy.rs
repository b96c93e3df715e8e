//! Pingora's callbacks in our words. The only file that implements `ProxyHttp`.
//!
//! The whole path runs in `request_filter`, which answers by itself: Pingora's own upstream loop
//! holds at most 64 KiB of body and cannot fall back once a head has come.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use std::any::Any;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType};
use tollgate_api::{Code, Refusal};

use crate::audit_pages;
use crate::front::Stopwatch;
use crate::gateway::Gateway;
use crate::native;
use crate::pages;
use crate::pipeline;
use crate::reply;
use crate::surface::{Asked, asked, envelope};

/// What a refused client may still send before we hang up.
const DRAIN: Duration = Duration::from_secs(5);

/// The shell around the path.
pub(crate) struct Proxy {
    pub(crate) gateway: Arc<Gateway>,
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = ();

    fn new_ctx(&self) {}

    /// The head of this request has come: the front may put its stopwatch away.
    fn on_connection_reuse(&self, _: &mut Session, (): &mut (), stopwatch: Box<dyn Any + Send + Sync>) {
        if let Some(stopwatch) = stopwatch.downcast_ref::<Stopwatch>() {
            stopwatch.stop();
        }
    }

    /// The mark by which the front knows a connection that was served before.
    fn persist_connection_context(&self, _: &Session, (): &()) -> Option<Box<dyn Any + Send + Sync>> {
        Some(Box::new(()))
    }

    async fn early_request_filter(&self, session: &mut Session, (): &mut ()) -> pingora::Result<()> {
        let live = self.gateway.live.load();
        let server = &live.server;
        let downstream = &mut session.downstream_session;
        // Pingora's defaults wait for ever; and a stray CRLF after a body would abort the answer.
        let keepalive = (!self.gateway.draining.load(Relaxed)).then(|| server.keepalive.as_secs().max(1));
        downstream.set_keepalive(keepalive);
        downstream.set_read_timeout(Some(server.read_timeout));
        downstream.set_write_timeout(Some(server.write_timeout));
        downstream.set_total_drain_timeout(Some(DRAIN));
        downstream.set_pipelining_enabled(true);
        // A client that is refused in the middle of its body must still be able to read why.
        downstream.set_close_on_response_before_downstream_finish(false);
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, (): &mut ()) -> pingora::Result<bool> {
        let path = AssertUnwindSafe(self.serve(session)).catch_unwind().await;
        match path {
            Ok(served) => served.map(|()| true),
            Err(_) => self.after_panic(session).await.map(|()| true),
        }
    }

    /// Never called: `request_filter` answers everything.
    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> pingora::Result<Box<HttpPeer>> {
        Err(Error::explain(ErrorType::InternalError, "the path answers by itself"))
    }

    /// The client is gone, or its connection is broken: there is nobody to tell.
    async fn fail_to_proxy(&self, _: &mut Session, _: &Error, (): &mut ()) -> FailToProxy {
        FailToProxy { error_code: 0, can_reuse_downstream: false }
    }

    fn suppress_error_log(&self, _: &Session, (): &(), _: &Error) -> bool {
        true
    }
}

impl Proxy {
    async fn serve(&self, session: &mut Session) -> pingora::Result<()> {
        match asked(session.req_header()) {
            Asked::Model(address) => {
                let served = Box::pin(pipeline::serve(&self.gateway, address, session)).await;
                served.map_err(|_| Error::explain(ErrorType::ConnectionClosed, "the client hung up").into_down())
            }
            Asked::Models(id) => pages::models(&self.gateway, session, id.as_deref()).await,
            Asked::Audit(page) => audit_pages::serve(&self.gateway, session, page).await,
            Asked::ErrorReference => pages::error_reference(session).await,
            Asked::Root => pages::root(session).await,
            Asked::Nothing(refusal) => {
                self.gateway.metrics.refused(refusal.code);
                let envelope = envelope(session.req_header().uri.path());
                reply::refuse(session, &refusal, envelope).await
            }
            Asked::Native(path) => {
                let served = Box::pin(native::serve(&self.gateway, path, session)).await;
                served.map_err(|_| Error::explain(ErrorType::ConnectionClosed, "the client hung up").into_down())
            }
            Asked::CountTokens => {
                let served = Box::pin(native::count::serve(&self.gateway, session)).await;
                served.map_err(|_| Error::explain(ErrorType::ConnectionClosed, "the client hung up").into_down())
            }
        }
    }

    /// A panic on the path is a defect of ours; the account was closed when it unwound.
    async fn after_panic(&self, session: &mut Session) -> pingora::Result<()> {
        tracing::error!(path = session.req_header().uri.path(), "the request path panicked");
        session.downstream_session.set_keepalive(None);
        if session.downstream_session.response_written().is_some() {
            return Err(Error::explain(ErrorType::InternalError, "panicked in mid-answer"));
        }
        let refusal = Refusal::new(Code::Internal, "this request met a defect in the gateway");
        let envelope = envelope(session.req_header().uri.path());
        reply::refuse(session, &refusal, envelope).await
    }
}
