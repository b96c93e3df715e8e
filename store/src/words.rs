//! How our enums are written in the database. The wire has its own words.

use crate::error::StoreError;
use crate::types::{BalanceKind, Changed, Covers, KeyKind, Period, Role};

/// One word for each variant.
macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            pub(crate) const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub(crate) fn of(word: &str) -> Result<Self, StoreError> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    other => Err(StoreError::Broken(format!(concat!(stringify!($type), " `{}`"), other))),
                }
            }
        }
    };
}

words!(Role { Owner = "owner", Admin = "admin", Member = "member", Auditor = "auditor" });
words!(KeyKind { Inference = "inference", Management = "management" });
words!(Period { Day = "day", Month = "month", Total = "total" });
words!(BalanceKind { Managed = "managed", Byok = "byok" });
words!(Changed {
    Tenant = "tenant",
    Key = "key",
    Member = "member",
    Credential = "credential",
    Budget = "budget",
    Balance = "balance",
});

impl Covers {
    /// The kind, and which one of it.
    pub(crate) fn words(&self) -> (&'static str, &str) {
        match self {
            Self::Tenant => ("tenant", ""),
            Self::Key(id) => ("key", id),
            Self::Member(id) => ("member", id),
            Self::Tag(tag) => ("tag", tag),
        }
    }

    pub(crate) fn of(kind: &str, which: &str) -> Result<Self, StoreError> {
        match kind {
            "tenant" => Ok(Self::Tenant),
            "key" => Ok(Self::Key(which.to_owned())),
            "member" => Ok(Self::Member(which.to_owned())),
            "tag" => Ok(Self::Tag(which.to_owned())),
            other => Err(StoreError::Broken(format!("Covers `{other}`"))),
        }
    }
}
