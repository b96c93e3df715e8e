//! One account at one node: what is lent to it and free, what open requests hold, what they spent.
//!
//! Every sum is an atomic of its own and only [`Drawer::take`] decides anything, so a request never
//! waits for another. It asks nobody for more.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::SeqCst};

use crate::{Account, Grant};

/// An account's share at this node. Nano-dollars throughout.
#[derive(Debug)]
pub struct Drawer {
    account: Account,
    /// Lent to this node and free. Below zero only after a breach.
    left: AtomicI64,
    /// Taken by requests that are open.
    held: AtomicI64,
    /// How many of those there are.
    open: AtomicU32,
    /// Spent here, and not yet written down in the ledger.
    unposted: AtomicI64,
    /// The account as it was when the ledger was last asked.
    limit: AtomicI64,
    settled: AtomicI64,
    leased: AtomicI64,
    known: AtomicBool,
    /// Counts takes, so that a look every now and then sees whether it is in use.
    uses: AtomicU64,
}

/// What a node knows of an account without asking. Nano-dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it holds; 0 where it is not known yet.
    pub limit: i64,
    /// What is spent for certain: written down, and spent here since.
    pub spent: i64,
    /// What open requests of this node hold.
    pub held: i64,
    /// What is lent to other nodes, as of the last time that the ledger was asked.
    pub elsewhere: i64,
    /// Whether the ledger was asked at all.
    pub known: bool,
}

impl Standing {
    /// What may come back without anybody paying in: it is held here, or lent elsewhere.
    #[must_use]
    pub fn pending(&self) -> i64 {
        self.held.saturating_add(self.elsewhere)
    }
}

impl Drawer {
    pub(crate) fn new(account: Account) -> Self {
        Self {
            account,
            left: AtomicI64::new(0),
            held: AtomicI64::new(0),
            open: AtomicU32::new(0),
            unposted: AtomicI64::new(0),
            limit: AtomicI64::new(0),
            settled: AtomicI64::new(0),
            leased: AtomicI64::new(0),
            known: AtomicBool::new(false),
            uses: AtomicU64::new(0),
        }
    }

    /// Whose share it is.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// What is free.
    #[must_use]
    pub fn left(&self) -> i64 {
        self.left.load(SeqCst).max(0)
    }

    /// How many requests hold something of it.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.open.load(SeqCst)
    }

    /// How often something was taken.
    #[must_use]
    pub fn uses(&self) -> u64 {
        self.uses.load(SeqCst)
    }

    /// What is spent here and not yet written down.
    #[must_use]
    pub fn unposted(&self) -> i64 {
        self.unposted.load(SeqCst)
    }

    /// Everything that the ledger counts as lent to this node.
    #[must_use]
    pub fn lent(&self) -> i64 {
        self.left.load(SeqCst) + self.held.load(SeqCst) + self.unposted.load(SeqCst)
    }

    /// Where the account stands, as far as this node knows.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let unposted = self.unposted();
        Standing {
            limit: self.limit.load(SeqCst),
            spent: self.settled.load(SeqCst).saturating_add(unposted),
            held: self.held.load(SeqCst),
            elsewhere: (self.leased.load(SeqCst) - self.lent()).max(0),
            known: self.known.load(SeqCst),
        }
    }

    /// Takes a part for an open request: all of it or nothing.
    pub(crate) fn take(&self, amount: i64) -> bool {
        let enough = |left: i64| (left >= amount).then(|| left - amount);
        if self.left.fetch_update(SeqCst, SeqCst, enough).is_err() {
            return false;
        }
        self.held.fetch_add(amount, SeqCst);
        self.open.fetch_add(1, SeqCst);
        self.uses.fetch_add(1, SeqCst);
        true
    }

    /// Ends what [`Self::take`] began: of `held`, this much was spent. More than was held is a breach:
    /// it is counted in full all the same.
    pub(crate) fn put_back(&self, held: i64, spent: i64) {
        // First what was spent, so that no moment shows more left than there is.
        self.unposted.fetch_add(spent, SeqCst);
        self.held.fetch_sub(held, SeqCst);
        self.left.fetch_add(held - spent, SeqCst);
        self.open.fetch_sub(1, SeqCst);
    }

    /// The ledger has lent more, or said why not.
    pub fn lend(&self, grant: &Grant) {
        self.settled.store(grant.settled, SeqCst);
        self.leased.store(grant.leased, SeqCst);
        self.limit.store(grant.limit, SeqCst);
        self.known.store(true, SeqCst);
        self.left.fetch_add(grant.granted, SeqCst);
    }

    /// Takes up to this much out of what is free, to be given back to the ledger. Returns what it was.
    pub fn clear(&self, most: i64) -> i64 {
        let mut out = 0;
        let _ = self.left.fetch_update(SeqCst, SeqCst, |left| {
            out = left.clamp(0, most.max(0));
            Some(left - out)
        });
        self.leased.fetch_sub(out, SeqCst);
        out
    }

    /// What was spent here is written down in the ledger.
    pub fn posted(&self, amount: i64) {
        self.unposted.fetch_sub(amount, SeqCst);
        self.settled.fetch_add(amount, SeqCst);
        self.leased.fetch_sub(amount, SeqCst);
    }

    /// Whether nothing of it is here any more: it may be forgotten.
    pub(crate) fn is_empty(&self) -> bool {
        self.open() == 0 && self.lent() == 0
    }
}
