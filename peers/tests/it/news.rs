//! The laws of news between nodes: changes of accounts, and tripped endpoints.

use std::time::Duration;

use tokio::time::timeout;
use tollgate_peers::{Change, Changes, Peers};

use crate::world::{DEADLINE, World, until};

fn revoked(id: &str) -> Change {
    Change::Told { kind: "key".into(), id: id.into() }
}

async fn next(news: &mut Changes) -> Change {
    timeout(DEADLINE, news.next()).await.expect("no news within the deadline").expect("the node is there")
}

/// Goes on until the line to Redis is said to have come about.
async fn listening(news: &mut Changes) {
    while next(news).await != Change::Unknown {}
}

#[tokio::test]
async fn a_revoked_key_is_told_to_every_node() {
    let world = World::start().await;
    let nodes: Vec<Peers> = (0..3).map(|_| world.node_with(crate::world::patient())).collect();
    let mut news: Vec<Changes> = nodes.iter().map(Peers::changes).collect();
    for news in &mut news {
        listening(news).await;
    }
    until("Redis takes it", async || nodes[0].announce("key", "k\n17").await).await;
    for news in &mut news {
        assert_eq!(next(news).await, revoked("k\n17"));
    }
}

#[tokio::test]
async fn after_an_outage_nodes_are_told_that_news_may_be_lost_and_hear_again() {
    let mut world = World::start().await;
    let (one, other) = (world.node_with(crate::world::patient()), world.node_with(crate::world::patient()));
    let mut news = other.changes();
    listening(&mut news).await;
    world.kill_redis();
    until("the loss is seen", async || !one.announce("key", "lost").await).await;
    world.start_redis().await;
    listening(&mut news).await;
    until("Redis takes it", async || one.announce("key", "kept").await).await;
    assert_eq!(next(&mut news).await, revoked("kept"));
}

#[tokio::test]
async fn a_tripped_endpoint_is_known_to_other_nodes_until_it_flows_again_or_its_time_is_over() {
    let world = World::start().await;
    let (one, other) = (world.node().await, world.node().await);
    let tripped = async || {
        let mut known: Vec<_> = other.healths().await.expect("Redis is there");
        known.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
        known.into_iter().map(|t| format!("{} {}", t.node, t.endpoint)).collect::<Vec<_>>()
    };
    assert!(one.report_health("node-1", "anthropic", Duration::from_secs(60)).await);
    assert!(one.report_health("node-1", "openai", Duration::from_secs(60)).await);
    assert_eq!(tripped().await, ["node-1 anthropic", "node-1 openai"]);
    assert!(one.report_health("node-1", "anthropic", Duration::ZERO).await);
    assert_eq!(tripped().await, ["node-1 openai"]);
    let left = other.healths().await.expect("Redis is there")[0].left;
    assert!(left > Duration::from_secs(30) && left <= Duration::from_secs(60), "{left:?}");
    assert!(one.report_health("node-1", "openai", Duration::from_millis(100)).await);
    until("its time is over", async || tripped().await.is_empty()).await;
    assert_eq!(world.raw::<i64>("EXISTS tollgate:{test}:health").await, 0);
}
