//! The account of one request, closed exactly once on every way out.
//!
//! Steps of the path write facts into it as they learn them. When it drops (answer, refusal,
//! hang-up, dead upstream, panic) it tells filters, metrics and the log how the exchange ended.
//! It decides nothing.

mod leg;
mod line;
mod pay;
mod saving;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;
use tollgate_api::{Caller, Code, Cost, Exchange, Finish, Outcome, Refusal, RequestId, StartWithin, Surface, Usage};
use tollgate_limit::{Denied, Rate};
use tollgate_race::Why;

use crate::accounts::Holder;
use crate::admit::Admitted;
use crate::chain::States;
use crate::deadlines::{Asked, Pace, Wishes};
use crate::endpoint::Endpoint;
use crate::fail::FailKind;
use crate::gateway::Gateway;
use crate::ledger::{Held, Ledger};
use crate::live::{Live, Model};
use crate::metrics::Metrics;
use crate::plan::{Plan, Why as Chosen};
use crate::trail::Trail;

pub(crate) use leg::{How, Leg, Lost, Tried};
pub(crate) use pay::Drain;
pub(crate) use saving::{RaceEnd, Saving};

/// The account.
pub(crate) struct Tally {
    pub(crate) id: RequestId,
    pub(crate) live: Arc<Live>,
    gateway: Arc<Gateway>,
    surface: Surface,
    began: Instant,
    /// Time spent waiting for upstreams: what is left of the total is ours.
    pub(crate) waited: Duration,
    /// Since when attempts are waited for.
    waits_since: Option<Instant>,
    pub(crate) caller: Option<Arc<Caller>>,
    /// The exchange and what filters keep for it, once the request was read.
    pub(crate) exchange: Option<Box<Exchange>>,
    pub(crate) states: States,
    pub(crate) model: Option<Arc<Model>>,
    pub(crate) route: Option<Arc<str>>,
    /// What is wished of it.
    pub(crate) wishes: Wishes,
    /// The output that the client's own bound on the cost leaves.
    plan_cap: Option<u64>,
    /// Its attempts.
    pub(crate) leg: Leg,
    /// Those beside them, while there is a race.
    pub(crate) second: Option<Box<Leg>>,
    /// Whether flex is raced against the standard tier.
    is_of_tiers: bool,
    /// How a race ended.
    pub(crate) race: Option<RaceEnd>,
    pub(crate) usage: Option<Usage>,
    pub(crate) cost: Option<Cost>,
    pub(crate) first_content: Option<Duration>,
    /// What is asked on top of the cost. Nano-dollars.
    pub(crate) fee: i64,
    /// What the flex tier saved, and what of the fee is asked on that.
    pub(crate) saving: Option<Saving>,
    /// Money that is held for it, where somebody has set a limit.
    pub(crate) held: Option<Box<Held>>,
    /// Who paid, once that is settled: each account as `<id>@<window>`.
    pub(crate) payers: SmallVec<[String; 2]>,
    /// Whose key it is.
    holder: Option<Arc<Holder>>,
    /// Where the caller stands, in requests and in tokens.
    pub(crate) rates: (Option<Rate>, Option<Rate>),
    admitted: Admitted,
    pub(crate) status: u16,
    pub(crate) refused: Option<Code>,
    outcome: Option<Outcome>,
    /// What the audit log needs beside.
    pub(crate) trail: Trail,
}

impl Tally {
    /// Opens the account of a request that just arrived.
    pub(crate) fn open(gateway: &Arc<Gateway>, live: Arc<Live>, surface: Surface, id: RequestId) -> Self {
        gateway.metrics.in_flight.inc();
        Self {
            id,
            live,
            gateway: Arc::clone(gateway),
            surface,
            began: Instant::now(),
            waited: Duration::ZERO,
            waits_since: None,
            caller: None,
            exchange: None,
            states: States::default(),
            model: None,
            route: None,
            wishes: Wishes::default(),
            plan_cap: None,
            leg: Leg::default(),
            second: None,
            is_of_tiers: false,
            race: None,
            usage: None,
            cost: None,
            fee: 0,
            saving: None,
            held: None,
            payers: SmallVec::new(),
            holder: None,
            first_content: None,
            rates: (None, None),
            admitted: Admitted::default(),
            status: 499,
            refused: None,
            outcome: None,
            trail: Trail::default(),
        }
    }

    /// When the request arrived.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// The caller is known and let in.
    pub(crate) fn admitted(&mut self, holder: &Arc<Holder>, admitted: Admitted) {
        self.caller = Some(Arc::clone(&holder.caller));
        self.holder = Some(Arc::clone(holder));
        self.rates = admitted.rates();
        self.admitted = admitted;
    }

    /// The caller is known and must wait.
    pub(crate) fn denied(&mut self, holder: &Holder, denied: &Denied) -> Refusal {
        self.caller = Some(Arc::clone(&holder.caller));
        self.rates = (denied.rate(), denied.tokens());
        denied.refusal()
    }

    /// Keeps the exchange to its end, so that filters can be told of it.
    pub(crate) fn keep(&mut self, exchange: Box<Exchange>) -> &Exchange {
        self.exchange.insert(exchange)
    }

    /// It is decided where to go, and how soon.
    pub(crate) fn paced(&mut self, plan: &Plan<'_>, wishes: Wishes) {
        self.wishes = wishes;
        self.plan_cap = plan.cap;
        self.is_of_tiers = matches!(plan.pace, Pace::Race { .. });
        self.planned(plan);
    }

    /// It is decided where to go.
    pub(crate) fn planned(&mut self, plan: &Plan<'_>) {
        self.model = plan.model.map(Arc::clone);
        if let Chosen::Route(route) = plan.why {
            self.route = Some(Arc::clone(&route.name));
        }
    }

    /// The output that is paid for, where that is limited.
    pub(crate) fn cap(&self) -> Option<u64> {
        let held = self.held.as_ref().map(|held| held.cap);
        self.plan_cap.map_or(held, |cap| Some(held.map_or(cap, |held| held.min(cap))))
    }

    /// The same, where it is less than was asked for.
    pub(crate) fn lowered_cap(&self) -> Option<u64> {
        let is_lowered = self.plan_cap.is_some() || self.held.as_ref().is_some_and(|held| held.is_lowered);
        self.cap().filter(|_| is_lowered)
    }

    /// Every metric.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.gateway.metrics
    }

    /// What this node may spend.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.gateway.ledger
    }

    /// The API that was called.
    pub(crate) fn surface(&self) -> Surface {
        self.surface
    }

    /// How it ended, as far as is known.
    pub(crate) fn outcome(&self) -> Outcome {
        // No word means that the path was dropped under way: the client's connection is gone.
        self.outcome.unwrap_or(Outcome::HungUp)
    }

    /// The endpoint that answered.
    pub(crate) fn served_by(&self) -> Option<&Arc<Endpoint>> {
        self.leg.tried.last().filter(|t| t.failed.is_none()).map(|t| &t.endpoint)
    }

    /// The tier that was asked of whoever answered.
    pub(crate) fn asked_tier(&self) -> Option<Asked> {
        self.leg.tried.last().filter(|t| t.failed.is_none())?.how.tier
    }

    /// Says how the exchange ended. The first word counts.
    pub(crate) fn close(&mut self, outcome: Outcome, status: u16) {
        if self.outcome.is_none() {
            self.outcome = Some(outcome);
            self.status = status;
        }
    }

    /// `busy:429,steady:ok`, where there was more than one try; `None` otherwise.
    pub(crate) fn chain(&self) -> Option<String> {
        let fell_back = self.leg.tried.len() > 1 || self.leg.tried.first().is_some_and(|t| t.failed.is_some());
        fell_back.then(|| {
            let mut text = String::with_capacity(24 * self.leg.tried.len());
            for tried in &self.leg.tried {
                let separator = if text.is_empty() { "" } else { "," };
                let how = tried.failed.as_ref().map_or("ok", |(_, short)| short);
                let tier = if tried.how.tier == Some(Asked::Flex) { "@flex" } else { "" };
                let _ = write!(text, "{separator}{}{tier}:{how}", tried.endpoint.name);
            }
            text
        })
    }

    /// Why the first choice did not serve.
    pub(crate) fn fallback_reason(&self) -> Option<&str> {
        let (kind, short) = self.leg.tried.first()?.failed.as_ref()?;
        (*kind != FailKind::Lost).then_some(short)
    }

    fn tell_filters(&mut self, outcome: Outcome, elapsed: Duration) {
        let Some(exchange) = &self.exchange else { return };
        let endpoint = self.leg.tried.last().filter(|t| t.failed.is_none()).map(|t| &*t.endpoint.name);
        let finish = Finish { outcome, status: self.status, endpoint, usage: self.usage, cost: self.cost, elapsed };
        self.live.chain.on_finish(exchange, &mut self.states, &finish);
    }

    fn count(&self, outcome: Outcome, elapsed: Duration) {
        let metrics = &self.gateway.metrics;
        metrics.in_flight.dec();
        let stream = self.exchange.as_ref().is_some_and(|x| x.call.stream);
        let model = self.model.as_ref().map_or(&self.live.unknown_model, |m| &m.metrics);
        model.finished(self.status, outcome, stream, elapsed.as_secs_f64());
        metrics.overhead.observe(elapsed.saturating_sub(self.waited).as_secs_f64());
        if let Some(code) = self.refused {
            metrics.refused(code);
            if let (None, Some(audit)) = (&self.caller, &self.gateway.audit) {
                audit.refused(code.as_str());
            }
        }
        self.count_race(outcome, elapsed);
        for pair in self.leg.tried.windows(2).filter(|pair| !Arc::ptr_eq(&pair[0].endpoint, &pair[1].endpoint)) {
            // Where another one was faster, nobody stepped in.
            if let Some((kind, _)) = pair[0].failed.as_ref().filter(|(kind, _)| *kind != FailKind::Lost) {
                metrics.fell_back(&pair[0].endpoint.name, &pair[1].endpoint.name, *kind);
            }
        }
        let Some(last) = self.leg.tried.last() else { return };
        if let Some(usage) =
            self.usage.as_ref().filter(|_| last.failed.as_ref().is_none_or(|(kind, _)| *kind == FailKind::HungUp))
        {
            last.endpoint.metrics.metered(usage, self.cost, last.endpoint.is_guess(usage.tier));
        }
        if let (true, Some(ttft)) = (stream, self.first_content) {
            last.endpoint.metrics.first_content.observe(ttft.as_secs_f64());
        }
    }

    fn count_race(&self, outcome: Outcome, elapsed: Duration) {
        let races = &self.gateway.metrics.races;
        let tried = &self.leg.tried;
        if let Some(end) = self.race {
            let is_second = |why: &Why| !matches!(why, Why::Flex | Why::Fallback | Why::Unsealed);
            races.ended(end, tried.iter().find_map(|t| t.how.why.filter(is_second)));
        }
        if let Some(StartWithin::Time(within)) = self.wishes.start {
            match self.first_content {
                Some(after) => {
                    races.started(after <= within);
                    races.start.observe(after.as_secs_f64());
                }
                // Whoever leaves before it is time was not let down.
                None if outcome == Outcome::Failed || elapsed > within => races.started(false),
                None => {}
            }
        }
        for (tried, at_most) in tried.iter().filter_map(|t| Some((t, t.lost?.at_most?))) {
            races.lost(&tried.endpoint.name, at_most);
        }
        if let (Some(asked), Some(usage), Some(endpoint)) = (self.asked_tier(), &self.usage, self.served_by()) {
            races.served(&endpoint.name, asked, usage.tier);
            if let Some(saving) = self.saving {
                races.saved(&endpoint.name, saving.saved);
            }
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let elapsed = self.began.elapsed();
        if std::thread::panicking() {
            self.refused = Some(Code::Internal);
            self.close(Outcome::Failed, Code::Internal.status());
        }
        let outcome = self.outcome();
        self.settle_rest();
        self.hand_over();
        self.tell_filters(outcome, elapsed);
        self.count(outcome, elapsed);
        if let Some(log) = &self.gateway.request_log {
            log.append(&self.line(outcome, elapsed));
        }
    }
}
