//! Keys: shown once, never more than their maker, and gone when they are taken back.

use std::sync::atomic::Ordering;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tollgate_admin::Manager;
use tollgate_store::{Bindings, Key, KeyKind, Role};

use crate::world::{Ids, NOW, ROLES, World};

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_key_is_shown_in_the_answer_that_makes_it_and_never_again() {
    let (world, alpha, _) = World::new().await;
    let body = json!({"kind": "management", "role": "owner", "member": alpha.owner, "name": "ci"});
    let made = world.done("POST", "tenants/alpha/keys", Some(body)).await;
    let text = made["key"].as_str().unwrap().to_owned();
    assert_eq!((&text[..4], &text[4..12]), ("tgm_", made["id"].as_str().unwrap()));
    assert!(made.get("hash").is_none());
    let stored = world.store.load_key(&text[4..12]).unwrap().unwrap();
    assert!(!stored.hash.contains(&text[13..56]));
    let key = format!("tenants/alpha/keys/{}", &text[4..12]);
    let shown = [
        world.done("GET", &key, None).await,
        world.done("GET", "tenants/alpha/keys", None).await,
        world.done("PATCH", &key, Some(json!({"name": "other"}))).await,
        world.done("GET", &format!("{key}/limits"), None).await,
        world.operator("PATCH", &key, Some(json!({"name": 5}))).await.1,
        world.done("DELETE", &key, None).await,
        json!(world.acts.lock().unwrap().clone()),
    ];
    for answer in shown {
        assert!(!answer.to_string().contains(&text[13..56]), "{answer}");
        assert!(!answer.to_string().contains(&stored.hash), "{answer}");
    }
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_and_revoking_twice_changes_nothing() {
    let (world, alpha, _) = World::new().await;
    let body = json!({"kind": "management", "role": "admin", "member": alpha.admin});
    let text = world.key_text("tenants/alpha/keys", body).await;
    let me = || world.over_http(Some(text.as_bytes()), "GET", "/api/v1/manage/me", "");
    assert_eq!(me().await.0, 200);
    let key = format!("tenants/alpha/keys/{}", &text[4..12]);
    let first = world.done("DELETE", &key, None).await;
    world.now.fetch_add(5000, Ordering::Relaxed);
    assert_eq!(world.done("DELETE", &key, None).await, first);
    assert_eq!(me().await.0, 401);
    // Whoever asks with it all the same makes nothing.
    let late = Manager { key: text[4..12].into(), ..alpha.manager(Role::Owner) };
    assert_eq!(world.ask(&late, "POST", "tenants/alpha/keys", Some(json!({}))).await.0, 401);
}

#[tokio::test]
async fn a_member_sees_and_makes_its_own_keys_only() {
    let (world, alpha, _) = World::new().await;
    let member = alpha.manager(Role::Member);
    let other = world.made("tenants/alpha/keys", json!({"member": alpha.owner})).await;
    let nobodys = world.made("tenants/alpha/keys", json!({})).await;
    let (_, list) = world.ask(&member, "GET", "tenants/alpha/keys", None).await;
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|key| key["id"].clone()).collect();
    assert_eq!(ids, [json!(alpha.key)]);
    let (_, never) = world.ask(&member, "GET", "tenants/alpha/keys/never123", None).await;
    for id in [&other, &nobodys] {
        for (method, path) in [("GET", ""), ("DELETE", ""), ("POST", "/rotate"), ("GET", "/limits")] {
            let path = format!("tenants/alpha/keys/{id}{path}");
            assert_eq!(world.ask(&member, method, &path, None).await, (404, never.clone()), "{method} {path}");
        }
    }
    let days = "from=2026-01-01&to=2026-12-31";
    let (status, _) = world.ask(&member, "GET", &format!("tenants/alpha/usage?{days}&key={other}"), None).await;
    assert_eq!(status, 404);
    let theirs = format!("tenants/alpha/keys?member={}", alpha.owner);
    assert_eq!(world.ask(&member, "GET", &theirs, None).await.0, 404);

    let (status, made) = world.ask(&member, "POST", "tenants/alpha/keys", Some(json!({"name": "mine"}))).await;
    assert_eq!((status, &made["member"]), (201, &json!(alpha.member)));
    let (status, _) = world.ask(&member, "POST", "tenants/alpha/keys", Some(json!({"member": alpha.owner}))).await;
    assert_eq!(status, 403);
    let of_nobody = Manager { member: None, ..member };
    assert_eq!(world.ask(&of_nobody, "POST", "tenants/alpha/keys", Some(json!({}))).await.0, 403);
    let (status, list) = world.ask(&of_nobody, "GET", "tenants/alpha/keys", None).await;
    assert_eq!((status, &list["data"]), (200, &json!([])));
}

#[tokio::test]
async fn an_admin_gets_no_owners_key_by_any_way() {
    let (world, alpha, _) = World::new().await;
    let admin = alpha.manager(Role::Admin);
    let body = json!({"kind": "management", "role": "owner", "member": alpha.owner});
    let (status, answer) = world.ask(&admin, "POST", "tenants/alpha/keys", Some(body.clone())).await;
    assert_eq!((status, code(&answer)), (403, "scope_exceeded"));
    let owners = world.made("tenants/alpha/keys", body).await;
    let key = format!("tenants/alpha/keys/{owners}");
    let tries = [("POST", "/rotate", json!({})), ("PATCH", "", json!({"name": "x"})), ("PUT", "/limits", json!({}))];
    for (method, path, body) in tries {
        assert_eq!(world.ask(&admin, method, &format!("{key}{path}"), Some(body)).await.0, 403, "{method} {path}");
    }
    assert_eq!(world.ask(&admin, "DELETE", &key, None).await.0, 403);
    assert_eq!(world.ask(&admin, "GET", &key, None).await.0, 200);
    // Nor one above the member that it is for.
    let above = json!({"kind": "management", "role": "admin", "member": alpha.member});
    assert_eq!(world.operator("POST", "tenants/alpha/keys", Some(above)).await.0, 400);
}

#[tokio::test]
async fn a_rotated_key_keeps_its_settings_and_goes_on_with_its_budgets() {
    let (world, alpha, _) = World::new().await;
    let body = json!({
        "name": "app", "member": alpha.member, "expires_ms": NOW + 86_400_000,
        "bindings": {"models": ["gpt-*"], "providers": null, "ips": ["192.0.2.0/24"], "tags": ["a"]},
        "limits": {"requests_per_minute": 7, "tokens_per_day": 9},
    });
    let old = world.done("POST", "tenants/alpha/keys", Some(body)).await;
    let id = old["id"].as_str().unwrap();
    let budget = json!({"covers": {"key": id}, "period": "day", "limit": "3"});
    let budget = world.made("tenants/alpha/budgets", budget).await;
    let rotate = format!("tenants/alpha/keys/{id}/rotate");
    let new = world.done("POST", &rotate, Some(json!({"grace_seconds": 60}))).await;
    for same in ["name", "member", "kind", "role", "expires_ms", "bindings", "limits", "tenant"] {
        assert_eq!(new[same], old[same], "{same}");
    }
    assert_ne!((&new["key"], &new["id"]), (&old["key"], &old["id"]));
    assert_eq!((&old["root"], &new["root"]), (&old["id"], &old["id"]));
    let budgets = world.done("GET", "tenants/alpha/budgets", None).await;
    let of_keys = budgets["data"].as_array().unwrap().iter().filter(|one| one["covers"]["key"] != json!(alpha.key));
    let ids: Vec<_> = of_keys.map(|one| (one["id"].clone(), one["covers"]["key"].clone())).collect();
    assert_eq!(ids, [(json!(budget), old["id"].clone())], "the same one, and no other that begins unspent");
    let of_new = json!({"covers": {"key": new["id"]}, "period": "month", "limit": "9"});
    let of_new = world.done("POST", "tenants/alpha/budgets", Some(of_new)).await;
    assert_eq!(of_new["covers"]["key"], old["id"], "whichever key is named, the line is covered");
    let path = format!("tenants/alpha/keys/{id}");
    assert_eq!(world.done("GET", &path, None).await["expires_ms"], json!(NOW + 60_000));
    let second = world.done("POST", &rotate, None).await;
    assert_eq!(second["root"], old["id"]);
    assert_eq!(second["expires_ms"], json!(NOW + 60_000), "its settings are those that it has now");
    assert_eq!(world.done("GET", &path, None).await["revoked_ms"], json!(NOW));
    let (status, answer) = world.operator("POST", &rotate, None).await;
    assert_eq!((status, code(&answer)), (409, "conflict"));
    assert_eq!(world.operator("POST", &rotate, Some(json!({"grace_seconds": 604_801}))).await.0, 400);
}

#[tokio::test]
async fn what_is_not_named_in_a_change_stays() {
    let (world, alpha, _) = World::new().await;
    let path = format!("tenants/alpha/keys/{}", alpha.key);
    let body = json!({"expires_ms": NOW + 1000, "bindings": {"tags": ["t"]}, "limits": {"concurrent_requests": 2}});
    let changed = world.done("PATCH", &path, Some(body)).await;
    let again = world.done("PATCH", &path, Some(json!({"name": "n"}))).await;
    for same in ["expires_ms", "bindings", "limits", "member"] {
        assert_eq!(changed[same], again[same], "{same}");
    }
    assert_eq!(world.done("PATCH", &path, Some(json!({"expires_ms": null}))).await["expires_ms"], Value::Null);
    for over in [json!(NOW), json!(0)] {
        assert_eq!(world.operator("PATCH", &path, Some(json!({"expires_ms": over}))).await.0, 400);
    }
    let limits = world.done("PUT", &format!("{path}/limits"), Some(json!({"requests_per_day": 4}))).await;
    assert_eq!((&limits["requests_per_day"], &limits["concurrent_requests"]), (&json!(4), &Value::Null));
}

#[tokio::test]
async fn lists_come_in_pages() {
    let (world, _, _) = World::new().await;
    for _ in 0..7 {
        world.made("tenants/alpha/keys", json!({})).await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = world.done("GET", &format!("tenants/alpha/keys?limit=3&after={after}"), None).await;
        seen.extend(page["data"].as_array().unwrap().iter().map(|key| key["id"].clone()));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    seen.sort_by_key(Value::to_string);
    seen.dedup();
    assert_eq!(seen.len(), 8);
}

/// A key that manages, in the store and so with an end.
#[derive(Clone, Debug)]
struct Maker {
    role: Role,
    bindings: Bindings,
    expires_ms: Option<i64>,
}

fn any_bindings() -> impl Strategy<Value = Bindings> {
    let one_of = |of: &'static [&'static str]| {
        let list = prop::collection::vec(prop::sample::select(of), 1..3);
        prop::option::of(list.prop_map(|list| list.into_iter().map(str::to_owned).collect::<Vec<_>>()))
    };
    (
        one_of(&["*", "gpt-*", "gpt-4*", "gpt-4o", "claude"]),
        one_of(&["openai", "anthropic"]),
        one_of(&["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "2001:db8::/32"]),
        one_of(&["a", "b"]),
    )
        .prop_map(|(models, providers, ips, tags)| Bindings {
            models,
            providers,
            ips,
            tags: tags.unwrap_or_default(),
        })
}

fn any_end() -> impl Strategy<Value = Option<i64>> {
    prop::option::of((1..5_i64).prop_map(|steps| NOW + steps * 1000))
}

fn any_maker() -> impl Strategy<Value = Maker> {
    (prop::sample::select(ROLES.as_slice()), any_bindings(), any_end()).prop_map(|(role, bindings, expires_ms)| Maker {
        role,
        bindings,
        expires_ms,
    })
}

/// Requests that tell these bindings apart: model, provider, address.
const MODELS: [&str; 5] = ["gpt-4o", "gpt-4-turbo", "gpt-3", "claude", "o3"];
const PROVIDERS: [&str; 3] = ["openai", "anthropic", "other"];
const IPS: [&str; 6] = ["10.1.2.3", "10.1.2.4", "10.2.0.1", "192.0.2.1", "2001:db8::1", "2001:db9::1"];

fn allows(bindings: &Value) -> (Vec<bool>, Vec<bool>, Vec<bool>) {
    let texts = |name: &str| {
        let list = bindings[name].as_array().cloned();
        list.map(|list| list.iter().map(|one| one.as_str().unwrap().to_owned()).collect::<Vec<_>>())
    };
    let (models, providers, ips) = (texts("models"), texts("providers"), texts("ips"));
    let glob = |pattern: &str, text: &str| match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => pattern == text,
    };
    let holds = |net: &str, ip: &str| match net {
        "0.0.0.0/0" => !ip.contains(':'),
        "10.0.0.0/8" => ip.starts_with("10."),
        "10.1.0.0/16" => ip.starts_with("10.1."),
        "10.1.2.3/32" => ip == "10.1.2.3",
        _ => ip.starts_with("2001:db8:"),
    };
    let any = |list: &Option<Vec<String>>, fits: &dyn Fn(&str) -> bool| {
        list.as_ref().is_none_or(|list| list.iter().any(|one| fits(one)))
    };
    (
        MODELS.iter().map(|text| any(&models, &|one| glob(one, text))).collect(),
        PROVIDERS.iter().map(|text| any(&providers, &|one| one == *text)).collect(),
        IPS.iter().map(|text| any(&ips, &|one| holds(one, text))).collect(),
    )
}

fn narrower(new: &[bool], maker: &[bool]) -> bool {
    new.iter().zip(maker).all(|(new, maker)| !new || *maker)
}

/// Whether a key made by this one goes beyond it.
fn goes_beyond(maker: &Maker, made: &Value) -> bool {
    let (new, old) = (allows(&made["bindings"]), allows(&json!(maker.bindings)));
    let tags = made["bindings"]["tags"].as_array().unwrap();
    let later = |end| made["expires_ms"].as_i64().is_none_or(|new| new > end);
    let above = match maker.role {
        Role::Owner => false,
        Role::Admin => made["role"] == "owner",
        Role::Member => made["role"] != "member",
        Role::Auditor => true,
    };
    !narrower(&new.0, &old.0)
        || !narrower(&new.1, &old.1)
        || !narrower(&new.2, &old.2)
        || !maker.bindings.tags.iter().all(|tag| tags.contains(&json!(tag)))
        || maker.expires_ms.is_some_and(later)
        || (made["kind"] == "management" && above)
}

async fn make(world: &World, of: &Ids, maker: &Maker, number: usize, body: &Value) -> (u16, Value) {
    let manager = Manager { key: format!("mk{number:06}"), bindings: maker.bindings.clone(), ..of.manager(maker.role) };
    let stored = Key {
        id: manager.key.clone(),
        root: String::new(),
        tenant: manager.tenant.clone(),
        kind: KeyKind::Management,
        name: String::new(),
        member: manager.member.clone(),
        role: maker.role,
        hash: "sha256:".into(),
        bindings: maker.bindings.clone(),
        limits: tollgate_store::Limits::default(),
        created_ms: NOW,
        expires_ms: maker.expires_ms,
        revoked_ms: None,
    };
    world.store.create_key(&tollgate_store::Scope::Operator, stored).unwrap();
    let made = world.ask(&manager, "POST", "tenants/alpha/keys", Some(body.clone())).await;
    if made.0 == 201 && maker.role != Role::Member {
        // The other way to a wider key: make it, then change it.
        let path = format!("tenants/alpha/keys/{}", made.1["id"].as_str().unwrap());
        let change = json!({"bindings": {}, "expires_ms": null});
        let (status, changed) = world.ask(&manager, "PATCH", &path, Some(change)).await;
        assert!(status != 200 || !goes_beyond(maker, &changed), "{maker:?} {changed}");
    }
    made
}

#[test]
fn no_key_may_do_more_than_the_one_that_made_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (world, alpha, _) = runtime.block_on(World::new());
    let kinds = prop::sample::select(["inference", "management"].as_slice());
    let roles = prop::option::of(prop::sample::select(["owner", "admin", "member", "auditor"].as_slice()));
    let strategy = (any_maker(), kinds, roles, any_bindings(), any_end(), any::<bool>());
    let (number, made) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(600) });
    let law = |(maker, kind, role, bindings, expires_ms, alike): (Maker, &str, Option<&str>, Bindings, _, bool)| {
        number.set(number.get() + 1);
        let bindings = if alike { maker.bindings.clone() } else { bindings };
        let expires_ms: Option<i64> = if alike { maker.expires_ms } else { expires_ms };
        let mut body = json!({"kind": kind, "bindings": bindings, "expires_ms": expires_ms});
        if kind == "management" {
            body["role"] = json!(role);
        }
        let (status, answer) = runtime.block_on(make(&world, &alpha, &maker, number.get(), &body));
        prop_assert!(matches!(status, 201 | 400 | 403), "{answer}");
        if status == 201 {
            made.set(made.get() + 1);
            prop_assert!(!goes_beyond(&maker, &answer), "{maker:?} made {answer}");
        }
        Ok(())
    };
    runner.run(&strategy, law).unwrap();
    assert!(made.get() > 50, "only {} keys were made", made.get());
}
