//! The operator's hands on accounts and money: every command asks the management API, in this process, over
//! the store of the configuration. Whether a gateway runs does not matter; one that does sees the change.

mod accounts;
mod credential;
mod money;
mod records;

use std::fmt::{Display, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use http::Method;
use secrecy::ExposeSecret;
use serde_json::Value;
use tollgate_admin::{Admin, Doorman, Manager, call, router};
use tollgate_conf::Config;
use tollgate_store::{Scope, Store, StoreError};

use super::{Done, Exit, print};
use crate::clock;
use crate::vault::Vault;

pub(super) use accounts::{Member, ROLES, Tenant};
pub(super) use credential::Credential;
pub(super) use money::{Balance, Budget, Limit, Statement, Usage};
pub(super) use records::{Node, Record};

/// Who asks, as the audit log and its readers know the command line.
const NAME: &str = "cli";

/// Commands over the store of a configuration.
#[derive(clap::Args)]
pub(super) struct Over<C: clap::Subcommand> {
    /// The configuration file; `tollgate.yaml` where it is left out.
    #[arg(short, long, env = "TOLLGATE_CONFIG", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) command: C,
}

impl<C: clap::Subcommand> Over<C> {
    /// The file that was named.
    pub(super) fn named(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The file.
    pub(super) fn file(&self) -> &Path {
        self.named().unwrap_or(Path::new("tollgate.yaml"))
    }
}

/// A command that is a question to the management API and nothing else.
pub(super) trait Asks {
    /// The question.
    fn question(self) -> anyhow::Result<Question>;
}

impl<C: clap::Subcommand + Asks> Over<C> {
    pub(super) fn run(self) -> Done {
        let file = self.file().to_owned();
        ask(&file, &self.command.question()?)
    }
}

/// Which page of a list.
#[derive(clap::Args)]
pub(super) struct Page {
    /// Begin after this one: what `next` of the page before says.
    #[arg(long)]
    after: Option<String>,
    /// How many at most; 100 where it is left out.
    #[arg(long)]
    limit: Option<u32>,
}

/// What is asked of the management API.
pub(super) struct Question {
    method: Method,
    path: String,
    body: Option<Value>,
    /// The tenant that the path names.
    tenant: Option<String>,
}

/// A question about the whole box.
pub(super) fn whole(parts: &[&str]) -> Question {
    let mut path = "/api/v1/manage".to_owned();
    for part in parts {
        path.push('/');
        encode(&mut path, part);
    }
    Question { method: Method::GET, path, body: None, tenant: None }
}

/// A question about a tenant.
pub(super) fn of(tenant: &str, parts: &[&str]) -> Question {
    let parts: Vec<&str> = ["tenants", tenant].iter().chain(parts).copied().collect();
    Question { tenant: Some(tenant.to_owned()), ..whole(&parts) }
}

impl Question {
    /// With this parameter, where it has a value.
    pub(super) fn with(mut self, name: &str, value: Option<impl Display>) -> Self {
        if let Some(value) = value {
            self.path.push(if self.path.contains('?') { '&' } else { '?' });
            self.path.push_str(name);
            self.path.push('=');
            encode(&mut self.path, &value.to_string());
        }
        self
    }

    pub(super) fn page(self, page: &Page) -> Self {
        self.with("after", page.after.as_ref()).with("limit", page.limit)
    }

    pub(super) fn posts(self, body: Value) -> Self {
        Self { method: Method::POST, body: Some(body), ..self }
    }

    pub(super) fn puts(self, body: Value) -> Self {
        Self { method: Method::PUT, body: Some(body), ..self }
    }

    pub(super) fn patches(self, body: Value) -> Self {
        Self { method: Method::PATCH, body: Some(body), ..self }
    }

    pub(super) fn deletes(self) -> Self {
        Self { method: Method::DELETE, ..self }
    }
}

/// Puts a text where a path or a query has one part.
fn encode(into: &mut String, part: &str) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            into.push(char::from(byte));
        } else {
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

/// Asks, and prints the answer.
pub(super) fn ask(file: &Path, question: &Question) -> Done {
    asked(file, question)?;
    Ok(Exit::Ok)
}

/// The same; what was answered.
pub(super) fn asked(file: &Path, question: &Question) -> Result<Value, Exit> {
    let config = super::load(file)?;
    super::serve::log_to_stderr(&config.log);
    let answer = answer(&config, question)?;
    if answer != Value::Null {
        print(&format!("{answer:#}\n"));
    }
    Ok(answer)
}

fn answer(config: &Config, question: &Question) -> anyhow::Result<Value> {
    let store = open(config)?;
    let router = router(admin(config, store.clone())?);
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("starting a thread")?;
    let Question { method, path, body, tenant } = question;
    let (status, answer) =
        runtime.block_on(call(&router, Manager::operator(NAME), method.clone(), path, body.as_ref()));
    if let Some(tenant) = tenant {
        is_there(config, &store, tenant, status, &answer)?;
    }
    if (200..300).contains(&status) {
        return Ok(answer);
    }
    let says = |member: &str| answer["error"][member].as_str().unwrap_or_default().to_owned();
    Err(anyhow!("{}: {}", says("message"), says("remedy")))
}

/// The store of a configuration.
pub(super) fn open(config: &Config) -> anyhow::Result<Store> {
    std::fs::create_dir_all(&config.data_dir).with_context(|| format!("making {}", config.data_dir.display()))?;
    Store::connect_lazily(config.store.url.expose_secret()).context("the store")
}

/// Where nothing was found, says so of a tenant that is not there: over the wire nobody may learn it, and an
/// empty list would hide a mistyped name.
fn is_there(config: &Config, store: &Store, tenant: &str, status: u16, answer: &Value) -> anyhow::Result<()> {
    let is_empty = answer["data"].as_array().is_some_and(Vec::is_empty);
    // Tenants of the configuration alone have records and usage too.
    let is_of_file = is_empty && config.keys.iter().any(|key| *key.stored.tenant == *tenant);
    if (status != 404 && !is_empty) || is_of_file {
        return Ok(());
    }
    match store.tenant(&Scope::Operator, tenant) {
        Err(StoreError::NotFound) => bail!(
            "there is no tenant `{tenant}` in the store: `tollgate tenant list` shows those there are, \
             `tollgate tenant create` makes one"
        ),
        // Whatever else is wrong, the answer says.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What the management API asks of the outside. A gateway that runs looks for changes by itself.
fn admin(config: &Config, store: Store) -> anyhow::Result<Admin> {
    let vault = Arc::new(Vault::open(config)?);
    let (guard, minting) = (vault.guard(), crate::admin::minting(config));
    let mut providers: Vec<String> =
        config.endpoints.iter().map(|e| config.providers[e.provider].name.to_string()).collect();
    providers.sort_unstable();
    providers.dedup();
    Ok(Admin {
        store,
        doorman: Arc::new(Nobody),
        books: Arc::new(records::Files { data: config.data_dir.clone() }),
        master: Arc::new(move || vault.keys()),
        minting: Arc::new(move || minting.clone()),
        guard: Arc::new(move || Arc::clone(&guard)),
        providers: Arc::new(move || providers.clone()),
        changed: Arc::new(|| ()),
        clock: Arc::new(clock::unix_ms),
    })
}

/// Lets nobody in: there is no wire to come in by.
struct Nobody;

impl Doorman for Nobody {
    fn check(&self, _: &[u8], _: Option<IpAddr>) -> Pin<Box<dyn Future<Output = Option<Manager>> + Send + '_>> {
        Box::pin(std::future::ready(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_path_becomes_another() {
        let question = of("a/../b", &["keys"]).with("after", Some("x&limit=1")).with("limit", None::<u8>);
        assert_eq!(question.path, "/api/v1/manage/tenants/a%2F..%2Fb/keys?after=x%26limit%3D1");
    }
}
