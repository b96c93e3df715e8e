//! One request to a profile: how it goes right, and how it goes wrong.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use serde_json::Value;

use crate::answer::Answer;
use crate::asked::{Asked, Dialect};
use crate::draw::Draw;
use crate::profile::{Fault, Profile};
use crate::seen::{self, Counts, Ending};
use crate::{anthropic, native, openai};

pub(crate) type Body = BoxBody<Bytes, io::Error>;

/// A streamed answer in three parts.
pub(crate) struct Events {
    pub(crate) opening: Vec<String>,
    pub(crate) content: Vec<String>,
    pub(crate) closing: Vec<String>,
}

/// Answers one request under a profile. An error closes the connection without an answer.
pub(crate) async fn answer(
    profile: Arc<Profile>,
    counts: Arc<Counts>,
    mut draw: Draw,
    path: &str,
    request: Request<Bytes>,
) -> io::Result<Response<Body>> {
    counts.came(Some(keep(path, &request)));
    let mut ending = Ending::new(Arc::clone(&counts));
    let dialect = if path.starts_with("/v1/messages") { Dialect::Anthropic } else { Dialect::OpenAi };
    let asked = Asked::read(dialect, request.body());
    if let Ok(asked) = &asked {
        ending.reads(asked.prompt_tokens);
    }
    pause(profile.latency.draw(&mut draw)).await;
    match &profile.fault {
        Fault::AcceptAndHang => std::future::pending().await,
        Fault::CutBeforeHead => {
            ending.gives_up();
            return Err(cut());
        }
        _ => {}
    }
    if let Some(refused) = refuse(&profile, dialect, path, &request, &mut draw) {
        ending.gives_up();
        return Ok(refused);
    }
    if let Some((kind, body)) = native::answer(request.method(), path, request.headers(), request.body()) {
        ending.done();
        return Ok(head(&profile, 200, kind, Full::new(body).map_err(|never: Infallible| match never {}).boxed()));
    }
    let asked = match asked {
        Ok(asked) => asked,
        Err(why) => {
            ending.gives_up();
            return Ok(error(&profile, dialect, 400, &why));
        }
    };
    let said = Answer::to(&asked, &profile, &mut draw);
    if asked.stream {
        return Ok(streamed(&profile, &asked, &said, draw, ending));
    }
    whole(&profile, &asked, &said, ending)
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

/// What a vendor says no to before it looks at the body.
fn refuse(
    profile: &Profile,
    dialect: Dialect,
    path: &str,
    request: &Request<Bytes>,
    draw: &mut Draw,
) -> Option<Response<Body>> {
    let is_native = native::answer(request.method(), path, request.headers(), request.body());
    if is_native.is_none() && !matches!(path, "/v1/chat/completions" | "/v1/messages") {
        return Some(error(profile, dialect, 404, "Unknown request URL"));
    }
    let headers = request.headers();
    if let Some(key) = &profile.require_key {
        let shown = match dialect {
            Dialect::OpenAi => {
                headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "))
            }
            Dialect::Anthropic => headers.get("x-api-key").and_then(|v| v.to_str().ok()),
        };
        if shown != Some(key) {
            return Some(error(profile, dialect, 401, "Incorrect API key provided"));
        }
    }
    if dialect == Dialect::Anthropic && !headers.contains_key("anthropic-version") {
        return Some(error(profile, dialect, 400, "anthropic-version: header is required"));
    }
    if let Fault::Status { status, retry_after, body } = &profile.fault {
        let mut response = match body {
            Some(body) => json(profile, *status, Bytes::from(body.clone())),
            None => error(profile, dialect, *status, "The simulated vendor says no"),
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
        }
        return Some(response);
    }
    let unlucky = profile.errors_per_mille > 0 && draw.between(1, 1000) <= profile.errors_per_mille.into();
    unlucky.then(|| error(profile, dialect, profile.error_status, "The simulated vendor is out of luck"))
}

fn error(profile: &Profile, dialect: Dialect, status: u16, message: &str) -> Response<Body> {
    let body = match dialect {
        Dialect::OpenAi => openai::error(status, message),
        Dialect::Anthropic => anthropic::error(status, message),
    };
    json(profile, status, Bytes::from(body.to_string()))
}

fn json(profile: &Profile, status: u16, body: Bytes) -> Response<Body> {
    let body = Full::new(body).map_err(|never: Infallible| match never {}).boxed();
    head(profile, status, "application/json", body)
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

fn whole(profile: &Profile, asked: &Asked, said: &Answer, mut ending: Ending) -> io::Result<Response<Body>> {
    let mut body = match asked.dialect {
        Dialect::OpenAi => openai::whole(asked, said),
        Dialect::Anthropic => anthropic::whole(asked, said),
    };
    if profile.body_bytes > 0 {
        body["padding"] = Value::from("x".repeat(profile.body_bytes));
    }
    let text = body.to_string();
    let cut_at = text.floor_char_boundary(text.len() / 2);
    Ok(match profile.fault {
        Fault::WrongJson => {
            ending.gives_up();
            json(profile, 200, Bytes::copy_from_slice(&text.as_bytes()[..cut_at]))
        }
        Fault::NotJson => {
            ending.gives_up();
            let page = Full::new(Bytes::from_static(b"<html><body>It works!</body></html>"));
            head(profile, 200, "text/html", page.map_err(|never: Infallible| match never {}).boxed())
        }
        Fault::HangAfterHead => {
            let steps = VecDeque::from([Step::Hang]);
            head(profile, 200, "application/json", play(steps, ending))
        }
        Fault::CutBeforeContent | Fault::CutMidStream { .. } => {
            let steps = VecDeque::from([Step::Write(text[..cut_at].to_owned()), Step::Cut]);
            head(profile, 200, "application/json", play(steps, ending))
        }
        Fault::Drip { bytes, every_ms } => {
            ending.says(said.output_tokens());
            head(profile, 200, "application/json", play(drip(&text, bytes, every_ms), ending))
        }
        _ => {
            ending.says(said.output_tokens());
            ending.done();
            json(profile, 200, Bytes::from(text))
        }
    })
}

/// What a body does next.
enum Step {
    Write(String),
    /// A piece of content: so many tokens of it.
    Say(String, u64),
    /// So many tokens were said in all.
    Settle(u64),
    /// The vendor has failed: nobody pays.
    GiveUp,
    Wait(u64),
    Hang,
    Cut,
}

fn streamed(profile: &Profile, asked: &Asked, said: &Answer, mut draw: Draw, ending: Ending) -> Response<Body> {
    let events = match asked.dialect {
        Dialect::OpenAi => openai::events(asked, said),
        Dialect::Anthropic => anthropic::events(asked, said),
    };
    let failed = match asked.dialect {
        Dialect::OpenAi => openai::error_event(),
        Dialect::Anthropic => anthropic::error_event(),
    };
    let ttft = profile.ttft.draw(&mut draw);
    let pace = if profile.tokens_per_second == 0 { 0 } else { 1000 / u64::from(profile.tokens_per_second) };
    let Events { opening, content, closing } = events;
    let write = |texts: Vec<String>| texts.into_iter().map(Step::Write).collect::<Vec<_>>();
    let paced =
        |texts: &[String]| texts.iter().flat_map(|t| [Step::Wait(pace), Step::Say(t.clone(), 1)]).collect::<Vec<_>>();
    let first = |n: u32| &content[..content.len().min(n as usize)];
    let mut steps = Vec::new();
    match &profile.fault {
        Fault::EmptyStream => {}
        Fault::HangAfterHead => steps.push(Step::Hang),
        Fault::WrongJson => steps.push(Step::Write("data: {\"id\": \"chatcmpl-1\", \"choi\n\n".into())),
        Fault::NotJson => steps.push(Step::Write("<html><body>It works!</body></html>\n\n".into())),
        Fault::FirstEventError => steps.extend([Step::GiveUp, Step::Write(failed)]),
        Fault::CutBeforeContent => {
            steps.extend(write(opening));
            steps.push(Step::Cut);
        }
        Fault::CutMidStream { after_events } => {
            steps.extend(write(opening));
            steps.extend(paced(first(*after_events)));
            steps.push(Step::Cut);
        }
        Fault::MidStreamError { after_events } => {
            steps.extend(write(opening));
            steps.extend(paced(first(*after_events)));
            steps.extend([Step::GiveUp, Step::Write(failed)]);
        }
        Fault::Drip { bytes, every_ms } => {
            let all = [opening, content, closing].concat().concat();
            steps.push(Step::Say(String::new(), said.output_tokens()));
            steps.extend(drip(&all, *bytes, *every_ms));
        }
        _ if profile.burst => {
            steps.push(Step::Say([opening, content, closing].concat().concat(), said.output_tokens()));
        }
        _ => {
            steps.extend(write(opening));
            steps.push(Step::Wait(ttft));
            steps.extend(paced(&content));
            // Thinking and the calls of tools are more or fewer tokens than they are pieces.
            steps.push(Step::Settle(said.output_tokens()));
            steps.extend(write(closing));
        }
    }
    head(profile, 200, "text/event-stream; charset=utf-8", play(steps.into(), ending))
}

fn drip(text: &str, bytes: usize, every_ms: u64) -> VecDeque<Step> {
    let mut steps = VecDeque::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = (1..=rest.len()).find(|at| *at >= bytes.max(1) && rest.is_char_boundary(*at)).unwrap_or(rest.len());
        steps.push_back(Step::Write(rest[..at].to_owned()));
        steps.push_back(Step::Wait(every_ms));
        rest = &rest[at..];
    }
    steps
}

/// A body that takes its steps as it is read; dropped before the last, it counts as cancelled.
fn play(steps: VecDeque<Step>, ending: Ending) -> Body {
    let frames = stream::unfold((steps, ending), |(mut steps, mut ending)| async move {
        loop {
            match steps.pop_front() {
                Some(Step::Write(text)) => {
                    return Some((Ok(Frame::data(Bytes::from(text))), (steps, ending)));
                }
                Some(Step::Say(text, tokens)) => {
                    ending.says(tokens);
                    if !text.is_empty() {
                        return Some((Ok(Frame::data(Bytes::from(text))), (steps, ending)));
                    }
                }
                Some(Step::Settle(tokens)) => ending.said(tokens),
                Some(Step::GiveUp) => ending.gives_up(),
                Some(Step::Wait(ms)) => pause(ms).await,
                Some(Step::Hang) => std::future::pending().await,
                Some(Step::Cut) => {
                    ending.gives_up();
                    // What was written must be on its way before the connection breaks.
                    pause(5).await;
                    return Some((Err(cut()), (VecDeque::new(), ending)));
                }
                None => {
                    ending.done();
                    return None;
                }
            }
        }
    });
    StreamBody::new(frames).boxed()
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "cut, as the profile says")
}

async fn pause(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}
