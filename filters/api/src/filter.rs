//! The programmable part: what a filter is, and what it may say.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use http::HeaderMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Event, Exchange, Finish, Refusal};

/// Where in the path a filter joins. Hooks before its slot are not called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// `on_request` runs before classification: the task is not known yet.
    AfterAuth,
    /// `on_request` runs with the task known.
    #[default]
    AfterClassify,
    /// Joins at `on_attempt`.
    BeforeAttempt,
    /// Joins at `on_event`.
    OnEvent,
    /// Only told the end.
    OnFinish,
}

/// What `on_request` decides.
#[derive(Debug)]
pub enum Verdict {
    /// Go on, with whatever was changed.
    Continue,
    /// Say no: the client gets this error, in the shape its surface uses.
    Refuse(Refusal),
    /// Answer in place of a model: this JSON body with status 200.
    Answer(bytes::Bytes),
}

/// The head of one try, as `on_attempt` may change it. Credentials are added after it, unseen.
#[derive(Debug)]
pub struct AttemptHead<'a> {
    /// The endpoint about to be tried.
    pub endpoint: &'a str,
    /// Its provider.
    pub provider: &'a str,
    /// Which try of this exchange it is, from 1.
    pub number: u32,
    /// Headers to send beside those of the provider.
    pub headers: &'a mut HeaderMap,
}

/// A filter's objection to one endpoint; the next candidate is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Veto(
    /// Why, for the record: a fixed sentence, no content of the request.
    pub &'static str,
);

/// A part of the path that can be added, removed, or written by someone else.
///
/// A filter is a name, a typed configuration, `build`, and the hooks it wants: one file. State
/// that must live from one hook of an exchange to the next goes into `State`, made new for each.
pub trait Filter: Sized + Send + Sync + 'static {
    /// Its name in configuration and metrics: short, `snake_case`.
    const NAME: &'static str;
    /// Whether `on_event` wants to be called: answers are decoded for it only then.
    const SEES_EVENTS: bool = false;
    /// Whether it looks at [`Exchange::headers`]: the client's are copied into it only then.
    const SEES_HEADERS: bool = false;
    /// Its settings. Refuse unknown members with `#[serde(deny_unknown_fields)]`.
    type Conf: DeserializeOwned + JsonSchema;
    /// What it keeps between the hooks of one exchange.
    type State: Default + Send + Sync + 'static;

    /// Makes the filter from its settings.
    ///
    /// # Errors
    /// When the settings cannot work; the sentence is shown with the file and line.
    fn build(conf: Self::Conf) -> Result<Self, BuildError>;

    /// Once, before the plan: change, answer or refuse.
    fn on_request(&self, _exchange: &mut Exchange, _state: &mut Self::State) -> impl Future<Output = Verdict> + Send {
        std::future::ready(Verdict::Continue)
    }

    /// Before each try: add headers, or veto the endpoint.
    ///
    /// # Errors
    /// A [`Veto`] skips this endpoint.
    fn on_attempt(
        &self,
        _exchange: &Exchange,
        _state: &mut Self::State,
        _attempt: &mut AttemptHead<'_>,
    ) -> Result<(), Veto> {
        Ok(())
    }

    /// Each decoded piece of the answer: rewrite or count. Never waits.
    fn on_event(&self, _exchange: &Exchange, _state: &mut Self::State, _event: &mut Event) {}

    /// Exactly once, on every way out.
    fn on_finish(&self, _exchange: &Exchange, _state: &mut Self::State, _finish: &Finish<'_>) {}
}

/// A filter's settings cannot work.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(
    /// What is wrong and what to write instead.
    pub String,
);

/// What a filter keeps between hooks, its type forgotten.
type State = dyn Any + Send + Sync;

/// A [`Filter`] with its types forgotten, so that a chain can hold several. Made by [`erase`].
pub trait DynFilter: Send + Sync {
    /// [`Filter::NAME`].
    fn name(&self) -> &'static str;
    /// [`Filter::SEES_EVENTS`].
    fn sees_events(&self) -> bool;
    /// [`Filter::SEES_HEADERS`].
    fn sees_headers(&self) -> bool;
    /// A fresh [`Filter::State`].
    fn state(&self) -> Box<State>;
    /// [`Filter::on_request`].
    fn on_request<'a>(
        &'a self,
        exchange: &'a mut Exchange,
        state: &'a mut State,
    ) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;
    /// [`Filter::on_attempt`].
    ///
    /// # Errors
    /// A [`Veto`] skips this endpoint.
    fn on_attempt(&self, exchange: &Exchange, state: &mut State, attempt: &mut AttemptHead<'_>) -> Result<(), Veto>;
    /// [`Filter::on_event`].
    fn on_event(&self, exchange: &Exchange, state: &mut State, event: &mut Event);
    /// [`Filter::on_finish`].
    fn on_finish(&self, exchange: &Exchange, state: &mut State, finish: &Finish<'_>);
}

/// Forgets a filter's types.
#[must_use]
pub fn erase<F: Filter>(filter: F) -> Box<dyn DynFilter> {
    Box::new(Erased(filter))
}

struct Erased<F>(F);

fn typed<F: Filter>(state: &mut State) -> &mut F::State {
    state.downcast_mut().expect("a filter is only ever given the state it made")
}

impl<F: Filter> DynFilter for Erased<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }
    fn sees_events(&self) -> bool {
        F::SEES_EVENTS
    }
    fn sees_headers(&self) -> bool {
        F::SEES_HEADERS
    }
    fn state(&self) -> Box<State> {
        Box::new(F::State::default())
    }
    fn on_request<'a>(
        &'a self,
        exchange: &'a mut Exchange,
        state: &'a mut State,
    ) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>> {
        Box::pin(self.0.on_request(exchange, typed::<F>(state)))
    }
    fn on_attempt(&self, exchange: &Exchange, state: &mut State, attempt: &mut AttemptHead<'_>) -> Result<(), Veto> {
        self.0.on_attempt(exchange, typed::<F>(state), attempt)
    }
    fn on_event(&self, exchange: &Exchange, state: &mut State, event: &mut Event) {
        self.0.on_event(exchange, typed::<F>(state), event);
    }
    fn on_finish(&self, exchange: &Exchange, state: &mut State, finish: &Finish<'_>) {
        self.0.on_finish(exchange, typed::<F>(state), finish);
    }
}
