//! The operators' listener: alive, ready, metrics. A probe never calls a model.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use async_trait::async_trait;
use http::{Response, header};
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;

use crate::clock;
use crate::gateway::Gateway;

/// What answers there.
pub(crate) struct Ops {
    pub(crate) gateway: Arc<Gateway>,
}

#[async_trait]
impl ServeHttp for Ops {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        match session.req_header().uri.path() {
            // LiteLLM's spellings beside the usual ones.
            "/health" | "/health/liveliness" | "/health/liveness" | "/" => json(200, r#"{"status":"alive"}"#),
            "/ready" | "/health/readiness" => self.ready(),
            "/metrics" => self.metrics(),
            _ => json(404, r#"{"status":"not found","paths":["/health","/ready","/metrics"]}"#),
        }
    }
}

impl Ops {
    fn ready(&self) -> Response<Vec<u8>> {
        match (self.gateway.draining.load(Relaxed), self.gateway.accounts.is_loaded()) {
            (false, true) => json(200, r#"{"status":"ready"}"#),
            (false, false) => json(503, r#"{"status":"the store with keys is not read yet"}"#),
            (true, _) => json(503, r#"{"status":"draining"}"#),
        }
    }

    fn metrics(&self) -> Response<Vec<u8>> {
        let live = self.gateway.live.load();
        let now = clock::now_ms();
        self.gateway.metrics.races.forget_times();
        for endpoint in &live.endpoints {
            self.gateway.metrics.races.takes(&endpoint.name, &endpoint.lately);
            self.gateway.metrics.endpoint_health(&endpoint.name, endpoint.health.state(now).as_str());
        }
        let is_away = self.gateway.others.as_ref().is_some_and(|others| others.peers.is_away());
        self.gateway.metrics.ledger.peers_away.set(i64::from(is_away));
        let accepts = self.gateway.audit.as_ref().is_none_or(|audit| audit.accepts());
        self.gateway.metrics.audit.accepting.set(i64::from(accepts));
        respond(200, "text/plain; version=0.0.4; charset=utf-8", self.gateway.metrics.text().into_bytes())
    }
}

fn json(status: u16, body: &str) -> Response<Vec<u8>> {
    respond(status, "application/json", body.as_bytes().to_vec())
}

fn respond(status: u16, kind: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let length = body.len();
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .header(header::CONTENT_LENGTH, length)
        .body(body)
        .expect("a status and two headers of ours make a response")
}
