//! The laws of an absent Redis: no request waits for it, and none asks it in vain.

use std::time::{Duration, Instant};

use tollgate_peers::{Ask, Options, Scope};

use crate::world::{Expect, World, a_minute, ask, patient, until};

fn hasty() -> Options {
    Options { timeout: Duration::from_millis(50), connect_timeout: Duration::from_millis(500), ..patient() }
}

fn one_a_minute() -> [Ask<'static>; 1] {
    [ask(Scope::Key("k"), a_minute(1), 0)]
}

#[tokio::test]
async fn a_node_starts_without_redis_and_shares_as_soon_as_it_is_there() {
    let mut world = World::without_redis();
    let node = world.node_with(hasty());
    assert!(node.admit("r1", &one_a_minute()).await.is_away());
    until("the first failure", async || node.failures() > 0).await;
    assert!(node.is_away());
    world.start_redis().await;
    until("it shares", async || !node.admit("r2", &one_a_minute()).await.is_away()).await;
    assert!(!node.is_away());
    assert_eq!(node.admit("r3", &one_a_minute()).await.denied().most, 1);
}

#[tokio::test]
async fn redis_that_is_killed_is_away_at_once_and_shared_again_when_it_is_back() {
    let mut world = World::start().await;
    let (one, other) = (world.reached(hasty()).await, world.reached(hasty()).await);
    let _pass = one.admit("r1", &one_a_minute()).await.admitted();
    world.kill_redis();
    for node in [&one, &other] {
        let began = Instant::now();
        assert!(node.admit("r2", &one_a_minute()).await.is_away());
        assert!(began.elapsed() < Duration::from_secs(2), "took {:?}", began.elapsed());
        assert!(node.is_away() && node.failures() > 0);
    }
    world.start_redis().await;
    for node in [&one, &other] {
        until("it shares again", async || {
            !node.admit("probe", &[ask(Scope::Key("x"), a_minute(99), 0)]).await.is_away()
        })
        .await;
    }
    let _pass = one.admit("r3", &one_a_minute()).await.admitted();
    assert_eq!(other.admit("r4", &one_a_minute()).await.denied().most, 1);
}

#[tokio::test]
async fn redis_that_hangs_costs_one_request_the_timeout_and_the_others_nothing() {
    let world = World::start().await;
    let node = world.reached(Options { pause: Duration::from_secs(600), ..hasty() }).await;
    world.signal("STOP");
    let began = Instant::now();
    assert!(node.admit("r1", &one_a_minute()).await.is_away());
    let waited = began.elapsed();
    assert!(waited >= Duration::from_millis(50) && waited < Duration::from_secs(2), "waited {waited:?}");
    let (began, failures) = (Instant::now(), node.failures());
    for _ in 0..1_000 {
        assert!(node.admit("r2", &one_a_minute()).await.is_away());
    }
    // One that waited for Redis each time would need 50 seconds.
    assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
    assert_eq!(node.failures(), failures, "nobody asked it");
    world.signal("CONT");
}

#[tokio::test]
async fn after_the_pause_one_request_probes_and_the_rest_go_on() {
    let world = World::start().await;
    let pause = Duration::from_millis(200);
    let node = world.reached(Options { pause, connect_timeout: Duration::from_secs(300), ..hasty() }).await;
    let listeners = "PUBSUB NUMSUB tollgate:{test}:changes";
    until("the node listens", async || world.raw::<(String, i64)>(listeners).await.1 == 1).await;
    let before = connections(&world).await;
    world.signal("STOP");
    assert!(node.admit("r1", &one_a_minute()).await.is_away());
    // The probe of a Redis that hangs takes its full time-out, and as long as it does nobody else tries.
    let (mut asked, end) = (0, Instant::now() + pause * 4);
    while Instant::now() < end {
        assert!(node.admit("r2", &one_a_minute()).await.is_away());
        asked += 1;
        tokio::task::yield_now().await;
    }
    assert!(asked > 10, "only {asked} got past");
    world.signal("CONT");
    until("it shares again", async || !node.admit("r3", &one_a_minute()).await.is_away()).await;
    // One for the probe, one to ask how many there were.
    assert_eq!(connections(&world).await, before + 2);
}

/// How many connections Redis has ever taken.
async fn connections(world: &World) -> u64 {
    let stats: String = world.raw("INFO stats").await;
    let line = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
    line.expect("Redis tells").parse().expect("a number")
}

#[tokio::test]
async fn a_password_is_in_no_debug_text() {
    let node =
        tollgate_peers::Peers::connect(&"redis://user:hunter2@127.0.0.1:1".into(), patient()).expect("an address");
    assert!(!format!("{node:?}").contains("hunter2"));
}
