//! Vendors' secrets: sealed to their row before they are stored, and never shown.

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_store::Role;
use tollgate_vault::Context;

use crate::world::{CANARY, World};

const SECRET: &str = "sk-proj-canary4711-0123456789abWXYZ";

fn opened(world: &World, id: &str) -> Option<String> {
    use secrecy::ExposeSecret;
    let row = world.store.load_credential(id).unwrap().unwrap();
    let context = Context {
        tenant: &row.tenant,
        row: &row.id,
        version: row.version,
        base_url: row.base_url.as_deref().unwrap_or_default(),
    };
    let master = world.master.lock().unwrap().clone();
    master.open(&context, &row.sealed).ok().map(|secret| secret.expose_secret().to_owned())
}

#[tokio::test]
async fn a_secret_is_sealed_to_its_row_and_opens_only_there() {
    let (world, _, _) = World::new().await;
    let body = json!({"provider": "anthropic", "secret": SECRET, "base_url": "https://LLM.example.com:443/v1/"});
    let made = world.done("POST", "tenants/alpha/credentials", Some(body)).await;
    assert_eq!((&made["hint"], &made["version"]), (&json!("WXYZ"), &json!(1)));
    let id = made["id"].as_str().unwrap();
    assert_eq!(opened(&world, id).as_deref(), Some(SECRET));
    let row = world.store.load_credential(id).unwrap().unwrap();
    assert!(!row.sealed.windows(8).any(|part| SECRET.as_bytes().windows(8).any(|secret| secret == part)));
    let master = world.master.lock().unwrap().clone();
    let elsewhere = Context { tenant: "beta", row: id, version: 1, base_url: row.base_url.as_deref().unwrap() };
    assert!(master.open(&elsewhere, &row.sealed).is_err());
    let redirected = Context { tenant: "alpha", row: id, version: 1, base_url: "" };
    assert!(master.open(&redirected, &row.sealed).is_err());
}

#[tokio::test]
async fn a_secret_is_in_no_answer_and_no_act() {
    let (world, alpha, _) = World::new().await;
    let owner = alpha.manager(Role::Owner);
    let post = |body: Value| world.ask(&owner, "POST", "tenants/alpha/credentials", Some(body));
    let made = post(json!({"provider": "anthropic", "secret": SECRET})).await;
    assert_eq!(made.0, 201);
    let one = format!("tenants/alpha/credentials/{}", made.1["id"].as_str().unwrap());
    let answers = [
        made.1,
        world.ask(&owner, "GET", &one, None).await.1,
        world.ask(&owner, "GET", "tenants/alpha/credentials", None).await.1,
        world.ask(&owner, "PUT", &one, Some(json!({"secret": SECRET}))).await.1,
        post(json!({"provider": SECRET, "secret": SECRET})).await.1,
        post(json!({"provider": "openai", "secret": [SECRET]})).await.1,
        post(json!({"provider": "openai", "secret": {"x": SECRET}})).await.1,
        post(json!({"provider": "openai", "secret": format!("{SECRET}\n")})).await.1,
        post(json!({"provider": "openai", "secret": SECRET, "base_url": format!("https://u:{SECRET}@h.example")}))
            .await
            .1,
        post(json!({"provider": "openai", "secret": SECRET, "name": {"x": SECRET}})).await.1,
        post(json!(SECRET)).await.1,
        world.ask(&owner, "GET", "tenants/alpha/records/req_broken", None).await.1,
        json!(world.acts.lock().unwrap().clone()),
    ];
    for answer in answers {
        let hidden = !answer.to_string().contains(&SECRET[8..30]) && !answer.to_string().contains("/var/lib");
        assert!(hidden && answer.get("sealed").is_none(), "{answer}");
    }
    assert!(!format!("{:?}", world.acts.lock().unwrap()).contains(CANARY));
}

#[tokio::test]
async fn a_second_credential_for_a_provider_is_a_conflict_that_says_to_replace_the_first() {
    let (world, alpha, _) = World::new().await;
    let owner = alpha.manager(Role::Owner);
    let post = |provider: &str| {
        let body = json!({"provider": provider, "secret": SECRET});
        world.ask(&owner, "POST", "tenants/alpha/credentials", Some(body))
    };
    let (status, answer) = post("openai").await;
    let message = answer["error"]["message"].as_str().unwrap();
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("conflict")));
    assert!(message.contains(&alpha.credential) && message.contains("replace"), "{message}");
    assert_eq!(post("anthropic").await.0, 201);
    let one = format!("tenants/alpha/credentials/{}", alpha.credential);
    assert_eq!(world.ask(&owner, "DELETE", &one, None).await.0, 204);
    assert_eq!(post("openai").await.0, 201);
}

#[tokio::test]
async fn a_secret_goes_nowhere_else_without_being_entered_again() {
    let (world, alpha, _) = World::new().await;
    let one = format!("tenants/alpha/credentials/{}", alpha.credential);
    let elsewhere = json!({"base_url": "https://evil.example.com"});
    assert_eq!(world.operator("PUT", &one, Some(elsewhere)).await.0, 400);
    let put = json!({"secret": SECRET, "base_url": "https://llm.example.com/v1"});
    let changed = world.done("PUT", &one, Some(put)).await;
    assert_eq!((&changed["version"], &changed["provider"]), (&json!(2), &json!("openai")));
    assert_eq!(opened(&world, &alpha.credential).as_deref(), Some(SECRET));
    let kept = world.done("PUT", &one, Some(json!({"secret": "another-secret-1234"}))).await;
    assert_eq!((&kept["base_url"], &kept["version"]), (&changed["base_url"], &json!(3)));
    let cleared = world.done("PUT", &one, Some(json!({"secret": SECRET, "base_url": null}))).await;
    assert_eq!(cleared["base_url"], Value::Null);
    assert_eq!(opened(&world, &alpha.credential).as_deref(), Some(SECRET));
}

#[tokio::test]
async fn a_base_url_leads_nowhere_inside() {
    let (world, alpha, _) = World::new().await;
    let owner = alpha.manager(Role::Owner);
    let inside = [
        "http://api.example.com",
        "https://127.0.0.1/v1",
        "https://127.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://localhost/",
        "https://metadata.google.internal/",
        "https://api.example.com@127.0.0.1/",
        "https://api.example.com:8080/",
        "https://api.example.com/?x=1",
        "file:///etc/passwd",
        "",
    ];
    for url in inside {
        let body = json!({"provider": "openai", "secret": SECRET, "base_url": url});
        let (status, answer) = world.ask(&owner, "POST", "tenants/alpha/credentials", Some(body)).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (400, Some("invalid")), "{url}");
        let body = json!({"secret": SECRET, "base_url": url});
        let one = format!("tenants/alpha/credentials/{}", alpha.credential);
        assert_eq!(world.ask(&owner, "PUT", &one, Some(body)).await.0, 400, "{url}");
    }
}

#[tokio::test]
async fn resealing_takes_every_credential_to_the_newest_key() {
    let (world, alpha, beta) = World::new().await;
    assert_eq!(world.done("POST", "vault/reseal", None).await, json!({"resealed": 0, "current": 2, "failed": []}));
    let (newer, _) = world.master.lock().unwrap().with_new([2; 32]).unwrap();
    *world.master.lock().unwrap() = Arc::new(newer);
    assert_eq!(world.done("POST", "vault/reseal", None).await, json!({"resealed": 2, "current": 0, "failed": []}));
    let (newest, _) = world.master.lock().unwrap().without_old();
    *world.master.lock().unwrap() = Arc::new(newest);
    assert_eq!(opened(&world, &alpha.credential).as_deref(), Some("sk-canary4711-alpha-1234"));
    assert_eq!(opened(&world, &beta.credential).as_deref(), Some("sk-canary4711-beta-1234"));
    let row = world.store.load_credential(&beta.credential).unwrap().unwrap();
    world.store.reseal(&row.id, row.version, b"spoilt").unwrap();
    let done = world.done("POST", "vault/reseal", None).await;
    assert_eq!(done, json!({"resealed": 0, "current": 1, "failed": [beta.credential]}));
}
