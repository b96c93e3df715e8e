//! Accounts and ledger, put together when the gateway starts: the store, the vault, this node's name, and
//! the threads that keep them current. It serves no request.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use secrecy::ExposeSecret;
use tollgate_audit::{Audit, Mode};
use tollgate_conf::Config;
use tollgate_store::Store;

use crate::accounts::Accounts;
use crate::clock;
use crate::gateway::draw;
use crate::ledger::{Ledger, Poster, start_lender};
use crate::metrics::Metrics;
use crate::vault::Vault;

/// How often it is asked whether anything has changed.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a store is left alone that cannot be reached.
const AWAY: Duration = Duration::from_secs(1);

/// What a gateway has of accounts and money.
pub(crate) struct Money {
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) ledger: Arc<Ledger>,
    /// This node's name.
    pub(crate) node: String,
}

impl Money {
    /// Opens the store and starts what keeps it current. A store that cannot be reached is asked again:
    /// keys of the configuration work meanwhile.
    pub(crate) fn open(config: &Config, metrics: &Arc<Metrics>, audit: Option<&Arc<Audit>>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&config.data_dir).with_context(|| format!("making {}", config.data_dir.display()))?;
        let store = Store::connect_lazily(config.store.url.expose_secret()).context("the store")?;
        let vault = Arc::new(Vault::open(config)?);
        let accounts = Arc::new(Accounts::new(config, store.clone(), vault)?);
        let node = node(&config.data_dir, audit)?;
        let ledger = start_lender(store.clone(), node.clone(), Arc::clone(metrics))?;
        if let Err(error) = accounts.catch_up() {
            tracing::warn!(%error, "the store cannot be read yet: keys in it are not known");
        }
        tell(&accounts, metrics);
        let is_relaxed = audit.is_some_and(|audit| audit.mode() == Mode::Relaxed);
        let work =
            Keeping { accounts: Arc::clone(&accounts), ledger: Arc::clone(&ledger), metrics: Arc::clone(metrics) };
        std::thread::Builder::new().name("accounts".into()).spawn(move || work.run())?;
        Poster::new(store, node.clone(), Arc::clone(&ledger), audit.cloned(), is_relaxed).start()?;
        Ok(Self { accounts, ledger, node })
    }
}

/// This node's name in the ledger: made once, and kept beside its journal. What it has borrowed is counted
/// under it.
fn node(data: &Path, audit: Option<&Arc<Audit>>) -> anyhow::Result<String> {
    let path = data.join("node");
    if let Ok(name) = std::fs::read_to_string(&path)
        && !name.trim().is_empty()
    {
        return Ok(name.trim().to_owned());
    }
    // That of the log beside it, where there is one: the two stay together, also when this file is lost.
    let drawn = match audit {
        Some(audit) => audit.deployment().to_owned(),
        None => tollgate_audit::hash::hex(&draw::<8>().context("the system gives no randomness")?),
    };
    let name = format!("node_{drawn}");
    std::fs::write(&path, format!("{name}\n")).with_context(|| format!("writing {}", path.display()))?;
    Ok(name)
}

/// The boot of this machine: another one means that what was not on disk is gone.
pub(crate) fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map_or_else(|_| format!("unknown-{}", clock::unix_micros()), |id| id.trim().to_owned())
}

fn tell(accounts: &Accounts, metrics: &Metrics) {
    metrics.ledger.keys.set(i64::try_from(accounts.count()).unwrap_or(i64::MAX));
    metrics.ledger.change.set(accounts.seen());
}

/// The thread that takes up what changes in the store.
struct Keeping {
    accounts: Arc<Accounts>,
    ledger: Arc<Ledger>,
    metrics: Arc<Metrics>,
}

impl Keeping {
    fn run(&self) {
        loop {
            if let Err(error) = self.accounts.vault.refresh_if_changed() {
                tracing::error!(error = format!("{error:#}"), "the vault keeps the master keys that it has");
            }
            match self.accounts.catch_up() {
                Ok(true) => {
                    // What is lent of a budget that was lowered is not this node's to spend any more.
                    self.ledger.recall(self.accounts.take_changed());
                    tell(&self.accounts, &self.metrics);
                }
                Ok(false) => self.accounts.news.wait(LOOK_EVERY),
                Err(error) => {
                    tracing::warn!(%error, "the store cannot be read: what changes in it is not seen");
                    std::thread::sleep(AWAY);
                }
            }
        }
    }
}
