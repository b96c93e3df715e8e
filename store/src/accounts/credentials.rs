//! Vendors' secrets, sealed. Nothing here can open one.

use super::{all, exists, one};
use crate::changes::note;
use crate::check;
use crate::engine::{Row, Tx, row};
use crate::error::StoreError;
use crate::ids;
use crate::store::Store;
use crate::types::{Changed, Credential, Scope};

pub(crate) const CREDENTIAL: &str =
    "SELECT id, tenant, provider, name, base_url, hint, sealed, version, created_ms FROM credentials";

impl Store {
    /// Stores a credential; an empty id is filled in. The version is kept as given: the seal is bound to it.
    ///
    /// # Errors
    /// The tenant is not there for this scope, it has one for this provider, or the id is taken.
    pub fn create_credential(&self, scope: &Scope, mut credential: Credential) -> Result<Credential, StoreError> {
        check::within(scope, &credential.tenant)?;
        checked(&credential)?;
        credential.id = ids::kept_or_fresh("crd_", credential.id)?;
        self.mutate(|tx| {
            let Credential { id, tenant, provider, name, base_url, hint, sealed, version, created_ms } = &credential;
            exists(tx, tenant)?;
            only_one(tx, &credential)?;
            let made = tx.execute(
                "INSERT INTO credentials (id, tenant, provider, name, base_url, hint, sealed, version, created_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
                &row![id, tenant, provider, name, base_url.as_ref(), hint, sealed.as_slice(), *version, *created_ms],
            )?;
            if made == 0 {
                return Err(StoreError::conflict("there is a credential with this id: leave the id empty"));
            }
            note(tx, Changed::Credential, id)
        })?;
        Ok(credential)
    }

    /// One credential.
    ///
    /// # Errors
    /// It is not there for this scope.
    pub fn credential(&self, scope: &Scope, tenant: &str, id: &str) -> Result<Credential, StoreError> {
        check::within(scope, tenant)?;
        self.read(|tx| find(tx, tenant, id))
    }

    /// The credentials of a tenant after an id, at most `limit` of at most 1,000.
    ///
    /// # Errors
    /// The tenant is not there for this scope.
    pub fn credentials(
        &self,
        scope: &Scope,
        tenant: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Credential>, StoreError> {
        check::within(scope, tenant)?;
        let limit = check::page(limit)?;
        let rows = self.read(|tx| {
            exists(tx, tenant)?;
            let sql = format!("{CREDENTIAL} WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3");
            tx.query(&sql, &row![tenant, after.unwrap_or_default(), limit])
        })?;
        all(&rows, credential)
    }

    /// Puts another secret, name or base URL in place of the old. Its version is the stored one plus 1: what
    /// the new seal is bound to.
    ///
    /// # Errors
    /// It is not there for this scope, someone else replaced it meanwhile, or the tenant has another one for
    /// this provider.
    pub fn replace_credential(&self, scope: &Scope, new: &Credential) -> Result<Credential, StoreError> {
        let Credential { id, tenant, provider, name, base_url, hint, sealed, version, created_ms: _ } = new;
        check::within(scope, tenant)?;
        checked(new)?;
        self.mutate(|tx| {
            let before = find(tx, tenant, id)?;
            if before.version.checked_add(1) != Some(*version) {
                return Err(StoreError::conflict("the credential has changed meanwhile: read it again"));
            }
            only_one(tx, new)?;
            tx.execute(
                "UPDATE credentials SET provider = $1, name = $2, base_url = $3, hint = $4, sealed = $5, \
                 version = $6 WHERE id = $7",
                &row![provider, name, base_url.as_ref(), hint, sealed.as_slice(), *version, id],
            )?;
            note(tx, Changed::Credential, id)?;
            find(tx, tenant, id)
        })
    }

    /// Removes a credential.
    ///
    /// # Errors
    /// It is not there for this scope.
    pub fn remove_credential(&self, scope: &Scope, tenant: &str, id: &str) -> Result<(), StoreError> {
        check::within(scope, tenant)?;
        self.mutate(|tx| {
            find(tx, tenant, id)?;
            tx.execute("DELETE FROM credentials WHERE id = $1", &row![id])?;
            note(tx, Changed::Credential, id).map(drop)
        })
    }

    /// The same secret under another key of the vault; the version stays.
    ///
    /// # Errors
    /// It is gone, or was replaced meanwhile: then it is sealed anew already.
    pub fn reseal(&self, id: &str, version: i64, sealed: &[u8]) -> Result<(), StoreError> {
        self.mutate(|tx| {
            let before = one(tx.first(&format!("{CREDENTIAL} WHERE id = $1"), &row![id])?, credential)?;
            if before.version != version {
                return Err(StoreError::conflict("the credential has changed meanwhile: read it again"));
            }
            tx.execute("UPDATE credentials SET sealed = $1 WHERE id = $2", &row![sealed, id])?;
            note(tx, Changed::Credential, id).map(drop)
        })
    }
}

fn checked(credential: &Credential) -> Result<(), StoreError> {
    check::some("the provider", &credential.provider, check::NAME_MAX)?;
    check::name(&credential.name)?;
    check::url(credential.base_url.as_deref())?;
    check::text("the hint", &credential.hint, check::NAME_MAX)?;
    if credential.sealed.is_empty() {
        return Err(StoreError::invalid("the credential is empty", "seal its secret first"));
    }
    check::not_negative("the version", credential.version)
}

/// With two for one provider nobody could say which is sent.
fn only_one(tx: &mut Tx<'_>, credential: &Credential) -> Result<(), StoreError> {
    let Credential { id, tenant, provider, .. } = credential;
    let others = "SELECT id FROM credentials WHERE tenant = $1 AND provider = $2 AND id <> $3";
    match tx.first(others, &row![tenant, provider, id])? {
        None => Ok(()),
        Some(other) => Err(StoreError::conflict(format!(
            "the tenant has the credential {} for this provider: replace that one, or remove it first",
            other.text(0)?
        ))),
    }
}

fn find(tx: &mut Tx<'_>, tenant: &str, id: &str) -> Result<Credential, StoreError> {
    one(tx.first(&format!("{CREDENTIAL} WHERE id = $1 AND tenant = $2"), &row![id, tenant])?, credential)
}

pub(crate) fn credential(row: &Row) -> Result<Credential, StoreError> {
    Ok(Credential {
        id: row.owned(0)?,
        tenant: row.owned(1)?,
        provider: row.owned(2)?,
        name: row.owned(3)?,
        base_url: row.option(4, Row::owned)?,
        hint: row.owned(5)?,
        sealed: row.bytes(6)?,
        version: row.int(7)?,
        created_ms: row.int(8)?,
    })
}
