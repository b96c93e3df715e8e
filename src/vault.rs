//! The vault as the gateway uses it: master keys from where configuration says, and the guard for
//! tenants' own endpoints. Sealing itself is done by its crate.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use secrecy::SecretString;
use tollgate_conf::{Config, MasterKey};
use tollgate_vault::{COMMAND_TIMEOUT, Context, Guard, MasterKeys, OpenError, Source};

/// Master keys and guard, as configuration has them now.
pub(crate) struct Vault {
    keys: ArcSwap<MasterKeys>,
    guard: ArcSwap<Guard>,
    source: ArcSwap<Source>,
    /// What the file with the keys looked like when it was read: when it was changed, and how long it was.
    seen: Mutex<Option<(SystemTime, u64)>>,
}

impl Vault {
    /// Reads the master key; makes the file where configuration names one that is missing.
    pub(crate) fn open(config: &Config) -> anyhow::Result<Self> {
        let source = source(&config.vault.master);
        if let MasterKey::File(path) = &config.vault.master
            && let Some(folder) = path.parent()
        {
            std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        let keys = source.load_or_generate(COMMAND_TIMEOUT).context("the vault's master key")?;
        let guard = Guard::new(config.vault.allow_networks.clone());
        Ok(Self {
            keys: ArcSwap::from_pointee(keys),
            guard: ArcSwap::from_pointee(guard),
            source: ArcSwap::from_pointee(source),
            seen: Mutex::new(None),
        })
    }

    /// Takes up another configuration, and master keys that were added meanwhile.
    pub(crate) fn reload(&self, config: &Config) -> anyhow::Result<()> {
        self.guard.store(Arc::new(Guard::new(config.vault.allow_networks.clone())));
        self.source.store(Arc::new(source(&config.vault.master)));
        self.refresh()
    }

    /// Reads the master keys anew: they may have been rotated.
    pub(crate) fn refresh(&self) -> anyhow::Result<()> {
        let keys = self.source.load().load(COMMAND_TIMEOUT).context("the vault's master key")?;
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    /// Reads the master keys anew where their file has changed. Keys from elsewhere are read when the
    /// configuration is.
    pub(crate) fn refresh_if_changed(&self) -> anyhow::Result<()> {
        let Source::File(path) = &**self.source.load() else { return Ok(()) };
        let about = std::fs::metadata(path).with_context(|| format!("the file {}", path.display()))?;
        let looks = (about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.replace(looks) == Some(looks) {
            return Ok(());
        }
        self.refresh()
    }

    /// The master keys.
    pub(crate) fn keys(&self) -> Arc<MasterKeys> {
        self.keys.load_full()
    }

    /// The guard.
    pub(crate) fn guard(&self) -> Arc<Guard> {
        self.guard.load_full()
    }

    /// Opens a credential for one attempt.
    pub(crate) fn open_secret(&self, context: &Context<'_>, sealed: &[u8]) -> Result<SecretString, OpenError> {
        self.keys.load().open(context, sealed)
    }
}

fn source(master: &MasterKey) -> Source {
    match master {
        MasterKey::File(path) => Source::File(path.clone()),
        MasterKey::Environment(name) => Source::Environment(name.clone()),
        MasterKey::Command(command) => Source::Command(command.clone()),
    }
}
