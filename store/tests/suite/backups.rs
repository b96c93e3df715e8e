//! Backups: whole, of one moment, and at home in both databases.

use tollgate_ledger::{Account, Ask, Bank};
use tollgate_store::{BalanceKind, Charge, Deadlines, Key, Posted, Posting, Role, Store, StoreError, Tenant, Usage};

use crate::support::{Database, OPERATOR, budget, credential, key, member, rows, tenant};

/// One of everything.
fn furnished(database: &Database) -> Store {
    let store = database.open();
    for id in ["acme", "gone"] {
        store.create_tenant(&OPERATOR, tenant(id)).unwrap();
    }
    store.remove_tenant(&OPERATOR, "gone").unwrap();
    store.create_member(&OPERATOR, member("acme", "ann@\u{1F980}.example", Role::Owner)).unwrap();
    store.create_key(&OPERATOR, key(Some("acme"), "zzzzzzzz")).unwrap();
    store.create_key(&OPERATOR, Key { root: "zzzzzzzz".into(), ..key(Some("acme"), "aaaaaaaa") }).unwrap();
    store.create_key(&OPERATOR, key(None, "rootroot")).unwrap();
    store.create_credential(&OPERATOR, credential("acme")).unwrap();
    let cap = store.create_budget(&OPERATOR, budget("acme", i64::MAX)).unwrap();
    store.top_up(&OPERATOR, "acme", BalanceKind::Managed, 5, "é", "k", 1).unwrap();
    store.take_node("n", "boot", 1).unwrap();
    let account = Account::new(cap.id.as_str(), 0);
    store.grant("n", &[Ask { account: account.clone(), least: 1, most: 50 }]).unwrap();
    let usage = Usage {
        day: "2026-11-21".into(),
        tenant: "acme".into(),
        key: "aaaaaaaa".into(),
        model: "-".into(),
        requests: 1,
        input: 2,
        output: 3,
        cost: 4,
        fee: 5,
        own_cost: 0,
    };
    let posting = Posting {
        charges: vec![Charge { account, amount: 7, from_dead: false }],
        usage: vec![usage],
        posted: vec![Posted { log: "l".into(), from: 0, next: 3 }],
    };
    store.post("n", &posting).unwrap();
    store
}

fn backup(store: &Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.backup(&mut bytes).unwrap();
    bytes
}

fn other_kind(database: &Database) -> Database {
    if database.url.starts_with("sqlite:") { Database::postgresql() } else { Database::sqlite() }
}

pub(crate) fn a_backup_goes_from_one_database_to_the_other_and_back(database: &Database) {
    let store = furnished(database);
    let there = other_kind(database);
    let abroad = there.open();
    abroad.restore(&mut backup(&store).as_slice()).unwrap();
    assert_ne!(abroad.engine(), store.engine());
    assert_eq!(rows(&abroad), rows(&store));
    let mut seen = String::new();
    for table in ["tenants", "former_tenants", "members", "keys", "credentials", "budgets", "balances", "top_ups"] {
        seen.push_str(if rows(&abroad).contains(&format!("{{\"table\":\"{table}\"")) { "" } else { table });
    }
    for table in ["windows", "leases", "nodes", "posted", "usage"] {
        seen.push_str(if rows(&abroad).contains(&format!("{{\"table\":\"{table}\"")) { "" } else { table });
    }
    assert_eq!(seen, "", "missing in the backup");
    let home = if store.engine() == "sqlite" { Database::sqlite() } else { Database::postgresql() };
    home.open().restore(&mut backup(&abroad).as_slice()).unwrap();
    assert_eq!(rows(&home.open()), rows(&store));
    // A node that followed the old store is told to load all anew, and the new one goes on counting.
    assert!(home.open().oldest_change().unwrap() - 1 > store.last_change().unwrap());
    home.open().create_tenant(&OPERATOR, tenant("next")).unwrap();
    assert!(home.open().create_tenant(&OPERATOR, tenant("gone")).is_err());
}

pub(crate) fn only_an_empty_store_is_restored_into(database: &Database) {
    let store = furnished(database);
    let before = rows(&store);
    let refused = store.restore(&mut backup(&store).as_slice());
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    assert_eq!(rows(&store), before);
}

pub(crate) fn a_backup_that_is_not_whole_restores_nothing(database: &Database) {
    let source = Database::sqlite();
    let whole = String::from_utf8(backup(&furnished(&source))).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let without = |at: usize| {
        let mut kept = lines.clone();
        kept.remove(at);
        kept.concat()
    };
    let store = database.open();
    let empty = rows(&store);
    let mut broken: Vec<String> = (0..lines.len()).map(without).collect();
    broken.push(whole[..whole.len() - 1].to_owned());
    broken.push(format!("{whole}{}", lines[1]));
    broken.push(whole.replacen("\"tenants\"", "\"schema_version\"", 1));
    broken.push(whole.replacen("[\"acme\",", "[1,", 1));
    for schema in [1, 2, 4] {
        broken.push(whole.replacen("\"schema\":3", &format!("\"schema\":{schema}"), 1));
    }
    broken.push(String::new());
    for (number, text) in broken.iter().enumerate() {
        assert!(store.restore(&mut text.as_bytes()).is_err(), "{number}: {text}");
        assert_eq!(rows(&store), empty, "{number}");
    }
    store.restore(&mut whole.as_bytes()).unwrap();
}

pub(crate) fn a_backup_from_before_deadlines_is_restored(database: &Database) {
    let older = r#"{"format":"tollgate-store-1","schema":2,"changes":1}
{"table":"tenants","row":["acme","The acme",0,0,"{\"requests_per_minute\":60}",1]}
{"rows":1}
"#;
    let store = database.open();
    let short = older.replace(",1]}", "]}");
    assert!(store.restore(&mut short.as_bytes()).is_err(), "it has the columns of its schema");
    store.restore(&mut older.as_bytes()).unwrap();
    let acme = Tenant { deadlines: Deadlines::default(), ..tenant("acme") };
    assert_eq!(store.tenant(&OPERATOR, "acme").unwrap(), acme);
}
