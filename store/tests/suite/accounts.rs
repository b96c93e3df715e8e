//! Tenants and what is theirs.

use tollgate_api::RaceMode;
use tollgate_store::{Budget, Covers, Credential, Deadlines, Key, Member, Period, Role, Store, StoreError, Tenant};

use crate::support::{Database, OPERATOR, budget, credential, key, member, rows, scope, tenant};

fn with_acme(database: &Database) -> Store {
    let store = database.open();
    store.create_tenant(&OPERATOR, tenant("acme")).unwrap();
    store
}

fn conflicts<T: std::fmt::Debug>(done: Result<T, StoreError>) {
    assert!(matches!(done, Err(StoreError::Conflict(_))), "{done:?}");
}

fn invalid<T: std::fmt::Debug>(done: Result<T, StoreError>) {
    assert!(matches!(done, Err(StoreError::Invalid { .. })), "{done:?}");
}

pub(crate) fn what_is_made_is_found_as_it_was(database: &Database) {
    let store = with_acme(database);
    let acme = scope("acme");
    assert_eq!(store.tenant(&acme, "acme").unwrap(), tenant("acme"));
    let ann = store.create_member(&acme, member("acme", "ann@acme.example", Role::Owner)).unwrap();
    assert_eq!(store.member(&acme, "acme", &ann.id).unwrap(), ann);
    let made = store.create_key(&acme, Key { member: Some(ann.id.clone()), ..key(Some("acme"), "aaaaaaaa") }).unwrap();
    assert_eq!(store.key(&acme, "acme", "aaaaaaaa").unwrap(), made);
    assert_eq!(store.keys_of_member(&acme, "acme", &ann.id, None, 10).unwrap(), [made]);
    let secret = store.create_credential(&acme, credential("acme")).unwrap();
    assert_eq!(store.credential(&acme, "acme", &secret.id).unwrap(), secret);
    let cap = store.create_budget(&acme, budget("acme", 25)).unwrap();
    assert_eq!(store.budget(&acme, "acme", &cap.id).unwrap(), cap);
    assert_eq!(store.tenants(&acme, None, 10).unwrap(), store.tenants(&OPERATOR, None, 10).unwrap());
    conflicts(store.create_tenant(&OPERATOR, tenant("acme")));
    conflicts(store.create_key(&acme, key(Some("acme"), "aaaaaaaa")));
    conflicts(store.create_member(&acme, member("acme", "ann@acme.example", Role::Admin)));
    invalid(store.create_tenant(&OPERATOR, tenant("Acme")));
    invalid(store.create_budget(&acme, budget("acme", -1)));
}

pub(crate) fn changes_are_kept_and_removals_are_final(database: &Database) {
    let store = with_acme(database);
    let acme = scope("acme");
    let changed = Tenant { suspended: true, name: "New".into(), created_ms: 99, ..tenant("acme") };
    let kept = store.change_tenant(&acme, &changed).unwrap();
    assert_eq!(kept, Tenant { created_ms: 1, ..changed });
    assert_eq!(store.tenant(&acme, "acme").unwrap(), kept);
    store.create_key(&acme, key(Some("acme"), "aaaaaaaa")).unwrap();
    let changed = Key { name: "other".into(), expires_ms: None, hash: "no".into(), ..key(Some("acme"), "aaaaaaaa") };
    let kept = store.change_key(&acme, &changed).unwrap();
    assert_eq!(kept, Key { hash: "sha256$salt$hash".into(), ..changed });
    let mut cap = store.create_budget(&acme, budget("acme", 25)).unwrap();
    cap.limit = 7;
    assert_eq!(store.change_budget(&acme, &cap).unwrap(), cap);
    cap.period = Period::Day;
    invalid(store.change_budget(&acme, &cap));
    store.remove_budget(&acme, "acme", &cap.id).unwrap();
    assert_eq!(store.budget(&acme, "acme", &cap.id), Err(StoreError::NotFound));
    assert_eq!(store.remove_budget(&acme, "acme", &cap.id), Err(StoreError::NotFound));
    let secret = store.create_credential(&acme, credential("acme")).unwrap();
    store.remove_credential(&acme, "acme", &secret.id).unwrap();
    assert_eq!(store.credentials(&acme, "acme", None, 10).unwrap(), []);
}

pub(crate) fn what_is_said_of_deadlines_is_kept_and_can_be_taken_back(database: &Database) {
    let store = with_acme(database);
    let start_within = Some("1m30s".parse().unwrap());
    let deadlines = Deadlines { start_within, require: Some(false), race: Some(RaceMode::Sequential) };
    for deadlines in [deadlines, Deadlines { require: None, ..deadlines }, Deadlines::default()] {
        let acme = Tenant { deadlines, ..tenant("acme") };
        assert_eq!(store.change_tenant(&OPERATOR, &acme).unwrap(), acme);
        assert_eq!(store.load_tenant("acme").unwrap(), Some(acme));
    }
    assert!(rows(&store).contains(r#","{}",1]}"#), "nothing said is nothing written: {}", rows(&store));
}

pub(crate) fn deadlines_of_a_newer_tollgate_are_read_as_far_as_they_are_known(database: &Database) {
    let store = with_acme(database);
    let newer = r#"{"require":false,"race":"relay","start_within":{"percentile":99},"until":"noon"}"#;
    database.raw(&format!("UPDATE tenants SET deadlines = '{newer}'"));
    let read = store.tenant(&OPERATOR, "acme").unwrap();
    assert_eq!(read.deadlines, Deadlines { require: Some(false), ..Deadlines::default() });
    assert!(store.change_tenant(&OPERATOR, &Tenant { suspended: true, ..read }).unwrap().suspended);
}

pub(crate) fn lists_come_in_pages(database: &Database) {
    let store = with_acme(database);
    for number in 0..7 {
        store.create_key(&OPERATOR, key(Some("acme"), &format!("key0000{number}"))).unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = store.keys(&OPERATOR, "acme", after.as_deref(), 3).unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        seen.extend(page.into_iter().map(|key| key.id));
    }
    assert_eq!(seen, (0..7).map(|number| format!("key0000{number}")).collect::<Vec<_>>());
    invalid(store.keys(&OPERATOR, "acme", None, 1001));
    invalid(store.keys(&OPERATOR, "acme", None, 0));
    // By their bytes, in whatever language the database sorts.
    for id in ["b", "a-b", "a0", "ab"] {
        store.create_tenant(&OPERATOR, tenant(id)).unwrap();
    }
    let ids: Vec<_> = store.tenants(&OPERATOR, None, 10).unwrap().into_iter().map(|tenant| tenant.id).collect();
    assert_eq!(ids, ["a-b", "a0", "ab", "acme", "b"]);
}

pub(crate) fn the_last_owner_stays(database: &Database) {
    let store = with_acme(database);
    let acme = scope("acme");
    let ann = store.create_member(&acme, member("acme", "ann@acme.example", Role::Owner)).unwrap();
    conflicts(store.remove_member(&acme, "acme", &ann.id, 1));
    conflicts(store.change_member(&acme, &Member { role: Role::Admin, ..ann.clone() }));
    store.change_member(&acme, &Member { name: "Anna".into(), ..ann.clone() }).unwrap();
    let bob = store.create_member(&acme, member("acme", "bob@acme.example", Role::Owner)).unwrap();
    store.remove_member(&acme, "acme", &ann.id, 1).unwrap();
    conflicts(store.remove_member(&acme, "acme", &bob.id, 1));
    assert_eq!(store.members(&acme, "acme", None, 10).unwrap(), [bob]);
}

pub(crate) fn a_members_keys_go_with_it(database: &Database) {
    let store = with_acme(database);
    let acme = scope("acme");
    let ann = store.create_member(&acme, member("acme", "ann@acme.example", Role::Member)).unwrap();
    store.create_key(&acme, Key { member: Some(ann.id.clone()), ..key(Some("acme"), "aaaaaaaa") }).unwrap();
    store.create_key(&acme, key(Some("acme"), "bbbbbbbb")).unwrap();
    store.remove_member(&acme, "acme", &ann.id, 77).unwrap();
    assert_eq!(store.key(&acme, "acme", "aaaaaaaa").unwrap().revoked_ms, Some(77));
    assert_eq!(store.key(&acme, "acme", "bbbbbbbb").unwrap().revoked_ms, None);
}

pub(crate) fn a_revoked_key_never_comes_back(database: &Database) {
    let store = with_acme(database);
    let acme = scope("acme");
    store.create_key(&acme, key(Some("acme"), "aaaaaaaa")).unwrap();
    assert_eq!(store.revoke_key(&acme, "acme", "aaaaaaaa", 5).unwrap().revoked_ms, Some(5));
    assert_eq!(store.revoke_key(&acme, "acme", "aaaaaaaa", 9).unwrap().revoked_ms, Some(5));
    let revived = store.change_key(&acme, &key(Some("acme"), "aaaaaaaa")).unwrap();
    assert_eq!(revived.revoked_ms, Some(5));
    assert_eq!(store.load_key("aaaaaaaa").unwrap().unwrap().revoked_ms, Some(5));
}

pub(crate) fn a_tenant_goes_with_what_is_its_own_and_its_id_is_not_given_out_again(database: &Database) {
    let store = with_acme(database);
    store.create_tenant(&OPERATOR, tenant("umbrella")).unwrap();
    for (owner, id) in [("acme", "aaaaaaaa"), ("umbrella", "bbbbbbbb")] {
        store.create_key(&OPERATOR, key(Some(owner), id)).unwrap();
        store.create_member(&OPERATOR, member(owner, "ann@acme.example", Role::Owner)).unwrap();
        store.create_credential(&OPERATOR, credential(owner)).unwrap();
        store.create_budget(&OPERATOR, budget(owner, 1)).unwrap();
    }
    assert_eq!(store.remove_tenant(&scope("acme"), "acme"), Err(StoreError::NotFound));
    store.remove_tenant(&OPERATOR, "acme").unwrap();
    assert_eq!(store.tenant(&scope("acme"), "acme"), Err(StoreError::NotFound));
    assert_eq!(store.keys(&OPERATOR, "acme", None, 10), Err(StoreError::NotFound));
    assert_eq!(store.load_key("aaaaaaaa").unwrap(), None);
    let left = (store.all_members().unwrap(), store.all_credentials().unwrap(), store.all_budgets().unwrap());
    assert_eq!((left.0.len(), left.1.len(), left.2.len()), (1, 1, 1));
    assert!(store.load_key("bbbbbbbb").unwrap().is_some());
    conflicts(store.create_tenant(&OPERATOR, tenant("acme")));
}

pub(crate) fn a_credential_is_replaced_only_by_who_saw_it_last(database: &Database) {
    let store = with_acme(database);
    let acme = scope("acme");
    let mut secret = store.create_credential(&acme, credential("acme")).unwrap();
    conflicts(store.replace_credential(&acme, &secret));
    secret.version = 2;
    secret.sealed = vec![9; 40];
    assert_eq!(store.replace_credential(&acme, &secret).unwrap(), secret);
    conflicts(store.replace_credential(&acme, &secret));
    conflicts(store.reseal(&secret.id, 1, b"old"));
    store.reseal(&secret.id, 2, b"rotated").unwrap();
    let now = store.credential(&acme, "acme", &secret.id).unwrap();
    assert_eq!((now.version, now.sealed.as_slice()), (2, b"rotated".as_slice()));
    let shown = format!("{now:?} {:?}", store.create_key(&acme, key(Some("acme"), "aaaaaaaa")).unwrap());
    assert!(!shown.contains("hash\"") && !shown.contains("sealed") && !shown.contains("114"), "{shown}");
}

pub(crate) fn a_budget_covers_only_what_is_the_tenants_own(database: &Database) {
    let store = with_acme(database);
    store.create_tenant(&OPERATOR, tenant("umbrella")).unwrap();
    store.create_key(&OPERATOR, key(Some("umbrella"), "bbbbbbbb")).unwrap();
    let theirs = store.create_member(&OPERATOR, member("umbrella", "u@u.example", Role::Owner)).unwrap();
    for covers in [Covers::Key("bbbbbbbb".into()), Covers::Member(theirs.id.clone()), Covers::Key("none".into())] {
        let mut cap = budget("acme", 1);
        cap.covers = covers;
        assert_eq!(store.create_budget(&OPERATOR, cap), Err(StoreError::NotFound));
    }
    let stolen = Key { member: Some(theirs.id), ..key(Some("acme"), "aaaaaaaa") };
    assert_eq!(store.create_key(&OPERATOR, stolen), Err(StoreError::NotFound));
    let mut cap = budget("umbrella", 1);
    cap.covers = Covers::Key("bbbbbbbb".into());
    assert!(store.create_budget(&OPERATOR, cap).is_ok());
}

pub(crate) fn a_key_goes_on_with_a_line_of_its_own_tenant_only(database: &Database) {
    let store = with_acme(database);
    store.create_tenant(&OPERATOR, tenant("umbrella")).unwrap();
    store.create_key(&OPERATOR, key(Some("umbrella"), "uuuuuuuu")).unwrap();
    store.create_key(&OPERATOR, key(None, "rootroot")).unwrap();
    let after = |id: &str, root: &str| Key { root: root.into(), ..key(Some("acme"), id) };
    let first = store.create_key(&OPERATOR, after("aaaaaaaa", "")).unwrap();
    assert_eq!(first.root, "aaaaaaaa", "it begins a line");
    for (id, of) in [("bbbbbbbb", "aaaaaaaa"), ("cccccccc", "bbbbbbbb")] {
        assert_eq!(store.create_key(&OPERATOR, after(id, of)).unwrap().root, "aaaaaaaa", "{id}");
        assert_eq!(store.load_key(id).unwrap().unwrap().root, "aaaaaaaa", "{id}");
    }
    for foreign in ["uuuuuuuu", "rootroot", "neverwas"] {
        for scope in [OPERATOR, scope("acme")] {
            assert_eq!(store.create_key(&scope, after("dddddddd", foreign)), Err(StoreError::NotFound), "{foreign}");
        }
    }
    let moved = store.change_key(&OPERATOR, &after("cccccccc", "cccccccc")).unwrap();
    assert_eq!(moved.root, "aaaaaaaa", "no change takes a key out of its line");
}

pub(crate) fn a_budget_of_any_key_of_a_line_covers_the_line_and_outlives_its_keys(database: &Database) {
    let store = with_acme(database);
    store.create_key(&OPERATOR, key(Some("acme"), "aaaaaaaa")).unwrap();
    store.create_key(&OPERATOR, Key { root: "aaaaaaaa".into(), ..key(Some("acme"), "bbbbbbbb") }).unwrap();
    store.revoke_key(&OPERATOR, "acme", "aaaaaaaa", 1).unwrap();
    for id in ["aaaaaaaa", "bbbbbbbb"] {
        let asked = Budget { covers: Covers::Key(id.into()), ..budget("acme", 9) };
        let made = store.create_budget(&OPERATOR, asked).unwrap();
        assert_eq!(made.covers, Covers::Key("aaaaaaaa".into()), "{id}");
        assert_eq!(store.load_budget(&made.id).unwrap().unwrap(), made);
    }
    store.revoke_key(&OPERATOR, "acme", "bbbbbbbb", 2).unwrap();
    assert_eq!(store.budgets(&OPERATOR, "acme", None, 10).unwrap().len(), 2);
}

pub(crate) fn the_operators_budget_is_the_operators_alone(database: &Database) {
    let store = with_acme(database);
    let acme = scope("acme");
    let mine = Budget { by_operator: true, ..budget("acme", 5) };
    invalid(store.create_budget(&acme, mine.clone()));
    let mut made = store.create_budget(&OPERATOR, mine).unwrap();
    assert_eq!(store.budget(&acme, "acme", &made.id).unwrap(), made, "the tenant sees it");
    conflicts(store.change_budget(&acme, &Budget { limit: 500, ..made.clone() }));
    conflicts(store.change_budget(&acme, &Budget { limit: 500, by_operator: false, ..made.clone() }));
    conflicts(store.remove_budget(&acme, "acme", &made.id));
    assert_eq!(store.budget(&acme, "acme", &made.id).unwrap(), made);
    made.limit = 7;
    let taken = Budget { by_operator: false, ..made.clone() };
    assert_eq!(store.change_budget(&OPERATOR, &taken).unwrap(), made, "whose it is does not change");
    store.remove_budget(&OPERATOR, "acme", &made.id).unwrap();
    let own = store.create_budget(&acme, budget("acme", 5)).unwrap();
    store.change_budget(&acme, &Budget { limit: 500, ..own.clone() }).unwrap();
    store.remove_budget(&acme, "acme", &own.id).unwrap();
}

pub(crate) fn a_tenant_has_one_credential_for_a_provider(database: &Database) {
    let store = with_acme(database);
    store.create_tenant(&OPERATOR, tenant("umbrella")).unwrap();
    let of = |provider: &str| Credential { provider: provider.into(), ..credential("acme") };
    let first = store.create_credential(&OPERATOR, of("openai")).unwrap();
    let second = store.create_credential(&OPERATOR, of("openai"));
    let Err(StoreError::Conflict(why)) = second else { panic!("{second:?}") };
    assert!(why.contains(&first.id) && why.contains("replace that one"), "{why}");
    store.create_credential(&OPERATOR, credential("umbrella")).unwrap();
    let other = store.create_credential(&OPERATOR, of("anthropic")).unwrap();
    conflicts(store.replace_credential(&OPERATOR, &Credential { version: 2, provider: "openai".into(), ..other }));
    assert_eq!(store.credentials(&OPERATOR, "acme", None, 10).unwrap().len(), 2);
    store.remove_credential(&OPERATOR, "acme", &first.id).unwrap();
    store.create_credential(&OPERATOR, of("openai")).unwrap();
}

pub(crate) fn strange_texts_come_back_as_they_were(database: &Database) {
    let store = database.open();
    let strange =
        ["'; DROP TABLE tenants; --", "\"\\$1 ?1 %s {}", "日本語 \u{1F980}\u{10FFFF}", "", "\u{1}\r\n\t", "a'||'b"];
    for (number, name) in strange.iter().enumerate() {
        let id = format!("t{number}");
        store.create_tenant(&OPERATOR, Tenant { name: (*name).into(), ..tenant(&id) }).unwrap();
        let mut made = key(Some(&id), &format!("key0000{number}"));
        made.name = (*name).into();
        made.bindings.tags = if name.is_empty() { Vec::new() } else { vec![(*name).into()] };
        store.create_key(&OPERATOR, made.clone()).unwrap();
        assert_eq!(store.tenant(&OPERATOR, &id).unwrap().name, *name);
        assert_eq!(store.key(&OPERATOR, &id, &made.id).unwrap(), made);
        assert_eq!(store.key(&OPERATOR, name, &made.id), Err(StoreError::NotFound));
        assert_eq!(store.key(&OPERATOR, &id, name), Err(StoreError::NotFound));
    }
}

pub(crate) fn nul_is_refused_everywhere(database: &Database) {
    let store = with_acme(database);
    let nul = "a\0b".to_owned();
    invalid(store.create_tenant(&OPERATOR, Tenant { name: nul.clone(), ..tenant("nul") }));
    invalid(store.change_tenant(&OPERATOR, &Tenant { name: nul.clone(), ..tenant("acme") }));
    invalid(store.create_member(&OPERATOR, member("acme", "a\0@b", Role::Owner)));
    invalid(store.create_key(&OPERATOR, Key { name: nul.clone(), ..key(Some("acme"), "aaaaaaaa") }));
    let mut bound = key(Some("acme"), "aaaaaaaa");
    bound.bindings.tags = vec![nul.clone()];
    invalid(store.create_key(&OPERATOR, bound));
    let mut secret = credential("acme");
    secret.base_url = Some(nul.clone());
    invalid(store.create_credential(&OPERATOR, secret));
    let mut cap = budget("acme", 1);
    cap.covers = Covers::Tag(nul.clone());
    invalid(store.create_budget(&OPERATOR, cap));
    invalid(store.top_up(&OPERATOR, "acme", tollgate_store::BalanceKind::Managed, 1, &nul, "k", 1));
    invalid(store.key(&OPERATOR, "acme", &nul));
    assert_eq!(store.last_change().unwrap(), 1);
}

pub(crate) fn the_operators_keys_are_the_operators_alone(database: &Database) {
    let store = with_acme(database);
    let root = key(None, "rootroot");
    assert_eq!(store.create_key(&scope("acme"), root.clone()), Err(StoreError::NotFound));
    store.create_key(&OPERATOR, root.clone()).unwrap();
    assert_eq!(store.operator_key(&OPERATOR, "rootroot").unwrap(), root);
    assert_eq!(store.operator_keys(&OPERATOR, None, 10).unwrap(), std::slice::from_ref(&root));
    let acme = scope("acme");
    assert_eq!(store.operator_keys(&acme, None, 10), Err(StoreError::NotFound));
    assert_eq!(store.operator_key(&acme, "rootroot"), Err(StoreError::NotFound));
    assert_eq!(store.revoke_operator_key(&acme, "rootroot", 1), Err(StoreError::NotFound));
    assert_eq!(store.revoke_key(&acme, "acme", "rootroot", 1), Err(StoreError::NotFound));
    assert_eq!(store.key(&OPERATOR, "acme", "rootroot"), Err(StoreError::NotFound));
    assert_eq!(store.change_key(&acme, &root), Err(StoreError::NotFound));
    assert_eq!(store.revoke_operator_key(&OPERATOR, "rootroot", 8).unwrap().revoked_ms, Some(8));
}
