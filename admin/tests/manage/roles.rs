//! Who may do what, written down a second time: as law, apart from the table of routes.

use std::collections::BTreeSet;

use tollgate_admin::{Manager, ROUTES};
use tollgate_store::Role;

use crate::world::{Ids, ROLES, World};

/// O owner, A admin, M member, R auditor; the operator may do everything.
const LAW: &str = "
GET    /openapi.json                                       OAMR
GET    /me                                                 OAMR
GET    /tenants                                            -
POST   /tenants                                            -
GET    /tenants/{tenant}                                   OAR
PATCH  /tenants/{tenant}                                   O
DELETE /tenants/{tenant}                                   -
GET    /tenants/{tenant}/limits                            OAR
PUT    /tenants/{tenant}/limits                            -
GET    /tenants/{tenant}/members                           OAR
POST   /tenants/{tenant}/members                           OA
GET    /tenants/{tenant}/members/{member}                  OAR
PATCH  /tenants/{tenant}/members/{member}                  OA
DELETE /tenants/{tenant}/members/{member}                  OA
GET    /tenants/{tenant}/keys                              OAMR
POST   /tenants/{tenant}/keys                              OAM
GET    /tenants/{tenant}/keys/{key}                        OAMR
PATCH  /tenants/{tenant}/keys/{key}                        OA
DELETE /tenants/{tenant}/keys/{key}                        OAM
POST   /tenants/{tenant}/keys/{key}/rotate                 OAM
GET    /tenants/{tenant}/keys/{key}/limits                 OAMR
PUT    /tenants/{tenant}/keys/{key}/limits                 OA
GET    /keys                                               -
POST   /keys                                               -
DELETE /keys/{key}                                         -
GET    /tenants/{tenant}/credentials                       OAR
POST   /tenants/{tenant}/credentials                       OA
GET    /tenants/{tenant}/credentials/{credential}          OAR
PUT    /tenants/{tenant}/credentials/{credential}          OA
DELETE /tenants/{tenant}/credentials/{credential}          OA
GET    /tenants/{tenant}/budgets                           OAR
POST   /tenants/{tenant}/budgets                           OA
GET    /tenants/{tenant}/budgets/{budget}                  OAR
PATCH  /tenants/{tenant}/budgets/{budget}                  OA
DELETE /tenants/{tenant}/budgets/{budget}                  OA
GET    /tenants/{tenant}/balances                          OAR
GET    /tenants/{tenant}/balances/{kind}/top-ups           OAR
POST   /tenants/{tenant}/balances/{kind}/top-ups           -
GET    /tenants/{tenant}/usage                             OAMR
GET    /tenants/{tenant}/statements/{month}                OAR
GET    /tenants/{tenant}/records                           OAR
GET    /tenants/{tenant}/records/{id}                      OAR
GET    /nodes                                              -
POST   /nodes/{node}/write-off                             -
POST   /vault/reseal                                       -
";

fn law() -> impl Iterator<Item = (&'static str, String, &'static str)> {
    LAW.lines().filter(|line| !line.is_empty()).map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        (words[0], format!("/api/v1/manage{}", words[1]), words[2])
    })
}

#[test]
fn the_table_has_the_routes_of_the_law_and_no_others() {
    let law: BTreeSet<_> = law().map(|(method, path, _)| (method.to_owned(), path)).collect();
    let table: BTreeSet<_> =
        ROUTES.iter().map(|route| (route.method.as_str().to_owned(), route.path.to_owned())).collect();
    assert_eq!(law, table);
    assert_eq!(table.len(), ROUTES.len());
}

#[tokio::test]
async fn each_role_may_do_what_the_law_says_and_nothing_else() {
    let (world, alpha, _) = World::new().await;
    let before = world.everything_of("alpha");
    for (method, path, may) in law() {
        // Of what never was nothing can be removed.
        let path = Ids { tenant: "alpha", ..Ids::never() }.fill(&path);
        let path = path.strip_prefix("/api/v1/manage/").unwrap();
        for role in ROLES {
            // No body is read before the right is known, and this one changes nothing.
            let nonsense = Some(r#"{"nonsense":1}"#.parse().unwrap());
            let (status, answer) = world.ask(&alpha.manager(role), method, path, nonsense).await;
            let letter = match role {
                Role::Owner => 'O',
                Role::Admin => 'A',
                Role::Member => 'M',
                Role::Auditor => 'R',
            };
            if may.contains(letter) {
                assert!(!matches!(status, 401 | 403 | 405 | 500..), "{role:?} {method} {path}: {status} {answer}");
            } else {
                assert_eq!((status, &answer["error"]["code"]), (403, &"forbidden".into()), "{role:?} {method} {path}");
            }
        }
        let nobodys = path.replace("alpha", "gamma");
        let (status, answer) = world.ask(&Manager::operator("cli"), method, &nobodys, None).await;
        assert!(!matches!(status, 401 | 403 | 405 | 500..), "operator {method} {nobodys}: {status} {answer}");
    }
    assert_eq!(world.everything_of("alpha"), before);
}

#[tokio::test]
async fn an_owner_cannot_lift_its_own_suspension_or_limits() {
    let (world, alpha, _) = World::new().await;
    let owner = alpha.manager(Role::Owner);
    for body in [r#"{"suspended":false}"#, r#"{"limits":{}}"#, r#"{"name":"x","limits":{}}"#] {
        let (status, _) = world.ask(&owner, "PATCH", "tenants/alpha", Some(body.parse().unwrap())).await;
        assert_eq!(status, 403, "{body}");
    }
    let body = r#"{"suspended":true,"limits":{"requests_per_minute":5}}"#.parse().unwrap();
    let changed = world.done("PATCH", "tenants/alpha", Some(body)).await;
    assert_eq!((&changed["suspended"], &changed["limits"]["requests_per_minute"]), (&true.into(), &5.into()));
    let (status, changed) =
        world.ask(&owner, "PATCH", "tenants/alpha", Some(r#"{"name":"New","byok_only":true}"#.parse().unwrap())).await;
    assert_eq!((status, &changed["suspended"], &changed["byok_only"]), (200, &true.into(), &true.into()));
}

#[tokio::test]
async fn an_admin_makes_no_owner_and_leaves_owners_alone() {
    let (world, alpha, _) = World::new().await;
    let admin = alpha.manager(Role::Admin);
    let owner = format!("tenants/alpha/members/{}", alpha.owner);
    let other = format!("tenants/alpha/members/{}", alpha.auditor);
    let body = |text: &str| Some(text.parse().unwrap());
    let tries = [
        ("POST", "tenants/alpha/members", body(r#"{"email":"x@x","role":"owner"}"#)),
        ("PATCH", &other, body(r#"{"role":"owner"}"#)),
        ("PATCH", &owner, body(r#"{"email":"mine@alpha"}"#)),
        ("PATCH", &owner, body(r#"{"role":"auditor"}"#)),
        ("DELETE", &owner, None),
    ];
    for (method, path, body) in tries {
        assert_eq!(world.ask(&admin, method, path, body.clone()).await.0, 403, "{method} {path} {body:?}");
    }
    assert_eq!(world.ask(&admin, "PATCH", &other, body(r#"{"role":"member"}"#)).await.0, 200);
    assert_eq!(world.ask(&admin, "DELETE", &other, None).await, (204, serde_json::Value::Null));
    let (status, answer) = world.ask(&alpha.manager(Role::Owner), "DELETE", &owner, None).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &"conflict".into()));
}

#[tokio::test]
async fn each_change_is_written_down_without_names_and_told() {
    let (world, alpha, _) = World::new().await;
    world.acts.lock().unwrap().clear();
    let before = world.changes.load(std::sync::atomic::Ordering::Relaxed);
    let owner = alpha.manager(Role::Owner);
    let key = format!("tenants/alpha/keys/{}", alpha.key);
    world.ask(&owner, "PATCH", &key, Some(r#"{"name":"canary4711 new"}"#.parse().unwrap())).await;
    world.ask(&owner, "GET", &key, None).await;
    world.ask(&owner, "PATCH", &key, Some(r#"{"nonsense":1}"#.parse().unwrap())).await;
    let acts = world.acts.lock().unwrap().clone();
    assert_eq!(acts, [(Some("alpha".into()), "notstord".into(), format!("key {} changed", alpha.key))]);
    assert_eq!(world.changes.load(std::sync::atomic::Ordering::Relaxed) - before, 1);
}

#[tokio::test]
async fn a_member_that_is_lowered_keeps_no_key_above_it() {
    let (world, alpha, _) = World::new().await;
    let admins = world
        .key_text(
            "tenants/alpha/keys",
            serde_json::json!({"kind": "management", "role": "admin", "member": alpha.admin}),
        )
        .await;
    let me = || world.over_http(Some(admins.as_bytes()), "GET", "/api/v1/manage/me", "");
    let role =
        |answer: axum::body::Bytes| serde_json::from_slice::<serde_json::Value>(&answer).unwrap()["role"].clone();
    assert_eq!(role(me().await.2), "admin");
    let path = format!("tenants/alpha/members/{}", alpha.admin);
    world.done("PATCH", &path, Some(r#"{"role":"member"}"#.parse().unwrap())).await;
    assert_eq!(role(me().await.2), "member");
    world.done("PATCH", &path, Some(r#"{"role":"owner"}"#.parse().unwrap())).await;
    assert_eq!(role(me().await.2), "member", "what was lowered is not raised");
}
