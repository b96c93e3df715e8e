//! What a node asks of the ledger that all nodes share. It decides nothing.

use std::fmt;
use std::sync::Arc;

/// One sum that may not be overrun: a budget in one window of time, or a balance.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    /// The budget's or balance's id.
    pub id: Arc<str>,
    /// When its window began, seconds since 1970; 0 for one that never ends.
    pub window: i64,
}

impl Account {
    /// An account.
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>, window: i64) -> Self {
        Self { id: id.into(), window }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.window)
    }
}

/// A node wants to be lent a part of what an account has left. Nano-dollars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Of which account.
    pub account: Account,
    /// Less than this is of no use: then nothing is lent.
    pub least: i64,
    /// More than this is not wanted.
    pub most: i64,
}

/// What was lent, and where the account stands after it. Nano-dollars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Of which account.
    pub account: Account,
    /// What was lent: 0, or between `least` and `most`.
    pub granted: i64,
    /// What the account holds; 0 where there is no such account any more.
    pub limit: i64,
    /// What is spent and written down.
    pub settled: i64,
    /// What is lent to nodes, this one included.
    pub leased: i64,
}

/// The ledger cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger cannot be reached: {0}")]
pub struct Unreachable(
    /// Why.
    pub String,
);

/// The ledger that all nodes share. Its promise: `settled + leased` of an account never rises past its
/// limit by a grant, whoever asks, in whatever order.
pub trait Bank: Send + Sync {
    /// Lends to a node, each account by itself.
    ///
    /// # Errors
    /// [`Unreachable`]; nothing was lent then, or it was and is counted as spent until the node starts anew.
    fn grant(&self, node: &str, asks: &[Ask]) -> Result<Vec<Grant>, Unreachable>;

    /// Takes back what a node does not need.
    ///
    /// # Errors
    /// [`Unreachable`].
    fn give_back(&self, node: &str, parts: &[(Account, i64)]) -> Result<(), Unreachable>;
}
