//! Canaries in prompts, answers, keys and credentials: none of them ever sings where it must not.

use tollgate_auth::Algorithm;
use tollgate_simulate::{Fault, Profile};

use crate::bare::BareVendor;
use crate::plans::Key;
use crate::world::{Chat, World, faulty, paced, until};

const PROMPT: &str = "canary-of-the-prompt";
const SECRET: &str = "canary0secret0of0a0header";

/// Everything a gateway writes that outlives a request.
fn written(world: &World) -> String {
    format!("{}{}{}", world.stdout(), world.stderr(), world.ops_get("/metrics").text())
}

fn assert_silent(world: &World, canaries: &[&str]) {
    let text = written(world);
    for canary in canaries {
        let at = text.find(canary);
        assert!(
            at.is_none(),
            "`{canary}` is written: …{}…",
            at.map_or("", |at| &text[at.saturating_sub(100)..(at + 100).min(text.len())])
        );
    }
}

#[test]
fn prompts_answers_keys_and_credentials_are_written_nowhere() {
    let unknown = Key::new(7, "unknown", Algorithm::Sha256, "");
    let tattling =
        format!(r#"{{"error":{{"message":"Incorrect API key provided: credential-of-tattler for {PROMPT}"}}}}"#);
    let echo = Profile { echo: true, ..Profile::default() };
    for level in ["info", "trace"] {
        let world = World::with()
            .openai("north", echo.clone())
            .anthropic("south", echo.clone())
            .openai("tattler", faulty(Fault::Status { status: 401, retry_after: None, body: Some(tattling.clone()) }))
            .openai("cut", Profile { fault: Fault::CutMidStream { after_events: 1 }, ..echo.clone() })
            .openai("silent", faulty(Fault::AcceptAndHang))
            .model("chain", &["tattler", "north"])
            .section("log", &format!("{{level: {level}}}"))
            .section("filters", "[{use: sample, conf: {tag: x}}]")
            .start();
        let say = |chat: Chat| chat.saying(format!("Translate {PROMPT} into French"));
        for name in ["only-north", "only-south", "chain", "only-tattler", "only-cut", "auto", PROMPT] {
            for chat in [Chat::to(name), Chat::to(name).streamed()] {
                let answer = world.chat_with(&[("x-secret", SECRET), ("cookie", SECRET)], say(chat));
                assert!(name != PROMPT || answer.status == 404);
            }
        }
        world.post(format!("{{\"model\":\"{PROMPT}"));
        world.post(format!(r#"{{"model":"only-north","messages":"{PROMPT}"}}"#));
        world.post(format!(r#"{{"model":"only-south","messages":[{{"role":"{PROMPT}","content":"{PROMPT}"}}]}}"#));
        world.chat_as(&unknown.text, say(Chat::only("north")));
        world.chat_as(&format!("tgk_{SECRET}"), say(Chat::only("north")));
        world.ask("GET", &format!("/v1/models/{SECRET}?key={SECRET}"), &[("x-api-key", &world.key)], b"");
        let leaving = world.begin(say(Chat::only("silent")));
        world.wait_for_requests("silent", 1);
        leaving.hang_up();
        world.wait_for_line("hung_up", |l| l["outcome"] == "hung_up");
        // The model's name is logged as it was asked for: it is no secret, but for what stands in it.
        let logged_model = world.stdout().matches(PROMPT).count();
        assert_eq!(logged_model, world.stdout().matches(&format!("\"model\":\"{PROMPT}\"")).count());
        let text = written(&world).replace(&format!("\"model\":\"{PROMPT}\""), "");
        for canary in [
            PROMPT,
            SECRET,
            &world.key,
            &world.key[13..],
            &unknown.text,
            &unknown.text[13..],
            "credential-of-",
            "Bearer",
        ] {
            let at = text.find(canary);
            assert!(
                at.is_none(),
                "{level}: `{canary}` is written: {:?}",
                at.map(|at| text.get(at.saturating_sub(200)..at + 100))
            );
        }
    }
}

#[test]
fn an_error_never_shows_the_vendors_credential_to_a_client() {
    let openai = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ";
    let body =
        format!(r#"{{"error":{{"message":"Incorrect API key provided: {openai}.","type":"invalid_request_error"}}}}"#);
    for status in [400, 401, 429, 500] {
        let world = World::with()
            .openai("tattler", faulty(Fault::Status { status, retry_after: None, body: Some(body.clone()) }))
            .start();
        for chat in [Chat::only("tattler"), Chat::only("tattler").streamed()] {
            let answer = world.chat(chat);
            assert!(answer.status >= 400);
            assert!(!answer.text().contains(openai), "{status}: {}", answer.text());
        }
        assert_silent(&world, &[openai]);
    }
}

#[test]
fn a_credential_of_any_shape_is_kept_from_clients() {
    let body = r#"{"error":{"message":"your key credential-of-tattler is wrong"}}"#;
    for status in [400, 401, 503] {
        let world = World::with()
            .openai("tattler", faulty(Fault::Status { status, retry_after: None, body: Some(body.into()) }))
            .start();
        let answer = world.chat(Chat::only("tattler"));
        assert!(!answer.text().contains("credential-of-tattler"), "{status}: {}", answer.text());
    }
}

#[test]
fn a_credential_in_two_pieces_of_an_error_of_a_vendors_own_path_is_kept_from_clients() {
    let vendor = BareVendor::spawn(|_, mut wire| {
        while wire.request().is_some() {
            let pieces = ["your key credential-", "of-tattler is wrong", ""];
            let chunks: String = pieces.iter().map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len())).collect();
            wire.write(format!("HTTP/1.1 401 Unauthorized\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"));
        }
    });
    let world = World::with().at("tattler", vendor.base_url()).start();
    let bearer = format!("Bearer {}", world.key);
    let headers = [("authorization", bearer.as_str()), ("x-tollgate-provider", "tattler")];
    let answer = world.ask("GET", "/v1/files", &headers, b"");
    assert_eq!(answer.status, 401);
    assert!(answer.text().ends_with("is wrong") && !answer.text().contains("tattler"), "{}", answer.text());
}

#[test]
fn a_vendor_that_sends_our_secrets_back_in_a_broken_answer_is_not_quoted() {
    let vendor = BareVendor::spawn(|_, mut wire| {
        let request = wire.request().unwrap_or_default();
        wire.write(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{request}",
            request.len()
        ));
    });
    let world = World::with().at("mirror", vendor.base_url()).start();
    for chat in [Chat::only("mirror"), Chat::only("mirror").streamed()] {
        let answer = world.chat(chat.saying(PROMPT));
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(!answer.text().contains("credential-of") && !answer.text().contains(PROMPT), "{}", answer.text());
    }
    assert_silent(&world, &[PROMPT, "credential-of-mirror"]);
}

#[test]
fn a_configuration_that_is_wrong_is_reported_without_its_secrets() {
    let world = World::with().openai("steady", Profile::default()).start();
    let wrong = world.yaml.replace(
        "    api_key: credential-of-steady\n",
        "    api_key: credential-of-steady\n    api_kee: canary-in-the-file\n",
    );
    assert!(!world.reload(&wrong));
    until("the log says so", || world.stderr().contains("api_kee").then_some(()));
    assert_silent(&world, &["credential-of-steady", "canary-in-the-file"]);
}

#[test]
fn a_request_line_holds_no_content_while_it_streams_either() {
    let world = World::with().openai("paced", Profile { echo: true, ..paced(5, 50) }).start();
    let answer = world.chat(Chat::only("paced").saying(PROMPT).with_usage());
    assert_eq!(answer.said(), PROMPT);
    world.line_of(&answer);
    assert_silent(&world, &[PROMPT, &world.key]);
}
