//! Money is decimal text, exact to a billionth, and never a number.

use serde_json::{Value, json};
use tollgate_store::{Posting, Role, Usage};

use crate::world::World;

#[tokio::test]
async fn only_exact_decimal_texts_are_limits() {
    let (world, alpha, _) = World::new().await;
    let owner = alpha.manager(Role::Owner);
    let post = |limit: Value| {
        let body = json!({"covers": "tenant", "period": "day", "limit": limit});
        world.ask(&owner, "POST", "tenants/alpha/budgets", Some(body))
    };
    let good =
        [("0", "0"), ("25.00", "25"), ("0.000000001", "0.000000001"), ("9223372036.854775807", "9223372036.854775807")];
    for (given, shown) in good {
        let (status, answer) = post(json!(given)).await;
        assert_eq!((status, &answer["limit"]), (201, &json!(shown)), "{given}");
        assert_eq!((&answer["standing"]["limit"], &answer["standing"]["settled"]), (&json!(shown), &json!("0")));
    }
    let bad = [
        json!("-1"),
        json!("-0.000000001"),
        json!("0.0000000001"),
        json!("1e3"),
        json!("1,5"),
        json!("+1"),
        json!(" 1"),
        json!(""),
        json!("."),
        json!("1."),
        json!(".5"),
        json!("NaN"),
        json!("inf"),
        json!("0x10"),
        json!("١"),
        json!("9223372036.854775808"),
        json!("99999999999999999999"),
        json!(true),
        json!(["1"]),
        json!(null),
    ];
    for limit in bad {
        let (status, answer) = post(limit.clone()).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (400, Some("invalid")), "{limit}");
    }
    for number in [json!(25), json!(25.5), json!(-1), json!(1e300)] {
        let (status, answer) = post(number.clone()).await;
        let remedy = answer["error"]["remedy"].as_str().unwrap();
        assert!(status == 400 && remedy.contains("write it as a string"), "{number}: {remedy}");
    }
}

#[tokio::test]
async fn a_budget_says_where_it_stands_and_when_it_is_whole_again() {
    let (world, alpha, _) = World::new().await;
    // 2026-09-21, a quarter past two in the afternoon.
    let one = world.done("GET", &format!("tenants/alpha/budgets/{}", alpha.budget), None).await;
    let (september, october) = (1_788_220_800_i64, 1_790_812_800_i64);
    let standing = json!({
        "limit": "4711.5", "settled": "0", "leased": "0", "window": september, "resets_at": october,
    });
    assert_eq!(one["standing"], standing);
    let list = world.done("GET", "tenants/alpha/budgets", None).await;
    assert_eq!(list["data"][0], one);
    let path = format!("tenants/alpha/budgets/{}", alpha.budget);
    let changed = world.done("PATCH", &path, Some(json!({"limit": "1"}))).await;
    assert_eq!((&changed["limit"], &changed["standing"]["limit"]), (&json!("1"), &json!("1")));
    assert_eq!(world.operator("PATCH", &path, Some(json!({"limit": "1", "period": "day"}))).await.0, 400);
    let total = json!({"covers": {"tag": "t"}, "period": "total", "limit": "1"});
    let made = world.done("POST", "tenants/alpha/budgets", Some(total)).await;
    assert_eq!((&made["standing"]["window"], &made["standing"]["resets_at"]), (&json!(0), &Value::Null));
    assert_eq!(made["covers"], json!({"tag": "t"}));
}

#[tokio::test]
async fn a_budget_that_the_operator_made_is_changed_and_removed_by_the_operator_alone() {
    let (world, alpha, _) = World::new().await;
    let body = || Some(json!({"covers": "tenant", "period": "day", "limit": "1"}));
    let more = || Some(json!({"limit": "1000"}));
    let operators = format!("tenants/alpha/budgets/{}", alpha.budget);
    let before = world.done("GET", &operators, None).await;
    assert_eq!(before["by_operator"], json!(true));
    for role in [Role::Owner, Role::Admin] {
        let manager = alpha.manager(role);
        for (method, body) in [("PATCH", more()), ("DELETE", None)] {
            let (status, answer) = world.ask(&manager, method, &operators, body).await;
            assert_eq!((status, &answer["error"]["code"]), (403, &json!("forbidden")), "{role:?} {method}");
            assert_eq!(answer["error"]["message"], "the operator made this budget");
        }
        let (status, own) = world.ask(&manager, "POST", "tenants/alpha/budgets", body()).await;
        assert_eq!((status, &own["by_operator"]), (201, &json!(false)));
        let own = format!("tenants/alpha/budgets/{}", own["id"].as_str().unwrap());
        assert_eq!(world.ask(&manager, "PATCH", &own, more()).await.0, 200);
        assert_eq!(world.ask(&manager, "DELETE", &own, None).await.0, 204);
    }
    let claimed = json!({"covers": "tenant", "period": "day", "limit": "1", "by_operator": true});
    let (status, _) = world.ask(&alpha.manager(Role::Owner), "POST", "tenants/alpha/budgets", Some(claimed)).await;
    assert_eq!(status, 400, "nobody says so of their own");
    assert_eq!(world.done("GET", &operators, None).await, before);
    assert_eq!(world.done("PATCH", &operators, more()).await["by_operator"], json!(true));
    assert_eq!(world.done("DELETE", &operators, None).await, Value::Null);
}

#[tokio::test]
async fn what_a_budget_covers_is_one_thing() {
    let (world, _, _) = World::new().await;
    let bad = [
        json!("key"),
        json!({}),
        json!({"key": "a", "tag": "b"}),
        json!({"tag": 5}),
        json!({"tag": ""}),
        json!(null),
        json!({"tenant": "alpha"}),
        json!(["tenant"]),
        json!(5),
    ];
    for covers in bad {
        let body = json!({"covers": covers, "period": "day", "limit": "1"});
        assert_eq!(world.operator("POST", "tenants/alpha/budgets", Some(body)).await.0, 400, "{covers}");
    }
}

#[tokio::test]
async fn a_payment_said_twice_counts_once_and_only_the_operator_says_it() {
    let (world, alpha, _) = World::new().await;
    let path = "tenants/alpha/balances/byok/top-ups";
    let pay = |amount: Value, key: &str| Some(json!({"amount": amount, "idempotency_key": key}));
    for _ in 0..2 {
        assert_eq!(world.done("POST", path, pay(json!("10.25"), "a")).await["credited"], "10.25");
    }
    assert_eq!(world.done("POST", path, pay(json!("-0.25"), "b")).await["credited"], "10");
    for (body, expected) in [
        (pay(json!("5"), "a"), 409),
        (pay(json!("-11"), "c"), 409),
        (pay(json!("0"), "d"), 400),
        (pay(json!(5), "e"), 400),
        (pay(json!("5"), ""), 400),
        (Some(json!({"amount": "5"})), 400),
    ] {
        assert_eq!(world.operator("POST", path, body.clone()).await.0, expected, "{body:?}");
    }
    assert_eq!(world.operator("POST", "tenants/alpha/balances/other/top-ups", pay(json!("5"), "f")).await.0, 404);
    assert_eq!(world.ask(&alpha.manager(Role::Owner), "POST", path, pay(json!("5"), "g")).await.0, 403);
    let (_, list) = world.ask(&alpha.manager(Role::Auditor), "GET", path, None).await;
    let amounts: Vec<_> = list["data"].as_array().unwrap().iter().map(|one| one["amount"].clone()).collect();
    assert_eq!(amounts, [json!("10.25"), json!("-0.25")]);
    let balances = world.done("GET", "tenants/alpha/balances", None).await;
    assert_eq!(balances["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn usage_and_statements_answer_for_days_and_months_that_exist() {
    let (world, alpha, _) = World::new().await;
    let auditor = alpha.manager(Role::Auditor);
    let get = |path: &'static str| world.ask(&auditor, "GET", path, None);
    assert_eq!(get("tenants/alpha/usage?from=2026-09-01&to=2026-09-30").await, (200, json!({"data": []})));
    assert_eq!(get("tenants/alpha/statements/2026-09").await.1["total"]["cost"], "0");
    for path in [
        "tenants/alpha/usage",
        "tenants/alpha/usage?from=2026-09-01",
        "tenants/alpha/usage?from=2026-13-01&to=2026-13-02",
        "tenants/alpha/usage?from=2026-09-01&to=2026-09-30&from=2026-01-01",
        "tenants/alpha/statements/2026-13",
        "tenants/alpha/statements/september",
    ] {
        assert_eq!(get(path).await.0, 400, "{path}");
    }
    assert_eq!(get("tenants/alpha/records/req_alpha").await.0, 200);
    assert_eq!(get("tenants/alpha/records/req_beta").await.0, 404);
    let (_, records) = get("tenants/alpha/records?before=2&limit=1").await;
    assert_eq!(records["data"][0]["seq"], 1);
    let (status, answer) = get("tenants/alpha/records/req_broken").await;
    assert_eq!((status, answer["error"]["code"].as_str()), (503, Some("records_unreachable")));
}

#[tokio::test]
async fn a_member_sees_the_usage_of_its_own_keys_only() {
    let (world, alpha, beta) = World::new().await;
    let others = world.made("tenants/alpha/keys", json!({})).await;
    let used = |tenant: &str, key: &str| Usage {
        day: "2026-09-20".into(),
        tenant: tenant.into(),
        key: key.into(),
        model: "m".into(),
        requests: 1,
        input: 2,
        output: 3,
        cost: 4,
        fee: 5,
        own_cost: 0,
    };
    let usage = vec![used("alpha", &alpha.key), used("alpha", &others), used("beta", &beta.key)];
    world.store.take_node("node-1", "boot", 0).unwrap();
    world.store.post("node-1", &Posting { usage, ..Posting::default() }).unwrap();
    let path = "tenants/alpha/usage?from=2026-09-01&to=2026-09-30";
    let keys = async |role: Role, path: &str| -> Vec<Value> {
        let (status, answer) = world.ask(&alpha.manager(role), "GET", path, None).await;
        assert_eq!(status, 200, "{answer}");
        answer["data"].as_array().unwrap().iter().map(|one| one["key"].clone()).collect()
    };
    assert_eq!(keys(Role::Member, path).await, [json!(alpha.key)]);
    assert_eq!(keys(Role::Auditor, path).await.len(), 2);
    assert_eq!(keys(Role::Owner, &format!("{path}&key={others}")).await, [json!(others)]);
    assert!(keys(Role::Owner, &format!("{path}&key={}", beta.key)).await.is_empty());
    let statement = world.done("GET", "tenants/alpha/statements/2026-09", None).await;
    assert_eq!((&statement["total"]["requests"], &statement["total"]["cost"]), (&json!(2), &json!("0.000000008")));
}

#[tokio::test]
async fn a_node_that_is_gone_is_written_off_and_an_unknown_one_is_not_there() {
    let (world, _, _) = World::new().await;
    world.store.take_node("node-1", "boot", 7).unwrap();
    let nodes = world.done("GET", "nodes", None).await;
    assert_eq!(nodes, json!({"data": [{"node": "node-1", "epoch": 1, "seen_ms": 7}]}));
    assert_eq!(world.operator("POST", "nodes/node-1/write-off", None).await, (204, Value::Null));
    assert_eq!(world.operator("POST", "nodes/node-2/write-off", None).await.0, 404);
}
