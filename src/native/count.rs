//! `POST /v1/messages/count_tokens`: how long a prompt is, before it is sent.
//!
//! Where the model's first place counts by itself it is asked, and nothing is billed; elsewhere the prompt is
//! counted here, with the model's tokenizer, and the answer says so.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use pingora::proxy::Session;
use serde_json::json;
use tollgate_api::{Address, Call, Edits, Exchange, Outcome, Surface};
use tollgate_meter::Encoding;
use tollgate_translate::splice;

use super::{Request, attempt, pass_on};
use crate::answer::headers;
use crate::attempts::Trace;
use crate::gateway::{Gateway, draw_request_id};
use crate::off_worker::off_worker;
use crate::pipeline::{End, Gone, enter, say_why};
use crate::plan;
use crate::reading::read;
use crate::reply;
use crate::tally::Tally;

/// Says that a figure was counted here.
static ESTIMATED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-tollgate-usage"), HeaderValue::from_static("estimated"));

/// Serves one.
pub(crate) async fn serve(gateway: &Arc<Gateway>, session: &mut Session) -> Result<(), Gone> {
    let mut tally = Tally::open(gateway, gateway.live.load_full(), Surface::Messages, draw_request_id());
    match travel(gateway, session, &mut tally).await {
        Ok(()) => Ok(()),
        Err(end) => say_why(end, session, &mut tally).await,
    }
}

async fn travel(gateway: &Arc<Gateway>, session: &mut Session, tally: &mut Tally) -> Result<(), End> {
    let (live, holder, state) = enter(gateway, session, tally).await?;
    let call = read(Address::of(Surface::Messages), &live, session).await?;
    let caller = Arc::clone(&holder.caller);
    let (headers, edits) = (HeaderMap::new(), Edits::new());
    let exchange = tally.keep(Box::new(Exchange { id: tally.id, caller, call, headers, label: None, edits }));
    let call = exchange.call.clone();
    let plan = plan::choose(&live, exchange)?.permitted(&holder, &call.model, &state)?;
    tally.planned(&plan);
    tally.begin(&plan).await?;
    let first = plan.candidates().next();
    if let Some((candidate, target)) = first.and_then(|c| Some((c, c.endpoint().counts_tokens()?))) {
        let mut headers = HeaderMap::new();
        Trace::of(session.req_header()).forward(&mut headers);
        let body = splice(&call, &call.without_ours(), Some(&candidate.endpoint().model), false);
        let request = Request { method: Method::POST, target, headers, body, is_work: false };
        if let Some(answer) = attempt(gateway, candidate, request, tally).await?.filter(|answer| answer.status < 400) {
            return pass_on(answer, candidate, session, tally).await;
        }
    }
    let encoding = first.map_or_else(Encoding::default, |c| Encoding::of_model(&c.endpoint().model));
    let tokens = off_worker(move || counted(encoding, &call)).await;
    estimate(tokens, session, tally).await
}

/// The conversation, and the rest of the body, which is system prompt and tools, by its text.
fn counted(encoding: Encoding, call: &Call) -> u64 {
    let messages = call.messages();
    let rest = [&call.body[..call.spans.messages.start], &call.body[call.spans.messages.end..]].concat();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    encoding.prompt(&text(messages)).saturating_add(encoding.count(&text(&rest)))
}

async fn estimate(tokens: u64, session: &mut Session, tally: &mut Tally) -> Result<(), End> {
    let body = Bytes::from(json!({ "input_tokens": tokens }).to_string());
    tally.close(Outcome::Answered, 200);
    tally.trail.sends(&body);
    tally.ended_on_disk().await?;
    let mut headers = headers(tally).into_vec();
    headers.push(ESTIMATED.clone());
    reply::whole(session, 200, "application/json", headers, body).await.map_err(End::gone)
}
