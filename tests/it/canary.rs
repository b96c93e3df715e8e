//! Secrets in the form of every vendor, put wherever a client, a tenant or a vendor can put one. What the
//! gateway writes and answers is then searched for them. Prompts and keys of a plain request: see `secrets`.

use std::path::Path;

use serde_json::{Value, json};
use tollgate_auth::Algorithm;
use tollgate_simulate::Profile;
use tollgate_store::Role;

use crate::bare::BareVendor;
use crate::http::{Answer, Connection};
use crate::office::Office;
use crate::plans::Key;
use crate::world::{Chat, World};

/// One in each form, drawn by hand: no scanner knows them, and nobody's they are.
const CANARIES: [&str; 17] = [
    "sk-proj-Canary0abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_-Canary",
    "sk-Canary1abcdefghijklmnopqrstuvwxyz0123456789ABCDE",
    "sk-ant-api03-Canary2abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-abcdefgAA",
    "AIzaCanary3abcdefghijklmnopqrstuvwxyz01",
    "AKIACANARY4ABCDEFGHI",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYCANARY5KEY",
    "xai-Canary6abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "gsk_Canary7abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "Canary8MistralAbcdefghijklmnopqr",
    "hf_Canary9abcdefghijklmnopqrstuvwxyz",
    "ghp_CanaryAabcdefghijklmnopqrstuvwxyz0123",
    "xoxb-123456789012-1234567890123-CanaryBabcdefghijklmnopq",
    "sk_live_CanaryCabcdefghijklmnopqrstuvwx",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJDYW5hcnkifQ.CanaryDabcdefghijklmnopqrstuvwxyz01234567",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDCanaryEabcdefg",
    "tgk_CanaryF0_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLM",
    "tgm_CanaryG0_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLM",
];

/// What stands in a file: lines around the part that is searched for.
fn whole(canary: &str) -> String {
    match canary.strip_prefix("MIIE") {
        Some(_) => format!("-----BEGIN PRIVATE KEY-----\n{canary}\n-----END PRIVATE KEY-----\n"),
        None => canary.to_owned(),
    }
}

/// Every file under a folder, with its path.
fn files(folder: &Path, all: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map_while(Result::ok) {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path(), all),
            _ => all.push((entry.path().display().to_string(), std::fs::read(entry.path()).unwrap_or_default())),
        }
    }
}

/// Everything that a gateway writes: its output, its metrics, and all of its data folder: the log of
/// requests, the audit log with its journal and details, the database with what it has not merged yet.
fn written(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![
        ("standard output".to_owned(), world.stdout().into_bytes()),
        ("standard error".to_owned(), world.stderr().into_bytes()),
        ("/metrics".to_owned(), world.ops_get("/metrics").body),
    ];
    files(&world.folder().join("data"), &mut all);
    all
}

fn holds(text: &[u8], what: &str) -> bool {
    memchr::memmem::find(text, what.as_bytes()).is_some()
}

fn assert_silent<'a>(world: &World, secrets: impl IntoIterator<Item = &'a str>) {
    let all = written(world);
    let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
    for part in ["tollgate.db", "tollgate.db-wal", "/journal", "totals.json"] {
        assert!(names.iter().any(|name| name.contains(part)), "{part} is searched: {names:?}");
    }
    for secret in secrets {
        for (name, text) in &all {
            assert!(!holds(text, secret), "`{secret}` stands in {name}");
        }
    }
}

/// A vendor that answers with this status, and repeats all that it was sent, wherever it can.
fn mirror(status: u16) -> BareVendor {
    BareVendor::spawn(move |_, mut wire| {
        while let Some(request) = wire.request() {
            let body = json!({
                "error": {"message": &request, "type": &request, "code": &request, "param": &request, "raw": &request},
                "request": &request,
            });
            let (body, told) = (body.to_string(), request.replace(['\r', '\n'], " "));
            wire.write(format!(
                "HTTP/1.1 {status} No\r\ncontent-type: application/json\r\nx-told: {told}\r\nx-request-id: {told}\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            ));
        }
    })
}

/// All of an answer, head and body.
fn all_of(answer: &Answer) -> String {
    format!("{:?} {}", answer.headers, answer.text())
}

#[test]
fn no_secret_of_a_request_is_written_anywhere() {
    let unknown = Key::new(70, "unknown", Algorithm::Sha256, "");
    let mirrors = [400, 401, 429, 500].map(|status| (format!("mirror-{status}"), mirror(status)));
    let mut plans = World::with().openai("north", Profile { echo: true, ..Profile::default() });
    plans = plans.anthropic("south", Profile { echo: true, ..Profile::default() });
    for (name, mirror) in &mirrors {
        plans = plans.at(name, mirror.base_url());
    }
    let world = plans.section("log", "{level: trace}").start();
    let (bearer, mut strangers) = (format!("Bearer {}", world.key), 0);
    for canary in CANARIES.iter().copied().chain([unknown.text.as_str()]) {
        let body = Chat::only("north").saying(whole(canary)).with("user", json!(canary));
        let body = body.with("metadata", json!({"key": canary, canary: "x"})).with("store", json!(false));
        let headers = [("authorization", bearer.as_str()), ("cookie", canary), ("x-vendor-key", canary)];
        let further = [("x-api-key", canary), ("x-tollgate-tags", canary), ("user-agent", canary), (canary, "x")];
        let headers: Vec<_> = headers.into_iter().chain(further).filter(|(name, _)| !name.contains('/')).collect();
        let answer = world.ask("POST", "/v1/chat/completions", &headers, &body.bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        let query = format!("/v1/chat/completions?key={canary}&api-key={canary}");
        assert_eq!(world.ask("POST", &query, &headers, &body.clone().streamed().bytes()).status, 200);
        world.chat(Chat::only("south").saying(whole(canary)).with("user", json!(canary)));
        for path in ["/v1/models/", "/v1/", "/", "/v1/audit/receipts/", "/docs/errors?"] {
            world.get(&format!("{path}{canary}"));
        }
        for key in [canary, &format!("tgk_{canary}")] {
            let refused = world.chat_as(key, Chat::only("north"));
            assert_eq!((refused.status, refused.text().contains(canary)), (401, false), "{}", refused.text());
            strangers += 1;
        }
        for (name, _) in &mirrors {
            world.chat(Chat::only(name).saying(whole(canary)).with("user", json!(canary)));
        }
        world.post(format!("{{\"model\":\"only-north\",\"messages\":[{{\"role\":\"user\",\"content\":\"{canary}"));
        world.post(format!(r#"{{"model":"only-north","messages":[{{"role":"{canary}","content":7}}],"{canary}":1}}"#));
    }
    world.wait_for_metric("tollgate_auth_failures_total", &[], f64::from(strangers));
    let last = world.chat(Chat::only("north"));
    world.line_of(&last);
    assert_silent(&world, CANARIES.into_iter().chain([unknown.text.as_str(), &unknown.text[13..], &world.key[13..]]));
    let found = written(&world).iter().filter(|(_, text)| holds(text, &world.key[4..12])).count();
    assert!(found >= 2, "what is no secret, such as the id of a key, is found: {found}");
}

#[test]
fn no_secret_given_to_the_management_api_is_written_or_repeated() {
    let mirror = mirror(401);
    let world = World::with().at("north", mirror.base_url()).section("log", "{level: trace}").start();
    let office = Office::of(&world);
    let manager = office.manager(71, None, Role::Owner, None);
    office.is_taken_up_by(&world);
    let ask = |method: &str, path: &str, body: Value| world.manage(&manager, method, path, Some(&body));
    let at = "/tenants/acme/credentials";
    for canary in CANARIES {
        let made = ask("POST", at, json!({"provider": "north", "secret": canary, "name": "x"}));
        assert_eq!((made.status, made.text().contains(canary)), (201, false), "{}", made.text());
        office.is_taken_up_by(&world);
        let answer = world.chat(Chat::only("north"));
        assert!(!all_of(&answer).contains(canary), "{}", all_of(&answer));
        let path = format!("{at}/{}", made.json()["id"].as_str().expect("an id"));
        assert!(!world.manage(&manager, "GET", &path, None).text().contains(canary));
        assert!(!world.manage(&manager, "GET", at, None).text().contains(canary));
        assert!(!ask("PUT", &path, json!({"secret": canary})).text().contains(canary));
        let mistaken = [
            json!({"provider": "north", "secret": [canary]}),
            json!({"provider": canary, "secret": canary}),
            json!({"provider": "north", "secret": format!("{canary}\n")}),
            json!({"provider": "north", "secret": canary, "base_url": format!("https://user:{canary}@vendor.example/v1")}),
            json!({"provider": "north", "secret": canary, "base_url": format!("https://vendor.example/v1?key={canary}")}),
            json!({"provider": "north", "secret": canary, "base_url": format!("http://{canary}/v1")}),
            json!({"provider": "north", "secret": canary, "base_url": canary}),
            json!([canary]),
            json!(canary),
        ];
        for body in mistaken {
            let answer = ask("POST", at, body.clone());
            assert!((400..500).contains(&answer.status), "{body}: {}", answer.status);
            assert!(!answer.text().contains(canary), "{body}: {}", answer.text());
        }
        // The name of a member comes back to who wrote it, and goes nowhere else.
        assert_eq!(ask("POST", at, json!({"provider": "north", canary: "x"})).status, 400);
        assert_eq!(world.manage(&manager, "GET", &format!("{at}?key={canary}&{canary}=1"), None).status, 400);
        world.manage(&manager, "GET", &format!("{at}/{canary}"), None);
        assert_eq!(world.manage(canary, "GET", "/me", None).status, 401);
        let broken = format!("{{\"provider\":\"north\",\"secret\":\"{canary}");
        let bearer = format!("Bearer {manager}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), ("cookie", canary)];
        let path = format!("/api/v1/manage{at}");
        let answer = Connection::open(world.managers()).request("POST", &path, &headers, broken.as_bytes()).answer();
        assert_eq!((answer.status, answer.text().contains(canary)), (400, false), "{}", answer.text());
        assert_eq!(
            world
                .manage(&manager, "DELETE", &format!("{at}/{}", made.json()["id"].as_str().expect("an id")), None)
                .status,
            204
        );
    }
    assert_silent(&world, CANARIES.into_iter().chain([&manager[13..], "credential-of-north"]));
}

#[test]
fn an_answer_holds_nobody_elses_credential_whatever_the_vendor_repeats() {
    let statuses = [307, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503, 529];
    let mirrors = statuses.map(|status| (format!("mirror-{status}"), mirror(status)));
    let mut plans = World::with();
    for (name, mirror) in &mirrors {
        plans = plans.at(name, mirror.base_url());
    }
    let world = plans.start();
    for (name, _) in &mirrors {
        for chat in [Chat::only(name), Chat::only(name).streamed()] {
            let answer = world.chat(chat);
            assert!(answer.status >= 300, "{name}: {}", answer.status);
            assert!(!all_of(&answer).contains("credential-of"), "{name}: {}", all_of(&answer));
        }
    }
    assert_silent(&world, ["credential-of"]);
}

#[test]
fn an_error_after_content_holds_no_credential_either() {
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let late = BareVendor::spawn(move |_, mut wire| {
        let told = json!(wire.request().unwrap_or_default()).to_string();
        let first = json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": {"content": "Hi"}}]});
        let error = format!(r#"{{"error":{{"message":{told},"type":"x","code":{told}}}}}"#);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-told: credential-of-late\r\n\r\n";
        wire.write(format!("{head}data: {first}\n\n"));
        let _ = wait.lock().expect("one connection").recv();
        wire.write(format!("data: {error}\n\n"));
    });
    let world = World::with().at("late", late.base_url()).start();
    let mut connection = world.begin(Chat::only("late").streamed());
    let head = connection.head().expect("an answer begins");
    connection.read_until("Hi");
    go_on.send(()).expect("the vendor waits");
    let mut text = format!("{:?}", head.headers);
    while let Ok(Some(piece)) = connection.piece() {
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    assert!(text.contains("error"), "{text}");
    assert!(!text.contains("credential-of"), "after content: {text}");
}

#[test]
fn a_credential_in_a_header_of_a_provider_is_not_quoted_either() {
    let mirror = mirror(400);
    let headers = "    headers: {api-key: header.credential-of.mirror}\n";
    let world = World::with().place("mirror", "openai", mirror.base_url(), headers).start();
    let answer = world.chat(Chat::only("mirror"));
    assert!(!answer.text().contains("header.credential-of"), "{}", answer.text());
}

#[test]
fn a_credential_that_is_cut_off_leaves_no_beginning_behind() {
    // As `credential-of-vendor` stands around the place where messages are cut.
    for before in (480..512).step_by(3) {
        let body = json!({"error": {"message": format!("{} credential-of-vendor", "x".repeat(before)), "type": "t"}});
        let vendor = BareVendor::spawn(move |_, mut wire| {
            while wire.request().is_some() {
                let text = body.to_string();
                wire.write(format!(
                    "HTTP/1.1 401 No\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
                    text.len()
                ));
            }
        });
        let world = World::with().at("vendor", vendor.base_url()).start();
        let answer = world.chat(Chat::only("vendor"));
        assert!(!answer.text().contains(" cred"), "{before}: {}", answer.text());
    }
}
