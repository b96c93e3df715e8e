//! One request to a profile: how it goes right, and how it goes wrong.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};

use crate::asked::{Asked, Dialect};
use crate::draw::Draw;
use crate::fate::Foreseen;
use crate::play::{Body, cut, full, pause, play, play_at_once};
use crate::profile::{Fault, Profile};
use crate::seen::{self, Counts, Ending};
use crate::speech::Speech;
use crate::tier::Tier;
use crate::{anthropic, native, openai};

/// A request that has come, and where it is served.
pub(crate) struct Visit {
    /// The behaviour of the profile that serves it.
    pub(crate) profile: Arc<Profile>,
    /// What that profile counts.
    pub(crate) counts: Arc<Counts>,
    pub(crate) tier: Tier,
    pub(crate) dialect: Dialect,
    /// What it asks for, or what a vendor says against it.
    pub(crate) asked: Result<Asked, String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) draw: Draw,
}

/// What comes back once the wait before the head is over.
enum Plan {
    /// This, at no charge.
    Refuse(Response<Body>),
    /// This.
    Give(Response<Body>),
    /// An answer.
    Say(Box<Speech>),
}

/// Answers one request. An error closes the connection without an answer.
pub(crate) async fn answer(mut visit: Visit, path: &str, request: Request<Bytes>) -> io::Result<Response<Body>> {
    let drawn = Foreseen::draw(&visit.profile, &mut visit.draw);
    visit.counts.came(keep(path, &request), visit.trace_id.as_deref(), drawn);
    let mut ending = Ending::new(Arc::clone(&visit.counts), visit.trace_id.take());
    if let Ok(asked) = &visit.asked {
        ending.reads(asked.prompt_tokens);
    }
    let profile = Arc::clone(&visit.profile);
    let plan = plan(visit, drawn, path, &request);
    // It may wait for long beside thousands of others, and has no need of its bytes.
    drop(request);
    pause(drawn.latency).await;
    match &profile.fault {
        Fault::AcceptAndHang => std::future::pending().await,
        Fault::CutBeforeHead => {
            ending.gives_up();
            return Err(cut());
        }
        _ => {}
    }
    match plan {
        Plan::Refuse(response) => {
            ending.gives_up();
            Ok(response)
        }
        Plan::Give(response) => {
            ending.done();
            Ok(response)
        }
        Plan::Say(speech) => Ok(say(&profile, *speech, ending).await),
    }
}

fn plan(visit: Visit, drawn: Foreseen, path: &str, request: &Request<Bytes>) -> Plan {
    let Visit { profile, tier, dialect, asked, draw, .. } = visit;
    let native = native::answer(request.method(), path, request.headers(), request.body());
    if native.is_none() && !matches!(path, "/v1/chat/completions" | "/v1/messages") {
        return Plan::Refuse(error(&profile, dialect, 404, "Unknown request URL"));
    }
    let tier = match tier {
        _ if !is_let_in(&profile, dialect, request.headers()) => {
            return Plan::Refuse(error(&profile, dialect, 401, "Incorrect API key provided"));
        }
        Tier::Refused(word) => return Plan::Refuse(json(&profile, 400, openai::no_such_tier(&word).to_string())),
        Tier::Served(tier) => tier,
    };
    if let Some(refused) = refuse(&profile, dialect, request.headers(), drawn) {
        return Plan::Refuse(refused);
    }
    if let Some(native) = native {
        let mut response = head(&profile, 200, native.kind, full(native.body));
        let more = native.headers.iter();
        response.headers_mut().extend(more.map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))));
        return Plan::Give(response);
    }
    match asked {
        Ok(mut asked) => {
            if !profile.echo {
                // It may be long, and an echo alone says it again.
                asked.last_text = String::new();
            }
            Plan::Say(Box::new(Speech { profile, asked: Box::new(asked), tier, draw, wait: drawn.ttft }))
        }
        Err(why) => Plan::Refuse(error(&profile, dialect, 400, &why)),
    }
}

/// Sends the head: before the wait for the first content, or after it.
async fn say(profile: &Profile, mut speech: Speech, ending: Ending) -> Response<Body> {
    if speech.asked.stream {
        return head(profile, 200, "text/event-stream; charset=utf-8", play(speech.steps(), ending));
    }
    let is_early = profile.early_head || matches!(profile.fault, Fault::HangAfterHead | Fault::CutAfterHead);
    if !is_early {
        pause(std::mem::take(&mut speech.wait)).await;
    }
    let kind = if profile.fault == Fault::NotJson { "text/html" } else { "application/json" };
    head(profile, 200, kind, play_at_once(speech.steps(), ending))
}

fn keep(path: &str, request: &Request<Bytes>) -> seen::Request {
    let text = |v: &HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
    seen::Request {
        method: request.method().to_string(),
        path: path.to_owned(),
        version: format!("{:?}", request.version()),
        headers: request.headers().iter().map(|(n, v)| (n.as_str().to_owned(), text(v))).collect(),
        body: request.body().clone(),
    }
}

fn is_let_in(profile: &Profile, dialect: Dialect, headers: &HeaderMap) -> bool {
    let shown = match dialect {
        Dialect::OpenAi => headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Bearer ")),
        Dialect::Anthropic => headers.get("x-api-key").and_then(|v| v.to_str().ok()),
    };
    profile.require_key.as_deref().is_none_or(|key| shown == Some(key))
}

/// What a vendor says no to before it looks at the body.
fn refuse(profile: &Profile, dialect: Dialect, headers: &HeaderMap, drawn: Foreseen) -> Option<Response<Body>> {
    if dialect == Dialect::Anthropic && !headers.contains_key("anthropic-version") {
        return Some(error(profile, dialect, 400, "anthropic-version: header is required"));
    }
    match &profile.fault {
        Fault::Status { status, retry_after, body } => {
            Some(no(profile, dialect, *status, *retry_after, body.as_deref()))
        }
        Fault::FlexFull => Some(json(profile, 429, openai::flex_full().to_string())),
        _ if drawn.fails => Some(error(profile, dialect, profile.error_status, "The simulated vendor is out of luck")),
        _ => None,
    }
}

/// The no of a fault.
fn no(
    profile: &Profile,
    dialect: Dialect,
    status: u16,
    retry_after: Option<u32>,
    body: Option<&str>,
) -> Response<Body> {
    let mut response = match body {
        Some(body) => json(profile, status, body.to_owned()),
        None => error(profile, dialect, status, "The simulated vendor says no"),
    };
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn error(profile: &Profile, dialect: Dialect, status: u16, message: &str) -> Response<Body> {
    let body = match dialect {
        Dialect::OpenAi => openai::error(status, message),
        Dialect::Anthropic => anthropic::error(status, message),
    };
    json(profile, status, body.to_string())
}

fn json(profile: &Profile, status: u16, body: String) -> Response<Body> {
    head(profile, status, "application/json", full(Bytes::from(body)))
}

fn head(profile: &Profile, status: u16, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in &profile.headers {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
