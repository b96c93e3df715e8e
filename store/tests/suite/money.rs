//! Balances and statements.

use tollgate_store::{BalanceKind, Posting, Store, StoreError, Sum, Usage};

use crate::support::{Database, OPERATOR, scope, tenant};

fn with_acme(database: &Database) -> Store {
    let store = database.open();
    store.create_tenant(&OPERATOR, tenant("acme")).unwrap();
    store
}

fn pay(store: &Store, amount: i64, key: &str) -> Result<i64, StoreError> {
    store.top_up(&OPERATOR, "acme", BalanceKind::Managed, amount, "paid", key, 5).map(|balance| balance.credited)
}

pub(crate) fn paying_twice_with_one_key_counts_once(database: &Database) {
    let store = with_acme(database);
    assert_eq!(store.balances(&scope("acme"), "acme").unwrap(), []);
    assert_eq!(pay(&store, 100, "one"), Ok(100));
    assert_eq!(pay(&store, 100, "one"), Ok(100));
    assert_eq!(pay(&store, 50, "two"), Ok(150));
    assert!(matches!(pay(&store, 51, "two"), Err(StoreError::Conflict(_))));
    assert_eq!(store.top_up(&scope("acme"), "acme", BalanceKind::Managed, 1, "", "x", 1), Err(StoreError::NotFound));
    let balances = store.balances(&scope("acme"), "acme").unwrap();
    assert_eq!(balances.len(), 1);
    assert_eq!((balances[0].id.as_str(), balances[0].standing.limit), ("bal_managed_acme", 150));
    assert_eq!(store.load_balance("bal_managed_acme").unwrap().as_ref(), Some(&balances[0]));
    let paid = store.top_ups(&scope("acme"), "acme", None, 10).unwrap();
    assert_eq!(paid.iter().map(|paid| paid.amount).collect::<Vec<_>>(), [100, 50]);
    assert_eq!(store.top_ups(&OPERATOR, "acme", Some(&paid[0].id), 10).unwrap(), paid[1..]);
}

pub(crate) fn no_more_is_taken_back_than_was_paid(database: &Database) {
    let store = with_acme(database);
    assert!(matches!(pay(&store, -1, "a"), Err(StoreError::Conflict(_))));
    assert_eq!(pay(&store, 10, "a"), Ok(10));
    assert_eq!(pay(&store, -10, "b"), Ok(0));
    assert!(matches!(pay(&store, -1, "c"), Err(StoreError::Conflict(_))));
    assert_eq!(pay(&store, i64::MAX, "d"), Ok(i64::MAX));
    assert!(matches!(pay(&store, 1, "e"), Err(StoreError::Invalid { .. })));
}

fn used(day: &str, tenant: &str, key: &str, model: &str, count: i64) -> Usage {
    Usage {
        day: day.into(),
        tenant: tenant.into(),
        key: key.into(),
        model: model.into(),
        requests: count,
        input: 10 * count,
        output: 20 * count,
        cost: 1_000_000_001 * count,
        fee: 7 * count,
        own_cost: count,
    }
}

pub(crate) fn a_statement_is_the_sum_of_its_month(database: &Database) {
    let store = with_acme(database);
    let usage = vec![
        used("2026-10-31", "acme", "k1", "m", 1000),
        used("2026-11-01", "acme", "k1", "m", 1),
        used("2026-11-01", "acme", "k1", "m", 2),
        used("2026-11-30", "acme", "k2", "m", 4),
        used("2026-11-30", "acme", "k2", "-", 8),
        used("2026-11-15", "umbrella", "k3", "m", 1000),
        used("2026-12-01", "acme", "k1", "m", 1000),
    ];
    store.post("node-1", &Posting { usage, ..Posting::default() }).unwrap();
    store
        .post("node-2", &Posting { usage: vec![used("2026-11-30", "acme", "k2", "-", 16)], ..Posting::default() })
        .unwrap();
    let sum = |count: i64| Sum {
        requests: count,
        input: 10 * count,
        output: 20 * count,
        cost: 1_000_000_001 * count,
        fee: 7 * count,
        own_cost: count,
    };
    let statement = store.statement(&scope("acme"), "acme", "2026-11").unwrap();
    assert_eq!(statement.models.into_iter().collect::<Vec<_>>(), [("-".into(), sum(24)), ("m".into(), sum(7))]);
    assert_eq!(statement.total, sum(31));
    let november = store.usage(&scope("acme"), "acme", "2026-11-01", "2026-11-30", None).unwrap();
    assert_eq!(november.iter().map(|used| used.requests).collect::<Vec<_>>(), [3, 24, 4]);
    let one = store.usage(&scope("acme"), "acme", "2026-11-01", "2026-11-30", Some("k1")).unwrap();
    assert_eq!(one, [used("2026-11-01", "acme", "k1", "m", 3)]);
    assert!(matches!(store.statement(&OPERATOR, "acme", "November"), Err(StoreError::Invalid { .. })));
    assert_eq!(store.statement(&OPERATOR, "acme", "2027-01").unwrap().total, Sum::default());
}

pub(crate) fn usage_stays_at_the_largest_number(database: &Database) {
    let store = with_acme(database);
    for _ in 0..2 {
        let mut row = used("2026-11-01", "acme", "k1", "m", 1);
        row.cost = i64::MAX - 1;
        store.post("node-1", &Posting { usage: vec![row], ..Posting::default() }).unwrap();
    }
    let rows = store.usage(&OPERATOR, "acme", "2026-11-01", "2026-11-01", None).unwrap();
    assert_eq!((rows[0].cost, rows[0].requests), (i64::MAX, 2));
    let less = Posting { usage: vec![used("2026-11-01", "acme", "k1", "m", -1)], ..Posting::default() };
    assert!(matches!(store.post("node-1", &less), Err(StoreError::Invalid { .. })));
}
