//! A key that takes the place of another: its holder goes on, and so does what it has spent.

use serde_json::{Value, json};
use tollgate_store::{Covers, Period, Role};

use crate::office::{Office, TENANT};
use crate::world::{Chat, World};

#[test]
fn a_rotated_key_goes_on_with_the_budget_of_its_line() {
    let world = World::steady();
    let office = Office::of(&world);
    let operator = office.manager(90, None, Role::Owner, None);
    let first = office.key(91, |_| {});
    let budget = office.budget(Covers::Key(first[4..12].to_owned()), Period::Total, 400_000);
    office.is_taken_up_by(&world);
    // One such answer is paid for, a second is not.
    let asked = || Chat::only("steady").with("max_tokens", json!(256));
    let rotated = |key: &str, body: Value| {
        let path = format!("/tenants/{TENANT}/keys/{}/rotate", &key[4..12]);
        let answer = world.manage(&operator, "POST", &path, Some(&body));
        assert_eq!(answer.status, 201, "{}", answer.text());
        office.is_taken_up_by(&world);
        answer.json()["key"].as_str().expect("a key").to_owned()
    };
    let second = rotated(&first, json!({"grace_seconds": 3600}));
    let third = rotated(&second, json!({}));
    assert_eq!(world.chat_as(&third, asked()).status, 200);
    let spent = office.settled(&budget, |standing| standing.settled > 0);
    let lowered = office.store.budget(&tollgate_store::Scope::Operator, TENANT, &budget).expect("it is there");
    let lowered = tollgate_store::Budget { limit: spent, ..lowered };
    office.store.change_budget(&tollgate_store::Scope::Operator, &lowered).expect("it can be changed");
    office.is_taken_up_by(&world);
    let fourth = rotated(&third, json!({}));
    for (key, which) in [(&first, "the first"), (&fourth, "the last")] {
        let answer = world.chat_as(key, asked());
        assert_eq!((answer.status, answer.code().as_str()), (402, "budget_exceeded"), "{which}: {}", answer.text());
        assert!(answer.text().contains(&budget), "{which}: {}", answer.text());
    }
    let anew = office.key(92, |_| {});
    office.is_taken_up_by(&world);
    assert_eq!(world.chat_as(&anew, asked()).status, 200, "a key of another line is not held by it");
}

#[test]
fn a_rotated_key_goes_on_with_the_counts_of_its_line() {
    let world = World::steady();
    let office = Office::of(&world);
    let operator = office.manager(90, None, Role::Owner, None);
    let first = office.key(91, |key| key.limits.requests_per_day = Some(2));
    office.is_taken_up_by(&world);
    assert_eq!(world.chat_as(&first, Chat::only("steady")).status, 200);
    let path = format!("/tenants/{TENANT}/keys/{}/rotate", &first[4..12]);
    let answer = world.manage(&operator, "POST", &path, Some(&json!({"grace_seconds": 3600})));
    let second = answer.json()["key"].as_str().expect("a key").to_owned();
    office.is_taken_up_by(&world);
    assert_eq!(world.chat_as(&second, Chat::only("steady")).status, 200);
    for key in [&first, &second] {
        assert_eq!(world.chat_as(key, Chat::only("steady")).status, 429);
    }
}
