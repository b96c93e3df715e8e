//! Tollgate for the bench: a configuration with everything on, in a folder that goes away.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use anyhow::Context;
use tollgate_auth::{Algorithm, Kind, NewKey, Pepper};

use crate::running::{Running, free_port, roomy};
use crate::shape::Shape;

/// Not beside the configuration: that folder is watched for changes, which would be counted as work.
const LOG: &str = "log/requests.jsonl";
/// The folder for what it keeps, and the store in it.
pub(crate) const DATA: &str = "data";
pub(crate) const STORE: &str = "data/tollgate.db";

/// What a gateway's configuration has beside what all have.
#[derive(Clone, Copy, Default)]
pub(crate) struct More {
    /// Profiles of the vendor, each a model of that name.
    pub(crate) places: &'static [&'static str],
    /// Sections of the file.
    pub(crate) sections: &'static str,
}

/// The gateway, running.
pub(crate) struct Gateway {
    pub(crate) process: Running,
    pub(crate) address: SocketAddr,
    /// Where it says whether it is ready.
    pub(crate) ops: SocketAddr,
    pub(crate) key: String,
    folder: Folder,
}

impl Gateway {
    /// Starts the `tollgate` that was built beside this program.
    pub(crate) fn start(upstream: SocketAddr, threads: usize, audit: &'static str) -> anyhow::Result<Self> {
        Self::start_in(Folder::new()?, upstream, threads, audit, More::default())
    }

    /// Starts it in a folder that may hold a store already.
    pub(crate) fn start_in(
        folder: Folder,
        upstream: SocketAddr,
        threads: usize,
        audit: &'static str,
        more: More,
    ) -> anyhow::Result<Self> {
        let mut random = [0; 40];
        getrandom::fill(&mut random).map_err(|e| anyhow::anyhow!("the system gives no randomness: {e}"))?;
        let key = NewKey::generate(Kind::Inference, random);
        let hash = key.hash(Algorithm::Sha256, [7; 16], &Pepper::none()).to_string();
        let [address, ops, admin] = [free_port()?, free_port()?, free_port()?];
        fs::create_dir(folder.0.join("log"))?;
        let file = folder.0.join("tollgate.yaml");
        let text = configuration([address, ops, admin], threads, upstream, audit, (key.id().as_str(), &hash), more);
        fs::write(&file, text)?;

        let binary = std::env::current_exe()?.with_file_name("tollgate");
        let mut command = roomy(&binary);
        command.args(["serve", "--config"]).arg(&file).stdout(Stdio::null());
        let name = match audit {
            "strict" => "tollgate, audit strict",
            "relaxed" => "tollgate, audit relaxed",
            _ => "tollgate",
        };
        let mut process = Running::start(name, &mut command).context("is `tollgate` built in this profile?")?;
        process.listens_at(address)?;
        Ok(Self { process, address, ops, key: key.reveal().to_owned(), folder })
    }

    /// A file of its folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    /// Empties the request log, which would fill a disk in the end.
    pub(crate) fn empty_log(&self) -> anyhow::Result<()> {
        let log = fs::OpenOptions::new().write(true).open(self.file(LOG))?;
        Ok(log.set_len(0)?)
    }
}

/// Keys, limits, classification, routes, prices, a filter, request log and metrics.
fn configuration(
    [listen, ops, admin]: [SocketAddr; 3],
    threads: usize,
    upstream: SocketAddr,
    audit: &str,
    (id, hash): (&str, &str),
    more: More,
) -> String {
    let names: Vec<&str> = Shape::ALL.iter().map(|shape| shape.name()).chain(more.places.iter().copied()).collect();
    let each = |line: fn(&str, SocketAddr) -> String| names.iter().map(|name| line(name, upstream)).collect::<String>();
    let sections = more.sections;
    let endpoints = each(|name, upstream| {
        format!(
            "  at-{name}: {{provider: sim, model: sim-small, base_url: \"http://{upstream}/{name}/v1\", price_as: simulated/sim-small}}\n"
        )
    });
    let models = each(|name, _| format!("  {name}: {{candidates: [at-{name}]}}\n"));
    let routes = each(|name, _| {
        format!(
            "  - {{name: auto-{name}, match: {{model: [auto], header: {{x-shape: {name}}}}}, candidates: [{name}]}}\n"
        )
    });
    format!(
        "server: {{listen: [{{address: \"{listen}\"}}], ops: \"{ops}\", threads: {threads}}}\n\
         keys:\n  - {{id: {id}, name: bench, tenant: bench, hash: \"{hash}\"}}\n\
         providers:\n  sim: {{dialect: openai, base_url: \"http://{upstream}/plain/v1\", api_key: simulated}}\n\
         endpoints:\n{endpoints}models:\n{models}routes:\n{routes}\
         limits: {{requests_per_minute: 16000000, concurrent_requests: 100000, requests_per_second_per_ip: 1000000}}\n\
         filters:\n  - {{use: sample, slot: after_classify, conf: {{tag: bench}}}}\n\
         log: {{level: warn, requests: true, file: {LOG}}}\naudit: {{mode: {audit}}}\n\
         data_dir: {DATA}\nstore: {{url: \"sqlite:{STORE}\"}}\nadmin: {{listen: \"{admin}\"}}\n{sections}"
    )
}

/// A folder that goes away with its owner.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes one.
    pub(crate) fn new() -> anyhow::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        let path = std::env::temp_dir().join(format!("tollgate-bench-{}-{number}", std::process::id()));
        create(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// Alone: what another has put there is neither used nor removed.
fn create(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(path)
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
