//! The laws of shared windows: who is let in, what it costs, what is left behind.

use std::time::Duration;

use tollgate_peers::{Answer, Limit, Limits, Scope};

use crate::world::{Expect, World, a_minute, ask, at_once, tokens_a_minute, until};

const EVERY: Limits = Limits {
    requests_per_minute: Some(100),
    requests_per_day: Some(1_000),
    tokens_per_minute: Some(10_000),
    tokens_per_day: Some(100_000),
    concurrent_requests: Some(10),
};

async fn used(world: &World, id: &str) -> i64 {
    world.raw::<Option<i64>>(&format!("HGET tollgate:{{test}}:limit:{id} u")).await.unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_tasks_over_three_nodes_pass_exactly_the_limit() {
    let world = World::start().await;
    let nodes = [world.node().await, world.node().await, world.node().await];
    for (id, limits) in [("by-requests", a_minute(100)), ("by-tokens", tokens_a_minute(700))] {
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let node = nodes[task % nodes.len()].clone();
                tokio::spawn(async move {
                    let mut admitted = 0;
                    for nth in 0..40 {
                        let request = format!("{task}-{nth}");
                        match node.admit(&request, &[ask(Scope::Key(id), limits, 7)]).await {
                            Answer::Admitted(mut pass) => {
                                pass.used_tokens(7);
                                admitted += 1;
                            }
                            Answer::Denied(_) => {}
                            Answer::Away => panic!("Redis is there"),
                        }
                    }
                    admitted
                })
            })
            .collect();
        let mut admitted = 0;
        for task in tasks {
            admitted += task.await.expect("no panic");
        }
        assert_eq!(admitted, 100, "{id}");
    }
}

#[tokio::test]
async fn a_request_passes_at_key_and_tenant_or_takes_from_neither() {
    let world = World::start().await;
    let (one, other) = (world.node().await, world.node().await);
    let asks = |key| [ask(Scope::Key(key), EVERY, 10), ask(Scope::Tenant("acme"), a_minute(1), 10)];
    let mut pass = one.admit("r1", &asks("a")).await.admitted();
    pass.used_tokens(10);
    for nth in 0..5 {
        let denial = other.admit(&format!("s{nth}"), &asks("b")).await.denied();
        assert_eq!((denial.ask, denial.limit, denial.most), (1, Limit::RequestsPerMinute, 1));
        assert!(denial.wait > Duration::ZERO && denial.wait <= Duration::from_secs(60));
    }
    for what in ["rpm", "rpd", "tpm", "tpd"] {
        assert_eq!(used(&world, &format!("key:b:{what}")).await, 0, "{what}");
    }
    assert_eq!(world.raw::<i64>("ZCARD tollgate:{test}:limit:key:b:open").await, 0);
    assert_eq!(used(&world, "key:a:rpd").await, 1);
}

#[tokio::test]
async fn the_figures_count_down_over_all_nodes_and_tell_when_all_is_back() {
    let world = World::start().await;
    let (one, other) = (world.node().await, world.node().await);
    let limits = Limits { tokens_per_minute: Some(100), ..a_minute(2) };
    let asks = [ask(Scope::Key("k"), limits, 30)];
    let first = one.admit("r1", &asks).await.admitted();
    let second = other.admit("r2", &asks).await.admitted();
    let remaining = |pass: &tollgate_peers::Pass| {
        (pass.requests().map(|f| (f.limit, f.remaining)), pass.tokens().map(|f| (f.limit, f.remaining)))
    };
    assert_eq!(remaining(&first), (Some((2, 1)), Some((100, 70))));
    assert_eq!(remaining(&second), (Some((2, 0)), Some((100, 40))));
    let denial = one.admit("r3", &asks).await.denied();
    let requests = denial.requests.expect("limited");
    assert_eq!((requests.remaining, requests.reset), (0, denial.wait));
    assert_eq!(denial.tokens.map(|f| f.remaining), Some(40));
}

#[tokio::test]
async fn tokens_are_corrected_by_what_was_used() {
    let world = World::start().await;
    let (one, other) = (world.node().await, world.node().await);
    let asks = |tokens| [ask(Scope::Key("k"), tokens_a_minute(1_000), tokens)];
    let mut pass = one.admit("r1", &asks(600)).await.admitted();
    assert_eq!(other.admit("r2", &asks(401)).await.denied().limit, Limit::TokensPerMinute);
    pass.used_tokens(100);
    drop(pass);
    until("the correction is told", async || used(&world, "key:k:tpm").await == 100).await;
    let mut more = other.admit("r3", &asks(900)).await.admitted();
    more.used_tokens(5_000);
    drop(more);
    until("more than the estimate is told", async || used(&world, "key:k:tpm").await == 5_100).await;
    assert_eq!(one.admit("r4", &asks(1)).await.denied().tokens.map(|f| f.remaining), Some(0));
}

#[tokio::test]
async fn a_request_that_came_to_nothing_gives_its_tokens_back_and_a_withdrawn_one_its_place() {
    let world = World::start().await;
    let node = world.node().await;
    let asks = [ask(Scope::Key("k"), EVERY, 600)];
    drop(node.admit("r1", &asks).await.admitted());
    until("the tokens are back", async || used(&world, "key:k:tpd").await == 0).await;
    assert_eq!((used(&world, "key:k:tpm").await, used(&world, "key:k:rpm").await), (0, 1));
    node.admit("r2", &asks).await.admitted().withdraw();
    until("the place is back", async || used(&world, "key:k:rpd").await == 1).await;
    assert_eq!(used(&world, "key:k:rpm").await, 1);
}

#[tokio::test]
async fn a_late_correction_does_not_touch_a_later_window() {
    let world = World::start().await;
    let node = world.node().await;
    let asks = [ask(Scope::Key("k"), tokens_a_minute(1_000), 50)];
    let mut slow = node.admit("r1", &asks).await.admitted();
    // Its window ends, and the next one begins at least a millisecond later.
    let begun: i64 = world.raw("HGET tollgate:{test}:limit:key:k:tpm b").await;
    world.raw::<()>("DEL tollgate:{test}:limit:key:k:tpm").await;
    until("a millisecond is over", async || {
        let (seconds, micros) = world.raw::<(i64, i64)>("TIME").await;
        seconds * 1_000 + micros / 1_000 > begun
    })
    .await;
    let mut fast = node.admit("r2", &asks).await.admitted();
    slow.used_tokens(900);
    drop(slow);
    // Told after the other, so that it is known to have been told too.
    fast.used_tokens(60);
    drop(fast);
    until("both are told", async || used(&world, "key:k:tpm").await != 50).await;
    assert_eq!(used(&world, "key:k:tpm").await, 60);
}

#[tokio::test]
async fn a_request_larger_than_the_limit_passes_an_empty_window_and_no_other() {
    let world = World::start().await;
    let node = world.node().await;
    let asks = |tokens| [ask(Scope::Key("k"), tokens_a_minute(100), tokens)];
    let _large = node.admit("r1", &asks(5_000)).await.admitted();
    assert_eq!(node.admit("r2", &asks(1)).await.denied().limit, Limit::TokensPerMinute);
}

#[tokio::test]
async fn a_day_is_refused_until_midnight_utc() {
    let world = World::start().await;
    let node = world.node().await;
    let asks = [ask(Scope::Tenant("acme"), Limits { requests_per_day: Some(0), ..Limits::default() }, 0)];
    let denial = node.admit("r1", &asks).await.denied();
    let (seconds, _) = world.raw::<(u64, u64)>("TIME").await;
    let midnight = 86_400 - seconds % 86_400;
    assert_eq!(denial.limit, Limit::RequestsPerDay);
    // Midnight itself may pass between the two looks at the clock.
    let off = denial.wait.as_secs().abs_diff(midnight) % 86_399;
    assert!(off <= 20, "{:?} and {midnight} s", denial.wait);
}

#[tokio::test]
async fn every_key_has_the_prefix_and_ends_and_none_of_an_address_outlives_two_minutes() {
    let world = World::start().await;
    let node = world.node().await;
    let asks = [
        ask(Scope::Key("k"), EVERY, 10),
        ask(Scope::Tenant("acme"), EVERY, 10),
        ask(Scope::Address("5f3a"), EVERY, 10),
    ];
    let mut pass = node.admit("r1", &asks).await.admitted();
    assert!(node.report_health("node-1", "openai", Duration::from_secs(30)).await);
    pass.used_tokens(20);
    drop(pass);
    until("the end is told", async || used(&world, "tenant:acme:tpm").await == 20).await;
    let keys: Vec<String> = world.raw("KEYS *").await;
    assert_eq!(keys.len(), 4 + 4 + 2 + 1, "{keys:?}");
    for key in keys {
        assert!(key.starts_with("tollgate:{test}:"), "{key}");
        let lives: i64 = world.raw(&format!("PTTL {key}")).await;
        let most = if key.contains(":ip:") { 120_000 } else { 86_400_000 };
        assert!(lives > 0 && lives <= most, "{key} lives {lives} ms");
    }
}

#[tokio::test]
async fn a_script_that_redis_lost_is_sent_again() {
    let world = World::start().await;
    let node = world.node().await;
    let asks = [ask(Scope::Key("k"), Limits { tokens_per_minute: Some(500), ..at_once(9) }, 10)];
    for nth in 0..3 {
        world.raw::<()>("SCRIPT FLUSH").await;
        let mut pass = node.admit(&format!("r{nth}"), &asks).await.admitted();
        world.raw::<()>("SCRIPT FLUSH").await;
        pass.used_tokens(1);
    }
    until("all ends are told", async || used(&world, "key:k:tpm").await == 3).await;
    assert_eq!((node.failures(), node.dropped()), (0, 0));
}

#[tokio::test]
async fn what_is_not_limited_asks_nothing() {
    let world = World::without_redis();
    let node = world.node_with(crate::world::patient());
    let pass = node.admit("r1", &[ask(Scope::Key("k"), Limits::default(), 10)]).await.admitted();
    assert_eq!((pass.requests(), pass.tokens()), (None, None));
}

#[tokio::test]
async fn deployments_with_other_namespaces_do_not_count_for_each_other() {
    let world = World::start().await;
    let other = tollgate_peers::Options { namespace: "other".into(), ..crate::world::patient() };
    let (one, other) = (world.node().await, world.reached(other).await);
    let asks = [ask(Scope::Key("k"), a_minute(1), 0)];
    let _pass = one.admit("r1", &asks).await.admitted();
    let _other = other.admit("r1", &asks).await.admitted();
    assert_eq!(one.admit("r2", &asks).await.denied().most, 1);
}
