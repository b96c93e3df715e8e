//! One request that was let in, as routes see it: who asks, about what, with which body.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use tokio::sync::Semaphore;
use tollgate_store::{Scope, Store};

use crate::form::Form;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::{Admin, Manager};

/// What all requests share.
pub(crate) struct Room {
    pub(crate) admin: Admin,
    /// Bounds the threads that wait for the database or compute hashes.
    pub(crate) slots: Semaphore,
    /// The OpenAPI document.
    pub(crate) document: Bytes,
    /// Held by what reads, changes and writes back.
    turn: Mutex<()>,
}

/// How many requests are worked on at once; others wait.
const SLOTS: usize = 16;

impl Room {
    pub(crate) fn new(admin: Admin, document: String) -> Self {
        Self { admin, slots: Semaphore::new(SLOTS), document: document.into(), turn: Mutex::default() }
    }
}

/// A request.
pub(crate) struct Ask<'a> {
    pub(crate) admin: &'a Admin,
    pub(crate) manager: &'a Manager,
    pub(crate) scope: Scope,
    pub(crate) query: Query,
    pub(crate) body: Form,
    room: &'a Room,
    ids: &'a [(String, String)],
}

impl<'a> Ask<'a> {
    pub(crate) fn new(
        room: &'a Room,
        manager: &'a Manager,
        ids: &'a [(String, String)],
        query: Query,
        body: Form,
    ) -> Self {
        Self { admin: &room.admin, manager, scope: manager.scope(), query, body, room, ids }
    }

    /// What stands in the path where the template has this name.
    pub(crate) fn id(&self, name: &str) -> &'a str {
        self.ids.iter().find(|(known, _)| known == name).map_or("", |(_, id)| id)
    }

    pub(crate) fn tenant(&self) -> &'a str {
        self.id("tenant")
    }

    pub(crate) fn store(&self) -> &'a Store {
        &self.admin.store
    }

    pub(crate) fn now(&self) -> i64 {
        (self.admin.clock)()
    }

    pub(crate) fn now_secs(&self) -> i64 {
        self.now().div_euclid(1000)
    }

    /// From here until it is dropped nobody else in this process reads, changes and writes back.
    pub(crate) fn turn(&self) -> MutexGuard<'a, ()> {
        self.room.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After each change: it is written down, and the snapshot of accounts is old.
    pub(crate) fn changed(&self, what: &str) {
        let tenant = Some(self.tenant()).filter(|tenant| !tenant.is_empty());
        self.changed_of(tenant, what);
    }

    /// The same for a tenant that the path does not name.
    pub(crate) fn changed_of(&self, tenant: Option<&str>, what: &str) {
        self.admin.books.act(tenant, &self.manager.key, what);
        (self.admin.changed)();
    }

    /// A tenant that is there, so that what is missing after this is missing in the body.
    pub(crate) fn tenant_is_there(&self) -> Result<(), Refusal> {
        Ok(self.store().tenant(&self.scope, self.tenant()).map(drop)?)
    }
}
