//! Down the plan, one endpoint after the other, until one has begun to answer.
//!
//! Fallback happens here and only here, so never after content has gone out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use pingora::http::RequestHeader;
use smallvec::SmallVec;
use tollgate_api::{AttemptHead, Code, Refusal};

use crate::attempt::{Begun, Try, attempt};
use crate::clock;
use crate::endpoint::Endpoint;
use crate::fail::{Fail, FailKind};
use crate::health::State;
use crate::plan::{Candidate, Plan};
use crate::say::{Said, say};
use crate::tally::{Tally, Tried};
use crate::upstream::Upstreams;

/// Why there is no answer to give.
pub(crate) enum NoAnswer {
    /// Our own error.
    Refused(Refusal),
    /// The vendor found fault with the request; no other endpoint would like it better.
    Vendor { status: u16, error: tollgate_translate::VendorError },
}

/// An answer that has begun, and who gives it.
pub(crate) struct Answering {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) begun: Begun,
}

/// Tries the plan's endpoints in order.
pub(crate) async fn first_to_answer(
    pools: &Arc<Upstreams>,
    plan: &Plan<'_>,
    tally: &mut Tally,
    trace: &Trace,
) -> Result<Answering, NoAnswer> {
    let deadline = tally.began() + tally.live.timeouts.total;
    let mut open: Vec<&Candidate<'_>> = Vec::new();
    for candidate in plan.candidates() {
        if candidate.endpoint().health.may_try(clock::now_ms()) {
            if let Some(done) = try_one(pools, candidate, tally, trace, deadline).await {
                return done;
            }
        } else {
            open.push(candidate);
        }
    }
    // Everything rests or has failed. What rests by our own count is tried all the same, soonest
    // first: a guess of ours must not turn a request away. A wait that the vendor named is kept.
    open.retain(|c| !c.endpoint().health.was_told(clock::now_ms()));
    open.sort_by_key(|c| c.endpoint().health.rests_until());
    for candidate in open {
        if let Some(done) = try_one(pools, candidate, tally, trace, deadline).await {
            return done;
        }
    }
    // Where each of them failed for want of words, it is the request that asks for too much.
    let for_words = |tried: &Tried| matches!(tried.failed, Some((FailKind::Unsupported, _)));
    match tally.unsayable.take().filter(|_| tally.tried.iter().all(for_words)) {
        Some(refusal) => Err(NoAnswer::Refused(refusal)),
        None => Err(NoAnswer::Refused(nobody_answered(plan, tally))),
    }
}

/// One try. `None` says: go on to the next.
async fn try_one(
    pools: &Arc<Upstreams>,
    candidate: &Candidate<'_>,
    tally: &mut Tally,
    trace: &Trace,
    deadline: Instant,
) -> Option<Result<Answering, NoAnswer>> {
    let endpoint = candidate.endpoint();
    let began = Instant::now();
    if began >= deadline {
        return Some(Err(NoAnswer::Refused(out_of_time())));
    }
    tally.trying = Some((Arc::clone(endpoint), began));
    let outcome = one(pools, candidate, tally, trace, deadline).await;
    let took = began.elapsed();
    tally.trying = None;
    match outcome {
        Ok(begun) => {
            endpoint.health.succeeded();
            tally.answered_by(endpoint, took);
            Some(Ok(Answering { endpoint: Arc::clone(endpoint), begun }))
        }
        Err(fail) => {
            judge(endpoint, &fail);
            tally.failed(endpoint, &fail, took);
            match fail {
                Fail::Unsayable(refusal) => {
                    tally.unsayable.get_or_insert(refusal);
                    None
                }
                Fail::Status { status, error, verdict, .. } if !Fail::falls_back(status, verdict) => {
                    Some(Err(NoAnswer::Vendor { status, error }))
                }
                _ => None,
            }
        }
    }
}

async fn one(
    pools: &Arc<Upstreams>,
    candidate: &Candidate<'_>,
    tally: &mut Tally,
    trace: &Trace,
    deadline: Instant,
) -> Result<Begun, Fail> {
    let endpoint = candidate.endpoint();
    let cap = tally.held.as_ref().map(|held| held.cap);
    let own = match candidate.own() {
        None => None,
        Some(own) => Some(Arc::new(own.secret().ok_or(Fail::Sealed)?)),
    };
    let live = Arc::clone(&tally.live);
    let number = u32::try_from(tally.tried.len()).unwrap_or(u32::MAX).saturating_add(1);
    let id = tally.id;
    let (Some(exchange), states) = (tally.exchange.as_ref(), &mut tally.states) else {
        return Err(Fail::Broken("the request was not read"));
    };
    let call = &exchange.call;
    let Said { body, dropped } = say(endpoint, exchange, cap).await?;
    tally.dropped = dropped;
    let mut headers = HeaderMap::new();
    if !live.chain.is_empty() {
        let mut view =
            AttemptHead { endpoint: &endpoint.name, provider: &endpoint.provider, number, headers: &mut headers };
        live.chain.on_attempt(exchange, states, &mut view).map_err(|veto| Fail::Vetoed(veto.0))?;
        keep_ours(&mut headers);
    }
    trace.forward(&mut headers);
    let decode = live.chain.sees_events();
    let what = Try { pools, endpoint, id, headers, body, own, call, decode, deadline };
    attempt(what, &mut |event| live.chain.on_event(exchange, states, event)).await
}

/// The only headers of the client that go upstream: its W3C trace context.
pub(crate) struct Trace(SmallVec<[(HeaderName, HeaderValue); 2]>);

impl Trace {
    /// Takes them out of the client's head.
    pub(crate) fn of(client: &RequestHeader) -> Self {
        static NAMES: [HeaderName; 2] = [HeaderName::from_static("traceparent"), HeaderName::from_static("tracestate")];
        let found = NAMES.iter().filter_map(|n| client.headers.get(n).map(|v| (n.clone(), v.clone())));
        Self(found.collect())
    }

    pub(crate) fn forward(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.insert(name.clone(), value.clone());
        }
    }
}

/// Takes out of a filter's headers those that frame or authenticate the request.
fn keep_ours(headers: &mut HeaderMap) {
    static OURS: [HeaderName; 9] = [
        header::AUTHORIZATION,
        HeaderName::from_static("x-api-key"),
        HeaderName::from_static("x-goog-api-key"),
        HeaderName::from_static("api-key"),
        header::HOST,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::CONTENT_TYPE,
    ];
    if !headers.is_empty() {
        for name in &OURS {
            headers.remove(name);
        }
    }
}

/// Books what a failure says of the endpoint.
fn judge(endpoint: &Endpoint, fail: &Fail) {
    if !fail.is_the_endpoints_fault() {
        return;
    }
    let now = clock::now_ms();
    endpoint.health.failed(&endpoint.policy, now);
    if let Some(wait) = fail.retry_after() {
        endpoint.health.told_to_wait(wait, now);
    }
}

fn out_of_time() -> Refusal {
    Refusal::new(Code::DeadlineExceeded, "no endpoint began to answer before the request's deadline")
}

/// What each endpoint said, and when it is worth coming back.
pub(crate) fn nobody_answered(plan: &Plan<'_>, tally: &Tally) -> Refusal {
    let now = clock::now_ms();
    let mut said: Vec<String> = tally.tried.iter().map(|t| format!("{}: {}", t.endpoint.name, t.sentence)).collect();
    let mut soonest = None;
    for endpoint in plan.candidates().map(Candidate::endpoint) {
        if let State::Tripped { until_ms } = endpoint.health.state(now) {
            let rest = Duration::from_millis(until_ms - now);
            soonest = Some(soonest.map_or(rest, |s: Duration| s.min(rest)));
            if !tally.tried.iter().any(|t| Arc::ptr_eq(&t.endpoint, endpoint)) {
                said.push(format!("{}: resting for {} s more", endpoint.name, rest.as_secs() + 1));
            }
        }
    }
    let message = format!("no endpoint answered. {}", said.join("; "));
    let refusal = Refusal::new(Code::AllEndpointsFailed, message);
    refusal.retry_after(soonest.unwrap_or(Duration::from_secs(1)))
}
