//! The part of the file about accounts: store, management API, vault, budgets, fees.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Text;
use crate::quantity::Time;

/// Where tenants, keys, credentials, budgets and the ledger are kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreFile {
    /// `sqlite:<file>`, or `postgres://user:password@host/database` for several nodes. Default: the file
    /// `tollgate.db` in `data_dir`. Changes need a restart.
    pub(crate) url: Option<Text>,
    /// A file that holds the URL.
    pub(crate) url_file: Option<Text>,
    /// Redis or Valkey, `redis://host:6379`, for what nodes share fast: rate limits, and word that
    /// something has changed. Default: each node counts for itself. Changes need a restart.
    pub(crate) redis: Option<Text>,
    /// A file that holds the URL of Redis.
    pub(crate) redis_file: Option<Text>,
}

/// The management API, and who may reach it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AdminFile {
    /// Its address. Anywhere but on this machine itself it only starts once a management key has been
    /// made (`tollgate key create --management`). Changes need a restart.
    pub(crate) listen: Text,
}

/// How secrets in the store are sealed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct VaultFile {
    /// The file with the master key. Default: `vault.key` in `data_dir`, made where it is missing. Keep a
    /// copy elsewhere: without it no credential in the store can be read.
    pub(crate) master_key_file: Option<Text>,
    /// The environment variable with the master key, in place of a file.
    pub(crate) master_key_env: Option<Text>,
    /// The command that prints the master key, in place of a file: a key management service's client, say.
    #[serde(default)]
    pub(crate) master_key_command: Vec<Text>,
    /// Networks, as `10.0.0.0/8`, in which tenants' own endpoints may be. Default: only public addresses.
    #[serde(default)]
    pub(crate) allow_networks: Vec<Text>,
}

/// How requests of tenants with a budget or a balance are held to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BudgetsFile {
    /// The cap on output tokens that a request is given which brings none, for a model that has none in the
    /// catalogue.
    pub(crate) output: NonZeroU32,
    /// Near the end of a budget the cap is lowered to what is affordable, but not below so many tokens:
    /// then the request is refused.
    pub(crate) least_output: NonZeroU32,
    /// How long a request waits for money that other open requests hold, before it is told to come back.
    pub(crate) patience: Time,
    /// When a client hangs up, its answer is read on for so long, to learn what it cost. What is not known
    /// by then is charged as the most that it can be.
    pub(crate) drain: Time,
}

/// What the operator asks on top of what vendors ask, in per cent: `5`, `2.5`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FeesFile {
    /// Of the cost of requests with the operator's credentials.
    pub(crate) cost_percent: Text,
    /// Of the cost of requests with the tenant's own.
    pub(crate) byok_percent: Text,
    /// Of what an answer at the flex tier saves against the standard price, where `start_within` asked for a time.
    /// At most 100: more would make a cheap answer dearer than an ordinary one.
    pub(crate) saving_percent: Text,
}
