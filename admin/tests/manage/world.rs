//! Two tenants with everything a tenant can have, and a doorman that reads keys where they are stored.

use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request};
use serde_json::{Value, json};
use tollgate_admin::{Admin, Books, Doorman, Manager, Minting, call, router};
use tollgate_auth::{Algorithm, Check, KeyRing, Kind, Pepper, StoredKey, parse};
use tollgate_store::{Bindings, KeyKind, Role, Store};
use tollgate_vault::{Guard, MasterKeys};
use tower::ServiceExt;

pub(crate) const NOW: i64 = 1_790_000_000_000;
/// In every secret of these tests.
pub(crate) const CANARY: &str = "canary4711";

/// Whose tenant, by which key, what.
type Act = (Option<String>, String, String);

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) router: Router,
    pub(crate) acts: Arc<Mutex<Vec<Act>>>,
    pub(crate) changes: Arc<AtomicUsize>,
    pub(crate) now: Arc<AtomicI64>,
    pub(crate) master: Arc<Mutex<Arc<MasterKeys>>>,
    folder: PathBuf,
}

/// What a tenant has.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    pub(crate) tenant: &'static str,
    pub(crate) owner: String,
    pub(crate) admin: String,
    pub(crate) member: String,
    pub(crate) auditor: String,
    /// Of the member.
    pub(crate) key: String,
    pub(crate) credential: String,
    pub(crate) budget: String,
}

struct Book(Arc<Mutex<Vec<Act>>>);

impl Books for Book {
    fn records(&self, tenant: &str, before: Option<u64>, limit: usize) -> Result<Vec<Value>, String> {
        let seqs = (0..before.unwrap_or(3)).rev().take(limit);
        Ok(seqs.map(|seq| json!({"seq": seq, "tenant": tenant, "request_id": format!("req_{tenant}")})).collect())
    }

    fn record(&self, tenant: &str, request_id: &str) -> Result<Option<Value>, String> {
        match request_id {
            "req_broken" => Err(format!("/var/lib/{CANARY}: no such file")),
            id => Ok((id == format!("req_{tenant}")).then(|| json!({"request_id": id, "tenant": tenant}))),
        }
    }

    fn act(&self, tenant: Option<&str>, by: &str, what: &str) {
        self.0.lock().unwrap().push((tenant.map(str::to_owned), by.to_owned(), what.to_owned()));
    }
}

struct Reader(Store);

impl Reader {
    fn read(&self, text: &[u8]) -> Option<Manager> {
        let presented = parse(text).ok()?;
        let key = self.0.load_key(presented.id.as_str()).ok()??;
        let management = key.kind == KeyKind::Management;
        let stored = StoredKey {
            id: presented.id,
            kind: if management { Kind::Management } else { Kind::Inference },
            tenant: key.tenant.clone().unwrap_or_default().into(),
            name: "".into(),
            hash: key.hash.parse().ok()?,
            revoked: key.revoked_ms.is_some(),
        };
        let manager =
            Manager { key: key.id, tenant: key.tenant, role: key.role, member: key.member, bindings: key.bindings };
        let ring = KeyRing::new([7; 32], Pepper::new(b"pepper"), [(stored, manager)]).ok()?;
        match ring.verify(Kind::Management, text) {
            Check::Known(manager) => Some((*manager).clone()),
            Check::Slow(check) => check.run().ok().map(|manager| (*manager).clone()),
            Check::Refused(_) => None,
        }
    }
}

impl Doorman for Reader {
    fn check(&self, key: &[u8], from: Option<IpAddr>) -> Pin<Box<dyn Future<Output = Option<Manager>> + Send + '_>> {
        let nets = |bindings: &Bindings| bindings.ips.clone().unwrap_or_default();
        let found = self.read(key).filter(|manager| {
            let here = |net: &String| from.is_some_and(|ip| net == &format!("{ip}/32"));
            nets(&manager.bindings).iter().all(here)
        });
        Box::pin(async move { found })
    }
}

impl World {
    pub(crate) async fn new() -> (Self, Ids, Ids) {
        Self::with(Algorithm::Sha256).await
    }

    pub(crate) async fn with(algorithm: Algorithm) -> (Self, Ids, Ids) {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tollgate-admin-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let store = Store::open(&format!("sqlite:{}/accounts.db", folder.display())).unwrap();
        let acts = Arc::new(Mutex::new(Vec::new()));
        let changes = Arc::new(AtomicUsize::new(0));
        let now = Arc::new(AtomicI64::new(NOW));
        let master = Arc::new(Mutex::new(Arc::new(MasterKeys::generate([1; 32]).unwrap().0)));
        let admin = Admin {
            store: store.clone(),
            doorman: Arc::new(Reader(store.clone())),
            books: Arc::new(Book(acts.clone())),
            master: Arc::new({
                let master = master.clone();
                move || master.lock().unwrap().clone()
            }),
            minting: Arc::new(move || Minting { algorithm, pepper: Pepper::new(b"pepper") }),
            guard: Arc::new(|| Arc::new(Guard::new(Vec::new()))),
            providers: Arc::new(|| vec!["openai".into(), "anthropic".into()]),
            changed: Arc::new({
                let changes = changes.clone();
                move || {
                    changes.fetch_add(1, Ordering::Relaxed);
                }
            }),
            clock: Arc::new({
                let now = now.clone();
                move || now.load(Ordering::Relaxed)
            }),
        };
        let world = Self { store, router: router(admin), acts, changes, now, master, folder };
        let (alpha, beta) = (world.tenant("alpha").await, world.tenant("beta").await);
        (world, alpha, beta)
    }

    async fn tenant(&self, tenant: &'static str) -> Ids {
        let made = |path: &str, body: Value| {
            let path = if path.is_empty() { "tenants".into() } else { format!("tenants/{tenant}/{path}") };
            async move { self.made(&path, body).await }
        };
        made("", json!({"id": tenant, "name": format!("{tenant} {CANARY}")})).await;
        let mut members = Vec::new();
        for role in ["owner", "admin", "member", "auditor"] {
            let email = format!("{role}@{tenant}.{CANARY}");
            members.push(made("members", json!({"email": email, "name": CANARY, "role": role})).await);
        }
        let [owner, admin, member, auditor] = members.try_into().unwrap();
        let key = made("keys", json!({"name": CANARY, "member": member})).await;
        let secret = format!("sk-{CANARY}-{tenant}-1234");
        let credential = made("credentials", json!({"provider": "openai", "name": CANARY, "secret": secret})).await;
        let budget = made("budgets", json!({"covers": {"key": key}, "period": "month", "limit": "4711.50"})).await;
        let pay = json!({"amount": "4711", "idempotency_key": "first", "note": CANARY});
        self.done("POST", &format!("tenants/{tenant}/balances/managed/top-ups"), Some(pay)).await;
        Ids { tenant, owner, admin, member, auditor, key, credential, budget }
    }

    /// As the operator; the id of what was made.
    pub(crate) async fn made(&self, path: &str, body: Value) -> String {
        let (status, answer) = self.operator("POST", path, Some(body)).await;
        assert_eq!(status, 201, "{path}: {answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    /// As the operator, who must succeed.
    pub(crate) async fn done(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.operator(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    pub(crate) async fn operator(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        self.ask(&Manager::operator("cli"), method, path, body).await
    }

    /// The path begins after `/api/v1/manage/`.
    pub(crate) async fn ask(&self, manager: &Manager, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let path = format!("/api/v1/manage/{path}");
        call(&self.router, manager.clone(), method.parse().unwrap(), &path, body.as_ref()).await
    }

    /// A request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> (u16, HeaderMap, Bytes) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts.status.as_u16(), parts.headers, to_bytes(body, usize::MAX).await.unwrap())
    }

    /// With a key, or without.
    pub(crate) async fn over_http(
        &self,
        key: Option<&[u8]>,
        method: &str,
        path: &str,
        body: &str,
    ) -> (u16, HeaderMap, Bytes) {
        let mut request = Request::builder().method(method.parse::<Method>().unwrap()).uri(path);
        if let Some(key) = key {
            request = request.header("authorization", [b"Bearer ".as_slice(), key].concat());
        }
        let request = request.header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// A management key as its text.
    pub(crate) async fn key_text(&self, path: &str, body: Value) -> String {
        let made = self.done("POST", path, Some(body)).await;
        made["key"].as_str().unwrap().to_owned()
    }

    /// Everything that is stored of accounts, to be compared.
    pub(crate) fn everything_of(&self, tenant: &str) -> String {
        let mut keys = Vec::new();
        self.store.all_keys(&mut |key| keys.push(key)).unwrap();
        keys.retain(|key| key.tenant.as_deref() == Some(tenant));
        keys.sort_by(|a, b| a.id.cmp(&b.id));
        let of = |all: Vec<Value>| all.into_iter().filter(|one| one["tenant"] == tenant).collect::<Vec<_>>();
        let values = [
            of(self.store.all_members().unwrap().iter().map(|one| json!(one)).collect()),
            of(self.store.all_credentials().unwrap().iter().map(|one| json!(one)).collect()),
            of(self.store.all_budgets().unwrap().iter().map(|one| json!(one)).collect()),
            of(self.store.all_balances().unwrap().iter().map(|one| json!(one)).collect()),
        ];
        format!("{:?} {keys:?} {values:?}", self.store.load_tenant(tenant).unwrap())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Ids {
    pub(crate) fn manager(&self, role: Role) -> Manager {
        let member = match role {
            Role::Owner => &self.owner,
            Role::Admin => &self.admin,
            Role::Member => &self.member,
            Role::Auditor => &self.auditor,
        };
        Manager {
            key: "notstord".into(),
            tenant: Some(self.tenant.into()),
            role,
            member: Some(member.clone()),
            bindings: Bindings::default(),
        }
    }

    /// A path of the table with these ids in it.
    pub(crate) fn fill(&self, template: &str) -> String {
        template
            .replace("{tenant}", self.tenant)
            .replace("{member}", &self.member)
            .replace("{key}", &self.key)
            .replace("{credential}", &self.credential)
            .replace("{budget}", &self.budget)
            .replace("{kind}", "managed")
            .replace("{month}", "2026-09")
            .replace("{id}", &format!("req_{}", self.tenant))
            .replace("{node}", "node-1")
    }

    /// Ids of the same shape that never were.
    pub(crate) fn never() -> Self {
        Self {
            tenant: "gamma",
            owner: "mem_neverneverno".into(),
            admin: "mem_neverneverna".into(),
            member: "mem_nevernevernm".into(),
            auditor: "mem_nevernevernu".into(),
            key: "never123".into(),
            credential: "crd_neverneverno".into(),
            budget: "bud_neverneverno".into(),
        }
    }
}

pub(crate) const ROLES: [Role; 4] = [Role::Owner, Role::Admin, Role::Member, Role::Auditor];
