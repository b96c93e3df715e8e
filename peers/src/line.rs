//! The one connection to Redis that all requests of this node share.
//!
//! It is made and renewed in the background: no request waits for that longer than for an answer.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisError};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::circuit::{Circuit, Turn};
use crate::options::Options;

/// The connection, as far as there is one. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Line {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    /// Where the connection lives: a request's own runtime may end before.
    runtime: Handle,
    connect_timeout: Duration,
    pause: Duration,
    circuit: Mutex<Circuit<MultiplexedConnection>>,
    connections: AtomicU64,
    failures: AtomicU64,
}

/// What became of a question.
pub(crate) enum Reply<T> {
    /// This.
    Said(T),
    /// It was not asked.
    NotAsked,
    /// It was asked, and whether Redis did it is not known.
    Unknown,
}

impl Line {
    /// A line that nobody has used yet. Needs a runtime.
    pub(crate) fn new(client: Client, options: &Options) -> Self {
        let shared = Shared {
            client,
            runtime: Handle::current(),
            connect_timeout: options.connect_timeout,
            pause: options.pause,
            circuit: Mutex::new(Circuit::Away(Instant::now())),
            connections: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn is_away(&self) -> bool {
        self.shared.circuit().is_away()
    }

    pub(crate) fn failures(&self) -> u64 {
        self.shared.failures.load(Relaxed)
    }

    /// Looks in the background whether Redis answers, if nobody does and it is time to.
    pub(crate) fn probe(&self) {
        let turn = self.shared.circuit().turn(Instant::now());
        if matches!(turn, Turn::Probe) {
            drop(self.start_probe());
        }
    }

    /// Asks Redis, for no longer than `within`.
    pub(crate) async fn ask<T, F>(
        &self,
        within: Duration,
        question: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Reply<T>
    where
        T: FromRedisValue,
        F: Future<Output = Result<T, RedisError>>,
    {
        let began = Instant::now();
        let Some((connection, number)) = self.connection(within).await else { return Reply::NotAsked };
        let rest = within.saturating_sub(began.elapsed());
        match timeout(rest, question(connection)).await {
            Ok(Ok(said)) => Reply::Said(said),
            Ok(Err(error)) => self.failed(number, error.category()),
            Err(_) => self.failed(number, "it did not answer in time"),
        }
    }

    async fn connection(&self, within: Duration) -> Option<(MultiplexedConnection, u64)> {
        let turn = self.shared.circuit().turn(Instant::now());
        match turn {
            Turn::Ask(connection, number) => Some((connection, number)),
            Turn::Leave => None,
            Turn::Probe => {
                // When the request stops waiting, the probe goes on.
                timeout(within, self.start_probe()).await.ok()?.ok()?;
                match &*self.shared.circuit() {
                    Circuit::Flowing(connection, number) => Some((connection.clone(), *number)),
                    Circuit::Away(_) | Circuit::Probing => None,
                }
            }
        }
    }

    fn start_probe(&self) -> JoinHandle<()> {
        let shared = Arc::clone(&self.shared);
        self.shared.runtime.spawn(async move { shared.connect().await })
    }

    fn failed<T>(&self, number: u64, why: &str) -> Reply<T> {
        self.shared.failures.fetch_add(1, Relaxed);
        if self.shared.circuit().failed(number, Instant::now(), self.shared.pause) {
            tracing::warn!(why, "Redis failed; each node counts limits for itself until it answers");
        }
        Reply::Unknown
    }
}

impl Shared {
    fn circuit(&self) -> MutexGuard<'_, Circuit<MultiplexedConnection>> {
        // Nothing panics while it is held, and its state is whole after each step.
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) {
        let next = match self.reach().await {
            Ok(connection) => {
                tracing::info!("Redis answers; limits are shared between nodes");
                Circuit::Flowing(connection, self.connections.fetch_add(1, Relaxed))
            }
            Err(why) => {
                // A failure that opened the circuit was told then; one that never let it close, here.
                if self.failures.fetch_add(1, Relaxed) == 0 {
                    tracing::warn!(why, "Redis cannot be reached; each node counts limits for itself until it can");
                }
                Circuit::Away(Instant::now() + self.pause)
            }
        };
        *self.circuit() = next;
    }

    /// A connection that has answered once.
    async fn reach(&self) -> Result<MultiplexedConnection, String> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let reached = async {
            let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
            redis::cmd("PING").query_async::<()>(&mut connection).await?;
            Ok::<_, RedisError>(connection)
        };
        match timeout(self.connect_timeout, reached).await {
            Ok(reached) => reached.map_err(|error| error.category().to_owned()),
            Err(_) => Err("it did not answer in time".to_owned()),
        }
    }
}
