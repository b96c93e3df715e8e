//! Which endpoints may serve a request, in which order, and why. Pure: it reads configuration and
//! the exchange, tries nothing and changes nothing.

use std::sync::Arc;

use smallvec::SmallVec;
use tollgate_api::{Call, Code, Exchange, Label, Refusal};

use crate::endpoint::Endpoint;
use crate::live::{Live, Model, Route};

/// The endpoints to try, in order. Never empty.
pub(crate) struct Plan<'a> {
    /// What led here.
    pub(crate) why: Why<'a>,
    /// For metrics: the public model.
    pub(crate) model: Option<&'a Arc<Model>>,
    first: &'a Arc<Endpoint>,
    rest: SmallVec<[&'a Arc<Endpoint>; 4]>,
}

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
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &'a Arc<Endpoint>> + '_ {
        std::iter::once(self.first).chain(self.rest.iter().copied())
    }

    fn of(
        why: Why<'a>,
        model: Option<&'a Arc<Model>>,
        mut all: impl Iterator<Item = &'a Arc<Endpoint>>,
    ) -> Option<Self> {
        let first = all.next()?;
        Some(Self { why, model, first, rest: all.collect() })
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
