//! Endpoints: those with an entry of their own, and those that candidates bring along.

use std::collections::HashMap;
use std::sync::Arc;

use tollgate_meter::Catalogue;

use crate::checked::{Endpoint, PriceKey};
use crate::file::{EndpointFile, Text};
use crate::located::{Located, Named};
use crate::problem::nearest;

use super::Desk;
use super::names::{Names, check_name};
use super::providers::{Providers, base, own_timeouts};

/// Endpoints by name, and the providers to make new ones of.
pub(super) struct Places<'a> {
    list: Vec<Endpoint>,
    by_name: HashMap<Arc<str>, usize>,
    pub(super) names: Names,
    providers: &'a Providers,
}

pub(super) fn endpoints<'a>(
    file: &Located<Named<Located<EndpointFile>>>,
    providers: &'a Providers,
    catalogue: Option<&Catalogue>,
    desk: &mut Desk<'_>,
) -> Places<'a> {
    let names = file.iter().map(|(name, _)| name.as_str());
    let names = Names::of(names, !desk.document.is_damaged(file.place));
    let mut places = Places { list: Vec::new(), by_name: HashMap::new(), names, providers };
    for (name, endpoint) in file.iter() {
        check_name(name, "an endpoint", false, desk);
        if let Some(endpoint) = one(name, endpoint, providers, catalogue, desk) {
            places.add(endpoint);
        }
    }
    places
}

fn one(
    name: &Text,
    file: &EndpointFile,
    providers: &Providers,
    catalogue: Option<&Catalogue>,
    desk: &mut Desk<'_>,
) -> Option<Endpoint> {
    let EndpointFile { provider, model, base_url, timeouts, price_as } = file;
    providers.names.expect(provider, "provider", "configured are", "add it under `providers`", desk);
    if model.is_empty() {
        desk.note(model, "the model's id is empty", "write the id that the vendor gives it");
    }
    let price_as = price_as.as_ref().map(|text| price_key(text, catalogue, desk));
    let found = providers.get(provider);
    let own_base = base_url.as_ref().map(|text| base(text, found.map(|(_, p)| p.dialect), desk));
    let (index, provider) = found?;
    Some(Endpoint {
        name: name.as_str().into(),
        provider: index,
        model: model.as_str().into(),
        base: own_base.unwrap_or_else(|| Some(provider.base.clone()))?,
        timeouts: own_timeouts(timeouts, provider.timeouts),
        price_as: match price_as {
            Some(key) => key?,
            None => PriceKey { provider: Arc::clone(&provider.name), model: model.as_str().into() },
        },
    })
}

fn price_key(text: &Text, catalogue: Option<&Catalogue>, desk: &mut Desk<'_>) -> Option<PriceKey> {
    let key = text.split_once('/').filter(|(provider, model)| !provider.is_empty() && !model.is_empty());
    if key.is_none() {
        let what = format!("`{}` names no catalogue entry", desk.shown(text));
        desk.note(text, what, "write `provider/model`, as the catalogue has it");
    }
    if let Some(((provider, model), catalogue)) = key.zip(catalogue)
        && catalogue.lookup(provider, model).is_none()
    {
        let what = format!("the catalogue has no entry `{}`", desk.shown(text));
        desk.note(text, what, "write one that `conf/models/` has, or add a file of your own under `catalogue.files`");
    }
    key.map(|(provider, model)| PriceKey { provider: provider.into(), model: model.into() })
}

impl Places<'_> {
    /// The endpoint that a candidate names; made, if it is `provider/model` for the first time.
    pub(super) fn named(&mut self, candidate: &str) -> Option<usize> {
        if let Some(index) = self.by_name.get(candidate) {
            return Some(*index);
        }
        let (provider, model) = candidate.split_once('/').filter(|(_, model)| !model.is_empty())?;
        let (index, provider) = self.providers.get(provider)?;
        Some(self.add(Endpoint {
            name: candidate.into(),
            provider: index,
            model: model.into(),
            base: provider.base.clone(),
            timeouts: provider.timeouts,
            price_as: PriceKey { provider: Arc::clone(&provider.name), model: model.into() },
        }))
    }

    /// Notes why a candidate names nothing; `models` are names that may stand there too.
    pub(super) fn blame(&self, candidate: &Text, models: Option<&Names>, desk: &mut Desk<'_>) {
        let shown = desk.shown(candidate);
        match candidate.split_once('/') {
            Some((provider, model)) if self.providers.names.contains(provider) => {
                if model.is_empty() {
                    desk.note(candidate, format!("`{shown}` has no model after its slash"), "write `provider/model`");
                }
                // Otherwise the provider itself is wrong, which has been noted.
            }
            Some((provider, _)) if self.providers.names.is_complete() => {
                let remedy = match nearest(provider, self.providers.names.iter()) {
                    Some(near) => format!("did you mean the provider `{near}`?"),
                    None => "add it under `providers`, or write one that is there".to_owned(),
                };
                desk.note(candidate, format!("there is no provider for `{shown}`"), remedy);
            }
            Some(_) => {}
            None => self.blame_name(candidate, &shown, models, desk),
        }
    }

    fn blame_name(&self, candidate: &Text, shown: &str, models: Option<&Names>, desk: &mut Desk<'_>) {
        let is_known_but_wrong = self.names.contains(candidate);
        if is_known_but_wrong || !self.names.is_complete() || models.is_some_and(|models| !models.is_complete()) {
            return;
        }
        let known: Vec<&str> = self.names.iter().chain(models.into_iter().flat_map(Names::iter)).collect();
        let kind = if models.is_some() { "endpoint or model" } else { "endpoint" };
        let remedy = match nearest(candidate, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write `provider/{shown}`, or a name from `endpoints`"),
        };
        desk.note(candidate, format!("there is no {kind} `{shown}`"), remedy);
    }

    fn add(&mut self, endpoint: Endpoint) -> usize {
        let index = self.list.len();
        self.by_name.insert(Arc::clone(&endpoint.name), index);
        self.list.push(endpoint);
        index
    }

    pub(super) fn into_endpoints(self) -> Vec<Endpoint> {
        self.list
    }
}
