//! Two databases behind one set of words: values, rows, transactions. It knows no table.

mod address;
mod line;
mod lite;
mod pool;
mod row;
mod tx;

pub(crate) use row::{Row, Value, row};
pub(crate) use tx::Tx;

use crate::error::StoreError;
use address::Address;
use lite::Lite;
use pool::Pool;

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Sees one state of everything, changes nothing.
    Read,
    /// Changes something.
    Write,
    /// Reads all there is: no limit on time.
    LongRead,
    /// Writes much: no limit on time.
    LongWrite,
}

impl Purpose {
    fn writes(self) -> bool {
        matches!(self, Self::Write | Self::LongWrite)
    }

    fn is_long(self) -> bool {
        matches!(self, Self::LongRead | Self::LongWrite)
    }
}

/// The database that a URL names.
pub(crate) enum Engine {
    Lite(Box<Lite>),
    Pool(Pool),
}

impl Engine {
    /// SQLite is opened; PostgreSQL is only looked at when something is asked of it.
    pub(crate) fn open(url: &str) -> Result<Self, StoreError> {
        match Address::read(url)? {
            Address::File(path) => Lite::open(&path).map(|lite| Self::Lite(Box::new(lite))),
            Address::Server(server) => Ok(Self::Pool(Pool::new(*server))),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Lite(_) => "sqlite",
            Self::Pool(_) => "postgresql",
        }
    }

    /// Runs `body` in one transaction, again if the database says that it lost against another: so it must
    /// do nothing outside the database that may not be done twice.
    pub(crate) fn transact<T>(
        &self,
        purpose: Purpose,
        body: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self {
            Self::Lite(lite) => lite.transact(purpose, body),
            Self::Pool(pool) => pool.transact(purpose, body),
        }
    }
}
