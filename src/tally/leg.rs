//! What attempts did, one after the other: the one that is out, and those that have ended.
//!
//! A race has two of them, side by side, so that each attempt writes into its own. It survives the attempt:
//! one that is dropped leaves word of when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;
use tollgate_api::Refusal;
use tollgate_race::Why;

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
        self.ended(Some((kind, kind.as_str().to_owned())), String::new());
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
