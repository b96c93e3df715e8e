//! What a request to Amazon proves itself with: a signature (version 4), or a Bedrock API key.
//!
//! It is a function of its arguments: no clock, no environment, no network, and no chain of places
//! where credentials may lie about. The signature itself is Amazon's own code.

mod credential;

use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue, InvalidHeaderValue};
use secrecy::ExposeSecret;

pub use credential::{BadCredential, Credential, Keys};

/// What is signed for: a service in a region.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Such as `eu-central-1`.
    pub region: &'a str,
    /// Such as `bedrock`.
    pub service: &'a str,
}

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The whole URL, its path encoded as it is sent: `:` in a model's id is `%3A`, and is encoded
    /// once more within the signature.
    pub url: &'a str,
    /// Headers that are sent and must not change on the way. `host` is signed without being named.
    pub headers: &'a [(&'a str, &'a str)],
    /// SHA-256 of the body.
    pub body: &'a [u8; 32],
}

/// Why a request cannot be signed. Quotes no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// It is not what HTTP allows.
    #[error("the URL or a header of the request is malformed: it must be an absolute URL and printable ASCII")]
    Malformed,
}

/// Headers to send.
pub type Headers = Vec<(HeaderName, HeaderValue)>;

impl Credential {
    /// The headers that prove that a request is ours at `now`. None of them prints its value.
    ///
    /// # Errors
    /// The request is malformed.
    pub fn prove(&self, request: Request<'_>, scope: Scope<'_>, now: SystemTime) -> Result<Headers, Unsigned> {
        match self {
            Self::Keys(keys) => signed(keys, request, scope, now),
            Self::ApiKey(key) => Ok(vec![(
                AUTHORIZATION,
                hidden(&format!("Bearer {}", key.expose_secret())).map_err(|_| Unsigned::Malformed)?,
            )]),
        }
    }
}

fn signed(keys: &Keys, request: Request<'_>, scope: Scope<'_>, now: SystemTime) -> Result<Headers, Unsigned> {
    let malformed = |_| Unsigned::Malformed;
    let identity = keys.amazons().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .expect("every part is there")
        .into();
    let body = SignableBody::Precomputed(hex(request.body));
    let headers = request.headers.iter().copied();
    let signable = SignableRequest::new(request.method, request.url, headers, body).map_err(malformed)?;
    let (instructions, _) = sign(signable, &params).map_err(malformed)?.into_parts();
    let header = |(name, value): (&str, &str)| {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Unsigned::Malformed)?;
        Ok((name, hidden(value).map_err(|_| Unsigned::Malformed)?))
    };
    instructions.headers().map(header).collect()
}

fn hidden(value: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|half| char::from(b"0123456789abcdef"[usize::from(half)]))
        .collect()
}
