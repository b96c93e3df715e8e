//! Tenants. Removing one leaves its money and usage where they are.

use serde_json::{Map, Value};

use super::{all, as_json, exists, json, one};
use crate::changes::{note, note_all};
use crate::check;
use crate::engine::{Row, row};
use crate::error::StoreError;
use crate::store::Store;
use crate::types::{Changed, Deadlines, Scope, Tenant};

pub(crate) const TENANT: &str = "SELECT id, name, suspended, byok_only, limits, deadlines, created_ms FROM tenants";

/// What goes with a tenant, in the order in which it can go.
const OWNED: [(Changed, &str); 4] = [
    (Changed::Key, "keys"),
    (Changed::Member, "members"),
    (Changed::Credential, "credentials"),
    (Changed::Budget, "budgets"),
];

impl Store {
    /// Makes a tenant. Only the operator may.
    ///
    /// # Errors
    /// The id is taken, or was taken by a tenant that is gone: its usage would show under the new one.
    pub fn create_tenant(&self, scope: &Scope, tenant: Tenant) -> Result<Tenant, StoreError> {
        check::operator(scope)?;
        check::tenant_id(&tenant.id)?;
        check::name(&tenant.name)?;
        self.mutate(|tx| {
            if tx.first("SELECT id FROM former_tenants WHERE id = $1", &row![&tenant.id])?.is_some() {
                return Err(StoreError::conflict(
                    "a tenant that is gone had this id, and its usage stays: take another",
                ));
            }
            let Tenant { id, name, suspended, byok_only, limits, deadlines, created_ms } = &tenant;
            let made = tx.execute(
                "INSERT INTO tenants (id, name, suspended, byok_only, limits, deadlines, created_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
                &row![id, name, *suspended, *byok_only, as_json(limits)?, as_json(deadlines)?, *created_ms],
            )?;
            if made == 0 {
                return Err(StoreError::conflict("there is a tenant with this id: take another"));
            }
            note(tx, Changed::Tenant, id)
        })?;
        Ok(tenant)
    }

    /// One tenant.
    ///
    /// # Errors
    /// It is not there for this scope.
    pub fn tenant(&self, scope: &Scope, id: &str) -> Result<Tenant, StoreError> {
        check::within(scope, id)?;
        self.load_tenant(id)?.ok_or(StoreError::NotFound)
    }

    /// The tenants that the scope sees, after an id, at most `limit` of at most 1,000.
    ///
    /// # Errors
    /// The limit is none.
    pub fn tenants(&self, scope: &Scope, after: Option<&str>, limit: usize) -> Result<Vec<Tenant>, StoreError> {
        let limit = check::page(limit)?;
        let after = after.unwrap_or_default();
        let rows = self.read(|tx| match scope {
            Scope::Operator => tx.query(&format!("{TENANT} WHERE id > $1 ORDER BY id LIMIT $2"), &row![after, limit]),
            Scope::Tenant(own) => tx.query(&format!("{TENANT} WHERE id = $1 AND id > $2"), &row![own, after]),
        })?;
        all(&rows, tenant)
    }

    /// Changes all of a tenant but its id and when it was made.
    ///
    /// # Errors
    /// It is not there for this scope.
    pub fn change_tenant(&self, scope: &Scope, changed: &Tenant) -> Result<Tenant, StoreError> {
        let Tenant { id, name, suspended, byok_only, limits, deadlines, created_ms: _ } = changed;
        check::within(scope, id)?;
        check::name(name)?;
        self.mutate(|tx| {
            let done = tx.execute(
                "UPDATE tenants SET name = $1, suspended = $2, byok_only = $3, limits = $4, deadlines = $5 \
                 WHERE id = $6",
                &row![name, *suspended, *byok_only, as_json(limits)?, as_json(deadlines)?, id],
            )?;
            if done == 0 {
                return Err(StoreError::NotFound);
            }
            note(tx, Changed::Tenant, id)?;
            one(tx.first(&format!("{TENANT} WHERE id = $1"), &row![id])?, tenant)
        })
    }

    /// Removes a tenant with its keys, members, credentials and budgets. Only the operator may. Its id is
    /// not given out again.
    ///
    /// # Errors
    /// It is not there for this scope.
    pub fn remove_tenant(&self, scope: &Scope, id: &str) -> Result<(), StoreError> {
        check::operator(scope)?;
        self.mutate_much(|tx| {
            exists(tx, id)?;
            for (what, table) in OWNED {
                note_all(tx, what, table, id)?;
                tx.execute(&format!("DELETE FROM {table} WHERE tenant = $1"), &row![id])?;
            }
            tx.execute("DELETE FROM tenants WHERE id = $1", &row![id])?;
            tx.execute("INSERT INTO former_tenants (id) VALUES ($1)", &row![id])?;
            note(tx, Changed::Tenant, id).map(drop)
        })
    }
}

pub(crate) fn tenant(row: &Row) -> Result<Tenant, StoreError> {
    Ok(Tenant {
        id: row.owned(0)?,
        name: row.owned(1)?,
        suspended: row.flag(2)?,
        byok_only: row.flag(3)?,
        limits: json(row, 4)?,
        deadlines: deadlines(row)?,
        created_ms: row.int(6)?,
    })
}

/// What a newer Tollgate wrote and this one cannot read is as configured: no reason to lose the tenant.
fn deadlines(row: &Row) -> Result<Deadlines, StoreError> {
    let mut members: Map<String, Value> = json(row, 5)?;
    members.retain(|name, value| {
        let alone = Map::from_iter([(name.clone(), value.clone())]);
        let is_read = serde_json::from_value::<Deadlines>(alone.into()).is_ok();
        if !is_read {
            let tenant = row.text(0).unwrap_or_default();
            tracing::error!(tenant, member = name, "a tenant's deadlines cannot be read: taken as configured");
        }
        is_read
    });
    serde_json::from_value(members.into()).map_err(|error| StoreError::Broken(format!("deadlines: {error}")))
}
