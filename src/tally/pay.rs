//! The money of one request: held before it leaves, settled when it is known what it cost, or when nobody
//! will ever know. What is held, and for how long it is waited for, the ledger decides.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tollgate_api::{Refusal, Usage, UsageSource};

use super::{Lost, Saving, Tally};
use crate::accounts::{Holder, TenantState};
use crate::clock;
use crate::deadlines::Pace;
use crate::endpoint::Endpoint;
use crate::fail::FailKind;
use crate::ledger::{Held, Request, fee, hold};
use crate::plan::Plan;

/// How long an answer is read on after its client has gone, and the turn to do so.
pub(crate) struct Drain {
    pub(crate) time: Duration,
    /// Given back when it drops.
    pub(crate) turn: tokio::sync::OwnedSemaphorePermit,
}

impl Tally {
    /// Holds the money that the plan may cost at most.
    pub(crate) async fn hold(
        &self,
        holder: &Holder,
        state: &TenantState,
        plan: &mut Plan<'_>,
    ) -> Result<Option<Held>, Refusal> {
        let Some(exchange) = &self.exchange else { return Ok(None) };
        let tags = self.tags(holder, state);
        let now = i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX);
        let request = Request { holder, state, call: &exchange.call, tags: &tags, now };
        hold(&self.gateway.ledger, &self.live.terms, &request, plan).await
    }

    /// How the attempts of a plan go on after the client has gone; `None` where nothing is held for them. Those
    /// of a race of tiers do not: nobody waits for flex.
    pub(crate) fn drain(&self, plan: &Plan<'_>) -> Option<Drain> {
        if matches!(plan.pace, Pace::Race { .. }) { None } else { self.read_on() }
    }

    /// How an answer is read on after the client has gone; `None` where nothing is held for it.
    pub(crate) fn read_on(&self) -> Option<Drain> {
        self.held.as_ref()?;
        let turn = Arc::clone(&self.gateway.ledger.drains).try_acquire_owned().ok()?;
        Some(Drain { time: self.live.terms.budgets.drain, turn })
    }

    /// Books tokens, their price, and what is asked on top; and lets go of what was held beyond.
    pub(crate) fn metered(&mut self, usage: Usage, endpoint: &Endpoint) {
        // What nobody reported is never taken for more than it can have been.
        let usage = match self.worst().filter(|_| usage.source == UsageSource::Estimated) {
            Some(most) => {
                Usage { input: usage.input.min(most.prompt()), output: usage.output.min(most.output), ..usage }
            }
            None => usage,
        };
        let fees = &self.live.terms.fees;
        let cost = endpoint.price(&usage);
        self.usage = Some(usage);
        self.cost = cost;
        self.saving = Saving::of(self.race, &usage, cost, endpoint, fees.saving);
        let on_saving = self.saving.map_or(0, |saving| saving.fee);
        self.fee = cost.map_or(0, |cost| fee(cost, endpoint.is_own, fees)).saturating_add(on_saving);
        self.book_lost(usage.prompt());
        self.settle(cost.map_or(0, |cost| cost.total().nano()), endpoint);
        self.admitted.used(&usage);
        if let Some(holder) = &self.holder {
            let before = holder.habit.load(Relaxed);
            holder.habit.store(usage.output.max(before - before / 8), Relaxed);
        }
    }

    /// Nobody answered, but somebody was called off, and may have read the prompt.
    pub(crate) fn metered_nothing(&mut self, prompt: u64) {
        let prompt = self.worst().map_or(prompt, |most| prompt.min(most.prompt()));
        self.book_lost(prompt);
        if let Some(endpoint) = self.leg.tried.last().map(|tried| Arc::clone(&tried.endpoint)) {
            self.settle(0, &endpoint);
        }
    }

    /// Whether an attempt was called off of which nobody will say what it cost.
    pub(crate) fn has_lost(&self) -> bool {
        self.leg.tried.iter().any(|tried| tried.failed_as(FailKind::Lost))
    }

    /// What attempts that were called off may have cost: their prompt in full. The last attempt is the one
    /// that is metered.
    fn book_lost(&mut self, prompt: u64) {
        let Some((_, before)) = self.leg.tried.split_last_mut() else { return };
        for tried in before.iter_mut().filter(|t| t.failed_as(FailKind::Lost) || t.failed_as(FailKind::HungUp)) {
            let tier = tried.how.priced_as();
            let usage = Usage { input: prompt, tier, source: UsageSource::Estimated, ..Usage::default() };
            let at_most = tried.endpoint.price(&usage).map(|cost| cost.total().nano());
            tried.lost = Some(Lost { input: prompt, at_most });
        }
    }

    /// What all of them may have cost. Nano-dollars.
    pub(crate) fn at_most(&self) -> i64 {
        let all = self.leg.tried.iter().filter_map(|tried| tried.lost?.at_most);
        all.fold(0, i64::saturating_add)
    }

    fn settle(&mut self, cost: i64, endpoint: &Endpoint) {
        let at_most = self.at_most();
        if let Some(held) = self.held.as_mut().filter(|held| held.is_open()) {
            self.payers = held.accounts(endpoint.is_own).map(ToString::to_string).collect();
            held.settle((cost, self.fee, at_most), endpoint);
        }
    }

    /// What is to be taken for used where nobody ever said what was: all that is held. `None` where
    /// nothing is.
    pub(crate) fn worst(&self) -> Option<Usage> {
        self.held.as_ref().filter(|held| held.is_open()).map(|held| held.worst())
    }

    /// Settles what is still held: all of it where an endpoint may have worked for it unheard of, nothing
    /// where none has.
    pub(crate) fn settle_rest(&mut self) {
        // Also where nothing is held, what was out is on record.
        let left = self.left_behind();
        let Some(worst) = self.worst() else { return };
        let unheard = left.or_else(|| self.served_by().map(Arc::clone));
        match unheard {
            Some(endpoint) => self.metered(worst, &endpoint),
            None => self.held.iter_mut().for_each(|held| held.release()),
        }
    }
}
