//! How what holds a secret is printed: without it. It hides nothing from the database.

use std::fmt;

use crate::types::{Credential, Key};

/// Without the stored form of the secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            root,
            tenant,
            kind,
            name,
            member,
            role,
            hash: _,
            bindings,
            limits,
            created_ms,
            expires_ms,
            revoked_ms,
        } = self;
        f.debug_struct("Key")
            .field("id", id)
            .field("root", root)
            .field("tenant", tenant)
            .field("kind", kind)
            .field("name", name)
            .field("member", member)
            .field("role", role)
            .field("bindings", bindings)
            .field("limits", limits)
            .field("created_ms", created_ms)
            .field("expires_ms", expires_ms)
            .field("revoked_ms", revoked_ms)
            .finish_non_exhaustive()
    }
}

/// Without the seal.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, tenant, provider, name, base_url, hint: _, sealed: _, version, created_ms } = self;
        f.debug_struct("Credential")
            .field("id", id)
            .field("tenant", tenant)
            .field("provider", provider)
            .field("name", name)
            .field("base_url", base_url)
            .field("version", version)
            .field("created_ms", created_ms)
            .finish_non_exhaustive()
    }
}
