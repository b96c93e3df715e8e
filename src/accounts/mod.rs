//! Who may call: tenants and their keys, from configuration and from the store, ready to be looked up.
//!
//! A request reads what is here and never waits for it. Changes come in from the store by its feed,
//! one key or one tenant at a time; configuration brings its own keys along.

mod bound;
mod load;
mod news;
mod own;
mod tenant;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use anyhow::anyhow;
use arc_swap::ArcSwap;
use secrecy::{ExposeSecret, SecretString};
use tollgate_api::Caller;
use tollgate_auth::{KeyId, KeyRing, Kind, Pepper, StoredKey};
use tollgate_conf::Config;
use tollgate_limit::{Gate, Limits, Whose};
use tollgate_store::{Bindings, Role, Store, StoreError};

pub(crate) use bound::Bound;
pub(crate) use own::Own;
pub(crate) use tenant::{BudgetRef, Tenant, TenantState};

use crate::clock;
use crate::vault::Vault;
use news::News;

/// What a verified key stands for.
pub(crate) struct Holder {
    pub(crate) caller: Arc<Caller>,
    /// The first key of its line: what budgets of keys are found by.
    pub(crate) root: KeyId,
    pub(crate) gate: Gate,
    pub(crate) tenant: Arc<Tenant>,
    /// The member it belongs to.
    pub(crate) member: Option<Box<str>>,
    /// What it is bound to; `None` for nothing.
    pub(crate) bound: Option<Box<Bound>>,
    /// Milliseconds since 1970.
    pub(crate) expires_ms: Option<i64>,
    /// How many tokens its answers have had lately.
    pub(crate) habit: AtomicU64,
    /// What it may do where it manages; `None` for a key that calls models.
    pub(crate) manages: Option<Box<Manages>>,
}

/// What a management key may do.
pub(crate) struct Manages {
    pub(crate) role: Role,
    pub(crate) bindings: Bindings,
    /// Whether it is the operator's.
    pub(crate) is_operator: bool,
}

/// Tenants and keys.
pub(crate) struct Accounts {
    /// Every key.
    pub(crate) ring: ArcSwap<KeyRing<Holder>>,
    pub(crate) store: Store,
    pub(crate) vault: Arc<Vault>,
    tenants: RwLock<HashMap<Arc<str>, Arc<Tenant>>>,
    /// What configuration brought along, and the pepper that it was hashed under.
    from_file: Mutex<FromFile>,
    /// The last change that was taken up.
    seen: AtomicI64,
    /// Whether the store has been read: before, a key that is not known may be one all the same.
    is_loaded: AtomicBool,
    /// Budgets and balances that have changed since they were last asked for.
    changed: Mutex<Vec<String>>,
    /// Told that something has changed: the next look is not waited for.
    pub(crate) news: News,
}

#[derive(Default)]
struct FromFile {
    keys: Vec<tollgate_conf::Key>,
    limits: Limits,
    pepper: Option<SecretString>,
}

impl FromFile {
    fn of(config: &Config) -> Self {
        Self { keys: config.keys.clone(), limits: config.limits.key, pepper: config.key_hashing.pepper.clone() }
    }

    fn pepper(&self) -> Pepper {
        self.pepper.as_ref().map_or_else(Pepper::none, |p| Pepper::new(p.expose_secret().as_bytes()))
    }

    fn has(&self, id: KeyId) -> bool {
        self.keys.iter().any(|key| key.stored.id == id)
    }
}

impl Accounts {
    /// Those of configuration; the store is read by [`Self::load`].
    pub(crate) fn new(config: &Config, store: Store, vault: Arc<Vault>) -> anyhow::Result<Self> {
        let from_file = FromFile::of(config);
        let ring = KeyRing::new(seed()?, from_file.pepper(), []).map_err(|e| anyhow!("{e}"))?;
        let accounts = Self {
            ring: ArcSwap::from_pointee(ring),
            store,
            vault,
            tenants: RwLock::default(),
            from_file: Mutex::new(from_file),
            seen: AtomicI64::new(0),
            is_loaded: AtomicBool::new(false),
            changed: Mutex::default(),
            news: News::default(),
        };
        accounts.renew_file_keys(&HashSet::new(), Instant::now());
        Ok(accounts)
    }

    /// Takes up another configuration.
    pub(crate) fn reload(&self, config: &Config) -> anyhow::Result<()> {
        let gone: HashSet<KeyId>;
        let same_pepper;
        {
            let mut from_file = lock(&self.from_file);
            let next = FromFile::of(config);
            gone = from_file.keys.iter().map(|k| k.stored.id).filter(|id| !next.has(*id)).collect();
            let exposed = |p: &Option<SecretString>| p.as_ref().map(|p| p.expose_secret().to_owned());
            same_pepper = exposed(&from_file.pepper) == exposed(&next.pepper);
            *from_file = next;
        }
        if !same_pepper {
            // A new pepper makes every stored hash another: nothing proven before may be carried over.
            let ring = KeyRing::new(seed()?, lock(&self.from_file).pepper(), []).map_err(|e| anyhow!("{e}"))?;
            self.ring.store(Arc::new(ring));
            self.is_loaded.store(false, Relaxed);
        }
        self.renew_file_keys(&gone, Instant::now());
        Ok(())
    }

    fn renew_file_keys(&self, gone: &HashSet<KeyId>, now: Instant) {
        let from_file = lock(&self.from_file);
        let ring = self.ring.load();
        let held = from_file.keys.iter().map(|key| {
            let limits = key.limits.or(from_file.limits);
            let stored = StoredKey::clone(&key.stored);
            let tenant = self.tenant(&stored.tenant);
            let holder = Holder {
                caller: Arc::new(stored.caller()),
                root: stored.id,
                gate: gate(&ring, [stored.id; 2], limits, now),
                tenant,
                member: None,
                bound: None,
                expires_ms: None,
                habit: habit(&ring, stored.id),
                manages: None,
            };
            (stored.id, Some((stored, holder)))
        });
        let changed = ring.with(gone.iter().map(|id| (*id, None)).chain(held));
        self.ring.store(Arc::new(changed));
    }

    /// The tenant of this name; made where nobody has spoken of it yet.
    pub(crate) fn tenant(&self, id: &Arc<str>) -> Arc<Tenant> {
        if let Some(tenant) = self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Arc::clone(tenant);
        }
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tenants.entry(Arc::clone(id)).or_insert_with(|| Arc::new(Tenant::new(Arc::clone(id)))))
    }

    /// Whether it is known that there is no other tenant. Operators' keys belong to the one without a name.
    pub(crate) fn is_only(&self, tenant: &str) -> bool {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        self.is_loaded() && tenants.keys().all(|id| id.is_empty() || **id == *tenant)
    }

    /// Whether the store has been read.
    pub(crate) fn is_loaded(&self) -> bool {
        self.is_loaded.load(Relaxed)
    }

    /// Budgets and balances that have changed since this was last asked.
    pub(crate) fn take_changed(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.changed))
    }

    /// The last change that was taken up.
    pub(crate) fn seen(&self) -> i64 {
        self.seen.load(Relaxed)
    }

    /// How many keys there are.
    pub(crate) fn count(&self) -> usize {
        self.ring.load().len()
    }

    /// Whether any key manages.
    pub(crate) fn has_operator_key(&self) -> Result<bool, StoreError> {
        let keys = self.store.operator_keys(&tollgate_store::Scope::Operator, None, 100)?;
        Ok(keys.iter().any(|key| key.revoked_ms.is_none()))
    }
}

fn seed() -> anyhow::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| anyhow!("the system gives no randomness: {e}"))?;
    Ok(seed)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a key's gate has counted stays counted under its new limits.
/// So do those of a line: a key that was rotated goes on with the counts of its root.
fn gate(ring: &KeyRing<Holder>, [root, id]: [KeyId; 2], limits: Limits, now: Instant) -> Gate {
    let fresh = || Gate::new(Whose::Key, limits, now, clock::since_1970());
    ring.get(root).or_else(|| ring.get(id)).map_or_else(fresh, |old| old.gate.renew(limits))
}

fn habit(ring: &KeyRing<Holder>, id: KeyId) -> AtomicU64 {
    AtomicU64::new(ring.get(id).map_or(0, |old| old.habit.load(Relaxed)))
}

/// Limits as the store has them.
pub(crate) fn limits_of_store(of: &tollgate_store::Limits) -> Limits {
    use std::num::{NonZeroU32, NonZeroU64};
    Limits {
        requests_per_minute: of.requests_per_minute.and_then(NonZeroU32::new),
        requests_per_day: of.requests_per_day.and_then(NonZeroU32::new),
        tokens_per_minute: of.tokens_per_minute.and_then(NonZeroU64::new),
        tokens_per_day: of.tokens_per_day.and_then(NonZeroU64::new),
        concurrent_requests: of.concurrent_requests.and_then(NonZeroU32::new),
    }
}

/// What kind of key a stored one is.
pub(crate) fn kind_of(kind: tollgate_store::KeyKind) -> Kind {
    match kind {
        tollgate_store::KeyKind::Inference => Kind::Inference,
        tollgate_store::KeyKind::Management => Kind::Management,
    }
}
