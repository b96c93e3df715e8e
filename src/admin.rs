//! The management API on a Pingora listener: the bridge from its sessions to the router, and the ports
//! that the router asks for. What may be managed, and by whom, its crate decides.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderValue, Request, header};
use pingora::apps::{HttpPersistentSettings, HttpServerApp, ReusedHttpStream};
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::server::ShutdownWatch;
use secrecy::ExposeSecret;
use serde_json::Value;
use tollgate_admin::{Admin, Books, Doorman, From, Manager, Minting, router};
use tollgate_auth::{Check, Kind, Pepper};
use tollgate_conf::Config;
use tollgate_store::StoreError;
use tower::ServiceExt;

use crate::accounts::{Bound, Holder};
use crate::clock;
use crate::gateway::Gateway;
use crate::off_worker::off_worker;
use crate::records;

/// An idle connection is closed after this.
const KEEPALIVE_SECONDS: u64 = 60;
/// A request arrives within this, and an answer is taken within this.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than the router takes: it says so itself, in its own words.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The router on a listener.
pub(crate) struct Bridge {
    router: axum::Router,
}

impl Bridge {
    pub(crate) fn new(gateway: &Arc<Gateway>, config: &Config) -> Self {
        Self { router: router(admin(gateway, config)) }
    }
}

/// What the router asks of the gateway.
fn admin(gateway: &Arc<Gateway>, config: &Config) -> Admin {
    let (vault, guard) = (Arc::clone(&gateway.accounts.vault), Arc::clone(&gateway.accounts.vault));
    let (of_providers, changed) = (Arc::clone(gateway), Arc::clone(gateway));
    let minting = minting(config);
    Admin {
        store: gateway.accounts.store.clone(),
        doorman: Arc::new(Door { gateway: Arc::clone(gateway) }),
        books: Arc::new(Log { gateway: Arc::clone(gateway) }),
        master: Arc::new(move || vault.keys()),
        minting: Arc::new(move || minting.clone()),
        guard: Arc::new(move || guard.guard()),
        providers: Arc::new(move || {
            let live = of_providers.live.load();
            let mut names: Vec<String> = live.endpoints.iter().map(|e| e.provider.to_string()).collect();
            names.sort_unstable();
            names.dedup();
            names
        }),
        changed: Arc::new(move || changed.accounts.look_now(changed.others.as_ref())),
        clock: Arc::new(clock::unix_ms),
    }
}

/// How new keys are stored, as configuration says.
pub(crate) fn minting(config: &Config) -> Minting {
    let pepper = config.key_hashing.pepper.as_ref();
    let pepper = pepper.map_or_else(Pepper::none, |pepper| Pepper::new(pepper.expose_secret().as_bytes()));
    Minting { algorithm: config.key_hashing.algorithm, pepper }
}

/// Refuses to serve others than this machine while nobody could be asked who they are.
pub(crate) fn may_listen(gateway: &Gateway, config: &Config) -> anyhow::Result<()> {
    if config.admin.ip().is_loopback() {
        return Ok(());
    }
    match gateway.accounts.has_operator_key() {
        Ok(true) => return Ok(()),
        Ok(false) => {}
        // A store that is away must not keep a gateway from starting: without it no key is accepted.
        Err(StoreError::Unreachable(_)) => return Ok(()),
        Err(error) => return Err(error).context("the store"),
    }
    anyhow::bail!(
        "the management API would listen on {}, where others reach it, and there is no management key yet: make one \
         with `tollgate key create --management`, or let it listen on 127.0.0.1",
        config.admin
    )
}

#[async_trait]
impl HttpServerApp for Bridge {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        let read = tokio::time::timeout(PATIENCE, session.read_request()).await.ok()?;
        if !read.ok()? {
            return None;
        }
        session.set_keepalive((!*shutdown.borrow()).then_some(KEEPALIVE_SECONDS));
        session.set_write_timeout(Some(PATIENCE));
        let request = tokio::time::timeout(PATIENCE, request(&mut session)).await.ok()??;
        let Ok(answer) = self.router.clone().oneshot(request).await;
        write(&mut session, answer).await?;
        let settings = HttpPersistentSettings::for_session(&session);
        let reused = session.finish().await.ok()??;
        Some(ReusedHttpStream::from_reusable_stream(reused, settings))
    }
}

/// The request as the router wants it; `None` when it breaks off.
async fn request(session: &mut ServerSession) -> Option<Request<Body>> {
    let mut body = Vec::new();
    while body.len() <= BODY_BYTES_MAX {
        match session.read_request_body().await {
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => break,
            Err(_) => return None,
        }
    }
    if body.len() > BODY_BYTES_MAX {
        session.set_keepalive(None);
    }
    let head = session.req_header();
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.headers_mut() = head.headers.clone();
    // The router trusts what stands here: nothing of a client's gets in by a header.
    if let Some(address) = session.client_addr().and_then(|a| a.as_inet()) {
        request.extensions_mut().insert(From(address.ip()));
    }
    Some(request)
}

async fn write(session: &mut ServerSession, answer: http::Response<Body>) -> Option<()> {
    let (parts, body) = answer.into_parts();
    let is_bodyless =
        session.req_header().method == http::Method::HEAD || matches!(parts.status.as_u16(), 100..200 | 204 | 304);
    let mut head = ResponseHeader::from(parts);
    let has_length = head.headers.contains_key(header::CONTENT_LENGTH);
    if !is_bodyless && !has_length && !session.is_http2() {
        head.insert_header(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked")).ok()?;
    }
    session.write_response_header(Box::new(head)).await.ok()?;
    if !is_bodyless {
        let mut pieces = body.into_data_stream();
        while let Some(Ok(piece)) = pieces.next().await {
            session.write_response_body(piece, false).await.ok()?;
        }
    }
    session.write_response_body(Bytes::new(), true).await.ok()
}

/// Whose a management key is.
struct Door {
    gateway: Arc<Gateway>,
}

impl Doorman for Door {
    fn check(&self, key: &[u8], from: Option<IpAddr>) -> Pin<Box<dyn Future<Output = Option<Manager>> + Send + '_>> {
        let key = key.to_vec();
        Box::pin(async move {
            let checked = self.gateway.accounts.ring.load().verify(Kind::Management, &key);
            let holder = match checked {
                Check::Known(holder) => holder,
                Check::Refused(_) => return None,
                Check::Slow(check) => {
                    let _turn = self.gateway.slow_checks.acquire().await;
                    off_worker(move || check.run()).await.ok()?
                }
            };
            manager(&holder, from)
        })
    }
}

fn manager(holder: &Holder, from: Option<IpAddr>) -> Option<Manager> {
    let manages = holder.manages.as_ref()?;
    let is_expired = holder.expires_ms.is_some_and(|expires| clock::unix_ms() >= expires);
    let is_elsewhere = holder.bound.as_deref().is_some_and(|bound: &Bound| !bound.allows_ip(from));
    if is_expired || is_elsewhere || (!manages.is_operator && holder.tenant.now.load().suspended) {
        return None;
    }
    Some(Manager {
        key: holder.caller.key_id.to_string(),
        tenant: (!manages.is_operator).then(|| holder.tenant.id.to_string()),
        role: manages.role,
        member: holder.member.as_deref().map(ToOwned::to_owned),
        bindings: manages.bindings.clone(),
    })
}

/// The audit log, as far as managers see it.
struct Log {
    gateway: Arc<Gateway>,
}

impl Books for Log {
    fn records(&self, tenant: &str, before: Option<u64>, limit: usize) -> Result<Vec<Value>, String> {
        let Some(audit) = &self.gateway.audit else { return Ok(Vec::new()) };
        let log = audit.log_of(tenant).map_err(|error| error.to_string())?;
        records::latest(&audit.shelf(log), before, limit)
    }

    fn record(&self, tenant: &str, id: &str) -> Result<Option<Value>, String> {
        let Some(audit) = &self.gateway.audit else { return Ok(None) };
        let log = audit.log_of(tenant).map_err(|error| error.to_string())?;
        records::one(&audit.shelf(log), id)
    }

    fn act(&self, tenant: Option<&str>, by: &str, what: &str) {
        let Some(audit) = &self.gateway.audit else { return };
        let log = match tenant {
            None => tollgate_audit::record::LogId::DEPLOYMENT,
            Some(tenant) => match audit.log_of(tenant) {
                Ok(log) => log,
                Err(error) => {
                    tracing::error!(%error, "an act of management is not in its tenant's log");
                    tollgate_audit::record::LogId::DEPLOYMENT
                }
            },
        };
        audit.admin(log, by, what);
    }
}

impl crate::accounts::Accounts {
    /// Something has changed here: it is taken up at once, and other nodes are told to look.
    fn look_now(&self, others: Option<&crate::admit::Others>) {
        self.news.tell();
        if let Some(others) = others {
            let peers = others.peers.clone();
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move { peers.announce("accounts", "").await });
            }
        }
    }
}
