//! What the file means, with every name resolved and every default filled in: plain data.
//!
//! It holds no pools, no counters and no prices looked up: the proxy makes its live snapshot of it.
//! Endpoints, providers and candidates refer to each other by index; checking has proven them.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tollgate_api::Slot;
use tollgate_auth::{Algorithm, StoredKey};
use tollgate_classify::Classify;
pub use tollgate_limit::Limits as KeyLimits;
use tollgate_meter::{Catalogue, Oddity};
use tollgate_translate::Dialect;
use tollgate_vendors::Vendor;

mod accounts;
mod races;

pub use accounts::{Budgets, Fees, MasterKey, Store, Vault};
pub use races::{Deadlines, Hedge};

use crate::Match;
use crate::matching::Pattern;

/// A configuration without mistakes.
#[derive(Clone)]
pub struct Config {
    /// Where and how clients are served.
    pub server: Server,
    /// How new keys are stored, and the secret that goes into the stored ones.
    pub key_hashing: KeyHashing,
    /// The keys, in the order of the file; ids are unique.
    pub keys: Vec<Key>,
    /// The vendors, in the order of the file.
    pub providers: Vec<Provider>,
    /// Named endpoints first, then those that candidates `provider/model` brought along.
    pub endpoints: Vec<Endpoint>,
    /// The public models, in the order of the file.
    pub models: Vec<Model>,
    /// The routes, in the order of the file.
    pub routes: Vec<Route>,
    /// How long attempts and whole requests may take, where nothing closer says otherwise.
    pub timeouts: Timeouts,
    /// How requests with a time in `start_within` are served by the flex tier.
    pub deadlines: Deadlines,
    /// When an endpoint counts as down.
    pub health: HealthPolicy,
    /// What a client may ask for, and how often.
    pub limits: Limits,
    /// What labels requests.
    pub classifier: Arc<dyn Classify>,
    /// Models and their prices.
    pub catalogue: Catalogue,
    /// Prices that look mistyped. They are used all the same.
    pub oddities: Vec<Oddity>,
    /// The filters, in the order of the file.
    pub filters: Vec<FilterEntry>,
    /// What is written to the log.
    pub log: Log,
    /// The folder for what must outlive the process.
    pub data_dir: PathBuf,
    /// The log that anyone can verify.
    pub audit: Audit,
    /// Where accounts and the ledger are kept.
    pub store: Store,
    /// Where the management API listens.
    pub admin: SocketAddr,
    /// How secrets in the store are sealed.
    pub vault: Vault,
    /// How requests are held to budgets.
    pub budgets: Budgets,
    /// What the operator asks on top.
    pub fees: Fees,
    /// Every file that was read, this one first: what to watch for changes.
    pub files: Vec<PathBuf>,
}

/// Where and how clients are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Addresses for clients; at least one, all different.
    pub listen: Vec<Listen>,
    /// The address for health, readiness and metrics; `None` serves them nowhere.
    pub ops: Option<SocketAddr>,
    /// Worker threads; `None` for as many as there are cores.
    pub threads: Option<NonZeroUsize>,
    /// The longest request body, in bytes.
    pub max_body: usize,
    /// A request arrives whole within this.
    pub read_timeout: Duration,
    /// The head of a request arrives whole within this.
    pub header_timeout: Duration,
    /// An idle client connection is closed after this.
    pub keepalive: Duration,
    /// A client that reads nothing for this long is gone.
    pub write_timeout: Duration,
    /// At a termination signal, new requests are still taken for this long, while `/ready` says no.
    pub shutdown_delay: Option<Duration>,
    /// At shutdown, requests in flight are given this long.
    pub drain: Duration,
    /// Idle upstream connections kept for reuse.
    pub idle_upstream_connections: usize,
}

/// One address for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// IP address and port.
    pub address: SocketAddr,
    /// Certificate and key; `None` serves clear text (HTTP/1.1 and h2c).
    pub tls: Option<Tls>,
}

/// A certificate and its key. Both files were there and looked like PEM when they were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain, PEM.
    pub cert: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// How keys are kept.
#[derive(Clone, Debug)]
pub struct KeyHashing {
    /// How `tollgate key create` stores a new key.
    pub algorithm: Algorithm,
    /// The secret that goes into each SHA-256 form.
    pub pepper: Option<SecretString>,
}

/// A client's key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Who it is, and what its secret is checked against.
    pub stored: StoredKey,
    /// Its own limits, or those of everyone.
    pub limits: KeyLimits,
}

/// A vendor.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name in configuration, headers, logs and metrics.
    pub name: Arc<str>,
    /// What is known of its kind.
    pub vendor: &'static Vendor,
    /// The dialect that requests are translated into.
    pub dialect: Dialect,
    /// Others that it speaks as well.
    pub also: Vec<Dialect>,
    /// Where it is.
    pub base: BaseUrl,
    /// What we show it; proven to fit into a header.
    pub credential: Option<SecretString>,
    /// Whether to speak HTTP/2 (over TLS: to offer it first).
    pub http2: bool,
    /// The certificates to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Headers sent with every request, beside the dialect's own.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The tenants that may use what is stored in this account. Empty: the only one that there is.
    pub storage_for: Vec<Pattern>,
    /// How long its attempts may take.
    pub timeouts: Timeouts,
}

/// A base URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Whether it is `https`.
    pub tls: bool,
    /// The host: a name, an IPv4 address, or an IPv6 address in brackets. Never empty.
    pub host: String,
    /// The port, also where the URL leaves it out.
    pub port: u16,
    /// The path prefix, without a slash at its end; empty for none.
    pub path: String,
}

/// A model at a vendor: what health and prices attach to.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its name: its own, or `provider/model`.
    pub name: Arc<str>,
    /// Index of its provider.
    pub provider: usize,
    /// The model's id at the vendor.
    pub model: Arc<str>,
    /// Where it is: its own base URL, or the provider's.
    pub base: BaseUrl,
    /// How long its attempts may take.
    pub timeouts: Timeouts,
    /// Under which catalogue entry its tokens are priced.
    pub price_as: PriceKey,
}

/// The name of a catalogue entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceKey {
    /// The vendor, as the catalogue names it.
    pub provider: Arc<str>,
    /// The model, as the catalogue names it.
    pub model: Arc<str>,
}

/// A model that clients may ask for.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its public name.
    pub name: Arc<str>,
    /// Other names for it; no two models share one.
    pub aliases: Vec<Arc<str>>,
    /// Indices of endpoints in order of preference; never empty, each once.
    pub candidates: Vec<usize>,
}

/// A rule that takes requests away from their model's own candidates.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name in `explain` and the log; unique.
    pub name: Arc<str>,
    /// Which requests it takes.
    pub matches: Match,
    /// Whether requests that its model patterns allow are to be labelled, `auto` or not. Always so
    /// where it asks for a task or a complexity.
    pub classify: bool,
    /// Indices of endpoints in order of preference; never empty, each once.
    pub candidates: Vec<usize>,
    /// A second attempt where the first is slow.
    pub hedge: Option<Hedge>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, TLS included.
    pub connect: Duration,
    /// From the request sent to the first byte of the answer.
    pub first_byte: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
    /// The whole request, every attempt included. The same in all endpoints. It counts from the request's arrival,
    /// or from the deadline that a time in `start_within` sets.
    pub total: Duration,
}

/// When an endpoint counts as down, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthPolicy {
    /// Consecutive failures that trip it.
    pub trip_after: NonZeroU32,
    /// The first rest; doubles with each trip in a row.
    pub cooldown: Duration,
    /// The longest rest.
    pub max_cooldown: Duration,
}

/// What a client may ask for, and how often. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Limits of a key that has none of its own.
    pub key: KeyLimits,
    /// Requests a second from one address.
    pub requests_per_second_per_ip: Option<NonZeroU32>,
    /// Requests a minute from one address.
    pub requests_per_minute_per_ip: Option<NonZeroU32>,
}

/// A filter to be built. Whether there is one of that name, only the binary knows.
#[derive(Clone, Debug)]
pub struct FilterEntry {
    /// The filter's name.
    pub name: String,
    /// Where it joins.
    pub slot: Slot,
    /// Its settings, for the filter itself to read; `{}` where the file gives none.
    pub conf: serde_json::Value,
    /// Where it stands, `file:line:column`, for messages about it.
    pub at: String,
}

/// What is written to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least urgent messages that are written.
    pub level: LogLevel,
    /// Whether each request leaves a line.
    pub requests: bool,
    /// The file that request lines are added to; `None` for standard output.
    pub file: Option<PathBuf>,
    /// How a message looks.
    pub format: LogFormat,
}

/// The least urgent messages that are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Only what failed.
    Error,
    /// And what may become a failure.
    Warn,
    /// And what an operator wants to know.
    #[default]
    Info,
    /// And what explains a decision.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The word that log filters understand.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// The log that anyone can verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// What is promised before an answer goes out.
    pub mode: AuditMode,
    /// Records are dropped after so many days.
    pub retention_days: Option<u32>,
    /// Details are destroyed after so many days.
    pub detail_retention_days: Option<u32>,
    /// Whether details hold the client's address.
    pub keep_ip: bool,
    /// Who signs that the log only grew.
    pub witnesses: Vec<Witness>,
    /// The size of a file of the journal, in bytes.
    pub journal_file: u64,
}

/// A witness of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Where it is.
    pub url: String,
    /// The same, taken apart.
    pub base: BaseUrl,
    /// Its verifier key; whether it is one, the audit log says.
    pub key: String,
    /// Where it stands in the file, for messages.
    pub at: String,
}

/// What the audit log promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditMode {
    /// A record is on disk before the end of its answer goes out.
    #[default]
    Strict,
    /// A record is with the operating system: a loss of power may take the last second.
    Relaxed,
    /// Nothing is written.
    Off,
}

/// How a message looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people at a terminal.
    Text,
}
