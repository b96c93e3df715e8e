//! Where an endpoint is: its host, and the address that is connected to. It looks names up, and connects to
//! nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use pingora::protocols::ALPN;
use pingora::protocols::l4::ext::TcpKeepalive;
use pingora::upstreams::peer::HttpPeer;
use tollgate_vault::Guard;

use super::Site;
use crate::clock;
use crate::fail::Fail;

/// A name is looked up again after this long; the old addresses serve meanwhile.
const LOOKUP_FRESH_MS: u64 = 30_000;
/// Load balancers of vendors close idle connections after 60 s and more.
const POOL_IDLE: Duration = Duration::from_secs(50);
/// After a minute of silence, whether the peer is still there.
const KEEPALIVE: TcpKeepalive = TcpKeepalive {
    idle: Duration::from_secs(60),
    interval: Duration::from_secs(10),
    count: 6,
    user_timeout: Duration::ZERO,
};
/// Streams on one HTTP/2 connection. Pingora's default of 1 would mean no multiplexing.
const H2_STREAMS_MAX: usize = 100;

/// Host, port, and the addresses they resolve to.
pub(super) struct Place {
    host: Box<str>,
    port: u16,
    pub(super) template: HttpPeer,
    peer: ArcSwapOption<HttpPeer>,
    looked_up_ms: AtomicU64,
    looking: AtomicBool,
    /// Of a tenant's own address: what may be connected to.
    guard: Option<Arc<Guard>>,
}

impl Place {
    pub(super) fn new(site: &Site<'_>, guard: Option<Arc<Guard>>) -> Self {
        let unresolved = SocketAddr::from(([0, 0, 0, 0], 0));
        let host: Box<str> = site.base.host.trim_matches(['[', ']']).into();
        let mut template = HttpPeer::new(unresolved, site.base.tls, host.to_string());
        template.group_key = site.group;
        let options = &mut template.options;
        options.connection_timeout = Some(site.connect);
        options.total_connection_timeout = Some(site.connect);
        options.idle_timeout = Some(POOL_IDLE);
        // An answer may be waited for in silence for long: a peer that is gone is found out, and no firewall
        // on the way forgets the connection.
        options.tcp_keepalive = Some(KEEPALIVE);
        options.max_h2_streams = H2_STREAMS_MAX;
        if site.http2 {
            // Over TLS the handshake settles the version; in clear text it must be known.
            options.alpn = if site.base.tls { ALPN::H2H1 } else { ALPN::H2 };
            options.h2_ping_interval = Some(Duration::from_secs(30));
        }
        options.ca.clone_from(&site.ca);
        let place = Self {
            host,
            port: site.base.port,
            template,
            peer: ArcSwapOption::empty(),
            looked_up_ms: AtomicU64::new(u64::MAX),
            looking: AtomicBool::new(false),
            guard,
        };
        if let Ok(ip) = place.host.parse()
            && place.allows(&[SocketAddr::new(ip, place.port)]).is_ok()
        {
            place.settle(SocketAddr::new(ip, place.port));
        }
        place
    }

    /// The address to connect to among those that a name stands for: just this one is connected to, so that
    /// what was looked at is what is called.
    fn allows(&self, found: &[SocketAddr]) -> Result<SocketAddr, Fail> {
        match &self.guard {
            None => found.first().copied().ok_or(Fail::Connect("its name could not be resolved")),
            Some(guard) => guard.pick(found).map_err(|_| Fail::Connect("its address is not one that may be called")),
        }
    }

    fn settle(&self, address: SocketAddr) {
        let mut peer = self.template.clone();
        peer._address = address.into();
        self.peer.store(Some(Arc::new(peer)));
    }

    /// The address to connect to. A known one is used at once; a stale one while it is renewed.
    pub(super) async fn peer(&self) -> Result<Arc<HttpPeer>, Fail> {
        let looked_up = self.looked_up_ms.load(Relaxed);
        if let Some(peer) = self.peer.load_full() {
            let fresh = looked_up == u64::MAX || clock::now_ms() < looked_up.saturating_add(LOOKUP_FRESH_MS);
            if fresh || self.looking.swap(true, Relaxed) {
                return Ok(peer);
            }
        }
        let found =
            tokio::time::timeout(Duration::from_secs(5), tokio::net::lookup_host((&*self.host, self.port))).await;
        self.looking.store(false, Relaxed);
        self.looked_up_ms.store(clock::now_ms(), Relaxed);
        let found: Vec<SocketAddr> = found.ok().and_then(Result::ok).into_iter().flatten().collect();
        match self.allows(&found) {
            Ok(address) => self.settle(address),
            // A name that has moved to where nobody may go must not be served from before.
            Err(fail) if self.guard.is_some() => {
                self.peer.store(None);
                return Err(fail);
            }
            Err(_) => {}
        }
        self.peer.load_full().ok_or(Fail::Connect("its name could not be resolved"))
    }
}
