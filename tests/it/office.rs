//! The operator's hands on a world's store: tenants, budgets and what the ledger says of them. It asks the
//! gateway for nothing but whether it has taken a change up.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use tollgate_auth::{Algorithm, Kind, NewKey, Pepper};
use tollgate_store::{
    BalanceKind, Bindings, Budget, Covers, Key, KeyKind, Limits, Period, Role, Scope, Standing, Store, Tenant,
};

use crate::http::{Answer, Connection};
use crate::plans;
use crate::world::{World, until};

/// The tenant of a world's first key.
pub(crate) const TENANT: &str = "acme";

/// The store of a world, opened beside the gateway.
pub(crate) struct Office {
    pub(crate) store: Store,
}

impl Office {
    /// That of a world with an embedded store, with its tenant in it.
    pub(crate) fn of(world: &World) -> Self {
        Self::embedded(world.folder())
    }

    /// The embedded store under this folder.
    pub(crate) fn embedded(folder: &Path) -> Self {
        std::fs::create_dir_all(folder.join("data")).expect("the folder can be made");
        Self::at(&format!("sqlite:{}", folder.join("data/tollgate.db").display()))
    }

    /// Any store.
    pub(crate) fn at(url: &str) -> Self {
        let office = Self { store: Store::open(url).expect("the store opens") };
        office.tenant(TENANT, |_| {});
        office
    }

    /// A tenant, where there is none yet.
    pub(crate) fn tenant(&self, id: &str, change: impl FnOnce(&mut Tenant)) {
        let mut tenant = Tenant {
            id: id.to_owned(),
            name: id.to_owned(),
            suspended: false,
            byok_only: false,
            limits: Limits::default(),
            deadlines: Default::default(),
            created_ms: 1,
        };
        change(&mut tenant);
        let _ = self.store.create_tenant(&Scope::Operator, tenant);
    }

    /// Changes the tenant.
    pub(crate) fn change_tenant(&self, change: impl FnOnce(&mut Tenant)) {
        let mut tenant = self.store.tenant(&Scope::Operator, TENANT).expect("it is there");
        change(&mut tenant);
        self.store.change_tenant(&Scope::Operator, &tenant).expect("it can be changed");
    }

    /// A budget in nano-dollars; its id.
    pub(crate) fn budget(&self, covers: Covers, period: Period, limit: i64) -> String {
        let budget = Budget {
            id: String::new(),
            tenant: TENANT.to_owned(),
            covers,
            period,
            limit,
            by_operator: true,
            created_ms: 1,
        };
        self.store.create_budget(&Scope::Operator, budget).expect("a budget").id
    }

    /// Pays into a balance, in nano-dollars.
    pub(crate) fn top_up(&self, kind: BalanceKind, amount: i64) {
        let told = format!("{kind:?}-{amount}");
        self.store.top_up(&Scope::Operator, TENANT, kind, amount, "test", &told, 1).expect("a top-up");
    }

    /// A key of the store, as a client has it.
    pub(crate) fn key(&self, number: u8, change: impl FnOnce(&mut Key)) -> String {
        let made = plans::Key::new(number, "stored", tollgate_auth::Algorithm::Sha256, "");
        let mut key = Key {
            id: made.id.clone(),
            root: String::new(),
            tenant: Some(TENANT.to_owned()),
            kind: KeyKind::Inference,
            name: "stored".to_owned(),
            member: None,
            role: Role::Member,
            hash: made.hash.clone(),
            bindings: Bindings::default(),
            limits: Limits::default(),
            created_ms: 1,
            expires_ms: None,
            revoked_ms: None,
        };
        change(&mut key);
        self.store.create_key(&Scope::Operator, key).expect("a key");
        made.text
    }

    /// A management key: the operator's, or a tenant's of this role. The same number gives the same key.
    pub(crate) fn manager(&self, number: u8, tenant: Option<&str>, role: Role, member: Option<&str>) -> String {
        let made = NewKey::generate(Kind::Management, [number; 40]);
        let key = Key {
            id: made.id().to_string(),
            root: String::new(),
            tenant: tenant.map(ToOwned::to_owned),
            kind: KeyKind::Management,
            name: "manages".to_owned(),
            member: member.map(ToOwned::to_owned),
            role,
            hash: made.hash(Algorithm::Sha256, [number; 16], &Pepper::none()).to_string(),
            bindings: Bindings::default(),
            limits: Limits::default(),
            created_ms: 1,
            expires_ms: None,
            revoked_ms: None,
        };
        self.store.create_key(&Scope::Operator, key).expect("a key");
        made.reveal().to_owned()
    }

    /// Where a budget stands.
    pub(crate) fn standing(&self, budget: &str) -> Standing {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        self.store.budget_standing(&Scope::Operator, TENANT, budget, now.as_secs() as i64).expect("a standing")
    }

    /// Waits until everything is settled that was lent and spent: the sum of what was spent.
    pub(crate) fn settled(&self, budget: &str, spent: impl Fn(&Standing) -> bool) -> i64 {
        until("the ledger is settled", || {
            let standing = self.standing(budget);
            spent(&standing).then_some(standing.settled)
        })
    }

    /// Waits until the gateway has taken up what was changed here.
    pub(crate) fn is_taken_up_by(&self, world: &World) {
        let last = self.store.last_change().expect("the store answers") as f64;
        until("the change is taken up", || (world.metric("tollgate_store_change", &[]) >= last).then_some(()));
    }
}

impl World {
    /// Where the management API is.
    pub(crate) fn managers(&self) -> SocketAddr {
        (self.address, 4002).into()
    }

    /// Asks the management API, under `/api/v1/manage`.
    pub(crate) fn manage(&self, key: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = body.map(Value::to_string).unwrap_or_default();
        let path = format!("/api/v1/manage{path}");
        Connection::open(self.managers()).request(method, &path, &headers, body.as_bytes()).answer()
    }
}
