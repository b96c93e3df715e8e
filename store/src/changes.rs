//! The feed of changes that nodes follow. It says what changed, never how.

use crate::engine::{Tx, row};
use crate::error::StoreError;
use crate::store::Store;
use crate::types::{Change, Changed};

/// Older ones are forgotten: a node further behind loads all anew.
const KEPT: i64 = 100_000;
/// How often the oldest are looked for.
const PRUNE_EACH: i64 = 1_000;

impl Store {
    /// What changed after `seq`, in the order of commits, at most `limit`.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn changes_since(&self, seq: i64, limit: usize) -> Result<Vec<Change>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(KEPT).min(KEPT);
        let rows = self.read(|tx| {
            tx.query("SELECT seq, what, id FROM changes WHERE seq > $1 ORDER BY seq LIMIT $2", &row![seq, limit])
        })?;
        let change = |row: &crate::engine::Row| {
            Ok(Change { seq: row.int(0)?, what: Changed::of(row.text(1)?)?, id: row.owned(2)? })
        };
        rows.iter().map(change).collect()
    }

    /// The number of the last change; 0 before any.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn last_change(&self) -> Result<i64, StoreError> {
        self.read(last)
    }

    /// The first change that is still kept, or the next one where none is. A node that stands before the one
    /// before it, or after [`Store::last_change`], has missed something and loads all anew.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn oldest_change(&self) -> Result<i64, StoreError> {
        self.read(|tx| match tx.first("SELECT seq FROM changes ORDER BY seq LIMIT 1", &[])? {
            Some(row) => row.int(0),
            None => last(tx).map(|seq| seq + 1),
        })
    }
}

fn last(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    match tx.first("SELECT seq FROM counter", &[])? {
        Some(row) => row.int(0),
        None => Err(StoreError::Broken("the counter of changes is gone".into())),
    }
}

/// Adds one change to the transaction that makes it; its number.
pub(crate) fn note(tx: &mut Tx<'_>, what: Changed, id: &str) -> Result<i64, StoreError> {
    let seq = advance(tx, 1)?;
    tx.execute("INSERT INTO changes (seq, what, id) VALUES ($1, $2, $3)", &row![seq, what.word(), id])?;
    if seq % PRUNE_EACH == 0 {
        prune(tx, seq)?;
    }
    Ok(seq)
}

/// Adds a change for each row of a tenant in a table.
pub(crate) fn note_all(tx: &mut Tx<'_>, what: Changed, table: &str, tenant: &str) -> Result<(), StoreError> {
    let start = last(tx)?;
    let sql = format!(
        "INSERT INTO changes (seq, what, id) SELECT CAST($1 AS BIGINT) + row_number() OVER (ORDER BY id), \
         CAST($2 AS TEXT), id FROM {table} WHERE tenant = $3"
    );
    let count = tx.execute(&sql, &row![start, what.word(), tenant])?;
    let seq = advance(tx, i64::try_from(count).unwrap_or(i64::MAX))?;
    if count > 0 { prune(tx, seq) } else { Ok(()) }
}

fn advance(tx: &mut Tx<'_>, by: i64) -> Result<i64, StoreError> {
    match tx.first("UPDATE counter SET seq = seq + $1 RETURNING seq", &row![by])? {
        Some(row) => row.int(0),
        None => Err(StoreError::Broken("the counter of changes is gone".into())),
    }
}

fn prune(tx: &mut Tx<'_>, seq: i64) -> Result<(), StoreError> {
    tx.execute("DELETE FROM changes WHERE seq <= $1", &row![seq - KEPT]).map(drop)
}
