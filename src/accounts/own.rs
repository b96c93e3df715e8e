//! A tenant's own credential: sealed until the attempt that needs it, and the place that it is for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tollgate_store::Credential;
use tollgate_vault::Context;

use crate::endpoint::Endpoint;
use crate::vault::Vault;

/// A tenant's own credential for one provider.
pub(crate) struct Own {
    id: String,
    tenant: String,
    pub(crate) provider: String,
    base_url: Option<String>,
    version: i64,
    sealed: Vec<u8>,
    vault: Arc<Vault>,
    /// The operator's endpoints as this credential reaches them. Their health is apart: a tenant's key that
    /// is refused says nothing of the endpoint for others.
    places: Mutex<HashMap<Box<str>, Reached>>,
}

/// An endpoint of the operator's, and the same as a tenant's credential reaches it.
type Reached = (Arc<Endpoint>, Arc<Endpoint>);

impl Own {
    pub(super) fn new(of: Credential, vault: Arc<Vault>) -> Self {
        let Credential { id, tenant, provider, name: _, base_url, hint: _, sealed, version, created_ms: _ } = of;
        Self { id, tenant, provider, base_url, version, sealed, vault, places: Mutex::default() }
    }

    /// The secret, for one attempt.
    pub(crate) fn secret(&self) -> Option<SecretString> {
        let base_url = self.base_url.as_deref().unwrap_or_default();
        let context = Context { tenant: &self.tenant, row: &self.id, version: self.version, base_url };
        match self.vault.open_secret(&context, &self.sealed) {
            // Without it the request would leave with no credential at all.
            Ok(secret) if HeaderValue::from_str(secret.expose_secret()).is_err() => {
                tracing::error!(credential = self.id, "a credential cannot go into a header: enter it again");
                None
            }
            Ok(secret) => Some(secret),
            Err(error) => {
                tracing::error!(credential = self.id, %error, "a credential cannot be opened");
                None
            }
        }
    }

    /// The endpoint that this credential is used at, in place of the operator's. `None` where the
    /// credential's own address is none that may be called.
    pub(crate) fn place(&self, of: &Arc<Endpoint>) -> Option<Arc<Endpoint>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((operators, place)) = places.get(&*of.name)
            && Arc::ptr_eq(operators, of)
        {
            return Some(Arc::clone(place));
        }
        let base = match &self.base_url {
            None => None,
            Some(url) => Some(self.vault.guard().judge_url(url).ok()?),
        };
        let place = Arc::new(of.for_own(base, self.vault.guard()).ok()?);
        places.insert((*of.name).into(), (Arc::clone(of), Arc::clone(&place)));
        Some(place)
    }
}
