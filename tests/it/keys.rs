//! Who may come in: told apart for the operator, never for the one at the door.

use std::time::Instant;

use tollgate_auth::{Algorithm, Cost};
use tollgate_simulate::Profile;

use crate::plans::Key;
use crate::world::{Chat, World};

#[test]
fn every_key_that_is_not_accepted_gets_the_same_answer() {
    let revoked = Key::new(2, "revoked", Algorithm::Sha256, ", revoked: true");
    let unknown = Key::new(3, "unknown", Algorithm::Sha256, "");
    let world = World::with().openai("steady", Profile::default()).key(&revoked).start();
    let mistyped = format!("{}{}", &world.key[..40], world.key[40..].replace(|c: char| c.is_ascii_digit(), "x"));
    let cases = [
        ("malformed", mistyped.as_str()),
        ("malformed", "sk-proj-somebody-elses"),
        ("malformed", "tgk_"),
        ("unknown", unknown.text.as_str()),
        ("revoked", revoked.text.as_str()),
    ];
    let mut bodies = std::collections::HashSet::new();
    for (reason, key) in cases {
        let before = world.metric("tollgate_auth_failures_total", &[("reason", reason)]);
        let answer = world.chat_as(key, Chat::only("steady"));
        assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_key"), "{key}");
        bodies.insert(answer.text());
        let after = world.metric("tollgate_auth_failures_total", &[("reason", reason)]);
        assert!((after - before - 1.0).abs() < 0.1, "{reason}: {before} to {after}");
        assert!(world.stderr().contains(&format!("\"reason\":\"{reason}\"")), "the log says why");
    }
    assert_eq!(bodies.len(), 1, "the client is not told which: {bodies:?}");
    assert_eq!(world.seen("steady").requests, 0);
}

#[test]
fn no_key_at_all_is_told_what_to_send() {
    let world = World::steady();
    for headers in
        [&[][..], &[("authorization", "Basic dXNlcjpwYXNz")], &[("authorization", "Bearer ")], &[("x-api-key", "")]]
    {
        let answer = world.ask("POST", "/v1/chat/completions", headers, &Chat::only("steady").bytes());
        assert_eq!((answer.status, answer.code().as_str()), (401, "missing_key"), "{headers:?}");
        assert!(answer.text().contains("Authorization: Bearer"));
    }
}

#[test]
fn a_key_comes_in_either_header() {
    let world = World::steady();
    let key = world.key.clone();
    let bearer = format!("Bearer {key}");
    let lower = format!("bearer {key}");
    for headers in [
        &[("authorization", bearer.as_str())][..],
        &[("Authorization", lower.as_str())],
        &[("x-api-key", key.as_str())],
        &[("authorization", bearer.as_str()), ("x-api-key", "sk-of-a-vendor")],
    ] {
        let answer = world.ask("POST", "/v1/chat/completions", headers, &Chat::only("steady").bytes());
        assert_eq!(answer.status, 200, "{headers:?}");
    }
}

#[test]
fn a_bcrypt_key_works_and_is_paid_for_once() {
    let cost = Cost::try_from(10).expect("within bounds");
    let slow = Key::new(2, "slow", Algorithm::Bcrypt(cost), "");
    let world = World::with().openai("steady", Profile::default()).key(&slow).start();
    let took = |key: &str| {
        let began = Instant::now();
        assert_eq!(world.chat_as(key, Chat::only("steady")).status, 200);
        began.elapsed()
    };
    let first = took(&slow.text);
    let mut rest: Vec<_> = (0..9).map(|_| took(&slow.text)).collect();
    rest.sort();
    assert!(rest[4] < first / 2, "the hash is paid once: {first:?}, then {rest:?}");
    let impostor = format!("{}{}", &slow.text[..13], &Key::new(9, "other", Algorithm::Sha256, "").text[13..]);
    assert_eq!(world.chat_as(&impostor, Chat::only("steady")).status, 401);
}
