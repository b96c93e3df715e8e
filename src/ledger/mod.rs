//! The node's side of the ledger: what is lent to it, what requests hold, and who waits for money.
//!
//! Requests only take and give back here. One thread borrows for them (`lender`), another writes down
//! what was spent (`poster`); neither is ever waited for but for money that is not here yet.

mod ceiling;
mod hold;
mod lender;
mod need;
mod poster;
mod reach;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore, oneshot};
use tollgate_conf::{Budgets, Fees};
use tollgate_ledger::{Account, Drawer, Till, Unreachable};
use tollgate_store::{NodeStart, Store, StoreError};

use crate::clock;
use crate::metrics::Metrics;
use crate::money::boot;

pub(crate) use hold::{Held, Request, hold};
pub(crate) use lender::start as start_lender;
pub(crate) use need::fee;
pub(crate) use poster::{Posted, Poster};

/// How many answers are read on at once after their clients have gone.
const DRAINS_MAX: usize = 256;

/// The node's ledger.
pub(crate) struct Ledger {
    pub(crate) till: Till,
    lender: Sender<Errand>,
    /// Told when money has come back.
    back: Notify,
    /// How many wait for that.
    waiting: AtomicUsize,
    /// Turns to read on.
    pub(crate) drains: Arc<Semaphore>,
    /// What the ledger said when this node began: nothing is borrowed or posted before.
    started: std::sync::Mutex<Option<NodeStart>>,
    /// What was spent and is in no journal: where there is none.
    loose: std::sync::Mutex<Vec<Posted>>,
    is_leaving: AtomicBool,
    /// Everything is written down, and the node is leaving.
    is_posted: AtomicBool,
    pub(crate) metrics: Arc<Metrics>,
}

/// What the lender is asked for.
enum Errand {
    /// Money for a request.
    Borrow(Loan),
    /// All that is free of these budgets and balances goes back: they have changed.
    Recall(Vec<String>),
    /// The node leaves: all that is free goes back.
    Leave(std::sync::mpsc::Sender<()>),
}

/// What a request wants to be lent.
struct Loan {
    drawers: Vec<Arc<Drawer>>,
    least: i64,
    most: i64,
    done: oneshot::Sender<Result<(), Unreachable>>,
}

/// How long a node that leaves waits until what it spent is written down.
const LEAVE_PATIENCE: Duration = Duration::from_secs(3);

/// How requests are held to budgets, and what is asked on top.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) budgets: Budgets,
    pub(crate) fees: Fees,
}

impl Ledger {
    fn new(lender: Sender<Errand>, metrics: Arc<Metrics>) -> Self {
        Self {
            till: Till::default(),
            lender,
            back: Notify::new(),
            waiting: AtomicUsize::new(0),
            drains: Arc::new(Semaphore::new(DRAINS_MAX)),
            started: std::sync::Mutex::new(None),
            loose: std::sync::Mutex::default(),
            is_leaving: AtomicBool::new(false),
            is_posted: AtomicBool::new(false),
            metrics,
        }
    }

    /// Tells the ledger that this node begins anew: what was lent to the run before is not this one's to
    /// spend. Once, whoever comes first.
    fn begin(&self, store: &Store, node: &str) -> Result<NodeStart, StoreError> {
        let mut started = self.started.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match *started {
            Some(start) => Ok(start),
            None => Ok(*started.insert(store.take_node(node, &boot(), clock::unix_ms())?)),
        }
    }

    /// The drawer of an account.
    fn drawer(&self, id: &Arc<str>, window: i64) -> Arc<Drawer> {
        self.till.drawer(&Account::new(Arc::clone(id), window))
    }

    /// Money has come back: whoever waits looks again.
    pub(crate) fn returned(&self) {
        if self.waiting.load(SeqCst) > 0 {
            self.back.notify_waiters();
        }
    }

    /// Borrows for a request, and waits until that is done.
    async fn borrow(&self, drawers: Vec<Arc<Drawer>>, least: i64, most: i64) -> Result<(), Unreachable> {
        let (done, answer) = oneshot::channel();
        let gone = |_| Unreachable("the gateway is leaving".to_owned());
        self.lender.send(Errand::Borrow(Loan { drawers, least, most, done })).map_err(|_| gone(()))?;
        answer.await.unwrap_or_else(|_| Err(gone(())))
    }

    /// Gives back what is free of these budgets and balances, so that their new limits hold.
    pub(crate) fn recall(&self, ids: Vec<String>) {
        if !ids.is_empty() {
            // Without a lender there is nothing to give back to.
            let _ = self.lender.send(Errand::Recall(ids));
        }
    }

    /// The node leaves: what was spent is written down, and what is free goes back. Blocks, not for long.
    pub(crate) fn close(&self) {
        self.is_leaving.store(true, SeqCst);
        let until = Instant::now() + LEAVE_PATIENCE;
        while !self.is_posted.load(SeqCst) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        let (done, is_done) = channel();
        if self.lender.send(Errand::Leave(done)).is_ok() {
            let _ = is_done.recv_timeout(LEAVE_PATIENCE);
        }
    }

    /// Notes what was spent where no journal does.
    pub(crate) fn note(&self, posted: Posted) {
        self.loose.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(posted);
    }

    fn take_loose(&self) -> Vec<Posted> {
        std::mem::take(&mut *self.loose.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
