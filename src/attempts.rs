//! Down the plan, one endpoint after the other, until one has begun to answer.
//!
//! Fallback happens here and only here, so never after content has gone out. Where attempts run side by
//! side, `race` runs them, and each line of them is one of these.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use pingora::http::RequestHeader;
use smallvec::SmallVec;
use tollgate_api::{AttemptHead, Code, Exchange, Refusal, RequestId};
use tollgate_race::Why;
use tollgate_translate::Seals;

use crate::attempt::{Begun, Try, attempt};
use crate::chain::States;
use crate::clock;
use crate::deadlines::{Asked, Pace};
use crate::endpoint::Endpoint;
use crate::fail::{Fail, FailKind};
use crate::gateway::draw;
use crate::health::State;
use crate::live::Live;
use crate::plan::{Candidate, Plan};
use crate::race;
use crate::say::{Said, say};
use crate::tally::{How, Leg, Tally, Tried};
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

/// What all attempts of a request share.
#[derive(Clone, Copy)]
pub(crate) struct Brief<'a> {
    pools: &'a Arc<Upstreams>,
    pub(crate) live: &'a Live,
    pub(crate) exchange: &'a Exchange,
    states: &'a States,
    trace: &'a Trace,
    id: RequestId,
    /// The output that money is held for.
    cap: Option<u64>,
    /// When the request arrived.
    pub(crate) arrived: Instant,
    /// When the first content must have come, where the client says.
    start_by: Option<Instant>,
    /// When the whole request must be over.
    deadline: Instant,
    /// Whether the client has gone: what is under way may be read to its end, and nothing more is begun.
    gone: &'a AtomicBool,
}

/// Tries the plan's endpoints, in order or side by side, for as long as the client is not `gone`.
pub(crate) async fn first_to_answer(
    pools: &Arc<Upstreams>,
    plan: &Plan<'_>,
    tally: &mut Tally,
    trace: &Trace,
    gone: &AtomicBool,
) -> Result<Answering, NoAnswer> {
    tally.waits();
    let (arrived, cap) = (tally.began(), tally.cap());
    let Tally { id, live, exchange, states, leg, second, wishes, .. } = &mut *tally;
    let Some(exchange) = exchange.as_deref() else {
        return Err(NoAnswer::Refused(Refusal::new(Code::Internal, "the request was not read")));
    };
    let within = if let Pace::Race { within, .. } = plan.pace { within } else { Duration::ZERO };
    let brief = Brief {
        pools,
        live,
        exchange,
        states,
        trace,
        id: *id,
        cap,
        arrived,
        start_by: wishes.latency.map(|most| arrived + most),
        // Time to start is the client's to give: what the operator allows counts from there.
        deadline: arrived + within + live.timeouts.total,
        gone,
    };
    let ran = match (plan.pace, plan.hedge()) {
        (Pace::Race { within, mode }, _) => {
            Box::pin(race::of_tiers(brief, plan, (within, mode), leg, second.insert(Box::default()))).await
        }
        (_, Some(hedge)) => Box::pin(race::of_hedge(brief, plan, hedge, leg, second.insert(Box::default()))).await,
        (pace, None) => chain(brief, plan, 0, None, asked(pace), leg).await,
    };
    tally.waited_for(ran.is_ok());
    ran.map_err(|none| none.unwrap_or_else(|| nobody(plan, tally)))
}

/// An answer, or why there is none; `None` where everybody has failed.
pub(crate) type Ran = Result<Answering, Option<NoAnswer>>;

/// The tier at which a chain is asked.
pub(crate) fn asked(pace: Pace) -> Option<Asked> {
    match pace {
        Pace::AsItComes => None,
        Pace::At(asked) => Some(asked),
        Pace::Race { .. } => Some(Asked::Standard),
    }
}

/// Tries the plan's endpoints in order, without the first `skip`; `why` says why the first of them is asked.
pub(crate) async fn chain(
    brief: Brief<'_>,
    plan: &Plan<'_>,
    skip: usize,
    why: Option<Why>,
    tier: Option<Asked>,
    leg: &mut Leg,
) -> Ran {
    let mut how = How { why, tier, ..How::default() };
    let mut open: Vec<&Candidate<'_>> = Vec::new();
    for candidate in plan.candidates().skip(skip) {
        if candidate.endpoint().health.may_try(clock::now_ms()) {
            if let Some(done) = try_one(brief, candidate, how, leg).await {
                return done.map_err(Some);
            }
            how.why = Some(Why::Fallback);
        } else {
            open.push(candidate);
        }
    }
    // Everything rests or has failed. What rests by our own count is tried all the same, soonest
    // first: a guess of ours must not turn a request away. A wait that the vendor named is kept.
    open.retain(|c| !c.endpoint().health.was_told(clock::now_ms()));
    open.sort_by_key(|c| c.endpoint().health.rests_until());
    for candidate in open {
        if let Some(done) = try_one(brief, candidate, how, leg).await {
            return done.map_err(Some);
        }
        how.why = Some(Why::Fallback);
    }
    Err(None)
}

/// What is said where everybody has failed.
fn nobody(plan: &Plan<'_>, tally: &mut Tally) -> NoAnswer {
    let all = |kind: FailKind| tally.leg.tried.iter().all(|tried| tried.failed_as(kind));
    let is_late = tally.wishes.latency.is_some_and(|most| tally.began().elapsed() >= most);
    NoAnswer::Refused(match tally.leg.unsayable.clone() {
        _ if is_late => out_of_time(),
        // Where each of them failed for want of words, it is the request that asks for too much.
        Some(refusal) if all(FailKind::Unsupported) => refusal,
        _ if !tally.leg.tried.is_empty() && all(FailKind::TooLate) => out_of_time(),
        _ => nobody_answered(plan, &tally.leg.tried),
    })
}

/// One try, and one more where the vendor cannot read the sealed reasoning of earlier turns: the conversation was
/// elsewhere then, or has changed since. `None` says: go on to the next.
pub(crate) async fn try_one(
    brief: Brief<'_>,
    candidate: &Candidate<'_>,
    how: How,
    leg: &mut Leg,
) -> Option<Result<Answering, NoAnswer>> {
    if brief.is_for_nobody() {
        return None;
    }
    let endpoint = candidate.endpoint();
    let began = Instant::now();
    if began >= brief.ends() {
        return Some(Err(NoAnswer::Refused(out_of_time())));
    }
    if let Some(soonest) = brief.would_be_late(endpoint, how, began) {
        leg.passed_over(endpoint, how, &Fail::TooLate(soonest));
        return None;
    }
    let mut tried = once(brief, candidate, how, leg).await;
    if let Err(fail) = &tried
        && fail.is_of_seals(endpoint.vendor)
        && !brief.is_for_nobody()
    {
        let unsealed = How { why: Some(Why::Unsealed), seals: Seals::None, ..how };
        match once(brief, candidate, unsealed, leg).await {
            // What the vendor said stands.
            Err(Fail::Unsayable(_)) => {}
            again => tried = again,
        }
    }
    match tried {
        Ok(answering) => Some(Ok(answering)),
        // What flex says is not the last word: the standard tier is asked as well.
        Err(Fail::Status { status, error, verdict, .. })
            if !Fail::falls_back(status, verdict) && how.tier != Some(Asked::Flex) =>
        {
            Some(Err(NoAnswer::Vendor { status, error }))
        }
        Err(_) => None,
    }
}

/// One attempt, and what it says of the endpoint.
async fn once(brief: Brief<'_>, candidate: &Candidate<'_>, how: How, leg: &mut Leg) -> Result<Answering, Fail> {
    let endpoint = candidate.endpoint();
    let number = u32::try_from(leg.tried.len()).unwrap_or(u32::MAX).saturating_add(1);
    let mut underway = leg.begins(endpoint, how);
    match one(brief, candidate, how, number).await {
        Ok((begun, dropped)) => {
            endpoint.health.succeeded();
            if how.tier == Some(Asked::Flex) {
                endpoint.flex.started(how.number);
            }
            if let Some(tier) = brief.seen_as(how) {
                endpoint.lately.answered(tier, brief.exchange.call.stream, underway.out_for());
            }
            underway.answered(dropped);
            Ok(Answering { endpoint: Arc::clone(endpoint), begun })
        }
        Err(fail) => {
            judge(brief, endpoint, how, &fail, underway.out_for());
            if let Fail::Unsayable(refusal) = &fail {
                underway.is_unsayable(refusal);
            }
            underway.failed(&fail);
            Err(fail)
        }
    }
}

impl Brief<'_> {
    /// Whether the client has gone.
    pub(crate) fn is_for_nobody(&self) -> bool {
        self.gone.load(Relaxed)
    }

    /// When there is nothing left to wait for.
    fn ends(&self) -> Instant {
        self.start_by.map_or(self.deadline, |start_by| start_by.min(self.deadline))
    }

    /// The tier whose times a try of this kind tells something of.
    pub(crate) fn seen_as(&self, how: How) -> Option<Asked> {
        how.tier.or_else(|| self.exchange.call.asks_tier.is_none().then_some(Asked::Standard))
    }

    /// How long even the fastest of an endpoint's answers take, where that is past the time that is left.
    fn would_be_late(&self, endpoint: &Endpoint, how: How, now: Instant) -> Option<Duration> {
        /// What only so few answers undercut is out of reach.
        const FASTEST: f64 = 0.05;
        let left = self.start_by?.saturating_duration_since(now);
        let seen = match self.seen_as(how)? {
            Asked::Flex => endpoint.lately.flex(self.exchange.call.stream),
            _ => endpoint.lately.standard(self.exchange.call.stream),
        };
        seen.quantile(FASTEST).filter(|soonest| *soonest > left)
    }
}

/// Sends, and waits for content; with what of the request could not be said.
async fn one(brief: Brief<'_>, candidate: &Candidate<'_>, how: How, number: u32) -> Result<(Begun, Vec<String>), Fail> {
    let Brief { pools, live, exchange, states, id, .. } = brief;
    let endpoint = candidate.endpoint();
    let own = match candidate.own() {
        None => None,
        Some(own) => Some(Arc::new(own.secret().ok_or(Fail::Sealed)?)),
    };
    let Said { body, dropped } = say(endpoint, exchange, brief.cap, how).await?;
    let mut headers = HeaderMap::new();
    if !live.chain.is_empty() {
        let mut view =
            AttemptHead { endpoint: &endpoint.name, provider: &endpoint.provider, number, headers: &mut headers };
        live.chain.on_attempt(exchange, states, &mut view).map_err(|veto| Fail::Vetoed(veto.0))?;
        keep_ours(&mut headers);
    }
    brief.trace.forward(&mut headers);
    let is_flex = how.tier == Some(Asked::Flex);
    let left = brief.ends().saturating_duration_since(Instant::now());
    if let Some(name) = endpoint.vendor.server_timeout.filter(|_| is_flex) {
        // An attempt that is given up here ends there too.
        headers.insert(HeaderName::from_static(name), HeaderValue::from(left.as_secs().max(1)));
    }
    // Flex takes its time: how long it is waited for is for the race to say.
    let first_byte = if is_flex { left } else { endpoint.timeouts.first_byte.min(left) };
    let decode = live.chain.sees_events();
    let call = &exchange.call;
    // A whole answer begins when it is whole.
    let deadline = if call.stream { brief.deadline } else { brief.ends() };
    let what = Try { pools, endpoint, id, headers, body, own, call, decode, first_byte, deadline };
    let begun = attempt(what, &mut |event| live.chain.on_event(exchange, states, event)).await?;
    Ok((begun, dropped))
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

/// Books what a failure says of the endpoint, and of its flex tier apart.
fn judge(brief: Brief<'_>, endpoint: &Endpoint, how: How, fail: &Fail, after: Duration) {
    if let (Fail::FirstByteTimeout, Some(tier)) = (fail, brief.seen_as(how)) {
        endpoint.lately.cut(tier, brief.exchange.call.stream, after);
    }
    let now = clock::now_ms();
    if how.tier == Some(Asked::Flex) {
        return judge_flex(brief, endpoint, how, fail, now);
    }
    if !fail.is_the_endpoints_fault() {
        return;
    }
    // A client in a hurry is no fault of the endpoint's.
    if matches!(fail, Fail::FirstByteTimeout) && after < endpoint.timeouts.first_byte {
        return;
    }
    endpoint.health.failed(&endpoint.policy, now);
    if let Some(wait) = fail.retry_after() {
        endpoint.health.told_to_wait(wait, now);
    }
}

/// That flex is full says nothing of the standard tier.
fn judge_flex(brief: Brief<'_>, endpoint: &Endpoint, how: How, fail: &Fail, now: u64) {
    let rests = &brief.live.rests;
    match fail {
        Fail::Status { status, error, .. } if endpoint.vendor.lacks_tier(*status, error) => {
            endpoint.flex.lacking(now);
        }
        Fail::Status { status: 429 | 498 | 503 | 529, .. } => {
            // Without chance all nodes come back at once; that is all.
            let chance = draw::<8>().map_or(0, u64::from_le_bytes);
            endpoint.flex.refused(rests, now, how.number, chance);
        }
        Fail::FirstByteTimeout => endpoint.flex.stalled(rests, now, how.number),
        _ => {}
    }
}

fn out_of_time() -> Refusal {
    Refusal::new(Code::DeadlineExceeded, "no endpoint began to answer before the request's deadline")
}

/// What each endpoint said, and when it is worth coming back.
pub(crate) fn nobody_answered(plan: &Plan<'_>, tried: &[Tried]) -> Refusal {
    let now = clock::now_ms();
    let mut said: Vec<String> = tried.iter().map(Tried::said).collect();
    let mut soonest = None;
    for endpoint in plan.candidates().map(Candidate::endpoint) {
        if let State::Tripped { until_ms } = endpoint.health.state(now) {
            let rest = Duration::from_millis(until_ms - now);
            soonest = Some(soonest.map_or(rest, |s: Duration| s.min(rest)));
            if !tried.iter().any(|t| Arc::ptr_eq(&t.endpoint, endpoint)) {
                said.push(format!("{}: resting for {} s more", endpoint.name, rest.as_secs() + 1));
            }
        }
    }
    let message = format!("no endpoint answered. {}", said.join("; "));
    let refusal = Refusal::new(Code::AllEndpointsFailed, message);
    refusal.retry_after(soonest.unwrap_or(Duration::from_secs(1)))
}
