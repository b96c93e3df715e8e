//! One request to one upstream over Pingora's pools: send, read, give the connection back.
//!
//! It knows HTTP, and neither dialects nor policy. Dropping a [`Wire`] cancels: an HTTP/1 connection
//! closes, an HTTP/2 stream is reset and its connection goes back to the pool.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use http::header;
use pingora::connectors::http::Connector;
use pingora::connectors::{ConnectorOptions, TransportConnector};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::client::HttpSession;
use pingora::protocols::http::v1::client::HttpSession as Http1Session;
use pingora::upstreams::peer::{HttpPeer, Peer};
use pingora::{Error, ErrorType};

use pingora_timeout::timeout;

use crate::cork::cork;

/// What may follow the last event of a stream, and how long that may take.
const REST_BYTES_MAX: usize = 4 << 10;
const REST_PATIENCE: Duration = Duration::from_secs(1);

/// The connection pools, shared by all requests.
pub(crate) struct Upstreams {
    /// HTTP/1.1, where head and body leave in one write.
    h1: TransportConnector,
    /// Where the peer speaks HTTP/2, or may.
    h2: Connector,
}

/// A connection that carries one exchange with an upstream.
pub(crate) struct Wire {
    session: Option<Box<HttpSession>>,
    peer: Arc<HttpPeer>,
    pools: Arc<Upstreams>,
    /// Whether it came from a pool; such a one may have died unseen.
    pub(crate) reused: bool,
}

impl Upstreams {
    /// Empty pools.
    pub(crate) fn new(options: ConnectorOptions) -> Self {
        Self { h1: TransportConnector::new(Some(options.clone())), h2: Connector::new(Some(options)) }
    }

    /// A connection, reused where `fresh` does not forbid it.
    pub(crate) async fn connect(self: &Arc<Self>, peer: Arc<HttpPeer>, fresh: bool) -> pingora::Result<Wire> {
        let (session, reused) = if peer.options.alpn.get_max_http_version() == 1 {
            let pooled = if fresh { None } else { self.h1.reused_stream(&*peer).await };
            let (stream, reused) = match pooled {
                Some(stream) => (stream, true),
                // On the heap: connecting is rare, and its future is most of this one's size.
                None => (Box::pin(self.h1.new_stream(&*peer)).await?, false),
            };
            (HttpSession::H1(Http1Session::new_with_options(cork(stream), &*peer)), reused)
        } else {
            Box::pin(self.h2.get_http_session(&*peer)).await?
        };
        Ok(Wire { session: Some(Box::new(session)), peer, pools: Arc::clone(self), reused })
    }
}

impl Wire {
    fn session(&mut self) -> &mut HttpSession {
        self.session.as_mut().expect("the session is only taken when the wire is given up")
    }

    /// Sends head and body.
    pub(crate) async fn send(&mut self, mut head: Box<RequestHeader>, body: Bytes) -> pingora::Result<()> {
        let tls = self.peer.is_tls();
        let session = self.session();
        if matches!(session, HttpSession::H2(_)) {
            name_host_in_uri(&mut head, tls)?;
        }
        session.write_request_header(head).await?;
        session.write_request_body(body, true).await?;
        session.finish_request_body().await
    }

    /// Reads the head of the answer, over any 1xx; asked again, it returns what it read.
    pub(crate) async fn read_head(&mut self) -> pingora::Result<&ResponseHeader> {
        while self.head().is_none() {
            self.session().read_response_header().await?;
        }
        self.head().ok_or_else(|| Error::new(ErrorType::InternalError))
    }

    fn head(&self) -> Option<&ResponseHeader> {
        self.session.as_ref().and_then(|s| s.response_header()).filter(|head| !head.status.is_informational())
    }

    /// The next piece of the body; `None` at its end.
    pub(crate) async fn read(&mut self) -> pingora::Result<Option<Bytes>> {
        let piece = self.session().read_response_body().await?;
        // Pingora may hand out empty pieces, such as an HTTP/2 END_STREAM frame.
        Ok(piece)
    }

    /// A piece that is there already, without waiting.
    pub(crate) fn read_ready(&mut self) -> Option<pingora::Result<Option<Bytes>>> {
        if self.session().response_done() {
            return None;
        }
        tokio::task::unconstrained(self.session().read_response_body()).now_or_never()
    }

    /// Whether the body has been read to its end.
    pub(crate) fn is_done(&mut self) -> bool {
        self.session().response_done()
    }

    /// The next piece, if it comes within this time.
    async fn read_within(&mut self, idle: Duration) -> pingora::Result<Option<Bytes>> {
        timeout(idle, self.read()).await.unwrap_or_else(|_| Err(Error::new(ErrorType::ReadTimedout)))
    }

    /// Reads the rest of the body, at most `max` bytes; `None` when it is longer. Between two pieces
    /// no more than `idle` may pass.
    pub(crate) async fn read_all(&mut self, max: usize, idle: Duration) -> pingora::Result<Option<Bytes>> {
        let Some(first) = self.read_within(idle).await? else { return Ok(Some(Bytes::new())) };
        if self.is_done() {
            return Ok((first.len() <= max).then_some(first));
        }
        let length = self.head().and_then(|head| head.headers.get(header::CONTENT_LENGTH));
        let expected = length.and_then(|v| v.to_str().ok()?.parse().ok());
        let mut all = BytesMut::with_capacity(expected.unwrap_or(2 * first.len()).min(max));
        all.extend_from_slice(&first);
        while let Some(piece) = self.read_within(idle).await? {
            if all.len() + piece.len() > max {
                return Ok(None);
            }
            all.extend_from_slice(&piece);
        }
        Ok(Some(all.freeze()))
    }

    /// Reads a small error body and keeps the connection warm; gives up on what is long or slow.
    pub(crate) async fn drain(mut self, max: usize, patience: Duration) -> Bytes {
        match timeout(patience, self.read_all(max, patience)).await {
            Ok(Ok(Some(body))) => {
                self.release().await;
                body
            }
            _ => Bytes::new(),
        }
    }

    /// Gives the connection back when the answer's framing has come to its end too; nobody waits for it.
    pub(crate) fn release_when_done(mut self) {
        if self.is_done() {
            let _ = self.release().now_or_never();
        } else {
            tokio::spawn(self.drain(REST_BYTES_MAX, REST_PATIENCE));
        }
    }

    /// Gives the connection back to its pool, if the answer was read to its end.
    pub(crate) async fn release(mut self) {
        let Some(session) = self.session.take() else { return };
        let idle = self.peer.options.idle_timeout;
        match *session {
            HttpSession::H1(mut h1) => {
                h1.respect_keepalive();
                if let Some(stream) = h1.reuse().await {
                    self.pools.h1.release_stream(stream, self.peer.reuse_hash(), idle);
                }
            }
            other => self.pools.h2.release_http_session(other, &*self.peer, idle).await,
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        if matches!(*session, HttpSession::H2(_)) {
            // Without this, the connection would die with its cancelled stream. Nothing in it waits.
            let idle = self.peer.options.idle_timeout;
            let _ = self.pools.h2.release_http_session(*session, &*self.peer, idle).now_or_never();
        }
    }
}

/// HTTP/2 names the host in a pseudo-header, which is taken from the URI.
fn name_host_in_uri(head: &mut RequestHeader, tls: bool) -> pingora::Result<()> {
    let host = head.headers.get(header::HOST).map(|h| h.as_bytes().to_vec()).unwrap_or_default();
    let uri = http::Uri::builder()
        .scheme(if tls { "https" } else { "http" })
        .authority(host.as_slice())
        .path_and_query(head.uri.path_and_query().map_or("/", |p| p.as_str()))
        .build()
        .map_err(|e| Error::because(ErrorType::InvalidHTTPHeader, "in the host of an endpoint", e))?;
    head.set_uri(uri);
    head.set_version(http::Version::HTTP_2);
    head.remove_header(&header::HOST);
    Ok(())
}
