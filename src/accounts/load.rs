//! From the store to what requests read: all of it at a start, then what the feed of changes names.
//! Blocks; runs on a thread of its own.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use tollgate_api::Caller;
use tollgate_auth::{KeyId, StoredKey};
use tollgate_store::{Balance, Budget, Change, Changed, Credential, Key, Scope, StoreError};

use super::tenant::{Found, TenantState};
use super::{Accounts, Bound, Holder, Manages, Own, gate, habit, kind_of, limits_of_store, lock};

/// Changes taken up at once.
const CHANGES_MAX: usize = 1000;

impl Accounts {
    /// Reads everything.
    pub(crate) fn load(&self) -> Result<(), StoreError> {
        // What changes while it is read is read again after it.
        let seen = self.store.last_change()?;
        self.load_tenants()?;
        // What configuration has stands over what the store has under the same id.
        let ours: HashSet<KeyId> = lock(&self.from_file).keys.iter().map(|key| key.stored.id).collect();
        let ring = self.ring.load_full();
        let mut draft = ring.draft();
        let mut rotated = Vec::new();
        self.store.all_keys(&mut |key| {
            if key.root != key.id {
                rotated.push(key.clone());
            }
            if let Some((stored, holder)) = self.holder(key).filter(|(stored, _)| !ours.contains(&stored.id)) {
                draft.change(stored.id, Some((stored, holder)));
            }
        })?;
        let ring = draft.finish();
        self.ring.store(Arc::new(ring));
        // Once their roots are known, they share their counts.
        let of_lines =
            rotated.into_iter().filter_map(|key| self.holder(key)).filter(|(key, _)| !ours.contains(&key.id));
        let ring = self.ring.load().with(of_lines.map(|(stored, holder)| (stored.id, Some((stored, holder)))));
        self.ring.store(Arc::new(ring));
        self.seen.store(seen, Relaxed);
        self.is_loaded.store(true, Relaxed);
        Ok(())
    }

    fn load_tenants(&self) -> Result<(), StoreError> {
        let mut budgets: HashMap<String, Vec<Budget>> = HashMap::new();
        for budget in self.store.all_budgets()? {
            budgets.entry(budget.tenant.clone()).or_default().push(budget);
        }
        let mut balances: HashMap<String, Vec<Balance>> = HashMap::new();
        for balance in self.store.all_balances()? {
            balances.entry(balance.tenant.clone()).or_default().push(balance);
        }
        let mut own: HashMap<String, Vec<Credential>> = HashMap::new();
        for credential in self.store.all_credentials()? {
            own.entry(credential.tenant.clone()).or_default().push(credential);
        }
        for found in self.store.all_tenants()? {
            let id = &found.id;
            self.settle_tenant(
                &Arc::from(id.as_str()),
                Some(&found),
                budgets.get(id).map_or(&[], Vec::as_slice),
                balances.get(id).map_or(&[], Vec::as_slice),
                own.remove(id).unwrap_or_default(),
            );
        }
        Ok(())
    }

    fn settle_tenant(
        &self,
        id: &Arc<str>,
        tenant: Option<&tollgate_store::Tenant>,
        budgets: &[Budget],
        balances: &[Balance],
        own: Vec<Credential>,
    ) {
        let handle = self.tenant(id);
        let own = own.into_iter().map(|c| Arc::new(Own::new(c, Arc::clone(&self.vault)))).collect();
        let state = TenantState::renewed(&handle.now.load(), Found { tenant, budgets, balances, own });
        handle.now.store(Arc::new(state));
    }

    /// Takes up what has changed since the last look; whether there was anything. Keys come first: among
    /// the changes may be one that was taken back.
    pub(crate) fn catch_up(&self) -> Result<bool, StoreError> {
        if !self.is_loaded() {
            self.load()?;
            return Ok(true);
        }
        let seen = self.seen.load(Relaxed);
        let changes = self.store.changes_since(seen, CHANGES_MAX)?;
        let Some(last) = changes.last().map(|change| change.seq) else {
            // Numbers that fall back are another store's: it was put back from a backup.
            let is_another = self.store.last_change()? < seen;
            return if is_another { self.load().map(|()| true) } else { Ok(false) };
        };
        if self.store.oldest_change()? > seen + 1 {
            // Some were forgotten before they were seen here.
            self.load()?;
            return Ok(true);
        }
        self.take_keys(&changes)?;
        self.take_tenants(&changes)?;
        let of_money = changes.iter().filter(|c| matches!(c.what, Changed::Budget | Changed::Balance));
        lock(&self.changed).extend(of_money.map(|change| change.id.clone()));
        self.seen.store(last, Relaxed);
        Ok(true)
    }

    fn take_keys(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut changed = Vec::new();
        for change in changes.iter().filter(|change| change.what == Changed::Key) {
            let Ok(id) = change.id.parse::<KeyId>() else { continue };
            let found = self.store.load_key(&change.id)?.and_then(|key| self.holder(key));
            changed.push((id, found));
        }
        let from_file = lock(&self.from_file);
        changed.retain(|(id, _)| !from_file.has(*id));
        if !changed.is_empty() {
            self.ring.store(Arc::new(self.ring.load().with(changed)));
        }
        Ok(())
    }

    fn take_tenants(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut touched: Vec<String> = Vec::new();
        for change in changes {
            let id = &change.id;
            let tenant = match change.what {
                Changed::Tenant => Some(id.clone()),
                Changed::Key | Changed::Member => None,
                Changed::Credential => self.store.load_credential(id)?.map(|c| c.tenant),
                Changed::Budget => self.store.load_budget(id)?.map(|b| b.tenant),
                Changed::Balance => self.store.load_balance(id)?.map(|b| b.tenant),
            };
            match tenant {
                Some(tenant) => touched.push(tenant),
                // What is gone does not say whose it was: whoever has it is asked.
                None if matches!(change.what, Changed::Credential | Changed::Budget | Changed::Balance) => {
                    touched.extend(self.all_ids());
                }
                None => {}
            }
        }
        touched.sort_unstable();
        touched.dedup();
        touched.iter().try_for_each(|id| self.renew_tenant(id))
    }

    fn all_ids(&self) -> Vec<String> {
        let tenants = self.tenants.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        tenants.values().filter(|t| t.now.load().is_stored).map(|t| t.id.to_string()).collect()
    }

    fn renew_tenant(&self, id: &str) -> Result<(), StoreError> {
        let found = self.store.load_tenant(id)?;
        let (mut budgets, mut balances, mut own) = (Vec::new(), Vec::new(), Vec::new());
        if found.is_some() {
            let scope = Scope::Operator;
            balances = self.store.balances(&scope, id)?;
            let mut after: Option<String> = None;
            loop {
                let page = self.store.budgets(&scope, id, after.as_deref(), CHANGES_MAX)?;
                after = page.last().map(|b| b.id.clone()).filter(|_| page.len() == CHANGES_MAX);
                budgets.extend(page);
                if after.is_none() {
                    break;
                }
            }
            own = self.store.credentials(&scope, id, None, CHANGES_MAX)?;
        }
        self.settle_tenant(&Arc::from(id), found.as_ref(), &budgets, &balances, own);
        Ok(())
    }

    /// A key of the store as the ring wants it. One whose text cannot be read is told of, and left out.
    fn holder(&self, key: Key) -> Option<(StoredKey, Holder)> {
        let (Ok(id), Ok(root), Ok(hash)) = (key.id.parse::<KeyId>(), key.root.parse(), key.hash.parse()) else {
            tracing::error!(key = key.id, "a key in the store cannot be read: make a new one");
            return None;
        };
        let is_operator = key.tenant.is_none();
        let tenant = self.tenant(&Arc::from(key.tenant.as_deref().unwrap_or("")));
        let kind = kind_of(key.kind);
        let ring = self.ring.load();
        let general = lock(&self.from_file).limits;
        let caller =
            Caller { tenant: Arc::clone(&tenant.id), key_id: id.as_str().into(), key_name: key.name.as_str().into() };
        let stored = StoredKey {
            id,
            kind,
            tenant: Arc::clone(&tenant.id),
            name: Arc::clone(&caller.key_name),
            hash,
            revoked: key.revoked_ms.is_some(),
        };
        let manages = (kind == tollgate_auth::Kind::Management)
            .then(|| Box::new(Manages { role: key.role, bindings: key.bindings.clone(), is_operator }));
        let holder = Holder {
            caller: Arc::new(caller),
            root,
            gate: gate(&ring, [root, id], limits_of_store(&key.limits).or(general), Instant::now()),
            tenant,
            member: key.member.map(Into::into),
            bound: Bound::of(&key.bindings),
            expires_ms: key.expires_ms,
            habit: habit(&ring, id),
            manages,
        };
        Some((stored, holder))
    }
}
