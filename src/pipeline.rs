//! THE path of a request: one straight function, each line handing a value to the next.
//!
//! It speaks in verbs; how each is done stands in the module of that name. Whatever happens, the
//! account (`Tally`) is closed exactly once, when it drops.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use http::{HeaderMap, HeaderName, header};
use pingora::proxy::Session;
use tollgate_api::{Address, Call, Code, Exchange, Outcome, Refusal, Slot, Verdict};
use tollgate_classify::Input;

use crate::accounts::{Holder, TenantState};
use crate::admit::admit;
use crate::answer::{deliver, headers, read_on};
use crate::attempts::{NoAnswer, Trace, first_to_answer};
use crate::deadlines::Wishes;
use crate::estimate;
use crate::gateway::{Gateway, draw_request_id};
use crate::identify::identify;
use crate::live::Live;
use crate::off_worker::{THRESHOLD_BYTES, off_worker};
use crate::plan::{self, Plan};
use crate::reading::read;
use crate::reply::{self, Envelope, ErrorReply};
use crate::surface::envelope;
use crate::tally::{Drain, Tally};

/// Why the path ended before an answer was delivered.
pub(crate) enum End {
    /// Our own error.
    Refused(Refusal),
    /// The vendor found fault with the request.
    Vendor { status: u16, error: tollgate_translate::VendorError },
    /// A filter answered in place of a model.
    Answered(bytes::Bytes),
    /// The client has hung up.
    Gone,
}

/// The client has hung up: its connection cannot be used again.
pub(crate) struct Gone;

impl End {
    /// A write to the client failed: nobody is there.
    pub(crate) fn gone<E>(_: E) -> Self {
        Self::Gone
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Serves one request of a model surface.
pub(crate) async fn serve(gateway: &Arc<Gateway>, address: Address, session: &mut Session) -> Result<(), Gone> {
    let mut tally = Tally::open(gateway, gateway.live.load_full(), address.surface, draw_request_id());
    match travel(gateway, address, session, &mut tally).await {
        Ok(()) => Ok(()),
        Err(end) => say_why(end, session, &mut tally).await,
    }
}

/// The path.
async fn travel(gateway: &Arc<Gateway>, address: Address, session: &mut Session, tally: &mut Tally) -> Result<(), End> {
    let (live, holder, state) = enter(gateway, session, tally).await?;
    let call = read(address, &live, session).await?;
    let exchange = open(&holder, call, &live, session, tally);
    let exchange = filter(Slot::AfterAuth, exchange, &live, tally).await?;
    let exchange = classify(exchange, &live).await;
    let exchange = filter(Slot::AfterClassify, exchange, &live, tally).await?;
    let exchange = tally.keep(exchange);
    let wishes = Wishes::of(&exchange.call, &session.req_header().headers, &state, &live.deadlines)?;
    let plan = plan::choose(&live, exchange)?.permitted(&holder, &exchange.call.model, &state)?;
    let mut plan = plan.paced(&wishes, exchange.call.surface)?.within_cost(&wishes, &exchange.call, &live.terms)?;
    tally.paced(&plan, wishes);
    hold(tally, &holder, &state, &mut plan, session).await?;
    tally.begin(&plan).await?;
    let trace = Trace::of(session.req_header());
    let drain = tally.drain(&plan);
    let gone = AtomicBool::new(false);
    let wait = Box::pin(first_to_answer(&gateway.pools, &plan, tally, &trace, &gone));
    match while_listening(session, wait, drain.map(|drain| (drain, &gone))).await? {
        Heard::Here(answering) => deliver(answering, session, tally).await,
        Heard::Gone(answering) => Err(read_on(answering, tally).await),
    }
}

/// Who calls, on record, and let in.
pub(crate) async fn enter(
    gateway: &Arc<Gateway>,
    session: &mut Session,
    tally: &mut Tally,
) -> Result<(Arc<Live>, Arc<Holder>, Arc<TenantState>), End> {
    let live = Arc::clone(&tally.live);
    let holder = identify(gateway, &live, session, tally.began()).await?;
    let state = holder.tenant.now.load_full();
    tally.on_record(&holder, &state, session).await?;
    let admitted = admit(gateway, &live, &holder, &state, session, (tally.id, tally.began())).await;
    let admitted = admitted.map_err(|denied| tally.denied(&holder, &denied))?;
    tally.admitted(&holder, admitted);
    Ok((live, holder, state))
}

/// Holds the money that the plan may cost at most, where somebody has set a limit.
pub(crate) async fn hold(
    tally: &mut Tally,
    holder: &Holder,
    state: &TenantState,
    plan: &mut Plan<'_>,
    session: &mut Session,
) -> Result<(), End> {
    if !state.pays() {
        return Ok(());
    }
    let wait = Box::pin(tally.hold(holder, state, plan));
    if let Heard::Here(held) = while_listening(session, wait, None).await? {
        tally.held = held.map(Box::new);
    }
    Ok(())
}

/// An outcome, and whether the client is still there to hear of it.
pub(crate) enum Heard<T> {
    Here(T),
    Gone(T),
}

/// Waits for the upstream and the client at once. When the client hangs up, the wait is dropped, and with
/// it the attempt; unless money is held for it: then it is told that the client has gone, and goes on for as
/// long as `drain` says, to learn what it cost.
pub(crate) async fn while_listening<T, E: Into<End>>(
    session: &mut Session,
    mut wait: Pin<Box<impl Future<Output = Result<T, E>>>>,
    drain: Option<(Drain, &AtomicBool)>,
) -> Result<Heard<T>, End> {
    tokio::select! {
        biased;
        outcome = &mut wait => return outcome.map(Heard::Here).map_err(Into::into),
        _ = session.downstream_session.read_body_or_idle(true) => {}
    }
    let Some((drain, gone)) = drain else { return Err(End::Gone) };
    gone.store(true, Relaxed);
    match tokio::time::timeout(drain.time, wait).await {
        Ok(Ok(outcome)) => Ok(Heard::Gone(outcome)),
        _ => Err(End::Gone),
    }
}

/// What neither filters nor routes may look at.
static CREDENTIALS: [HeaderName; 6] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("api-key"),
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
];

/// Makes the exchange. Headers are only copied into it where a filter or a route looks at them.
fn open(holder: &Holder, call: Call, live: &Live, session: &Session, tally: &mut Tally) -> Box<Exchange> {
    let mut headers = HeaderMap::new();
    if live.needs_headers {
        headers.clone_from(&session.req_header().headers);
        for credential in &CREDENTIALS {
            headers.remove(credential);
        }
    }
    tally.states = live.chain.states();
    let caller = Arc::clone(&holder.caller);
    // On the heap once, so that handing it from step to step moves a pointer.
    let edits = call.without_ours();
    Box::new(Exchange { id: tally.id, caller, call, headers, label: None, edits })
}

/// Runs the filters of a slot.
async fn filter(slot: Slot, mut exchange: Box<Exchange>, live: &Live, tally: &mut Tally) -> Result<Box<Exchange>, End> {
    if live.chain.is_empty() {
        return Ok(exchange);
    }
    let verdict = live.chain.on_request(slot, &mut exchange, &mut tally.states).await;
    match verdict {
        Verdict::Continue => Ok(exchange),
        verdict => {
            // The filters that saw it begin are told its end.
            tally.keep(exchange);
            Err(match verdict {
                Verdict::Answer(body) => End::Answered(body),
                Verdict::Refuse(refusal) => End::Refused(refusal),
                Verdict::Continue => End::Gone,
            })
        }
    }
}

/// Labels the request, where a label could change anything.
async fn classify(mut exchange: Box<Exchange>, live: &Arc<Live>) -> Box<Exchange> {
    if !plan::wants_label(live, &exchange.call) {
        return exchange;
    }
    let label = |live: &Live, call: &Call| {
        let messages = std::str::from_utf8(call.messages()).unwrap_or_default();
        live.classifier.label(&Input { surface: call.surface, messages, tools: call.tools })
    };
    exchange.label = Some(if exchange.call.body.len() < THRESHOLD_BYTES {
        label(live, &exchange.call)
    } else {
        let (live, call) = (Arc::clone(live), exchange.call.clone());
        off_worker(move || label(&live, &call)).await
    });
    exchange
}

/// Tells the client why there is no answer, in its surface's words.
pub(crate) async fn say_why(end: End, session: &mut Session, tally: &mut Tally) -> Result<(), Gone> {
    let envelope = Envelope::of(tally.surface()).unwrap_or_else(|| envelope(session.req_header().uri.path()));
    let (reply, outcome) = match end {
        End::Gone => {
            estimate::hang_up(tally).await;
            tally.close(Outcome::HungUp, 499);
            return Err(Gone);
        }
        End::Answered(body) => {
            tally.close(Outcome::Answered, 200);
            tally.trail.sends(&body);
            // The answer is ours and costs nothing: it is not held back for a log that has failed.
            let _ = tally.ended_on_disk().await;
            return reply::whole(session, 200, "application/json", headers(tally), body).await.map_err(|_| Gone);
        }
        End::Refused(refusal) => {
            if refusal.code == Code::RequestTimeout {
                // The rest of the body may still drip in; nobody waits for it.
                session.downstream_session.set_keepalive(None);
            }
            tally.refused = Some(refusal.code);
            let failed =
                matches!(refusal.code, Code::AllEndpointsFailed | Code::UpstreamGarbage | Code::DeadlineExceeded);
            (ErrorReply::of(&refusal, envelope), if failed { Outcome::Failed } else { Outcome::Refused })
        }
        End::Vendor { status, error } => {
            tally.trail.vendor_refused = true;
            (ErrorReply::of_vendor(status, &error, envelope), Outcome::Failed)
        }
    };
    estimate::nobody(tally).await;
    tally.close(outcome, reply.status);
    tally.trail.sends(&reply.body);
    // A "no" goes out even where the log has failed: it says nothing that needs a record.
    let _ = tally.ended_on_disk().await;
    let headers = headers(tally).into_vec();
    reply::error(session, reply, headers).await.map_err(|_| Gone)
}

impl From<NoAnswer> for End {
    fn from(none: NoAnswer) -> Self {
        match none {
            NoAnswer::Refused(refusal) => Self::Refused(refusal),
            NoAnswer::Vendor { status, error } => Self::Vendor { status, error },
        }
    }
}
