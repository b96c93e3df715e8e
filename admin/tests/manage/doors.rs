//! Nobody comes in without a valid key, and nobody learns what was wrong with theirs.

use std::net::IpAddr;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use tollgate_admin::{From, Manager, ROUTES, Right};
use tollgate_auth::Algorithm;

use crate::world::{Ids, World};

#[tokio::test]
async fn without_a_key_only_the_document_answers() {
    let (world, alpha, _) = World::new().await;
    let paths = ROUTES.iter().map(|route| (route.method.as_str(), route.path));
    let others =
        [("GET", "/"), ("GET", "/api/v1/manage"), ("GET", "/api/v1/manage/debug"), ("TRACE", "/api/v1/manage/me")];
    let mut answers = std::collections::HashSet::new();
    for (method, path) in paths.chain(others) {
        for ids in [&alpha, &Ids::never()] {
            let (status, headers, body) = world.over_http(None, method, &ids.fill(path), "{nonsense").await;
            if path.ends_with("/openapi.json") {
                assert_eq!(status, 200);
                continue;
            }
            assert_eq!(status, 401, "{method} {path}");
            assert_eq!(headers["www-authenticate"], "Bearer");
            answers.insert(body);
        }
    }
    assert_eq!(answers.len(), 1);
    let open: Vec<_> = ROUTES.iter().filter(|route| route.right == Right::Open).map(|route| route.path).collect();
    assert_eq!(open, ["/api/v1/manage/openapi.json"]);
}

#[tokio::test]
async fn every_wrong_key_gets_the_same_bytes() {
    let (world, alpha, _) = World::new().await;
    let inference = world.key_text("tenants/alpha/keys", json!({})).await;
    let owner = json!({"kind": "management", "role": "owner", "member": alpha.owner});
    let revoked = world.key_text("tenants/alpha/keys", owner.clone()).await;
    world.done("DELETE", &format!("tenants/alpha/keys/{}", &revoked[4..12]), None).await;
    let good = world.key_text("tenants/alpha/keys", owner).await;
    let (status, _, _) = world.over_http(Some(good.as_bytes()), "GET", "/api/v1/manage/me", "").await;
    assert_eq!(status, 200);
    let mut mistyped = good.clone().into_bytes();
    mistyped.swap(20, 21);
    let wrong: Vec<Vec<u8>> = vec![
        inference.into(),
        revoked.into(),
        mistyped,
        good.to_lowercase().into(),
        good[..61].into(),
        format!("{good}{good}").into(),
        "sk-proj-1234".into(),
        "' OR 1=1 --".into(),
        vec![0xff, 0xfe],
        vec![b'A'; 100_000],
        "operator".into(),
    ];
    let (_, _, expected) = world.over_http(None, "GET", "/api/v1/manage/me", "").await;
    for key in wrong {
        let (status, _, body) = world.over_http(Some(&key), "GET", "/api/v1/manage/me", "").await;
        assert_eq!((status, &body), (401, &expected), "{}", String::from_utf8_lossy(&key));
    }
}

#[tokio::test]
async fn a_key_in_either_header_opens_its_own_door() {
    let (world, alpha, _) = World::with(Algorithm::Bcrypt(4.try_into().unwrap())).await;
    let body = json!({"kind": "management", "role": "admin", "member": alpha.admin});
    let key = world.key_text("tenants/alpha/keys", body).await;
    for (name, value) in [("authorization", format!("Bearer {key}")), ("x-api-key", key.clone())] {
        let request = Request::get("/api/v1/manage/me").header(name, value).body(Body::empty()).unwrap();
        let (status, headers, body) = world.send(request).await;
        let me: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, &me["tenant"], &me["role"]), (200, &json!("alpha"), &json!("admin")));
        assert_eq!((&me["key"], &me["member"]), (&json!(&key[4..12]), &json!(alpha.admin)));
        assert_eq!(headers["cache-control"], "no-store");
    }
    let operators = world.key_text("keys", json!({"name": "ci"})).await;
    let (_, _, me) = world.over_http(Some(operators.as_bytes()), "GET", "/api/v1/manage/me", "").await;
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&me).unwrap()["role"], "operator");
}

#[tokio::test]
async fn no_header_makes_a_manager_and_the_address_comes_from_the_connection() {
    let (world, _, _) = World::new().await;
    let key = world.key_text("keys", json!({"bindings": {"ips": ["192.0.2.7"]}})).await;
    let from = |ip: Option<&str>| {
        let mut request = Request::get("/api/v1/manage/nodes").header("authorization", format!("Bearer {key}"));
        request = request.header("x-forwarded-for", "192.0.2.7").header("forwarded", "for=192.0.2.7");
        if let Some(ip) = ip {
            request = request.extension(From(ip.parse::<IpAddr>().unwrap()));
        }
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(world.send(from(Some("192.0.2.7"))).await.0, 200);
    assert_eq!(world.send(from(Some("192.0.2.8"))).await.0, 401);
    assert_eq!(world.send(from(None)).await.0, 401);
    let forged = Request::get("/api/v1/manage/nodes").header("manager", "operator").header("x-manager", "operator");
    assert_eq!(world.send(forged.body(Body::empty()).unwrap()).await.0, 401);
    let nodes = Request::get("/api/v1/manage/nodes").extension(Manager::operator("cli")).body(Body::empty()).unwrap();
    assert_eq!(world.send(nodes).await.0, 200);
}
