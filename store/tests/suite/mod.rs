//! What holds whichever database it is.

pub(crate) mod accounts;
pub(crate) mod backups;
pub(crate) mod down;
pub(crate) mod feed;
pub(crate) mod ledger;
pub(crate) mod money;
pub(crate) mod schema;
pub(crate) mod scopes;
