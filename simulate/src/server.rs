//! The vendor's process: its listener, its profiles, its connections.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::control::control;
use crate::draw::Draw;
use crate::profile::Profile;
use crate::seen::{Counts, Seen};
use crate::service::{self, Body};
use crate::tls::Certificates;

/// How to start a vendor.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// Whether it speaks TLS, with a certificate for `localhost` and `127.0.0.1` of its own authority.
    pub tls: bool,
    /// What its draws begin from.
    pub seed: u64,
    /// Its profiles. A path that names none of them gets a healthy one.
    pub profiles: Vec<Profile>,
}

impl Default for Options {
    fn default() -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), tls: false, seed: 1, profiles: Vec::new() }
    }
}

/// A running vendor. It ends with the process, or with the runtime it was started on.
#[derive(Clone)]
pub struct Vendor {
    address: SocketAddr,
    ca_pem: Option<Arc<str>>,
    house: Arc<House>,
}

impl Vendor {
    /// Starts one on this runtime.
    ///
    /// # Errors
    /// When it cannot listen, or cannot make its certificate.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.address).await?;
        let certificates = options.tls.then(Certificates::new).transpose()?;
        let house = Arc::new(House::new(options.seed, options.profiles));
        let vendor = Self {
            address: listener.local_addr()?,
            ca_pem: certificates.as_ref().map(|c| c.ca_pem.as_str().into()),
            house: Arc::clone(&house),
        };
        tokio::spawn(accept(listener, certificates.map(|c| c.acceptor), house));
        Ok(vendor)
    }

    /// Starts one on a thread of its own.
    ///
    /// # Errors
    /// When it cannot listen, or cannot make its certificate.
    pub fn spawn(options: Options) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let vendor = runtime.block_on(Self::start(options))?;
        std::thread::Builder::new()
            .name("vendor".into())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
        Ok(vendor)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL of a profile, without `/v1`.
    #[must_use]
    pub fn base_url(&self, profile: &str) -> String {
        match self.ca_pem {
            Some(_) => format!("https://localhost:{}/{profile}", self.address.port()),
            None => format!("http://{}/{profile}", self.address),
        }
    }

    /// The certificate of its authority, PEM.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Sets a profile, new or known.
    pub fn set(&self, profile: Profile) {
        self.house.set(profile);
    }

    /// Behaviours for the next requests to a profile, one each; after them it is itself again.
    pub fn script(&self, profile: &str, next: Vec<Profile>) {
        self.house.script(profile, next);
    }

    /// What a profile has seen.
    #[must_use]
    pub fn seen(&self, profile: &str) -> Seen {
        self.house.seen(profile)
    }
}

/// All profiles, and what they have seen.
pub(crate) struct House {
    seed: u64,
    asked: AtomicU64,
    rooms: RwLock<HashMap<String, Arc<Room>>>,
}

struct Room {
    profile: Mutex<Arc<Profile>>,
    next: Mutex<VecDeque<Arc<Profile>>>,
    counts: Arc<Counts>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Room {
    fn new(profile: Profile) -> Arc<Self> {
        Arc::new(Self { profile: Mutex::new(Arc::new(profile)), next: Mutex::default(), counts: Arc::default() })
    }

    fn behaviour(&self) -> Arc<Profile> {
        locked(&self.next).pop_front().unwrap_or_else(|| Arc::clone(&locked(&self.profile)))
    }
}

impl House {
    fn new(seed: u64, profiles: Vec<Profile>) -> Self {
        let rooms = profiles.into_iter().map(|p| (p.name.clone(), Room::new(p))).collect();
        Self { seed, asked: AtomicU64::new(0), rooms: RwLock::new(rooms) }
    }

    fn room(&self, name: &str) -> Arc<Room> {
        if let Some(room) = self.rooms.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(room);
        }
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        let healthy = || Room::new(Profile { name: name.to_owned(), ..Profile::default() });
        Arc::clone(rooms.entry(name.to_owned()).or_insert_with(healthy))
    }

    pub(crate) fn set(&self, profile: Profile) {
        let room = self.room(&profile.name);
        *locked(&room.profile) = Arc::new(profile);
    }

    pub(crate) fn script(&self, name: &str, next: Vec<Profile>) {
        locked(&self.room(name).next).extend(next.into_iter().map(Arc::new));
    }

    pub(crate) fn seen(&self, name: &str) -> Seen {
        self.room(name).counts.read()
    }

    fn draw(&self) -> Draw {
        Draw::new(self.seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(self.asked.fetch_add(1, Relaxed)))
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, house: Arc<House>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, as a rule: others will close.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        tokio::spawn(greet(stream, tls.clone(), Arc::clone(&house)));
    }
}

async fn greet(stream: TcpStream, tls: Option<TlsAcceptor>, house: Arc<House>) {
    match tls {
        None => talk(stream, house).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                talk(stream, house).await;
            }
        }
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, house: Arc<House>) {
    let service = service_fn(move |request| serve(Arc::clone(&house), request));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None);
    // A connection that breaks is what half of the profiles are for.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn serve(house: Arc<House>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = head.uri.path().to_owned();
    let request = Request::from_parts(head, body);
    let below = path.strip_prefix('/').unwrap_or(&path);
    if let Some(rest) = below.strip_prefix("control/") {
        return Ok(control(&house, rest, &request));
    }
    let (name, rest) = below.split_at(below.find('/').unwrap_or(below.len()));
    let room = house.room(name);
    service::answer(room.behaviour(), Arc::clone(&room.counts), house.draw(), rest, request.map(Bytes::from)).await
}
