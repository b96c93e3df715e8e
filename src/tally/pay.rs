//! The money of one request: held before it leaves, settled when it is known what it cost, or when nobody
//! will ever know. What is held, and for how long it is waited for, the ledger decides.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tollgate_api::{Refusal, Usage, UsageSource};

use super::Tally;
use crate::accounts::{Holder, TenantState};
use crate::clock;
use crate::endpoint::Endpoint;
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

    /// How its answer is read on after the client has gone; `None` where nothing is held for it.
    pub(crate) fn drain(&self) -> Option<Drain> {
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
        let cost = endpoint.price(&usage);
        self.usage = Some(usage);
        self.cost = cost;
        self.fee = cost.map_or(0, |cost| fee(cost, endpoint.is_own, &self.live.terms.fees));
        if let Some(held) = self.held.as_mut().filter(|held| held.is_open()) {
            self.payers = held.accounts(endpoint.is_own).map(ToString::to_string).collect();
            let cost = cost.map_or(0, |cost| cost.total().nano());
            held.settle(cost, self.fee, endpoint.is_own, endpoint);
        }
        self.admitted.used(&usage);
        if let Some(holder) = &self.holder {
            let before = holder.habit.load(Relaxed);
            holder.habit.store(usage.output.max(before - before / 8), Relaxed);
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
        let Some(worst) = self.worst() else { return };
        let unheard = self.trying.as_ref().map(|(endpoint, _)| endpoint).or(self.served_by()).map(Arc::clone);
        match unheard {
            Some(endpoint) => self.metered(worst, &endpoint),
            None => self.held.iter_mut().for_each(|held| held.release()),
        }
    }
}
