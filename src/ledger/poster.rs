//! The thread that writes down in the ledger what the journal says was spent. The audit log is the
//! journal: what was billed is what was logged.
//!
//! It reads each log from where it was last posted, so that a crash between the two loses nothing and a
//! repeated posting counts once. Where there is no audit log it posts what requests hand it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use tollgate_audit::Audit;
use tollgate_audit::record::{LogId, Record};
use tollgate_ledger::Account;
use tollgate_store::{Charge, Posting, Store, StoreError, Usage};

use super::Ledger;
use crate::clock;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long it leaves a store alone that cannot be reached.
const AWAY: Duration = Duration::from_millis(500);
/// How often a node says that it lives.
const SEEN_EVERY: Duration = Duration::from_secs(10);
/// Records posted at once.
const RECORDS_MAX: u64 = 4096;

/// What one request spent. Nano-dollars.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    pub(crate) tenant: String,
    pub(crate) key: String,
    pub(crate) model: String,
    /// Microseconds since 1970.
    pub(crate) started_us: u64,
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cost: u64,
    pub(crate) fee: u64,
    /// What attempts that were called off may have cost.
    pub(crate) at_most: u64,
    /// Whether the tenant's own credential was used.
    pub(crate) own: bool,
    /// `<id>@<window>` each.
    pub(crate) accounts: Vec<String>,
}

/// Which records of which logs a posting covers: from, to.
type Upto = Vec<(LogId, u64, u64)>;

/// Posts.
pub(crate) struct Poster {
    store: Store,
    node: String,
    ledger: Arc<Ledger>,
    audit: Option<Arc<Audit>>,
    /// The next record of each log.
    next: HashMap<LogId, u64>,
    is_known: bool,
    /// What the run before left lent is still counted as spent.
    has_dead: bool,
    is_started: bool,
    /// Whether the journal is on disk only some time after its answers.
    is_relaxed: bool,
    /// The power may have taken records that were not on disk: what they spent is not known.
    may_miss: bool,
    /// What could not be posted yet, where there is no journal.
    unposted: Vec<Posted>,
    /// A posting of which it is not known whether it arrived: it is tried again as it was.
    unsure: Option<(Posting, Upto)>,
    names: HashMap<LogId, String>,
}

impl Poster {
    /// A poster of this node. `is_relaxed`: a loss of power may take the journal's last records.
    pub(crate) fn new(
        store: Store,
        node: String,
        ledger: Arc<Ledger>,
        audit: Option<Arc<Audit>>,
        is_relaxed: bool,
    ) -> Self {
        Self {
            is_started: false,
            is_relaxed,
            store,
            node,
            ledger,
            audit,
            next: HashMap::new(),
            is_known: false,
            has_dead: true,
            may_miss: true,
            unposted: Vec::new(),
            unsure: None,
            names: HashMap::new(),
        }
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn start(mut self) -> std::io::Result<()> {
        std::thread::Builder::new().name("poster".into()).spawn(move || {
            let mut seen = Instant::now();
            loop {
                if seen.elapsed() > SEEN_EVERY {
                    seen = Instant::now();
                    // Whether it can be told shows when it posts.
                    let _ = self.store.see_node(&self.node, clock::unix_ms());
                }
                match self.post() {
                    Ok(true) => {}
                    Ok(false) if self.ledger.is_leaving.load(SeqCst) => {
                        self.ledger.is_posted.store(true, SeqCst);
                        return;
                    }
                    Ok(false) => std::thread::sleep(LOOK_EVERY),
                    Err(error) => {
                        tracing::warn!(%error, "what was spent cannot be written down yet");
                        std::thread::sleep(AWAY);
                    }
                }
            }
        })?;
        Ok(())
    }

    /// Posts what there is; whether there may be more.
    fn post(&mut self) -> Result<bool, StoreError> {
        if !self.is_started {
            let start = self.ledger.begin(&self.store, &self.node)?;
            self.may_miss = self.audit.is_none() || (self.is_relaxed && !start.same_boot);
            self.is_started = true;
        }
        if !self.is_known {
            let posted = self.store.posted(&self.node)?;
            self.next = posted.iter().filter_map(|(log, next)| Some((LogId::parse(log)?, *next))).collect();
            self.is_known = true;
        }
        let more = match self.audit.clone() {
            Some(audit) => self.post_logs(&audit)?,
            None => self.post_loose()?,
        };
        if self.has_dead && self.is_caught_up() {
            // Everything that the run before wrote is counted: the rest of what it was lent was not spent,
            // or, where something may be missing, may have been.
            match self.may_miss {
                true => self.store.write_off(&self.node)?,
                false => self.store.bury(&self.node)?,
            }
            self.has_dead = false;
        }
        Ok(more)
    }

    fn is_caught_up(&self) -> bool {
        let Some(audit) = &self.audit else { return true };
        audit
            .found()
            .iter()
            .filter(|(log, _)| **log != LogId::DEPLOYMENT)
            .all(|(log, found)| self.next_of(*log) >= *found)
    }

    fn next_of(&self, log: LogId) -> u64 {
        self.next.get(&log).copied().unwrap_or(0)
    }

    fn post_logs(&mut self, audit: &Audit) -> Result<bool, StoreError> {
        if let Some((posting, upto)) = self.unsure.take() {
            return match self.store.post(&self.node, &posting) {
                // Either it arrives now, or it had arrived: its place in the logs is taken.
                Ok(()) | Err(StoreError::Conflict(_)) => Ok(self.booked(&posting, &upto)),
                Err(error) => {
                    self.unsure = Some((posting, upto));
                    Err(error)
                }
            };
        }
        let (sum, upto) = self.read(audit);
        if upto.is_empty() {
            return Ok(false);
        }
        let posting = sum.posting(upto.iter().map(|(log, from, to)| (log.to_string(), *from, *to)));
        match self.store.post(&self.node, &posting) {
            Ok(()) => Ok(self.booked(&posting, &upto)),
            Err(error @ StoreError::Conflict(_)) => {
                // Somebody else posts under this node's name, or the store is another one.
                self.is_known = false;
                Err(error)
            }
            Err(error) => {
                self.unsure = Some((posting, upto));
                Err(error)
            }
        }
    }

    fn read(&mut self, audit: &Audit) -> (Sum, Upto) {
        let mut sum = Sum::default();
        let mut left = RECORDS_MAX;
        let mut upto = Vec::new();
        for (log, size) in audit.written() {
            let from = self.next_of(log);
            if log == LogId::DEPLOYMENT || size <= from || left == 0 {
                continue;
            }
            let to = size.min(from + left);
            left -= to - from;
            let tenant = self.name(audit, log);
            let found = audit.found().get(&log).copied().unwrap_or(0);
            let read = audit.shelf(log).each_request(from, to, &mut |seq, record| {
                sum.add(&Posted::of(record, tenant.clone()), seq < found);
            });
            match read {
                Ok(()) => upto.push((log, from, to)),
                Err(error) => tracing::error!(%error, %log, "a log cannot be read: what it says is not in the ledger"),
            }
        }
        (sum, upto)
    }

    /// It is written down. Whether there may be more at once.
    fn booked(&mut self, posting: &Posting, upto: &Upto) -> bool {
        self.next.extend(upto.iter().map(|(log, _, to)| (*log, *to)));
        self.tell_drawers(posting);
        upto.iter().map(|(_, from, to)| to - from).sum::<u64>() >= RECORDS_MAX
    }

    fn tell_drawers(&self, posting: &Posting) {
        for charge in posting.charges.iter().filter(|charge| !charge.from_dead) {
            if let Some(drawer) = self.ledger.till.find(&charge.account) {
                drawer.posted(charge.amount);
            }
        }
        self.ledger.metrics.ledger.posted.inc_by(posting.charges.len() as u64);
    }

    fn post_loose(&mut self) -> Result<bool, StoreError> {
        self.unposted.extend(self.ledger.take_loose());
        if self.unposted.is_empty() {
            return Ok(false);
        }
        let mut sum = Sum::default();
        self.unposted.iter().for_each(|posted| sum.add(posted, false));
        let posting = sum.posting(std::iter::empty());
        self.store.post(&self.node, &posting)?;
        self.unposted.clear();
        self.tell_drawers(&posting);
        Ok(false)
    }

    fn name(&mut self, audit: &Audit, log: LogId) -> String {
        self.names.entry(log).or_insert_with(|| audit.tenant_of(log).unwrap_or_default()).clone()
    }
}

impl Posted {
    /// What a record says.
    pub(crate) fn of(record: &Record<'_>, tenant: String) -> Self {
        let usage = record.usage.as_ref();
        let input = usage.map_or(0, |u| u.input + u.cached + u.cache_write + u.cache_write_1h);
        Self {
            tenant,
            key: record.key.to_string(),
            model: record.model.as_deref().unwrap_or("-").to_owned(),
            started_us: record.started_us,
            input,
            output: usage.map_or(0, |u| u.output),
            cost: record.cost.map_or(0, |cost| cost.input.saturating_add(cost.output)),
            fee: record.fee.unwrap_or(0),
            at_most: record.at_most(),
            own: record.own.unwrap_or(false),
            accounts: record.budgets.iter().map(|account| account.to_string()).collect(),
        }
    }

    /// What one of its accounts pays.
    fn charge(&self, account: &Account) -> i64 {
        let asked = self.cost.saturating_add(self.fee);
        let all = match &*account.id {
            id if id.starts_with("bal_byok_") => self.fee,
            id if id.starts_with("bal_") => asked,
            // A budget is never overrun, also not by what nobody will ever say.
            _ => asked.saturating_add(self.at_most),
        };
        i64::try_from(all).unwrap_or(i64::MAX)
    }
}

/// What several requests spent together.
#[derive(Default)]
struct Sum {
    charges: BTreeMap<(Account, bool), i64>,
    usage: BTreeMap<(i64, String, String, String), Usage>,
}

impl Sum {
    fn add(&mut self, posted: &Posted, from_dead: bool) {
        for account in posted.accounts.iter().filter_map(|text| account(text)) {
            let charge = posted.charge(&account);
            let sum = self.charges.entry((account, from_dead)).or_default();
            *sum = sum.saturating_add(charge);
        }
        let day = i64::try_from(posted.started_us / 86_400_000_000).unwrap_or(i64::MAX);
        let Posted { tenant, key, model, .. } = posted;
        let sum = self.usage.entry((day, tenant.clone(), key.clone(), model.clone())).or_insert_with(|| Usage {
            day: clock::day_text(day),
            tenant: tenant.clone(),
            key: key.clone(),
            model: model.clone(),
            requests: 0,
            input: 0,
            output: 0,
            cost: 0,
            fee: 0,
            own_cost: 0,
        });
        let add = |to: &mut i64, more: u64| *to = to.saturating_add(i64::try_from(more).unwrap_or(i64::MAX));
        sum.requests += 1;
        add(&mut sum.input, posted.input);
        add(&mut sum.output, posted.output);
        add(&mut sum.cost, posted.cost);
        add(&mut sum.fee, posted.fee);
        if posted.own {
            add(&mut sum.own_cost, posted.cost);
        }
    }

    fn posting(self, upto: impl Iterator<Item = (String, u64, u64)>) -> Posting {
        let charge = |((account, from_dead), amount)| Charge { account, amount, from_dead };
        Posting {
            charges: self.charges.into_iter().map(charge).collect(),
            usage: self.usage.into_values().collect(),
            posted: upto.map(|(log, from, next)| tollgate_store::Posted { log, from, next }).collect(),
        }
    }
}

/// `<id>@<window>`.
fn account(text: &str) -> Option<Account> {
    let (id, window) = text.rsplit_once('@')?;
    Some(Account::new(id, window.parse().ok()?))
}
