//! An answer of a vendor's own path on its way back: as it comes, and counted as it goes by.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use pingora_timeout::timeout;
use secrecy::SecretString;
use tollgate_api::{Code, Outcome, Surface};
use tollgate_translate::Passing;

use crate::answer::headers;
use crate::endpoint::Endpoint;
use crate::pipeline::End;
use crate::plan::Candidate;
use crate::reply;
use crate::tally::Tally;
use crate::upstream::Wire;

/// No vendor's error is longer.
const ERROR_BYTES_MAX: usize = 1 << 20;

/// An answer whose head has come.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) wire: Wire,
    /// The tenant's own credential, which an answer must not show.
    pub(super) own: Option<Arc<SecretString>>,
    /// Whether it reports what is to be paid for.
    pub(super) is_work: bool,
}

/// Sends the answer on as it comes, and counts what it says that it used.
pub(super) async fn pass_on(
    mut answer: Answer,
    candidate: &Candidate<'_>,
    session: &mut Session,
    tally: &mut Tally,
) -> Result<(), End> {
    let endpoint = candidate.endpoint();
    tally.begun_on_disk().await?;
    let header = |name: &str| answer.headers.iter().find(|(n, _)| n == name).and_then(|(_, v)| v.to_str().ok());
    // No vendor bills for what it refused.
    let may_cost = answer.is_work && answer.status < 400;
    let mut passing = may_cost.then(|| Passing::new(endpoint.dialect(Surface::Native), header));
    let mut head = Some(head(&answer, session, tally));
    let outcome = relay(&mut answer, endpoint, &mut head, &mut passing, session, tally).await;
    if let Some(usage) = passing.and_then(Passing::finish) {
        tally.metered(usage, endpoint);
    }
    if outcome == Outcome::HungUp {
        return Err(End::Gone);
    }
    tally.trail.vendor_refused = answer.status >= 400;
    tally.close(if answer.status < 400 { outcome } else { Outcome::Failed }, answer.status);
    if outcome == Outcome::CutUpstream {
        tally.refused = Some(Code::UpstreamCut);
        return Err(End::Gone);
    }
    answer.wire.release_when_done();
    tally.ended_on_disk().await.map_err(End::gone)?;
    if let Some(head) = head {
        session.write_response_header(head, false).await.map_err(End::gone)?;
    }
    session.write_response_body(None, true).await.map_err(End::gone)
}

/// Sends piece by piece, with the head before the first. How it ended.
async fn relay(
    answer: &mut Answer,
    endpoint: &Endpoint,
    head: &mut Option<Box<ResponseHeader>>,
    passing: &mut Option<Passing>,
    session: &mut Session,
    tally: &mut Tally,
) -> Outcome {
    loop {
        let piece = match next(answer, endpoint.timeouts.idle).await {
            Ok(Some(piece)) => endpoint.veiled(piece, answer.own.as_deref()),
            Ok(None) => return Outcome::Answered,
            Err(Cut) => return Outcome::CutUpstream,
        };
        if let Some(passing) = passing {
            passing.read(&piece);
        }
        tally.trail.sends(&piece);
        if let Some(head) = head.take()
            && session.write_response_header(head, false).await.is_err()
        {
            return Outcome::HungUp;
        }
        if session.write_response_body(Some(piece), false).await.is_err() {
            return Outcome::HungUp;
        }
    }
}

/// The answer ended before its end.
struct Cut;

/// The next piece; `None` at the end. An error comes in one: it may repeat the credential, and could do so across
/// two pieces.
async fn next(answer: &mut Answer, idle: Duration) -> Result<Option<Bytes>, Cut> {
    if answer.status < 400 {
        return timeout(idle, answer.wire.read()).await.map_err(|_| Cut)?.map_err(|_| Cut);
    }
    let error = answer.wire.read_all(ERROR_BYTES_MAX, idle).await.map_err(|_| Cut)?.ok_or(Cut)?;
    Ok(Some(error).filter(|error| !error.is_empty()))
}

fn head(answer: &Answer, session: &Session, tally: &Tally) -> Box<ResponseHeader> {
    let framing = (header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    // A 204 or 304 ends with its head (RFC 9112 §6.1).
    let is_framed = !session.is_http2() && !matches!(answer.status, 204 | 304);
    let framing = is_framed.then_some(framing);
    reply::head(answer.status, answer.headers.iter().cloned().chain(framing).chain(headers(tally)))
}
