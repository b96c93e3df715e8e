//! Store, vault, management API, budgets and fees. Whether a database answers is not asked here.

use std::net::SocketAddr;
use std::path::Path;

use secrecy::SecretString;

use crate::checked::{Budgets, Fees, MasterKey, Store, Vault};
use crate::file::{AdminFile, BudgetsFile, FeesFile, StoreFile, Text, VaultFile};

use super::Desk;
use super::keys::secret;
use super::percent::{Share, WHOLE};
use super::server::address;

const FEE: Share = Share {
    name: "fee",
    // More than ten times the cost is a slip of the pen.
    bounds: 0..=10 * WHOLE,
    remedy: "write per cent as a plain decimal with at most four places: `5`, `2.5`",
};
const SAVING: Share = Share {
    name: "share of a saving",
    bounds: 0..=WHOLE,
    remedy: "write per cent, at most 100, with at most four places, `20`, `12.5`: more would make a cheap answer \
             dearer than an ordinary one",
};

pub(super) fn store(file: &StoreFile, data_dir: &Path, desk: &mut Desk<'_>) -> Store {
    let StoreFile { url, url_file, redis, redis_file } = file;
    let given = url.as_ref().or(url_file.as_ref());
    let found = secret("url", url.as_ref(), url_file.as_ref(), desk);
    let url = found.map(|url| resolved(url, given, desk));
    let shared = secret("redis", redis.as_ref(), redis_file.as_ref(), desk);
    if let (Some(shared), Some(at)) = (&shared, redis.as_ref().or(redis_file.as_ref()))
        && !begins(shared, &["redis://"])
    {
        desk.note(at, "this is no URL of Redis", "write `redis://host:6379`, with a password `redis://:password@host`");
    }
    let embedded = || format!("sqlite:{}", data_dir.join("tollgate.db").display()).into();
    Store { url: url.unwrap_or_else(embedded), redis: shared }
}

/// The URL, with the file of an embedded store beside the configuration.
fn resolved(url: SecretString, given: Option<&Text>, desk: &mut Desk<'_>) -> SecretString {
    use secrecy::ExposeSecret;
    if let Some(file) = url.expose_secret().strip_prefix("sqlite:") {
        let path = desk.reads.resolve(&Text::nowhere(file.to_owned()));
        return format!("sqlite:{}", path.display()).into();
    }
    if let (false, Some(at)) = (begins(&url, &["postgres://", "postgresql://"]), given) {
        let remedy = "write `sqlite:<file>` or `postgres://user:password@host/database`";
        desk.note(at, "this is no URL of a store", remedy);
    }
    url
}

fn begins(url: &SecretString, schemes: &[&str]) -> bool {
    use secrecy::ExposeSecret;
    schemes.iter().any(|scheme| url.expose_secret().starts_with(scheme))
}

pub(super) fn admin(file: &AdminFile, desk: &mut Desk<'_>) -> Option<SocketAddr> {
    address(&file.listen, desk)
}

pub(super) fn vault(file: &VaultFile, data_dir: &Path, desk: &mut Desk<'_>) -> Vault {
    let VaultFile { master_key_file, master_key_env, master_key_command, allow_networks } = file;
    let given = [master_key_file.as_ref(), master_key_env.as_ref(), master_key_command.first()];
    if let Some(second) = given.iter().flatten().nth(1) {
        let what = "the master key is given in more than one place";
        desk.note(second, what, "keep one of `master_key_file`, `master_key_env` and `master_key_command`");
    }
    let master = match (master_key_file, master_key_env) {
        (Some(path), _) => MasterKey::File(desk.reads.resolve(path)),
        (None, Some(name)) => MasterKey::Environment(name.value.clone()),
        (None, None) if master_key_command.is_empty() => MasterKey::File(data_dir.join("vault.key")),
        (None, None) => MasterKey::Command(master_key_command.iter().map(|part| part.value.clone()).collect()),
    };
    let mut networks = Vec::new();
    for text in allow_networks {
        match text.parse() {
            Ok(network) => networks.push(network),
            Err(_) => {
                let what = format!("`{}` is no network", desk.shown(text));
                desk.note(text, what, "write an address and the length of its prefix: `10.0.0.0/8`, `fd00::/8`");
            }
        }
    }
    Vault { master, allow_networks: networks }
}

pub(super) fn budgets(file: &BudgetsFile) -> Budgets {
    let BudgetsFile { output, least_output, patience, drain } = file;
    Budgets {
        output: u64::from(output.get()),
        least_output: u64::from(least_output.get()),
        patience: patience.0,
        drain: drain.0,
    }
}

pub(super) fn fees(file: &FeesFile, desk: &mut Desk<'_>) -> Fees {
    let FeesFile { cost_percent, byok_percent, saving_percent } = file;
    Fees {
        cost: FEE.read(cost_percent, desk),
        byok: FEE.read(byok_percent, desk),
        saving: SAVING.read(saving_percent, desk),
    }
}
