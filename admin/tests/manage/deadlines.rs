//! How a tenant meets deadlines is the owner's to say, member by member.

use serde_json::{Value, json};
use tollgate_store::Role;

use crate::world::World;

async fn changed(world: &World, deadlines: Value) -> Value {
    world.done("PATCH", "tenants/alpha", Some(json!({"deadlines": deadlines}))).await["deadlines"].clone()
}

#[tokio::test]
async fn a_change_replaces_what_it_names_and_null_is_as_configured() {
    let (world, _, _) = World::new().await;
    assert_eq!(changed(&world, json!({})).await, json!({}));
    assert_eq!(changed(&world, json!({"start_within": "00h-01m-30s"})).await, json!({"start_within": "1m30s"}));
    let all = json!({"start_within": "1m30s", "require": true, "race": "sequential"});
    assert_eq!(changed(&world, json!({"require": true, "race": "sequential"})).await, all);
    assert_eq!(changed(&world, Value::Null).await, all, "nothing is said");
    assert_eq!(world.done("PATCH", "tenants/alpha", Some(json!({"name": "A"}))).await["deadlines"], all);
    let less = json!({"require": true, "race": "overlap"});
    assert_eq!(changed(&world, json!({"start_within": null, "race": "overlap"})).await, less);
    assert_eq!(world.done("GET", "tenants/alpha", None).await["deadlines"], less);
}

#[tokio::test]
async fn a_tenant_may_have_them_from_the_start() {
    let (world, _, _) = World::new().await;
    let deadlines = json!({"start_within": "priority", "require": false, "race": "overlap"});
    let made = world.done("POST", "tenants", Some(json!({"id": "fast", "deadlines": deadlines}))).await;
    assert_eq!(made["deadlines"], deadlines);
    assert_eq!(world.done("POST", "tenants", Some(json!({"id": "plain"}))).await["deadlines"], json!({}));
}

#[tokio::test]
async fn what_is_no_deadline_is_refused_with_what_is_one() {
    let (world, _, _) = World::new().await;
    let before = world.done("GET", "tenants/alpha", None).await;
    let cases = [
        (
            json!({"start_within": "soon"}),
            "`start_within`",
            "it must be `default`, `priority`, `auto`, or a time: `30s`",
        ),
        (json!({"start_within": "0s"}), "`start_within`", "`30s`"),
        (json!({"start_within": 30}), "`start_within`", "write it in quotes"),
        (json!({"require": "yes"}), "`require`", "write `true` or `false`"),
        (json!({"race": "both"}), "`race`", "write one of: `overlap`, `sequential`"),
        (json!({"within": "30s"}), "`within`", "start_within, require, race"),
        (json!("30s"), "`deadlines`", "write it as"),
    ];
    for (deadlines, names, says) in cases {
        let bodies = [
            ("PATCH", "tenants/alpha", json!({"name": "new", "deadlines": deadlines})),
            ("POST", "tenants", json!({"id": "new", "deadlines": deadlines})),
        ];
        for (method, path, body) in bodies {
            let (status, answer) = world.operator(method, path, Some(body)).await;
            let error = &answer["error"];
            assert_eq!((status, error["code"].as_str()), (400, Some("invalid")), "{method} {deadlines}: {answer}");
            assert!(error["message"].as_str().unwrap().contains(names), "{answer}");
            assert!(error["remedy"].as_str().unwrap().contains(says), "{answer}");
        }
    }
    assert_eq!(world.done("GET", "tenants/alpha", None).await, before);
    assert_eq!(world.operator("GET", "tenants/new", None).await.0, 404);
}

#[tokio::test]
async fn they_are_the_owners_to_change() {
    let (world, alpha, _) = World::new().await;
    let body = || Some(json!({"deadlines": {"start_within": "30s"}}));
    for role in [Role::Admin, Role::Member, Role::Auditor] {
        assert_eq!(world.ask(&alpha.manager(role), "PATCH", "tenants/alpha", body()).await.0, 403, "{role:?}");
    }
    let (status, changed) = world.ask(&alpha.manager(Role::Owner), "PATCH", "tenants/alpha", body()).await;
    assert_eq!((status, &changed["deadlines"]), (200, &json!({"start_within": "30s"})));
}
