//! Nodes that start, die and come back, and what was lent to them. It never guesses that a node is dead.

use tollgate_ledger::Account;

use super::{Lease, Window, once};
use crate::engine::{Row, Tx, row};
use crate::error::StoreError;
use crate::posting::{Node, NodeStart};
use crate::store::Store;

impl Store {
    /// A node starts: what its earlier runs still hold is dead, and counts as spent until
    /// [`Store::bury`] or [`Store::write_off`].
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn take_node(&self, node: &str, boot: &str, now_ms: i64) -> Result<NodeStart, StoreError> {
        self.write(|tx| {
            tx.execute(
                "INSERT INTO nodes (node, epoch, boot, seen_ms) VALUES ($1, 0, $2, $3) ON CONFLICT DO NOTHING",
                &row![node, "", now_ms],
            )?;
            let before = tx.lock("SELECT epoch, boot FROM nodes WHERE node = $1", &row![node])?;
            let before = before.ok_or_else(|| StoreError::Broken("the node vanished".into()))?;
            let epoch = before.int(0)?.saturating_add(1);
            tx.execute(
                "UPDATE nodes SET epoch = $1, boot = $2, seen_ms = $3 WHERE node = $4",
                &row![epoch, boot, now_ms, node],
            )?;
            once::begin(tx, node)?;
            tx.execute(
                "UPDATE leases SET dead = dead + granted, granted = 0 WHERE node = $1 AND granted > 0",
                &row![node],
            )?;
            let mut dead: i64 = 0;
            for row in tx.query("SELECT dead FROM leases WHERE node = $1", &row![node])? {
                dead = dead.saturating_add(row.int(0)?);
            }
            Ok(NodeStart { epoch, same_boot: epoch > 1 && before.text(1)? == boot, dead })
        })
    }

    /// A node is alive.
    ///
    /// # Errors
    /// It never started, or the database cannot be reached.
    pub fn see_node(&self, node: &str, now_ms: i64) -> Result<(), StoreError> {
        let seen = self.write(|tx| tx.execute("UPDATE nodes SET seen_ms = $1 WHERE node = $2", &row![now_ms, node]))?;
        if seen == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// All nodes that ever started.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        let rows = self.read(|tx| tx.query("SELECT node, epoch, boot, seen_ms FROM nodes ORDER BY node", &[]))?;
        let node =
            |row: &Row| Ok(Node { node: row.owned(0)?, epoch: row.int(1)?, boot: row.owned(2)?, seen_ms: row.int(3)? });
        rows.iter().map(node).collect()
    }

    /// Everything that earlier runs of a node spent is booked: what is left of their leases is free again.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn bury(&self, node: &str) -> Result<(), StoreError> {
        self.write(|tx| {
            for account in leases(tx, node)? {
                let Some(mut window) = Window::lock(tx, &account)? else { continue };
                window.take(tx, node, Lease::Dead, i64::MAX)?;
                window.keep(tx)?;
            }
            forget_empty(tx, node)
        })
    }

    /// Nobody can tell what a node has spent: all that it holds counts as spent for good.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn write_off(&self, node: &str) -> Result<(), StoreError> {
        self.write(|tx| {
            for account in leases(tx, node)? {
                let mut window = Window::lock_or_begin(tx, &account)?;
                for part in [Lease::Granted, Lease::Dead] {
                    let lost = window.take(tx, node, part, i64::MAX)?;
                    window.settled = window.settled.saturating_add(lost);
                }
                window.keep(tx)?;
            }
            forget_empty(tx, node)
        })
    }
}

/// In the order in which windows are locked.
fn leases(tx: &mut Tx<'_>, node: &str) -> Result<Vec<Account>, StoreError> {
    let rows = tx.query("SELECT account, start FROM leases WHERE node = $1 ORDER BY account, start", &row![node])?;
    rows.iter().map(|row| Ok(Account::new(row.text(0)?, row.int(1)?))).collect()
}

fn forget_empty(tx: &mut Tx<'_>, node: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM leases WHERE node = $1 AND granted = 0 AND dead = 0", &row![node]).map(drop)
}
