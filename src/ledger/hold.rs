//! From a plan to held money: who pays, how much at most, and what cap that leaves. It waits where others
//! hold what is needed, and refuses where it is spent.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use tollgate_api::{Call, Code, Refusal, Tier, Usage};
use tollgate_ledger::{Account, Amounts, Drawer, Hold, Need, Pays, Purse, Verdict, Wish, cap};
use tollgate_store::{Period, window_of};

use super::need::{Price, prompt_tokens, unbounded, worst_usage};
use super::reach::{dearer, tier};
use super::{Ledger, Terms};
use crate::accounts::{BudgetRef, Holder, TenantState};
use crate::endpoint::Endpoint;
use crate::plan::{Candidate, Plan};

/// While it waits, a request looks again this often: money may have come back to another node.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What an answer is taken to need at least, where nothing is known of the key.
const LIKELY_TOKENS: u64 = 1024;

/// What is about to be sent, and for whom.
pub(crate) struct Request<'a> {
    pub(crate) holder: &'a Holder,
    pub(crate) state: &'a TenantState,
    pub(crate) call: &'a Call,
    pub(crate) tags: &'a [&'a str],
    /// Seconds since 1970: which day and month it is.
    pub(crate) now: i64,
}

/// Held money, and the cap that it pays for.
pub(crate) struct Held {
    hold: Option<Hold>,
    /// Output tokens for each choice.
    pub(crate) cap: u64,
    /// Whether that is less than was asked for.
    pub(crate) is_lowered: bool,
    prompt: u64,
    choices: u32,
    /// The dearest that it may be served at.
    tier: Tier,
    ledger: Arc<Ledger>,
}

/// Holds what the plan may cost at most. `None` where nobody has set a limit.
pub(crate) async fn hold(
    ledger: &Arc<Ledger>,
    terms: &Terms,
    request: &Request<'_>,
    plan: &mut Plan<'_>,
) -> Result<Option<Held>, Refusal> {
    let budgets = request.budgets();
    let has_balance = |c: &Candidate<'_>| request.balance(c).is_some();
    if budgets.is_empty() && !plan.candidates().any(has_balance) {
        return Ok(None);
    }
    if let Some(member) = unbounded(request.call) {
        let what = format!("`{member}` asks for something whose price no cap on output bounds");
        return Err(Refusal::new(Code::UnboundedCost, what).at(member));
    }
    let tier = dearer(tier(request.call), plan.tier());
    retain_priced(plan, tier)?;
    let prompt = prompt_tokens(request.call);
    let asked = asked(request.call, plan, terms);
    let likely = request.likely();
    let purse = request.purse(ledger, &budgets, plan);
    let worst = Worst::of(plan, prompt, tier, terms);
    let needs = |pays| worst.of_account(pays).need(asked, likely, terms.budgets.least_output, request.call.choices);
    let mut wait = Wait::new(ledger, terms.budgets.patience);
    let (hold, cap) = loop {
        match decide(&purse, needs, wait.is_last()) {
            // What is free here is not all that there is: the cap is not lowered for want of asking.
            Verdict::Take { tokens, .. } if tokens < asked && wait.may_find_more(&purse) => {
                wait.for_more(&purse, |pays| needs(pays).worst(asked)).await;
            }
            Verdict::Take { tokens, .. } => {
                let amounts = worst.amounts(tokens, request.call.choices);
                match (Wish { purse: &purse, amounts }).hold() {
                    Ok(hold) => break (hold, tokens),
                    // Somebody was faster: look again.
                    Err(_) => continue,
                }
            }
            Verdict::Wait { least, most } => wait.for_money(&purse, needs, least, most, &budgets, request.now).await?,
        }
    };
    let client_cap = request.call.max_output.unwrap_or(u64::MAX);
    Ok(Some(Held {
        hold: Some(hold),
        cap,
        is_lowered: cap < asked.min(client_cap),
        prompt,
        choices: request.call.choices,
        tier,
        ledger: Arc::clone(ledger),
    }))
}

/// Drops from the plan what has no price: at all, or for the tier that is asked for.
fn retain_priced(plan: &mut Plan<'_>, tier: Tier) -> Result<(), Refusal> {
    plan.retain(|c| c.endpoint().prices.is_some()).map_err(|_| {
        Refusal::new(Code::UnpricedModel, "no endpoint for this model has a price in the catalogue").at("model")
    })?;
    plan.retain(|c| c.endpoint().prices.as_ref().is_some_and(|prices| prices.says(tier))).map_err(|_| {
        let tier = tier.as_str();
        let what = format!("no endpoint for this model has a price in the catalogue for the service tier `{tier}`");
        Refusal::new(Code::UnpricedModel, what).at("service_tier")
    })
}

/// The cap that the client asked for, or else the most that any model of the plan can say.
fn asked(call: &Call, plan: &Plan<'_>, terms: &Terms) -> u64 {
    let of_models = || plan.candidates().filter_map(|c| c.endpoint().max_output).max();
    call.max_output.or_else(of_models).unwrap_or(terms.budgets.output)
}

impl<'a> Request<'a> {
    fn budgets(&self) -> smallvec::SmallVec<[&'a BudgetRef; 4]> {
        let member = self.holder.member.as_deref();
        self.state.budgets(self.holder.root.as_str(), member, self.tags.iter().copied())
    }

    /// The balance that pays for a request to this place.
    fn balance(&self, candidate: &Candidate<'_>) -> Option<(Pays, &'a Arc<str>)> {
        match candidate.own() {
            Some(_) => self.state.byok.as_ref().map(|id| (Pays::Byok, id)),
            None => self.state.managed.as_ref().map(|id| (Pays::Managed, id)),
        }
    }

    fn purse(&self, ledger: &Ledger, budgets: &[&BudgetRef], plan: &Plan<'_>) -> Purse {
        let drawer = |b: &&BudgetRef| (Pays::Spend, ledger.drawer(&b.id, window_of(b.period, self.now)));
        let mut purse: Purse = budgets.iter().map(drawer).collect();
        for (pays, id) in plan.candidates().filter_map(|c| self.balance(c)) {
            if !purse.iter().any(|(known, _)| *known == pays) {
                purse.push((pays, ledger.drawer(id, 0)));
            }
        }
        purse
    }

    fn likely(&self) -> u64 {
        match self.holder.habit.load(SeqCst) {
            0 => LIKELY_TOKENS,
            lately => lately.saturating_mul(2),
        }
    }
}

/// The most that a plan can cost each kind of account.
#[derive(Default)]
struct Worst {
    spend: Price,
    managed: Price,
    byok: Price,
}

impl Worst {
    fn of(plan: &Plan<'_>, prompt: u64, tier: Tier, terms: &Terms) -> Self {
        let mut worst = Self::default();
        // The fee on what flex saves is never more, together with its price, than the standard price; but where
        // the tenant pays the vendor, the fee is all that is paid here.
        let byok = terms.fees.byok.saturating_add(if plan.may_ask_twice() { terms.fees.saving } else { 0 });
        for candidate in plan.candidates() {
            let Some(prices) = &candidate.endpoint().prices else { continue };
            let price = Price::of(plan.may_ask_twice(), prices, prompt, tier);
            if candidate.own().is_some() {
                worst.spend = worst.spend.or(price.with_fee(byok, false));
                worst.byok = worst.byok.or(price.with_fee(byok, true));
            } else {
                worst.spend = worst.spend.or(price.with_fee(terms.fees.cost, false));
                let once = Price::dearest(prices, prompt, tier);
                worst.managed = worst.managed.or(once.with_fee(terms.fees.cost, false));
            }
        }
        worst
    }

    fn of_account(&self, pays: Pays) -> Price {
        match pays {
            Pays::Spend => self.spend,
            Pays::Managed => self.managed,
            Pays::Byok => self.byok,
        }
    }

    fn amounts(&self, tokens: u64, choices: u32) -> Amounts {
        let amount = |price: Price| price.need(tokens, tokens, tokens, choices).worst(tokens);
        Amounts { spend: amount(self.spend), managed: amount(self.managed), byok: amount(self.byok) }
    }
}

/// What the scarcest account leaves.
fn decide(purse: &Purse, needs: impl Fn(Pays) -> Need, is_last: bool) -> Verdict {
    let mut all = Verdict::Take { tokens: u64::MAX, amount: 0 };
    for (pays, drawer) in purse {
        let pending = if is_last { 0 } else { drawer.standing().pending() };
        match (all, cap(&needs(*pays), drawer.left(), drawer.open(), pending)) {
            (Verdict::Wait { least, most }, Verdict::Wait { least: l, most: m }) => {
                all = Verdict::Wait { least: least.max(l), most: most.max(m) };
            }
            (_, wait @ Verdict::Wait { .. }) => all = wait,
            (Verdict::Take { tokens, .. }, take @ Verdict::Take { tokens: t, .. }) if t < tokens => all = take,
            _ => {}
        }
    }
    all
}

/// A request's patience.
struct Wait<'a> {
    ledger: &'a Ledger,
    until: Instant,
    is_counted: bool,
    has_looked: bool,
}

impl<'a> Wait<'a> {
    fn new(ledger: &'a Ledger, patience: Duration) -> Self {
        Self { ledger, until: Instant::now() + patience, is_counted: false, has_looked: false }
    }

    /// Whether there is no time left to wait: what is free now is all that there is.
    fn is_last(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Whether the ledger may have more than is free here, as far as is known; asked once.
    fn may_find_more(&self, purse: &Purse) -> bool {
        let has_room = |drawer: &Drawer| {
            let standing = drawer.standing();
            let lent = standing.spent.saturating_add(standing.pending()).saturating_add(drawer.left());
            !standing.known || standing.limit > lent
        };
        !self.has_looked && purse.iter().all(|(_, drawer)| has_room(drawer))
    }

    /// Borrows what would be enough for all that was asked for. What cannot be had is done without.
    async fn for_more(&mut self, purse: &Purse, full: impl Fn(Pays) -> i64) {
        self.has_looked = true;
        for (pays, drawer) in purse {
            let open = i64::from(drawer.open()) + 1;
            let wanted = full(*pays).saturating_mul(open);
            if drawer.left() < wanted {
                let _ = self.ledger.borrow(vec![Arc::clone(drawer)], 1, wanted).await;
            }
        }
    }

    /// Borrows, and where that brings nothing waits for somebody to give back.
    async fn for_money(
        &mut self,
        purse: &Purse,
        needs: impl Fn(Pays) -> Need,
        least: i64,
        most: i64,
        budgets: &[&BudgetRef],
        now: i64,
    ) -> Result<(), Refusal> {
        // From before the question on, so that nothing that comes back meanwhile is missed.
        let back = self.ledger.back.notified();
        tokio::pin!(back);
        back.as_mut().enable();
        let free_before: i64 = purse.iter().map(|(_, d)| d.left()).min().unwrap_or(0);
        let short = |(_, drawer): &&(Pays, Arc<Drawer>)| drawer.left() < most;
        let drawers: Vec<_> = purse.iter().filter(short).map(|(_, drawer)| Arc::clone(drawer)).collect();
        let borrowed = self.ledger.borrow(drawers, least, most).await;
        if purse.iter().map(|(_, d)| d.left()).min().unwrap_or(0) > free_before {
            return Ok(());
        }
        for (pays, drawer) in purse {
            let standing = drawer.standing();
            let need = needs(*pays);
            let floor = need.worst(need.least.min(need.asked));
            if borrowed.is_ok() && standing.known && standing.limit.saturating_sub(standing.spent) < floor {
                return Err(spent(*pays, drawer, budgets, now));
            }
        }
        if let Err(error) = borrowed
            && purse.iter().all(|(_, drawer)| drawer.standing().held == 0)
        {
            let refusal = Refusal::new(Code::LedgerUnreachable, error.to_string());
            return Err(refusal.retry_after(Duration::from_secs(2)));
        }
        if self.is_last() {
            let what = "the money for this request is held by other requests that are open";
            return Err(Refusal::new(Code::BudgetHeld, what).retry_after(Duration::from_secs(1)));
        }
        self.rest(back).await;
        Ok(())
    }

    async fn rest(&mut self, back: impl Future<Output = ()>) {
        if !self.is_counted {
            self.is_counted = true;
            self.ledger.waiting.fetch_add(1, SeqCst);
        }
        let left = self.until.saturating_duration_since(Instant::now());
        let _ = tokio::time::timeout(LOOK_EVERY.min(left), back).await;
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.is_counted {
            self.ledger.waiting.fetch_sub(1, SeqCst);
        }
    }
}

/// The refusal of an account that is spent: what of it, of how much, and when it is whole again.
fn spent(pays: Pays, drawer: &Drawer, budgets: &[&BudgetRef], now: i64) -> Refusal {
    let standing = drawer.standing();
    let dollars = |nano: i64| tollgate_api::Money::from_nano(nano.max(0));
    let account = drawer.account();
    let code = match pays {
        Pays::Spend => Code::BudgetExceeded,
        Pays::Managed => Code::BalanceEmpty,
        Pays::Byok => Code::ByokBalanceEmpty,
    };
    let reset = budgets.iter().find(|b| *b.id == *account.id).and_then(|b| resets(b.period, now));
    let when = reset.map_or(String::new(), |at| {
        let at = std::time::UNIX_EPOCH + Duration::from_secs(u64::try_from(at).unwrap_or(0));
        format!("; it is whole again at {}", humantime::format_rfc3339_seconds(at))
    });
    let what = format!(
        "{} US dollars of {} are spent ({}){when}",
        dollars(standing.spent),
        dollars(standing.limit),
        account.id
    );
    let refusal = Refusal::new(code, what);
    match reset.and_then(|at| u64::try_from(at - now).ok()) {
        Some(seconds) => refusal.retry_after(Duration::from_secs(seconds)),
        None => refusal,
    }
}

/// When the window that holds `now` ends, in seconds since 1970.
fn resets(period: Period, now: i64) -> Option<i64> {
    let begin = window_of(period, now);
    match period {
        Period::Day => Some(begin + 86_400),
        // No month has more than 31 days, and none fewer than 28.
        Period::Month => Some(window_of(Period::Month, begin + 32 * 86_400)),
        Period::Total => None,
    }
}

impl Held {
    /// From here on the request may cost something.
    pub(crate) fn begin(&mut self) {
        if let Some(hold) = &mut self.hold {
            hold.begin();
        }
    }

    /// The most that is taken for used when nobody ever says what was.
    pub(crate) fn worst(&self) -> Usage {
        worst_usage(self.prompt, self.cap.saturating_mul(u64::from(self.choices.max(1))), self.tier)
    }

    /// The accounts that pay for a request with these credentials.
    pub(crate) fn accounts(&self, own: bool) -> impl Iterator<Item = &Account> {
        let pays_now = move |pays: Pays| match pays {
            Pays::Spend => true,
            Pays::Managed => !own,
            Pays::Byok => own,
        };
        let all = self.hold.iter().flat_map(Hold::accounts);
        all.filter(move |(pays, _)| pays_now(*pays)).map(|(_, drawer)| drawer.account())
    }

    /// Books what was spent at this endpoint, in nano-dollars: cost, fee, and what attempts that were called off
    /// may have cost. A budget counts all of it, for it is never overrun; a balance pays what is asked of it. More
    /// than was held is booked as well, and told of: an upstream does not keep to its cap.
    pub(crate) fn settle(&mut self, (cost, fee, at_most): (i64, i64, i64), endpoint: &Endpoint) {
        let Some(hold) = self.hold.take() else { return };
        let all = cost.saturating_add(fee);
        let spend = all.saturating_add(at_most);
        let amounts = match endpoint.is_own {
            true => Amounts { spend, managed: 0, byok: fee },
            false => Amounts { spend, managed: all, byok: 0 },
        };
        if let Err(breach) = hold.settle(amounts) {
            self.ledger.metrics.ledger.breaches.inc();
            tracing::error!(endpoint = %endpoint.name, nano_dollars = breach.by, "an upstream billed more than its cap allows");
        }
        self.ledger.returned();
    }

    /// Gives everything back: nothing was spent.
    pub(crate) fn release(&mut self) {
        if let Some(hold) = self.hold.take() {
            hold.release();
            self.ledger.returned();
        }
    }

    /// Whether it is still to be settled.
    pub(crate) fn is_open(&self) -> bool {
        self.hold.is_some()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.hold.take().is_some() {
            self.ledger.returned();
        }
    }
}
