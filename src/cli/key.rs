//! `tollgate key create`: a new key, shown once, and the entry that the configuration keeps of it.

use std::path::PathBuf;

use anyhow::anyhow;
use secrecy::ExposeSecret;
use tollgate_auth::{Algorithm, Kind, NewKey, Pepper};
use tollgate_conf::SystemSources;

use super::{Done, Exit, print};

#[derive(clap::Subcommand)]
pub(super) enum Key {
    /// Make a key. It is shown once; only its hash goes into the configuration.
    Create(Create),
}

#[derive(clap::Args)]
pub(super) struct Create {
    /// A name to recognise it by.
    #[arg(long, default_value = "default")]
    name: String,
    /// The tenant it belongs to.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Take the hashing settings (algorithm, pepper) from this file; without one, salted SHA-256.
    #[arg(short, long, env = "TOLLGATE_CONFIG")]
    config: Option<PathBuf>,
    /// Print one line of JSON instead.
    #[arg(long)]
    json: bool,
}

impl Key {
    pub(super) fn run(&self) -> Done {
        match self {
            Self::Create(create) => create.run(),
        }
    }
}

impl Create {
    fn run(&self) -> Done {
        let (algorithm, pepper) = self.hashing()?;
        let made = new_key(Kind::Inference, algorithm, &pepper)?;
        let text = if self.json { self.json(&made) } else { self.text(&made) };
        print(&text);
        Ok(Exit::Ok)
    }

    fn hashing(&self) -> Result<(Algorithm, Pepper), Exit> {
        let Some(file) = &self.config else { return Ok((Algorithm::Sha256, Pepper::none())) };
        let hashing = tollgate_conf::load(file, &SystemSources)?.key_hashing;
        let pepper = hashing.pepper.as_ref().map_or_else(Pepper::none, |p| Pepper::new(p.expose_secret().as_bytes()));
        Ok((hashing.algorithm, pepper))
    }

    fn json(&self, made: &Made) -> String {
        let object = serde_json::json!({
            "key": made.key.reveal(), "id": made.key.id().as_str(), "name": self.name, "tenant": self.tenant, "hash": made.hash,
        });
        format!("{object}\n")
    }

    fn text(&self, made: &Made) -> String {
        format!(
            "Your key, shown this once:\n\n  {}\n\nAdd to the configuration under `keys:`\n\n  - id: {}\n    name: {}\n    tenant: {}\n    hash: \"{}\"\n",
            made.key.reveal(),
            made.key.id().as_str(),
            serde_json::Value::from(self.name.as_str()),
            serde_json::Value::from(self.tenant.as_str()),
            made.hash,
        )
    }
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
