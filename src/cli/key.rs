//! `tollgate key`: keys in the store; or a new key, shown once, and the entry that a configuration keeps of it.

use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::anyhow;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tollgate_auth::{Algorithm, Kind, NewKey, Pepper};
use tollgate_conf::SystemSources;

use super::manage::{Over, Page, Question, ROLES, ask, of, whole};
use super::{Done, Exit, print};

/// Whose a key is where nobody says.
const TENANT: &str = "default";

#[derive(clap::Subcommand)]
pub(super) enum Key {
    /// Print the keys of a tenant, revoked ones too; without `--tenant` the operator's own.
    List {
        /// The tenant.
        #[arg(long)]
        tenant: Option<String>,
        /// Only this member's, by its id.
        #[arg(long, requires = "tenant")]
        member: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Print one key, without its text.
    Show {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The key's id.
        id: String,
    },
    /// Make a key, which is shown once: in the store for `-c` with `--tenant`, for `--store` and for
    /// `--management`; else it prints the entry to paste into a configuration.
    Create(Box<Create>),
    /// Change a key's name, bindings or expiry.
    Change {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The key's id.
        id: String,
        #[command(flatten)]
        to: Changed,
    },
    /// Revoke a key, for good; without `--tenant` one of the operator's own.
    Revoke {
        /// The tenant.
        #[arg(long)]
        tenant: Option<String>,
        /// The key's id.
        id: String,
    },
    /// Make a key with the same settings and budgets, and end the old one.
    Rotate {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The old key's id.
        id: String,
        /// For how long the old key still works; it ends now where it is left out.
        #[arg(long, value_name = "SECONDS")]
        grace_seconds: Option<u32>,
    },
}

#[derive(clap::Args)]
pub(super) struct Create {
    /// A name to recognise it by.
    #[arg(long, default_value = "default")]
    name: String,
    /// The tenant it belongs to; `default` where it is left out.
    #[arg(long)]
    tenant: Option<String>,
    /// Print the entry of a configuration. Its hashing settings (algorithm, pepper) are those of `-c`;
    /// without one, salted SHA-256.
    #[arg(long, conflicts_with_all = ["store", "management", "Settings"])]
    yaml: bool,
    /// Print the entry as one line of JSON instead. A key of the store is printed as JSON anyway.
    #[arg(long)]
    json: bool,
    /// Make it in the store.
    #[arg(long)]
    store: bool,
    /// Make a key for the management API, in the store: the operator's where no tenant is named.
    #[arg(long)]
    management: bool,
    #[command(flatten)]
    settings: Settings,
}

/// What only a key of the store can have.
#[derive(clap::Args)]
#[group(multiple = true)]
pub(super) struct Settings {
    /// The member it belongs to, by its id.
    #[arg(long)]
    member: Option<String>,
    /// What a management key may do in its tenant.
    #[arg(long, value_parser = ROLES, requires_all = ["management", "tenant"])]
    role: Option<String>,
    /// A model it may ask for, as in `gpt-*`; once for each.
    #[arg(long)]
    model: Vec<String>,
    /// A provider its requests may go to; once for each.
    #[arg(long)]
    provider: Vec<String>,
    /// A network it may be used from, as in `192.0.2.0/24`; once for each.
    #[arg(long, value_name = "CIDR")]
    ip: Vec<String>,
    /// A tag that each of its requests carries; once for each.
    #[arg(long)]
    tag: Vec<String>,
    /// When it stops working, as in `2027-01-01T00:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires: Option<i64>,
}

/// What changes of a key.
#[derive(clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct Changed {
    /// A name to recognise it by.
    #[arg(long)]
    name: Option<String>,
    /// Put the bindings that follow in place of all it has; without any it is bound to nothing.
    #[arg(long)]
    rebind: bool,
    /// A model it may ask for, as in `gpt-*`; once for each.
    #[arg(long, requires = "rebind")]
    model: Vec<String>,
    /// A provider its requests may go to; once for each.
    #[arg(long, requires = "rebind")]
    provider: Vec<String>,
    /// A network it may be used from, as in `192.0.2.0/24`; once for each.
    #[arg(long, value_name = "CIDR", requires = "rebind")]
    ip: Vec<String>,
    /// A tag that each of its requests carries; once for each.
    #[arg(long, requires = "rebind")]
    tag: Vec<String>,
    /// When it stops working, as in `2027-01-01T00:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires: Option<i64>,
    /// Let it work until it is revoked.
    #[arg(long, conflicts_with = "expires")]
    never_expires: bool,
}

/// Milliseconds since 1970.
fn moment(text: &str) -> Result<i64, String> {
    let wrong = || "write it as `2027-01-01T00:00:00Z`".to_owned();
    let time = humantime::parse_rfc3339(text).map_err(|_| wrong())?;
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| wrong())?;
    i64::try_from(since.as_millis()).map_err(|_| wrong())
}

fn bindings(models: Vec<String>, providers: Vec<String>, ips: Vec<String>, tags: Vec<String>) -> Value {
    // An empty list would allow nothing.
    let some = |list: Vec<String>| Some(list).filter(|list| !list.is_empty());
    json!({"models": some(models), "providers": some(providers), "ips": some(ips), "tags": tags})
}

impl Over<Key> {
    pub(super) fn run(self) -> Done {
        let (file, named) = (self.file().to_owned(), self.named().map(Path::to_owned));
        let question = match self.command {
            Key::Create(create) if create.is_for_store(named.as_deref()) => create.question(),
            Key::Create(create) => return create.entry(named.as_deref()),
            Key::List { tenant: None, member: _, page } => whole(&["keys"]).page(&page),
            Key::List { tenant: Some(tenant), member, page } => {
                of(&tenant, &["keys"]).page(&page).with("member", member)
            }
            Key::Show { tenant, id } => of(&tenant, &["keys", &id]),
            Key::Change { tenant, id, to } => of(&tenant, &["keys", &id]).patches(to.body()),
            Key::Revoke { tenant: None, id } => whole(&["keys", &id]).deletes(),
            Key::Revoke { tenant: Some(tenant), id } => of(&tenant, &["keys", &id]).deletes(),
            Key::Rotate { tenant, id, grace_seconds } => {
                of(&tenant, &["keys", &id, "rotate"]).posts(json!({"grace_seconds": grace_seconds}))
            }
        };
        ask(&file, &question)
    }
}

impl Changed {
    fn body(self) -> Value {
        let Self { name, rebind, model, provider, ip, tag, expires, never_expires } = self;
        let mut body = json!({"name": name});
        if rebind {
            body["bindings"] = bindings(model, provider, ip, tag);
        }
        // What is there and `null` is taken away, what is not there stays.
        if expires.is_some() || never_expires {
            body["expires_ms"] = expires.into();
        }
        body
    }
}

impl Settings {
    fn is_any(&self) -> bool {
        let Self { member, role, model, provider, ip, tag, expires } = self;
        member.is_some()
            || role.is_some()
            || expires.is_some()
            || [model, provider, ip, tag].iter().any(|list| !list.is_empty())
    }
}

impl Create {
    fn tenant(&self) -> &str {
        self.tenant.as_deref().unwrap_or(TENANT)
    }

    /// Whether the key is one of the store: the flags alone decide.
    fn is_for_store(&self, config: Option<&Path>) -> bool {
        let is_named = config.is_some() && self.tenant.is_some();
        !self.yaml && (self.store || self.management || self.settings.is_any() || is_named)
    }

    fn question(self) -> Question {
        let Self { name, tenant, yaml: _, json: _, store: _, management, settings } = self;
        let Settings { member, role, model, provider, ip, tag, expires } = settings;
        let mut body = json!({"name": name, "bindings": bindings(model, provider, ip, tag), "expires_ms": expires});
        let tenant = match tenant {
            None if management => return whole(&["keys"]).posts(body),
            tenant => tenant.unwrap_or_else(|| TENANT.to_owned()),
        };
        body["kind"] = if management { "management" } else { "inference" }.into();
        body["member"] = member.into();
        body["role"] = role.into();
        of(&tenant, &["keys"]).posts(body)
    }

    /// Prints the entry of a configuration.
    fn entry(&self, config: Option<&Path>) -> Done {
        let (algorithm, pepper) = hashing(config)?;
        let made = new_key(Kind::Inference, algorithm, &pepper)?;
        let text = if self.json { self.json(&made) } else { self.text(&made) };
        print(&text);
        Ok(Exit::Ok)
    }

    fn json(&self, made: &Made) -> String {
        let object = json!({
            "key": made.key.reveal(), "id": made.key.id().as_str(), "name": self.name, "tenant": self.tenant(), "hash": made.hash,
        });
        format!("{object}\n")
    }

    fn text(&self, made: &Made) -> String {
        format!(
            "Your key, shown this once:\n\n  {}\n\nAdd to the configuration under `keys:`\n\n  - id: {}\n    name: {}\n    tenant: {}\n    hash: \"{}\"\n",
            made.key.reveal(),
            made.key.id().as_str(),
            Value::from(self.name.as_str()),
            Value::from(self.tenant()),
            made.hash,
        )
    }
}

fn hashing(config: Option<&Path>) -> Result<(Algorithm, Pepper), Exit> {
    let Some(file) = config else { return Ok((Algorithm::Sha256, Pepper::none())) };
    let hashing = tollgate_conf::load(file, &SystemSources)?.key_hashing;
    let pepper = hashing.pepper.as_ref().map_or_else(Pepper::none, |p| Pepper::new(p.expose_secret().as_bytes()));
    Ok((hashing.algorithm, pepper))
}

/// A key and what is stored of it.
pub(super) struct Made {
    pub(super) key: NewKey,
    pub(super) hash: String,
}

/// Draws a key and hashes it.
pub(super) fn new_key(kind: Kind, algorithm: Algorithm, pepper: &Pepper) -> Result<Made, Exit> {
    let (mut random, mut salt) = ([0; 40], [0; 16]);
    for bytes in [&mut random[..], &mut salt[..]] {
        getrandom::fill(bytes).map_err(|e| anyhow!("the system gives no randomness: {e}"))?;
    }
    let key = NewKey::generate(kind, random);
    let hash = key.hash(algorithm, salt, pepper).to_string();
    Ok(Made { key, hash })
}

/// The row of an operator's management key.
pub(super) fn management_key(made: &Made, name: &str, now_ms: i64) -> tollgate_store::Key {
    tollgate_store::Key {
        id: made.key.id().to_string(),
        root: String::new(),
        tenant: None,
        kind: tollgate_store::KeyKind::Management,
        name: name.to_owned(),
        member: None,
        role: tollgate_store::Role::Owner,
        hash: made.hash.clone(),
        bindings: tollgate_store::Bindings::default(),
        limits: tollgate_store::Limits::default(),
        created_ms: now_ms,
        expires_ms: None,
        revoked_ms: None,
    }
}
