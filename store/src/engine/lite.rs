//! SQLite: one connection that writes, a few that read. It takes no network file system.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, ToSql};

use super::Purpose;
use super::row::{Row, Value};
use super::tx::{Fault, Session, Tx};
use crate::error::StoreError;

const READERS: usize = 4;
const BUSY: Duration = Duration::from_secs(5);
/// Turning to WAL does not wait for others by itself.
const WAL_TRIES: u32 = 100;
const WAL_PAUSE: Duration = Duration::from_millis(20);
const STATEMENTS: usize = 128;

/// A database in a file.
pub(crate) struct Lite {
    writer: Mutex<Connection>,
    readers: [Mutex<Connection>; READERS],
    turn: AtomicUsize,
}

impl Lite {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let unreachable = |why: String| StoreError::Unreachable(format!("{}: {why}", path.display()));
        // Made by us, so that nobody else can read it for a moment. Its companions take over its rights.
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(unreachable(error.to_string()));
            }
            _ => {}
        }
        let writer = connect(path).map_err(|error| unreachable(error.to_string()))?;
        let reader = || reader(path).map_err(|error| unreachable(error.to_string()));
        let readers = [reader()?, reader()?, reader()?, reader()?].map(Mutex::new);
        Ok(Self { writer: Mutex::new(writer), readers, turn: AtomicUsize::new(0) })
    }

    pub(super) fn transact<T>(
        &self,
        purpose: Purpose,
        mut body: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = if purpose.writes() { own(&self.writer) } else { self.reader() };
        // A body that panicked has left its transaction open.
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK").map_err(fault)?;
        }
        let begin = if purpose.writes() { "BEGIN IMMEDIATE" } else { "BEGIN" };
        connection.execute_batch(begin).map_err(fault)?;
        let done = body(&mut Tx::new(&mut *connection));
        let ended = match done {
            Ok(_) => connection.execute_batch("COMMIT"),
            Err(_) => Ok(()),
        };
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK").map_err(fault)?;
        }
        ended.map_err(fault)?;
        done
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        if let Some(free) = self.readers.iter().find_map(|reader| reader.try_lock().ok()) {
            return free;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % READERS;
        own(&self.readers[turn])
    }
}

fn own(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let mut tries = 0;
    while let Err(error) = connection.pragma_update(None, "journal_mode", "WAL") {
        tries += 1;
        if tries == WAL_TRIES || error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) {
            return Err(error);
        }
        thread::sleep(WAL_PAUSE);
    }
    // Money is at stake: what was committed survives a loss of power.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    Ok(connection)
}

fn reader(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", "ON")?;
    Ok(connection)
}

impl Session for Connection {
    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Fault> {
        let mut statement = self.prepare_cached(sql).map_err(fault)?;
        bind(&mut statement, values).map_err(fault)?;
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(fault)? {
            let values = (0..columns).map(|at| row.get_ref(at).map_err(fault).and_then(value));
            found.push(Row(values.collect::<Result<_, _>>()?));
        }
        Ok(found)
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Fault> {
        let mut statement = self.prepare_cached(sql).map_err(fault)?;
        bind(&mut statement, values).map_err(fault)?;
        statement.raw_execute().map(|rows| rows as u64).map_err(fault)
    }

    fn batch(&mut self, sql: &str) -> Result<(), Fault> {
        self.execute_batch(&sql.replace(" BYTEA", " BLOB")).map_err(fault)
    }

    fn migrate_alone(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn lock_words(&self) -> &'static str {
        ""
    }
}

/// SQLite numbers `$1`, `$2` by where they first appear; we bind them by what they say.
fn bind(statement: &mut Statement<'_>, values: &[Value]) -> Result<(), rusqlite::Error> {
    for at in 1..=statement.parameter_count() {
        let said = statement.parameter_name(at).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
        let value = said.and_then(|said| values.get(said.checked_sub(1)?));
        let value = value.ok_or(rusqlite::Error::InvalidParameterCount(values.len(), at))?;
        statement.raw_bind_parameter(at, value)?;
    }
    Ok(())
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
            Self::Null => ValueRef::Null,
        }))
    }
}

fn value(from: ValueRef<'_>) -> Result<Value, Fault> {
    Ok(match from {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Blob(value) => Value::Bytes(value.to_vec()),
        ValueRef::Text(value) => {
            let text = std::str::from_utf8(value).map_err(|_| Fault::Wrong("a text is not UTF-8".into()))?;
            Value::Text(text.to_owned())
        }
        ValueRef::Real(_) => return Err(Fault::Wrong("a value is floating point".into())),
    })
}

/// A busy file, a full or a broken disk are not the statement's mistake.
fn fault(error: rusqlite::Error) -> Fault {
    let words = error.to_string();
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory
            | ErrorCode::PermissionDenied,
        ) => Fault::Lost(words),
        _ => Fault::Wrong(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_bound_by_their_number_wherever_they_stand() {
        let mut connection = Connection::open_in_memory().expect("it works");
        let values = [Value::Int(1), Value::Text("two".into()), Value::Int(3)];
        let rows = Session::query(&mut connection, "SELECT $3, $1, $3, $2", &values).expect("it works");
        assert_eq!(rows[0].0, [Value::Int(3), Value::Int(1), Value::Int(3), Value::Text("two".into())]);
        assert!(Session::query(&mut connection, "SELECT $4", &values).is_err());
    }
}
