//! One try at one endpoint: connect, send, and wait until there is content worth committing to.
//!
//! Nothing reaches the client from here. A try either holds an answer that has begun, or a typed
//! failure for the caller to judge.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, header};
use pingora::ErrorType;
use pingora_timeout::timeout;
use secrecy::SecretString;
use tollgate_api::{Call, Event, Framing, RequestId, Surface, Usage};
use tollgate_translate::{Out, Phase, Relay, VendorError};

use crate::endpoint::Endpoint;
use crate::fail::{Fail, Verdict};
use crate::pacing;
use crate::upstream::{Upstreams, Wire};

/// A whole answer longer than this is not read.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// What of an error body is read, and for how long.
const ERROR_BYTES_MAX: usize = 64 << 10;
const ERROR_PATIENCE: Duration = Duration::from_millis(500);
/// After a failed write the vendor may have answered already (413, 401).
const EARLY_ANSWER_PATIENCE: Duration = Duration::from_millis(200);

/// What one try needs.
pub(crate) struct Try<'a> {
    pub(crate) pools: &'a Arc<Upstreams>,
    pub(crate) endpoint: &'a Arc<Endpoint>,
    pub(crate) id: RequestId,
    /// To be sent beside the endpoint's own.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The tenant's own credential, opened for this try.
    pub(crate) own: Option<Arc<SecretString>>,
    /// What the client asked, and how its answer is to come.
    pub(crate) call: &'a Call,
    /// Whether filters look at events: then even a same-dialect stream is decoded.
    pub(crate) decode: bool,
    /// How long the head, and of a stream the first content, are waited for.
    pub(crate) first_byte: Duration,
    /// When the whole request must be over.
    pub(crate) deadline: Instant,
}

/// An answer that has begun.
pub(crate) enum Begun {
    /// A stream with content in it.
    Stream(Box<Stream>),
    /// The whole body.
    Whole(Bytes),
}

/// A stream whose first content has come.
pub(crate) struct Stream {
    pub(crate) wire: Wire,
    pub(crate) relay: Relay,
    /// What was read so far, ready for the client.
    pub(crate) held: Out,
    /// The tenant's own credential, where that was used: the vendor may repeat it.
    pub(crate) own: Option<Arc<SecretString>>,
}

/// The eye of the filters on each decoded event.
pub(crate) type Watch<'a> = dyn FnMut(&mut Event) + Send + 'a;

/// Tries.
pub(crate) async fn attempt(what: Try<'_>, watch: &mut Watch<'_>) -> Result<Begun, Fail> {
    let first_byte = what.first_byte;
    let (call, decode) = (what.call, what.decode);
    let (endpoint, id, deadline) = (what.endpoint, what.id, what.deadline);
    let own = what.own.clone();
    // On the heap: every future around this one would carry and move its size.
    let trying = Box::pin(async move {
        let mut wire = open(what).await?;
        let answer = wire.read_head().await.map_err(broken)?;
        let status = answer.status.as_u16();
        if !(200..300).contains(&status) {
            let wait = pacing::asked_to_wait(&answer.headers, endpoint.vendor, SystemTime::now());
            let amazons = error_type(answer);
            return Err(refused(wire, endpoint, call.surface, own.as_deref(), (status, amazons), wait).await);
        }
        if let Some(wait) = pacing::exhausted(&answer.headers, endpoint.vendor, SystemTime::now()) {
            endpoint.health.told_to_wait(wait, crate::clock::now_ms());
        }
        if !call.stream {
            return Ok(Err(wire));
        }
        if !is_stream(answer, endpoint.dialect(call.surface).framing()) {
            return Err(Fail::Garbage(tollgate_translate::Garbage(
                "a stream was asked for, something else came".into(),
            )));
        }
        // Nor need a whole answer carry the size of a stream's.
        Box::pin(first_content(wire, endpoint, own, (call, decode), id, watch)).await.map(Ok)
    });
    let begun = timeout(first_byte, trying).await.map_err(|_| Fail::FirstByteTimeout)??;
    match begun {
        Ok(stream) => Ok(Begun::Stream(Box::new(stream))),
        Err(wire) => whole(wire, endpoint, call.surface, deadline).await.map(Begun::Whole),
    }
}

/// Connects and sends. A reused connection that dies before any byte gets one replay on a fresh one.
async fn open(what: Try<'_>) -> Result<Wire, Fail> {
    let mut fresh = false;
    let target = what.endpoint.target(what.call.surface, what.call.stream).ok_or(Fail::Nowhere)?;
    loop {
        let peer = what.endpoint.peer().await?;
        let mut wire = what.pools.connect(peer, fresh).await.map_err(|e| no_connection(&e))?;
        let head = what.endpoint.head(target, &what.body, &what.headers, what.own.as_deref());
        let sent = wire.send(head, what.body.clone()).await;
        let early = match sent {
            Ok(()) if !wire.reused => return Ok(wire),
            // On a connection from the pool, only a first byte shows that it was still alive.
            Ok(()) => wire.read_head().await.map(|_| ()),
            Err(error) => match timeout(EARLY_ANSWER_PATIENCE, wire.read_head()).await {
                Ok(Ok(_)) => Ok(()),
                _ => Err(error),
            },
        };
        match early {
            Ok(()) => return Ok(wire),
            Err(_) if wire.reused && !fresh => fresh = true,
            Err(error) => return Err(broken(error)),
        }
    }
}

/// Reads a stream until it has content, has failed, or has ended.
async fn first_content(
    mut wire: Wire,
    endpoint: &Endpoint,
    own: Option<Arc<SecretString>>,
    (call, decode): (&Call, bool),
    id: RequestId,
    watch: &mut Watch<'_>,
) -> Result<Stream, Fail> {
    let dialect = endpoint.dialect(call.surface);
    let mut relay = match endpoint.speaks(call.surface) && !decode {
        true => Relay::passthrough(dialect, call),
        false => Relay::foreign(dialect, &endpoint.answer_head(id), call),
    };
    let mut held = Out::default();
    let price = |usage: &Usage| endpoint.price(usage);
    loop {
        let piece = wire.read().await.map_err(broken)?;
        let is_last = piece.is_none();
        match piece {
            Some(piece) => relay.push(endpoint.veiled(piece, own.as_deref()), &price, watch, &mut held),
            // A last event may lack its blank line.
            None => relay.end(&price, watch, &mut held),
        }
        .map_err(Fail::Garbage)?;
        match relay.phase() {
            Phase::Waiting if is_last => return Err(Fail::Broken("the stream ended before any content")),
            Phase::Waiting => {}
            Phase::Content | Phase::Ended => return Ok(Stream { wire, relay, held, own }),
            Phase::Failed { kind, message } => {
                let error = VendorError { kind: kind.clone(), code: None, message: message.clone(), retry_after: None };
                return Err(Fail::FirstEvent(endpoint.discreet(error, own.as_deref())));
            }
        }
    }
}

/// Reads a whole answer; its head has come in time, its body has until the request's deadline.
async fn whole(mut wire: Wire, endpoint: &Endpoint, surface: Surface, deadline: Instant) -> Result<Bytes, Fail> {
    let left = deadline.saturating_duration_since(Instant::now());
    let body = timeout(left, wire.read_all(ANSWER_BYTES_MAX, endpoint.timeouts.idle))
        .await
        .map_err(|_| Fail::Broken("the answer was not finished in time"))?
        .map_err(broken)?
        .ok_or(Fail::Broken("the answer is too long"))?;
    wire.release().await;
    if !looks_like_an_object(&body) {
        let what = format!("{} promised JSON and sent something else", endpoint.dialect(surface).as_str());
        return Err(Fail::Garbage(tollgate_translate::Garbage(what)));
    }
    Ok(body)
}

/// A truncated or foreign body shows at its ends; the meter parses what lies between.
fn looks_like_an_object(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    body.first() == Some(&b'{') && body.last() == Some(&b'}')
}

async fn refused(
    wire: Wire,
    endpoint: &Endpoint,
    surface: Surface,
    own: Option<&SecretString>,
    (status, amazons): (u16, Option<String>),
    retry_after: Option<Duration>,
) -> Fail {
    let body = endpoint.veiled(wire.drain(ERROR_BYTES_MAX, ERROR_PATIENCE).await, own);
    let mut error = endpoint.dialect(surface).error(status, &body);
    if let Some(kind) = amazons {
        error.kind = kind;
    }
    let retry_after = retry_after.or(error.retry_after);
    let verdict = Verdict::of(endpoint.vendor, status, &error);
    Fail::Status { status, error: endpoint.discreet(error, own), verdict, retry_after }
}

/// Amazon's word for what went wrong, which is in its head and not in its body.
fn error_type(answer: &pingora::http::ResponseHeader) -> Option<String> {
    let word = answer.headers.get("x-amzn-errortype")?.to_str().ok()?.split(':').next()?;
    (!word.is_empty() && word.len() <= 64).then(|| word.to_owned())
}

fn is_stream(answer: &pingora::http::ResponseHeader, framing: Framing) -> bool {
    let wanted: &[u8] = match framing {
        Framing::EventStream => b"application/vnd.amazon.eventstream",
        Framing::Sse | Framing::JsonArray => b"text/event-stream",
    };
    let kind = answer.headers.get(header::CONTENT_TYPE).map(|v| v.as_bytes());
    // llama.cpp and some proxies leave the type out; the relay judges the bytes then.
    kind.is_none_or(|k| k.len() >= wanted.len() && k[..wanted.len()].eq_ignore_ascii_case(wanted))
}

pub(crate) fn no_connection(error: &pingora::Error) -> Fail {
    match error.etype() {
        ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout => Fail::Connect("timed out"),
        ErrorType::ConnectRefused => Fail::Connect("refused"),
        ErrorType::ConnectNoRoute => Fail::Connect("no route"),
        ErrorType::TLSHandshakeFailure | ErrorType::InvalidCert | ErrorType::TLSWantX509Lookup => Fail::Tls,
        _ => Fail::Connect("failed"),
    }
}

/// By value, as `map_err` hands it over.
#[expect(clippy::boxed_local, reason = "Pingora's errors come boxed")]
fn broken(error: pingora::BError) -> Fail {
    Fail::Broken(match error.etype() {
        ErrorType::ConnectionClosed => "closed by the upstream",
        ErrorType::ReadError => "read failed",
        ErrorType::WriteError => "write failed",
        ErrorType::InvalidHTTPHeader => "its answer is not HTTP",
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => "timed out",
        _ => "protocol error",
    })
}
