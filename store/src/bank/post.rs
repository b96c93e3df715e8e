//! Booking what a node has spent: once, whatever becomes of the answer.

use std::collections::{BTreeMap, HashMap};

use tollgate_ledger::Account;

use super::{Lease, Window};
use crate::check;
use crate::engine::{Tx, row};
use crate::error::StoreError;
use crate::posting::{Posted, Posting};
use crate::store::Store;
use crate::types::Usage;

/// Adds to a row of usage, and stays at the largest number rather than failing.
const ADD_USAGE: &str = "INSERT INTO usage (day, tenant, key, model, requests, input, output, cost, fee, \
    own_cost) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (tenant, day, key, model) DO UPDATE SET \
    requests = CASE WHEN usage.requests > 9223372036854775807 - excluded.requests \
        THEN 9223372036854775807 ELSE usage.requests + excluded.requests END, \
    input = CASE WHEN usage.input > 9223372036854775807 - excluded.input \
        THEN 9223372036854775807 ELSE usage.input + excluded.input END, \
    output = CASE WHEN usage.output > 9223372036854775807 - excluded.output \
        THEN 9223372036854775807 ELSE usage.output + excluded.output END, \
    cost = CASE WHEN usage.cost > 9223372036854775807 - excluded.cost \
        THEN 9223372036854775807 ELSE usage.cost + excluded.cost END, \
    fee = CASE WHEN usage.fee > 9223372036854775807 - excluded.fee \
        THEN 9223372036854775807 ELSE usage.fee + excluded.fee END, \
    own_cost = CASE WHEN usage.own_cost > 9223372036854775807 - excluded.own_cost \
        THEN 9223372036854775807 ELSE usage.own_cost + excluded.own_cost END";

impl Store {
    /// Books what a node has spent, as a whole or not at all. Each charge settles its account and uses up
    /// the node's lease as far as that goes.
    ///
    /// # Errors
    /// A log is not where the posting begins: it was booked before (ask [`Store::posted`]), or a part before
    /// it was not. Or an amount is negative, or the database cannot be reached: then post the same again.
    pub fn post(&self, node: &str, posting: &Posting) -> Result<(), StoreError> {
        let charges = by_account(posting)?;
        let usage = by_row(&posting.usage)?;
        let logs = by_log(&posting.posted)?;
        self.write(|tx| {
            for (log, (from, next)) in &logs {
                move_on(tx, node, log, *from, *next)?;
            }
            for (account, (granted, dead)) in &charges {
                let mut window = Window::lock_or_begin(tx, account)?;
                window.take(tx, node, Lease::Granted, *granted)?;
                window.take(tx, node, Lease::Dead, *dead)?;
                window.settled = window.settled.saturating_add(*granted).saturating_add(*dead);
                window.keep(tx)?;
            }
            for ((tenant, day, key, model), [requests, input, output, cost, fee, own_cost]) in &usage {
                let row = row![*day, *tenant, *key, *model, *requests, *input, *output, *cost, *fee, *own_cost];
                tx.execute(ADD_USAGE, &row)?;
            }
            Ok(())
        })
    }

    /// How far each log of a node is booked: the first entry that is not.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn posted(&self, node: &str) -> Result<HashMap<String, u64>, StoreError> {
        let rows = self.read(|tx| tx.query("SELECT log, next FROM posted WHERE node = $1", &row![node]))?;
        let entry = |row: &crate::engine::Row| {
            let next = u64::try_from(row.int(1)?).map_err(|_| StoreError::Broken("a log before its start".into()))?;
            Ok((row.owned(0)?, next))
        };
        rows.iter().map(entry).collect()
    }
}

/// The sums of each account: from living leases, from dead ones. In the order in which windows are locked.
fn by_account(posting: &Posting) -> Result<BTreeMap<&Account, (i64, i64)>, StoreError> {
    let mut sums: BTreeMap<&Account, (i64, i64)> = BTreeMap::new();
    for charge in &posting.charges {
        check::not_negative("a charge", charge.amount)?;
        let (granted, dead) = sums.entry(&charge.account).or_default();
        let sum = if charge.from_dead { dead } else { granted };
        *sum = sum.saturating_add(charge.amount);
    }
    Ok(sums)
}

type UsageRow<'a> = (&'a str, &'a str, &'a str, &'a str);

/// The sums of each row, in one order for all nodes.
fn by_row(usage: &[Usage]) -> Result<BTreeMap<UsageRow<'_>, [i64; 6]>, StoreError> {
    let mut sums: BTreeMap<UsageRow<'_>, [i64; 6]> = BTreeMap::new();
    for Usage { day, tenant, key, model, requests, input, output, cost, fee, own_cost } in usage {
        check::day(day)?;
        let sum = sums.entry((tenant, day, key, model)).or_default();
        for (sum, more) in sum.iter_mut().zip([*requests, *input, *output, *cost, *fee, *own_cost]) {
            check::not_negative("a use", more)?;
            *sum = sum.saturating_add(more);
        }
    }
    Ok(sums)
}

fn by_log(posted: &[Posted]) -> Result<BTreeMap<&str, (i64, i64)>, StoreError> {
    let mut logs = BTreeMap::new();
    for Posted { log, from, next } in posted {
        let (Ok(from), Ok(next)) = (i64::try_from(*from), i64::try_from(*next)) else {
            return Err(StoreError::invalid("an entry of a log", "count from 0"));
        };
        if next < from || logs.insert(log.as_str(), (from, next)).is_some() {
            return Err(StoreError::invalid("the entries of a log", "name each log once, and its entries in order"));
        }
    }
    Ok(logs)
}

fn move_on(tx: &mut Tx<'_>, node: &str, log: &str, from: i64, next: i64) -> Result<(), StoreError> {
    tx.execute("INSERT INTO posted (node, log, next) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING", &row![node, log])?;
    let there = tx.lock("SELECT next FROM posted WHERE node = $1 AND log = $2", &row![node, log])?;
    let there = there.map_or(Ok(0), |row| row.int(0))?;
    if there != from {
        return Err(StoreError::conflict(format!(
            "the log {log} is booked up to {there}, and this posting begins at {from}: ask how far it is booked"
        )));
    }
    tx.execute("UPDATE posted SET next = $1 WHERE node = $2 AND log = $3", &row![next, node, log]).map(drop)
}
