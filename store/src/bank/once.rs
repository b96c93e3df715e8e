//! Lending and taking back, each done once however often it is asked for: a node that does not know whether
//! its question arrived asks again. Of each node only the last operation is remembered.

use tollgate_ledger::{Account, Ask, Grant};

use super::{give_back, grant_all, limit, standing};
use crate::engine::{Tx, row};
use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// [`tollgate_ledger::Bank::grant`], once. `operation` rises with each operation of a node's run,
    /// beginning at 1; asked again with the same number, it says what was lent the first time.
    ///
    /// # Errors
    /// The database cannot be reached: ask the same again.
    pub fn lend(&self, node: &str, operation: u64, asks: &[Ask]) -> Result<Vec<Grant>, StoreError> {
        let number = number(operation)?;
        self.write(|tx| {
            if let Some(said) = said(tx, node, number)? {
                let granted = said.split(',').map(|part| part.parse::<i64>().unwrap_or(0));
                return asks.iter().zip(granted).map(|(ask, granted)| again(tx, ask, granted)).collect();
            }
            let granted = grant_all(tx, node, asks)?;
            let said: Vec<String> = granted.iter().map(|grant| grant.granted.to_string()).collect();
            remember(tx, node, number, &said.join(","))?;
            Ok(granted)
        })
    }

    /// [`tollgate_ledger::Bank::give_back`], once.
    ///
    /// # Errors
    /// The database cannot be reached: ask the same again.
    pub fn take_back(&self, node: &str, operation: u64, parts: &[(Account, i64)]) -> Result<(), StoreError> {
        let number = number(operation)?;
        self.write(|tx| {
            if said(tx, node, number)?.is_some() {
                return Ok(());
            }
            give_back(tx, node, parts)?;
            remember(tx, node, number, "")
        })
    }
}

/// What was lent before, and where the account stands now.
fn again(tx: &mut Tx<'_>, ask: &Ask, granted: i64) -> Result<Grant, StoreError> {
    let account = ask.account.clone();
    let limit = limit(tx, &account)?;
    let now = standing(tx, &account.id, account.window, limit)?;
    Ok(Grant { account, granted, limit, settled: now.settled, leased: now.leased })
}

/// A node begins a new run: its operations are counted from 1 again.
pub(super) fn begin(tx: &mut Tx<'_>, node: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM operations WHERE node = $1", &row![node]).map(|_| ())
}

fn number(operation: u64) -> Result<i64, StoreError> {
    i64::try_from(operation).map_err(|_| StoreError::invalid("the number of an operation", "count from 1"))
}

/// The answer to this operation, where it was done already.
fn said(tx: &mut Tx<'_>, node: &str, number: i64) -> Result<Option<String>, StoreError> {
    let found = tx.lock("SELECT number, said FROM operations WHERE node = $1", &row![node])?;
    let Some(found) = found else { return Ok(None) };
    Ok(if found.int(0)? == number { Some(found.owned(1)?) } else { None })
}

fn remember(tx: &mut Tx<'_>, node: &str, number: i64, said: &str) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO operations (node, number, said) VALUES ($1, $2, $3) \
         ON CONFLICT (node) DO UPDATE SET number = excluded.number, said = excluded.said",
        &row![node, number, said],
    )
    .map(|_| ())
}
