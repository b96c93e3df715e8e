//! The real thing, small: simulated vendors in this process, the gateway's own binary beside it, and
//! the questions that tests ask of both. It ends with its value, also when a test fails.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_auth::{Algorithm, Kind, NewKey, Pepper};
use tollgate_simulate::{Fault, Options, Profile, Seen, Vendor};

use crate::http::{Answer, Connection, head, over_h2};

/// The binary under test.
pub(crate) const TOLLGATE: &str = env!("CARGO_BIN_EXE_tollgate");
/// How long something may take that has to happen.
const DEADLINE: Duration = Duration::from_secs(20);
const POLL_EVERY: Duration = Duration::from_millis(5);

/// Waits until there is something, and says what it waited for if there never is.
pub(crate) fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(began.elapsed() < DEADLINE, "waited in vain: {what}");
        std::thread::sleep(POLL_EVERY);
    }
}

/// A profile with this fault and nothing else.
pub(crate) fn faulty(fault: Fault) -> Profile {
    Profile { fault, ..Profile::default() }
}

/// A profile that answers every request with this status.
pub(crate) fn status(status: u16) -> Profile {
    faulty(Fault::Status { status, retry_after: None, body: None })
}

/// A profile that says no and names the wait.
pub(crate) fn busy(seconds: u32) -> Profile {
    faulty(Fault::Status { status: 429, retry_after: Some(seconds), body: None })
}

/// A profile that says as many words as asked, so many a second.
pub(crate) fn paced(tokens: u32, per_second: u32) -> Profile {
    Profile { output_tokens: tokens, tokens_per_second: per_second, ..Profile::default() }
}

/// The body of a chat request under construction.
#[derive(Clone, Debug)]
pub(crate) struct Chat(Value);

impl Chat {
    /// A short question to this model.
    pub(crate) fn to(model: &str) -> Self {
        Self(json!({"model": model, "messages": [{"role": "user", "content": "Good morning"}]}))
    }

    /// A short question to this endpoint and no other.
    pub(crate) fn only(endpoint: &str) -> Self {
        Self::to(&format!("only-{endpoint}"))
    }

    /// The same, streamed.
    pub(crate) fn streamed(self) -> Self {
        self.with("stream", json!(true))
    }

    /// The same, streamed, with usage at its end.
    pub(crate) fn with_usage(self) -> Self {
        self.streamed().with("stream_options", json!({"include_usage": true}))
    }

    /// With another question.
    pub(crate) fn saying(self, text: impl Into<String>) -> Self {
        self.with("messages", json!([{"role": "user", "content": text.into()}]))
    }

    /// With this member.
    pub(crate) fn with(mut self, member: &str, value: Value) -> Self {
        self.0[member] = value;
        self
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }
}

/// A key as its owner holds it.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// The key itself.
    pub(crate) text: String,
    /// Its entry under `keys:`.
    pub(crate) entry: String,
}

impl Key {
    /// A key of this name, with further members for its entry. The same number gives the same key.
    pub(crate) fn new(number: u8, name: &str, algorithm: Algorithm, extra: &str) -> Self {
        let key = NewKey::generate(Kind::Inference, [number; 40]);
        let (id, hash) = (key.id(), key.hash(algorithm, [number; 16], &Pepper::none()));
        let entry = format!("  - {{id: {id}, name: {name}, tenant: acme, hash: \"{hash}\"{extra}}}\n");
        Self { text: key.reveal().to_owned(), entry }
    }
}

/// One endpoint, its provider, and the model `only-NAME`.
struct Place {
    name: String,
    dialect: &'static str,
    base_url: String,
    extra: String,
}

/// What a world is to be made of.
pub(crate) struct Plans {
    vendor: Vendor,
    tls_vendor: Option<Vendor>,
    folder: PathBuf,
    address: Ipv4Addr,
    places: Vec<Place>,
    models: String,
    keys: Vec<Key>,
    server: String,
    sections: Vec<(String, String)>,
    tls: bool,
}

/// Every world has a loopback address to itself: its ports cannot be anyone else's.
fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let number = u8::try_from(1 + NEXT.fetch_add(1, Relaxed) % 250).expect("at most 250");
    Ipv4Addr::new(127, 1 + high % 250, low, number)
}

impl Plans {
    fn new() -> Self {
        let address = own_address();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("worlds").join(address.to_string());
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("the folder can be made");
        Self {
            vendor: Vendor::spawn(Options::default()).expect("a vendor starts"),
            tls_vendor: None,
            folder,
            address,
            places: Vec::new(),
            models: String::new(),
            keys: vec![Key::new(1, "test", Algorithm::Sha256, "")],
            server: String::new(),
            sections: Vec::new(),
            tls: false,
        }
    }

    /// An endpoint in OpenAI's dialect whose vendor behaves like this.
    pub(crate) fn openai(self, name: &str, profile: Profile) -> Self {
        let base_url = format!("{}/v1", self.vendor.base_url(name));
        self.behaving(name, profile).place(name, "openai", base_url, "")
    }

    /// An endpoint in Anthropic's dialect whose vendor behaves like this.
    pub(crate) fn anthropic(self, name: &str, profile: Profile) -> Self {
        let base_url = self.vendor.base_url(name);
        self.behaving(name, profile).place(name, "anthropic", base_url, "")
    }

    /// An endpoint in OpenAI's dialect at a vendor of its own, or at none.
    pub(crate) fn at(self, name: &str, base_url: impl Into<String>) -> Self {
        self.place(name, "openai", base_url.into(), "")
    }

    /// An endpoint in OpenAI's dialect over HTTP/2 in clear text.
    pub(crate) fn over_h2c(self, name: &str) -> Self {
        let base_url = format!("{}/v1", self.vendor.base_url(name));
        self.place(name, "openai", base_url, "    http: \"2\"\n")
    }

    /// An endpoint in OpenAI's dialect over TLS, of an authority that its provider names.
    pub(crate) fn over_tls(mut self, name: &str, http: &str) -> Self {
        let options = Options { tls: true, ..Options::default() };
        let vendor = self.tls_vendor.get_or_insert_with(|| Vendor::spawn(options).expect("a vendor starts"));
        let ca = self.folder.join("vendor-ca.pem");
        fs::write(&ca, vendor.ca_pem().expect("it speaks TLS")).expect("the file can be written");
        let base_url = format!("{}/v1", vendor.base_url(name));
        self.place(name, "openai", base_url, &format!("    http: \"{http}\"\n    ca_file: {}\n", ca.display()))
    }

    fn behaving(self, name: &str, profile: Profile) -> Self {
        self.vendor.set(Profile { name: name.to_owned(), ..profile });
        self
    }

    /// An endpoint; `extra` are further lines of its provider.
    pub(crate) fn place(mut self, name: &str, dialect: &'static str, base_url: String, extra: &str) -> Self {
        self.places.push(Place { name: name.to_owned(), dialect, base_url, extra: extra.to_owned() });
        self
    }

    /// A model with these candidates.
    pub(crate) fn model(mut self, name: &str, candidates: &[&str]) -> Self {
        let _ = writeln!(self.models, "  {name}: {{candidates: [{}]}}", candidates.join(", "));
        self
    }

    /// A model under other names too.
    pub(crate) fn aliased(mut self, name: &str, candidate: &str, aliases: &str) -> Self {
        let _ = writeln!(self.models, "  {name}: {{candidates: [{candidate}], aliases: [{aliases}]}}");
        self
    }

    /// One more key.
    pub(crate) fn key(mut self, key: &Key) -> Self {
        self.keys.push(key.clone());
        self
    }

    /// A member of `server:`.
    pub(crate) fn server(mut self, line: &str) -> Self {
        let _ = writeln!(self.server, "  {line}");
        self
    }

    /// A section of the file.
    pub(crate) fn section(mut self, name: &str, yaml: &str) -> Self {
        self.sections.push((name.to_owned(), yaml.to_owned()));
        self
    }

    /// A second listener, with TLS.
    pub(crate) fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    fn yaml(&self) -> String {
        let at = self.address;
        let mut listen = format!("    - address: {at}:4000\n");
        if self.tls {
            let _ = writeln!(listen, "    - {{address: \"{at}:4443\", tls: {{cert: cert.pem, key: key.pem}}}}");
        }
        let mut yaml = format!("server:\n  listen:\n{listen}  ops: {at}:4001\n  threads: 1\n{}", self.server);
        yaml.push_str("keys:\n");
        yaml.extend(self.keys.iter().map(|k| k.entry.as_str()));
        let (mut providers, mut endpoints, mut models) = (String::new(), String::new(), self.models.clone());
        for Place { name, dialect, base_url, extra } in &self.places {
            let _ = write!(
                providers,
                "  {name}:\n    dialect: {dialect}\n    base_url: {base_url}\n    api_key: credential-of-{name}\n{extra}"
            );
            let _ = writeln!(
                endpoints,
                "  {name}: {{provider: {name}, model: {name}-model, price_as: simulated/sim-small}}"
            );
            let _ = writeln!(models, "  only-{name}: {{candidates: [{name}]}}");
        }
        let _ = write!(yaml, "providers:\n{providers}endpoints:\n{endpoints}models:\n{models}");
        for (name, section) in &self.sections {
            let _ = writeln!(yaml, "{name}: {section}");
        }
        yaml
    }

    /// Starts the gateway and waits until it is ready.
    pub(crate) fn start(self) -> World {
        self.start_by(Path::new(TOLLGATE))
    }

    /// Starts this binary in the gateway's place.
    pub(crate) fn start_by(self, binary: &Path) -> World {
        let yaml = self.yaml();
        fs::write(self.folder.join("tollgate.yaml"), &yaml).expect("the file can be written");
        let ca_pem = self.tls.then(|| certificate(&self.folder));
        let Self { vendor, tls_vendor, folder, address, keys, .. } = self;
        let out = |name: &str| Stdio::from(File::create(folder.join(name)).expect("the file can be made"));
        let child = Command::new(binary)
            .args(["serve", "--config", "tollgate.yaml"])
            .current_dir(&folder)
            .env_remove("TOLLGATE_LOG")
            .env_remove("TOLLGATE_CONFIG")
            .stdout(out("stdout"))
            .stderr(out("stderr"))
            .spawn()
            .expect("the binary starts");
        let key = keys[0].text.clone();
        let mut world = World { child, folder, address, key, yaml, vendor, tls_vendor, ca_pem };
        world.wait_until_ready();
        world
    }
}

/// A certificate for the gateway's own listener; clients trust it as it is.
fn certificate(folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    fs::write(folder.join("cert.pem"), made.cert.pem()).expect("the file can be written");
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("the file can be written");
    made.cert.pem()
}

/// A gateway that runs, and its vendors.
pub(crate) struct World {
    child: Child,
    folder: PathBuf,
    address: Ipv4Addr,
    /// The key of the first entry.
    pub(crate) key: String,
    /// The configuration as it was started.
    pub(crate) yaml: String,
    /// The vendors, one profile for each endpoint.
    pub(crate) vendor: Vendor,
    /// The vendors that speak TLS.
    pub(crate) tls_vendor: Option<Vendor>,
    /// What clients of the TLS listener trust.
    pub(crate) ca_pem: Option<String>,
}

impl World {
    /// Begins to describe one.
    pub(crate) fn with() -> Plans {
        Plans::new()
    }

    /// The plainest: one endpoint, `steady`, that works.
    pub(crate) fn steady() -> Self {
        Self::with().openai("steady", Profile::default()).start()
    }

    fn wait_until_ready(&mut self) {
        until("the gateway is ready", || {
            if let Some(status) = self.child.try_wait().expect("its status can be asked") {
                panic!("the gateway ended ({status}): {}\n{}", self.stderr(), self.yaml);
            }
            (self.is_ready() && std::net::TcpStream::connect(self.clients()).is_ok()).then_some(())
        });
    }

    /// Whether a load balancer would send it requests.
    pub(crate) fn is_ready(&self) -> bool {
        std::net::TcpStream::connect(self.ops()).is_ok() && self.ops_get("/ready").status == 200
    }

    /// Where clients are served.
    pub(crate) fn clients(&self) -> SocketAddr {
        (self.address, 4000).into()
    }

    /// Where clients are served with TLS.
    pub(crate) fn clients_tls(&self) -> SocketAddr {
        (self.address, 4443).into()
    }

    fn ops(&self) -> SocketAddr {
        (self.address, 4001).into()
    }

    /// The folder of the configuration file.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The configuration file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("tollgate.yaml")
    }

    /// The gateway's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection to the clients' listener.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.clients())
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.key)
    }

    /// The head of a chat request with the key, and this length or in chunks.
    pub(crate) fn chat_head(&self, length: Option<usize>) -> String {
        let bearer = self.bearer();
        let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        if length.is_none() {
            headers.push(("transfer-encoding", "chunked"));
        }
        head("POST", "/v1/chat/completions", &headers, length)
    }

    /// A chat request as bytes, with its length.
    pub(crate) fn chat_bytes(&self, body: &[u8]) -> Vec<u8> {
        [self.chat_head(Some(body.len())).as_bytes(), body].concat()
    }

    /// Sends a chat request on a connection of its own; the answer is still to be read.
    pub(crate) fn begin(&self, chat: Chat) -> Connection {
        let mut connection = self.connect();
        connection.send(self.chat_bytes(&chat.bytes()));
        connection
    }

    /// Sends a chat request and reads the answer to its end.
    pub(crate) fn chat(&self, chat: Chat) -> Answer {
        self.begin(chat).answer()
    }

    /// Sends these bytes as a chat request.
    pub(crate) fn post(&self, body: impl AsRef<[u8]>) -> Answer {
        self.connect().send(self.chat_bytes(body.as_ref())).answer()
    }

    /// Sends a chat request with another key.
    pub(crate) fn chat_as(&self, key: &str, chat: Chat) -> Answer {
        self.ask("POST", "/v1/chat/completions", &[("authorization", &format!("Bearer {key}"))], &chat.bytes())
    }

    /// Sends a chat request with further headers.
    pub(crate) fn chat_with(&self, headers: &[(&str, &str)], chat: Chat) -> Answer {
        let bearer = self.bearer();
        let headers: Vec<_> = [("authorization", bearer.as_str())].into_iter().chain(headers.iter().copied()).collect();
        self.ask("POST", "/v1/chat/completions", &headers, &chat.bytes())
    }

    /// Sends a chat request over HTTP/2, with TLS where this world has it.
    pub(crate) fn chat_over_h2(&self, body: impl Into<Bytes>) -> Answer {
        let address = if self.ca_pem.is_some() { self.clients_tls() } else { self.clients() };
        over_h2(address, self.ca_pem.as_deref(), &[("authorization", &self.bearer())], body.into())
    }

    /// `GET` with the key.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[("authorization", &self.bearer())], b"")
    }

    /// Any request; nothing is added but host and length.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.connect().request(method, path, headers, body).answer()
    }

    /// `GET` on the operators' listener.
    pub(crate) fn ops_get(&self, path: &str) -> Answer {
        Connection::open(self.ops()).request("GET", path, &[("connection", "close")], b"").answer()
    }

    /// The sum of a metric's series that carry these labels.
    pub(crate) fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let text = self.ops_get("/metrics").text();
        let series = |line: &&str| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|r| r.starts_with(['{', ' ']))
                && labels.iter().all(|(n, v)| line.contains(&format!("{n}=\"{v}\"")))
        };
        let value = |line: &str| line.rsplit(' ').next().and_then(|v| v.parse::<f64>().ok());
        text.lines().filter(series).filter_map(value).sum()
    }

    /// Waits until a metric has this value.
    pub(crate) fn wait_for_metric(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        let near = |found: f64| (found - value).abs() < 1e-9;
        until(&format!("{name}{labels:?} is {value}"), || near(self.metric(name, labels)).then_some(()));
    }

    /// What a profile's vendor has seen.
    pub(crate) fn seen(&self, profile: &str) -> Seen {
        self.vendor.seen(profile)
    }

    /// Changes how a vendor behaves.
    pub(crate) fn set(&self, name: &str, profile: Profile) {
        self.vendor.set(Profile { name: name.to_owned(), ..profile });
    }

    /// Waits until a profile's vendor has seen this many requests.
    pub(crate) fn wait_for_requests(&self, profile: &str, requests: u64) {
        until(&format!("{profile} has seen {requests} requests"), || {
            (self.seen(profile).requests >= requests).then_some(())
        });
    }

    /// Standard output so far.
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.folder.join("stdout")).expect("it is written to a file")
    }

    /// Standard error so far.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.folder.join("stderr")).expect("it is written to a file")
    }

    /// The request lines so far.
    pub(crate) fn log_lines(&self) -> Vec<Value> {
        let text = self.stdout();
        let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
        whole.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("not JSON ({e}): {l}"))).collect()
    }

    /// The request line of an answer.
    pub(crate) fn line_of(&self, answer: &Answer) -> Value {
        let id = answer.header("x-tollgate-request-id").expect("every answer of a model has an id").to_owned();
        self.wait_for_line(&format!("id {id}"), |line| line["id"] == *id)
    }

    /// The first request line for which this holds.
    pub(crate) fn wait_for_line(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        until(&format!("a line with {what}"), || self.log_lines().into_iter().find(&holds))
    }

    /// The only request line.
    pub(crate) fn only_line(&self) -> Value {
        let line = self.wait_for_line("anything", |_| true);
        assert_eq!(self.log_lines().len(), 1, "one request leaves one line");
        line
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid())]).status();
        assert!(sent.expect("a shell runs").success(), "SIG{name} can be sent");
    }

    /// Writes the configuration file as editors do: beside it, then over it.
    pub(crate) fn write(&self, yaml: &str) {
        let beside = self.folder.join("tollgate.yaml.new");
        fs::write(&beside, yaml).expect("the file can be written");
        fs::rename(beside, self.file()).expect("the file can be replaced");
    }

    fn reloads(&self) -> f64 {
        self.metric("tollgate_config_reloads_total", &[])
    }

    /// Waits until what `change` does has led to one more reload, and says whether it was taken.
    pub(crate) fn reload_by(&self, change: impl FnOnce(&Self)) -> bool {
        let before = self.reloads();
        change(self);
        until("the configuration is reloaded", || (self.reloads() > before).then_some(()));
        self.metric("tollgate_config_last_reload_successful", &[]) > 0.5
    }

    /// Puts a file in place of the configuration, and tells the gateway. Whether it was taken.
    pub(crate) fn reload(&self, yaml: &str) -> bool {
        self.reload_by(|world| {
            world.write(yaml);
            world.signal("HUP");
        })
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("Linux says so");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// Waits until the gateway has ended.
    pub(crate) fn wait_for_exit(&mut self) -> ExitStatus {
        until("the gateway has ended", || self.child.try_wait().expect("its status can be asked"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let stderr = self.stderr();
        if std::thread::panicking() {
            let tail = &stderr[stderr.floor_char_boundary(stderr.len().saturating_sub(4000))..];
            eprintln!("the gateway of {} said:\n{tail}", self.folder.display());
        } else {
            // Whatever a test is about: no request may make the gateway panic.
            assert!(!stderr.contains("panicked"), "{stderr}");
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
