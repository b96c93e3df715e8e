//! The control call: profiles are read, set and scripted over HTTP while the vendor runs.
//!
//! `GET /control/NAME` what it has seen · `PUT /control/NAME` a profile · `POST /control/NAME/next` a
//! list of profiles, one for each of the next requests.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};

use crate::play::{Body, full};
use crate::profile::Profile;
use crate::server::House;

/// Answers a control call.
pub(crate) fn control(house: &House, path: &str, request: &Request<Bytes>) -> Response<Body> {
    let (name, rest) = path.split_once('/').unwrap_or((path, ""));
    let outcome = match (request.method(), rest) {
        (&Method::GET, "") => serde_json::to_string(&house.seen(name)).map_err(|e| e.to_string()),
        (&Method::PUT, "") => {
            serde_json::from_slice::<Profile>(request.body()).map_err(|e| e.to_string()).map(|profile| {
                house.set(Profile { name: name.to_owned(), ..profile });
                "{}".to_owned()
            })
        }
        (&Method::POST, "next") => {
            serde_json::from_slice::<Vec<Profile>>(request.body()).map_err(|e| e.to_string()).map(|profiles| {
                house.script(name, profiles);
                "{}".to_owned()
            })
        }
        _ => Err("GET or PUT /control/NAME, or POST /control/NAME/next".to_owned()),
    };
    let (status, text) = match outcome {
        Ok(text) => (StatusCode::OK, text),
        Err(why) => (StatusCode::BAD_REQUEST, serde_json::json!({"error": why}).to_string()),
    };
    let mut response = Response::new(full(Bytes::from(text)));
    *response.status_mut() = status;
    response
}
