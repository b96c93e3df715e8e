//! Schemas: brought up to date once, by whoever comes first.

use tollgate_store::{Deadlines, Store, StoreError, Tenant};

use crate::support::{Database, OPERATOR, tenant};

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

pub(crate) fn a_tenant_of_an_older_tollgate_is_as_it_was(database: &Database) {
    database.raw(include_str!("../../migrations/0001_accounts.sql"));
    database.raw(include_str!("../../migrations/0002_ledger.sql"));
    database.raw("CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL)");
    database.raw("INSERT INTO schema_version (version, name) VALUES (1, '0001_accounts'), (2, '0002_ledger')");
    database.raw(
        "INSERT INTO tenants (id, name, suspended, byok_only, limits, created_ms) \
         VALUES ('acme', 'The acme', 0, 0, '{\"requests_per_minute\":60}', 1)",
    );
    let store = database.open();
    let acme = Tenant { deadlines: Deadlines::default(), ..tenant("acme") };
    assert_eq!(store.tenants(&OPERATOR, None, 10).unwrap(), [acme]);
    assert_eq!(store.pending().unwrap(), Vec::<String>::new());
}
