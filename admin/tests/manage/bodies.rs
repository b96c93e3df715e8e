//! What is sent has the documented form, or is refused with what to write instead.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tollgate_admin::{Manager, ROUTES};

use crate::world::World;

async fn sent(world: &World, method: &str, path: &str, kind: Option<&str>, body: impl Into<Body>) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path).extension(Manager::operator("cli"));
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    let (status, _, bytes) = world.send(request.body(body.into()).unwrap()).await;
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

const KEYS: &str = "/api/v1/manage/tenants/alpha/keys";
const JSON: Option<&str> = Some("application/json");

#[tokio::test]
async fn each_fault_of_a_body_has_its_code() {
    let (world, _, _) = World::new().await;
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(64 * 1024));
    let nested = format!(r#"{{"name":{}}}"#, "[".repeat(10_000));
    let cases: Vec<(Option<&str>, Vec<u8>, u16, &str)> = vec![
        (JSON, large.into(), 413, "body_too_large"),
        (Some("text/plain"), b"{}".to_vec(), 415, "unsupported_media_type"),
        (None, b"{}".to_vec(), 415, "unsupported_media_type"),
        (Some("application/jsonx"), b"{}".to_vec(), 415, "unsupported_media_type"),
        (JSON, b"{".to_vec(), 400, "invalid_json"),
        (JSON, b"[]".to_vec(), 400, "invalid_json"),
        (JSON, b"null".to_vec(), 400, "invalid_json"),
        (JSON, b"{} {}".to_vec(), 400, "invalid_json"),
        (JSON, b"\xff\xfe".to_vec(), 400, "invalid_json"),
        (JSON, nested.into(), 400, "invalid_json"),
        (JSON, br#"{"name":"a","name":"b"}"#.to_vec(), 400, "invalid_json"),
        (JSON, br#"{"bindings":{"tags":["a"],"tags":[]}}"#.to_vec(), 400, "invalid_json"),
        (JSON, br#"{"name":"a\u0000b"}"#.to_vec(), 400, "invalid"),
        (JSON, br#"{"Name":"a"}"#.to_vec(), 400, "invalid"),
        (JSON, br#"{"bindings":{"model":["a"]}}"#.to_vec(), 400, "invalid"),
        (JSON, br#"{"limits":{"requests_per_minute":-1}}"#.to_vec(), 400, "invalid"),
        (JSON, br#"{"limits":{"requests_per_minute":4294967296}}"#.to_vec(), 400, "invalid"),
        (JSON, br#"{"limits":{"tokens_per_day":18446744073709551615}}"#.to_vec(), 400, "invalid"),
        (JSON, br#"{"limits":{"requests_per_day":1.5}}"#.to_vec(), 400, "invalid"),
        (JSON, br#"{"kind":"root"}"#.to_vec(), 400, "invalid"),
        (JSON, br#"{"role":"owner"}"#.to_vec(), 400, "invalid"),
        (JSON, br#"{"kind":"management"}"#.to_vec(), 400, "invalid"),
        (JSON, br#"{"bindings":{"ips":["10.0.0.0/33"]}}"#.to_vec(), 400, "invalid"),
        (JSON, br#"{"bindings":{"tags":[1]}}"#.to_vec(), 400, "invalid"),
        (JSON, br#"{"expires_ms":9223372036854775808}"#.to_vec(), 400, "invalid"),
    ];
    for (kind, body, status, code) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let (got, answer) = sent(&world, "POST", KEYS, kind, body).await;
        assert_eq!((got, answer["error"]["code"].as_str()), (status, Some(code)), "{shown}");
        for member in ["message", "rule", "remedy"] {
            assert!(answer["error"][member].as_str().is_some_and(|text| !text.is_empty()), "{shown}: {member}");
        }
    }
    assert_eq!(sent(&world, "POST", KEYS, Some("Application/JSON; charset=utf-8"), "{}").await.0, 201);
    assert_eq!(sent(&world, "POST", KEYS, None, "").await.0, 201);
}

#[tokio::test]
async fn an_unknown_member_is_named_and_what_is_repeated_is_short() {
    let (world, _, _) = World::new().await;
    let (_, answer) = sent(&world, "POST", KEYS, JSON, r#"{"rolle":"owner"}"#).await;
    assert!(answer["error"]["message"].as_str().unwrap().contains("`rolle`"));
    assert!(answer["error"]["remedy"].as_str().unwrap().contains("bindings"));
    let long = "y".repeat(5000);
    for (path, body) in [
        (KEYS.to_owned(), json!({&long: 1}).to_string()),
        (KEYS.to_owned(), json!({"kind": long}).to_string()),
        (KEYS.to_owned(), json!({"member": long}).to_string()),
        (format!("{KEYS}?{long}=1"), String::new()),
        (format!("/api/v1/manage/{long}"), String::new()),
        (format!("{KEYS}/{long}"), String::new()),
    ] {
        let (status, answer) = sent(&world, "POST", &path, JSON, body).await;
        assert!((400..500).contains(&status), "{status}");
        assert!(answer.to_string().matches('y').count() < 130, "{answer}");
    }
}

#[tokio::test]
async fn a_path_names_the_methods_that_it_has() {
    let (world, _, _) = World::new().await;
    for route in ROUTES {
        let path = route.path.replace(['{', '}'], "");
        let request = Request::builder().method("BREW").uri(&path).extension(Manager::operator("cli"));
        let (status, headers, _) = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(status, 405, "{path}");
        let allow = headers["allow"].to_str().unwrap();
        assert!(allow.split(", ").any(|method| method == route.method.as_str()), "{path}: {allow}");
    }
}

#[tokio::test]
async fn a_query_has_known_parameters_within_bounds() {
    let (world, _, _) = World::new().await;
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=+1",
        "limit=1e1",
        "limit=",
        "page=2",
        "limit=1&limit=2",
        "after=%00",
    ] {
        assert_eq!(sent(&world, "GET", &format!("{KEYS}?{query}"), None, "").await.0, 400, "{query}");
    }
    assert_eq!(sent(&world, "GET", &format!("{KEYS}?limit=1000&after='%20OR%201=1--"), None, "").await.0, 200);
}

#[tokio::test]
async fn a_tenant_has_an_id_that_is_safe_everywhere() {
    let (world, _, _) = World::new().await;
    for id in ["", "Acme", "a b", "-a", "a/b", "..", "ä", &"a".repeat(64)] {
        assert_eq!(world.operator("POST", "tenants", Some(json!({"id": id}))).await.0, 400, "{id}");
    }
    let made = world.done("POST", "tenants", Some(json!({"id": "acme-2"}))).await;
    assert_eq!((&made["name"], &made["suspended"]), (&json!("acme-2"), &json!(false)));
    assert_eq!(world.operator("POST", "tenants", Some(json!({"id": "acme-2"}))).await.0, 409);
    assert_eq!(world.operator("DELETE", "tenants/acme-2", None).await, (204, Value::Null));
    assert_eq!(world.operator("GET", "tenants/acme-2", None).await.0, 404);
}
