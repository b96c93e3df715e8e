//! How the audit log reaches its witnesses: one small request at a time, over Pingora's connector, from
//! the notary's thread. What is said stands in `tollgate_audit`.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use pingora::connectors::ConnectorOptions;
use pingora::http::RequestHeader;
use pingora::upstreams::peer::HttpPeer;
use tollgate_audit::note::Verifier;
use tollgate_audit::{Post, Remote};
use tollgate_conf::Config;

use crate::upstream::Upstreams;

/// A witness that takes longer is left out of this checkpoint.
const PATIENCE: Duration = Duration::from_secs(2);
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// The witnesses of a configuration.
pub(crate) fn remotes(config: &Config) -> anyhow::Result<Vec<Remote>> {
    let remote = |witness: &tollgate_conf::Witness| {
        let key = Verifier::parse(&witness.key).with_context(|| format!("{}: not a verifier key", witness.at))?;
        Ok(Remote::new(&witness.url, key))
    };
    config.audit.witnesses.iter().map(remote).collect()
}

/// The same, and how to reach them; `None` where there are none.
pub(crate) fn of(config: &Config) -> anyhow::Result<Option<(Vec<Remote>, Post)>> {
    if config.audit.witnesses.is_empty() {
        return Ok(None);
    }
    let remotes = remotes(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let pools = Arc::new(Upstreams::new(ConnectorOptions::new(4)));
    let post: Post = Box::new(move |url, body| {
        runtime.block_on(async {
            let asked = tokio::time::timeout(PATIENCE, post(&pools, url, body.into())).await;
            asked.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?.map_err(|e| io::Error::other(format!("{e:#}")))
        })
    });
    Ok(Some((remotes, post)))
}

async fn post(pools: &Arc<Upstreams>, url: &str, body: Bytes) -> anyhow::Result<(u16, Vec<u8>)> {
    let uri: Uri = url.parse()?;
    let tls = uri.scheme_str() == Some("https");
    let host = uri.host().context("the URL has no host")?.trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let address = tokio::net::lookup_host((&*host, port)).await?.next().context("the name has no address")?;
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = Method::POST;
    parts.headers.insert(header::HOST, HeaderValue::from_str(uri.authority().map_or(&host, |a| a.as_str()))?);
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    parts.uri = Uri::builder().path_and_query(uri.path()).build()?;
    let peer = Arc::new(HttpPeer::new(address, tls, host));
    // A connection each time: a witness is asked once a second at most, and may have closed.
    let mut wire = pools.connect(peer, true).await?;
    wire.send(Box::new(RequestHeader::from(parts)), body).await?;
    let status = wire.read_head().await?.status.as_u16();
    let answer = wire.read_all(ANSWER_BYTES_MAX, PATIENCE).await?.context("its answer is too long")?;
    Ok((status, answer.to_vec()))
}
