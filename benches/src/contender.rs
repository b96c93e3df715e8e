//! The processes that are measured: started, told apart, read from `/proc`, killed at the end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tollgate_auth::{Algorithm, Kind, NewKey, Pepper};
use tollgate_simulate::{Options, Profile, Vendor};

/// One way from the load to the vendor.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
    /// The model that is asked for.
    pub(crate) model: &'static str,
    process: Option<std::rc::Rc<Running>>,
}

/// A process that ends with its last contender.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The simulated vendor of the bench: three profiles, known by the path.
pub(crate) fn be_a_vendor() -> anyhow::Result<()> {
    let named = |name: &str| Profile { name: name.to_owned(), output_tokens: 10, ..Profile::default() };
    let profiles = vec![
        named("plain"),
        Profile { burst: false, output_tokens: 50, ..named("burst") },
        Profile { tokens_per_second: 100, output_tokens: 20, ..named("paced") },
    ];
    let vendor = Vendor::spawn(Options { profiles, ..Options::default() })?;
    println!("{}", vendor.address());
    loop {
        std::thread::park();
    }
}

/// Starts all of them: the vendor itself, the pass-through, and Tollgate under two model names.
pub(crate) fn all() -> anyhow::Result<Vec<Contender>> {
    let this = std::env::current_exe()?;
    let mut vendor = Command::new(&this).arg("vendor").stdout(Stdio::piped()).spawn().context("starting the vendor")?;
    let mut line = String::new();
    BufReader::new(vendor.stdout.take().context("its output")?).read_line(&mut line)?;
    let upstream: SocketAddr = line.trim().parse().context("the vendor's address")?;
    let vendor = std::rc::Rc::new(Running(vendor));

    let bare_at = free_port()?;
    let bare = Command::new(&this).args(["bare", &bare_at.to_string(), &upstream.to_string()]).spawn()?;
    let bare = std::rc::Rc::new(Running(bare));
    let (gate, gate_at, key) = tollgate(upstream)?;
    let gate = std::rc::Rc::new(Running(gate));
    let contender = |name, address, model, process: &std::rc::Rc<Running>| Contender {
        name,
        address,
        key: key.clone(),
        model,
        process: Some(std::rc::Rc::clone(process)),
    };
    let contenders = vec![
        contender("direct", upstream, "plain", &vendor),
        contender("bare", bare_at, "plain", &bare),
        contender("tollgate", gate_at, "plain", &gate),
        contender("tollgate, auto", gate_at, "auto", &gate),
    ];
    for contender in &contenders {
        wait_for(contender.address)?;
    }
    Ok(contenders)
}

/// Tollgate with everything on: limits, request log, metrics, prices.
fn tollgate(upstream: SocketAddr) -> anyhow::Result<(Child, SocketAddr, String)> {
    let mut random = [0; 40];
    getrandom::fill(&mut random).map_err(|e| anyhow::anyhow!("the system gives no randomness: {e}"))?;
    let key = NewKey::generate(Kind::Inference, random);
    let hash = key.hash(Algorithm::Sha256, [7; 16], &Pepper::none());
    let (listen, ops) = (free_port()?, free_port()?);
    let folder = std::env::temp_dir().join(format!("tollgate-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let file = folder.join("tollgate.yaml");
    let endpoint = |name: &str| {
        format!(
            "  {name}: {{provider: sim, model: sim-small, base_url: \"http://{upstream}/{name}/v1\", price_as: simulated/sim-small}}\n"
        )
    };
    let text = format!(
        "server: {{listen: [{{address: \"{listen}\"}}], ops: \"{ops}\", threads: 1}}\n\
         keys:\n  - {{id: {}, name: bench, tenant: bench, hash: \"{hash}\"}}\n\
         providers:\n  sim: {{dialect: openai, base_url: \"http://{upstream}/plain/v1\", api_key: simulated}}\n\
         endpoints:\n{}{}{}\
         models:\n  plain: {{candidates: [at-plain]}}\n  burst: {{candidates: [at-burst]}}\n  paced: {{candidates: [at-paced]}}\n\
         routes:\n  - {{name: auto, match: {{model: [auto]}}, candidates: [plain]}}\n\
         limits: {{requests_per_minute: 16000000, concurrent_requests: 100000, requests_per_second_per_ip: 1000000}}\n\
         log: {{requests: true}}\n",
        key.id().as_str(),
        endpoint("plain").replace("  plain:", "  at-plain:"),
        endpoint("burst").replace("  burst:", "  at-burst:"),
        endpoint("paced").replace("  paced:", "  at-paced:"),
    );
    fs::write(&file, text)?;
    let log = fs::File::create(folder.join("requests.log"))?;
    let binary = std::env::current_exe()?.with_file_name("tollgate");
    let child = Command::new(&binary)
        .args(["serve", "--config"])
        .arg(&file)
        .stdout(log)
        .stderr(fs::File::create(folder.join("messages.log"))?)
        .spawn()
        .with_context(|| format!("starting {}", binary.display()))?;
    Ok((child, listen, key.reveal().to_owned()))
}

/// Where this run keeps its files.
pub(crate) fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("tollgate-bench-{}", std::process::id()))
}

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn wait_for(address: SocketAddr) -> anyhow::Result<()> {
    let patience = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_err() {
        if Instant::now() > patience {
            bail!("nothing listens at {address}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

impl Contender {
    fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, |p| p.0.id())
    }

    /// CPU time so far, user and system, in microseconds.
    pub(crate) fn cpu_micros(&self) -> u64 {
        const TICK_MICROS: u64 = 10_000;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum::<u64>() * TICK_MICROS
    }

    /// A line of `/proc/PID/status` in kilobytes: `VmHWM`, `VmRSS`.
    pub(crate) fn memory_kb(&self, what: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find(|l| l.starts_with(what)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
    }
}
