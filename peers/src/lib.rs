//! What nodes share through Redis or Valkey: counts of limits, news of changes, health of endpoints.
//!
//! It keeps nothing that must last and decides nothing alone: when Redis is away a request learns so
//! at once ([`Answer::Away`]) and its node counts for itself. It does not know whose limits they are.
//!
//! All keys lie under `tollgate:{<namespace>}:`, so that a cluster keeps them on one node, and each
//! of them expires with the window that it counts.

mod admit;
mod changes;
mod circuit;
mod courier;
mod health;
mod line;
mod options;
mod script;

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

pub use admit::{Answer, Ask, Denial, Figure, Limit, Limits, Pass, Scope};
pub use changes::{Change, Changes};
pub use health::Tripped;
pub use options::{ConnectError, Options};

use courier::Courier;
use line::Line;
use options::Names;
use script::Lua;

/// The other nodes, as far as Redis connects them. Cheap to clone.
#[derive(Clone)]
pub struct Peers {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    names: Names,
    line: Line,
    courier: Courier,
    admit: Lua,
    health: Lua,
    changes: broadcast::Sender<Change>,
    listening: AbortHandle,
}

impl Peers {
    /// Gets ready to talk to the Redis at `redis://[user:password@]host:port[/db]`. Whether it is
    /// there does not matter yet. Call it inside of the runtime that is to keep the connection.
    ///
    /// # Errors
    /// When the address or the namespace cannot be used.
    pub fn connect(url: &SecretString, options: Options) -> Result<Self, ConnectError> {
        let names = Names::new(&options.namespace)?;
        let client = options::client(url.expose_secret())?;
        let line = Line::new(client.clone(), &options);
        let courier = Courier::start(line.clone(), &options);
        let (changes, _) = broadcast::channel(options.queue_max.max(1));
        let listening = changes::listen(client, names.changes(), &options, changes.clone());
        line.probe();
        let (admit, health) = (Lua::new(include_str!("lua/admit.lua")), Lua::new(include_str!("lua/health.lua")));
        Ok(Self { inner: Arc::new(Inner { options, names, line, courier, admit, health, changes, listening }) })
    }

    /// Whether nodes count for themselves now, because Redis does not answer.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.inner.line.is_away()
    }

    /// How often Redis did not answer, or could not be reached.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.inner.line.failures()
    }

    /// How many ends of requests were not told to Redis, because the queue was full or Redis away.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.inner.courier.dropped()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers")
            .field("namespace", &self.inner.options.namespace)
            .field("away", &self.is_away())
            .finish_non_exhaustive()
    }
}
