//! The feed of changes, and the streams that a snapshot is loaded from.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tollgate_store::{BalanceKind, Change, Changed, Key, Role, Tenant};

use crate::support::{Database, OPERATOR, budget, credential, key, member, tenant};

pub(crate) fn each_mutation_is_told(database: &Database) {
    let store = database.open();
    let mut at = 0;
    let mut told = |expected: &[(Changed, &str)]| {
        let new = store.changes_since(at, 100).unwrap();
        let seen: Vec<_> = new.iter().map(|change| (change.what, change.id.as_str())).collect();
        assert_eq!(seen, expected);
        at = store.last_change().unwrap();
        assert_eq!(new.last().map(|change| change.seq), Some(at));
    };
    assert_eq!((store.last_change().unwrap(), store.oldest_change().unwrap()), (0, 1));
    store.create_tenant(&OPERATOR, tenant("acme")).unwrap();
    told(&[(Changed::Tenant, "acme")]);
    store.change_tenant(&OPERATOR, &tenant("acme")).unwrap();
    told(&[(Changed::Tenant, "acme")]);
    let ann = store.create_member(&OPERATOR, member("acme", "a@b.example", Role::Member)).unwrap();
    told(&[(Changed::Member, &ann.id)]);
    store.change_member(&OPERATOR, &ann).unwrap();
    told(&[(Changed::Member, &ann.id)]);
    let made = Key { member: Some(ann.id.clone()), ..key(Some("acme"), "aaaaaaaa") };
    store.create_key(&OPERATOR, made.clone()).unwrap();
    told(&[(Changed::Key, "aaaaaaaa")]);
    store.change_key(&OPERATOR, &made).unwrap();
    told(&[(Changed::Key, "aaaaaaaa")]);
    store.remove_member(&OPERATOR, "acme", &ann.id, 1).unwrap();
    told(&[(Changed::Key, "aaaaaaaa"), (Changed::Member, &ann.id)]);
    let mut secret = store.create_credential(&OPERATOR, credential("acme")).unwrap();
    told(&[(Changed::Credential, &secret.id)]);
    secret.version += 1;
    store.replace_credential(&OPERATOR, &secret).unwrap();
    store.reseal(&secret.id, 2, b"x").unwrap();
    told(&[(Changed::Credential, &secret.id), (Changed::Credential, &secret.id)]);
    let cap = store.create_budget(&OPERATOR, budget("acme", 1)).unwrap();
    store.change_budget(&OPERATOR, &cap).unwrap();
    told(&[(Changed::Budget, &cap.id), (Changed::Budget, &cap.id)]);
    store.top_up(&OPERATOR, "acme", BalanceKind::Byok, 1, "", "k", 1).unwrap();
    told(&[(Changed::Balance, "bal_byok_acme")]);
    store.create_key(&OPERATOR, key(Some("acme"), "bbbbbbbb")).unwrap();
    store.revoke_key(&OPERATOR, "acme", "bbbbbbbb", 1).unwrap();
    told(&[(Changed::Key, "bbbbbbbb"), (Changed::Key, "bbbbbbbb")]);
    store.remove_tenant(&OPERATOR, "acme").unwrap();
    told(&[
        (Changed::Key, "aaaaaaaa"),
        (Changed::Key, "bbbbbbbb"),
        (Changed::Credential, &secret.id),
        (Changed::Budget, &cap.id),
        (Changed::Tenant, "acme"),
    ]);
    assert_eq!(store.oldest_change().unwrap(), 1);
}

/// A follower that ever saw a later change before an earlier one would miss the earlier one for good.
pub(crate) fn changes_come_in_the_order_of_commits(database: &Database) {
    const WRITERS: usize = 8;
    const EACH: usize = 12;
    let store = database.open();
    let done = AtomicUsize::new(0);
    let followed = std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, done) = (store.clone(), &done);
            scope.spawn(move || {
                for number in 0..EACH {
                    store.create_tenant(&OPERATOR, tenant(&format!("t{writer}-{number}"))).unwrap();
                }
                done.fetch_add(1, Ordering::Release);
            });
        }
        let until = Instant::now() + Duration::from_secs(60);
        let mut followed: Vec<Change> = Vec::new();
        loop {
            let over = done.load(Ordering::Acquire) == WRITERS || Instant::now() > until;
            let at = followed.last().map_or(0, |change| change.seq);
            followed.extend(store.changes_since(at, 1000).unwrap());
            if over {
                return followed;
            }
        }
    });
    let numbers: Vec<i64> = followed.iter().map(|change| change.seq).collect();
    assert_eq!(numbers, (1..=(WRITERS * EACH) as i64).collect::<Vec<_>>());
    let mut ids: Vec<_> = followed.into_iter().map(|change| change.id).collect();
    ids.sort();
    let stored: Vec<_> = store.all_tenants().unwrap().into_iter().map(|tenant: Tenant| tenant.id).collect();
    assert_eq!(ids, stored);
}

pub(crate) fn a_key_stream_misses_none(database: &Database) {
    const COUNT: i64 = 10_001;
    let store = database.open();
    let sql = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {COUNT}) \
         INSERT INTO keys (id, root, kind, name, role, hash, bindings, limits, created_ms) \
         SELECT 'k' || CAST(1000000 + i AS TEXT), 'k1000001', 'management', '', 'admin', 'h', '{{}}', '{{}}', i FROM n"
    );
    database.raw(&sql);
    let mut seen = Vec::new();
    store.all_keys(&mut |key| seen.push(key.created_ms)).unwrap();
    assert_eq!(seen, (1..=COUNT).collect::<Vec<_>>());
}

pub(crate) fn old_changes_are_forgotten_and_a_node_behind_can_tell(database: &Database) {
    let store = database.open();
    database.raw(
        "UPDATE counter SET seq = 199999; INSERT INTO changes (seq, what, id) \
         VALUES (1, 'tenant', 'a'), (100000, 'tenant', 'b'), (100001, 'tenant', 'c')",
    );
    assert_eq!(store.oldest_change().unwrap(), 1);
    store.create_tenant(&OPERATOR, tenant("acme")).unwrap();
    assert_eq!((store.oldest_change().unwrap(), store.last_change().unwrap()), (100_001, 200_000));
    assert_eq!(store.changes_since(0, 10).unwrap().len(), 2);
}
