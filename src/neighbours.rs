//! What nodes tell each other through Redis beside limits: that accounts have changed, and which endpoints
//! a vendor wants left alone. What a node only found out by its own count of failures it keeps to itself:
//! its network may be at fault.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tollgate_peers::Peers;

use crate::clock;
use crate::gateway::Gateway;

/// How often health is exchanged.
const EVERY: Duration = Duration::from_secs(1);

/// Listens and tells for as long as the gateway lives. `node` is this one's name.
pub(crate) fn talk(gateway: &Arc<Gateway>, node: String) {
    let Some(others) = &gateway.others else { return };
    let (gateway, peers) = (Arc::downgrade(gateway), others.peers.clone());
    others.runtime.spawn(listen(gateway.clone(), peers.clone()));
    others.runtime.spawn(exchange_health(gateway, peers, node));
}

async fn listen(gateway: Weak<Gateway>, peers: Peers) {
    let mut news = peers.changes();
    while news.next().await.is_some() {
        let Some(gateway) = gateway.upgrade() else { return };
        gateway.accounts.news.tell();
    }
}

async fn exchange_health(gateway: Weak<Gateway>, peers: Peers, node: String) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(gateway) = gateway.upgrade() else { return };
        let live = gateway.live.load_full();
        let now = clock::now_ms();
        for endpoint in &live.endpoints {
            if let Some(left) = endpoint.health.wait_named_here(now) {
                peers.report_health(&node, &endpoint.name, left).await;
            }
        }
        for heard in peers.healths().await.unwrap_or_default().iter().filter(|heard| heard.node != node) {
            if let Some(endpoint) = live.endpoints.iter().find(|endpoint| *endpoint.name == *heard.endpoint) {
                endpoint.health.hear_of_wait(heard.left, clock::now_ms());
            }
        }
    }
}
