//! All accounts at one node. It finds them; each works by itself.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::{Account, Drawer};

const SHARDS: usize = 64;

/// The drawers of a node.
#[derive(Debug)]
pub struct Till {
    shards: Vec<RwLock<HashMap<Account, Arc<Drawer>>>>,
}

impl Default for Till {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| RwLock::default()).collect() }
    }
}

impl Till {
    /// The drawer of an account; an empty one where there was none.
    #[must_use]
    pub fn drawer(&self, account: &Account) -> Arc<Drawer> {
        let shard = self.shard(account);
        if let Some(drawer) = shard.read().unwrap_or_else(PoisonError::into_inner).get(account) {
            return Arc::clone(drawer);
        }
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let drawer = shard.entry(account.clone()).or_insert_with(|| Arc::new(Drawer::new(account.clone())));
        Arc::clone(drawer)
    }

    /// The drawer of an account, where there is one.
    #[must_use]
    pub fn find(&self, account: &Account) -> Option<Arc<Drawer>> {
        self.shard(account).read().unwrap_or_else(PoisonError::into_inner).get(account).cloned()
    }

    /// All of them, as they are now.
    #[must_use]
    pub fn drawers(&self) -> Vec<Arc<Drawer>> {
        let all = |s: &RwLock<HashMap<_, Arc<Drawer>>>| {
            s.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect::<Vec<_>>()
        };
        self.shards.iter().flat_map(all).collect()
    }

    /// Forgets the drawers that this holds for, as far as they are empty and in nobody's hands.
    pub fn forget(&self, is_over: impl Fn(&Account) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            // Whoever holds a reference may be about to take: with the shard locked, nobody gets one.
            shard.retain(|account, drawer| !(is_over(account) && drawer.is_empty() && Arc::strong_count(drawer) == 1));
        }
    }

    fn shard(&self, account: &Account) -> &RwLock<HashMap<Account, Arc<Drawer>>> {
        // Ids are drawn at random: their last bytes spread them, and cost no second hash.
        let spread = |sum: usize, byte: &u8| sum.wrapping_mul(31).wrapping_add(usize::from(*byte));
        &self.shards[account.id.as_bytes().iter().rev().take(8).fold(0, spread) % SHARDS]
    }
}
