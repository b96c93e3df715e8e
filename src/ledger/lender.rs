//! The thread that borrows for requests and gives back what nobody needs. It writes nothing down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use tollgate_ledger::{Account, Ask, Drawer, Grant, Unreachable, idle, lend};
use tollgate_store::Store;

use super::{Errand, Ledger, Loan};
use crate::clock;
use crate::metrics::Metrics;

/// How often it looks for what lies idle.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What is idle for so long goes back even far from a limit.
const IDLE_LONG: Duration = Duration::from_secs(10);
/// A window that ended this long ago has no more requests in it: the longest request is far shorter.
const WINDOW_OVER_SECONDS: i64 = 3 * 3600;

/// Starts it.
///
/// # Errors
/// When the thread cannot be made.
pub(crate) fn start(store: Store, node: String, metrics: Arc<Metrics>) -> std::io::Result<Arc<Ledger>> {
    let (errands, taken) = channel();
    let ledger = Arc::new(Ledger::new(errands, metrics));
    let lender = Lender {
        store,
        node,
        ledger: Arc::downgrade(&ledger),
        operation: 0,
        unsure: None,
        recalled: BTreeSet::new(),
        seen: BTreeMap::new(),
    };
    std::thread::Builder::new().name("lender".into()).spawn(move || lender.run(&taken))?;
    Ok(ledger)
}

/// What the ledger is asked to do.
enum Operation {
    Lend(Vec<Ask>),
    TakeBack(Vec<(Account, i64)>),
}

struct Lender {
    store: Store,
    node: String,
    ledger: std::sync::Weak<Ledger>,
    /// The number of the last operation.
    operation: u64,
    /// That operation, while it is not known whether it was done.
    unsure: Option<Operation>,
    /// Budgets and balances of which everything goes back.
    recalled: BTreeSet<String>,
    /// How often each drawer was used when it was last looked at, and since when that has not changed.
    seen: BTreeMap<Account, (u64, Instant)>,
}

impl Lender {
    fn run(mut self, errands: &Receiver<Errand>) {
        let mut looked = Instant::now();
        loop {
            match errands.recv_timeout(LOOK_EVERY) {
                Ok(first) => self.serve(std::iter::once(first).chain(errands.try_iter())),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if looked.elapsed() >= LOOK_EVERY {
                let Some(ledger) = self.ledger.upgrade() else { return };
                self.tidy(&ledger);
                looked = Instant::now();
            }
        }
    }

    fn serve(&mut self, errands: impl Iterator<Item = Errand>) {
        let mut loans = Vec::new();
        for errand in errands {
            match errand {
                Errand::Borrow(loan) => loans.push(loan),
                Errand::Recall(ids) => self.recalled.extend(ids),
                Errand::Leave(done) => {
                    self.clear(|_| true);
                    let _ = done.send(());
                }
            }
        }
        self.clear_recalled();
        if !loans.is_empty() {
            self.lend(loans);
        }
    }

    /// Gives back what was recalled; what cannot be given back now is recalled again.
    fn clear_recalled(&mut self) {
        let recalled = std::mem::take(&mut self.recalled);
        if !recalled.is_empty() && !self.clear(|account| recalled.contains(&*account.id)) {
            self.recalled = recalled;
        }
    }

    /// Gives back all that is free of the accounts for which this holds. Nothing is taken out of a drawer
    /// while the ledger cannot be reached: whether it was is returned.
    fn clear(&mut self, is_wanted: impl Fn(&Account) -> bool) -> bool {
        let Some(ledger) = self.ledger.upgrade() else { return false };
        if self.make_sure().is_err() {
            return false;
        }
        let drawers = ledger.till.drawers().into_iter().filter(|drawer| is_wanted(drawer.account()));
        let parts: Vec<_> = drawers.map(|drawer| (drawer.account().clone(), drawer.clear(i64::MAX))).collect();
        self.give_back(parts.into_iter().filter(|(_, part)| *part > 0).collect());
        true
    }

    /// Asks once for everybody who is waiting.
    fn lend(&mut self, all: Vec<Loan>) {
        // Of each account: the least that lets somebody go on, and the most that all want together.
        let mut wanted: BTreeMap<&Account, (&Arc<Drawer>, i64, i64)> = BTreeMap::new();
        for loan in &all {
            for drawer in &loan.drawers {
                let (_, least, most) = wanted.entry(drawer.account()).or_insert((drawer, i64::MAX, 0));
                *least = (*least).min(loan.least);
                *most = most.saturating_add(loan.most);
            }
        }
        let asks: Vec<Ask> = wanted
            .values()
            .map(|(drawer, least, most)| {
                // What is free already need not be borrowed.
                let free = drawer.left();
                let (least, most) = lend(&drawer.standing(), (least - free).max(1), (most - free).max(1));
                Ask { account: drawer.account().clone(), least, most }
            })
            .collect();
        drop(wanted);
        let lent = self.borrow(asks);
        let said: Result<(), Unreachable> = lent.map(|_| ());
        if let (Err(error), Some(ledger)) = (&said, self.ledger.upgrade()) {
            tracing::warn!(%error, "nothing can be borrowed: requests are served from what is here");
            ledger.metrics.ledger.unreachable.inc();
        }
        for loan in all {
            // Whoever asked may have gone.
            let _ = loan.done.send(said.clone());
        }
    }

    /// Borrows. What was asked for before and may not have arrived is asked for again first.
    fn borrow(&mut self, asks: Vec<Ask>) -> Result<Vec<Grant>, Unreachable> {
        self.make_sure()?;
        self.operation += 1;
        self.unsure = Some(Operation::Lend(asks));
        self.make_sure().map(|lent| lent.unwrap_or_default())
    }

    /// Does the operation of which it is not known whether it was done. Says what was lent by it.
    fn make_sure(&mut self) -> Result<Option<Vec<Grant>>, Unreachable> {
        let ledger = self.ledger.upgrade().ok_or_else(|| Unreachable("the gateway is leaving".to_owned()))?;
        ledger.begin(&self.store, &self.node).map_err(Unreachable::from)?;
        let done = match &self.unsure {
            None => return Ok(None),
            Some(Operation::Lend(asks)) => Some(self.store.lend(&self.node, self.operation, asks)?),
            Some(Operation::TakeBack(parts)) => {
                self.store.take_back(&self.node, self.operation, parts)?;
                None
            }
        };
        self.unsure = None;
        for grant in done.iter().flatten() {
            ledger.till.drawer(&grant.account).lend(grant);
        }
        Ok(done)
    }

    /// Gives back what lies idle, and forgets windows that are over.
    fn tidy(&mut self, ledger: &Ledger) {
        // Nothing is taken out of a drawer that could not be given back now.
        if self.make_sure().is_err() {
            return;
        }
        self.clear_recalled();
        let now = Instant::now();
        let mut back = Vec::new();
        for drawer in ledger.till.drawers() {
            let uses = drawer.uses();
            let (seen, since) = self.seen.entry(drawer.account().clone()).or_insert((uses, now));
            let is_used = *seen != uses || drawer.open() > 0;
            if *seen != uses {
                (*seen, *since) = (uses, now);
            }
            let part = drawer.clear(idle(&drawer, is_used, now.duration_since(*since) > IDLE_LONG));
            if part > 0 {
                back.push((drawer.account().clone(), part));
            }
        }
        self.give_back(back);
        let today = i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX);
        // A month is the longest window that ends.
        let is_over =
            |account: &Account| account.window > 0 && today - account.window > 31 * 86_400 + WINDOW_OVER_SECONDS;
        ledger.till.forget(is_over);
        self.seen.retain(|account, _| !is_over(account));
    }

    fn give_back(&mut self, parts: Vec<(Account, i64)>) {
        if parts.is_empty() {
            return;
        }
        self.operation += 1;
        self.unsure = Some(Operation::TakeBack(parts));
        if let Err(error) = self.make_sure() {
            tracing::warn!(%error, "what was borrowed is given back as soon as the ledger can be reached");
        }
    }
}
