//! What the file means for accounts: store, vault, budgets, fees.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

/// Where accounts and the ledger are kept. URLs may hold passwords.
#[derive(Clone, Debug)]
pub struct Store {
    /// `sqlite:<file>` or `postgres://…`.
    pub url: SecretString,
    /// `redis://…`.
    pub redis: Option<SecretString>,
}

/// How secrets in the store are sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    /// Where the master key is.
    pub master: MasterKey,
    /// Networks in which tenants' own endpoints may be.
    pub allow_networks: Vec<IpNet>,
}

/// Where the master key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterKey {
    /// In a file, which is made where it is missing.
    File(PathBuf),
    /// In an environment variable.
    Environment(String),
    /// A command prints it.
    Command(Vec<String>),
}

/// How requests are held to budgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// The cap that a request is given which brings none, in tokens.
    pub output: u64,
    /// The lowest cap, in tokens.
    pub least_output: u64,
    /// How long a request waits for money that others hold.
    pub patience: Duration,
    /// How long an answer is read on after its client has gone.
    pub drain: Duration,
}

/// Fees, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// Of the cost of requests with the operator's credentials.
    pub cost: u32,
    /// Of the cost of requests with the tenant's own.
    pub byok: u32,
    /// Of what the flex tier saved a request that asked for a time; at most all of it.
    pub saving: u32,
}
