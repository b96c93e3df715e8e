//! The OpenAPI document is current, complete and says what bodies may hold.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use tollgate_admin::{ROUTES, Right, openapi};

use crate::world::{Ids, World};

fn document() -> Value {
    serde_json::from_str(&openapi()).unwrap()
}

#[test]
fn the_document_in_the_folder_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, openapi()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == openapi(), "docs/openapi.json is old: run with UPDATE=1");
}

#[test]
fn the_document_lists_exactly_the_routes() {
    let document = document();
    let mut listed = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            listed.insert((method.to_uppercase(), path.clone()));
        }
    }
    let table: BTreeSet<_> =
        ROUTES.iter().map(|route| (route.method.as_str().to_owned(), route.path.to_owned())).collect();
    assert_eq!(listed, table);
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
        assert_eq!(operation.get("security").is_some(), route.right != Right::Open, "{}", route.path);
        let in_path = operation["parameters"].as_array().into_iter().flatten().filter(|one| one["in"] == "path");
        assert_eq!(in_path.count(), route.path.matches('{').count(), "{}", route.path);
    }
}

#[test]
fn every_reference_leads_somewhere_and_no_secret_is_described_in_an_answer() {
    let document = document();
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
    let ids: Vec<_> = ROUTES
        .iter()
        .map(|route| document["paths"][route.path][route.method.as_str().to_lowercase()]["operationId"].to_string())
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    for shown in ["Key", "Credential"] {
        let members = schemas[shown]["properties"].as_object().unwrap();
        assert!(!members.contains_key("hash") && !members.contains_key("sealed") && !members.contains_key("secret"));
    }
}

#[tokio::test]
async fn bodies_are_described_with_the_members_that_are_read() {
    let (world, _, _) = World::new().await;
    let document = document();
    let ids = Ids { tenant: "alpha", ..Ids::never() };
    let mut described = 0;
    for route in ROUTES {
        let method = route.method.as_str();
        let operation = &document["paths"][route.path][method.to_lowercase()];
        let Some(reference) = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str() else {
            continue;
        };
        described += 1;
        let name = reference.rsplit('/').next().unwrap();
        let members = document["components"]["schemas"][name]["properties"].as_object().unwrap();
        let path = ids.fill(route.path);
        let path = path.strip_prefix("/api/v1/manage/").unwrap();
        let (status, answer) = world.operator(method, path, Some(json!({"nonsense": 1}))).await;
        assert_eq!(status, 400, "{method} {path}");
        let remedy = answer["error"]["remedy"].as_str().unwrap();
        let read: BTreeSet<_> = remedy.strip_prefix("the members here are: ").unwrap().split(", ").collect();
        assert_eq!(read, members.keys().map(String::as_str).collect(), "{method} {path}");
    }
    assert_eq!(described, 15);
}

#[tokio::test]
async fn the_document_is_served_to_everyone_as_it_is() {
    let (world, _, _) = World::new().await;
    let (status, headers, body) = world.over_http(None, "GET", "/api/v1/manage/openapi.json", "").await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, "application/json"));
    assert_eq!(body, openapi());
}
