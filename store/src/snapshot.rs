//! For the gateway itself: everything, and single things by their id, without a scope. It is never to be
//! reached by what a caller writes.

use crate::accounts::{
    BALANCE, BUDGET, CREDENTIAL, KEY, MEMBER, TENANT, balance, budget, credential, key, member, tenant,
};
use crate::engine::{Row, row};
use crate::error::StoreError;
use crate::store::Store;
use crate::types::{Balance, Budget, Credential, Key, Member, Tenant};

/// A batch is one short transaction, so a million keys hold nobody up.
const BATCH: i64 = 5_000;

type Read<T> = fn(&Row) -> Result<T, StoreError>;

impl Store {
    /// All tenants.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn all_tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.collect(TENANT, "id", tenant)
    }

    /// All members.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn all_members(&self) -> Result<Vec<Member>, StoreError> {
        self.collect(MEMBER, "id", member)
    }

    /// All keys, revoked ones included, each handed over as it comes: there may be a million. What changes
    /// meanwhile may be missed, so ask for [`Store::last_change`] first and follow the changes from there.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn all_keys(&self, each: &mut dyn FnMut(Key)) -> Result<(), StoreError> {
        self.each(KEY, "id", key, each)
    }

    /// All credentials.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn all_credentials(&self) -> Result<Vec<Credential>, StoreError> {
        self.collect(CREDENTIAL, "id", credential)
    }

    /// All budgets.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn all_budgets(&self) -> Result<Vec<Budget>, StoreError> {
        self.collect(BUDGET, "id", budget)
    }

    /// All balances, those of tenants that are gone included.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn all_balances(&self) -> Result<Vec<Balance>, StoreError> {
        self.collect(BALANCE, "b.id", balance)
    }

    /// One tenant.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn load_tenant(&self, id: &str) -> Result<Option<Tenant>, StoreError> {
        self.load(TENANT, "id", id, tenant)
    }

    /// One member.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn load_member(&self, id: &str) -> Result<Option<Member>, StoreError> {
        self.load(MEMBER, "id", id, member)
    }

    /// One key.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn load_key(&self, id: &str) -> Result<Option<Key>, StoreError> {
        self.load(KEY, "id", id, key)
    }

    /// One credential.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn load_credential(&self, id: &str) -> Result<Option<Credential>, StoreError> {
        self.load(CREDENTIAL, "id", id, credential)
    }

    /// One budget.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn load_budget(&self, id: &str) -> Result<Option<Budget>, StoreError> {
        self.load(BUDGET, "id", id, budget)
    }

    /// One balance, by its account's id.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn load_balance(&self, id: &str) -> Result<Option<Balance>, StoreError> {
        self.load(BALANCE, "b.id", id, balance)
    }

    fn load<T>(&self, select: &str, column: &str, id: &str, read: Read<T>) -> Result<Option<T>, StoreError> {
        let row = self.read(|tx| tx.first(&format!("{select} WHERE {column} = $1"), &row![id]))?;
        row.as_ref().map(read).transpose()
    }

    fn collect<T>(&self, select: &str, column: &str, read: Read<T>) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        self.each(select, column, read, &mut |one| all.push(one))?;
        Ok(all)
    }

    /// The first column is the id.
    fn each<T>(&self, select: &str, column: &str, read: Read<T>, each: &mut dyn FnMut(T)) -> Result<(), StoreError> {
        let sql = format!("{select} WHERE {column} > $1 ORDER BY {column} LIMIT $2");
        let mut after = String::new();
        loop {
            let rows = self.read(|tx| tx.query(&sql, &row![&after, BATCH]))?;
            for row in &rows {
                each(read(row)?);
            }
            match rows.last() {
                Some(row) if rows.len() as i64 == BATCH => after = row.owned(0)?,
                _ => return Ok(()),
            }
        }
    }
}
