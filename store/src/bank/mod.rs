//! The ledger that all nodes share, as far as it lends. It trusts nodes to say which window they mean.
//!
//! A window's row is locked before anything is decided about it, and its leases change only under that
//! lock. Windows are locked in the order of their accounts, so that two nodes never wait for each other.

mod nodes;
mod once;
mod post;

use tollgate_ledger::{Account, Ask, Bank, Grant, Unreachable};

use crate::accounts::{BALANCE, BUDGET, balance, budget};
use crate::engine::{Tx, row};
use crate::error::StoreError;
use crate::store::Store;
use crate::types::Standing;
use crate::window::window_of;

impl Store {
    /// Where a budget (`bud_…`) or a balance (`bal_…`) stands at this moment.
    ///
    /// # Errors
    /// There is no such account.
    pub fn standing(&self, account: &str, now_secs: i64) -> Result<Standing, StoreError> {
        self.read(|tx| {
            if account.starts_with("bal_") {
                let row = tx.first(&format!("{BALANCE} WHERE b.id = $1"), &row![account])?;
                return row.as_ref().map(balance).transpose()?.map(|found| found.standing).ok_or(StoreError::NotFound);
            }
            let row = tx.first(&format!("{BUDGET} WHERE id = $1"), &row![account])?;
            let budget = row.as_ref().map(budget).transpose()?.ok_or(StoreError::NotFound)?;
            standing(tx, account, window_of(budget.period, now_secs), budget.limit)
        })
    }
}

impl Bank for Store {
    fn grant(&self, node: &str, asks: &[Ask]) -> Result<Vec<Grant>, Unreachable> {
        Ok(self.write(|tx| grant_all(tx, node, asks))?)
    }

    fn give_back(&self, node: &str, parts: &[(Account, i64)]) -> Result<(), Unreachable> {
        Ok(self.write(|tx| give_back(tx, node, parts))?)
    }
}

fn give_back(tx: &mut Tx<'_>, node: &str, parts: &[(Account, i64)]) -> Result<(), StoreError> {
    let mut parts: Vec<_> = parts.iter().collect();
    parts.sort();
    for (account, part) in parts {
        let Some(mut window) = Window::lock(tx, account)? else { continue };
        window.take(tx, node, Lease::Granted, *part)?;
        window.keep(tx)?;
    }
    Ok(())
}

/// Locks in the order of the accounts, answers in the order of the asks.
fn grant_all(tx: &mut Tx<'_>, node: &str, asks: &[Ask]) -> Result<Vec<Grant>, StoreError> {
    let mut order: Vec<usize> = (0..asks.len()).collect();
    order.sort_by(|left, right| asks[*left].account.cmp(&asks[*right].account));
    let mut granted = Vec::with_capacity(asks.len());
    for at in order {
        granted.push((at, grant(tx, node, &asks[at])?));
    }
    granted.sort_by_key(|(at, _)| *at);
    Ok(granted.into_iter().map(|(_, grant)| grant).collect())
}

fn grant(tx: &mut Tx<'_>, node: &str, ask: &Ask) -> Result<Grant, StoreError> {
    let Ask { account, least, most } = ask;
    let found = match Window::lock(tx, account)? {
        Some(window) => Some(window),
        None => Window::begin(tx, account)?,
    };
    let Some(mut window) = found else {
        return Ok(Grant { account: account.clone(), granted: 0, limit: 0, settled: 0, leased: 0 });
    };
    let limit = limit(tx, account)?;
    let room = limit.saturating_sub(window.settled).saturating_sub(window.leased);
    let part = room.min(*most);
    let granted = if part > 0 && part >= *least { part } else { 0 };
    if granted > 0 {
        window.leased += granted;
        tx.execute(
            "INSERT INTO leases (account, start, node, granted, dead) VALUES ($1, $2, $3, $4, 0) \
             ON CONFLICT (account, start, node) DO UPDATE SET granted = leases.granted + excluded.granted",
            &row![&*account.id, account.window, node, granted],
        )?;
        window.keep(tx)?;
    }
    Ok(Grant { account: account.clone(), granted, limit, settled: window.settled, leased: window.leased })
}

/// The table that an account's limit is in, and its column there.
fn holder(account: &Account) -> (&'static str, &'static str) {
    if account.id.starts_with("bal_") { ("balances", "credited") } else { ("budgets", "amount") }
}

/// 0 where there is no such account any more.
fn limit(tx: &mut Tx<'_>, account: &Account) -> Result<i64, StoreError> {
    let (table, column) = holder(account);
    let row = tx.first(&format!("SELECT {column} FROM {table} WHERE id = $1"), &row![&*account.id])?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Where an account stands in one window.
pub(crate) fn standing(tx: &mut Tx<'_>, account: &str, window: i64, limit: i64) -> Result<Standing, StoreError> {
    let sql = "SELECT settled, leased FROM windows WHERE account = $1 AND start = $2";
    let (settled, leased) = match tx.first(sql, &row![account, window])? {
        Some(row) => (row.int(0)?, row.int(1)?),
        None => (0, 0),
    };
    Ok(Standing { window, limit, settled, leased })
}

/// Which part of a node's lease.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lease {
    /// Of its present run.
    Granted,
    /// Of an earlier one.
    Dead,
}

/// A window's row, locked.
struct Window {
    account: Account,
    settled: i64,
    leased: i64,
}

impl Window {
    fn lock(tx: &mut Tx<'_>, account: &Account) -> Result<Option<Self>, StoreError> {
        let sql = "SELECT settled, leased FROM windows WHERE account = $1 AND start = $2";
        let Some(row) = tx.lock(sql, &row![&*account.id, account.window])? else { return Ok(None) };
        Ok(Some(Self { account: account.clone(), settled: row.int(0)?, leased: row.int(1)? }))
    }

    /// A new window of an account that exists.
    fn begin(tx: &mut Tx<'_>, account: &Account) -> Result<Option<Self>, StoreError> {
        let (table, _) = holder(account);
        let sql = format!(
            "INSERT INTO windows (account, start, settled, leased) SELECT id, CAST($1 AS BIGINT), 0, 0 \
             FROM {table} WHERE id = $2 ON CONFLICT DO NOTHING"
        );
        tx.execute(&sql, &row![account.window, &*account.id])?;
        Self::lock(tx, account)
    }

    /// The window, whether or not its account still exists: what was spent is written down all the same.
    fn lock_or_begin(tx: &mut Tx<'_>, account: &Account) -> Result<Self, StoreError> {
        if let Some(window) = Self::lock(tx, account)? {
            return Ok(window);
        }
        tx.execute(
            "INSERT INTO windows (account, start, settled, leased) VALUES ($1, $2, 0, 0) ON CONFLICT DO NOTHING",
            &row![&*account.id, account.window],
        )?;
        Self::lock(tx, account)?.ok_or_else(|| StoreError::Broken(format!("the window of {account} vanished")))
    }

    /// Takes at most `amount` from a node's lease; says how much there was to take.
    fn take(&mut self, tx: &mut Tx<'_>, node: &str, from: Lease, amount: i64) -> Result<i64, StoreError> {
        let at = row![&*self.account.id, self.account.window, node];
        let sql = "SELECT granted, dead FROM leases WHERE account = $1 AND start = $2 AND node = $3";
        let Some(row) = tx.lock(sql, &at)? else { return Ok(0) };
        let (column, there) = match from {
            Lease::Granted => ("granted", row.int(0)?),
            Lease::Dead => ("dead", row.int(1)?),
        };
        let taken = amount.clamp(0, there);
        if taken > 0 {
            self.leased -= taken;
            let sql =
                format!("UPDATE leases SET {column} = {column} - $1 WHERE account = $2 AND start = $3 AND node = $4");
            tx.execute(&sql, &row![taken, &*self.account.id, self.account.window, node])?;
        }
        Ok(taken)
    }

    fn keep(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.execute(
            "UPDATE windows SET settled = $1, leased = $2 WHERE account = $3 AND start = $4",
            &row![self.settled, self.leased, &*self.account.id, self.account.window],
        )
        .map(drop)
    }
}
