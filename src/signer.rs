//! Requests that are signed rather than shown a credential: Amazon's.
//!
//! It signs what is about to be sent; it sends nothing.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use tollgate_sigv4::{Credential, Request, Scope};
use tollgate_vendors::Auth;

use crate::endpoint::Site;

/// The region of a place whose name does not say one.
const REGION: &str = "us-east-1";

/// Who signs, and for what.
pub(crate) struct Signer {
    /// The operator's; `None` where only tenants have their own.
    credential: Option<Credential>,
    /// Scheme and host, as they are signed.
    origin: String,
    region: String,
    service: &'static str,
}

impl Signer {
    /// For a place whose vendor wants signatures.
    pub(crate) fn of(site: &Site<'_>) -> Option<Self> {
        let Auth::Aws { service } = site.vendor.auth else { return None };
        let read = |text: &str| Credential::read(&SecretString::from(text)).ok();
        Some(Self {
            credential: site.credential.and_then(read),
            origin: origin(site),
            region: region(&site.base.host).unwrap_or(REGION).to_owned(),
            service,
        })
    }

    /// The headers that prove that a request is ours, or the tenant's. None where it cannot be proven.
    pub(crate) fn sign(
        &self,
        method: &Method,
        target: &Uri,
        body: &Bytes,
        own: Option<&SecretString>,
    ) -> Vec<(HeaderName, HeaderValue)> {
        let own = own.and_then(|own| Credential::read(own).ok());
        let Some(credential) = own.as_ref().or(self.credential.as_ref()) else { return Vec::new() };
        let url = format!("{}{target}", self.origin);
        let body = Sha256::digest(body).into();
        let request = Request { method: method.as_str(), url: &url, headers: &[], body: &body };
        let scope = Scope { region: &self.region, service: self.service };
        credential.prove(request, scope, SystemTime::now()).unwrap_or_default()
    }
}

fn origin(site: &Site<'_>) -> String {
    let base = site.base;
    let scheme = if base.tls { "https" } else { "http" };
    let usual = if base.tls { 443 } else { 80 };
    match base.port == usual {
        true => format!("{scheme}://{}", base.host),
        false => format!("{scheme}://{}:{}", base.host, base.port),
    }
}

/// The region in a host of Amazon's: `bedrock-runtime.eu-central-1.amazonaws.com`.
fn region(host: &str) -> Option<&str> {
    let (before, _) = host.split_once(".amazonaws.com")?;
    before.rsplit('.').next().filter(|region| region.matches('-').count() >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_read_from_the_host_where_it_says_one() {
        for (host, found) in [
            ("bedrock-runtime.eu-central-1.amazonaws.com", Some("eu-central-1")),
            ("bedrock-runtime.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", None),
            ("127.0.0.1", None),
        ] {
            assert_eq!(region(host), found, "{host}");
        }
    }
}
