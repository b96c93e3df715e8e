//! What was used, by day, key and model, and the statement of a month. It books nothing.

use super::{all, exists};
use crate::check;
use crate::engine::{Row, Tx, row};
use crate::error::StoreError;
use crate::store::Store;
use crate::types::{Scope, Statement, Sum, Usage};

const USAGE: &str = "SELECT day, tenant, key, model, requests, input, output, cost, fee, own_cost FROM usage";
/// Rows of one answer.
const ROWS_MAX: i64 = 100_000;
const BATCH: i64 = 10_000;

impl Store {
    /// The usage of a tenant from one day to another, both included: of all its keys or of one.
    ///
    /// # Errors
    /// The tenant is not there for this scope, or there is more than one answer holds.
    pub fn usage(
        &self,
        scope: &Scope,
        tenant: &str,
        from_day: &str,
        to_day: &str,
        key: Option<&str>,
    ) -> Result<Vec<Usage>, StoreError> {
        check::within(scope, tenant)?;
        check::day(from_day)?;
        check::day(to_day)?;
        let rows = self.read(|tx| {
            exists(tx, tenant)?;
            let days = format!("{USAGE} WHERE tenant = $1 AND day >= $2 AND day <= $3");
            match key {
                None => tx.query(
                    &format!("{days} ORDER BY day, key, model LIMIT $4"),
                    &row![tenant, from_day, to_day, ROWS_MAX + 1],
                ),
                Some(key) => tx.query(
                    &format!("{days} AND key = $4 ORDER BY day, key, model LIMIT $5"),
                    &row![tenant, from_day, to_day, key, ROWS_MAX + 1],
                ),
            }
        })?;
        if rows.len() as i64 > ROWS_MAX {
            return Err(StoreError::invalid(
                format!("there are more than {ROWS_MAX} rows of usage"),
                "ask for fewer days, or for one key",
            ));
        }
        all(&rows, usage)
    }

    /// What a tenant used in a month, by model.
    ///
    /// # Errors
    /// The tenant is not there for this scope.
    pub fn statement(&self, scope: &Scope, tenant: &str, month: &str) -> Result<Statement, StoreError> {
        check::within(scope, tenant)?;
        check::month(month)?;
        self.read(|tx| {
            exists(tx, tenant)?;
            let mut statement = Statement {
                tenant: tenant.to_owned(),
                month: month.to_owned(),
                models: std::collections::BTreeMap::new(),
                total: Sum::default(),
                due: 0,
            };
            each_of_month(tx, tenant, month, |used| {
                add(statement.models.entry(used.model.clone()).or_default(), used)?;
                add(&mut statement.total, used)
            })?;
            let Sum { cost, fee, own_cost, .. } = statement.total;
            statement.due = (cost - own_cost).saturating_add(fee);
            Ok(statement)
        })
    }
}

/// In batches: a tenant may have a million keys.
fn each_of_month(
    tx: &mut Tx<'_>,
    tenant: &str,
    month: &str,
    mut each: impl FnMut(&Usage) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let sql = format!(
        "{USAGE} WHERE tenant = $1 AND (day, key, model) > ($2, $3, $4) AND day <= $5 ORDER BY day, key, model LIMIT $6"
    );
    let last = format!("{month}-31");
    let (mut day, mut key, mut model) = (format!("{month}-00"), String::new(), String::new());
    loop {
        let rows = tx.query(&sql, &row![tenant, &day, &key, &model, &last, BATCH])?;
        for row in &rows {
            each(&usage(row)?)?;
        }
        match rows.last() {
            Some(row) if rows.len() as i64 == BATCH => {
                (day, key, model) = (row.owned(0)?, row.owned(2)?, row.owned(3)?)
            }
            _ => return Ok(()),
        }
    }
}

fn add(sum: &mut Sum, used: &Usage) -> Result<(), StoreError> {
    let Sum { requests, input, output, cost, fee, own_cost } = sum;
    let sides = [
        (requests, used.requests),
        (input, used.input),
        (output, used.output),
        (cost, used.cost),
        (fee, used.fee),
        (own_cost, used.own_cost),
    ];
    for (sum, more) in sides {
        *sum = sum
            .checked_add(more)
            .ok_or_else(|| StoreError::Broken("the sums of the statement are too large to count".into()))?;
    }
    Ok(())
}

fn usage(row: &Row) -> Result<Usage, StoreError> {
    Ok(Usage {
        day: row.owned(0)?,
        tenant: row.owned(1)?,
        key: row.owned(2)?,
        model: row.owned(3)?,
        requests: row.int(4)?,
        input: row.int(5)?,
        output: row.int(6)?,
        cost: row.int(7)?,
        fee: row.int(8)?,
        own_cost: row.int(9)?,
    })
}
