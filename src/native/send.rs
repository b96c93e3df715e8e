//! A request for a vendor's own path on its way: what goes out, and one try.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use pingora_timeout::timeout;
use tollgate_api::{Code, Refusal};
use tollgate_vendors::escaped;

use super::Asked;
use super::relay::Answer;
use crate::attempt::no_connection;
use crate::attempts::Trace;
use crate::fail::Fail;
use crate::gateway::Gateway;
use crate::pipeline::End;
use crate::plan::Candidate;
use crate::surface::MODEL;
use crate::tally::{How, Tally};

/// How the headers begin by which Amazon takes and gives what is not in a body: guardrails, tiers, counts.
const AMAZONS: &str = "x-amzn-bedrock-";

/// What goes out.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) target: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether its answer reports what is to be paid for.
    pub(super) is_work: bool,
}

impl Request {
    /// In the words of the place: its path, and its own name for the model.
    pub(super) fn of(
        asked: &Asked,
        body: Bytes,
        candidate: &Candidate<'_>,
        session: &Session,
    ) -> Result<Self, Refusal> {
        let endpoint = candidate.endpoint();
        let head = session.req_header();
        // The vendor's own name for the model, where configuration has one.
        let known = Some(&*endpoint.model).filter(|model| !model.is_empty());
        let model = known.or(asked.native.model.as_deref()).unwrap_or_default();
        let path = asked.native.path.replacen(MODEL, &escaped(model), 1);
        let target = endpoint.native(&path).ok_or_else(|| {
            Refusal::new(Code::UnknownPath, format!("`{}` has no paths of its own", endpoint.provider))
        })?;
        let body = match (&asked.named, known) {
            (Some(named), Some(model)) if *named.model != *model => named.replaced(&body, model).into(),
            _ => body,
        };
        let is_work = asked.native.is_work(&head.method);
        Ok(Self { method: head.method.clone(), target, headers: brought(head), body, is_work })
    }
}

/// What of a client's head means something to a vendor.
fn brought(head: &RequestHeader) -> HeaderMap {
    const BROUGHT: [HeaderName; 6] = [
        header::CONTENT_TYPE,
        header::ACCEPT,
        HeaderName::from_static("anthropic-beta"),
        HeaderName::from_static("anthropic-version"),
        HeaderName::from_static("openai-beta"),
        HeaderName::from_static("idempotency-key"),
    ];
    let mut headers = HeaderMap::new();
    for (name, value) in &head.headers {
        if BROUGHT.contains(name) || name.as_str().starts_with(AMAZONS) {
            headers.insert(name.clone(), value.clone());
        }
    }
    Trace::of(head).forward(&mut headers);
    headers
}

/// One try. `None`: it failed before anything came, which the account knows.
pub(super) async fn attempt(
    gateway: &Gateway,
    candidate: &Candidate<'_>,
    request: Request,
    tally: &mut Tally,
) -> Result<Option<Answer>, End> {
    let endpoint = candidate.endpoint();
    let deadline = tally.began() + tally.live.timeouts.total;
    let patience = endpoint.timeouts.first_byte.min(deadline.saturating_duration_since(Instant::now()));
    tally.waits();
    let underway = tally.leg.begins(endpoint, How::default());
    let sending = Box::pin(send(gateway, candidate, &request));
    let sent = timeout(patience, sending).await.unwrap_or(Err(Fail::FirstByteTimeout));
    let answer = match sent {
        Ok(answer) => {
            underway.answered(Vec::new());
            Some(answer)
        }
        Err(fail) => {
            underway.failed(&fail);
            None
        }
    };
    tally.waited_for(answer.is_some());
    Ok(answer)
}

async fn send(gateway: &Gateway, candidate: &Candidate<'_>, request: &Request) -> Result<Answer, Fail> {
    let endpoint = candidate.endpoint();
    let own = match candidate.own() {
        None => None,
        Some(own) => Some(Arc::new(own.secret().ok_or(Fail::Sealed)?)),
    };
    let Request { method, target, headers, body, is_work } = request;
    let mut fresh = false;
    let mut wire = loop {
        let mut wire = gateway.pools.connect(endpoint.peer().await?, fresh).await.map_err(|e| no_connection(&e))?;
        let head = endpoint.head_of(method, target, body, headers, own.as_deref());
        match wire.send(head, body.clone()).await {
            Ok(()) if wire.read_head().await.is_ok() => break wire,
            // Only what may be said twice is: a connection from the pool may have died unseen.
            _ if wire.reused && !fresh && method.is_safe() => fresh = true,
            Ok(()) => return Err(Fail::Broken("closed by the upstream")),
            Err(_) => return Err(Fail::Broken("write failed")),
        }
    };
    let head = wire.read_head().await.map_err(|_| Fail::Broken("read failed"))?;
    let (status, headers) = (head.status.as_u16(), kept(head));
    Ok(Answer { status, headers, wire, own, is_work: *is_work })
}

/// What of a vendor's head means something to a client.
fn kept(head: &ResponseHeader) -> Vec<(HeaderName, HeaderValue)> {
    const KEPT: [HeaderName; 7] = [
        header::CONTENT_TYPE,
        header::CONTENT_DISPOSITION,
        header::RETRY_AFTER,
        header::LOCATION,
        HeaderName::from_static("request-id"),
        HeaderName::from_static("x-amzn-errortype"),
        HeaderName::from_static("x-amzn-requestid"),
    ];
    let is_kept = |name: &HeaderName| KEPT.contains(name) || name.as_str().starts_with(AMAZONS);
    head.headers.iter().filter(|(name, _)| is_kept(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}
