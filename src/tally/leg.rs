//! What attempts did, one after the other: the one that is out, and those that have ended.
//!
//! A race has two of them, side by side, so that each attempt writes into its own. It survives the attempt:
//! one that is dropped leaves word of when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;
use tollgate_api::{Refusal, Tier};
use tollgate_race::Why;
use tollgate_translate::Seals;

use super::{RaceEnd, Tally};
use crate::clock;
use crate::deadlines::Asked;
use crate::endpoint::Endpoint;
use crate::fail::{Fail, FailKind};

/// Why an attempt is made, and at which tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct How {
    /// `None` where it is simply its turn.
    pub(crate) why: Option<Why>,
    /// The tier that is asked for; `None` where nothing is said of it.
    pub(crate) tier: Option<Asked>,
    /// Which of its endpoint's tries of flex it is.
    pub(crate) number: u64,
    /// Which seals of earlier turns the endpoint is shown.
    pub(crate) seals: Seals,
}

impl How {
    /// The tier by which it is priced where nobody says at which it was served.
    pub(crate) fn priced_as(self) -> Tier {
        self.tier.map_or(Tier::Standard, Asked::priced_as)
    }
}

/// One try, as the record tells it.
pub(crate) struct Tried {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) how: How,
    /// `None` when it was answered.
    pub(crate) failed: Option<(FailKind, String)>,
    /// What the client may be told of the failure.
    pub(crate) sentence: String,
    /// When it began.
    pub(crate) since: Instant,
    /// How long it took.
    pub(crate) took: Duration,
    /// What it may have cost although it was called off.
    pub(crate) lost: Option<Lost>,
}

impl Tried {
    /// Whether it failed in this way.
    pub(crate) fn failed_as(&self, kind: FailKind) -> bool {
        self.failed.as_ref().is_some_and(|(failed, _)| *failed == kind)
    }

    /// Whom, and what it said.
    pub(crate) fn said(&self) -> String {
        let tier = if self.how.tier == Some(Asked::Flex) { " (flex)" } else { "" };
        format!("{}{tier}: {}", self.endpoint.name, self.sentence)
    }
}

/// What an attempt that was called off is taken to have used.
#[derive(Clone, Copy)]
pub(crate) struct Lost {
    /// Tokens of its prompt.
    pub(crate) input: u64,
    /// Nano-dollars; `None` where there is no price.
    pub(crate) at_most: Option<i64>,
}

/// An attempt that is out.
pub(crate) struct Trying {
    pub(crate) endpoint: Arc<Endpoint>,
    how: How,
    since: Instant,
    /// When it was dropped.
    until: Option<Instant>,
}

/// Attempts one after the other.
#[derive(Default)]
pub(crate) struct Leg {
    pub(crate) tried: SmallVec<[Tried; 2]>,
    pub(crate) trying: Option<Trying>,
    /// What the first endpoint that had no words for the request said.
    pub(crate) unsayable: Option<Refusal>,
    /// What the endpoint that is being tried cannot express, and the client let go.
    pub(crate) dropped: Vec<String>,
}

/// An attempt under way. Dropped without a word, it leaves word of when.
pub(crate) struct Underway<'a>(&'a mut Leg);

impl Leg {
    /// An attempt begins.
    pub(crate) fn begins(&mut self, endpoint: &Arc<Endpoint>, how: How) -> Underway<'_> {
        self.trying = Some(Trying { endpoint: Arc::clone(endpoint), how, since: Instant::now(), until: None });
        Underway(self)
    }

    /// One is not even begun.
    pub(crate) fn passed_over(&mut self, endpoint: &Arc<Endpoint>, how: How, fail: &Fail) {
        self.trying = Some(Trying { endpoint: Arc::clone(endpoint), how, since: Instant::now(), until: None });
        self.ended(Some((fail.kind(), fail.short())), fail.sentence());
    }

    /// The one that is out was dropped, or will be: another was faster, or its client has gone.
    pub(crate) fn called_off(&mut self, kind: FailKind) -> Option<&Tried> {
        self.trying.as_ref()?;
        let sentence = if kind == FailKind::Lost { "it was called off before it began to answer" } else { "" };
        self.ended(Some((kind, kind.as_str().to_owned())), sentence.to_owned());
        self.tried.last()
    }

    /// Whether its attempt was dropped before this moment.
    pub(crate) fn was_dropped_before(&self, moment: Instant) -> bool {
        self.trying.as_ref().and_then(|trying| trying.until).is_some_and(|until| until <= moment)
    }

    /// When its first attempt began.
    pub(crate) fn began(&self) -> Option<Instant> {
        self.tried.first().map(|tried| tried.since).or(self.trying.as_ref().map(|trying| trying.since))
    }

    /// Whether it has answered.
    pub(crate) fn has_answered(&self) -> bool {
        self.tried.last().is_some_and(|tried| tried.failed.is_none())
    }

    /// Whether what is metered is its last attempt, and not the other's: one that answered, or that was at work
    /// when the client left and the other was not.
    fn is_metered_before(&self, other: &Self) -> bool {
        let was_left = |leg: &Self| leg.tried.last().is_some_and(|tried| tried.failed_as(FailKind::HungUp));
        self.has_answered() || (!other.has_answered() && was_left(self) && !was_left(other))
    }

    fn ended(&mut self, failed: Option<(FailKind, String)>, sentence: String) {
        let Some(Trying { endpoint, how, since, until }) = self.trying.take() else { return };
        let took = until.unwrap_or_else(Instant::now).saturating_duration_since(since);
        endpoint.metrics.attempted(failed.as_ref().map(|(kind, _)| *kind), took.as_secs_f64());
        self.tried.push(Tried { endpoint, how, failed, sentence, since, took, lost: None });
    }
}

impl Underway<'_> {
    /// How long it has been out.
    pub(crate) fn out_for(&self) -> Duration {
        self.0.trying.as_ref().map_or(Duration::ZERO, |trying| trying.since.elapsed())
    }

    /// It was answered; this could not be expressed.
    pub(crate) fn answered(self, dropped: Vec<String>) {
        self.0.dropped = dropped;
        self.0.ended(None, String::new());
    }

    /// It ended without an answer.
    pub(crate) fn failed(self, fail: &Fail) {
        self.0.ended(Some((fail.kind(), fail.short())), fail.sentence());
    }

    /// The request cannot be said there. The first to say so is heard.
    pub(crate) fn is_unsayable(&mut self, refusal: &Refusal) {
        self.0.unsayable.get_or_insert_with(|| refusal.clone());
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if let Some(trying) = &mut self.0.trying {
            trying.until.get_or_insert_with(Instant::now);
        }
    }
}

impl Tally {
    /// From here on it waits for upstreams.
    pub(crate) fn waits(&mut self) {
        self.waits_since = Some(Instant::now());
    }

    /// The wait is over, with content or without. Whoever is still out is called off.
    pub(crate) fn waited_for(&mut self, answered: bool) {
        self.waited_enough();
        if answered {
            self.first_content = Some(self.began.elapsed());
        }
        self.finish_race(FailKind::Lost);
    }

    fn waited_enough(&mut self) {
        self.waited += self.waits_since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }

    /// The client left. The endpoint that was working for it; `None` when none was.
    pub(crate) fn left_behind(&mut self) -> Option<Arc<Endpoint>> {
        self.waited_enough();
        let second = self.second.as_ref().and_then(|second| second.trying.as_ref());
        let working = second.or(self.leg.trying.as_ref()).map(|trying| Arc::clone(&trying.endpoint));
        self.finish_race(FailKind::HungUp);
        working
    }

    /// Puts both lines of attempts together, last the one that is metered: that of the winner, or of whoever was
    /// still at work. `kind` says why those that are still out are called off.
    fn finish_race(&mut self, kind: FailKind) {
        let Some(mut second) = self.second.take() else {
            self.call_off_rest(kind);
            return;
        };
        // In sequence the first is out when the second begins, whatever came after.
        let gave_way = second.began().is_some_and(|began| self.leg.was_dropped_before(began));
        self.call_off_rest(if gave_way { FailKind::Lost } else { kind });
        std::mem::swap(&mut self.leg, &mut second);
        self.call_off_rest(kind);
        std::mem::swap(&mut self.leg, &mut second);
        self.race = RaceEnd::of(self.is_of_tiers, &self.leg, &second);
        if second.tried.is_empty() || self.leg.is_metered_before(&second) {
            std::mem::swap(&mut self.leg, &mut second);
        }
        let Leg { tried, unsayable, dropped, .. } = *second;
        self.leg.tried.extend(tried);
        self.leg.unsayable = self.leg.unsayable.take().or(unsayable);
        self.leg.dropped = dropped;
    }

    fn call_off_rest(&mut self, kind: FailKind) {
        let call = self.exchange.as_ref().map(|exchange| &exchange.call);
        let (stream, asks_tier) = call.map_or((false, None), |call| (call.stream, call.asks_tier));
        let Some(Tried { endpoint, how, took, .. }) = self.leg.called_off(kind) else { return };
        if let Some(tier) = how.tier.or_else(|| asks_tier.is_none().then_some(Asked::Standard)) {
            // It would have taken longer than it had.
            endpoint.lately.cut(tier, stream, *took);
        }
        if (kind, how.tier) == (FailKind::Lost, Some(Asked::Flex)) {
            endpoint.flex.stalled(&self.live.rests, clock::now_ms(), how.number);
        }
    }
}
