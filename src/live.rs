//! The configuration in use: everything that a request looks up, ready to be looked up.
//!
//! It is built whole, swapped whole, and never changed. What must outlive a reload (health, the guard
//! against floods) is carried over from the one before. Keys and tenants are not here: they change apart.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher, RandomState};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, anyhow};
use pingora::utils::tls::WrappedX509;
use secrecy::ExposeSecret;
use tollgate_audit::Audit;
use tollgate_classify::Classify;
use tollgate_conf::{BaseUrl, Config, Deadlines, Match, Pattern, Provider, Server, Timeouts};
use tollgate_limit::{AddressGuard, AddressLimits, FloodGuard};
use tollgate_meter::Catalogue;
use tollgate_race::{Quota, RestPolicy};

use crate::books::Books;
use crate::certificates;
use crate::chain::Chain;
use crate::deadlines::rest_policy;
use crate::endpoint::{Endpoint, Parts, Site};
use crate::filters::Filters;
use crate::handles::ModelMetrics;
use crate::health::Policy;
use crate::ledger::Terms;
use crate::metrics::Metrics;

/// The configuration in use.
pub(crate) struct Live {
    pub(crate) server: Server,
    pub(crate) timeouts: Timeouts,
    /// How requests are held to budgets, and what is asked on top.
    pub(crate) terms: Terms,
    /// How requests meet deadlines, and when flex is left alone.
    pub(crate) deadlines: Deadlines,
    pub(crate) rests: RestPolicy,
    pub(crate) flood: Option<FloodGuard>,
    pub(crate) addresses: Option<AddressGuard>,
    pub(crate) requests_per_minute_per_ip: Option<NonZeroU32>,
    pub(crate) endpoints: Vec<Arc<Endpoint>>,
    /// By public name and by alias.
    pub(crate) models: HashMap<Box<str>, Arc<Model>>,
    /// By provider, then by the vendor's model id: what `provider/model` may name.
    pub(crate) by_upstream_model: HashMap<Box<str>, HashMap<Box<str>, Arc<Endpoint>>>,
    /// By provider: where its own paths lead.
    pub(crate) natives: HashMap<Box<str>, Arc<Endpoint>>,
    /// By provider, where the operator says: the tenants that may use what is stored there.
    pub(crate) storage_for: HashMap<Arc<str>, Vec<Pattern>>,
    pub(crate) routes: Vec<Route>,
    pub(crate) classifier: Arc<dyn Classify>,
    pub(crate) chain: Chain,
    /// Where requests are counted whose model is not known: a client's word is never a label.
    pub(crate) unknown_model: ModelMetrics,
    /// Whether a filter or a route looks at the client's headers.
    pub(crate) needs_headers: bool,
    /// What records need; `None` when the audit log is off.
    pub(crate) books: Option<Books>,
}

/// A public model.
pub(crate) struct Model {
    pub(crate) name: Arc<str>,
    pub(crate) candidates: Vec<Arc<Endpoint>>,
    pub(crate) metrics: ModelMetrics,
}

/// A route.
pub(crate) struct Route {
    pub(crate) name: Arc<str>,
    pub(crate) matches: Match,
    pub(crate) classify: bool,
    pub(crate) candidates: Vec<Arc<Endpoint>>,
    pub(crate) hedge: Option<Hedge>,
}

/// How many of a route's requests may be asked twice.
pub(crate) struct Hedge {
    /// For each request, in millionths of a hedge.
    pub(crate) extra_millionths: u32,
    /// What of that has not been used; survives reloads.
    pub(crate) quota: Arc<Quota>,
}

impl Live {
    /// Builds it all, or says what is wrong. `before` is the one to carry state over from.
    pub(crate) fn build(
        config: &Config,
        filters: &Filters,
        metrics: &Metrics,
        before: Option<&Self>,
        audit: Option<&Arc<Audit>>,
    ) -> anyhow::Result<Self> {
        let endpoints = endpoints(config, metrics, before)?;
        let books = audit.map(|audit| Books::new(audit, config, &endpoints)).transpose()?;
        let pick = |indices: &[usize]| indices.iter().map(|i| Arc::clone(&endpoints[*i])).collect::<Vec<_>>();
        let routes: Vec<Route> = config
            .routes
            .iter()
            .map(|r| Route {
                name: Arc::clone(&r.name),
                matches: r.matches.clone(),
                classify: r.classify,
                candidates: pick(&r.candidates),
                hedge: r.hedge.map(|hedge| Hedge {
                    extra_millionths: hedge.extra_millionths,
                    quota: before.and_then(|b| b.quota(&r.name)).unwrap_or_default(),
                }),
            })
            .collect();
        let chain = chain(config, filters, metrics)?;
        Ok(Self {
            terms: Terms { budgets: config.budgets, fees: config.fees },
            deadlines: config.deadlines,
            rests: rest_policy(&config.deadlines),
            books,
            flood: flood(config, before),
            addresses: addresses(config, before),
            requests_per_minute_per_ip: config.limits.requests_per_minute_per_ip,
            models: models(config, metrics, pick),
            by_upstream_model: by_upstream_model(&endpoints),
            natives: natives(config, metrics, before)?,
            storage_for: storage_for(&config.providers),
            classifier: Arc::clone(&config.classifier),
            unknown_model: metrics.model("unknown"),
            needs_headers: chain.sees_headers() || routes.iter().any(|r| r.matches.needs_headers()),
            server: config.server.clone(),
            timeouts: config.timeouts,
            endpoints,
            routes,
            chain,
        })
    }
}

impl Live {
    /// What a route's hedges have left.
    fn quota(&self, route: &str) -> Option<Arc<Quota>> {
        let route = self.routes.iter().find(|r| &*r.name == route)?;
        route.hedge.as_ref().map(|hedge| Arc::clone(&hedge.quota))
    }

    /// The places of a model, by its public name or as `provider/model`.
    pub(crate) fn places_of(&self, asked: &str) -> impl Iterator<Item = &Arc<Endpoint>> {
        let model = self.models.get(asked);
        let pinned = asked.split_once('/').and_then(|(provider, name)| self.by_upstream_model.get(provider)?.get(name));
        model.into_iter().flat_map(|model| model.candidates.iter()).chain(pinned)
    }
}

fn endpoints(config: &Config, metrics: &Metrics, before: Option<&Live>) -> anyhow::Result<Vec<Arc<Endpoint>>> {
    let policy = policy(config);
    let trusted = config.providers.iter().map(trusted).collect::<anyhow::Result<Vec<_>>>()?;
    let build = |e: &tollgate_conf::Endpoint| {
        let provider = &config.providers[e.provider];
        let old = before.and_then(|b| b.endpoints.iter().find(|old| old.name == e.name));
        let parts = Parts {
            name: Arc::clone(&e.name),
            provider: Arc::clone(&provider.name),
            model: Arc::clone(&e.model),
            timeouts: e.timeouts,
            prices: entry(&config.catalogue, &e.price_as).and_then(|entry| entry.prices.clone()),
            max_output: entry(&config.catalogue, &e.price_as).and_then(|entry| entry.max_output),
            first_content: entry(&config.catalogue, &e.price_as).and_then(|entry| entry.first_content),
            health: old.map_or_else(Arc::default, |old| Arc::clone(&old.health)),
            lately: old.map_or_else(Arc::default, |old| Arc::clone(&old.lately)),
            flex: old.map_or_else(Arc::default, |old| Arc::clone(&old.flex)),
            policy,
            metrics: metrics.endpoint(&e.name, &provider.name),
        };
        let site = site(provider, &e.base, e.timeouts, trusted[e.provider].clone());
        let endpoint = Endpoint::new(parts, &site).with_context(|| format!("endpoint `{}`", e.name))?;
        Ok(Arc::new(endpoint))
    };
    config.endpoints.iter().map(build).collect()
}

fn storage_for(providers: &[Provider]) -> HashMap<Arc<str>, Vec<Pattern>> {
    let said = providers.iter().filter(|provider| !provider.storage_for.is_empty());
    said.map(|provider| (Arc::clone(&provider.name), provider.storage_for.clone())).collect()
}

/// Each provider as a place without a model.
fn natives(
    config: &Config,
    metrics: &Metrics,
    before: Option<&Live>,
) -> anyhow::Result<HashMap<Box<str>, Arc<Endpoint>>> {
    let build = |provider: &Provider| {
        let old = before.and_then(|live| live.natives.get(&*provider.name));
        let parts = Parts {
            name: Arc::clone(&provider.name),
            provider: Arc::clone(&provider.name),
            model: Arc::from(""),
            timeouts: provider.timeouts,
            prices: None,
            max_output: None,
            first_content: None,
            health: old.map_or_else(Arc::default, |old| Arc::clone(&old.health)),
            lately: old.map_or_else(Arc::default, |old| Arc::clone(&old.lately)),
            flex: Arc::default(),
            policy: policy(config),
            metrics: metrics.endpoint(&provider.name, &provider.name),
        };
        let site = site(provider, &provider.base, provider.timeouts, trusted(provider)?);
        let endpoint = Endpoint::new(parts, &site).with_context(|| format!("provider `{}`", provider.name))?;
        Ok((Box::from(&*provider.name), Arc::new(endpoint)))
    };
    config.providers.iter().map(build).collect()
}

fn policy(config: &Config) -> Policy {
    Policy {
        trip_after: config.health.trip_after.get(),
        cooldown: config.health.cooldown,
        cooldown_max: config.health.max_cooldown,
    }
}

fn site<'a>(provider: &'a Provider, base: &'a BaseUrl, timeouts: Timeouts, ca: Option<Arc<[WrappedX509]>>) -> Site<'a> {
    let mut group = DefaultHasher::new();
    (&provider.name, &provider.ca_file, provider.http2).hash(&mut group);
    Site {
        base,
        vendor: provider.vendor,
        dialects: std::iter::once(provider.dialect).chain(provider.also.iter().copied()).collect(),
        http2: provider.http2,
        credential: provider.credential.as_ref().map(|c| c.expose_secret()),
        headers: &provider.headers,
        ca,
        connect: timeouts.connect,
        group: group.finish(),
    }
}

fn trusted(provider: &Provider) -> anyhow::Result<Option<Arc<[WrappedX509]>>> {
    let Some(file) = &provider.ca_file else { return Ok(None) };
    certificates::authorities(file).map(Some)
}

fn entry<'a>(catalogue: &'a Catalogue, key: &tollgate_conf::PriceKey) -> Option<&'a tollgate_meter::Entry> {
    catalogue.lookup(&key.provider, &key.model)
}

fn models(
    config: &Config,
    metrics: &Metrics,
    pick: impl Fn(&[usize]) -> Vec<Arc<Endpoint>>,
) -> HashMap<Box<str>, Arc<Model>> {
    let mut models = HashMap::new();
    for model in &config.models {
        let made = Arc::new(Model {
            name: Arc::clone(&model.name),
            candidates: pick(&model.candidates),
            metrics: metrics.model(&model.name),
        });
        for name in std::iter::once(&model.name).chain(&model.aliases) {
            models.insert(Box::from(&**name), Arc::clone(&made));
        }
    }
    models
}

fn by_upstream_model(endpoints: &[Arc<Endpoint>]) -> HashMap<Box<str>, HashMap<Box<str>, Arc<Endpoint>>> {
    let mut places: HashMap<Box<str>, HashMap<Box<str>, Arc<Endpoint>>> = HashMap::new();
    for endpoint in endpoints {
        let of_provider = places.entry(Box::from(&*endpoint.provider)).or_default();
        of_provider.entry(Box::from(&*endpoint.model)).or_insert_with(|| Arc::clone(endpoint));
    }
    places
}

fn flood(config: &Config, before: Option<&Live>) -> Option<FloodGuard> {
    let limit = config.limits.requests_per_second_per_ip?;
    Some(match before.and_then(|b| b.flood.as_ref()) {
        Some(old) => old.renew(limit),
        None => FloodGuard::new(limit, Instant::now()),
    })
}

fn addresses(config: &Config, before: Option<&Live>) -> Option<AddressGuard> {
    let limits = AddressLimits { requests_per_minute: config.limits.requests_per_minute_per_ip? };
    Some(match before.and_then(|b| b.addresses.as_ref()) {
        Some(old) => old.renew(limits),
        None => AddressGuard::new(limits, RandomState::new(), Instant::now()),
    })
}

fn chain(config: &Config, filters: &Filters, metrics: &Metrics) -> anyhow::Result<Chain> {
    let mut built = Vec::with_capacity(config.filters.len());
    for entry in &config.filters {
        let build = filters.get(&entry.name).ok_or_else(|| {
            let known = filters.names().collect::<Vec<_>>().join("`, `");
            anyhow!("{}: there is no filter `{}`; this binary has `{known}`", entry.at, entry.name)
        })?;
        let filter = build(entry.conf.clone())
            .map_err(|e| anyhow!("{}: filter `{}` cannot work with its `conf`: {e}", entry.at, entry.name))?;
        built.push((filter, entry.slot));
    }
    Ok(Chain::new(built, metrics))
}
