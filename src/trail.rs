//! What a request leaves in the audit log: its record and its detail, made from the account.
//!
//! It decides when to wait for the disk, and writes nothing by itself: the journal does.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue, header};
use pingora::proxy::Session;
use prometheus::Histogram;
use serde::Serialize;
use smallvec::SmallVec;
use tollgate_api::{Code, Outcome, Refusal, Usage, UsageSource};
use tollgate_audit::hash::{Digest, Hash};
use tollgate_audit::record::{self, Attempt, Fault, LogId, Record};
use tollgate_audit::{Detail, Ticket, canonical};
use tollgate_conf::Fees;

use crate::accounts::{Holder, Tenant, TenantState};
use crate::books::Books;
use crate::clock;
use crate::endpoint::Endpoint;
use crate::gateway::draw;
use crate::health::State;
use crate::ledger::{Posted, fee};
use crate::off_worker::{THRESHOLD_BYTES, off_worker};
use crate::plan::{Candidate, Plan};
use crate::tally::{Saving, Tally};

/// Where a client puts words of its own by which it sorts its requests; LiteLLM's users know the second.
static TAGS: [HeaderName; 2] = [HeaderName::from_static("x-tollgate-tags"), HeaderName::from_static("x-litellm-tags")];
/// More tags than anyone sorts by.
const TAGS_MAX: usize = 16;
/// What a client says of itself is cut after this many bytes.
const FOREIGN_BYTES_MAX: usize = 256;

/// What the record needs beyond the account.
#[derive(Default)]
pub(crate) struct Trail {
    log: Option<LogId>,
    /// Microseconds since 1970.
    started_us: u64,
    begun: Option<Ticket>,
    ended: bool,
    /// Endpoints of the plan that were not flowing.
    health: SmallVec<[String; 1]>,
    body: Option<Hash>,
    answer: Option<Digest>,
    ip: Option<IpAddr>,
    user_agent: Option<HeaderValue>,
    tags: Option<HeaderValue>,
    /// The vendor found fault with the request.
    pub(crate) vendor_refused: bool,
}

impl Trail {
    /// An answer's bytes on their way to the client.
    pub(crate) fn sends(&mut self, piece: &[u8]) {
        if let Some(answer) = &mut self.answer {
            answer.update(piece);
        }
    }
}

/// The detail, members in alphabetical order.
#[derive(Serialize)]
struct DetailText<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<Cow<'a, str>>,
}

fn unavailable() -> Refusal {
    Refusal::new(Code::AuditUnavailable, "the audit log cannot be written").retry_after(Duration::from_secs(5))
}

impl Tally {
    /// The caller is known: from here on the request leaves a record. Refused when there is no room for one.
    pub(crate) async fn on_record(
        &mut self,
        holder: &Holder,
        state: &TenantState,
        session: &Session,
    ) -> Result<(), Refusal> {
        let headers = &session.req_header().headers;
        if self.live.books.is_some() || state.pays() {
            self.trail.started_us = clock::unix_micros();
            self.trail.tags = TAGS.iter().find_map(|name| headers.get(name)).cloned();
        }
        let Some(books) = &self.live.books else { return Ok(()) };
        if !books.audit.accepts() {
            return Err(unavailable());
        }
        let log = match holder.tenant.known_log() {
            Some(log) => log,
            None => self.new_log(&holder.tenant).await?,
        };
        let trail = &mut self.trail;
        trail.log = Some(log);
        trail.answer = Some(Digest::default());
        trail.user_agent = headers.get(header::USER_AGENT).cloned();
        if books.keep_ip {
            trail.ip = session.downstream_session.client_addr().and_then(|a| Some(a.as_inet()?.ip()));
        }
        Ok(())
    }

    /// The log of a tenant that is heard of for the first time.
    async fn new_log(&self, tenant: &Arc<Tenant>) -> Result<LogId, Refusal> {
        let (live, tenant) = (Arc::clone(&self.live), Arc::clone(tenant));
        let made = off_worker(move || live.books.as_ref().map(|books| tenant.log(books))).await;
        match made {
            Some(Ok(log)) => Ok(log),
            Some(Err(error)) => {
                tracing::error!(error = format!("{error:#}"), "no log can be made for a tenant");
                Err(unavailable())
            }
            None => Err(unavailable()),
        }
    }

    /// The tags by which a request is counted: what the client says, and what its key carries.
    pub(crate) fn tags<'a>(&'a self, holder: &'a Holder, state: &TenantState) -> SmallVec<[&'a str; 4]> {
        let mut tags = SmallVec::new();
        if state.looks_at_tags() {
            let said = self.trail.tags.as_ref().and_then(|tags| tags.to_str().ok()).unwrap_or_default();
            tags.extend(said.split(',').map(str::trim).filter(|tag| !tag.is_empty()).take(TAGS_MAX));
            tags.extend(holder.bound.iter().flat_map(|bound| bound.tags.iter().map(|tag| &**tag)));
        }
        tags
    }

    /// Hands over the beginning: what stays of the request if the process dies under way.
    /// Where money is held it waits until that is on disk: what a vendor may bill is known to the journal.
    pub(crate) async fn begin(&mut self, plan: &Plan<'_>) -> Result<(), Refusal> {
        if let Some(held) = &mut self.held {
            held.begin();
            if held.is_lowered {
                self.metrics().ledger.lowered.inc();
            }
        }
        let (Some(log), Some(exchange)) = (self.trail.log, &self.exchange) else { return Ok(()) };
        let body = exchange.call.body.clone();
        self.trail.body = Some(match body.len() {
            0..THRESHOLD_BYTES => Hash::of(&body),
            _ => off_worker(move || Hash::of(&body)).await,
        });
        let now = clock::now_ms();
        self.trail.health = plan
            .candidates()
            .map(Candidate::endpoint)
            .filter_map(|e| match e.health.state(now) {
                State::Flowing => None,
                state => Some(format!("{}:{}", e.name, state.as_str())),
            })
            .collect();
        let Some(books) = &self.live.books else { return Ok(()) };
        let record = self.beginning(books, plan);
        self.trail.begun = Some(books.audit.begin(log, self.id.bytes(), canonical::write(&record)));
        match (self.trail.begun, &self.held) {
            (Some(ticket), Some(_)) => books.audit.handed_on(ticket).await.map_err(|_| unavailable()),
            _ => Ok(()),
        }
    }

    /// What a request that never ends is taken for: all that is held for it, at the dearest candidate. Where
    /// nothing is held, its prompt was read by the first one.
    fn beginning(&self, books: &Books, plan: &Plan<'_>) -> Record<'_> {
        let (first, usage) = match self.worst() {
            Some(worst) => {
                let cost = |e: &&Arc<Endpoint>| e.price(&worst).map(|cost| cost.total());
                (plan.candidates().map(Candidate::endpoint).max_by_key(cost), worst)
            }
            None => {
                let messages = self.exchange.as_ref().map_or(0, |x| x.call.messages().len() as u64);
                // Four bytes a token; nothing is known of the answer.
                let input = messages.div_ceil(4);
                let usage = Usage { input, source: UsageSource::Estimated, ..Usage::default() };
                (plan.candidates().next().map(Candidate::endpoint), usage)
            }
        };
        let mut record = self.identity();
        record.outcome = "lost".into();
        record.model = self.model.as_ref().map(|m| (*m.name).into());
        if let Some(endpoint) = first {
            record.endpoint = Some(endpoint.name.to_string().into());
            record.served = Some(endpoint.model.to_string().into());
            price(&mut record, books, endpoint, &usage, &self.live.terms.fees);
            let payers = self.held.iter().flat_map(|held| held.accounts(endpoint.is_own));
            record.budgets = payers.map(|account| account.to_string().into()).collect();
        }
        record
    }

    fn identity(&self) -> Record<'_> {
        Record {
            id: self.id.to_string().into(),
            key: self.caller.as_ref().map_or("", |c| &c.key_id).into(),
            started_us: self.trail.started_us,
            surface: self.surface().as_str().into(),
            ..Record::default()
        }
    }

    /// Waits until the beginning is on disk: no byte of an answer leaves before.
    pub(crate) async fn begun_on_disk(&self) -> Result<(), Refusal> {
        let Some(ticket) = self.trail.begun else { return Ok(()) };
        self.on_disk(ticket, &self.metrics().audit.wait_begin).await
    }

    /// Hands over the end, and waits until it is on disk: the last of an answer does not leave before.
    pub(crate) async fn ended_on_disk(&mut self) -> Result<(), Refusal> {
        let Some(ticket) = self.hand_over() else { return Ok(()) };
        self.on_disk(ticket, &self.metrics().audit.wait_end).await
    }

    async fn on_disk(&self, ticket: Ticket, waited: &Histogram) -> Result<(), Refusal> {
        let Some(books) = &self.live.books else { return Ok(()) };
        let began = Instant::now();
        let durable = books.audit.durable(ticket).await;
        waited.observe(began.elapsed().as_secs_f64());
        durable.map_err(|_| unavailable())
    }

    /// Hands over the end, once. Waits for nothing.
    pub(crate) fn hand_over(&mut self) -> Option<Ticket> {
        self.settle_rest();
        let Some(log) = self.trail.log.filter(|_| !self.trail.ended) else {
            self.note_loose();
            return None;
        };
        self.trail.ended = true;
        let detail = self.detail();
        let books = self.live.books.as_ref()?;
        let record = self.record(books, detail.as_ref().map(Detail::commitment));
        self.metrics().audit.records.inc();
        Some(books.audit.end(log, self.id.bytes(), canonical::write(&record), detail))
    }

    /// Where there is no journal, what was spent is told to the ledger directly.
    fn note_loose(&mut self) {
        let Some(held) = self.held.take() else { return };
        let (Some(caller), None) = (&self.caller, &self.live.books) else { return };
        // Nobody answered, but somebody who was called off may have cost something.
        let Some(usage) = self.usage.or_else(|| self.has_lost().then(Usage::default)) else { return };
        let nano = |nano: i64| nano.unsigned_abs();
        let posted = Posted {
            tenant: caller.tenant.to_string(),
            key: caller.key_id.to_string(),
            model: self.model.as_ref().map_or("-", |m| &m.name).to_owned(),
            started_us: self.trail.started_us,
            input: usage.prompt(),
            output: usage.output,
            cost: self.cost.map_or(0, |cost| nano(cost.total().nano())),
            fee: nano(self.fee),
            at_most: nano(self.at_most()),
            own: self.served_by().is_some_and(|endpoint| endpoint.is_own),
            accounts: std::mem::take(&mut self.payers).into_vec(),
        };
        drop(held);
        self.ledger().note(posted);
    }

    fn record<'a>(&'a self, books: &'a Books, detail: Option<Hash>) -> Record<'a> {
        let outcome = self.outcome();
        let call = self.exchange.as_ref().map(|x| &x.call);
        let label = self.exchange.as_ref().and_then(|x| x.label.as_ref());
        let micros = |d: Duration| u64::try_from(d.as_micros()).unwrap_or(canonical::INTEGER_MAX);
        let endpoint = self.served_by();
        let mut record = Record {
            asked: call.map(|c| &*c.model).filter(|asked| self.is_known(asked)).map(Into::into),
            attempts: self.attempts(),
            cache: Some("off".into()),
            complexity: label.map(|l| l.complexity.as_str().into()),
            config: Some((*books.config).into()),
            detail: detail.map(|hash| hash.hex().into()),
            endpoint: endpoint.map(|e| (*e.name).into()),
            error: self.fault(outcome),
            first_content_us: self.first_content.map(micros),
            health: self.trail.health.iter().map(|h| h.as_str().into()).collect(),
            latency_us: Some(micros(self.began().elapsed())),
            model: self.model.as_ref().map(|m| (*m.name).into()),
            outcome: outcome.as_str().into(),
            // A price list is named wherever a price is.
            prices: self.leg.tried.iter().any(|t| t.lost.is_some()).then(|| books.prices.to_string().into()),
            race: self.race.map(|end| end.as_str().into()),
            route: self.route.as_deref().map(Into::into),
            rule: label.map(|l| (*l.rule).into()),
            served: endpoint.map(|e| (*e.model).into()),
            start_within: self.wishes.start.map(|start| start.to_string().into()),
            status: Some(self.status),
            stream: call.map(|c| c.stream),
            task: label.map(|l| l.task.map_or("unsure", |t| t.as_str()).into()),
            tier_asked: self.asked_tier().map(|tier| tier.as_str().into()),
            ..self.identity()
        };
        // A hang-up is metered at the endpoint that was working for it.
        let metered = endpoint.or_else(|| self.leg.tried.last().map(|t| &t.endpoint));
        if let (Some(endpoint), Some(usage)) = (metered, &self.usage) {
            record.endpoint = Some((*endpoint.name).into());
            record.served = Some((*endpoint.model).into());
            price(&mut record, books, endpoint, usage, &self.live.terms.fees);
            self.saved(&mut record);
        }
        record.budgets = self.payers.iter().map(|account| account.as_str().into()).collect();
        record
    }

    fn attempts(&self) -> Vec<Attempt<'_>> {
        // One attempt that is simply the only one tells nothing by when it began.
        let is_timed = self.leg.tried.len() > 1 || self.wishes.start.is_some();
        let attempt = |t: &'_ crate::tally::Tried| Attempt {
            at_most: t.lost.and_then(|lost| lost.at_most).map(i64::unsigned_abs),
            at_ms: is_timed.then(|| millis(t.since.saturating_duration_since(self.began()))),
            endpoint: t.endpoint.name.to_string().into(),
            failed: t.failed.as_ref().map(|(_, short)| short.clone().into()),
            input: t.lost.filter(|lost| lost.at_most.is_some()).map(|lost| lost.input),
            ms: millis(t.took),
            tier: t.how.tier.map(|tier| tier.as_str().into()),
            why: t.how.why.map(|why| why.as_str().into()),
            ..Attempt::default()
        };
        self.leg.tried.iter().map(attempt).collect()
    }

    /// What the flex tier saved, and what is asked on that.
    fn saved(&self, record: &mut Record<'_>) {
        let Some(Saving { saved, fee }) = self.saving else { return };
        record.saved = Some(saved.unsigned_abs());
        record.saving_fee = (fee > 0).then_some(fee.unsigned_abs());
        record.fee = record.fee.map(|all| all.saturating_add(fee.unsigned_abs()));
    }

    /// What went wrong, and whose doing it was.
    fn fault(&self, outcome: Outcome) -> Option<Fault<'static>> {
        if self.trail.vendor_refused {
            return Some(Fault { code: "vendor_error".into(), whose: "vendor".into() });
        }
        if outcome == Outcome::HungUp {
            return Some(Fault { code: "hung_up".into(), whose: "client".into() });
        }
        let code = self.refused?;
        let whose = match code {
            Code::AllEndpointsFailed | Code::UpstreamGarbage | Code::UpstreamCut | Code::DeadlineExceeded => "vendor",
            code if code.status() >= 500 => "gateway",
            _ => "client",
        };
        Some(Fault { code: code.as_str().into(), whose: whose.into() })
    }

    /// Whether configuration knows this name: any other is the client's own text, and not for the log.
    fn is_known(&self, asked: &str) -> bool {
        let live = &self.live;
        let by_place = |(provider, name): (&str, &str)| {
            live.by_upstream_model
                .get(provider)
                .is_some_and(|all| all.contains_key(name) || live.models.contains_key(name))
        };
        asked == "auto" || live.models.contains_key(asked) || asked.split_once('/').is_some_and(by_place)
    }

    fn detail(&mut self) -> Option<Detail> {
        let answer = self.trail.answer.take().map(|digest| digest.finish().hex());
        let asked = self.exchange.as_ref().map(|x| &*x.call.model).filter(|asked| !self.is_known(asked));
        let agent = self.trail.user_agent.as_ref().map(|v| String::from_utf8_lossy(cut(v.as_bytes())));
        let tags = self.trail.tags.as_ref().map_or(Cow::Borrowed(""), |v| String::from_utf8_lossy(cut(v.as_bytes())));
        let end_user = self.exchange.as_ref().and_then(|x| x.call.end_user.as_deref());
        let end_user = end_user.map(|user| &user[..user.floor_char_boundary(FOREIGN_BYTES_MAX)]);
        let text = DetailText {
            answer,
            asked: asked.map(|asked| &asked[..asked.floor_char_boundary(FOREIGN_BYTES_MAX)]),
            body: self.trail.body.map(|hash| hash.hex()),
            ip: self.trail.ip.map(|ip| ip.to_string()),
            tags: tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).collect(),
            user: end_user,
            user_agent: agent,
        };
        // Whose the detail is, for whoever asks that it be destroyed.
        let subject = end_user.unwrap_or(&self.caller.as_ref()?.key_id).to_owned();
        Some(Detail { subject, salt: draw()?, json: canonical::write(&text) })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(canonical::INTEGER_MAX)
}

fn cut(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(FOREIGN_BYTES_MAX)]
}

/// What was used, and its price by the list that the record names.
fn price(record: &mut Record<'_>, books: &Books, endpoint: &Endpoint, usage: &Usage, fees: &Fees) {
    record.prices = Some(books.prices.to_string().into());
    let cost = endpoint.price(usage);
    let nano = |nano: i64| nano.unsigned_abs().min(canonical::INTEGER_MAX);
    record.cost = cost.map(|cost| record::Cost { input: nano(cost.input.nano()), output: nano(cost.output.nano()) });
    record.fee = cost.map(|cost| nano(fee(cost, endpoint.is_own, fees)));
    record.own = endpoint.is_own.then_some(true);
    record.tier = Some(usage.tier.as_str().into());
    record.usage = Some(record::Usage {
        audio_input: usage.audio_input,
        audio_output: usage.audio_output,
        cache_write: usage.cache_write,
        cache_write_1h: usage.cache_write_1h,
        cached: usage.cached,
        input: usage.input,
        output: usage.output,
        reasoning: usage.reasoning,
        source: usage.source.as_str().into(),
    });
}
