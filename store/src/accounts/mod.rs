//! Tenants and what is theirs, each as far as a scope sees. What a role may do is decided elsewhere.

mod balances;
mod budgets;
mod credentials;
mod keys;
mod members;
mod tenants;
mod usage;

pub(crate) use balances::{BALANCE, balance};
pub(crate) use budgets::{BUDGET, budget};
pub(crate) use credentials::{CREDENTIAL, credential};
pub(crate) use keys::{KEY, key};
pub(crate) use members::{MEMBER, member};
pub(crate) use tenants::{TENANT, tenant};

use serde::de::DeserializeOwned;

use crate::engine::{Row, Tx, row};
use crate::error::StoreError;

/// Everything below a tenant needs the tenant.
fn exists(tx: &mut Tx<'_>, tenant: &str) -> Result<(), StoreError> {
    match tx.first("SELECT id FROM tenants WHERE id = $1", &row![tenant])? {
        Some(_) => Ok(()),
        None => Err(StoreError::NotFound),
    }
}

/// The one row, as one of ours.
fn one<T>(found: Option<Row>, read: fn(&Row) -> Result<T, StoreError>) -> Result<T, StoreError> {
    found.as_ref().map_or(Err(StoreError::NotFound), read)
}

/// All rows, as ours.
fn all<T>(rows: &[Row], read: fn(&Row) -> Result<T, StoreError>) -> Result<Vec<T>, StoreError> {
    rows.iter().map(read).collect()
}

/// What is kept as JSON in a column.
fn json<T: DeserializeOwned>(row: &Row, at: usize) -> Result<T, StoreError> {
    serde_json::from_str(row.text(at)?).map_err(|error| StoreError::Broken(format!("column {at}: {error}")))
}

fn as_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Broken(error.to_string()))
}
