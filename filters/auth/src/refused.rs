//! Why a key was not accepted: told apart for the log, never to the client.

use thiserror::Error;
use tollgate_api::{Code, Refusal};

use crate::{Kind, Malformed};

/// Why a key was not accepted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// It cannot be a key.
    #[error("malformed key: {0}")]
    Malformed(#[from] Malformed),
    /// It is made for something else than what was asked.
    #[error("a key for another kind of call: it begins with `{}`", .0.prefix())]
    WrongKind(Kind),
    /// No such id.
    #[error("unknown key id")]
    Unknown,
    /// The id is known, the secret is another.
    #[error("wrong secret for a known key id")]
    WrongSecret,
    /// It was valid once.
    #[error("revoked key")]
    Revoked,
}

impl KeyError {
    /// The word in logs and metrics; one of five.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::WrongKind(_) => "wrong_kind",
            Self::Unknown => "unknown",
            Self::WrongSecret => "wrong_secret",
            Self::Revoked => "revoked",
        }
    }

    /// What the client is told: the same, whichever it was.
    #[must_use]
    pub fn refusal(self) -> Refusal {
        Refusal::new(Code::InvalidKey, "The key is not valid.")
    }
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        error.refusal()
    }
}
