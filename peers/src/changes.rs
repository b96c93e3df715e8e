//! News between nodes: that accounts changed, so that each looks at once and not when it would anyway.
//!
//! News may be lost. A node must still look by itself from time to time; where it is known that some
//! may have been lost, it is told to look now.

use std::time::Duration;

use futures::StreamExt;
use redis::{Client, RedisError, Value};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::Peers;
use crate::line::Reply;
use crate::options::Options;

/// How long the line may be silent before it is asked whether it still stands.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// One piece of news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something changed.
    Told {
        /// What kind of thing.
        kind: String,
        /// Which one.
        id: String,
    },
    /// News may have been lost: look at everything.
    Unknown,
}

/// The news, from now on.
#[derive(Debug)]
pub struct Changes {
    told: broadcast::Receiver<Change>,
}

impl Changes {
    /// The next piece of news; `None` when the [`Peers`] are gone.
    pub async fn next(&mut self) -> Option<Change> {
        match self.told.recv().await {
            Ok(change) => Some(change),
            Err(RecvError::Lagged(_)) => Some(Change::Unknown),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Peers {
    /// The news of all nodes, this one too. It begins with [`Change::Unknown`] when the line to
    /// Redis comes about, and says so again each time it comes back.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes { told: self.inner.changes.subscribe() }
    }

    /// Tells all nodes that this changed. `kind` is a word. Says whether Redis took it; where it did
    /// not, nodes find out by themselves, later.
    pub async fn announce(&self, kind: &str, id: &str) -> bool {
        let inner = &*self.inner;
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(inner.names.changes()).arg(format!("{kind}\n{id}"));
        let question =
            async |mut connection: redis::aio::MultiplexedConnection| publish.query_async::<i64>(&mut connection).await;
        matches!(inner.line.ask(inner.options.connect_timeout, question).await, Reply::Said(_))
    }
}

/// Listens on this runtime until it is stopped.
pub(crate) fn listen(
    client: Client,
    channel: String,
    options: &Options,
    told: broadcast::Sender<Change>,
) -> AbortHandle {
    let (patience, pause) = (options.connect_timeout, options.pause);
    let listening = async move {
        loop {
            if let Err(error) = hear(&client, &channel, patience, &told).await {
                tracing::debug!(why = error.category(), "no news of other nodes: Redis cannot be listened to");
            }
            tokio::time::sleep(pause).await;
        }
    };
    tokio::spawn(listening).abort_handle()
}

/// Hears one connection to its end.
async fn hear(
    client: &Client,
    channel: &str,
    patience: Duration,
    told: &broadcast::Sender<Change>,
) -> Result<(), RedisError> {
    let subscribed = async {
        let (mut sink, stream) = client.get_async_pubsub().await?.split();
        sink.subscribe(channel).await?;
        Ok::<_, RedisError>((sink, stream))
    };
    let Ok(subscribed) = timeout(patience, subscribed).await else { return Ok(()) };
    let (mut sink, mut stream) = subscribed?;
    // Nobody may listen: that is no error.
    let _ = told.send(Change::Unknown);
    loop {
        match timeout(SILENCE_MAX, stream.next()).await {
            Ok(Some(message)) => {
                let _ = told.send(read(message.get_payload_bytes()));
            }
            Ok(None) => return Ok(()),
            Err(_) => match timeout(patience, sink.ping::<Value>()).await {
                Ok(answer) => drop(answer?),
                Err(_) => return Ok(()),
            },
        }
    }
}

fn read(payload: &[u8]) -> Change {
    match std::str::from_utf8(payload).ok().and_then(|text| text.split_once('\n')) {
        Some((kind, id)) => Change::Told { kind: kind.to_owned(), id: id.to_owned() },
        None => Change::Unknown,
    }
}
