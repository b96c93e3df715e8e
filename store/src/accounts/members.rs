//! Members of tenants. A tenant that has an owner always keeps one.

use super::{all, exists, one};
use crate::changes::note;
use crate::check;
use crate::engine::{Row, Tx, row};
use crate::error::StoreError;
use crate::ids;
use crate::store::Store;
use crate::types::{Changed, Member, Role, Scope};

pub(crate) const MEMBER: &str = "SELECT id, tenant, email, name, role, created_ms FROM members";

impl Store {
    /// Makes a member; an empty id is filled in.
    ///
    /// # Errors
    /// The tenant is not there for this scope, or has a member with this address.
    pub fn create_member(&self, scope: &Scope, mut member: Member) -> Result<Member, StoreError> {
        check::within(scope, &member.tenant)?;
        checked(&member)?;
        member.id = ids::kept_or_fresh("mem_", member.id)?;
        self.mutate(|tx| {
            let Member { id, tenant, email, name, role, created_ms } = &member;
            exists(tx, tenant)?;
            let made = tx.execute(
                "INSERT INTO members (id, tenant, email, name, role, created_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                &row![id, tenant, email, name, role.word(), *created_ms],
            )?;
            if made == 0 {
                return Err(taken());
            }
            note(tx, Changed::Member, id)
        })?;
        Ok(member)
    }

    /// One member.
    ///
    /// # Errors
    /// It is not there for this scope.
    pub fn member(&self, scope: &Scope, tenant: &str, id: &str) -> Result<Member, StoreError> {
        check::within(scope, tenant)?;
        self.read(|tx| find(tx, tenant, id))
    }

    /// The members of a tenant after an id, at most `limit` of at most 1,000.
    ///
    /// # Errors
    /// The tenant is not there for this scope.
    pub fn members(
        &self,
        scope: &Scope,
        tenant: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        check::within(scope, tenant)?;
        let limit = check::page(limit)?;
        let rows = self.read(|tx| {
            exists(tx, tenant)?;
            let sql = format!("{MEMBER} WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3");
            tx.query(&sql, &row![tenant, after.unwrap_or_default(), limit])
        })?;
        all(&rows, member)
    }

    /// Changes a member's address, name and role.
    ///
    /// # Errors
    /// It is not there for this scope, is the last owner and would be none, or the address is taken.
    pub fn change_member(&self, scope: &Scope, changed: &Member) -> Result<Member, StoreError> {
        let Member { id, tenant, email, name, role, created_ms: _ } = changed;
        check::within(scope, tenant)?;
        checked(changed)?;
        self.mutate(|tx| {
            let before = find(tx, tenant, id)?;
            if *role != Role::Owner {
                not_last_owner(tx, &before)?;
            }
            let others = "SELECT id FROM members WHERE tenant = $1 AND email = $2 AND id <> $3";
            if tx.first(others, &row![tenant, email, id])?.is_some() {
                return Err(taken());
            }
            tx.execute(
                "UPDATE members SET email = $1, name = $2, role = $3 WHERE id = $4",
                &row![email, name, role.word(), id],
            )?;
            note(tx, Changed::Member, id)?;
            find(tx, tenant, id)
        })
    }

    /// Removes a member and revokes its keys.
    ///
    /// # Errors
    /// It is not there for this scope, or is the last owner.
    pub fn remove_member(&self, scope: &Scope, tenant: &str, id: &str, now_ms: i64) -> Result<(), StoreError> {
        check::within(scope, tenant)?;
        self.mutate(|tx| {
            let member = find(tx, tenant, id)?;
            not_last_owner(tx, &member)?;
            let revoked = tx.query(
                "UPDATE keys SET revoked_ms = $1 WHERE member = $2 AND tenant = $3 AND revoked_ms IS NULL RETURNING id",
                &row![now_ms, id, tenant],
            )?;
            for key in &revoked {
                note(tx, Changed::Key, key.text(0)?)?;
            }
            tx.execute("DELETE FROM members WHERE id = $1", &row![id])?;
            note(tx, Changed::Member, id).map(drop)
        })
    }
}

fn checked(member: &Member) -> Result<(), StoreError> {
    check::email(&member.email)?;
    check::name(&member.name)
}

pub(super) fn find(tx: &mut Tx<'_>, tenant: &str, id: &str) -> Result<Member, StoreError> {
    one(tx.first(&format!("{MEMBER} WHERE id = $1 AND tenant = $2"), &row![id, tenant])?, member)
}

fn not_last_owner(tx: &mut Tx<'_>, member: &Member) -> Result<(), StoreError> {
    if member.role != Role::Owner {
        return Ok(());
    }
    let others = "SELECT id FROM members WHERE tenant = $1 AND role = $2 AND id <> $3 LIMIT 1";
    match tx.first(others, &row![&member.tenant, Role::Owner.word(), &member.id])? {
        Some(_) => Ok(()),
        None => Err(StoreError::conflict("this is the last owner of the tenant: make another member an owner first")),
    }
}

fn taken() -> StoreError {
    StoreError::conflict("the tenant has a member with this e-mail address")
}

pub(crate) fn member(row: &Row) -> Result<Member, StoreError> {
    Ok(Member {
        id: row.owned(0)?,
        tenant: row.owned(1)?,
        email: row.owned(2)?,
        name: row.owned(3)?,
        role: Role::of(row.text(4)?)?,
        created_ms: row.int(5)?,
    })
}
