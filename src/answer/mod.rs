//! The answer on its way to the client: its head, its pieces, its price, and the truth when it breaks.
//!
//! Everything here happens after the commitment to one endpoint; nothing falls back any more.

mod headers;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use pingora_timeout::timeout;
use tollgate_api::{Code, Event, Framing, Outcome, Refusal, Surface, Usage};
use tollgate_translate::embeddings::{self, Wants};
use tollgate_translate::{Dialect, Failure, Phase};

use crate::attempt::{Begun, Stream};
use crate::attempts::Answering;
use crate::clock;
use crate::endpoint::Endpoint;
use crate::estimate;
use crate::pipeline::End;
use crate::reply;
use crate::tally::{Drain, Tally};

pub(crate) use headers::headers;

/// What is read of an answer after its client has gone.
const DRAIN_BYTES_MAX: usize = 8 << 20;
/// What is readable already is sent in one write, up to this size.
const COALESCE_BYTES_MAX: usize = 16 << 10;

/// Sends the answer to its end.
pub(crate) async fn deliver(answering: Answering, session: &mut Session, tally: &mut Tally) -> Result<(), End> {
    let Answering { endpoint, begun } = answering;
    match begun {
        Begun::Whole(body) => deliver_whole(&endpoint, body, session, tally).await,
        // On the heap: a whole answer should not carry the size of a stream's machinery.
        Begun::Stream(stream) => Box::pin(deliver_stream(&endpoint, *stream, session, tally)).await,
    }
}

/// Meters a whole answer, then sends it: the price is in its head.
async fn deliver_whole(
    endpoint: &Arc<Endpoint>,
    body: Bytes,
    session: &mut Session,
    tally: &mut Tally,
) -> Result<(), End> {
    let body = match tally.surface() {
        Surface::Embeddings => meter_vectors(endpoint, body, tally).await?,
        _ => {
            meter_whole(endpoint, &body, tally).await;
            speak(endpoint, body, tally)?
        }
    };
    tally.close(Outcome::Answered, 200);
    tally.trail.sends(&body);
    tally.ended_on_disk().await?;
    reply::whole(session, 200, "application/json", headers(tally), body).await.map_err(End::gone)
}

/// Vectors, as the client wants them written. What they used is what was read: nothing is said.
async fn meter_vectors(endpoint: &Arc<Endpoint>, body: Bytes, tally: &mut Tally) -> Result<Bytes, End> {
    let estimate = estimate::stream(tally, 0).await;
    let wants = tally.exchange.as_ref().map(|exchange| Wants::of(&exchange.call, estimate.prompt()));
    let read = embeddings::answer(endpoint.dialect(Surface::Embeddings), body, &wants.unwrap_or_default());
    let (body, usage) = read.map_err(|garbage| {
        End::Refused(Refusal::new(Code::UpstreamGarbage, format!("{}: {garbage}", endpoint.name)))
    })?;
    tally.metered(usage.unwrap_or(estimate), endpoint);
    Ok(body)
}

/// What a whole answer used: what its vendor says, or else an estimate.
async fn meter_whole(endpoint: &Arc<Endpoint>, body: &Bytes, tally: &mut Tally) {
    let dialect = endpoint.dialect(tally.surface());
    let usage = match dialect.usage(body) {
        Some(usage) => estimate::completed(tally, usage).await,
        None => estimate::whole(tally, dialect, body.clone()).await,
    };
    tally.metered(usage, endpoint);
}

/// The body in the client's surface, through the filters that look at events.
fn speak(endpoint: &Endpoint, body: Bytes, tally: &mut Tally) -> Result<Bytes, End> {
    let live = Arc::clone(&tally.live);
    let (Some(exchange), states) = (tally.exchange.as_ref(), &tally.states) else { return Ok(body) };
    let call = &exchange.call;
    if endpoint.speaks(call.surface) && !live.chain.sees_events() {
        return Ok(body);
    }
    let mut events: Vec<Event> = Vec::new();
    let dialect = endpoint.dialect(call.surface);
    dialect.whole(&body, &mut events).map_err(|garbage| {
        End::Refused(Refusal::new(Code::UpstreamGarbage, format!("{}: {garbage}", endpoint.name)))
    })?;
    for event in &mut events {
        live.chain.on_event(exchange, states, event);
    }
    let head = endpoint.answer_head(tally.id);
    let spoken = Dialect::of(call.surface).unwrap_or(dialect);
    Ok(Bytes::from(spoken.assemble(&head, call, &events, None)))
}

/// Sends a stream piece by piece as it comes, and marks its end as what it is.
async fn deliver_stream(
    endpoint: &Arc<Endpoint>,
    mut stream: Stream,
    session: &mut Session,
    tally: &mut Tally,
) -> Result<(), End> {
    tally.begun_on_disk().await?;
    session.write_response_header(stream_head(session, tally), false).await.map_err(End::gone)?;
    let live = Arc::clone(&tally.live);
    let ended = pump(endpoint, &mut stream, session, tally, &live.chain).await;
    if let (Ended::TheClientLeft, Some(worst)) = (&ended, tally.worst()) {
        match tally.read_on() {
            Some(drain) => stream_on(endpoint, &mut stream, tally, drain).await,
            None => tally.metered(worst, endpoint),
        }
        return Err(End::Gone);
    }
    meter(endpoint, stream.relay.usage(), stream.relay.output_chars(), tally).await;
    match ended {
        Ended::Whole => tally.close(Outcome::Answered, 200),
        Ended::Cut(message) => {
            cut(endpoint, tally);
            let (code, kind) = (Code::UpstreamCut.as_str(), Code::UpstreamCut.kind().as_str());
            let last = stream.relay.fail(&Failure { code, message, kind });
            stream.held.push(last);
        }
        Ended::Failed => {
            cut(endpoint, tally);
            // The vendor's own error is the last of what is held, in the vendor's words.
            let left = endpoint.veiled(stream.held.take(), stream.own.as_deref());
            stream.held.push(left);
        }
        Ended::TheClientLeft => return Err(End::Gone),
    }
    let sent = send_last(stream.held.take(), session, tally).await;
    stream.wire.release_when_done();
    sent
}

/// Sends what is left of a stream: its last event not before its record is on disk.
async fn send_last(left: Bytes, session: &mut Session, tally: &mut Tally) -> Result<(), End> {
    tally.trail.sends(&left);
    let mut last = left;
    if tally.live.books.is_some() {
        let content = last.split_to(last_event(&last));
        if !content.is_empty() {
            session.write_response_body(Some(content), false).await.map_err(End::gone)?;
        }
        // Without its record an answer has no end: the client sees that it was cut.
        tally.ended_on_disk().await.map_err(End::gone)?;
    }
    session.write_response_body((!last.is_empty()).then_some(last), true).await.map_err(End::gone)
}

/// Where the last event begins.
fn last_event(events: &[u8]) -> usize {
    let before = &events[..events.len().saturating_sub(2)];
    before.windows(2).rposition(|pair| pair == b"\n\n").map_or(0, |end| end + 2)
}

/// Books an answer that was not finished.
fn cut(endpoint: &Endpoint, tally: &mut Tally) {
    endpoint.health.failed(&endpoint.policy, clock::now_ms());
    tally.refused = Some(Code::UpstreamCut);
    tally.close(Outcome::CutUpstream, 200);
}

/// An answer that has begun although its client is gone: it is read on for what it cost.
pub(crate) async fn read_on(answering: Answering, tally: &mut Tally) -> End {
    let Answering { endpoint, begun } = answering;
    match begun {
        Begun::Whole(body) if tally.surface() == Surface::Embeddings => {
            // What cannot be read has been paid for all the same, as far as is known.
            let _ = meter_vectors(&endpoint, body, tally).await;
        }
        Begun::Whole(body) => meter_whole(&endpoint, &body, tally).await,
        Begun::Stream(mut stream) => {
            if let Some(drain) = tally.read_on() {
                stream_on(&endpoint, &mut stream, tally, drain).await;
            }
        }
    }
    End::Gone
}

/// Reads a stream to its end for its usage. Where it does not come to one in time, it is taken for all
/// that is held.
async fn stream_on(endpoint: &Arc<Endpoint>, stream: &mut Stream, tally: &mut Tally, drain: Drain) {
    let until = Instant::now() + drain.time;
    let price = |usage: &Usage| endpoint.price(usage);
    let mut bytes = 0;
    while bytes < DRAIN_BYTES_MAX && matches!(stream.relay.phase(), Phase::Waiting | Phase::Content) {
        let left = until.saturating_duration_since(Instant::now());
        let read = match timeout(left, stream.wire.read()).await {
            Ok(Ok(Some(piece))) => {
                bytes += piece.len();
                stream.relay.push(piece, &price, &mut |_| {}, &mut stream.held)
            }
            Ok(Ok(None)) => stream.relay.end(&price, &mut |_| {}, &mut stream.held),
            _ => break,
        };
        drop(stream.held.take());
        if read.is_err() || stream.wire.is_done() {
            break;
        }
    }
    drop(drain.turn);
    let is_whole = matches!(stream.relay.phase(), Phase::Ended);
    let usage = match (stream.relay.usage().filter(|usage| is_whole && !estimate::lacks_prompt(usage)), tally.worst()) {
        (Some(usage), _) => usage,
        (None, Some(worst)) => worst,
        (None, None) => return,
    };
    tally.metered(usage, endpoint);
}

/// How a stream came to its end.
enum Ended {
    /// The vendor said so.
    Whole,
    /// It broke; what to tell the client.
    Cut(&'static str),
    /// The vendor said itself that it failed, and the client has seen it.
    Failed,
    /// Nobody listens any more.
    TheClientLeft,
}

/// Moves pieces until there are no more. A slow reader slows the upstream: nothing is read ahead. What
/// belongs to the end is left in `stream.held`.
async fn pump(
    endpoint: &Endpoint,
    stream: &mut Stream,
    session: &mut Session,
    tally: &mut Tally,
    chain: &crate::chain::Chain,
) -> Ended {
    let deadline = tally.began() + tally.live.timeouts.total;
    let Tally { exchange, states, waited, trail, .. } = tally;
    let mut watch = |event: &mut Event| {
        if let Some(exchange) = exchange {
            chain.on_event(exchange, states, event);
        }
    };
    let price = |usage: &Usage| endpoint.price(usage);
    loop {
        while stream.held.len() < COALESCE_BYTES_MAX {
            match stream.wire.read_ready() {
                Some(Ok(Some(piece))) => {
                    if stream.relay.push(piece, &price, &mut watch, &mut stream.held).is_err() {
                        return Ended::Cut("the upstream's answer could not be read");
                    }
                }
                Some(Err(_)) => return Ended::Cut("the upstream broke off"),
                _ => break,
            }
        }
        match stream.relay.phase() {
            Phase::Failed { .. } => return Ended::Failed,
            Phase::Ended => return Ended::Whole,
            _ if stream.wire.is_done() => return finish(stream, &price, &mut watch),
            _ => {}
        }
        if !stream.held.is_empty() {
            let piece = stream.held.take();
            trail.sends(&piece);
            if session.write_response_body(Some(piece), false).await.is_err() {
                return Ended::TheClientLeft;
            }
        }
        let began = Instant::now();
        let next = tokio::select! {
            biased;
            piece = read_in_time(stream, endpoint, deadline) => piece,
            _ = session.downstream_session.read_body_or_idle(true) => return Ended::TheClientLeft,
        };
        *waited += began.elapsed();
        match next {
            Ok(Some(piece)) => {
                if stream.relay.push(piece, &price, &mut watch, &mut stream.held).is_err() {
                    return Ended::Cut("the upstream's answer could not be read");
                }
            }
            Ok(None) => return finish(stream, &price, &mut watch),
            Err(why) => return Ended::Cut(why),
        }
    }
}

/// The next piece, within the time allowed between events and for the whole request.
async fn read_in_time(
    stream: &mut Stream,
    endpoint: &Endpoint,
    deadline: Instant,
) -> Result<Option<Bytes>, &'static str> {
    let left = deadline.saturating_duration_since(Instant::now());
    let idle = endpoint.timeouts.idle;
    match timeout(idle.min(left), stream.wire.read()).await {
        Ok(Ok(piece)) => Ok(piece),
        Ok(Err(_)) => Err("the upstream broke off"),
        Err(_) if idle < left => Err("the upstream fell silent"),
        Err(_) => Err("the request took longer than `timeouts.total`"),
    }
}

/// The upstream has closed: the relay says whether that was the end.
fn finish(
    stream: &mut Stream,
    price: &(dyn Fn(&Usage) -> Option<tollgate_api::Cost> + Sync),
    watch: &mut crate::attempt::Watch<'_>,
) -> Ended {
    let read = stream.relay.end(price, watch, &mut stream.held);
    match (read, stream.relay.phase()) {
        (Ok(()), Phase::Ended) => Ended::Whole,
        (Ok(()), Phase::Failed { .. }) => Ended::Failed,
        _ => Ended::Cut("the upstream broke off"),
    }
}

/// Books what a stream used: what the vendor reported, or an estimate of what was seen.
async fn meter(endpoint: &Endpoint, reported: Option<Usage>, output_chars: u64, tally: &mut Tally) {
    let usage = match reported {
        Some(usage) => estimate::completed(tally, usage).await,
        None => estimate::stream(tally, output_chars).await,
    };
    tally.metered(usage, endpoint);
}

fn stream_head(session: &Session, tally: &Tally) -> Box<ResponseHeader> {
    let kind = match tally.exchange.as_ref().map(|exchange| exchange.call.framing) {
        Some(Framing::JsonArray) => "application/json; charset=utf-8",
        Some(Framing::EventStream) => "application/vnd.amazon.eventstream",
        Some(Framing::Sse) | None => "text/event-stream; charset=utf-8",
    };
    let ours = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        // Asks nginx and its kin not to hold events back.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    let framing = (header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    let framing = (!session.is_http2()).then_some(framing);
    reply::head(200, ours.into_iter().chain(framing).chain(headers(tally)))
}
