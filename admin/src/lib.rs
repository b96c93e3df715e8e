//! The management API: tenants, members, keys, credentials, budgets, balances and what was used, over
//! HTTP in JSON. It opens no socket, knows no SQL and checks no key: those come in as ports.
//!
//! What it holds to:
//! - One table, [`ROUTES`], names every path with the least right that it asks for. What is not in the
//!   table does not exist.
//! - What belongs to another tenant does not exist either: the answer has the same bytes.
//! - Nobody gives away more than they have: a key made here may do at most what the key that made it may.
//! - A secret is shown once, in the answer that makes it, and never again.

mod answer;
mod ask;
mod form;
mod narrow;
mod openapi;
mod ports;
mod query;
mod refusal;
mod rights;
mod route;
mod router;
mod routes;
mod strict;

use std::fmt;
use std::sync::Arc;

use tollgate_auth::{Algorithm, Pepper};
use tollgate_store::Store;
use tollgate_vault::{Guard, MasterKeys};

pub use openapi::openapi;
pub use ports::{Books, Doorman};
pub use rights::{From, Manager, Right};
pub use route::{Route, Verb};
pub use router::{call, router};
pub use routes::ROUTES;

/// Something that may be another the next time it is asked for: configuration is reloaded.
pub type Now<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// All that the management API needs of the outside.
#[derive(Clone)]
pub struct Admin {
    /// Accounts and money.
    pub store: Store,
    /// Tells who a management key belongs to.
    pub doorman: Arc<dyn Doorman>,
    /// The audit log.
    pub books: Arc<dyn Books>,
    /// The master keys of the vault.
    pub master: Now<Arc<MasterKeys>>,
    /// How new keys are stored.
    pub minting: Now<Minting>,
    /// Where a tenant's base URL may lead.
    pub guard: Now<Arc<Guard>>,
    /// The providers that configuration names.
    pub providers: Now<Vec<String>>,
    /// Called after each change: the snapshot of accounts is old.
    pub changed: Now<()>,
    /// Milliseconds since 1970.
    pub clock: Now<i64>,
}

/// How new keys are stored.
#[derive(Clone, Debug)]
pub struct Minting {
    /// As what.
    pub algorithm: Algorithm,
    /// The secret of the operator's that goes into each hash.
    pub pepper: Pepper,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("store", &self.store).finish_non_exhaustive()
    }
}
