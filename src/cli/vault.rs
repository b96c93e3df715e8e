//! `tollgate vault`: another master key, in three steps: add it, seal everything under it, drop the old ones.
//! It prints no key.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tollgate_conf::{Config, MasterKey};
use tollgate_vault::{COMMAND_TIMEOUT, MasterKeys, Source};

use super::manage::{Over, asked, open, whole};
use super::store::{Draft, folder};
use super::{Done, Exit, print};

#[derive(clap::Subcommand)]
pub(super) enum VaultCommand {
    /// Add a new newest master key to the file of master keys.
    Rotate,
    /// Seal every credential under the newest master key.
    Reseal,
    /// Drop all master keys but the newest from the file, once nothing is sealed under them.
    Retire,
}

impl Over<VaultCommand> {
    pub(super) fn run(self) -> Done {
        match self.command {
            VaultCommand::Rotate => rotate(&super::load(self.file())?),
            VaultCommand::Reseal => reseal(self.file()),
            VaultCommand::Retire => retire(&super::load(self.file())?),
        }
    }
}

fn rotate(config: &Config) -> Done {
    let ring = Ring::open(config, |next| {
        format!(
            "add a line `v{next}:` with what `openssl rand -base64 32` prints to it; a key that stands there alone, \
             without a version, becomes the line `v1:<key>`"
        )
    })?;
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
    let (keys, text) = ring.keys.with_new(random).context("the master keys")?;
    ring.replace(&text)?;
    print(&format!(
        "{}: v{} is the newest master key; keep a copy\n\
         next: bring the file to every gateway and let each take it up (SIGHUP, or a restart), \
         then `tollgate vault reseal`, then `tollgate vault retire`\n",
        ring.path.display(),
        keys.newest(),
    ));
    Ok(Exit::Ok)
}

fn reseal(file: &Path) -> Done {
    let done = asked(file, &whole(&["vault", "reseal"]).posts(json!({})))?;
    let failed = done["failed"].as_array().map_or(0, Vec::len);
    if failed > 0 {
        let what = format!("{failed} credentials do not open: replace or remove those under `failed`");
        return Err(anyhow::Error::msg(what).into());
    }
    Ok(Exit::Ok)
}

fn retire(config: &Config) -> Done {
    let ring = Ring::open(config, |next| {
        format!("once nothing is sealed under the old keys any more, leave the line of v{} alone in it", next - 1)
    })?;
    let credentials = open(config)?.all_credentials().context("the store")?;
    let left = credentials.iter().filter(|credential| ring.keys.needs_resealing(&credential.sealed)).count();
    ensure_none_left(left)?;
    let (keys, text) = ring.keys.without_old();
    let dropped = ring.keys.versions().count() - 1;
    if dropped > 0 {
        ring.replace(&text)?;
    }
    print(&format!("{}: v{} is the only master key, {dropped} dropped\n", ring.path.display(), keys.newest()));
    Ok(Exit::Ok)
}

fn ensure_none_left(left: usize) -> anyhow::Result<()> {
    ensure!(
        left == 0,
        "{left} credentials are still sealed under an old master key: run `tollgate vault reseal`, and remove or \
         replace those that it says do not open"
    );
    Ok(())
}

/// The file of master keys, held so that no other command changes it meanwhile.
struct Ring {
    path: PathBuf,
    keys: MasterKeys,
    _held: File,
}

impl Ring {
    /// Where the keys are not in a file, says what to do `instead`, given the number of the next key.
    fn open(config: &Config, instead: impl FnOnce(u64) -> String) -> anyhow::Result<Self> {
        let (source, place) = match &config.vault.master {
            MasterKey::File(path) => return Self::hold(path),
            MasterKey::Environment(name) => (Source::Environment(name.clone()), format!("the variable `{name}`")),
            MasterKey::Command(words) => {
                let program = words.first().map_or("", String::as_str);
                (Source::Command(words.clone()), format!("what `{program}` prints"))
            }
        };
        let keys = source.load(COMMAND_TIMEOUT).context("the vault's master key")?;
        bail!("the master keys are in {place}, which is not ours to change: {}", instead(u64::from(keys.newest()) + 1))
    }

    fn hold(path: &Path) -> anyhow::Result<Self> {
        // A link stays one: what it leads to is replaced.
        let path = fs::canonicalize(path)
            .with_context(|| format!("{}, which the first start of a gateway makes", path.display()))?;
        let held = File::open(folder(&path)).and_then(|folder| folder.lock().map(|()| folder));
        let held = held.with_context(|| format!("holding the folder of {}", path.display()))?;
        let keys = Source::File(path.clone()).load(COMMAND_TIMEOUT).context("the vault's master key")?;
        Ok(Self { path, keys, _held: held })
    }

    fn replace(&self, text: &SecretString) -> anyhow::Result<()> {
        let write = || {
            let mut draft = Draft::beside(&self.path)?.owned_alike()?;
            draft.file.write_all(text.expose_secret().as_bytes())?;
            draft.publish()
        };
        write().with_context(|| format!("writing {}", self.path.display()))
    }
}
