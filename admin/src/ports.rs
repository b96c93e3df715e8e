//! What the management API asks of the outside. It says nothing of how that is done.

use std::net::IpAddr;
use std::pin::Pin;

use serde_json::Value;

use crate::Manager;

/// Verifies a management key.
pub trait Doorman: Send + Sync {
    /// Who the key with this text belongs to; `None` for a key that is wrong, revoked, expired, of a
    /// suspended tenant, or not for this address: nobody is told which.
    fn check(&self, key: &[u8], from: Option<IpAddr>) -> Pin<Box<dyn Future<Output = Option<Manager>> + Send + '_>>;
}

/// The audit log.
pub trait Books: Send + Sync {
    /// The records of a tenant, the latest first, those before `before`, at most `limit`. It may block.
    ///
    /// # Errors
    /// The log cannot be read; the text is for the operator's log.
    fn records(&self, tenant: &str, before: Option<u64>, limit: usize) -> Result<Vec<Value>, String>;

    /// The record of one request of this tenant. It may block.
    ///
    /// # Errors
    /// The log cannot be read; the text is for the operator's log.
    fn record(&self, tenant: &str, request_id: &str) -> Result<Option<Value>, String>;

    /// Writes down what was changed, of which tenant, and by which key. It may block.
    fn act(&self, tenant: Option<&str>, by: &str, what: &str);
}
