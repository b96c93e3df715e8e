//! What a vendor has and we only pass on: images, audio, files, batches, and whatever else its paths name.
//! Authenticated, limited, on record and counted; the bytes are the client's and the vendor's own.
//!
//! It does not fall back: a file lies at one vendor. It does not stream what comes in: a body is read whole,
//! and is no longer than any other.

pub(crate) mod count;
mod named;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use memchr::memmem;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use pingora_timeout::timeout;
use secrecy::SecretString;
use tollgate_api::{Call, Caps, Code, Edits, Exchange, Framing, Outcome, Refusal, Spans, Surface, Usage};
use tollgate_translate::Dialect;
use tollgate_vendors::escaped;

use crate::answer::headers;
use crate::attempt::no_connection;
use crate::attempts::{Trace, nobody_answered};
use crate::endpoint::Endpoint;
use crate::fail::Fail;
use crate::gateway::{Gateway, draw_request_id};
use crate::live::Live;
use crate::pipeline::{End, Gone, Heard, enter, hold, say_why, while_listening};
use crate::plan::{Candidate, Plan};
use crate::reading::read_body;
use crate::reply;
use crate::surface::{MODEL, Native};
use crate::tally::{How, Tally};
use crate::upstream::Wire;
use named::Named;

/// An answer up to this size is looked at for its usage, and an error for credentials.
const LOOKED_AT_MAX: usize = 1 << 20;
/// By which provider the client wants to be served, where neither path nor model says.
static PROVIDER: HeaderName = HeaderName::from_static("x-tollgate-provider");

/// Serves one request for a vendor's own path.
pub(crate) async fn serve(gateway: &Arc<Gateway>, native: Native, session: &mut Session) -> Result<(), Gone> {
    let mut tally = Tally::open(gateway, gateway.live.load_full(), Surface::Native, draw_request_id());
    match travel(gateway, native, session, &mut tally).await {
        Ok(()) => Ok(()),
        Err(end) => say_why(end, session, &mut tally).await,
    }
}

async fn travel(gateway: &Arc<Gateway>, native: Native, session: &mut Session, tally: &mut Tally) -> Result<(), End> {
    let (live, holder, state) = enter(gateway, session, tally).await?;
    let body = read_body(&live, session).await?;
    let asked = Asked::read(native, &body, &session.req_header().headers);
    let place = Arc::clone(place(&live, &asked)?);
    let exchange = exchange(tally, &holder, &asked, body.clone());
    let exchange = tally.keep(exchange);
    let mut plan = Plan::only(&place).permitted(&holder, &exchange.call.model, &state)?;
    hold(tally, &holder, &state, &mut plan, session).await?;
    tally.begin(&plan).await?;
    let candidate = plan.candidates().next().ok_or_else(|| nobody_answered(&plan, &tally.leg.tried))?;
    let request = Request::of(&asked, body, candidate, session)?;
    let wait = Box::pin(attempt(gateway, candidate, request, tally));
    match while_listening(session, wait, None).await? {
        Heard::Here(Some(answer)) => pass_on(answer, candidate, session, tally).await,
        Heard::Here(None) => Err(nobody_answered(&plan, &tally.leg.tried).into()),
        Heard::Gone(_) => Err(End::Gone),
    }
}

/// What is asked for, and of whom.
struct Asked {
    native: Native,
    /// The model that the body names.
    named: Option<Named>,
    provider: Option<String>,
}

impl Asked {
    fn read(native: Native, body: &[u8], headers: &HeaderMap) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
        let named = Named::find(text(&header::CONTENT_TYPE).unwrap_or_default(), body);
        Self { named, provider: text(&PROVIDER).map(str::to_owned), native }
    }

    fn model(&self) -> Option<&str> {
        self.native.model.as_deref().or(self.named.as_ref().map(|named| &*named.model))
    }
}

/// Where to go: to the provider that the client names, to that of the model, or to that of the prefix.
fn place<'a>(live: &'a Live, asked: &Asked) -> Result<&'a Arc<Endpoint>, Refusal> {
    if let Some(name) = asked.provider.as_deref() {
        return live.natives.get(name).ok_or_else(|| {
            let shown: String = name.chars().take(80).collect();
            Refusal::new(Code::UnknownProvider, format!("there is no provider `{shown}`")).at(PROVIDER.as_str())
        });
    }
    let fits = |place: &&Arc<Endpoint>| asked.native.vendor.is_none_or(|vendor| place.vendor.name == vendor);
    let of_model = asked.model().and_then(|model| live.places_of(model).find(fits));
    of_model.or_else(|| only_one(live.natives.values().filter(fits))).ok_or_else(|| {
        let what = match asked.native.vendor {
            Some(vendor) => format!("it is not clear which provider is meant by `{vendor}`"),
            None => "neither a model nor a header says which provider this is for".to_owned(),
        };
        Refusal::new(Code::UnknownProvider, what).at(PROVIDER.as_str())
    })
}

/// The one that there is; `None` where there are several, or none.
fn only_one<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

fn exchange(tally: &Tally, holder: &crate::accounts::Holder, asked: &Asked, body: Bytes) -> Box<Exchange> {
    let call = Call {
        body,
        surface: Surface::Native,
        model: asked.model().unwrap_or_default().into(),
        stream: false,
        framing: Framing::Sse,
        wants_usage: false,
        max_output: None,
        caps: Caps::default(),
        choices: 1,
        // Nobody knows what it will cost: where a budget pays it is refused.
        unbounded: Some("path"),
        end_user: None,
        tools: false,
        drop_unsupported: false,
        start_within: None,
        asks_tier: None,
        spans: Spans::default(),
    };
    let caller = Arc::clone(&holder.caller);
    Box::new(Exchange { id: tally.id, caller, call, headers: HeaderMap::new(), label: None, edits: Edits::new() })
}

/// What goes out.
struct Request {
    method: Method,
    target: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Request {
    /// In the words of the place: its path, and its own name for the model.
    fn of(asked: &Asked, body: Bytes, candidate: &Candidate<'_>, session: &Session) -> Result<Self, Refusal> {
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
        let mut headers = HeaderMap::new();
        for name in [header::CONTENT_TYPE, header::ACCEPT] {
            headers.extend(head.headers.get(&name).map(|value| (name, value.clone())));
        }
        for name in ["anthropic-beta", "anthropic-version", "openai-beta", "idempotency-key"] {
            let name = HeaderName::from_static(name);
            headers.extend(head.headers.get(&name).map(|value| (name, value.clone())));
        }
        Trace::of(head).forward(&mut headers);
        Ok(Self { method: head.method.clone(), target, headers, body })
    }
}

/// An answer whose head has come.
struct Answer {
    status: u16,
    headers: Vec<(HeaderName, HeaderValue)>,
    wire: Wire,
    own: Option<Arc<SecretString>>,
}

/// One try. `None`: it failed before anything came, which the account knows.
async fn attempt(
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
    let Request { method, target, headers, body } = request;
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
    Ok(Answer { status, headers, wire, own })
}

/// What of a vendor's head means something to a client.
fn kept(head: &ResponseHeader) -> Vec<(HeaderName, HeaderValue)> {
    const KEPT: [HeaderName; 6] = [
        header::CONTENT_TYPE,
        header::CONTENT_DISPOSITION,
        header::RETRY_AFTER,
        header::LOCATION,
        HeaderName::from_static("request-id"),
        HeaderName::from_static("x-amzn-errortype"),
    ];
    KEPT.into_iter().filter_map(|name| Some((name.clone(), head.headers.get(&name)?.clone()))).collect()
}

/// Sends the answer on as it comes, and counts what it says that it used.
async fn pass_on(
    answer: Answer,
    candidate: &Candidate<'_>,
    session: &mut Session,
    tally: &mut Tally,
) -> Result<(), End> {
    let Answer { status, headers: theirs, mut wire, own } = answer;
    let endpoint = candidate.endpoint();
    tally.begun_on_disk().await?;
    let mut seen = Vec::new();
    let mut begun = false;
    let outcome = loop {
        let piece = match timeout(endpoint.timeouts.idle, wire.read()).await {
            Ok(Ok(Some(piece))) => endpoint.veiled(piece, own.as_deref()),
            Ok(Ok(None)) => break Outcome::Answered,
            _ => break Outcome::CutUpstream,
        };
        if seen.len() + piece.len() <= LOOKED_AT_MAX {
            seen.extend_from_slice(&piece);
        }
        tally.trail.sends(&piece);
        if !std::mem::replace(&mut begun, true) {
            let head = head(status, &theirs, session, tally);
            session.write_response_header(head, false).await.map_err(End::gone)?;
        }
        session.write_response_body(Some(piece), false).await.map_err(End::gone)?;
    };
    if let Some(usage) = usage(endpoint, &seen) {
        tally.metered(usage, endpoint);
    }
    tally.trail.vendor_refused = status >= 400;
    tally.close(if status < 400 { outcome } else { Outcome::Failed }, status);
    if outcome == Outcome::CutUpstream {
        tally.refused = Some(Code::UpstreamCut);
        return Err(End::Gone);
    }
    wire.release_when_done();
    tally.ended_on_disk().await.map_err(End::gone)?;
    if !begun {
        let head = head(status, &theirs, session, tally);
        session.write_response_header(head, false).await.map_err(End::gone)?;
    }
    session.write_response_body(None, true).await.map_err(End::gone)
}

/// What an answer says that it used: in its vendor's words, or in those of OpenAI's newer interfaces.
fn usage(endpoint: &Endpoint, answer: &[u8]) -> Option<Usage> {
    let dialect = match endpoint.dialect(Surface::Native) {
        Dialect::OpenAi if memmem::find(answer, b"\"input_tokens\"").is_some() => Dialect::Responses,
        dialect => dialect,
    };
    dialect.usage(answer).filter(|usage| usage.total() > 0)
}

fn head(status: u16, theirs: &[(HeaderName, HeaderValue)], session: &Session, tally: &Tally) -> Box<ResponseHeader> {
    let framing = (header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    let framing = (!session.is_http2()).then_some(framing);
    reply::head(status, theirs.iter().cloned().chain(framing).chain(headers(tally)))
}
