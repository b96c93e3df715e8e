//! Which tables a backup holds, column by column. A column that is not named here is lost.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::engine::Value;

/// One table: the first `key` columns are its key.
pub(super) struct Table {
    pub(super) name: &'static str,
    key: usize,
    columns: &'static [(&'static str, Kind)],
}

/// What a column holds.
#[derive(Clone, Copy)]
enum Kind {
    Int,
    IntOrNull,
    Text,
    TextOrNull,
    /// A text that came with a schema, and what it is in rows from before.
    TextSince(i64, &'static str),
    Bytes,
}

use Kind::{Bytes, Int, IntOrNull, Text, TextOrNull, TextSince};

/// In the order in which they can be filled.
pub(super) const TABLES: [Table; 14] = [
    table(
        "tenants",
        1,
        &[
            ("id", Text),
            ("name", Text),
            ("suspended", Int),
            ("byok_only", Int),
            ("limits", Text),
            ("deadlines", TextSince(3, "{}")),
            ("created_ms", Int),
        ],
    ),
    table("former_tenants", 1, &[("id", Text)]),
    table(
        "members",
        1,
        &[("id", Text), ("tenant", Text), ("email", Text), ("name", Text), ("role", Text), ("created_ms", Int)],
    ),
    table(
        "keys",
        1,
        &[
            ("id", Text),
            ("root", Text),
            ("tenant", TextOrNull),
            ("kind", Text),
            ("name", Text),
            ("member", TextOrNull),
            ("role", Text),
            ("hash", Text),
            ("bindings", Text),
            ("limits", Text),
            ("created_ms", Int),
            ("expires_ms", IntOrNull),
            ("revoked_ms", IntOrNull),
        ],
    ),
    table(
        "credentials",
        1,
        &[
            ("id", Text),
            ("tenant", Text),
            ("provider", Text),
            ("name", Text),
            ("base_url", TextOrNull),
            ("hint", Text),
            ("sealed", Bytes),
            ("version", Int),
            ("created_ms", Int),
        ],
    ),
    table(
        "budgets",
        1,
        &[
            ("id", Text),
            ("tenant", Text),
            ("covers", Text),
            ("covered", Text),
            ("period", Text),
            ("amount", Int),
            ("by_operator", Int),
            ("created_ms", Int),
        ],
    ),
    table("balances", 1, &[("id", Text), ("tenant", Text), ("kind", Text), ("credited", Int)]),
    table(
        "top_ups",
        1,
        &[
            ("id", Text),
            ("tenant", Text),
            ("kind", Text),
            ("amount", Int),
            ("note", Text),
            ("idempotency_key", Text),
            ("created_ms", Int),
        ],
    ),
    table("windows", 2, &[("account", Text), ("start", Int), ("settled", Int), ("leased", Int)]),
    table("leases", 3, &[("account", Text), ("start", Int), ("node", Text), ("granted", Int), ("dead", Int)]),
    table("nodes", 1, &[("node", Text), ("epoch", Int), ("boot", Text), ("seen_ms", Int)]),
    table("operations", 1, &[("node", Text), ("number", Int), ("said", Text)]),
    table("posted", 2, &[("node", Text), ("log", Text), ("next", Int)]),
    table(
        "usage",
        4,
        &[
            ("tenant", Text),
            ("day", Text),
            ("key", Text),
            ("model", Text),
            ("requests", Int),
            ("input", Int),
            ("output", Int),
            ("cost", Int),
            ("fee", Int),
            ("own_cost", Int),
        ],
    ),
];

const fn table(name: &'static str, key: usize, columns: &'static [(&'static str, Kind)]) -> Table {
    Table { name, key, columns }
}

impl Table {
    pub(super) fn any(&self) -> String {
        format!("SELECT {} FROM {} LIMIT 1", self.columns[0].0, self.name)
    }

    pub(super) fn first_page(&self, size: i64) -> String {
        let (columns, key) = (self.names(self.columns.len()), self.names(self.key));
        format!("SELECT {columns} FROM {} ORDER BY {key} LIMIT {size}", self.name)
    }

    pub(super) fn page_after(&self, size: i64) -> String {
        let (columns, key) = (self.names(self.columns.len()), self.names(self.key));
        let after = numbers(self.key);
        format!("SELECT {columns} FROM {} WHERE ({key}) > ({after}) ORDER BY {key} LIMIT {size}", self.name)
    }

    pub(super) fn insert(&self) -> String {
        let (columns, values) = (self.names(self.columns.len()), numbers(self.columns.len()));
        format!("INSERT INTO {} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING", self.name)
    }

    pub(super) fn key_of(&self, row: &[Value]) -> Vec<Value> {
        row.iter().take(self.key).cloned().collect()
    }

    /// The values of a row that was written under this schema, if each is what its column holds.
    pub(super) fn values(&self, row: Vec<serde_json::Value>, schema: i64) -> Option<Vec<Value>> {
        let mut written = row.into_iter();
        let values = self.columns.iter().map(|(_, kind)| match kind {
            TextSince(since, before) if schema < *since => Some(Value::Text((*before).to_owned())),
            kind => from_json(written.next()?, *kind),
        });
        let values = values.collect::<Option<_>>()?;
        written.next().is_none().then_some(values)
    }

    fn names(&self, count: usize) -> String {
        let names: Vec<&str> = self.columns.iter().take(count).map(|(name, _)| *name).collect();
        names.join(", ")
    }
}

fn numbers(count: usize) -> String {
    let numbers: Vec<String> = (1..=count).map(|at| format!("${at}")).collect();
    numbers.join(", ")
}

pub(super) fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Int(value) => json!(value),
        Value::Text(value) => json!(value),
        Value::Bytes(value) => json!(STANDARD.encode(value)),
        Value::Null => serde_json::Value::Null,
    }
}

fn from_json(value: serde_json::Value, kind: Kind) -> Option<Value> {
    use serde_json::Value as Json;
    match (kind, value) {
        (Int | IntOrNull, Json::Number(value)) => value.as_i64().map(Value::Int),
        (Text | TextOrNull | TextSince(..), Json::String(value)) => Some(Value::Text(value)),
        (Bytes, Json::String(value)) => STANDARD.decode(value).ok().map(Value::Bytes),
        (IntOrNull | TextOrNull, Json::Null) => Some(Value::Null),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rusqlite::Connection;

    use super::*;
    use crate::migrate::MIGRATIONS;

    /// What a restored store makes anew.
    const LEFT_OUT: [&str; 2] = ["changes", "counter"];

    #[test]
    fn a_backup_holds_every_column_of_every_table() {
        let connection = Connection::open_in_memory().expect("a database");
        for (_, sql) in MIGRATIONS {
            connection.execute_batch(sql).expect("SQLite takes these types as they are");
        }
        let sql = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'";
        let mut statement = connection.prepare(sql).expect("a statement");
        let there: BTreeSet<(String, String)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("rows")
            .map(|row| row.expect("two texts"))
            .filter(|(table, _): &(String, String)| !LEFT_OUT.contains(&table.as_str()))
            .collect();
        let columns = |table: &Table| table.columns.iter().map(|(name, _)| (table.name.to_owned(), (*name).to_owned()));
        let backed_up: BTreeSet<_> = TABLES.iter().flat_map(|table| columns(table).collect::<Vec<_>>()).collect();
        assert_eq!(backed_up, there);
    }
}
