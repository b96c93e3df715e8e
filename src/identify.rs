//! Who is calling: from the key in the head to what it stands for.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use pingora::proxy::Session;
use tollgate_api::{Code, Refusal};
use tollgate_auth::{Check, KeyError, Kind, presented};

use crate::gateway::Gateway;
use crate::live::{Holder, Live};
use crate::metrics::Metrics;
use crate::off_worker::off_worker;
use crate::pipeline::End;

/// Finds the caller. A malformed, an unknown and a revoked key are told apart in log and metrics only.
pub(crate) async fn identify(
    gateway: &Gateway,
    live: &Live,
    session: &Session,
    now: Instant,
) -> Result<Arc<Holder>, End> {
    if let Some(flood) = &live.flood
        && let Some(ip) = client_ip(session)
    {
        flood.admit(ip, now)?;
    }
    let metrics = &gateway.metrics;
    let Some(key) = presented(&session.req_header().headers) else {
        metrics.auth_failed("missing");
        return Err(Refusal::new(Code::MissingKey, "the request carries no key").into());
    };
    let checked = match live.keys.verify(Kind::Inference, key) {
        Check::Known(holder) => return Ok(holder),
        Check::Slow(check) => {
            // bcrypt is paid once per key and process; a burst of new keys waits its turn.
            let _turn = gateway.slow_checks.acquire().await;
            off_worker(move || check.run()).await
        }
        Check::Refused(error) => Err(error),
    };
    checked.map_err(|error| refuse(error, metrics, session))
}

fn refuse(error: KeyError, metrics: &Metrics, session: &Session) -> End {
    metrics.auth_failed(error.as_str());
    tracing::info!(reason = error.as_str(), ip = ?client_ip(session), "key not accepted");
    End::Refused(error.refusal())
}

fn client_ip(session: &Session) -> Option<IpAddr> {
    session.downstream_session.client_addr()?.as_inet().map(|a| a.ip())
}
