//! The handle to what is stored: how it is opened, brought up to date and asked. It knows no account.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::engine::{Engine, Purpose, Tx};
use crate::error::StoreError;
use crate::migrate;

/// Accounts and money at rest. Cheap to clone; every call blocks.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    /// Whether the schema is known to be the one of this binary.
    current: AtomicBool,
}

impl Store {
    /// Opens `sqlite:<path>` or `postgres://…`, and brings its schema up to date.
    ///
    /// # Errors
    /// The URL is wrong, the database cannot be reached, or a newer Tollgate has written it.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let store = Self::connect_lazily(url)?;
        store.migrate()?;
        Ok(store)
    }

    /// Like [`Store::open`], but a server may be down: each call tries anew, and the first to reach it brings
    /// the schema up to date.
    ///
    /// # Errors
    /// The URL is wrong, or the file cannot be opened.
    pub fn connect_lazily(url: &str) -> Result<Self, StoreError> {
        let engine = Engine::open(url)?;
        Ok(Self { inner: Arc::new(Inner { engine, current: AtomicBool::new(false) }) })
    }

    /// `sqlite` or `postgresql`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        self.inner.engine.name()
    }

    /// Brings the schema up to date; says what it applied.
    ///
    /// # Errors
    /// The database cannot be reached, or a newer Tollgate has written it.
    pub fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let applied = migrate::apply(&self.inner.engine)?;
        self.inner.current.store(true, Ordering::Release);
        Ok(applied)
    }

    /// What [`Store::migrate`] would apply.
    ///
    /// # Errors
    /// The database cannot be reached, or a newer Tollgate has written it.
    pub fn pending(&self) -> Result<Vec<String>, StoreError> {
        migrate::pending(&self.inner.engine)
    }

    /// Sees one state of everything.
    pub(crate) fn read<T>(&self, body: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.transact(Purpose::Read, body)
    }

    /// Changes what is not an account: the ledger.
    pub(crate) fn write<T>(&self, body: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.transact(Purpose::Write, body)
    }

    /// Changes accounts, one after the other: what `body` reads stays true until it is done.
    pub(crate) fn mutate<T>(&self, body: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.mutate_for(Purpose::Write, body)
    }

    /// Like `mutate`, for one that may take long.
    pub(crate) fn mutate_much<T>(
        &self,
        body: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.mutate_for(Purpose::LongWrite, body)
    }

    fn mutate_for<T>(
        &self,
        purpose: Purpose,
        mut body: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transact(purpose, |tx| {
            tx.lock("SELECT seq FROM counter", &[])?;
            body(tx)
        })
    }

    pub(crate) fn transact<T>(
        &self,
        purpose: Purpose,
        body: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if !self.inner.current.load(Ordering::Acquire) {
            self.migrate()?;
        }
        self.inner.engine.transact(purpose, body)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.engine()).finish()
    }
}
