//! `tollgate demo`: the whole thing with simulated vendors, no keys and no services.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Context;
use secrecy::ExposeSecret;
use tollgate_auth::{Algorithm, Kind, NewKey, Pepper};
use tollgate_conf::{Config, MasterKey, Sources, SystemSources};
use tollgate_simulate::{Options, Vendor, demo_profiles};
use tollgate_store::{Limits, Scope, Store, StoreError, Tenant};

use super::key::{management_key, new_key};
use super::{Done, Exit, print};
use crate::filters::Filters;

/// The configuration of the demo: also an example to read.
const DEMO: &str = include_str!("../../conf/demo.yaml");

#[derive(clap::Args)]
pub(super) struct Demo {
    /// Print one line of JSON when ready, and nothing else: for scripts.
    #[arg(long)]
    json: bool,
    /// Serve clients here; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Serve health and metrics here; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    ops: SocketAddr,
    /// Serve the management API here; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    admin: SocketAddr,
    /// Keep the audit log here; a folder of its own where it is left out.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// The seed of the simulated vendors.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write request lines to standard output.
    #[arg(long)]
    log: bool,
}

/// The environment, with what the demo knows put over it.
struct DemoSources {
    upstream: String,
    hash: String,
    id: String,
}

impl Sources for DemoSources {
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "TOLLGATE_DEMO_UPSTREAM" => Some(self.upstream.clone()),
            "TOLLGATE_DEMO_KEY_HASH" => Some(self.hash.clone()),
            "TOLLGATE_DEMO_KEY_ID" => Some(self.id.clone()),
            other => SystemSources.variable(other),
        }
    }
    fn file(&self, path: &std::path::Path) -> std::io::Result<String> {
        SystemSources.file(path)
    }
}

impl Demo {
    pub(super) fn run(self, filters: Filters) -> Done {
        let vendor = Vendor::spawn(Options { seed: self.seed, profiles: demo_profiles(), ..Options::default() })
            .context("starting the simulated vendors")?;
        let made = new_key(Kind::Inference, Algorithm::Sha256, &Pepper::none())?;
        let sources = DemoSources {
            upstream: format!("http://{}", vendor.address()),
            hash: made.hash,
            id: made.key.id().as_str().to_owned(),
        };
        let mut config = tollgate_conf::parse("demo.yaml", DEMO, &sources)?;
        let Addresses { listen, ops, admin } = self.addresses()?;
        config.admin = admin;
        config.server.listen.iter_mut().for_each(|l| l.address = listen);
        config.server.ops = Some(ops);
        // A demo is small, and may be started often.
        config.audit.journal_file = 1 << 20;
        config.log.requests = self.log;
        config.data_dir = self
            .data_dir
            .clone()
            .unwrap_or_else(|| std::env::temp_dir().join(format!("tollgate-demo-{}", std::process::id())));
        let management_key = self.settle_in(&mut config)?;
        let told = Told { listen, ops, admin, key: made.key.reveal(), management_key: management_key.reveal() };
        if !self.json {
            super::serve::log_to_stderr(&config.log);
        }
        let greeting = if self.json { line(&told, &config.data_dir) } else { greeting(&told, &config.data_dir) };
        tell_when_ready(listen, greeting)?;
        crate::serve::serve(config, None, filters)?;
        drop(vendor);
        Ok(Exit::Ok)
    }

    /// Pingora binds by itself and does not say to which port: free ones are found beforehand.
    fn addresses(&self) -> anyhow::Result<Addresses> {
        let hold = |wanted: SocketAddr| TcpListener::bind(wanted).with_context(|| format!("{wanted} cannot be bound"));
        let (clients, ops, admin) = (hold(self.listen)?, hold(self.ops)?, hold(self.admin)?);
        Ok(Addresses { listen: clients.local_addr()?, ops: ops.local_addr()?, admin: admin.local_addr()? })
    }

    /// The demo's own store, with its tenant and a key to manage it by.
    fn settle_in(&self, config: &mut Config) -> Result<NewKey, Exit> {
        let data = &config.data_dir;
        std::fs::create_dir_all(data).with_context(|| format!("making {}", data.display()))?;
        config.store.url = format!("sqlite:{}", data.join("tollgate.db").display()).into();
        config.vault.master = MasterKey::File(data.join("vault.key"));
        let made = new_key(Kind::Management, Algorithm::Sha256, &Pepper::none())?;
        let store = Store::open(config.store.url.expose_secret()).context("the demo's store")?;
        let now = crate::clock::unix_ms();
        let tenant = Tenant {
            id: "demo".into(),
            name: "Demo".into(),
            suspended: false,
            byok_only: false,
            limits: Limits::default(),
            deadlines: Default::default(),
            created_ms: now,
        };
        match store.create_tenant(&Scope::Operator, tenant) {
            // It is there already where the folder was used before.
            Ok(_) | Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(anyhow::Error::from(error).context("the demo's tenant").into()),
        }
        let key = management_key(&made, "demo", now);
        store.create_key(&Scope::Operator, key).context("the demo's management key")?;
        Ok(made.key)
    }
}

/// Where the demo is served.
struct Addresses {
    listen: SocketAddr,
    ops: SocketAddr,
    admin: SocketAddr,
}

/// What the demo tells.
struct Told<'a> {
    listen: SocketAddr,
    ops: SocketAddr,
    admin: SocketAddr,
    key: &'a str,
    management_key: &'a str,
}

fn line(told: &Told<'_>, data_dir: &Path) -> String {
    let Told { listen, ops, admin, key, management_key } = told;
    let object = serde_json::json!({
        "base_url": format!("http://{listen}/v1"),
        "key": key,
        "admin_url": format!("http://{admin}/api/v1/manage"),
        "management_key": management_key,
        "metrics_url": format!("http://{ops}/metrics"),
        "health_url": format!("http://{ops}/health"),
        "data_dir": data_dir,
        "pid": std::process::id(),
    });
    format!("{object}\n")
}

fn greeting(told: &Told<'_>, data_dir: &Path) -> String {
    let Told { listen, ops, admin, key, management_key } = told;
    let curl = |body: &str, options: &str| {
        format!("  curl {options}http://{listen}/v1/chat/completions -H 'authorization: Bearer {key}' -d '{body}'\n")
    };
    let budget = format!(
        "  curl http://{admin}/api/v1/manage/tenants/demo/budgets -H 'authorization: Bearer {management_key}' -H 'content-type: application/json' -d '{{\"covers\":\"tenant\",\"period\":\"day\",\"limit\":\"0.01\"}}'\n"
    );
    format!(
        "Tollgate is running with simulated vendors. The key of this run:\n\n  {key}\n\nA plain answer:\n\n{}\nStreamed:\n\n{}\nA fallback happening (see the x-tollgate-fallback-* headers):\n\n{}\nThe model chosen by task:\n\n{}\nIn time and cheap: flex, and the standard tier where flex is late, one time in five (see x-tollgate-race and -saved-usd):\n\n{}\nA refusal:\n\n{}\nA hard budget of a cent a day, by the management API:\n\n{budget}\nMetrics: http://{ops}/metrics   Health: http://{ops}/health   Audit log: {data}   Stop: Ctrl-C\n",
        curl(r#"{"model":"sim-small","messages":[{"role":"user","content":"Hello"}]}"#, ""),
        curl(r#"{"model":"sim-small","stream":true,"messages":[{"role":"user","content":"Hello"}]}"#, "-N "),
        curl(r#"{"model":"fallback-demo","messages":[{"role":"user","content":"Hello"}]}"#, "-i "),
        curl(
            r#"{"model":"auto","messages":[{"role":"user","content":"Write a Python function that sorts a list"}]}"#,
            "-i "
        ),
        curl(r#"{"model":"race-demo","start_within":"2s","messages":[{"role":"user","content":"Hello"}]}"#, "-i "),
        curl(r#"{"model":"no-such-model","messages":[{"role":"user","content":"Hello"}]}"#, "-i "),
        data = data_dir.display(),
    )
}

/// Prints the greeting once clients can connect.
fn tell_when_ready(listen: SocketAddr, greeting: String) -> anyhow::Result<()> {
    std::thread::Builder::new().name("greeting".into()).spawn(move || {
        while std::net::TcpStream::connect(listen).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        print(&greeting);
    })?;
    Ok(())
}
