//! How often and how many at once: exact, told in headers, free again when used up.

use tollgate_auth::Algorithm;
use tollgate_simulate::{Fault, Profile};

use crate::http::Answer;
use crate::plans::Key;
use crate::world::{Chat, World, faulty, until};

fn number(answer: &Answer, header: &str) -> u64 {
    let value = answer.header(header).unwrap_or_else(|| panic!("no {header}"));
    value.parse().unwrap_or_else(|e| panic!("{header}: {value}: {e}"))
}

#[test]
fn a_key_sends_so_many_requests_a_minute_and_is_told_where_it_stands() {
    let second = Key::new(2, "second", Algorithm::Sha256, "");
    let richer = Key::new(3, "richer", Algorithm::Sha256, ", limits: {requests_per_minute: 50}");
    let world = World::with()
        .openai("steady", Profile::default())
        .key(&second)
        .key(&richer)
        .section("limits", "{requests_per_minute: 3}")
        .start();
    for left in [2, 1, 0] {
        let answer = world.chat(Chat::only("steady"));
        assert_eq!(answer.status, 200);
        assert_eq!(number(&answer, "x-ratelimit-limit-requests"), 3);
        assert_eq!(number(&answer, "x-ratelimit-remaining-requests"), left);
        assert!((1..=60).contains(&number(&answer, "x-ratelimit-reset-requests")));
    }
    for chat in [Chat::only("steady"), Chat::only("steady").streamed()] {
        let answer = world.chat(chat);
        assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"));
        assert!((1..=60).contains(&number(&answer, "retry-after")));
        assert_eq!(number(&answer, "x-ratelimit-remaining-requests"), 0);
        assert_eq!(world.line_of(&answer)["outcome"], "refused");
    }
    assert_eq!(world.seen("steady").requests, 3, "who is refused costs nothing");
    assert_eq!(world.chat_as(&second.text, Chat::only("steady")).status, 200, "each key for itself");
    let answer = world.chat_as(&richer.text, Chat::only("steady"));
    assert_eq!(number(&answer, "x-ratelimit-limit-requests"), 50, "its own limit stands over the general one");
    assert!((world.metric("tollgate_refusals_total", &[("code", "rate_limited")]) - 2.0).abs() < 0.1);
}

#[test]
fn a_limit_is_exact_however_many_ask_at_once() {
    let world =
        World::with().openai("steady", Profile::default()).section("limits", "{requests_per_minute: 10}").start();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asks: Vec<_> = (0..30).map(|_| scope.spawn(|| world.chat(Chat::only("steady")).status)).collect();
        asks.into_iter().map(|a| a.join().expect("an answer")).collect()
    });
    assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 10, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|s| **s == 429).count(), 20, "{statuses:?}");
}

#[test]
fn a_key_has_so_many_requests_open_at_once_and_a_hang_up_frees_its_place() {
    let world = World::with()
        .openai("silent", faulty(Fault::AcceptAndHang))
        .openai("steady", Profile::default())
        .section("limits", "{concurrent_requests: 2}")
        .start();
    let first = world.begin(Chat::only("silent"));
    let second = world.begin(Chat::only("silent").streamed());
    world.wait_for_requests("silent", 2);
    let answer = world.chat(Chat::only("steady"));
    assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_concurrent"));
    assert!(answer.header("retry-after").is_some());
    first.hang_up();
    until("its place is free", || (world.chat(Chat::only("steady")).status == 200).then_some(()));
    for _ in 0..5 {
        assert_eq!(world.chat(Chat::only("steady")).status, 200, "an answer frees its place as well");
    }
    second.hang_up();
}

#[test]
fn a_flood_from_one_address_is_refused_before_anything_is_read() {
    let world =
        World::with().openai("steady", Profile::default()).section("limits", "{requests_per_second_per_ip: 5}").start();
    // More than two seconds' worth, so that wherever the second begins some are too many.
    let answers: Vec<Answer> = (0..20).map(|_| world.chat_as("tgk_nobody", Chat::only("steady"))).collect();
    let flooded: Vec<_> = answers.iter().filter(|a| a.status == 429).collect();
    assert!(!flooded.is_empty(), "strangers are counted too");
    assert!(flooded.iter().all(|a| a.code() == "flood" && a.header("retry-after").is_some()));
    assert!(answers.iter().filter(|a| a.status == 401).count() >= 5, "up to the limit they are told the truth");
    until("a second later", || (world.chat(Chat::only("steady")).status == 200).then_some(()));
}

#[test]
fn without_limits_there_are_no_headers_of_them() {
    let world = World::steady();
    for _ in 0..20 {
        let answer = world.chat(Chat::only("steady"));
        assert_eq!((answer.status, answer.header("x-ratelimit-limit-requests")), (200, None));
    }
}
