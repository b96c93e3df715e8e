//! Which endpoints other nodes found tripped. What to make of it is each node's own choice.

use std::time::Duration;

use crate::Peers;
use crate::line::Reply;
use crate::script::Run;

/// An endpoint that a node found tripped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tripped {
    /// Which node.
    pub node: String,
    /// Which endpoint.
    pub endpoint: String,
    /// For how long it is still held to be so.
    pub left: Duration,
}

impl Peers {
    /// Tells all nodes that this one finds the endpoint tripped for so long; for no time, that it
    /// flows. Says whether Redis took it. A length of time and not a moment: clocks of nodes differ.
    pub async fn report_health(&self, node: &str, endpoint: &str, tripped_for: Duration) -> bool {
        let millis = u64::try_from(tripped_for.as_millis()).unwrap_or(u64::MAX).min(24 * 60 * 60 * 1000);
        self.health(vec![format!("{node}\n{endpoint}"), millis.to_string()]).await.is_some()
    }

    /// What nodes find tripped now; `None` when Redis does not answer.
    pub async fn healths(&self) -> Option<Vec<Tripped>> {
        let said = self.health(Vec::new()).await?;
        let read = |(field, left): (String, u64)| {
            let (node, endpoint) = field.split_once('\n')?;
            Some(Tripped { node: node.into(), endpoint: endpoint.into(), left: Duration::from_millis(left) })
        };
        Some(said.into_iter().filter_map(read).collect())
    }

    async fn health(&self, arguments: Vec<String>) -> Option<Vec<(String, u64)>> {
        let inner = &*self.inner;
        let run = Run { keys: vec![inner.names.health()], arguments };
        match inner.line.ask(inner.options.connect_timeout, |connection| inner.health.run(connection, &run)).await {
            Reply::Said(said) => Some(said),
            Reply::NotAsked | Reply::Unknown => None,
        }
    }
}
