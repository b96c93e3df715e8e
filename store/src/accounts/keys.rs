//! Keys at rest. One that was revoked stays, and never comes back.

use super::{all, as_json, exists, json, members, one};
use crate::changes::note;
use crate::check;
use crate::engine::{Row, Tx, row};
use crate::error::StoreError;
use crate::store::Store;
use crate::types::{Changed, Key, KeyKind, Role, Scope};

pub(crate) const KEY: &str = "SELECT id, root, tenant, kind, name, member, role, hash, bindings, limits, \
    created_ms, expires_ms, revoked_ms FROM keys";

impl Store {
    /// Stores a new key under the id that its text has. One of no tenant only for the operator. An empty root
    /// begins a line; any key of a line as the root goes on with it.
    ///
    /// # Errors
    /// The tenant, the member or the root is not there for this scope, or the id is taken: then make another
    /// key.
    pub fn create_key(&self, scope: &Scope, mut key: Key) -> Result<Key, StoreError> {
        may(scope, key.tenant.as_deref())?;
        checked(&key)?;
        self.mutate(|tx| {
            owned(tx, &key)?;
            key.root = root(tx, &key)?;
            insert(tx, &key)?;
            note(tx, Changed::Key, &key.id)
        })?;
        Ok(key)
    }

    /// One key of a tenant.
    ///
    /// # Errors
    /// It is not there for this scope.
    pub fn key(&self, scope: &Scope, tenant: &str, id: &str) -> Result<Key, StoreError> {
        check::within(scope, tenant)?;
        self.read(|tx| find(tx, Some(tenant), id))
    }

    /// The keys of a tenant after an id, at most `limit` of at most 1,000.
    ///
    /// # Errors
    /// The tenant is not there for this scope.
    pub fn keys(&self, scope: &Scope, tenant: &str, after: Option<&str>, limit: usize) -> Result<Vec<Key>, StoreError> {
        check::within(scope, tenant)?;
        let limit = check::page(limit)?;
        let rows = self.read(|tx| {
            exists(tx, tenant)?;
            let sql = format!("{KEY} WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3");
            tx.query(&sql, &row![tenant, after.unwrap_or_default(), limit])
        })?;
        all(&rows, key)
    }

    /// The keys of a member after an id, at most `limit` of at most 1,000.
    ///
    /// # Errors
    /// The member is not there for this scope.
    pub fn keys_of_member(
        &self,
        scope: &Scope,
        tenant: &str,
        member: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Key>, StoreError> {
        check::within(scope, tenant)?;
        let limit = check::page(limit)?;
        let rows = self.read(|tx| {
            members::find(tx, tenant, member)?;
            let sql = format!("{KEY} WHERE member = $1 AND tenant = $2 AND id > $3 ORDER BY id LIMIT $4");
            tx.query(&sql, &row![member, tenant, after.unwrap_or_default(), limit])
        })?;
        all(&rows, key)
    }

    /// Changes a key's name, member, role, bindings, limits and expiry; never its secret, its root, and
    /// whether it is revoked.
    ///
    /// # Errors
    /// The key or its new member is not there for this scope.
    pub fn change_key(&self, scope: &Scope, changed: &Key) -> Result<Key, StoreError> {
        may(scope, changed.tenant.as_deref())?;
        checked(changed)?;
        self.mutate(|tx| {
            let before = find(tx, changed.tenant.as_deref(), &changed.id)?;
            if before.member != changed.member {
                owned(tx, changed)?;
            }
            let Key { id, tenant, name, member, role, bindings, limits, expires_ms, .. } = changed;
            tx.execute(
                "UPDATE keys SET name = $1, member = $2, role = $3, bindings = $4, limits = $5, expires_ms = $6 \
                 WHERE id = $7",
                &row![name, member.as_ref(), role.word(), as_json(bindings)?, as_json(limits)?, *expires_ms, id],
            )?;
            note(tx, Changed::Key, id)?;
            find(tx, tenant.as_deref(), id)
        })
    }

    /// Takes a key back. A second time changes nothing.
    ///
    /// # Errors
    /// It is not there for this scope.
    pub fn revoke_key(&self, scope: &Scope, tenant: &str, id: &str, now_ms: i64) -> Result<Key, StoreError> {
        check::within(scope, tenant)?;
        self.mutate(|tx| revoke(tx, Some(tenant), id, now_ms))
    }

    /// One of the operator's own keys.
    ///
    /// # Errors
    /// It is not there for this scope.
    pub fn operator_key(&self, scope: &Scope, id: &str) -> Result<Key, StoreError> {
        check::operator(scope)?;
        self.read(|tx| find(tx, None, id))
    }

    /// The operator's own keys after an id, at most `limit` of at most 1,000.
    ///
    /// # Errors
    /// They are not there for this scope.
    pub fn operator_keys(&self, scope: &Scope, after: Option<&str>, limit: usize) -> Result<Vec<Key>, StoreError> {
        check::operator(scope)?;
        let limit = check::page(limit)?;
        let sql = format!("{KEY} WHERE tenant IS NULL AND id > $1 ORDER BY id LIMIT $2");
        let rows = self.read(|tx| tx.query(&sql, &row![after.unwrap_or_default(), limit]))?;
        all(&rows, key)
    }

    /// Takes one of the operator's own keys back. A second time changes nothing.
    ///
    /// # Errors
    /// It is not there for this scope.
    pub fn revoke_operator_key(&self, scope: &Scope, id: &str, now_ms: i64) -> Result<Key, StoreError> {
        check::operator(scope)?;
        self.mutate(|tx| revoke(tx, None, id, now_ms))
    }
}

fn may(scope: &Scope, tenant: Option<&str>) -> Result<(), StoreError> {
    tenant.map_or_else(|| check::operator(scope), |tenant| check::within(scope, tenant))
}

fn checked(key: &Key) -> Result<(), StoreError> {
    check::key_id(&key.id)?;
    check::name(&key.name)?;
    check::bindings(&key.bindings)?;
    if key.tenant.is_none() && key.kind == KeyKind::Inference {
        return Err(StoreError::invalid("an inference key of no tenant", "name the tenant that pays for it"));
    }
    if key.tenant.is_none() && key.member.is_some() {
        return Err(StoreError::invalid("a member, and no tenant", "leave one out or name both"));
    }
    Ok(())
}

/// The tenant and the member it is for must be there.
fn owned(tx: &mut Tx<'_>, key: &Key) -> Result<(), StoreError> {
    let Some(tenant) = &key.tenant else { return Ok(()) };
    exists(tx, tenant)?;
    key.member.as_ref().map_or(Ok(()), |member| members::find(tx, tenant, member).map(drop))
}

/// The root of the line that it begins or goes on with: never another tenant's.
fn root(tx: &mut Tx<'_>, key: &Key) -> Result<String, StoreError> {
    if key.root.is_empty() || key.root == key.id {
        return Ok(key.id.clone());
    }
    find(tx, key.tenant.as_deref(), &key.root).map(|of| of.root)
}

fn insert(tx: &mut Tx<'_>, key: &Key) -> Result<(), StoreError> {
    let Key { id, root, tenant, kind, name, member, role, hash, bindings, limits, created_ms, expires_ms, revoked_ms } =
        key;
    let made = tx.execute(
        "INSERT INTO keys (id, root, tenant, kind, name, member, role, hash, bindings, limits, created_ms, \
         expires_ms, revoked_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT DO NOTHING",
        &row![
            id,
            root,
            tenant.as_ref(),
            kind.word(),
            name,
            member.as_ref(),
            role.word(),
            hash,
            as_json(bindings)?,
            as_json(limits)?,
            *created_ms,
            *expires_ms,
            *revoked_ms,
        ],
    )?;
    if made == 0 { Err(StoreError::conflict("there is a key with this id: make another key")) } else { Ok(()) }
}

pub(super) fn find(tx: &mut Tx<'_>, tenant: Option<&str>, id: &str) -> Result<Key, StoreError> {
    let found = match tenant {
        Some(tenant) => tx.first(&format!("{KEY} WHERE id = $1 AND tenant = $2"), &row![id, tenant]),
        None => tx.first(&format!("{KEY} WHERE id = $1 AND tenant IS NULL"), &row![id]),
    };
    one(found?, key)
}

fn revoke(tx: &mut Tx<'_>, tenant: Option<&str>, id: &str, now_ms: i64) -> Result<Key, StoreError> {
    let mut key = find(tx, tenant, id)?;
    if key.revoked_ms.is_none() {
        tx.execute("UPDATE keys SET revoked_ms = $1 WHERE id = $2", &row![now_ms, id])?;
        note(tx, Changed::Key, id)?;
        key.revoked_ms = Some(now_ms);
    }
    Ok(key)
}

pub(crate) fn key(row: &Row) -> Result<Key, StoreError> {
    Ok(Key {
        id: row.owned(0)?,
        root: row.owned(1)?,
        tenant: row.option(2, Row::owned)?,
        kind: KeyKind::of(row.text(3)?)?,
        name: row.owned(4)?,
        member: row.option(5, Row::owned)?,
        role: Role::of(row.text(6)?)?,
        hash: row.owned(7)?,
        bindings: json(row, 8)?,
        limits: json(row, 9)?,
        created_ms: row.int(10)?,
        expires_ms: row.option(11, Row::int)?,
        revoked_ms: row.option(12, Row::int)?,
    })
}
