//! A transaction that is under way. It neither begins nor ends itself.

use super::row::{Row, Value};
use crate::error::StoreError;

/// What a connection says when a statement fails.
#[derive(Debug)]
pub(super) enum Fault {
    /// Another transaction was in the way; the same again may pass.
    Again(String),
    /// The connection is gone, or the server is going.
    Lost(String),
    /// The server did not answer in time.
    Silent(String),
    /// The statement itself fails.
    Wrong(String),
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Again(why) | Fault::Lost(why) | Fault::Silent(why) => Self::Unreachable(why),
            Fault::Wrong(why) => Self::Broken(why),
        }
    }
}

/// A connection. Statements write their parameters as `$1`, `$2`, ….
pub(super) trait Session {
    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Fault>;
    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Fault>;
    /// Statements without parameters, in the words of migrations.
    fn batch(&mut self, sql: &str) -> Result<(), Fault>;
    /// Waits until nobody else migrates.
    fn migrate_alone(&mut self) -> Result<(), Fault>;
    /// What a `SELECT` ends with to lock its rows; nothing where a writer is alone anyway.
    fn lock_words(&self) -> &'static str;
}

/// A transaction that is under way.
pub(crate) struct Tx<'a> {
    session: &'a mut dyn Session,
    /// Whether the same again may pass.
    pub(super) again: bool,
    /// Whether any statement failed.
    pub(super) failed: bool,
}

impl<'a> Tx<'a> {
    pub(super) fn new(session: &'a mut dyn Session) -> Self {
        Self { session, again: false, failed: false }
    }

    pub(crate) fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        storable(values)?;
        let done = self.session.query(sql, values);
        self.told(done)
    }

    /// Like `query`; nobody else can change these rows until the transaction ends.
    pub(crate) fn lock(&mut self, sql: &str, values: &[Value]) -> Result<Option<Row>, StoreError> {
        let rows = match self.session.lock_words() {
            "" => self.query(sql, values),
            words => self.query(&format!("{sql} {words}"), values),
        };
        rows.map(|rows| rows.into_iter().next())
    }

    pub(crate) fn first(&mut self, sql: &str, values: &[Value]) -> Result<Option<Row>, StoreError> {
        self.query(sql, values).map(|rows| rows.into_iter().next())
    }

    /// How many rows it changed.
    pub(crate) fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, StoreError> {
        storable(values)?;
        let done = self.session.execute(sql, values);
        self.told(done)
    }

    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        let done = self.session.batch(sql);
        self.told(done)
    }

    pub(crate) fn migrate_alone(&mut self) -> Result<(), StoreError> {
        let done = self.session.migrate_alone();
        self.told(done)
    }

    fn told<T>(&mut self, done: Result<T, Fault>) -> Result<T, StoreError> {
        done.map_err(|fault| {
            self.failed = true;
            self.again |= matches!(fault, Fault::Again(_));
            fault.into()
        })
    }
}

/// PostgreSQL cannot store NUL in text; neither do we in SQLite, so that one can become the other.
fn storable(values: &[Value]) -> Result<(), StoreError> {
    let nul = values.iter().any(|value| matches!(value, Value::Text(text) if text.contains('\0')));
    if nul { Err(StoreError::invalid("a text holds the character NUL", "leave it out")) } else { Ok(()) }
}
