//! Bringing the schema up to date, one numbered file after the other. It never goes back.
//!
//! The files speak a dialect that both databases nearly share: `BIGINT`, `TEXT`, `BYTEA`. What differs is
//! translated where a batch is run.

use crate::engine::{Engine, Purpose, Tx, row};
use crate::error::StoreError;

/// In order. One that was released never changes.
pub(crate) const MIGRATIONS: [(&str, &str); 3] = [
    ("0001_accounts", include_str!("../migrations/0001_accounts.sql")),
    ("0002_ledger", include_str!("../migrations/0002_ledger.sql")),
    ("0003_deadlines", include_str!("../migrations/0003_deadlines.sql")),
];

/// The schema of this binary.
pub(crate) const NEWEST: i64 = MIGRATIONS.len() as i64;

/// Several nodes may start at once: one applies, the others wait and find it done.
pub(crate) fn apply(engine: &Engine) -> Result<Vec<String>, StoreError> {
    let mut applied = Vec::new();
    while let Some(name) = engine.transact(Purpose::LongWrite, apply_next)? {
        tracing::info!(migration = name, engine = engine.name(), "schema brought up to date");
        applied.push(name.to_owned());
    }
    Ok(applied)
}

pub(crate) fn pending(engine: &Engine) -> Result<Vec<String>, StoreError> {
    let version = engine.transact(Purpose::LongWrite, version)?;
    Ok(MIGRATIONS.iter().skip(version).map(|(name, _)| (*name).to_owned()).collect())
}

fn apply_next(tx: &mut Tx<'_>) -> Result<Option<&'static str>, StoreError> {
    let version = version(tx)?;
    let Some((name, sql)) = MIGRATIONS.get(version) else { return Ok(None) };
    tx.batch(sql)?;
    tx.execute("INSERT INTO schema_version (version, name) VALUES ($1, $2)", &row![version as i64 + 1, *name])?;
    Ok(Some(name))
}

/// How many are applied. Nobody else applies any until the transaction ends.
fn version(tx: &mut Tx<'_>) -> Result<usize, StoreError> {
    tx.migrate_alone()?;
    tx.batch("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL)")?;
    let found = tx.first("SELECT version FROM schema_version ORDER BY version DESC LIMIT 1", &[])?;
    let found = found.map_or(Ok(0), |row| row.int(0))?;
    match usize::try_from(found) {
        Ok(version) if found <= NEWEST => Ok(version),
        _ => Err(StoreError::Newer { found, known: NEWEST }),
    }
}
