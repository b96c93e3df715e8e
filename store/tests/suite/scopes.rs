//! Whatever one tenant asks for of another, by right ids or wrong ones: it does not exist.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tollgate_store::{BalanceKind, Covers, Key, Role, Scope, Store, StoreError};

use crate::support::{Database, OPERATOR, budget, credential, key, member, rows, scope, tenant};

/// What there is of the other tenant.
struct Theirs {
    member: String,
    key: String,
    credential: String,
    budget: String,
}

type Probe = fn(&Store, &Scope, &Theirs, &str) -> Result<(), StoreError>;

const THEM: &str = "umbrella";

/// Every method that takes a scope. The text is what a caller may write of its own.
const PROBES: &[Probe] = &[
    |store, scope, _, _| store.create_tenant(scope, tenant(THEM)).map(drop),
    |store, scope, _, text| store.create_tenant(scope, tenant(text)).map(drop),
    |store, scope, _, _| store.tenant(scope, THEM).map(drop),
    |store, scope, _, text| {
        let mut other = tenant(THEM);
        other.name = text.into();
        store.change_tenant(scope, &other).map(drop)
    },
    |store, scope, _, _| store.remove_tenant(scope, THEM),
    |store, scope, _, text| store.create_member(scope, member(THEM, text, Role::Owner)).map(drop),
    |store, scope, them, _| store.member(scope, THEM, &them.member).map(drop),
    |store, scope, _, text| store.members(scope, THEM, Some(text), 0).map(drop),
    |store, scope, them, text| {
        let mut other = member(THEM, text, Role::Member);
        other.id.clone_from(&them.member);
        store.change_member(scope, &other).map(drop)
    },
    |store, scope, them, _| store.remove_member(scope, THEM, &them.member, 1),
    |store, scope, them, _| store.create_key(scope, key(Some(THEM), &them.key)).map(drop),
    |store, scope, _, text| store.create_key(scope, key(Some(THEM), text)).map(drop),
    |store, scope, _, text| store.create_key(scope, key(None, text)).map(drop),
    |store, scope, them, _| store.key(scope, THEM, &them.key).map(drop),
    |store, scope, _, text| store.keys(scope, THEM, Some(text), 0).map(drop),
    |store, scope, them, _| store.keys_of_member(scope, THEM, &them.member, None, 0).map(drop),
    |store, scope, them, text| {
        store.change_key(scope, &Key { name: text.into(), ..key(Some(THEM), &them.key) }).map(drop)
    },
    |store, scope, them, _| store.revoke_key(scope, THEM, &them.key, 1).map(drop),
    |store, scope, them, _| store.operator_key(scope, &them.key).map(drop),
    |store, scope, _, text| store.operator_keys(scope, Some(text), 0).map(drop),
    |store, scope, them, _| store.revoke_operator_key(scope, &them.key, 1).map(drop),
    |store, scope, _, text| {
        let mut other = credential(THEM);
        other.provider = text.into();
        store.create_credential(scope, other).map(drop)
    },
    |store, scope, them, _| store.credential(scope, THEM, &them.credential).map(drop),
    |store, scope, _, text| store.credentials(scope, THEM, Some(text), 0).map(drop),
    |store, scope, them, text| {
        let mut other = credential(THEM);
        (other.id, other.name) = (them.credential.clone(), text.into());
        store.replace_credential(scope, &other).map(drop)
    },
    |store, scope, them, _| store.remove_credential(scope, THEM, &them.credential),
    |store, scope, _, text| {
        let mut other = budget(THEM, -1);
        other.covers = Covers::Tag(text.into());
        store.create_budget(scope, other).map(drop)
    },
    |store, scope, them, _| store.budget(scope, THEM, &them.budget).map(drop),
    |store, scope, _, text| store.budgets(scope, THEM, Some(text), 0).map(drop),
    |store, scope, them, _| {
        let mut other = budget(THEM, -5);
        other.id.clone_from(&them.budget);
        store.change_budget(scope, &other).map(drop)
    },
    |store, scope, them, _| store.remove_budget(scope, THEM, &them.budget),
    |store, scope, them, _| store.budget_standing(scope, THEM, &them.budget, 0).map(drop),
    |store, scope, _, text| store.top_up(scope, THEM, BalanceKind::Byok, -1, text, text, 1).map(drop),
    |store, scope, _, _| store.balances(scope, THEM).map(drop),
    |store, scope, _, text| store.top_ups(scope, THEM, Some(text), 0).map(drop),
    |store, scope, _, text| store.usage(scope, THEM, text, text, Some(text)).map(drop),
    |store, scope, _, text| store.statement(scope, THEM, text).map(drop),
    // Their ids under one's own name.
    |store, scope, them, _| store.member(scope, "acme", &them.member).map(drop),
    |store, scope, them, _| store.remove_member(scope, "acme", &them.member, 1),
    |store, scope, them, _| store.key(scope, "acme", &them.key).map(drop),
    |store, scope, them, _| store.revoke_key(scope, "acme", &them.key, 1).map(drop),
    |store, scope, them, _| store.change_key(scope, &key(Some("acme"), &them.key)).map(drop),
    |store, scope, them, _| store.keys_of_member(scope, "acme", &them.member, None, 9).map(drop),
    |store, scope, them, _| {
        store.create_key(scope, Key { root: them.key.clone(), ..key(Some("acme"), "aaaaaaaa") }).map(drop)
    },
    |store, scope, them, _| store.credential(scope, "acme", &them.credential).map(drop),
    |store, scope, them, _| store.remove_credential(scope, "acme", &them.credential),
    |store, scope, them, _| store.budget(scope, "acme", &them.budget).map(drop),
    |store, scope, them, _| store.remove_budget(scope, "acme", &them.budget),
    |store, scope, them, _| store.budget_standing(scope, "acme", &them.budget, 0).map(drop),
];

pub(crate) fn nothing_of_another_tenant_exists(database: &Database) {
    let store = database.open();
    for id in ["acme", THEM] {
        store.create_tenant(&OPERATOR, tenant(id)).unwrap();
    }
    store.create_key(&OPERATOR, key(Some(THEM), "bbbbbbbb")).unwrap();
    store.top_up(&OPERATOR, THEM, BalanceKind::Byok, 100, "", "first", 1).unwrap();
    let theirs = Theirs {
        member: store.create_member(&OPERATOR, member(THEM, "u@u.example", Role::Owner)).unwrap().id,
        key: "bbbbbbbb".into(),
        credential: store.create_credential(&OPERATOR, credential(THEM)).unwrap().id,
        budget: store.create_budget(&OPERATOR, budget(THEM, 9)).unwrap().id,
    };
    let (acme, before) = (scope("acme"), rows(&store));
    for (number, probe) in PROBES.iter().enumerate() {
        assert_eq!(probe(&store, &acme, &theirs, ""), Err(StoreError::NotFound), "probe {number}");
    }
    let text = prop_oneof![Just("bbbbbbbb".to_owned()), Just("u\0".to_owned()), Just("' OR 1=1 --".into()), ".{0,300}"];
    TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() })
        .run(&(0..PROBES.len(), text), |(number, text)| {
            prop_assert_eq!(PROBES[number](&store, &acme, &theirs, &text), Err(StoreError::NotFound));
            Ok(())
        })
        .unwrap();
    assert_eq!(rows(&store), before);
    assert_eq!(store.tenants(&acme, None, 10).unwrap(), [tenant("acme")]);
    assert_eq!(store.keys(&acme, "acme", None, 10).unwrap(), []);
}
