//! Prepaid balances and what was paid into them. What is spent of one is the ledger's.

use super::{all, exists, one};
use crate::changes::note;
use crate::check;
use crate::engine::{Row, Tx, row};
use crate::error::StoreError;
use crate::store::Store;
use crate::types::{Balance, BalanceKind, Changed, Scope, Standing, TopUp};

/// With the standing: a balance has one window, which never ends.
pub(crate) const BALANCE: &str = "SELECT b.id, b.tenant, b.kind, b.credited, w.settled, w.leased FROM balances b \
    LEFT JOIN windows w ON w.account = b.id AND w.start = 0";
const TOP_UP: &str = "SELECT id, tenant, kind, amount, note, idempotency_key, created_ms FROM top_ups";
const NOTE_MAX: usize = 1000;

impl Store {
    /// Pays into a balance, which makes it if need be; a negative amount corrects. Only the operator may.
    /// The same idempotency key a second time changes nothing.
    ///
    /// # Errors
    /// The tenant is not there for this scope, the key was used for another payment, or more would be taken
    /// back than was ever paid in.
    #[allow(clippy::too_many_arguments, reason = "a payment has so many sides, and one caller")]
    pub fn top_up(
        &self,
        scope: &Scope,
        tenant: &str,
        kind: BalanceKind,
        amount_nano: i64,
        note: &str,
        idempotency_key: &str,
        now_ms: i64,
    ) -> Result<Balance, StoreError> {
        check::operator(scope)?;
        check::text("the note", note, NOTE_MAX)?;
        check::some("the idempotency key", idempotency_key, check::NAME_MAX)?;
        let paid = TopUp {
            id: String::new(),
            tenant: tenant.to_owned(),
            kind,
            amount: amount_nano,
            note: note.to_owned(),
            idempotency_key: idempotency_key.to_owned(),
            created_ms: now_ms,
        };
        let id = format!("bal_{}_{tenant}", kind.word());
        self.mutate(|tx| {
            exists(tx, tenant)?;
            if !booked(tx, &paid)? {
                book(tx, &id, &paid)?;
            }
            one(tx.first(&format!("{BALANCE} WHERE b.id = $1"), &row![&id])?, balance)
        })
    }

    /// The balances of a tenant: none, one or two.
    ///
    /// # Errors
    /// The tenant is not there for this scope.
    pub fn balances(&self, scope: &Scope, tenant: &str) -> Result<Vec<Balance>, StoreError> {
        check::within(scope, tenant)?;
        let rows = self.read(|tx| {
            exists(tx, tenant)?;
            tx.query(&format!("{BALANCE} WHERE b.tenant = $1 ORDER BY b.id"), &row![tenant])
        })?;
        all(&rows, balance)
    }

    /// What was paid into a tenant's balances after an id, earliest first, at most `limit` of at most 1,000.
    ///
    /// # Errors
    /// The tenant is not there for this scope.
    pub fn top_ups(
        &self,
        scope: &Scope,
        tenant: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<TopUp>, StoreError> {
        check::within(scope, tenant)?;
        let limit = check::page(limit)?;
        let rows = self.read(|tx| {
            exists(tx, tenant)?;
            let sql = format!("{TOP_UP} WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3");
            tx.query(&sql, &row![tenant, after.unwrap_or_default(), limit])
        })?;
        all(&rows, top_up)
    }
}

/// Whether this very payment was booked before.
fn booked(tx: &mut Tx<'_>, paid: &TopUp) -> Result<bool, StoreError> {
    let sql = format!("{TOP_UP} WHERE tenant = $1 AND idempotency_key = $2");
    match tx.first(&sql, &row![&paid.tenant, &paid.idempotency_key])?.as_ref().map(top_up).transpose()? {
        None => Ok(false),
        Some(before) if before.kind == paid.kind && before.amount == paid.amount => Ok(true),
        Some(_) => Err(StoreError::conflict("another payment has this idempotency key: take a fresh one")),
    }
}

fn book(tx: &mut Tx<'_>, balance: &str, paid: &TopUp) -> Result<(), StoreError> {
    let TopUp { id: _, tenant, kind, amount, note: why, idempotency_key, created_ms } = paid;
    let before = tx.lock("SELECT credited FROM balances WHERE id = $1", &row![balance])?;
    let before = before.map_or(Ok(0), |row| row.int(0))?;
    let credited = before
        .checked_add(*amount)
        .ok_or_else(|| StoreError::invalid("the balance would be too large to count", "pay in less"))?;
    if credited < 0 {
        return Err(StoreError::conflict("more would be taken back than was paid in"));
    }
    tx.execute(
        "INSERT INTO balances (id, tenant, kind, credited) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (id) DO UPDATE SET credited = excluded.credited",
        &row![balance, tenant, kind.word(), credited],
    )?;
    let seq = note(tx, Changed::Balance, balance)?;
    tx.execute(
        "INSERT INTO top_ups (id, tenant, kind, amount, note, idempotency_key, created_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &row![format!("top_{seq:016}"), tenant, kind.word(), *amount, why, idempotency_key, *created_ms],
    )?;
    Ok(())
}

pub(crate) fn balance(row: &Row) -> Result<Balance, StoreError> {
    let credited = row.int(3)?;
    let settled = row.option(4, Row::int)?.unwrap_or(0);
    let leased = row.option(5, Row::int)?.unwrap_or(0);
    Ok(Balance {
        id: row.owned(0)?,
        tenant: row.owned(1)?,
        kind: BalanceKind::of(row.text(2)?)?,
        credited,
        standing: Standing { window: 0, limit: credited, settled, leased },
    })
}

fn top_up(row: &Row) -> Result<TopUp, StoreError> {
    Ok(TopUp {
        id: row.owned(0)?,
        tenant: row.owned(1)?,
        kind: BalanceKind::of(row.text(2)?)?,
        amount: row.int(3)?,
        note: row.owned(4)?,
        idempotency_key: row.owned(5)?,
        created_ms: row.int(6)?,
    })
}
