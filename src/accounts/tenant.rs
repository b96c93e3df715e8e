//! One tenant as requests see it: whether it may call, what it pays from, whose credentials it brings.
//!
//! Keys point at the tenant; what may change of it is swapped as a whole.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use smallvec::SmallVec;
use tollgate_api::{RaceMode, StartWithin};
use tollgate_audit::record::LogId;
use tollgate_limit::{Gate, Limits, Whose};
use tollgate_store::{Balance, BalanceKind, Budget, Covers, Deadlines, Period};

use super::Own;
use crate::books::Books;
use crate::clock;

/// A tenant.
pub(crate) struct Tenant {
    pub(crate) id: Arc<str>,
    log: OnceLock<LogId>,
    /// What holds now.
    pub(crate) now: ArcSwap<TenantState>,
}

/// What holds of a tenant for a request that begins now.
pub(crate) struct TenantState {
    pub(crate) suspended: bool,
    /// Whether only its own credentials may be used.
    pub(crate) byok_only: bool,
    /// What `start_within` is taken to be where a request does not say; `None` as configured, as the next two.
    pub(crate) start_within: Option<StartWithin>,
    /// Whether a request that does not say is refused.
    pub(crate) requires_start: Option<bool>,
    /// What happens to the flex attempt when the standard one starts.
    pub(crate) race: Option<RaceMode>,
    /// Whether the store has it: its usage is summed up there.
    pub(crate) is_stored: bool,
    pub(crate) gate: Gate,
    budgets: Budgets,
    /// The accounts of its balances.
    pub(crate) managed: Option<Arc<str>>,
    pub(crate) byok: Option<Arc<str>>,
    /// Its own credentials, by provider.
    pub(crate) own: HashMap<Box<str>, Arc<Own>>,
}

/// A budget as a request needs it.
#[derive(Clone, Debug)]
pub(crate) struct BudgetRef {
    pub(crate) id: Arc<str>,
    pub(crate) period: Period,
}

#[derive(Default)]
struct Budgets {
    of_tenant: SmallVec<[BudgetRef; 2]>,
    by_key: HashMap<Box<str>, SmallVec<[BudgetRef; 1]>>,
    by_member: HashMap<Box<str>, SmallVec<[BudgetRef; 1]>>,
    by_tag: HashMap<Box<str>, SmallVec<[BudgetRef; 1]>>,
}

impl Tenant {
    pub(super) fn new(id: Arc<str>) -> Self {
        let state = TenantState {
            suspended: false,
            byok_only: false,
            start_within: None,
            requires_start: None,
            race: None,
            is_stored: false,
            gate: Gate::new(Whose::Tenant, Limits::default(), Instant::now(), clock::since_1970()),
            budgets: Budgets::default(),
            managed: None,
            byok: None,
            own: HashMap::new(),
        };
        Self { id, log: OnceLock::new(), now: ArcSwap::from_pointee(state) }
    }

    /// Where its records go, where that is known already.
    pub(crate) fn known_log(&self) -> Option<LogId> {
        self.log.get().copied()
    }

    /// Where its records go; made at its first request. Blocks.
    pub(crate) fn log(&self, books: &Books) -> anyhow::Result<LogId> {
        if let Some(log) = self.log.get() {
            return Ok(*log);
        }
        let log = books.log_of(&self.id)?;
        Ok(*self.log.get_or_init(|| log))
    }
}

/// Everything that the store says of one tenant.
pub(super) struct Found<'a> {
    pub(super) tenant: Option<&'a tollgate_store::Tenant>,
    pub(super) budgets: &'a [Budget],
    pub(super) balances: &'a [Balance],
    pub(super) own: Vec<Arc<Own>>,
}

impl TenantState {
    /// The state after a change; what was counted stays counted.
    pub(super) fn renewed(before: &Self, found: Found<'_>) -> Self {
        let Found { tenant, budgets, balances, own } = found;
        let limits = tenant.map_or_else(Limits::default, |t| super::limits_of_store(&t.limits));
        let Deadlines { start_within, require, race } = tenant.map(|t| t.deadlines).unwrap_or_default();
        let account = |kind| balances.iter().find(|b| b.kind == kind).map(|b| Arc::from(b.id.as_str()));
        Self {
            suspended: tenant.is_some_and(|t| t.suspended),
            byok_only: tenant.is_some_and(|t| t.byok_only),
            start_within,
            requires_start: require,
            race,
            is_stored: tenant.is_some(),
            gate: before.gate.renew(limits),
            budgets: Budgets::of(budgets),
            managed: account(BalanceKind::Managed),
            byok: account(BalanceKind::Byok),
            own: own.into_iter().map(|own| (Box::from(own.provider.as_str()), own)).collect(),
        }
    }

    /// The budgets that a request counts against.
    pub(crate) fn budgets<'a>(
        &'a self,
        key: &str,
        member: Option<&str>,
        tags: impl Iterator<Item = &'a str>,
    ) -> SmallVec<[&'a BudgetRef; 4]> {
        let budgets = &self.budgets;
        let mut all: SmallVec<[&BudgetRef; 4]> = budgets.of_tenant.iter().collect();
        all.extend(budgets.by_key.get(key).into_iter().flatten());
        all.extend(member.and_then(|member| budgets.by_member.get(member)).into_iter().flatten());
        if !budgets.by_tag.is_empty() {
            for budget in tags.filter_map(|tag| budgets.by_tag.get(tag)).flatten() {
                // A tag that is said twice is paid once.
                if !all.iter().any(|known| known.id == budget.id) {
                    all.push(budget);
                }
            }
        }
        all
    }

    /// Whether anything limits what it spends.
    pub(crate) fn pays(&self) -> bool {
        let Budgets { of_tenant, by_key, by_member, by_tag } = &self.budgets;
        let has_budget = !(of_tenant.is_empty() && by_key.is_empty() && by_member.is_empty() && by_tag.is_empty());
        has_budget || self.managed.is_some() || self.byok.is_some()
    }

    /// Whether a request's tags decide anything.
    pub(crate) fn looks_at_tags(&self) -> bool {
        !self.budgets.by_tag.is_empty()
    }
}

impl Budgets {
    fn of(budgets: &[Budget]) -> Self {
        let mut sorted = Self::default();
        for budget in budgets {
            let reference = BudgetRef { id: budget.id.as_str().into(), period: budget.period };
            let place = match &budget.covers {
                Covers::Tenant => {
                    sorted.of_tenant.push(reference);
                    continue;
                }
                Covers::Key(key) => sorted.by_key.entry(key.as_str().into()),
                Covers::Member(member) => sorted.by_member.entry(member.as_str().into()),
                Covers::Tag(tag) => sorted.by_tag.entry(tag.as_str().into()),
            };
            place.or_default().push(reference);
        }
        sorted
    }
}
