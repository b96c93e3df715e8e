//! What a node tells the ledger that all nodes share, and what it hears at its start. It stores nothing.

use tollgate_ledger::Account;

use crate::types::Usage;

/// Money spent on one account. Nano-dollars, never negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Of which account.
    pub account: Account,
    /// How much.
    pub amount: i64,
    /// Whether it was spent from a lease that died with an earlier run of the node.
    pub from_dead: bool,
}

/// How far one log of a node is accounted for by a posting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The log.
    pub log: String,
    /// The first entry that this posting covers: what the store held as `next` before, 0 at first.
    pub from: u64,
    /// The first entry that it does not cover.
    pub next: u64,
}

/// What a node has spent since it last said so. It is booked as a whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Posting {
    /// Money, by account.
    pub charges: Vec<Charge>,
    /// Use, by day, key and model.
    pub usage: Vec<Usage>,
    /// How far the logs are accounted for. What makes posting twice count once.
    pub posted: Vec<Posted>,
}

/// What a node hears when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeStart {
    /// How often it has started, this time included.
    pub epoch: i64,
    /// Whether it last started in the same boot of its machine: then nothing it wrote is lost.
    pub same_boot: bool,
    /// Nano-dollars lent to its earlier runs and not accounted for: counted as spent until buried.
    pub dead: i64,
}

/// A node that the ledger has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub node: String,
    /// How often it has started.
    pub epoch: i64,
    /// The boot of its machine that it last started in.
    pub boot: String,
    /// When it was last heard of.
    pub seen_ms: i64,
}
