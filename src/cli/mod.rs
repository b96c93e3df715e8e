//! The command line: which command, which exit code. Each command is a file of its own.

mod audit;
mod catalogue;
mod check;
mod connect;
mod demo;
mod explain;
mod import;
mod init;
mod key;
mod manage;
mod schema;
mod serve;
mod simulate;
mod store;
mod vault;
mod witness;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tollgate_conf::{Config, Report, SystemSources};

use crate::filters::Filters;

/// What went wrong, as an exit code tells it. Code 2 (usage) is clap's.
pub(crate) enum Exit {
    /// 0.
    Ok,
    /// 1: it was started right and failed.
    Failed(anyhow::Error),
    /// 78, `EX_CONFIG` of sysexits: the configuration is wrong.
    Config(String),
}

impl From<anyhow::Error> for Exit {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Report> for Exit {
    fn from(report: Report) -> Self {
        Self::Config(report.to_string())
    }
}

/// An LLM gateway: one reverse proxy between applications and language models.
#[derive(Parser)]
#[command(name = "tollgate", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(ConfigFile),
    /// Run it with simulated vendors, no keys and no services, and print what to try.
    Demo(demo::Demo),
    /// Write a commented configuration from the vendor keys found in the environment.
    Init(init::Init),
    /// Turn the configuration of another gateway into ours, and say what could not be turned.
    #[command(subcommand)]
    Import(import::Import),
    /// Print or write what a client has to be told so that it asks this gateway.
    Connect(connect::Connect),
    /// Check a configuration: every mistake with its line and its remedy. Opens no socket.
    Check(ConfigFile),
    /// Say where a request would go, and why. Sends nothing.
    Explain(explain::Explain),
    /// Play deadlines on a clock of its own: what they would save.
    #[command(subcommand)]
    Simulate(simulate::Simulate),
    /// Check the lists of models and prices, compare them with others, and take rows over.
    #[command(subcommand)]
    Catalogue(catalogue::CatalogueCommand),
    /// Print the JSON Schema (draft-07) of the configuration, for editors.
    Schema(schema::Schema),
    /// List, make, change and remove tenants.
    Tenant(manage::Over<manage::Tenant>),
    /// List, make, change and remove members of a tenant.
    Member(manage::Over<manage::Member>),
    /// Make keys; list, change, rotate and revoke those of the store.
    Key(manage::Over<key::Key>),
    /// List, seal, replace and remove the vendors' secrets of a tenant.
    Credential(manage::Over<manage::Credential>),
    /// List, make, change and remove budgets.
    Budget(manage::Over<manage::Budget>),
    /// Show and set limits on requests and tokens.
    Limit(manage::Over<manage::Limit>),
    /// Show prepaid balances, and pay into them.
    Balance(manage::Over<manage::Balance>),
    /// Print what a tenant used from one day to another.
    Usage(manage::Usage),
    /// Print what a tenant used in a month, by model.
    Statement(manage::Statement),
    /// Print the records of a tenant's requests.
    Record(manage::Over<manage::Record>),
    /// List the nodes that share the ledger, and write off those that are gone.
    Node(manage::Over<manage::Node>),
    /// Bring the schema of the store up to date.
    Migrate(store::Migrate),
    /// Write all that is stored to a file, or read it back. Without the master key no credential in it opens.
    Backup(store::Backup),
    /// Change the master key that credentials are sealed under.
    Vault(manage::Over<vault::VaultCommand>),
    /// Verify, show, export the audit log, and prove what is in it.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Watch somebody else's audit log, and sign that it only grew.
    Witness(witness::WitnessArgs),
}

/// Which file.
#[derive(clap::Args)]
pub(crate) struct ConfigFile {
    /// The configuration file.
    #[arg(short, long, env = "TOLLGATE_CONFIG", default_value = "tollgate.yaml")]
    config: PathBuf,
}

impl ConfigFile {
    fn load(&self) -> Result<Config, Exit> {
        load(&self.config)
    }
}

fn load(path: &Path) -> Result<Config, Exit> {
    Ok(tollgate_conf::load(path, &SystemSources)?)
}

/// The whole program, with these filters known.
#[must_use]
pub fn run(filters: Filters) -> ExitCode {
    // Two cryptography providers may be linked; which one is used is said once, here.
    let _ = rustls::crypto::CryptoProvider::install_default((*crate::certificates::provider()).clone());
    let done = match Cli::parse().command {
        Command::Serve(file) => serve::run(&file, filters),
        Command::Demo(demo) => demo.run(filters),
        Command::Init(init) => init.run(),
        Command::Import(import) => import.run(),
        Command::Connect(connect) => connect.run(),
        Command::Check(file) => check::run(&file, &filters),
        Command::Explain(explain) => explain.run(&filters),
        Command::Simulate(simulate) => simulate.run(),
        Command::Catalogue(catalogue) => catalogue.run(),
        Command::Schema(schema) => schema.run(),
        Command::Tenant(tenant) => tenant.run(),
        Command::Member(member) => member.run(),
        Command::Key(key) => key.run(),
        Command::Credential(credential) => credential.run(),
        Command::Budget(budget) => budget.run(),
        Command::Limit(limit) => limit.run(),
        Command::Balance(balance) => balance.run(),
        Command::Usage(usage) => usage.run(),
        Command::Statement(statement) => statement.run(),
        Command::Record(record) => record.run(),
        Command::Node(node) => node.run(),
        Command::Migrate(migrate) => migrate.run(),
        Command::Backup(backup) => backup.run(),
        Command::Vault(vault) => vault.run(),
        Command::Audit(audit) => audit.run(),
        Command::Witness(witness) => witness.run(),
    };
    match done.unwrap_or_else(|exit| exit) {
        Exit::Ok => ExitCode::SUCCESS,
        Exit::Failed(error) => {
            eprintln!("tollgate: {error:#}");
            ExitCode::from(1)
        }
        Exit::Config(report) => {
            eprintln!("{report}");
            ExitCode::from(78)
        }
    }
}

/// What every command returns: `?` works on both kinds of failure.
pub(crate) type Done = Result<Exit, Exit>;

/// Prints to standard output; a closed pipe (`| head`) is not a failure of ours.
pub(crate) fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
