//! Databases for tests: a file in a folder of its own, or a database in a real PostgreSQL.

pub(crate) mod postgres;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use tollgate_store::{
    Bindings, Budget, Covers, Credential, Deadlines, Key, KeyKind, Limits, Member, Period, Role, Scope, Store, Tenant,
};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A number that no other database of this run has.
fn number() -> u32 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A folder that is gone with its test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("tollgate-store-{}-{}", std::process::id(), number()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// An empty database of one test.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) folder: Folder,
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        let folder = Folder::new();
        Self { url: format!("sqlite:{}", folder.0.join("tollgate.db").display()), folder }
    }

    pub(crate) fn postgresql() -> Self {
        Self { url: postgres::shared().database(&format!("test_{}", number())), folder: Folder::new() }
    }

    /// Past the store.
    pub(crate) fn raw(&self, sql: &str) {
        match self.url.strip_prefix("sqlite:") {
            Some(path) => ::rusqlite::Connection::open(path).expect("a file").execute_batch(sql).expect(sql),
            None => {
                let mut client = ::postgres::Client::connect(&self.url, ::postgres::NoTls).expect("a server");
                client.batch_execute(sql).expect(sql);
            }
        }
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(&self.url).expect("a store")
    }
}

pub(crate) const OPERATOR: Scope = Scope::Operator;

pub(crate) fn scope(tenant: &str) -> Scope {
    Scope::Tenant(tenant.into())
}

pub(crate) fn tenant(id: &str) -> Tenant {
    Tenant {
        id: id.into(),
        name: format!("The {id}"),
        suspended: false,
        byok_only: false,
        limits: Limits { requests_per_minute: Some(60), ..Limits::default() },
        deadlines: Deadlines { require: Some(true), ..Deadlines::default() },
        created_ms: 1,
    }
}

pub(crate) fn member(tenant: &str, email: &str, role: Role) -> Member {
    Member { id: String::new(), tenant: tenant.into(), email: email.into(), name: "Ann".into(), role, created_ms: 2 }
}

pub(crate) fn key(tenant: Option<&str>, id: &str) -> Key {
    Key {
        id: id.into(),
        root: id.into(),
        tenant: tenant.map(Into::into),
        kind: if tenant.is_some() { KeyKind::Inference } else { KeyKind::Management },
        name: "ci".into(),
        member: None,
        role: Role::Member,
        hash: "sha256$salt$hash".into(),
        bindings: Bindings { models: Some(vec!["gpt-*".into()]), tags: vec!["ci".into()], ..Bindings::default() },
        limits: Limits::default(),
        created_ms: 3,
        expires_ms: Some(i64::MAX),
        revoked_ms: None,
    }
}

pub(crate) fn credential(tenant: &str) -> Credential {
    Credential {
        id: String::new(),
        tenant: tenant.into(),
        provider: "openai".into(),
        name: "ours".into(),
        base_url: None,
        hint: "abcd".into(),
        sealed: vec![0, 255, 10, 13],
        version: 1,
        created_ms: 4,
    }
}

pub(crate) fn budget(tenant: &str, limit: i64) -> Budget {
    Budget {
        id: String::new(),
        tenant: tenant.into(),
        covers: Covers::Tenant,
        period: Period::Total,
        limit,
        by_operator: false,
        created_ms: 5,
    }
}

/// The rows of a backup, without its first line.
pub(crate) fn rows(store: &Store) -> String {
    let mut bytes = Vec::new();
    store.backup(&mut bytes).expect("a backup");
    let text = String::from_utf8(bytes).expect("text");
    text.split_once('\n').expect("a header").1.to_owned()
}
