//! A redis-server of a test's own and nodes around it. It states no law.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::FromRedisValue;
use redis::aio::MultiplexedConnection;
use tollgate_peers::{Answer, Ask, Denial, Limits, Options, Pass, Peers, Scope};

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Redis on a port of its own, gone with the test.
pub(crate) struct World {
    port: u16,
    server: Option<Child>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let mut world = Self::without_redis();
        world.start_redis().await;
        world
    }

    pub(crate) fn without_redis() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        Self { port: listener.local_addr().expect("bound").port(), server: None }
    }

    pub(crate) async fn start_redis(&mut self) {
        let port = self.port.to_string();
        let server = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server does not start; install it: sudo apt-get install redis-server");
        self.server = Some(server);
        until("redis-server answers", async || self.try_raw().await.is_some()).await;
    }

    pub(crate) fn kill_redis(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Stops it in the middle of what it does, with its connections open; `CONT` lets it go on.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.server.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status().expect("kill exists");
        assert!(sent.success());
    }

    async fn try_raw(&self) -> Option<MultiplexedConnection> {
        let client = redis::Client::open(self.url()).expect("an address");
        let mut raw = client.get_multiplexed_async_connection().await.ok()?;
        redis::cmd("PING").query_async::<()>(&mut raw).await.ok()?;
        Some(raw)
    }

    /// A command that no node sends.
    pub(crate) async fn raw<T: FromRedisValue>(&self, command: &str) -> T {
        let mut raw = self.try_raw().await.expect("it runs");
        let mut words = command.split(' ');
        let mut command = redis::cmd(words.next().expect("a word"));
        for word in words {
            command.arg(word);
        }
        command.query_async(&mut raw).await.expect("a command it knows")
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn node_with(&self, options: Options) -> Peers {
        Peers::connect(&self.url().into(), options).expect("an address")
    }

    /// A node that has reached Redis.
    pub(crate) async fn node(&self) -> Peers {
        self.reached(patient()).await
    }

    pub(crate) async fn reached(&self, options: Options) -> Peers {
        let node = self.node_with(options);
        until("the node reaches Redis", async || !node.is_away()).await;
        node
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill_redis();
    }
}

/// A slow machine must not look like an absent Redis, where that is not what is tested.
pub(crate) fn patient() -> Options {
    let (timeout, pause) = (Duration::from_secs(10), Duration::from_millis(100));
    Options { namespace: "test".into(), timeout, connect_timeout: timeout, pause, ..Options::default() }
}

/// Waits until it is so, and no longer than the deadline.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < DEADLINE, "waited too long until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) fn ask<'a>(scope: Scope<'a>, limits: Limits, tokens_estimate: u64) -> Ask<'a> {
    Ask { scope, limits, tokens_estimate }
}

pub(crate) fn a_minute(requests: u64) -> Limits {
    Limits { requests_per_minute: Some(requests), ..Limits::default() }
}

pub(crate) fn tokens_a_minute(tokens: u64) -> Limits {
    Limits { tokens_per_minute: Some(tokens), ..Limits::default() }
}

pub(crate) fn at_once(requests: u64) -> Limits {
    Limits { concurrent_requests: Some(requests), ..Limits::default() }
}

/// What a test expects, with words for what it got.
pub(crate) trait Expect {
    fn admitted(self) -> Pass;
    fn denied(self) -> Denial;
    fn is_away(&self) -> bool;
}

impl Expect for Answer {
    #[track_caller]
    fn admitted(self) -> Pass {
        match self {
            Self::Admitted(pass) => pass,
            other => panic!("not admitted but {other:?}"),
        }
    }

    #[track_caller]
    fn denied(self) -> Denial {
        match self {
            Self::Denied(denial) => denial,
            other => panic!("not denied but {other:?}"),
        }
    }

    fn is_away(&self) -> bool {
        matches!(self, Self::Away)
    }
}
