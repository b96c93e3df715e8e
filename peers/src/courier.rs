//! Brings to Redis how requests ended: many in one step, in the background, none waited for.
//!
//! While Redis is away it keeps what fits its queue, so that slots are free when Redis is back. It
//! knows no limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::line::{Line, Reply};
use crate::options::Options;
use crate::script::{Lua, Run};

/// How many ended requests go in one step.
const BATCH_MAX: usize = 128;

/// One thing to tell.
#[derive(Debug)]
pub(crate) enum Entry {
    /// The window was to be charged so much more, or less, for a request that was let in then.
    Window { key: String, let_in: u64, change: i64 },
    /// The request with this id is not open any more.
    Slot { key: String, id: String },
}

/// Takes things to tell. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Courier {
    queue: mpsc::Sender<Vec<Entry>>,
    dropped: Arc<AtomicU64>,
}

impl Courier {
    /// Starts on this runtime; ends when the last clone is gone and all is told.
    pub(crate) fn start(line: Line, options: &Options) -> Self {
        let (queue, waiting) = mpsc::channel(options.queue_max.max(1));
        let dropped = Arc::new(AtomicU64::new(0));
        let round = Round {
            line,
            waiting,
            dropped: Arc::clone(&dropped),
            settle: Lua::new(include_str!("lua/settle.lua")),
            patience: options.connect_timeout,
            pause: options.pause,
        };
        tokio::spawn(round.run());
        Self { queue, dropped }
    }

    pub(crate) fn tell(&self, entries: Vec<Entry>) {
        if !entries.is_empty() && self.queue.try_send(entries).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

struct Round {
    line: Line,
    waiting: mpsc::Receiver<Vec<Entry>>,
    dropped: Arc<AtomicU64>,
    settle: Lua,
    patience: Duration,
    pause: Duration,
}

impl Round {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while self.waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let mut entries: Vec<Entry> = batch.drain(..).flatten().collect();
            loop {
                entries = self.bring(entries).await;
                if entries.is_empty() {
                    break;
                }
                if self.waiting.is_closed() {
                    // The node stops, and Redis is away: slots free themselves in time.
                    self.drop(entries.len());
                    break;
                }
                tokio::time::sleep(self.pause).await;
            }
        }
    }

    /// Returns what is to be tried again.
    async fn bring(&self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let run = run(&entries);
        match self.line.ask(self.patience, |connection| self.settle.run::<i64>(connection, &run)).await {
            Reply::Said(_) => entries.clear(),
            Reply::NotAsked => {}
            Reply::Unknown => {
                // A slot may be freed twice, a window must not be charged twice.
                let before = entries.len();
                entries.retain(|entry| matches!(entry, Entry::Slot { .. }));
                self.drop(before - entries.len());
            }
        }
        entries
    }

    fn drop(&self, entries: usize) {
        self.dropped.fetch_add(u64::try_from(entries).unwrap_or(u64::MAX), Relaxed);
    }
}

fn run(entries: &[Entry]) -> Run {
    let mut run = Run::default();
    for entry in entries {
        let (key, arguments) = match entry {
            Entry::Window { key, let_in, change } => (key, ["window".into(), let_in.to_string(), change.to_string()]),
            Entry::Slot { key, id } => (key, ["slot".into(), id.clone(), String::new()]),
        };
        run.keys.push(key.clone());
        run.arguments.extend(arguments);
    }
    run
}
