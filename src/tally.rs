//! The account of one request, closed exactly once on every way out.
//!
//! Steps of the path write facts into it as they learn them. When it drops (answer, refusal,
//! hang-up, dead upstream, panic) it tells filters, metrics and the log how the exchange ended.
//! It decides nothing.

mod pay;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;
use tollgate_api::{Caller, Code, Cost, Exchange, Finish, Money, Outcome, Refusal, RequestId, Surface, Tier, Usage};
use tollgate_limit::{Denied, Rate};

use crate::accounts::Holder;
use crate::admit::Admitted;
use crate::chain::States;
use crate::endpoint::Endpoint;
use crate::fail::{Fail, FailKind};
use crate::gateway::Gateway;
use crate::ledger::{Held, Ledger};
use crate::live::{Live, Model};
use crate::metrics::Metrics;
use crate::plan::{Plan, Why};
use crate::trail::Trail;

pub(crate) use pay::Drain;

/// One try, as the record tells it.
pub(crate) struct Tried {
    pub(crate) endpoint: Arc<Endpoint>,
    /// `None` when it was answered.
    pub(crate) failed: Option<(FailKind, String)>,
    /// What the client may be told of the failure.
    pub(crate) sentence: String,
    /// How long it took.
    pub(crate) took: Duration,
}

/// The account.
pub(crate) struct Tally {
    pub(crate) id: RequestId,
    pub(crate) live: Arc<Live>,
    gateway: Arc<Gateway>,
    surface: Surface,
    began: Instant,
    /// Time spent waiting for upstreams: what is left of the total is ours.
    pub(crate) waited: Duration,
    pub(crate) caller: Option<Arc<Caller>>,
    /// The exchange and what filters keep for it, once the request was read.
    pub(crate) exchange: Option<Box<Exchange>>,
    pub(crate) states: States,
    pub(crate) model: Option<Arc<Model>>,
    pub(crate) route: Option<Arc<str>>,
    pub(crate) tried: SmallVec<[Tried; 2]>,
    pub(crate) usage: Option<Usage>,
    pub(crate) cost: Option<Cost>,
    pub(crate) first_content: Option<Duration>,
    /// What is asked on top of the cost. Nano-dollars.
    pub(crate) fee: i64,
    /// Money that is held for it, where somebody has set a limit.
    pub(crate) held: Option<Box<Held>>,
    /// Who paid, once that is settled: each account as `<id>@<window>`.
    pub(crate) payers: SmallVec<[String; 2]>,
    /// Whose key it is.
    holder: Option<Arc<Holder>>,
    /// Where the caller stands, in requests and in tokens.
    pub(crate) rates: (Option<Rate>, Option<Rate>),
    admitted: Admitted,
    /// The endpoint that is being tried now.
    pub(crate) trying: Option<(Arc<Endpoint>, Instant)>,
    pub(crate) status: u16,
    pub(crate) refused: Option<Code>,
    outcome: Option<Outcome>,
    /// What the first endpoint that had no words for the request said.
    pub(crate) unsayable: Option<Refusal>,
    /// What the endpoint that is being tried cannot express, and the client let go.
    pub(crate) dropped: Vec<String>,
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
            caller: None,
            exchange: None,
            states: States::default(),
            model: None,
            route: None,
            tried: SmallVec::new(),
            usage: None,
            cost: None,
            fee: 0,
            held: None,
            payers: SmallVec::new(),
            holder: None,
            first_content: None,
            rates: (None, None),
            admitted: Admitted::default(),
            trying: None,
            status: 499,
            refused: None,
            outcome: None,
            unsayable: None,
            dropped: Vec::new(),
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

    /// It is decided where to go.
    pub(crate) fn planned(&mut self, plan: &Plan<'_>) {
        self.model = plan.model.map(Arc::clone);
        if let Why::Route(route) = plan.why {
            self.route = Some(Arc::clone(&route.name));
        }
    }

    /// An attempt ended without an answer.
    pub(crate) fn failed(&mut self, endpoint: &Arc<Endpoint>, fail: &Fail, took: Duration) {
        self.waited += took;
        endpoint.metrics.attempted(Some(fail.kind()), took.as_secs_f64());
        self.tried.push(Tried {
            endpoint: Arc::clone(endpoint),
            failed: Some((fail.kind(), fail.short())),
            sentence: fail.sentence(),
            took,
        });
    }

    /// The client left while an endpoint was working for it. `None` when none was.
    pub(crate) fn left_behind(&mut self) -> Option<Arc<Endpoint>> {
        let (endpoint, since) = self.trying.take()?;
        let took = since.elapsed();
        self.waited += took;
        endpoint.metrics.attempted(Some(FailKind::HungUp), took.as_secs_f64());
        let failed = Some((FailKind::HungUp, FailKind::HungUp.as_str().to_owned()));
        self.tried.push(Tried { endpoint: Arc::clone(&endpoint), failed, sentence: String::new(), took });
        Some(endpoint)
    }

    /// An attempt was answered.
    pub(crate) fn answered_by(&mut self, endpoint: &Arc<Endpoint>, took: Duration) {
        self.waited += took;
        endpoint.metrics.attempted(None, took.as_secs_f64());
        self.first_content = Some(self.began.elapsed());
        self.tried.push(Tried { endpoint: Arc::clone(endpoint), failed: None, sentence: String::new(), took });
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
        self.tried.last().filter(|t| t.failed.is_none()).map(|t| &t.endpoint)
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
        let fell_back = self.tried.len() > 1 || self.tried.first().is_some_and(|t| t.failed.is_some());
        fell_back.then(|| {
            let mut text = String::with_capacity(24 * self.tried.len());
            for tried in &self.tried {
                let separator = if text.is_empty() { "" } else { "," };
                let how = tried.failed.as_ref().map_or("ok", |(_, short)| short);
                let _ = write!(text, "{separator}{}:{how}", tried.endpoint.name);
            }
            text
        })
    }

    /// Why the first choice did not serve.
    pub(crate) fn fallback_reason(&self) -> Option<&str> {
        self.tried.first()?.failed.as_ref().map(|(_, short)| short.as_str())
    }

    fn tell_filters(&mut self, outcome: Outcome, elapsed: Duration) {
        let Some(exchange) = &self.exchange else { return };
        let endpoint = self.tried.last().filter(|t| t.failed.is_none()).map(|t| &*t.endpoint.name);
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
        for pair in self.tried.windows(2) {
            if let Some((kind, _)) = &pair[0].failed {
                metrics.fell_back(&pair[0].endpoint.name, &pair[1].endpoint.name, *kind);
            }
        }
        let Some(last) = self.tried.last() else { return };
        if let Some(usage) =
            self.usage.as_ref().filter(|_| last.failed.as_ref().is_none_or(|(kind, _)| *kind == FailKind::HungUp))
        {
            last.endpoint.metrics.metered(usage, self.cost, last.endpoint.is_guess(usage.tier));
        }
        if let (true, Some(ttft)) = (stream, self.first_content) {
            last.endpoint.metrics.first_content.observe(ttft.as_secs_f64());
        }
    }

    fn line(&self, outcome: Outcome, elapsed: Duration) -> Vec<u8> {
        let mut line = crate::line::Line::begin();
        line.text("id", std::str::from_utf8(&self.id.text()).unwrap_or_default());
        if let Some(caller) = &self.caller {
            line.text("tenant", &caller.tenant).text("key", &caller.key_id);
        }
        line.text("surface", self.surface.as_str());
        if let Some(exchange) = &self.exchange {
            line.foreign("model", &exchange.call.model).flag("stream", exchange.call.stream);
            if let Some(label) = &exchange.label {
                line.text("task", label.task.map_or("unsure", |t| t.as_str()));
                line.text("complexity", label.complexity.as_str()).text("rule", &label.rule);
            }
        }
        if let Some(route) = &self.route {
            line.text("route", route);
        }
        if let Some(endpoint) = self.served_by() {
            line.text("endpoint", &endpoint.name).text("served_model", &endpoint.model);
        }
        if let Some(chain) = self.chain() {
            line.text("chain", &chain);
        }
        line.number("status", self.status.into()).text("outcome", outcome.as_str());
        if let Some(code) = self.refused {
            line.text("code", code.as_str());
        }
        self.line_money(&mut line);
        line.micros("total_ms", elapsed).micros("overhead_ms", elapsed.saturating_sub(self.waited));
        if let Some(first) = self.first_content {
            line.micros("first_content_ms", first);
        }
        line.end()
    }

    fn line_money(&self, line: &mut crate::line::Line) {
        let Some(usage) = &self.usage else { return };
        line.number("input_tokens", usage.prompt()).number("output_tokens", usage.output);
        if usage.cached > 0 {
            line.number("cached_tokens", usage.cached);
        }
        line.text("usage", usage.source.as_str());
        match self.cost {
            Some(cost) => line.text("cost_usd", &cost.total().decimal()),
            None => line.text("cost_usd", "unpriced"),
        };
        if usage.tier != Tier::Standard {
            line.text("tier", usage.tier.as_str());
        }
        if self.served_by().is_some_and(|endpoint| endpoint.is_guess(usage.tier)) {
            line.text("price", "guessed");
        }
        if self.fee != 0 {
            line.text("fee_usd", &Money::from_nano(self.fee).decimal());
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
