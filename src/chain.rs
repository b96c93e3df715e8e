//! The filters of this configuration, in order, each timed. It decides nothing by itself.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use prometheus::Histogram;
use smallvec::SmallVec;
use tollgate_api::{AttemptHead, DynFilter, Event, Exchange, Finish, Slot, Verdict, Veto};

use crate::metrics::Metrics;

/// A filter in its slot, with the clock of each of its hooks.
struct Link {
    filter: Box<dyn DynFilter>,
    slot: Slot,
    on_request: Histogram,
    on_attempt: Histogram,
    on_event: Histogram,
    on_finish: Histogram,
}

/// All filters of a configuration. An empty chain costs a length check per hook.
#[derive(Default)]
pub(crate) struct Chain {
    links: Vec<Link>,
    sees_events: bool,
}

/// What the filters keep between the hooks of one exchange, one slot each. Attempts that run side by side
/// share it.
#[derive(Default)]
pub(crate) struct States(Mutex<Slots>);

type Slots = SmallVec<[Box<dyn Any + Send + Sync>; 2]>;

impl States {
    /// For whoever has it alone: no lock is taken.
    fn alone(&mut self) -> &mut Slots {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// A filter that panics leaves its own slot as it is, and those of others.
    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chain {
    /// Puts the filters in order of their slots; within a slot, as configuration lists them.
    pub(crate) fn new(filters: Vec<(Box<dyn DynFilter>, Slot)>, metrics: &Metrics) -> Self {
        let mut links: Vec<Link> = filters
            .into_iter()
            .map(|(filter, slot)| Link {
                slot,
                on_request: metrics.filter(filter.name(), "on_request"),
                on_attempt: metrics.filter(filter.name(), "on_attempt"),
                on_event: metrics.filter(filter.name(), "on_event"),
                on_finish: metrics.filter(filter.name(), "on_finish"),
                filter,
            })
            .collect();
        links.sort_by_key(|link| link.slot);
        let sees_events = links.iter().any(|l| l.filter.sees_events() && l.slot <= Slot::OnEvent);
        Self { links, sees_events }
    }

    /// Whether there is nothing to run.
    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Whether answers must be decoded for a filter.
    pub(crate) fn sees_events(&self) -> bool {
        self.sees_events
    }

    /// Whether the client's headers must be copied for a filter.
    pub(crate) fn sees_headers(&self) -> bool {
        self.links.iter().any(|l| l.filter.sees_headers())
    }

    /// Fresh state for a new exchange.
    pub(crate) fn states(&self) -> States {
        States(Mutex::new(self.links.iter().map(|l| l.filter.state()).collect()))
    }

    /// Runs `on_request` of the filters in this slot, until one answers or refuses.
    pub(crate) async fn on_request(&self, slot: Slot, exchange: &mut Exchange, states: &mut States) -> Verdict {
        for (link, state) in self.links.iter().zip(states.alone()).filter(|(l, _)| l.slot == slot) {
            let began = Instant::now();
            let verdict = link.filter.on_request(exchange, state.as_mut()).await;
            link.on_request.observe(began.elapsed().as_secs_f64());
            if !matches!(verdict, Verdict::Continue) {
                return verdict;
            }
        }
        Verdict::Continue
    }

    /// Runs `on_attempt`, until one objects.
    pub(crate) fn on_attempt(
        &self,
        exchange: &Exchange,
        states: &States,
        attempt: &mut AttemptHead<'_>,
    ) -> Result<(), Veto> {
        for (link, state) in self.links.iter().zip(&mut *states.lock()).filter(|(l, _)| l.slot <= Slot::BeforeAttempt) {
            let began = Instant::now();
            let outcome = link.filter.on_attempt(exchange, state.as_mut(), attempt);
            link.on_attempt.observe(began.elapsed().as_secs_f64());
            outcome?;
        }
        Ok(())
    }

    /// Shows one piece of the answer to the filters that asked to see them.
    pub(crate) fn on_event(&self, exchange: &Exchange, states: &States, event: &mut Event) {
        if !self.sees_events {
            return;
        }
        let seeing = |l: &Link| l.filter.sees_events() && l.slot <= Slot::OnEvent;
        for (link, state) in self.links.iter().zip(&mut *states.lock()).filter(|(l, _)| seeing(l)) {
            let began = Instant::now();
            link.filter.on_event(exchange, state.as_mut(), event);
            link.on_event.observe(began.elapsed().as_secs_f64());
        }
    }

    /// Tells every filter the end, also one that has panicked before: a panic here stays here, for
    /// this runs while another one may be unwinding.
    pub(crate) fn on_finish(&self, exchange: &Exchange, states: &mut States, finish: &Finish<'_>) {
        for (link, state) in self.links.iter().zip(states.alone()) {
            let began = Instant::now();
            let told = catch_unwind(AssertUnwindSafe(|| link.filter.on_finish(exchange, state.as_mut(), finish)));
            link.on_finish.observe(began.elapsed().as_secs_f64());
            if told.is_err() {
                tracing::error!(filter = link.filter.name(), "a filter panicked in on_finish");
            }
        }
    }
}

/// How to build a filter from its settings: the list that `Filters` keeps.
pub(crate) type Build =
    Arc<dyn Fn(serde_json::Value) -> Result<Box<dyn DynFilter>, tollgate_api::BuildError> + Send + Sync>;
