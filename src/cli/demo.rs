//! `tollgate demo`: the whole thing with simulated vendors, no keys and no services.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tollgate_auth::{Algorithm, Pepper};
use tollgate_conf::{Sources, SystemSources};
use tollgate_simulate::{Options, Vendor, demo_profiles};

use super::key::new_key;
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
        let made = new_key(Algorithm::Sha256, &Pepper::none())?;
        let sources = DemoSources {
            upstream: format!("http://{}", vendor.address()),
            hash: made.hash,
            id: made.key.id().as_str().to_owned(),
        };
        let mut config = tollgate_conf::parse("demo.yaml", DEMO, &sources)?;
        let (listen, ops) = self.addresses()?;
        config.server.listen.iter_mut().for_each(|l| l.address = listen);
        config.server.ops = Some(ops);
        // A demo is small, and may be started often.
        config.audit.journal_file = 1 << 20;
        config.log.requests = self.log;
        config.data_dir = self
            .data_dir
            .clone()
            .unwrap_or_else(|| std::env::temp_dir().join(format!("tollgate-demo-{}", std::process::id())));
        if !self.json {
            super::serve::log_to_stderr(&config.log);
        }
        let greeting = if self.json {
            self.line(listen, ops, made.key.reveal(), &config.data_dir)
        } else {
            greeting(listen, ops, made.key.reveal(), &config.data_dir)
        };
        tell_when_ready(listen, greeting)?;
        crate::serve::serve(config, None, filters)?;
        drop(vendor);
        Ok(Exit::Ok)
    }

    /// Pingora binds by itself and does not say to which port: free ones are found beforehand.
    fn addresses(&self) -> anyhow::Result<(SocketAddr, SocketAddr)> {
        let hold = |wanted: SocketAddr| TcpListener::bind(wanted).with_context(|| format!("{wanted} cannot be bound"));
        let (clients, ops) = (hold(self.listen)?, hold(self.ops)?);
        Ok((clients.local_addr()?, ops.local_addr()?))
    }

    fn line(&self, listen: SocketAddr, ops: SocketAddr, key: &str, data_dir: &Path) -> String {
        let object = serde_json::json!({
            "base_url": format!("http://{listen}/v1"),
            "key": key,
            "metrics_url": format!("http://{ops}/metrics"),
            "health_url": format!("http://{ops}/health"),
            "data_dir": data_dir,
            "pid": std::process::id(),
        });
        format!("{object}\n")
    }
}

fn greeting(listen: SocketAddr, ops: SocketAddr, key: &str, data_dir: &Path) -> String {
    let curl = |body: &str, options: &str| {
        format!("  curl {options}http://{listen}/v1/chat/completions -H 'authorization: Bearer {key}' -d '{body}'\n")
    };
    format!(
        "Tollgate is running with simulated vendors. The key of this run:\n\n  {key}\n\nA plain answer:\n\n{}\nStreamed:\n\n{}\nA fallback happening (see the x-tollgate-fallback-* headers):\n\n{}\nThe model chosen by task:\n\n{}\nA refusal:\n\n{}\nMetrics: http://{ops}/metrics   Health: http://{ops}/health   Audit log: {data}   Stop: Ctrl-C\n",
        curl(r#"{"model":"sim-small","messages":[{"role":"user","content":"Hello"}]}"#, ""),
        curl(r#"{"model":"sim-small","stream":true,"messages":[{"role":"user","content":"Hello"}]}"#, "-N "),
        curl(r#"{"model":"fallback-demo","messages":[{"role":"user","content":"Hello"}]}"#, "-i "),
        curl(
            r#"{"model":"auto","messages":[{"role":"user","content":"Write a Python function that sorts a list"}]}"#,
            "-i "
        ),
        curl(r#"{"model":"no-such-model","messages":[{"role":"user","content":"Hello"}]}"#, "-i "),
        data = data_dir.display(),
        ops = if ops.ip().is_unspecified() { SocketAddr::new(Ipv4Addr::LOCALHOST.into(), ops.port()) } else { ops },
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
