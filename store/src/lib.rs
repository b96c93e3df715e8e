//! Accounts and money at rest: the only SQL of Tollgate, for SQLite and PostgreSQL alike. It decides no
//! policy, opens no seal and checks no key.
//!
//! Every call blocks: keep it off the threads that serve traffic.

pub mod money;

mod accounts;
mod backup;
mod bank;
mod changes;
mod check;
mod engine;
mod error;
mod ids;
mod migrate;
mod posting;
mod snapshot;
mod start;
mod store;
mod types;
mod veiled;
mod window;
mod words;

pub use error::StoreError;
pub use ids::{budget_id, credential_id, member_id};
pub use posting::{Charge, Node, NodeStart, Posted, Posting};
pub use store::Store;
pub use types::{
    Balance, BalanceKind, Bindings, Budget, Change, Changed, Covers, Credential, Deadlines, Key, KeyKind, Limits,
    Member, Period, Role, Scope, Standing, Statement, Sum, Tenant, TopUp, Usage,
};
pub use window::window_of;
