//! Who is calling: from the key in the head to what it stands for.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pingora::proxy::Session;
use tollgate_api::{Code, Refusal};
use tollgate_auth::{Check, KeyError, Kind, presented, presented_in_query};

use crate::accounts::Holder;
use crate::clock;
use crate::gateway::Gateway;
use crate::live::Live;
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
    let head = session.req_header();
    let in_query = || head.uri.query().and_then(presented_in_query);
    let Some(key) = presented(&head.headers).or_else(in_query) else {
        metrics.auth_failed("missing");
        return Err(Refusal::new(Code::MissingKey, "the request carries no key").into());
    };
    let checked = match gateway.accounts.ring.load().verify(Kind::Inference, key) {
        Check::Known(holder) => return may_call(holder, metrics, session),
        Check::Slow(check) => {
            // bcrypt is paid once per key and process; a burst of new keys waits its turn.
            let _turn = gateway.slow_checks.acquire().await;
            off_worker(move || check.run()).await
        }
        Check::Refused(KeyError::Unknown) if !gateway.accounts.is_loaded() => {
            let what = "the store with keys could not be read yet";
            return Err(Refusal::new(Code::AccountsUnavailable, what).retry_after(Duration::from_secs(1)).into());
        }
        Check::Refused(error) => Err(error),
    };
    match checked {
        Ok(holder) => may_call(holder, metrics, session),
        Err(error) => Err(refuse(error, metrics, session)),
    }
}

/// Whether a known key may be used: now, from there, for its tenant.
fn may_call(holder: Arc<Holder>, metrics: &Metrics, session: &Session) -> Result<Arc<Holder>, End> {
    if holder.expires_ms.is_some_and(|expires| clock::unix_ms() >= expires) {
        metrics.auth_failed("expired");
        return Err(KeyError::Revoked.refusal().into());
    }
    if holder.bound.as_ref().is_some_and(|bound| !bound.allows_ip(client_ip(session))) {
        return Err(Refusal::new(Code::KeyBound, "this key is bound to other networks than yours").into());
    }
    if holder.tenant.now.load().suspended {
        return Err(Refusal::new(Code::TenantSuspended, "this tenant is suspended").into());
    }
    Ok(holder)
}

fn refuse(error: KeyError, metrics: &Metrics, session: &Session) -> End {
    metrics.auth_failed(error.as_str());
    tracing::info!(reason = error.as_str(), ip = ?client_ip(session), "key not accepted");
    End::Refused(error.refusal())
}

pub(crate) fn client_ip(session: &Session) -> Option<IpAddr> {
    session.downstream_session.client_addr()?.as_inet().map(|a| a.ip())
}
