//! Schemas: brought up to date once, by whoever comes first.

use tollgate_store::{Store, StoreError};

use crate::support::Database;

pub(crate) fn opening_twice_applies_nothing_twice(database: &Database) {
    let lazy = Store::connect_lazily(&database.url).unwrap();
    let pending = lazy.pending().unwrap();
    assert_eq!(pending.first().map(String::as_str), Some("0001_accounts"));
    assert_eq!(lazy.migrate().unwrap(), pending);
    assert_eq!(lazy.pending().unwrap(), Vec::<String>::new());
    assert_eq!(database.open().migrate().unwrap(), Vec::<String>::new());
}

pub(crate) fn three_nodes_can_start_at_once(database: &Database) {
    std::thread::scope(|scope| {
        let nodes: Vec<_> = (0..3).map(|_| scope.spawn(|| Store::open(&database.url).map(drop))).collect();
        for node in nodes {
            assert_eq!(node.join().unwrap(), Ok(()));
        }
    });
    assert_eq!(database.open().last_change().unwrap(), 0);
}

pub(crate) fn a_database_of_a_newer_tollgate_is_left_alone(database: &Database) {
    drop(database.open());
    let sql = "INSERT INTO schema_version (version, name) VALUES (999, 'later')";
    database.raw(sql);
    let refused = Store::open(&database.url).map(drop);
    assert!(matches!(refused, Err(StoreError::Newer { found: 999, .. })), "{refused:?}");
}
