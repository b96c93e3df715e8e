//! Models and routes: which endpoints serve what.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::checked::{Model, Route};
use crate::file::{MatchFile, ModelFile, RouteFile, Text};
use crate::located::{Located, Named};
use crate::matching::{Match, Pattern};

use super::Desk;
use super::names::{Names, check_name};
use super::places::Places;
use super::providers::header_pair;
use super::races;

/// A chain longer than this only keeps its client waiting.
const CANDIDATES_MAX: usize = 32;

/// Models by name and alias.
pub(super) struct Models {
    list: Vec<Model>,
    by_name: HashMap<String, usize>,
    names: Names,
}

impl Models {
    pub(super) fn into_models(self) -> Vec<Model> {
        self.list
    }
}

pub(super) fn models(
    file: &Located<Named<Located<ModelFile>>>,
    places: &mut Places<'_>,
    desk: &mut Desk<'_>,
) -> Models {
    let mut taken = HashMap::new();
    for (name, _) in file.iter() {
        check_name(name, "a model", true, desk);
        claim(name, &mut taken, places, desk);
    }
    let (mut list, mut by_name) = (Vec::new(), HashMap::new());
    for (name, model) in file.iter() {
        let ModelFile { candidates, aliases } = &model.value;
        for alias in aliases {
            check_name(alias, "a model", true, desk);
            claim(alias, &mut taken, places, desk);
        }
        let candidates = indices(candidates, desk, |candidate, desk| match places.named(candidate) {
            Some(index) => vec![index],
            None if taken.contains_key(&candidate.value) => {
                let what = format!("`{}` is a model; a model's candidates are endpoints", desk.shown(candidate));
                desk.note(candidate, what, "write `provider/model`, or a name from `endpoints`");
                Vec::new()
            }
            None => {
                places.blame(candidate, None, desk);
                Vec::new()
            }
        });
        for name in aliases.iter().chain([name]) {
            by_name.insert(name.value.clone(), list.len());
        }
        let aliases = aliases.iter().map(|alias| alias.as_str().into()).collect();
        list.push(Model { name: name.as_str().into(), aliases, candidates });
    }
    let names = Names::of(taken.keys().map(String::as_str), !desk.document.is_damaged(file.place));
    Models { list, by_name, names }
}

/// Every public name stands for one thing.
fn claim(name: &Text, taken: &mut HashMap<String, String>, places: &Places<'_>, desk: &mut Desk<'_>) {
    if let Some(first) = taken.get(&name.value) {
        let what = format!("the name `{}` is taken by a model at {first}", desk.shown(name));
        desk.note(name, what, "choose another name, or remove one of the two");
        return;
    }
    if places.names.contains(name) {
        let what =
            format!("`{}` is also the name of an endpoint: as a candidate it could mean either", desk.shown(name));
        desk.note(name, what, "rename one of the two");
    }
    taken.insert(name.value.clone(), desk.document.at(name.place));
}

/// The endpoints of a list of candidates, each once.
fn indices(
    candidates: &Located<Vec<Text>>,
    desk: &mut Desk<'_>,
    mut lookup: impl FnMut(&Text, &mut Desk<'_>) -> Vec<usize>,
) -> Vec<usize> {
    if candidates.is_empty() {
        desk.document.miss(
            candidates.place,
            "there are no candidates",
            "name at least one: `candidates: [provider/model]`",
        );
    }
    let (mut indices, mut found) = (Vec::new(), HashSet::new());
    let mut given = HashSet::new();
    for candidate in candidates.iter() {
        if !given.insert(&candidate.value) {
            let what = format!("`{}` is a candidate already", desk.shown(candidate));
            desk.note(candidate, what, "name each candidate once");
            continue;
        }
        // A model of a route may bring what another one brought.
        indices.extend(lookup(candidate, desk).into_iter().filter(|index| found.insert(*index)));
    }
    if indices.len() > CANDIDATES_MAX {
        let what = format!("these are {} candidates; at most {CANDIDATES_MAX} are tried", indices.len());
        desk.note(candidates, what, "name fewer");
    }
    indices
}

pub(super) fn routes(
    file: &[Located<RouteFile>],
    models: &Models,
    tenants: &Names,
    places: &mut Places<'_>,
    desk: &mut Desk<'_>,
) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::with_capacity(file.len());
    let mut names = HashSet::new();
    let mut takes_all: Option<Arc<str>> = None;
    for route in file {
        let RouteFile { name, r#match, classify, candidates, hedge } = &route.value;
        check_name(name, "a route", false, desk);
        if !names.insert(&name.value) {
            let what = format!("there are two routes `{}`", desk.shown(name));
            desk.note(name, what, "rename one, or remove it");
        }
        let candidates = indices(candidates, desk, |candidate, desk| {
            let named = || models.by_name.get(&candidate.value).map(|model| models.list[*model].candidates.clone());
            places.named(candidate).map(|index| vec![index]).or_else(named).unwrap_or_else(|| {
                places.blame(candidate, Some(&models.names), desk);
                Vec::new()
            })
        });
        let matches = conditions(r#match, tenants, desk);
        if let Some(first) = &takes_all {
            let what = format!("this route is never reached: `{first}` above takes every request");
            desk.note(name, what, "move it up, or give the other one a `match`");
        }
        let hedge = hedge.as_ref().map(|hedge| races::hedge(hedge, desk));
        let classify = *classify || matches.needs_label();
        let route = Route { name: name.as_str().into(), classify, matches, candidates, hedge };
        if route.matches.takes_all() && !desk.document.is_damaged(r#match.place) {
            takes_all.get_or_insert(Arc::clone(&route.name));
        }
        routes.push(route);
    }
    routes
}

fn conditions(file: &MatchFile, tenants: &Names, desk: &mut Desk<'_>) -> Match {
    let MatchFile { model, task, complexity, stream, tenant, tools, header } = file;
    for name in tenant {
        tenants.expect(name, "tenant", "keys belong to", "add a key of that tenant under `keys`", desk);
    }
    for pattern in model.iter().filter(|pattern| pattern.is_empty()) {
        desk.note(pattern, "an empty pattern fits no model", "write a model's name, or `*` for any");
    }
    Match {
        model: model.iter().map(|pattern| Pattern::new(pattern)).collect(),
        task: task.clone(),
        complexity: *complexity,
        stream: *stream,
        tenant: tenant.iter().map(|name| name.as_str().into()).collect(),
        tools: *tools,
        header: header.iter().filter_map(|(name, value)| header_pair(name, value, desk)).collect(),
    }
}
