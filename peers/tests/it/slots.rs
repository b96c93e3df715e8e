//! The laws of slots: who holds one, and how it becomes free.

use std::time::Duration;

use tollgate_peers::{Answer, Limit, Limits, Options, Peers, Scope};

use crate::world::{Expect, World, ask, at_once, patient, until};

async fn lets_in(node: &Peers, request: &str, slots: u64) -> bool {
    match node.admit(request, &[ask(Scope::Key("k"), at_once(slots), 0)]).await {
        Answer::Admitted(pass) => {
            drop(pass);
            true
        }
        _ => false,
    }
}

#[tokio::test]
async fn a_slot_given_back_at_one_node_is_free_at_the_other() {
    let world = World::start().await;
    let (one, other) = (world.node().await, world.node().await);
    let asks = [ask(Scope::Key("k"), at_once(2), 0)];
    let first = one.admit("r1", &asks).await.admitted();
    let _second = other.admit("r2", &asks).await.admitted();
    let denial = other.admit("r3", &asks).await.denied();
    assert_eq!((denial.limit, denial.most, denial.wait), (Limit::ConcurrentRequests, 2, Duration::from_secs(1)));
    drop(first);
    until("the slot is free", async || lets_in(&other, "r4", 2).await).await;
}

#[tokio::test]
async fn the_slot_of_a_dead_node_frees_itself() {
    let world = World::start().await;
    let short = Options { open_max: Duration::from_millis(300), ..patient() };
    let (dying, living) = (world.reached(short.clone()).await, world.reached(short).await);
    let asks = [ask(Scope::Key("k"), at_once(2), 0)];
    // Never dropped: what a node leaves behind that lost its power.
    std::mem::forget(dying.admit("r1", &asks).await.admitted());
    let mut held = vec![living.admit("r2", &asks).await.admitted()];
    assert_eq!(living.admit("r3", &asks).await.denied().limit, Limit::ConcurrentRequests);
    until("the slot has freed itself", async || {
        // The living one stays, so that it is the slot that ends and not all slots together.
        held.push(living.admit("r2", &asks).await.admitted());
        lets_in(&living, "r3", 2).await
    })
    .await;
}

#[tokio::test]
async fn a_client_that_hangs_up_while_redis_is_asked_keeps_no_slot() {
    let world = World::start().await;
    let node = world.node().await;
    let limits = Limits { requests_per_minute: Some(9), ..at_once(1) };
    // Redis knows the script from here on: nothing is left to send once the client has hung up.
    let _other = node.admit("r0", &[ask(Scope::Key("other"), limits, 0)]).await.admitted();
    world.raw::<()>("CLIENT PAUSE 150 ALL").await;
    let asks = [ask(Scope::Key("k"), limits, 0)];
    let hung_up = tokio::time::timeout(Duration::from_millis(20), node.admit("r1", &asks)).await;
    assert!(hung_up.is_err(), "Redis answered although it is paused");
    until("Redis has let it in", async || {
        world.raw::<Option<i64>>("HGET tollgate:{test}:limit:key:k:rpm u").await == Some(1)
    })
    .await;
    until("the slot is free", async || world.raw::<i64>("ZCARD tollgate:{test}:limit:key:k:open").await == 0).await;
}

#[tokio::test]
async fn a_request_that_ends_while_redis_hangs_frees_its_slot_when_it_is_back() {
    let world = World::start().await;
    let hasty =
        Options { timeout: Duration::from_millis(50), connect_timeout: Duration::from_millis(500), ..patient() };
    let node = world.reached(hasty).await;
    let asks = [ask(Scope::Key("k"), at_once(1), 0)];
    let pass = node.admit("r1", &asks).await.admitted();
    world.signal("STOP");
    drop(pass);
    until("the courier has failed once", async || node.failures() > 0).await;
    world.signal("CONT");
    until("the slot is free", async || lets_in(&node, "r2", 1).await).await;
}

#[tokio::test]
async fn a_request_that_ends_while_redis_is_left_alone_frees_its_slot_when_it_is_back() {
    let world = World::start().await;
    let pause = Duration::from_secs(1);
    let node = world.reached(Options { timeout: Duration::from_millis(50), pause, ..patient() }).await;
    let asks = [ask(Scope::Key("k"), at_once(1), 0)];
    let pass = node.admit("r1", &asks).await.admitted();
    world.signal("STOP");
    assert!(node.admit("r2", &asks).await.is_away());
    drop(pass);
    world.signal("CONT");
    until("the slot is free", async || lets_in(&node, "r3", 1).await).await;
    assert_eq!(node.dropped(), 0);
}

#[tokio::test]
async fn more_ends_than_the_queue_holds_are_dropped_and_counted() {
    let world = World::start().await;
    let node = world.reached(Options { queue_max: 2, ..patient() }).await;
    let asks = [ask(Scope::Key("k"), at_once(100), 0)];
    let mut open = Vec::new();
    for nth in 0..50 {
        open.push(node.admit(&format!("r{nth}"), &asks).await.admitted());
    }
    // On one thread nothing else runs in between.
    drop(open);
    assert_eq!(node.dropped(), 48);
}
