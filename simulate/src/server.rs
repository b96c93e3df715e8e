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
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::asked::{Asked, Dialect};
use crate::control::control;
use crate::draw::Draw;
use crate::fate::Foreseen;
use crate::play::Body;
use crate::profile::Profile;
use crate::seen::{Counts, Seen};
use crate::service::{self, Visit};
use crate::tier::{self, Server, Tier};
use crate::times::{Began, Cancelled};
use crate::tls::Certificates;
use crate::trace::trace_id;

/// Connections that wait to be accepted. Thousands may come at once, and one that finds no place tries again
/// only after a second.
const BACKLOG: u32 = 4096;

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
    /// Whether it keeps when requests began and were cancelled, the last 65,536 of each profile. Off, it saves that
    /// memory.
    pub keep_times: bool,
}

impl Default for Options {
    fn default() -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { address, tls: false, seed: 1, profiles: Vec::new(), keep_times: false }
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
        let listener = listen(options.address)?;
        let certificates = options.tls.then(Certificates::new).transpose()?;
        let house = Arc::new(House::new(options.seed, options.keep_times, options.profiles));
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

    /// What a request of this trace will draw where this profile serves it as it is now set. A profile that serves
    /// a tier of another is asked by its own name; scripted behaviours are not looked at.
    #[must_use]
    pub fn foresee(&self, profile: &str, trace_id: &str) -> Foreseen {
        let room = self.house.room(profile);
        Foreseen::draw(&room.set(), &mut self.house.draw(profile, Some(trace_id)))
    }

    /// The last requests whose body was read, oldest first; none unless [`Options::keep_times`].
    #[must_use]
    pub fn began(&self, profile: &str) -> Vec<Began> {
        self.house.room(profile).counts.began()
    }

    /// The last requests that the other side hung up on, oldest first; none unless [`Options::keep_times`].
    #[must_use]
    pub fn cancelled(&self, profile: &str) -> Vec<Cancelled> {
        self.house.room(profile).counts.cancelled()
    }
}

/// All profiles, and what they have seen.
pub(crate) struct House {
    seed: u64,
    keep_times: bool,
    asked: AtomicU64,
    rooms: RwLock<HashMap<String, Arc<Room>>>,
}

struct Room {
    name: String,
    profile: Mutex<Arc<Profile>>,
    next: Mutex<VecDeque<Arc<Profile>>>,
    counts: Arc<Counts>,
}

/// Where a request is served, and in which tier.
struct Seat {
    room: Arc<Room>,
    profile: Arc<Profile>,
    tier: Tier,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Room {
    /// The profile as it is set.
    fn set(&self) -> Arc<Profile> {
        Arc::clone(&locked(&self.profile))
    }

    /// The profile as it serves the next request.
    fn behaviour(&self) -> Arc<Profile> {
        let next = locked(&self.next).pop_front();
        next.unwrap_or_else(|| self.set())
    }
}

impl House {
    fn new(seed: u64, keep_times: bool, profiles: Vec<Profile>) -> Self {
        let house = Self { seed, keep_times, asked: AtomicU64::new(0), rooms: RwLock::default() };
        profiles.into_iter().for_each(|profile| house.set(profile));
        house
    }

    fn room(&self, name: &str) -> Arc<Room> {
        if let Some(room) = self.rooms.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(room);
        }
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        let healthy = || {
            let profile = Arc::new(Profile { name: name.to_owned(), ..Profile::default() });
            let counts = Arc::new(Counts::new(self.keep_times));
            Arc::new(Room { name: name.to_owned(), profile: Mutex::new(profile), next: Mutex::default(), counts })
        };
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

    /// Finds who serves a request to a profile in a tier.
    fn seat(&self, name: &str, asked: Option<&str>) -> Seat {
        let entrance = self.room(name);
        let set = entrance.set();
        let server = tier::server(&set, asked);
        let (room, profile) = match &server {
            Server::Itself => (Arc::clone(&entrance), entrance.behaviour()),
            Server::Other(other) => {
                let room = self.room(other);
                let profile = room.behaviour();
                (room, profile)
            }
            // A scripted behaviour is for a request that is served.
            Server::Nobody => (entrance, Arc::clone(&set)),
        };
        let tier = tier::met(&set, &server, &profile, asked);
        Seat { room, profile, tier }
    }

    /// What a request draws from: its trace where it belongs to one, else its place in the order of all requests.
    fn draw(&self, profile: &str, trace_id: Option<&str>) -> Draw {
        if let Some(trace_id) = trace_id {
            return Draw::of(self.seed, profile, trace_id);
        }
        Draw::new(self.seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(self.asked.fetch_add(1, Relaxed)))
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As `TcpListener::bind` does, so that a vendor can come back to its port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, house: Arc<House>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, as a rule: others will close.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        // One task for each, and not one for both: the state of a handshake is three times that of a conversation.
        match &tls {
            None => tokio::spawn(talk(stream, Arc::clone(&house))),
            Some(tls) => tokio::spawn(greet(stream, tls.clone(), Arc::clone(&house))),
        };
    }
}

async fn greet(stream: TcpStream, tls: TlsAcceptor, house: Arc<House>) {
    if let Ok(stream) = tls.accept(stream).await {
        talk(stream, house).await;
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
    let request = request.map(Bytes::from);
    let dialect = Dialect::at(rest);
    let asked = Asked::read(dialect, request.body());
    let tier = asked.as_ref().ok().and_then(|asked| asked.tier.as_deref());
    let Seat { room, profile, tier } = house.seat(name, tier);
    let trace_id = trace_id(request.headers()).map(str::to_owned);
    let draw = house.draw(&room.name, trace_id.as_deref());
    let counts = Arc::clone(&room.counts);
    service::answer(Visit { profile, counts, tier, dialect, asked, trace_id, draw }, rest, request).await
}
