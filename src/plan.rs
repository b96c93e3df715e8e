//! Which endpoints may serve a request, in which order, and why. Pure: it reads configuration and
//! the exchange, tries nothing and changes nothing.

use std::sync::Arc;

use smallvec::SmallVec;
use tollgate_api::{Call, Code, Exchange, Label, Refusal};

use crate::accounts::{Holder, Own, TenantState};
use crate::deadlines::Pace;
use crate::endpoint::Endpoint;
use crate::live::{Hedge, Live, Model, Route};

/// The endpoints to try, in order. Never empty.
pub(crate) struct Plan<'a> {
    /// What led here.
    pub(crate) why: Why<'a>,
    /// For metrics: the public model.
    pub(crate) model: Option<&'a Arc<Model>>,
    /// How the candidates are asked.
    pub(crate) pace: Pace,
    /// The output that the client's own bound on the cost leaves.
    pub(crate) cap: Option<u64>,
    candidates: SmallVec<[Candidate<'a>; 4]>,
}

/// A place to try, and whose credential it is tried with.
pub(crate) struct Candidate<'a> {
    operators: &'a Arc<Endpoint>,
    /// The tenant's own credential, and the endpoint as it reaches it.
    own: Option<(Arc<Own>, Arc<Endpoint>)>,
    /// Whether its flex tier is to be tried.
    is_flex: bool,
}

impl Candidate<'_> {
    /// Where.
    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        self.own.as_ref().map_or(self.operators, |(_, place)| place)
    }

    /// The tenant's own credential; `None` for the operator's.
    pub(crate) fn own(&self) -> Option<&Arc<Own>> {
        self.own.as_ref().map(|(own, _)| own)
    }
}

/// No candidate is left.
pub(crate) struct NoneLeft;

/// What chose the candidates.
#[derive(Clone, Copy)]
pub(crate) enum Why<'a> {
    /// A route matched.
    Route(&'a Route),
    /// The model's own candidates.
    Model(&'a Model),
    /// The client named the provider.
    Pinned,
}

impl<'a> Plan<'a> {
    /// The candidates in order.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Candidate<'a>> {
        self.candidates.iter()
    }

    /// The first of them.
    pub(crate) fn first(&self) -> &Candidate<'a> {
        &self.candidates[0]
    }

    /// The one whose flex tier is tried, if it is still among them.
    pub(crate) fn flex(&self) -> Option<&Candidate<'a>> {
        self.candidates.iter().find(|candidate| candidate.is_flex)
    }

    /// Chooses the first for which this holds to have its flex tier tried. Whether there is one.
    pub(crate) fn mark_flex(&mut self, can: impl Fn(&Candidate<'a>) -> bool) -> bool {
        let found = self.candidates.iter_mut().find(|candidate| can(candidate));
        found.map(|candidate| candidate.is_flex = true).is_some()
    }

    /// The hedge of its route, where it has one.
    pub(crate) fn hedge(&self) -> Option<&'a Hedge> {
        match self.why {
            Why::Route(route) => route.hedge.as_ref(),
            Why::Model(_) | Why::Pinned => None,
        }
    }

    /// Whether two attempts may be out at once, so that the prompt may be paid for twice.
    pub(crate) fn may_ask_twice(&self) -> bool {
        matches!(self.pace, Pace::Race { .. }) || self.hedge().is_some()
    }

    /// Keeps those for which this holds. Where none is left, the plan stays as it was and must not be used.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Candidate<'a>) -> bool) -> Result<(), NoneLeft> {
        if !self.candidates.iter().any(&mut keep) {
            return Err(NoneLeft);
        }
        self.candidates.retain(|candidate| keep(candidate));
        Ok(())
    }

    /// One place alone.
    pub(crate) fn only(place: &'a Arc<Endpoint>) -> Self {
        let candidates = SmallVec::from_iter([Candidate { operators: place, own: None, is_flex: false }]);
        Self { why: Why::Pinned, model: None, pace: Pace::AsItComes, cap: None, candidates }
    }

    fn of(why: Why<'a>, model: Option<&'a Arc<Model>>, all: impl Iterator<Item = &'a Arc<Endpoint>>) -> Option<Self> {
        let candidate = |operators| Candidate { operators, own: None, is_flex: false };
        let candidates: SmallVec<_> = all.map(candidate).collect();
        (!candidates.is_empty()).then_some(Self { why, model, pace: Pace::AsItComes, cap: None, candidates })
    }

    /// Leaves what the caller's key and tenant allow, and puts the tenant's own credentials in place of the
    /// operator's.
    ///
    /// # Errors
    /// When nothing is left; the refusal names the rule.
    pub(crate) fn permitted(mut self, holder: &Holder, asked: &str, state: &TenantState) -> Result<Self, Refusal> {
        if let Some(bound) = &holder.bound {
            if !bound.allows_model(asked) {
                return Err(Refusal::new(Code::KeyBound, "this key is bound to other models").at("model"));
            }
            self.retain(|c| bound.allows_provider(&c.operators.provider)).map_err(|NoneLeft| {
                Refusal::new(Code::KeyBound, "this key is bound to providers that do not serve this model").at("model")
            })?;
        }
        if state.own.is_empty() && !state.byok_only {
            return Ok(self);
        }
        let mut is_wrong = false;
        for candidate in &mut self.candidates {
            if let Some(own) = state.own.get(&*candidate.operators.provider) {
                candidate.own = own.place(candidate.operators).map(|place| (Arc::clone(own), place));
                // Never silently the operator's where the tenant has its own.
                is_wrong |= candidate.own.is_none();
            }
        }
        let has_own = |c: &Candidate<'_>| state.own.contains_key(&*c.operators.provider);
        self.retain(|c| c.own.is_some() || (!state.byok_only && !has_own(c))).map_err(|NoneLeft| {
            let what = match is_wrong {
                true => "the address of your own credential is none that may be called",
                false => "your tenant uses its own credentials only, and has none for the providers of this model",
            };
            Refusal::new(Code::CredentialRequired, what).at("model")
        })?;
        Ok(self)
    }
}

impl Why<'_> {
    /// One sentence for `explain`.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Route(route) => format!("route `{}` matched", route.name),
            Self::Model(model) => format!("the candidates of model `{}`", model.name),
            Self::Pinned => "the client named the provider".to_owned(),
        }
    }
}

/// Whether a label could change the choice: `auto`, or a route for this call that asks for one.
pub(crate) fn wants_label(live: &Live, call: &Call) -> bool {
    &*call.model == "auto" || live.routes.iter().any(|r| r.classify && r.matches.model(&call.model))
}

/// Chooses.
///
/// # Errors
/// [`Code::ModelNotFound`] when nothing is configured for what was asked.
pub(crate) fn choose<'a>(live: &'a Live, exchange: &Exchange) -> Result<Plan<'a>, Refusal> {
    let model = live.models.get(&*exchange.call.model);
    let by_route = live
        .routes
        .iter()
        .find(|r| r.matches.all(exchange))
        .and_then(|route| Plan::of(Why::Route(route), model, route.candidates.iter()));
    by_route
        .or_else(|| model.and_then(|m| Plan::of(Why::Model(m), Some(m), m.candidates.iter())))
        .or_else(|| pinned(live, &exchange.call.model))
        .ok_or_else(|| not_found(&exchange.call, exchange.label.as_ref()))
}

/// `provider/model`: a model's candidates at that provider, or the endpoint of that very name.
fn pinned<'a>(live: &'a Live, asked: &str) -> Option<Plan<'a>> {
    let (provider, name) = asked.split_once('/')?;
    let model = live.models.get(name);
    let of_model = model.into_iter().flat_map(|m| m.candidates.iter()).filter(|e| &*e.provider == provider);
    Plan::of(Why::Pinned, model, of_model).or_else(|| {
        let endpoint = live.by_upstream_model.get(provider)?.get(name)?;
        Plan::of(Why::Pinned, None, std::iter::once(endpoint))
    })
}

fn not_found(call: &Call, label: Option<&Label>) -> Refusal {
    let message = match (&*call.model, label) {
        ("auto", Some(label)) => format!(
            "no route takes `auto` for task `{}`, complexity `{}`",
            label.task.map_or("unsure", |t| t.as_str()),
            label.complexity.as_str()
        ),
        // The name is the client's own; it is cut so that an error cannot be made huge.
        (model, _) => format!("there is no model `{}`", &model[..model.floor_char_boundary(100)]),
    };
    Refusal::new(Code::ModelNotFound, message).at("model")
}
