//! What can go wrong between a caller and what is stored. It never carries the password of a URL.

use tollgate_ledger::Unreachable;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It does not exist, or not for this scope: nobody can tell which.
    #[error("there is no such thing")]
    NotFound,
    /// What is stored already stands against it.
    #[error("{0}")]
    Conflict(
        /// What stands against it, and what to do.
        String,
    ),
    /// What was given cannot be stored.
    #[error("{what}: {remedy}")]
    Invalid {
        /// What is wrong.
        what: String,
        /// What to write instead.
        remedy: String,
    },
    /// The database does not answer. What was asked may have been done all the same.
    #[error("the database cannot be reached: {0}")]
    Unreachable(
        /// Why.
        String,
    ),
    /// A newer Tollgate has written this database.
    #[error("the database has schema {found}, this Tollgate knows {known}: run a newer Tollgate")]
    Newer {
        /// What the database has.
        found: i64,
        /// The newest that this binary knows.
        known: i64,
    },
    /// What is stored cannot be read as what it should be.
    #[error("the database holds something that Tollgate did not write: {0}")]
    Broken(
        /// What and where.
        String,
    ),
}

impl StoreError {
    pub(crate) fn conflict(what: impl Into<String>) -> Self {
        Self::Conflict(what.into())
    }

    pub(crate) fn invalid(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Invalid { what: what.into(), remedy: remedy.into() }
    }
}

impl From<StoreError> for Unreachable {
    /// For a node that asks the ledger, whatever goes wrong means the same: nothing is lent.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unreachable(why) => Self(why),
            other => Self(other.to_string()),
        }
    }
}
