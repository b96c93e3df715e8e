//! The configuration file as it is written. The comments here are its manual: the schema that
//! editors read and `docs/configuration.md` are made of them.
//!
//! Nothing is decided here. Every name is still text with its place; checking looks it up.

use std::num::{NonZeroU32, NonZeroUsize};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_api::{Complexity, Slot, Task};
use tollgate_translate::Dialect;

mod accounts;
mod limits;
mod races;

pub(crate) use accounts::{AdminFile, BudgetsFile, FeesFile, StoreFile, VaultFile};
pub(crate) use limits::{KeyLimitsFile, LimitsFile};
pub(crate) use races::{DeadlinesFile, HedgeFile};

use crate::checked::{AuditMode, LogFormat, LogLevel};
use crate::located::{Located, Named};
use crate::quantity::{Size, Time};

/// Text and where it stands.
pub(crate) type Text = Located<String>;

/// Tollgate's configuration.
///
/// Every member may be left out. Durations carry their unit (`250ms`, `30s`, `5m`, `1h`), sizes
/// may (`64KiB`, `32MiB`, `10MB`). `${VAR}` in a value without or with double quotes is replaced by
/// the environment variable, or by the content of the file that `VAR_FILE` names;
/// `${VAR:-default}` has a default, and `$${` is a literal `${`. Relative paths start at this file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Tollgate configuration")]
pub(crate) struct File {
    /// Where and how clients are served.
    #[serde(default)]
    pub(crate) server: ServerFile,
    /// The keys of clients, made by `tollgate key create`. Without any, nobody is let in.
    #[serde(default)]
    pub(crate) keys: Located<Vec<Located<KeyFile>>>,
    /// How keys are stored.
    #[serde(default)]
    pub(crate) key_hashing: KeyHashingFile,
    /// The vendors, by names of your choice. `openai`, `anthropic`, `mistral`, `groq`, `deepseek`,
    /// `xai`, `openrouter`, `together` and `ollama` need only their `api_key`; any other name needs
    /// `dialect` and `base_url`.
    #[serde(default)]
    pub(crate) providers: Located<Named<Located<ProviderFile>>>,
    /// Places with settings of their own, by names of your choice. A candidate `provider/model`
    /// needs no entry here.
    #[serde(default)]
    pub(crate) endpoints: Located<Named<Located<EndpointFile>>>,
    /// The models that clients may ask for, by their public names.
    #[serde(default)]
    pub(crate) models: Located<Named<Located<ModelFile>>>,
    /// Rules that choose the candidates by more than the model's name. The first that matches
    /// wins; when none does, the model's own candidates are tried.
    #[serde(default)]
    pub(crate) routes: Vec<Located<RouteFile>>,
    /// How long attempts and whole requests may take.
    #[serde(default)]
    pub(crate) timeouts: TimeoutsFile,
    /// How requests that say by `start_within` when their answer is to start are served: by the vendor's flex
    /// tier, which is cheap and slow, where that starts in time, and by its standard tier where it does not.
    #[serde(default)]
    pub(crate) deadlines: DeadlinesFile,
    /// When an endpoint counts as down. It is left out of plans then, and tried again later.
    #[serde(default)]
    pub(crate) health: HealthFile,
    /// What clients may ask for, and how often. A limit that is left out is off.
    #[serde(default)]
    pub(crate) limits: LimitsFile,
    /// How requests for `auto` are labelled with a task and a complexity.
    #[serde(default)]
    pub(crate) classify: ClassifyFile,
    /// Models and their prices.
    #[serde(default)]
    pub(crate) catalogue: CatalogueFile,
    /// Filters in the path of every request, in this order within each slot.
    #[serde(default)]
    pub(crate) filters: Vec<Located<FilterFile>>,
    /// What is written to the log.
    #[serde(default)]
    pub(crate) log: LogFile,
    /// The folder for everything that must outlive the process: the audit log and its keys. Made where
    /// it is missing. Changes need a restart.
    #[serde(default = "crate::defaults::data_dir")]
    pub(crate) data_dir: Text,
    /// The log that anyone can verify.
    #[serde(default)]
    pub(crate) audit: AuditFile,
    /// Where tenants, keys, credentials, budgets and the ledger are kept.
    #[serde(default)]
    pub(crate) store: StoreFile,
    /// The management API.
    #[serde(default)]
    pub(crate) admin: AdminFile,
    /// How secrets in the store are sealed, and where tenants' own endpoints may be.
    #[serde(default)]
    pub(crate) vault: VaultFile,
    /// How requests of tenants with a budget or a balance are held to it.
    #[serde(default)]
    pub(crate) budgets: BudgetsFile,
    /// What the operator asks on top of what vendors ask.
    #[serde(default)]
    pub(crate) fees: FeesFile,
}

/// Where and how clients are served.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerFile {
    /// Addresses for clients. Each serves HTTP/1.1 and HTTP/2, in clear text or, with `tls`,
    /// encrypted. Default: one, `127.0.0.1:4000`. Changes need a restart.
    pub(crate) listen: Vec<Located<ListenFile>>,
    /// The address for health, readiness and metrics. Changes need a restart.
    pub(crate) ops: Text,
    /// Worker threads. Default: as many as there are cores. Changes need a restart.
    pub(crate) threads: Option<Located<NonZeroUsize>>,
    /// The longest request body; a longer one is refused with 413. At most 1GiB.
    pub(crate) max_body: Located<Size>,
    /// A request arrives whole within this; a slower one is refused with 408.
    pub(crate) read_timeout: Time,
    /// The head of a request arrives whole within this; a slower client is cut off.
    pub(crate) header_timeout: Time,
    /// An idle client connection is closed after this. Changes need a restart.
    pub(crate) keepalive: Time,
    /// A client that takes nothing of its answer for this long is cut off.
    pub(crate) write_timeout: Time,
    /// At a termination signal, `/ready` says no for this long before the listeners close: as long as a
    /// load balancer needs to notice. Default: they close at once.
    pub(crate) shutdown_delay: Option<Time>,
    /// At shutdown, requests in flight are given this long to finish. Changes need a restart.
    pub(crate) drain: Time,
    /// Idle upstream connections kept for reuse. Changes need a restart.
    pub(crate) idle_upstream_connections: NonZeroUsize,
}

/// One address for clients.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenFile {
    /// IP address and port: `127.0.0.1:4000`, `0.0.0.0:4000`, `[::]:4000`.
    pub(crate) address: Text,
    /// The certificate to serve. Without it, the address serves clear text.
    pub(crate) tls: Option<TlsFile>,
}

/// A certificate and its key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsFile {
    /// File with the certificate chain, PEM.
    pub(crate) cert: Text,
    /// File with the private key, PEM.
    pub(crate) key: Text,
}

/// One key. `tollgate key create` prints an entry to paste here.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyFile {
    /// Its public id: the 8 characters after the key's prefix.
    pub(crate) id: Text,
    /// A name to recognise it by in logs.
    #[serde(default)]
    pub(crate) name: String,
    /// The tenant that it belongs to.
    #[serde(default = "crate::defaults::tenant")]
    pub(crate) tenant: Text,
    /// What its secret is checked against: `sha256:…` or `bcrypt:…`.
    pub(crate) hash: Text,
    /// Whether it has been taken back. A revoked key is told apart from an unknown one in the log.
    #[serde(default)]
    pub(crate) revoked: bool,
    /// Limits of this key, in place of those under `limits`, each for itself.
    #[serde(default)]
    pub(crate) limits: KeyLimitsFile,
}

/// How keys are stored.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyHashingFile {
    /// How `tollgate key create` stores a new key. Stored keys of either kind keep working.
    #[serde(default)]
    pub(crate) algorithm: AlgorithmFile,
    /// The cost of bcrypt for new keys: 2 to this power rounds, 4 to 16. Default: 10.
    pub(crate) bcrypt_cost: Option<Located<u32>>,
    /// A secret that goes into every `sha256` form: a stolen list of hashes cannot be added to.
    /// With another pepper, every key stored as `sha256` stops working.
    pub(crate) pepper: Option<Text>,
    /// A file that holds the pepper.
    pub(crate) pepper_file: Option<Text>,
}

/// How a new key is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AlgorithmFile {
    /// Salted HMAC-SHA-256 under the pepper. A key has 256 random bits: this cannot be searched.
    #[default]
    Sha256,
    /// Where a rule asks for bcrypt by name.
    Bcrypt,
}

/// A vendor.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderFile {
    /// Which known vendor it is (`openai`, `azure`, `bedrock` …), where its name does not say so:
    /// dialect, paths, authentication and the meaning of errors come from there.
    pub(crate) vendor: Option<Text>,
    /// The dialect that requests are translated into. Needed for a vendor that is not known.
    pub(crate) dialect: Option<Dialect>,
    /// Other dialects that it speaks as well: a client that speaks one of them is passed through
    /// untranslated. Default: what a known vendor speaks at its own address.
    pub(crate) also_speaks: Option<Vec<Dialect>>,
    /// Where it is. For `openai` and `responses` with its `/v1` (`/chat/completions` and the like
    /// are added), for the other dialects without. Needed for a vendor that is not known.
    pub(crate) base_url: Option<Text>,
    /// The credential that the vendor issued. Best written as `${VAR}`.
    pub(crate) api_key: Option<Text>,
    /// A file that holds the credential.
    pub(crate) api_key_file: Option<Text>,
    /// The version of HTTP to speak to it. `2` falls back to 1.1 over TLS where the vendor has no
    /// HTTP/2; in clear text it must have.
    #[serde(default)]
    pub(crate) http: HttpFile,
    /// File with the certificates to trust in place of the system's, PEM.
    pub(crate) ca_file: Option<Text>,
    /// Headers to send with every request, beside those of the dialect.
    #[serde(default)]
    pub(crate) headers: Named<Text>,
    /// The tenants that may use what is stored in this account: files, batches, vector stores, and
    /// whatever else the vendor's own paths list; `*` stands for any run of characters. The vendor
    /// does not keep them apart. Default: the only tenant that there is, and nobody where there are
    /// several; a tenant with a credential of its own uses its own account.
    #[serde(default)]
    pub(crate) storage_for: Vec<Text>,
    /// How long its attempts may take, where that differs from `timeouts`.
    #[serde(default)]
    pub(crate) timeouts: AttemptTimeoutsFile,
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum HttpFile {
    /// HTTP/1.1: head and body leave in one write.
    #[default]
    #[serde(rename = "1.1")]
    One,
    /// HTTP/2: many requests on one connection.
    #[serde(rename = "2")]
    Two,
}

/// A place with settings of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointFile {
    /// Its provider: credential, dialect, headers and version of HTTP come from there.
    pub(crate) provider: Text,
    /// The model's id at the vendor.
    pub(crate) model: Text,
    /// Where it is, if not at the provider's `base_url`.
    pub(crate) base_url: Option<Text>,
    /// How long its attempts may take, where that differs from its provider's.
    #[serde(default)]
    pub(crate) timeouts: AttemptTimeoutsFile,
    /// The catalogue entry that prices it, as `provider/model`. Default: its own provider and model.
    pub(crate) price_as: Option<Text>,
}

/// A model that clients may ask for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelFile {
    /// The endpoints to try, in this order: names from `endpoints`, or `provider/model`.
    #[schemars(length(min = 1))]
    pub(crate) candidates: Located<Vec<Text>>,
    /// Other names for it.
    #[serde(default)]
    pub(crate) aliases: Vec<Text>,
}

/// A rule that chooses the candidates.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteFile {
    /// Its name in `tollgate explain` and the log.
    pub(crate) name: Text,
    /// Which requests it takes: all conditions that are given must hold. Without any, all.
    #[serde(default)]
    pub(crate) r#match: Located<MatchFile>,
    /// Whether to label its requests though their model is not `auto`. A rule that asks for a task
    /// or a complexity always does.
    #[serde(default)]
    pub(crate) classify: bool,
    /// The endpoints to try, in this order: names from `endpoints`, `provider/model`, or names of
    /// models, which stand for their candidates.
    #[schemars(length(min = 1))]
    pub(crate) candidates: Located<Vec<Text>>,
    /// A second attempt where the first is slow: where the first endpoint has not begun to answer after the 95th
    /// percentile of its own time to first content, the next one is asked as well (the same again where it is the
    /// only one), and the first content wins. Default: none. Models that no route takes get one by a route with
    /// `match: {model: […]}`.
    pub(crate) hedge: Option<HedgeFile>,
}

/// Which requests a rule takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MatchFile {
    /// The model asked for is one of these. `*` stands for any run of characters: `gpt-5*`.
    #[serde(default)]
    pub(crate) model: Vec<Text>,
    /// The task of the label is one of these.
    #[serde(default)]
    pub(crate) task: Vec<Task>,
    /// The complexity of the label.
    pub(crate) complexity: Option<Complexity>,
    /// Whether the answer is streamed.
    pub(crate) stream: Option<bool>,
    /// The key belongs to one of these tenants.
    #[serde(default)]
    pub(crate) tenant: Vec<Text>,
    /// Whether the request brings tools.
    pub(crate) tools: Option<bool>,
    /// Headers of the request with exactly these values.
    #[serde(default)]
    pub(crate) header: Named<Text>,
}

/// How long things may take.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TimeoutsFile {
    /// To connect to an upstream, TLS included.
    pub(crate) connect: Time,
    /// From the request sent to the first byte of the answer.
    pub(crate) first_byte: Time,
    /// Between two pieces of an answer.
    pub(crate) idle: Time,
    /// The whole request, every attempt included. For a request with a time in `start_within` it counts from that
    /// deadline on, not from the request's arrival.
    pub(crate) total: Time,
}

/// How long one attempt may take. What is left out is as one level up.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttemptTimeoutsFile {
    /// To connect, TLS included.
    pub(crate) connect: Option<Time>,
    /// From the request sent to the first byte of the answer.
    pub(crate) first_byte: Option<Time>,
    /// Between two pieces of an answer.
    pub(crate) idle: Option<Time>,
}

/// When an endpoint counts as down.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HealthFile {
    /// Failures in a row after which it does.
    pub(crate) trip_after: NonZeroU32,
    /// It is left alone for this long, then one request tries it; doubles with each failed try.
    /// A vendor's `Retry-After` is kept in its place.
    pub(crate) cooldown: Time,
    /// The longest that doubling leads to; at least `cooldown`.
    pub(crate) max_cooldown: Located<Time>,
}

/// How requests are labelled.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClassifyFile {
    /// A file of rules in place of the built-in ones; `conf/classify.yaml` is those.
    pub(crate) rules: Option<Text>,
}

/// Models and their prices.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CatalogueFile {
    /// Files whose entries are added to the built-in ones; an entry of the same provider and model
    /// takes its place, and a later file wins. `conf/models/` holds the built-in ones.
    #[serde(default)]
    pub(crate) files: Vec<Text>,
}

/// A filter in the path of every request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilterFile {
    /// The filter's name.
    pub(crate) r#use: Text,
    /// Where it joins. Default: `after_classify`.
    #[serde(default)]
    pub(crate) slot: Slot,
    /// Its settings; which there are is the filter's to say.
    #[serde(default)]
    pub(crate) conf: Option<serde_json::Value>,
}

/// What is written to the log.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogFile {
    /// The least urgent messages that are written, to standard error. Changes need a restart.
    pub(crate) level: LogLevel,
    /// Whether each request leaves a line: who, what model, which endpoint, how long, how many
    /// tokens, what cost; never what was said. Changes need a restart.
    pub(crate) requests: bool,
    /// The file that request lines are added to. Default: standard output. Changes need a restart.
    pub(crate) file: Option<Text>,
    /// How messages look. Request lines are always JSON. Changes need a restart.
    pub(crate) format: LogFormat,
}

/// The log that anyone can verify.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuditFile {
    /// What is promised before an answer goes out. Changes need a restart.
    pub(crate) mode: AuditMode,
    /// Records are dropped after so many days; their hashes and monthly totals stay. Default: never.
    /// Changes need a restart.
    pub(crate) retention_days: Option<NonZeroU32>,
    /// Details (addresses, hashes of bodies, what a client said of itself) are destroyed after so many
    /// days, by whole months. Default: never. Changes need a restart.
    pub(crate) detail_retention_days: Option<NonZeroU32>,
    /// Whether details hold the client's address. Default: yes. Changes need a restart.
    pub(crate) keep_ip: Option<bool>,
    /// Who signs, elsewhere, that the log only grew (C2SP tlog-witness). A witness that does not answer
    /// within two seconds is left out, and asked again later. Changes need a restart.
    #[serde(default)]
    pub(crate) witnesses: Vec<WitnessFile>,
    /// The size of a file of the journal; three are kept on disk. Default: 16MiB; at least 1MiB. Changes
    /// need a restart.
    pub(crate) journal_file: Option<Located<Size>>,
}

/// A witness of the audit log: `tollgate witness`, or any other that speaks C2SP tlog-witness.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WitnessFile {
    /// Where it is; `/add-checkpoint` is put after it.
    pub(crate) url: Text,
    /// Its verifier key, `name+id+base64`, as it prints it when it starts.
    pub(crate) key: Text,
}
