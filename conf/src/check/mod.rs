//! From the file as written to a [`Config`]: every name is looked up, every default filled in.
//!
//! Nothing stops at the first mistake. Each part notes its own and hands on what is right, so that
//! the parts after it can be checked as well; whether there is a [`Config`] is decided at the end.

mod accounts;
mod books;
mod keys;
mod names;
mod percent;
mod places;
mod plans;
mod providers;
mod races;
mod server;

use std::path::PathBuf;

pub(crate) use providers::OURS;

use crate::checked::{Config, FilterEntry, HealthPolicy, KeyLimits, Limits, Timeouts};
use crate::document::Document;
use crate::file::{File, FilterFile, HealthFile, KeyLimitsFile, LimitsFile, Text, TimeoutsFile};
use crate::located::Located;
use crate::problem::Problem;
use crate::sources::{Reads, Sources};

/// What every check has at hand: the document to note mistakes in, and files to look into.
pub(crate) struct Desk<'a> {
    pub(crate) document: Document,
    pub(crate) reads: &'a Reads<'a>,
    /// Mistakes in other files.
    pub(crate) elsewhere: Vec<Problem>,
}

/// Checks the file. `None` when anything was wrong: the desk knows what.
pub(crate) fn check(file: File, desk: &mut Desk<'_>) -> Option<Config> {
    let File {
        server,
        keys,
        key_hashing,
        providers,
        endpoints,
        models,
        routes,
        timeouts,
        deadlines,
        health,
        limits,
        classify,
        catalogue,
        filters,
        log,
        data_dir,
        audit,
        store,
        admin,
        vault,
        budgets,
        fees,
    } = file;
    let (timeouts, limits) = (all_timeouts(&timeouts), all_limits(&limits));
    let server = server::server(server, desk);
    let key_hashing = keys::hashing(&key_hashing, desk);
    let tenants = keys::tenants(&keys, desk);
    let keys = keys::keys(&keys.value, limits.key, desk);
    let providers = providers::providers(&providers, timeouts, desk);
    let (catalogue, oddities) = books::catalogue(&catalogue, desk).unzip();
    let mut places = places::endpoints(&endpoints, &providers, catalogue.as_ref(), desk);
    let models = plans::models(&models, &mut places, desk);
    let routes = plans::routes(&routes, &models, &tenants, &mut places, desk);
    let (deadlines, health) = (races::deadlines(&deadlines, desk), health_policy(&health, desk));
    let filters = filters.into_iter().map(|filter| entry(filter.value, desk)).collect();
    let (log, classifier) = (server::log(log, desk), books::classifier(&classify, desk));
    let data_dir = desk.reads.resolve(&data_dir);
    let audit = server::audit(&audit, desk);
    let (store, vault) = (accounts::store(&store, &data_dir, desk), accounts::vault(&vault, &data_dir, desk));
    let (admin, fees) = (accounts::admin(&admin, desk), accounts::fees(&fees, desk));
    if desk.document.is_wrong() || !desk.elsewhere.is_empty() {
        return None;
    }
    Some(Config {
        server: server?,
        key_hashing,
        keys,
        endpoints: places.into_endpoints(),
        providers: providers.into_providers(),
        models: models.into_models(),
        routes,
        timeouts,
        deadlines,
        health,
        limits,
        classifier: classifier?,
        catalogue: catalogue?,
        oddities: oddities?,
        filters,
        log,
        data_dir,
        audit,
        store,
        admin: admin?,
        vault,
        budgets: accounts::budgets(&budgets),
        fees,
        files: Vec::new(),
    })
}

fn all_timeouts(file: &TimeoutsFile) -> Timeouts {
    let TimeoutsFile { connect, first_byte, idle, total } = file;
    Timeouts { connect: connect.0, first_byte: first_byte.0, idle: idle.0, total: total.0 }
}

fn all_limits(file: &LimitsFile) -> Limits {
    let LimitsFile {
        requests_per_minute,
        requests_per_day,
        tokens_per_minute,
        tokens_per_day,
        concurrent_requests,
        requests_per_second_per_ip,
        requests_per_minute_per_ip,
    } = *file;
    let key =
        KeyLimits { requests_per_minute, requests_per_day, tokens_per_minute, tokens_per_day, concurrent_requests };
    Limits { key, requests_per_second_per_ip, requests_per_minute_per_ip }
}

/// A key's own limits, each in place of everyone's.
fn own_limits(file: &KeyLimitsFile, all: KeyLimits) -> KeyLimits {
    let KeyLimitsFile { requests_per_minute, requests_per_day, tokens_per_minute, tokens_per_day, concurrent_requests } =
        *file;
    let own =
        KeyLimits { requests_per_minute, requests_per_day, tokens_per_minute, tokens_per_day, concurrent_requests };
    own.or(all)
}

fn health_policy(file: &HealthFile, desk: &mut Desk<'_>) -> HealthPolicy {
    let HealthFile { trip_after, cooldown, max_cooldown } = file;
    if max_cooldown.0 < cooldown.0 {
        let what = format!("`max_cooldown` is shorter than `cooldown`, which is {cooldown}");
        desk.note(max_cooldown, what, format!("write `{cooldown}` or more"));
    }
    HealthPolicy { trip_after: *trip_after, cooldown: cooldown.0, max_cooldown: max_cooldown.0 }
}

fn entry(file: FilterFile, desk: &mut Desk<'_>) -> FilterEntry {
    let FilterFile { r#use, slot, conf } = file;
    let at = desk.document.at(r#use.place);
    FilterEntry { name: r#use.value, slot, conf: conf.unwrap_or_else(|| serde_json::json!({})), at }
}

impl Desk<'_> {
    /// Notes a mistake in a value.
    fn note<T>(&mut self, at: &Located<T>, what: impl Into<String>, remedy: impl Into<String>) {
        self.document.note(at.place, what, remedy);
    }

    /// A name as it may be repeated in a sentence.
    fn shown(&self, text: &Text) -> String {
        self.document.shown(text)
    }

    /// The content of a file that a member names, and where it is.
    fn file(&mut self, path: &Text, what: &str) -> Option<(PathBuf, String)> {
        let resolved = self.reads.resolve(path);
        match self.reads.file(&resolved) {
            Ok(text) => Some((resolved, text)),
            Err(error) => {
                let what = format!("{what} cannot be read: {error}");
                let remedy = "name a readable text file; a relative path starts at the configuration file's folder";
                self.note(path, what, remedy);
                None
            }
        }
    }
}
