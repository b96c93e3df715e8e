//! The way of a request: who asks, whether what the path names exists for them, whether they have the
//! right, and only then the body. It is the same for every route of the table.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use http_body_util::LengthLimitError;
use serde_json::Value;
use tower::ServiceExt;

use crate::answer;
use crate::ask::{Ask, Room};
use crate::form::Form;
use crate::query::Query;
use crate::refusal::{Code, Refusal};
use crate::rights::{From, Manager, Right};
use crate::route::{Route, Run, Verb};
use crate::routes::ROUTES;
use crate::{Admin, openapi};

/// The longest body, in bytes.
const BODY_MAX: usize = 64 * 1024;
/// The longest id in a path.
const ID_MAX: usize = 100;

/// The management API. A request authenticates by `Authorization: Bearer tgm_…` or `x-api-key`; where it
/// carries a [`Manager`] as an extension that one asks, which nothing on a wire can become. The address of
/// the client is taken from the extension [`From`].
pub fn router(admin: Admin) -> Router {
    let room = Arc::new(Room::new(admin, openapi()));
    let mut paths: BTreeMap<&'static str, MethodRouter> = BTreeMap::new();
    for route in ROUTES {
        let room = room.clone();
        let served = move |request: Request| serve(room, route, request);
        let methods = paths.remove(route.path).unwrap_or_default().on(filter(route.method), served);
        paths.insert(route.path, methods);
    }
    let mut router = Router::new();
    for (path, methods) in paths {
        let room = room.clone();
        router = router.route(path, methods.fallback(move |request: Request| wrong_method(room, path, request)));
    }
    router.fallback(move |request: Request| nowhere(room, request))
}

fn filter(verb: Verb) -> MethodFilter {
    match verb {
        Verb::Get => MethodFilter::GET,
        Verb::Post => MethodFilter::POST,
        Verb::Put => MethodFilter::PUT,
        Verb::Patch => MethodFilter::PATCH,
        Verb::Delete => MethodFilter::DELETE,
    }
}

/// Asks the router without a wire, for the command line: the status and the JSON of the answer, `null` where
/// it has none.
pub async fn call(
    router: &Router,
    manager: Manager,
    method: Method,
    path_and_query: &str,
    body: Option<&Value>,
) -> (u16, Value) {
    let Ok(uri) = path_and_query.parse::<Uri>() else {
        return read(Refusal::invalid("this is no path", "write it as `/api/v1/manage/…`").into_response()).await;
    };
    let mut request = Request::new(body.map_or_else(Body::empty, |body| Body::from(body.to_string())));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    request.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    request.extensions_mut().insert(manager);
    match router.clone().oneshot(request).await {
        Ok(response) => read(response).await,
        Err(never) => match never {},
    }
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap_or_default();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn serve(room: Arc<Room>, route: &'static Route, request: Request) -> Response {
    let run = match route.run {
        Run::Document => return answer::json(StatusCode::OK, room.document.clone()),
        Run::Asked(run) => run,
    };
    let (mut parts, body) = request.into_parts();
    match admitted(&room, route, &mut parts, body).await {
        Ok(admitted) => worked(room, route, run, admitted).await.unwrap_or_else(Refusal::into_response),
        Err(refusal) => refusal.into_response(),
    }
}

/// What is known of a request once it may be worked on.
struct Admitted {
    manager: Manager,
    ids: Vec<(String, String)>,
    query: Query,
    body: Form,
}

async fn admitted(room: &Room, route: &Route, parts: &mut Parts, body: Body) -> Result<Admitted, Refusal> {
    let manager = identify(room, parts).await?;
    let ids = ids_for(&manager, parts).await?;
    if !route.right.is_of(&manager) {
        return Err(Refusal::forbidden(route.right.says()));
    }
    let query = Query::read(&parts.uri, route.asks)?;
    let body = if route.takes.is_some() { body_of(&parts.headers, body).await? } else { Form::default() };
    Ok(Admitted { manager, ids, query, body })
}

async fn worked(
    room: Arc<Room>,
    route: &'static Route,
    run: fn(&mut Ask<'_>) -> Result<Value, Refusal>,
    admitted: Admitted,
) -> Result<Response, Refusal> {
    let closed = |_| Refusal::internal("the management API is closing");
    let held = room.clone();
    let _slot = held.slots.acquire().await.map_err(closed)?;
    let work = move || {
        let Admitted { manager, ids, query, body } = admitted;
        run(&mut Ask::new(&room, &manager, &ids, query, body))
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, path = route.path, "a management request ended in the middle");
        Refusal::internal("the request ended in the middle")
    })?;
    let status = StatusCode::from_u16(route.status).unwrap_or(StatusCode::OK);
    done.map(|value| match value {
        Value::Null => answer::json(status, Body::empty()),
        value => answer::json(status, value.to_string()),
    })
}

/// Who asks.
async fn identify(room: &Room, parts: &mut Parts) -> Result<Manager, Refusal> {
    if let Some(manager) = parts.extensions.remove::<Manager>() {
        return Ok(manager);
    }
    let from: Option<IpAddr> = parts.extensions.get::<From>().map(|from| from.0);
    let key = tollgate_auth::presented(&parts.headers).ok_or_else(Refusal::invalid_key)?;
    room.admin.doorman.check(key, from).await.ok_or_else(Refusal::invalid_key)
}

/// What the path names, as far as it can exist for this one: of another tenant nothing does.
async fn ids_for(manager: &Manager, parts: &mut Parts) -> Result<Vec<(String, String)>, Refusal> {
    let params = RawPathParams::from_request_parts(parts, &()).await.map_err(|_| Refusal::not_found())?;
    let ids: Vec<_> = params.iter().map(|(name, id)| (name.to_owned(), id.to_owned())).collect();
    let scope = manager.scope();
    let exists = ids.iter().all(|(name, id)| is_id(id) && (name != "tenant" || scope.sees(id)));
    if exists { Ok(ids) } else { Err(Refusal::not_found()) }
}

/// Whether anything could be called so.
fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=ID_MAX).contains(&text.len()) && text.bytes().all(plain)
}

async fn body_of(headers: &HeaderMap, body: Body) -> Result<Form, Refusal> {
    let too_large = || Refusal::new(Code::BodyTooLarge, "the body is too large", "send less, in several requests");
    let bytes = to_bytes(body, BODY_MAX).await.map_err(|error| {
        if error.into_inner().is::<LengthLimitError>() {
            too_large()
        } else {
            Refusal::new(Code::InvalidJson, "the body ended in the middle", "send all of it")
        }
    })?;
    if !bytes.is_empty() && !is_json(headers) {
        let remedy = "send `content-type: application/json`";
        return Err(Refusal::new(Code::UnsupportedMediaType, "the body is not said to be JSON", remedy));
    }
    Form::parse(&bytes)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split_once(';').map_or(kind, |(kind, _)| kind);
    kind.trim().eq_ignore_ascii_case("application/json") && !headers.contains_key(header::CONTENT_ENCODING)
}

/// A path of the table with a method that it has not.
async fn wrong_method(room: Arc<Room>, path: &'static str, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let of_path = || ROUTES.iter().filter(move |route| route.path == path);
    if of_path().all(|route| route.right != Right::Open) {
        let known = async { ids_for(&identify(&room, &mut parts).await?, &mut parts).await };
        if let Err(refusal) = known.await {
            return refusal.into_response();
        }
    }
    let allow: Vec<_> = of_path().map(|route| route.method.as_str()).collect();
    Refusal::wrong_method(allow.join(", ")).into_response()
}

/// A path that is not in the table: who has no key learns not even that.
async fn nowhere(room: Arc<Room>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    identify(&room, &mut parts).await.map_or_else(|refusal| refusal, |_| Refusal::not_found()).into_response()
}
