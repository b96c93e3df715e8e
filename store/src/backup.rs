//! All that is stored as lines of JSON, out of one database and into another of either kind. It opens no
//! seal: a backup holds keys and credentials as they are at rest.
//!
//! The first line says what it is, each further one holds a row, the last one how many there were. The feed
//! of changes stays behind: a node that follows it loads all anew from the restored store.

mod tables;

use std::io::{BufRead, Read as _, Write};

use serde::{Deserialize, Serialize};

use crate::engine::{Purpose, Row, Tx, Value, row};
use crate::error::StoreError;
use crate::migrate::NEWEST;
use crate::store::Store;
use tables::{TABLES, Table};

const FORMAT: &str = "tollgate-store-1";
/// The oldest schema whose backups are read: what came later, the tables say.
const OLDEST: i64 = 2;
const BATCH: i64 = 1_000;
/// Bytes of one line; a row is much smaller.
const LINE_MAX: u64 = 4 * 1024 * 1024;
/// How far the numbers of changes leap, so that no node takes what it saw before for what is there now.
const LEAP: i64 = 1_000_000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    schema: i64,
    changes: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    table: &'a str,
    row: Vec<serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Footer {
    rows: u64,
}

impl Store {
    /// Writes all that is stored, as of one moment.
    ///
    /// # Errors
    /// The database cannot be reached, or the writer does not take it.
    pub fn backup(&self, to: &mut dyn Write) -> Result<(), StoreError> {
        let mut started = false;
        self.transact(Purpose::LongRead, |tx| {
            // A writer cannot be rewound, so nothing is tried twice. A reader loses against nobody anyway.
            if std::mem::replace(&mut started, true) {
                return Err(StoreError::Unreachable("the backup was interrupted: start it again".into()));
            }
            let changes = tx.first("SELECT seq FROM counter", &[])?.map_or(Ok(0), |row| row.int(0))?;
            put(to, &Header { format: FORMAT.into(), schema: NEWEST, changes })?;
            let mut rows = 0;
            for table in &TABLES {
                rows += dump(tx, table, to)?;
            }
            put(to, &Footer { rows })
        })?;
        to.flush().map_err(|error| unwritten(&error))
    }

    /// Reads what [`Store::backup`] wrote, into a store that holds nothing yet: as a whole or not at all.
    ///
    /// # Errors
    /// Something is stored already, or what is read is no whole backup of a schema that is known.
    pub fn restore(&self, from: &mut dyn BufRead) -> Result<(), StoreError> {
        let mut started = false;
        self.transact(Purpose::LongWrite, |tx| {
            if std::mem::replace(&mut started, true) {
                return Err(StoreError::Unreachable("the restore was interrupted: start it again".into()));
            }
            tx.lock("SELECT seq FROM counter", &[])?;
            for table in &TABLES {
                if tx.first(&table.any(), &[])?.is_some() {
                    return Err(StoreError::conflict("the store holds something: restore into an empty one"));
                }
            }
            let header = header(&line(from)?.ok_or_else(cut_off)?)?;
            fill(tx, from, header.schema)?;
            let seq = header.changes.saturating_add(LEAP);
            tx.execute("UPDATE counter SET seq = $1", &row![seq])?;
            tx.execute("DELETE FROM changes", &[]).map(drop)
        })
    }
}

fn dump(tx: &mut Tx<'_>, table: &Table, to: &mut dyn Write) -> Result<u64, StoreError> {
    let mut after: Option<Vec<Value>> = None;
    let mut count = 0;
    loop {
        let rows = match &after {
            None => tx.query(&table.first_page(BATCH), &[])?,
            Some(key) => tx.query(&table.page_after(BATCH), key)?,
        };
        for Row(values) in &rows {
            put(to, &Line { table: table.name, row: values.iter().map(tables::to_json).collect() })?;
            count += 1;
        }
        match rows.into_iter().next_back() {
            Some(Row(last)) => after = Some(table.key_of(&last)),
            None => return Ok(count),
        }
    }
}

fn fill(tx: &mut Tx<'_>, from: &mut dyn BufRead, schema: i64) -> Result<(), StoreError> {
    let mut rows = 0;
    loop {
        let text = line(from)?.ok_or_else(cut_off)?;
        if let Ok(footer) = serde_json::from_str::<Footer>(&text) {
            let rest = line(from)?;
            return if footer.rows == rows && rest.is_none() { Ok(()) } else { Err(cut_off()) };
        }
        rows += 1;
        let wrong = || StoreError::invalid(format!("row {rows} of the backup"), "restore it as it was written");
        let row: Line<'_> = serde_json::from_str(&text).map_err(|_| wrong())?;
        let table = TABLES.iter().find(|table| table.name == row.table).ok_or_else(wrong)?;
        let values = table.values(row.row, schema).ok_or_else(wrong)?;
        if tx.execute(&table.insert(), &values)? != 1 {
            return Err(wrong());
        }
    }
}

fn header(text: &str) -> Result<Header, StoreError> {
    let header: Header = serde_json::from_str(text)
        .ok()
        .filter(|header: &Header| header.format == FORMAT)
        .ok_or_else(|| StoreError::invalid("this is no backup of a store", "give what `backup` wrote"))?;
    if header.schema > NEWEST {
        return Err(StoreError::Newer { found: header.schema, known: NEWEST });
    }
    if header.schema < OLDEST {
        return Err(StoreError::invalid(
            format!("the backup has schema {}, this Tollgate reads {OLDEST} to {NEWEST}", header.schema),
            "restore it with the Tollgate that wrote it, then upgrade",
        ));
    }
    Ok(header)
}

/// One line without its end; `None` at the end of all.
fn line(from: &mut dyn BufRead) -> Result<Option<String>, StoreError> {
    let mut text = String::new();
    let read = from.take(LINE_MAX).read_line(&mut text);
    read.map_err(|error| StoreError::invalid(format!("the backup cannot be read: {error}"), "give a whole one"))?;
    match text.strip_suffix('\n') {
        Some(text) => Ok(Some(text.to_owned())),
        None if text.is_empty() => Ok(None),
        None => Err(cut_off()),
    }
}

fn put(to: &mut dyn Write, line: &impl Serialize) -> Result<(), StoreError> {
    let mut text = serde_json::to_vec(line).map_err(|error| StoreError::Broken(error.to_string()))?;
    text.push(b'\n');
    to.write_all(&text).map_err(|error| unwritten(&error))
}

fn unwritten(error: &std::io::Error) -> StoreError {
    StoreError::invalid(format!("the backup cannot be written: {error}"), "write it where there is room")
}

fn cut_off() -> StoreError {
    StoreError::invalid("the backup is not whole", "give all of it, its last line included")
}
