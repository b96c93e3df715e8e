//! The audit log as configuration wants it: opened, with the versions of prices and configuration that
//! records name. It writes no record.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tollgate_api::{Price, Tier};
use tollgate_audit::hash::{Digest, hex};
use tollgate_audit::record::LogId;
use tollgate_audit::{Audit, Listed, Long, Mode, PriceList, Retention, Settings, Tiered};
use tollgate_conf::{AuditMode, Config};
use tollgate_meter::{List, Rates};

use crate::clock;
use crate::endpoint::Endpoint;

/// `EX_IOERR` of sysexits: the disk failed under a log that must not go on.
const EXIT_DISK: i32 = 74;
/// Those who wait are told before the process ends.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What a configuration needs to leave records.
pub(crate) struct Books {
    pub(crate) audit: Arc<Audit>,
    /// The version of the price list.
    pub(crate) prices: Box<str>,
    /// The version of the configuration.
    pub(crate) config: Box<str>,
    /// Whether details hold the client's address.
    pub(crate) keep_ip: bool,
}

/// Opens the log; `None` when it is off.
pub(crate) fn open(config: &Config) -> anyhow::Result<Option<Arc<Audit>>> {
    let mode = match config.audit.mode {
        AuditMode::Strict => Mode::Strict,
        AuditMode::Relaxed => Mode::Relaxed,
        AuditMode::Off => Mode::Off,
    };
    // A log that was never begun need not be told that it is off.
    if mode == Mode::Off && !config.data_dir.join("deployment.json").exists() {
        return Ok(None);
    }
    let days = |days: Option<u32>| days.map(u64::from);
    let audit = Audit::open(Settings {
        data: config.data_dir.clone(),
        mode,
        retention: Retention {
            details_days: days(config.audit.detail_retention_days),
            leaves_days: days(config.audit.retention_days),
        },
        segment_bytes: config.audit.journal_file,
        clock: Arc::new(clock::unix_micros),
        witnesses: crate::witnesses::of(config)?,
        software: concat!("tollgate ", env!("CARGO_PKG_VERSION")).to_owned(),
        on_failure: Box::new(|what| {
            tracing::error!(
                error = what,
                "the audit log cannot go on: the process ends, so that a restart finds out what is on disk"
            );
            std::thread::sleep(LAST_WORDS);
            std::process::exit(EXIT_DISK);
        }),
    })
    .with_context(|| format!("opening the audit log in {}", config.data_dir.display()))?;
    if mode == Mode::Off {
        audit.close();
        return Ok(None);
    }
    Ok(Some(audit))
}

impl Books {
    /// The books of this configuration.
    pub(crate) fn new(audit: &Arc<Audit>, config: &Config, endpoints: &[Arc<Endpoint>]) -> anyhow::Result<Self> {
        let listed = endpoints.iter().filter_map(|e| Some((e.name.to_string(), listed(e)?)));
        let list = PriceList::new(listed.collect::<BTreeMap<_, _>>());
        let prices = audit.keep_prices(&list).context("keeping the price list beside the audit log")?;
        Ok(Self {
            audit: Arc::clone(audit),
            prices: prices.into(),
            config: version(config.files.iter().map(AsRef::as_ref)).into(),
            keep_ip: config.audit.keep_ip,
        })
    }

    /// Writes down that this configuration comes into use: records name it by its version.
    pub(crate) fn on_record(&self, by: &str) {
        self.audit.admin(LogId::DEPLOYMENT, by, &format!("configuration {}", self.config));
    }

    /// The log of a tenant.
    pub(crate) fn log_of(&self, tenant: &str) -> anyhow::Result<LogId> {
        self.audit.log_of(tenant).with_context(|| format!("opening the audit log of tenant `{tenant}`"))
    }
}

/// An endpoint's prices as records count them.
fn listed(endpoint: &Endpoint) -> Option<Listed> {
    let prices = endpoint.prices.as_ref()?;
    let of_tier = |tier: Tier| tiered(prices.lists().filter(move |list| list.tier == tier));
    let standard = of_tier(Tier::Standard);
    let others = Tier::ALL.into_iter().map(|tier| (tier.as_str().to_owned(), of_tier(tier)));
    let tiers = others.filter(|(_, tier)| *tier != standard).collect();
    let model = endpoint.model.to_string();
    let Tiered { audio_input, audio_output, cache_write, cache_write_1h, cached, input, long, output } = standard;
    Some(Listed { audio_input, audio_output, cache_write, cache_write_1h, cached, input, long, model, output, tiers })
}

/// The lists of one tier, that for any prompt first.
fn tiered(lists: impl Iterator<Item = List>) -> Tiered {
    let mut tiered = Tiered::default();
    for List { tier: _, above, rates } in lists {
        // A price is never negative.
        let nano = |price: Price| price.nano_per_million().unsigned_abs();
        let own = |price: Price, text: Price| (price != text).then(|| nano(price));
        let Rates { input, cached, cache_write, cache_write_1h, output, audio_input, audio_output } = rates;
        let long = Long {
            above: above.unwrap_or_default(),
            audio_input: own(audio_input, input),
            audio_output: own(audio_output, output),
            cache_write: nano(cache_write),
            cache_write_1h: nano(cache_write_1h),
            cached: nano(cached),
            input: nano(input),
            output: nano(output),
        };
        if above.is_some() {
            tiered.long.push(long);
            continue;
        }
        let Long { above: _, audio_input, audio_output, cache_write, cache_write_1h, cached, input, output } = long;
        tiered =
            Tiered { audio_input, audio_output, cache_write, cache_write_1h, cached, input, long: Vec::new(), output };
    }
    tiered
}

/// What tells one configuration from another: a hash of its files as they were read.
fn version<'a>(files: impl Iterator<Item = &'a Path>) -> String {
    let mut digest = Digest::default();
    for file in files {
        digest.update(&std::fs::read(file).unwrap_or_default());
    }
    hex(&digest.finish().0[..8])
}
