//! A chat call as small as it can be, for tests that need one and look at something else.

use tollgate_api::{Address, Call, Surface};
use tollgate_translate::request;

/// Streamed, and with its usage or without.
pub(crate) fn plain(wants_usage: bool) -> Call {
    let options = format!(r#""stream":true,"stream_options":{{"include_usage":{wants_usage}}}"#);
    let body = format!(r#"{{"model":"m","messages":[1],{options}}}"#);
    request::read(&Address::of(Surface::ChatCompletions), body.into()).expect("a call")
}
