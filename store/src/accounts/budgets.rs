//! Budgets: the limit and what it covers. What is spent of one is the ledger's.

use super::{all, exists, keys, members, one};
use crate::changes::note;
use crate::check;
use crate::engine::{Row, Tx, row};
use crate::error::StoreError;
use crate::ids;
use crate::store::Store;
use crate::types::{Budget, Changed, Covers, Period, Scope, Standing};
use crate::window::window_of;

pub(crate) const BUDGET: &str =
    "SELECT id, tenant, covers, covered, period, amount, by_operator, created_ms FROM budgets";

impl Store {
    /// Makes a budget; an empty id is filled in. Whichever key of a line it is to cover, it covers the line.
    ///
    /// # Errors
    /// The tenant, or the key or member to cover, is not there for this scope, or it is to be the operator's
    /// and is not the operator's to make.
    pub fn create_budget(&self, scope: &Scope, mut budget: Budget) -> Result<Budget, StoreError> {
        check::within(scope, &budget.tenant)?;
        check::covers(&budget.covers)?;
        check::not_negative("the limit", budget.limit)?;
        if budget.by_operator && *scope != Scope::Operator {
            return Err(StoreError::invalid("this is not the operator", "leave `by_operator` false"));
        }
        budget.id = ids::kept_or_fresh("bud_", budget.id)?;
        self.mutate(|tx| {
            budget.covers = covered(tx, &budget.tenant, &budget.covers)?;
            let Budget { id, tenant, covers, period, limit, by_operator, created_ms } = &budget;
            let (kind, which) = covers.words();
            let made = tx.execute(
                "INSERT INTO budgets (id, tenant, covers, covered, period, amount, by_operator, created_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
                &row![id, tenant, kind, which, period.word(), *limit, *by_operator, *created_ms],
            )?;
            if made == 0 {
                return Err(StoreError::conflict("there is a budget with this id: leave the id empty"));
            }
            note(tx, Changed::Budget, id)
        })?;
        Ok(budget)
    }

    /// One budget.
    ///
    /// # Errors
    /// It is not there for this scope.
    pub fn budget(&self, scope: &Scope, tenant: &str, id: &str) -> Result<Budget, StoreError> {
        check::within(scope, tenant)?;
        self.read(|tx| find(tx, tenant, id))
    }

    /// The budgets of a tenant after an id, at most `limit` of at most 1,000.
    ///
    /// # Errors
    /// The tenant is not there for this scope.
    pub fn budgets(
        &self,
        scope: &Scope,
        tenant: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Budget>, StoreError> {
        check::within(scope, tenant)?;
        let limit = check::page(limit)?;
        let rows = self.read(|tx| {
            exists(tx, tenant)?;
            let sql = format!("{BUDGET} WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3");
            tx.query(&sql, &row![tenant, after.unwrap_or_default(), limit])
        })?;
        all(&rows, budget)
    }

    /// Changes the limit of a budget. What it covers and its period stay: what was spent is counted by them.
    ///
    /// # Errors
    /// It is not there for this scope, the operator made it and this is another, or more than the limit would
    /// change.
    pub fn change_budget(&self, scope: &Scope, changed: &Budget) -> Result<Budget, StoreError> {
        let Budget { id, tenant, covers, period, limit, by_operator: _, created_ms: _ } = changed;
        check::within(scope, tenant)?;
        check::not_negative("the limit", *limit)?;
        self.mutate(|tx| {
            let mut now = find(tx, tenant, id)?;
            commanded(scope, &now)?;
            if now.covers != *covers || now.period != *period {
                return Err(StoreError::invalid(
                    "a budget keeps what it covers and its period",
                    "make another budget and remove this one",
                ));
            }
            tx.execute("UPDATE budgets SET amount = $1 WHERE id = $2", &row![*limit, id])?;
            note(tx, Changed::Budget, id)?;
            now.limit = *limit;
            Ok(now)
        })
    }

    /// Removes a budget. What was spent under it stays in the ledger.
    ///
    /// # Errors
    /// It is not there for this scope, or the operator made it and this is another.
    pub fn remove_budget(&self, scope: &Scope, tenant: &str, id: &str) -> Result<(), StoreError> {
        check::within(scope, tenant)?;
        self.mutate(|tx| {
            commanded(scope, &find(tx, tenant, id)?)?;
            tx.execute("DELETE FROM budgets WHERE id = $1", &row![id])?;
            note(tx, Changed::Budget, id).map(drop)
        })
    }

    /// Where a budget stands in the window of this moment.
    ///
    /// # Errors
    /// It is not there for this scope.
    pub fn budget_standing(
        &self,
        scope: &Scope,
        tenant: &str,
        id: &str,
        now_secs: i64,
    ) -> Result<Standing, StoreError> {
        check::within(scope, tenant)?;
        self.read(|tx| {
            let budget = find(tx, tenant, id)?;
            crate::bank::standing(tx, id, window_of(budget.period, now_secs), budget.limit)
        })
    }
}

/// What a budget covers, only what is the tenant's own: of a key its whole line.
fn covered(tx: &mut Tx<'_>, tenant: &str, covers: &Covers) -> Result<Covers, StoreError> {
    exists(tx, tenant)?;
    match covers {
        Covers::Tenant | Covers::Tag(_) => Ok(covers.clone()),
        Covers::Key(id) => keys::find(tx, Some(tenant), id).map(|key| Covers::Key(key.root)),
        Covers::Member(id) => members::find(tx, tenant, id).map(|member| Covers::Member(member.id)),
    }
}

/// What the operator made holds the tenant, so the tenant leaves it alone.
fn commanded(scope: &Scope, budget: &Budget) -> Result<(), StoreError> {
    if budget.by_operator && *scope != Scope::Operator {
        return Err(StoreError::conflict("the operator made this budget: only the operator changes or removes it"));
    }
    Ok(())
}

fn find(tx: &mut Tx<'_>, tenant: &str, id: &str) -> Result<Budget, StoreError> {
    one(tx.first(&format!("{BUDGET} WHERE id = $1 AND tenant = $2"), &row![id, tenant])?, budget)
}

pub(crate) fn budget(row: &Row) -> Result<Budget, StoreError> {
    Ok(Budget {
        id: row.owned(0)?,
        tenant: row.owned(1)?,
        covers: Covers::of(row.text(2)?, row.text(3)?)?,
        period: Period::of(row.text(4)?)?,
        limit: row.int(5)?,
        by_operator: row.flag(6)?,
        created_ms: row.int(7)?,
    })
}
