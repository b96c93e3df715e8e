//! Reading a request's body: bounded in size, bounded in time, each byte once.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, header};
use pingora::proxy::Session;
use pingora_timeout::timeout;
use tollgate_api::{Address, Call, Code, Refusal};

use crate::live::Live;
use crate::off_worker::{THRESHOLD_BYTES, off_worker};
use crate::pipeline::End;

/// A body that says it is longer than it is must not make us reserve what it says.
const RESERVE_BYTES_MAX: usize = 1 << 20;
/// Lets us leave out what an upstream cannot express, for clients whose body has no room for the member.
static DROP_UNSUPPORTED: HeaderName = HeaderName::from_static("x-tollgate-drop-unsupported");

/// Reads the body and finds the members that decide.
pub(crate) async fn read(address: Address, live: &Live, session: &mut Session) -> Result<Call, End> {
    let body = read_body(live, session).await?;
    // One pass over a few kilobytes is cheaper than handing it over; over megabytes it is not.
    let call = match body.len() {
        0..THRESHOLD_BYTES => tollgate_translate::request::read(&address, body),
        _ => off_worker(move || tollgate_translate::request::read(&address, body)).await,
    };
    let mut call = call.map_err(End::Refused)?;
    call.drop_unsupported |= session.req_header().headers.get(&DROP_UNSUPPORTED).is_some_and(|v| v == "true");
    Ok(call)
}

/// The body as it came.
pub(crate) async fn read_body(live: &Live, session: &mut Session) -> Result<Bytes, End> {
    let max = live.server.max_body;
    let length = check_head(&session.req_header().headers, max)?;
    if session.req_header().headers.contains_key(header::EXPECT) {
        session.downstream_session.write_continue_response().await.map_err(End::gone)?;
    }
    match timeout(live.server.read_timeout, collect(session, length, max)).await {
        Ok(body) => body,
        Err(_) => {
            let message = format!("the body did not arrive within {:?}", live.server.read_timeout);
            Err(Refusal::new(Code::RequestTimeout, message).into())
        }
    }
}

/// What the head already says against the body; otherwise its length, where it is told.
fn check_head(headers: &HeaderMap, max: usize) -> Result<Option<usize>, Refusal> {
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING).filter(|e| e.as_bytes() != b"identity") {
        let encoding: String = String::from_utf8_lossy(encoding.as_bytes()).chars().take(40).collect();
        let message = format!("the body is compressed (`{encoding}`)");
        return Err(Refusal::new(Code::UnsupportedEncoding, message).at("content-encoding"));
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    match length {
        Some(length) if length > max => Err(too_large(max)),
        length => Ok(length),
    }
}

/// Collects the pieces. A body that comes in one piece is not copied.
async fn collect(session: &mut Session, length: Option<usize>, max: usize) -> Result<Bytes, End> {
    let Some(first) = session.downstream_session.read_request_body().await.map_err(broken)? else {
        return Ok(Bytes::new());
    };
    if length == Some(first.len()) {
        return Ok(first);
    }
    let mut all = BytesMut::with_capacity(length.unwrap_or(2 * first.len()).clamp(first.len(), RESERVE_BYTES_MAX));
    all.extend_from_slice(&first);
    while let Some(piece) = session.downstream_session.read_request_body().await.map_err(broken)? {
        if all.len() + piece.len() > max {
            return Err(too_large(max).into());
        }
        all.extend_from_slice(&piece);
    }
    if all.len() > max {
        return Err(too_large(max).into());
    }
    Ok(all.freeze())
}

/// A body that ends before its end: the client is gone, or does not speak HTTP.
#[expect(clippy::boxed_local, reason = "Pingora's errors come boxed")]
fn broken(error: pingora::BError) -> End {
    use pingora::ErrorType::{ConnectionClosed, H2Error, ReadError, ReadTimedout};
    match error.etype() {
        ConnectionClosed | ReadError | H2Error => End::Gone,
        ReadTimedout => Refusal::new(Code::RequestTimeout, "the body stopped arriving").into(),
        _ => Refusal::new(Code::InvalidRequest, "the framing of the body is broken").into(),
    }
}

fn too_large(max: usize) -> Refusal {
    Refusal::new(Code::BodyTooLarge, format!("the body is longer than {max} bytes"))
}
