//! What belongs to another tenant has the bytes of what never was.

use serde_json::Value;
use tollgate_admin::ROUTES;
use tollgate_store::Role;

use axum::body::Body;
use axum::http::Request;

use crate::world::{CANARY, Ids, ROLES, World};

/// How many requests are tried at random.
const TRIES: usize = 40_000;

#[tokio::test]
async fn what_is_anothers_has_the_bytes_of_what_never_was() {
    let (world, alpha, beta) = World::new().await;
    let never = Ids::never();
    let before = world.everything_of("beta");
    for route in ROUTES.iter().filter(|route| route.path.contains("{tenant}")) {
        for role in ROLES {
            let cases = [
                // Another's tenant with another's things; one's own tenant with another's things.
                (beta.fill(route.path), never.fill(route.path)),
                (
                    beta.fill(&route.path.replace("{tenant}", "alpha")),
                    never.fill(&route.path.replace("{tenant}", "alpha")),
                ),
            ];
            for (n, (theirs, nobodys)) in cases.into_iter().enumerate() {
                let own_itself = n == 1 && !theirs[15..].contains(&beta.key) && route.path.matches('{').count() == 1;
                if own_itself || route.path.contains("{kind}") && n == 1 || route.path.contains("{month}") && n == 1 {
                    continue;
                }
                let body = r#"{"limit":"1","secret":"sk-0123456789","name":"x"}"#;
                let one = over(&world, &alpha, role, route.method.as_str(), &theirs, body).await;
                let other = over(&world, &alpha, role, route.method.as_str(), &nobodys, body).await;
                assert_eq!(one, other, "{role:?} {} {theirs}", route.method.as_str());
                let refused = matches!(one.0, 403 | 404) || (n == 1 && one.0 == 400);
                assert!(refused, "{role:?} {} {theirs}: {}", route.method.as_str(), one.0);
                assert!(n == 1 || one.0 == 404, "{role:?} {} {theirs}: {}", route.method.as_str(), one.0);
            }
        }
    }
    assert_eq!(world.everything_of("beta"), before);
}

async fn over(world: &World, of: &Ids, role: Role, method: &str, path: &str, body: &str) -> (u16, String, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .extension(of.manager(role))
        .body(Body::from(body.to_owned()));
    let Ok(request) = request else { return (0, String::new(), String::new()) };
    let (status, headers, body) = world.send(request).await;
    (status, format!("{headers:?}"), String::from_utf8(body.to_vec()).unwrap())
}

/// Numbers that look random, the same ones each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.roll(of.len())]
    }
}

/// A path made of pieces, some of them spoilt, with `{…}` for ids.
fn any_path(dice: &mut Dice) -> String {
    let mut path = ROUTES[dice.roll(ROUTES.len())].path.to_owned();
    for _ in 0..dice.roll(4).saturating_sub(1) {
        let steps: Vec<&str> = path.split('/').collect();
        let at = 1 + dice.roll(steps.len() - 1);
        let step = steps[at].to_owned();
        let spoilt = match dice.roll(14) {
            0 => format!("/{step}"),
            1 => format!("{step}%2f"),
            2 => format!("{step};x=1"),
            3 => format!("../{step}"),
            4 => format!("{step}/.."),
            5 => step.to_uppercase().replace("{TENANT}", "{tenant}").replace("{KEY}", "{key}"),
            6 => format!("%2e%2e/{step}"),
            7 => format!("{step}%00"),
            8 => "{tenant}".into(),
            9 => "{key}".into(),
            10 => "alpha".into(),
            11 => format!("./{step}"),
            12 => format!("{step}%20"),
            _ => step.replace("{tenant}", "%62eta").replace("t", "%74"),
        };
        path = [&steps[..at], &[spoilt.as_str()], &steps[at + 1..]].concat().join("/");
    }
    if dice.roll(2) == 0 {
        path = path.replace("tenants/{tenant}", "tenants/alpha");
    }
    path + dice.pick(&[
        "",
        "",
        "",
        "/",
        "?limit=5",
        "?key={key}",
        "?member={member}",
        "?from=2026-01-01&to=2026-12-31&key={key}",
    ])
}

const BODIES: [&str; 8] = [
    "",
    "{}",
    r#"{"name":"x"}"#,
    r#"{"member":"{member}"}"#,
    r#"{"covers":{"key":"{key}"},"period":"day","limit":"1"}"#,
    r#"{"covers":{"member":"{member}"},"period":"day","limit":"1"}"#,
    r#"{"tenant":"{tenant}","id":"{key}"}"#,
    r#"{"limit":"0"}"#,
];

#[tokio::test]
async fn no_odd_request_tells_another_tenant_from_none() {
    let (world, alpha, beta) = World::new().await;
    let never = Ids::never();
    let before = world.everything_of("beta");
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let (mut missing, mut sent) = (0, 0);
    while sent < TRIES {
        let (path, body) = (any_path(&mut dice), dice.pick(&BODIES));
        let method = dice.pick(&["GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"]);
        let role = ROLES[dice.roll(4)];
        // `beta` is spelt out in some paths; the one that never was has the same length.
        let one = over(&world, &alpha, role, method, &beta.fill(&path), &beta.fill(body)).await;
        let twin = never.fill(&path).replace("%62eta", "%67amma").replace("%62e%74a", "%67amma");
        let other = over(&world, &alpha, role, method, &twin, &never.fill(body)).await;
        sent += 2;
        let shown = format!("{role:?} {method} {} {body}", beta.fill(&path));
        if one.0 == 0 {
            continue;
        }
        assert_eq!(one.0, other.0, "{shown}: {} {}", one.2, other.2);
        if one.0 != 201 {
            assert_eq!(one, other, "{shown}");
        }
        let named = path.contains("/tenants/{tenant}/") || path.ends_with("/tenants/{tenant}");
        assert!(!named || matches!(one.0, 401 | 403 | 404), "{shown}: {}", one.0);
        let of_beta = [&beta.key, &beta.credential, &beta.budget, &beta.owner, &beta.member];
        assert!(!of_beta.iter().any(|id| one.2.contains(*id)), "{shown}: {}", one.2);
        assert!(!one.2.contains(&format!("beta {CANARY}")), "{shown}");
        missing += usize::from(one.0 == 404);
    }
    assert!(missing > TRIES / 8, "{missing}");
    assert_eq!(world.everything_of("beta"), before);
}

#[tokio::test]
async fn bodies_that_name_anothers_things_get_the_bytes_of_nobodys() {
    let (world, alpha, beta) = World::new().await;
    let never = Ids::never();
    let owner = alpha.manager(Role::Owner);
    let templates = [
        ("keys", r#"{"member":"{member}"}"#),
        ("keys", r#"{"kind":"management","role":"member","member":"{member}"}"#),
        ("budgets", r#"{"covers":{"key":"{key}"},"period":"day","limit":"1"}"#),
        ("budgets", r#"{"covers":{"member":"{member}"},"period":"day","limit":"1"}"#),
    ];
    for (path, body) in templates {
        let path = format!("tenants/alpha/{path}");
        let ask = |body: String| world.ask(&owner, "POST", &path, Some(body.parse::<Value>().unwrap()));
        let (one, other) = (ask(beta.fill(body)).await, ask(never.fill(body)).await);
        assert_eq!((one.0, &one), (400, &other), "{body}");
        assert_eq!(world.ask(&owner, "POST", &path, Some(alpha.fill(body).parse().unwrap())).await.0, 201, "{body}");
    }
}

#[tokio::test]
async fn what_is_not_checked_first_is_not_read_first() {
    let (world, alpha, _) = World::new().await;
    // Not the body's fault: the tenant does not exist, and then the right is missing.
    let rubbish = format!("{{{}", "x".repeat(100_000));
    let theirs = over(&world, &alpha, Role::Owner, "POST", "/api/v1/manage/tenants/beta/keys", &rubbish).await;
    assert_eq!(theirs.0, 404);
    let auditors = over(&world, &alpha, Role::Auditor, "POST", "/api/v1/manage/tenants/alpha/keys", &rubbish).await;
    assert_eq!(auditors.0, 403);
    let own = over(&world, &alpha, Role::Owner, "POST", "/api/v1/manage/tenants/alpha/keys", &rubbish).await;
    assert_eq!(own.0, 413);
}
