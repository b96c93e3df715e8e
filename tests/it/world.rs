//! The real thing, small: simulated vendors in this process, the gateway's own binary beside it, and
//! the questions that tests ask of both. It ends with its value, also when a test fails.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_simulate::{Fault, Profile, Seen, Vendor};

use crate::http::{Answer, Connection, head, over_h2};
use crate::plans::Plans;

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

/// A gateway that runs, and its vendors.
pub(crate) struct World {
    pub(crate) child: Child,
    pub(crate) folder: PathBuf,
    pub(crate) address: Ipv4Addr,
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

    /// Waits until it serves.
    pub(crate) fn when_ready(mut self) -> Self {
        until("the gateway is ready", || {
            if let Some(status) = self.child.try_wait().expect("its status can be asked") {
                panic!("the gateway ended ({status}): {}\n{}", self.stderr(), self.yaml);
            }
            (self.is_ready() && Connection::try_open(self.clients()).is_ok()).then_some(())
        });
        self
    }

    /// Whether a load balancer would send it requests.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready_status() == Some(200)
    }

    /// What `/ready` answers; `None` where nobody answers.
    pub(crate) fn ready_status(&self) -> Option<u16> {
        let mut connection = Connection::try_open(self.ops()).ok()?;
        connection.request("GET", "/ready", &[("connection", "close")], b"");
        connection.try_answer().ok().map(|answer| answer.status)
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
        let get =
            || Connection::try_open(self.ops())?.request("GET", path, &[("connection", "close")], b"").try_answer();
        // A reset has been seen once in tens of thousands; what is asked here is not that.
        get().or_else(|_| get()).expect("an answer to its end")
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
            // Whatever a test is about: no request may make the gateway panic; someone else's filter may.
            let mut panics = stderr.lines().filter(|line| line.contains("panicked at") && !line.contains("shout/src/"));
            assert_eq!(panics.next(), None, "{stderr}");
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
