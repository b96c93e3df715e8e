//! `make bench`: one run, one machine, a table of ratios.
//!
//! Contenders take turns in rounds, so that a noisy neighbour hits all of them; what is printed are
//! medians. It measures CPU time of the proxy's process alone, and checks every answer. It does not
//! judge: goals stand beside what was measured, and no figure makes it fail.

#![allow(clippy::print_stdout, reason = "a table that nobody sees is none")]

mod answer;
mod audit;
mod bare;
mod contender;
mod cost;
mod cpu;
mod crowd;
mod figures;
mod gateway;
mod keys;
mod load;
mod quiet;
mod races;
mod results;
mod rounds;
mod running;
mod shape;
mod soak;
mod table;
mod tongues;
mod waiting;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::contender::{Contender, Stand};
use crate::results::Results;
use crate::table::Setting;

/// The allocator of the gateway, so that the pass-through has it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// In use by others; above it, the machine is not quiet.
const QUIET_PERCENT_MAX: f64 = 10.0;

/// Measure Tollgate against a bare Pingora pass-through.
#[derive(Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    /// Who takes part; all of them, or bare and tollgate with `--quick`.
    #[arg(long, value_enum, value_delimiter = ',')]
    contenders: Option<Vec<Contender>>,
    /// Rounds; medians are taken over them.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Seconds for each measurement; 2 with `--quick`, otherwise 3.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: Option<u64>,
    /// Worker threads of each proxy.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Requests of the soak; 0 leaves it out.
    #[arg(long, default_value_t = 200_000)]
    soak: u64,
    /// Records for the audit log alone.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Keys in memory and in the store, for accounts and money; 50,000 with `--quick`, otherwise a million. 0
    /// leaves them out.
    #[arg(long)]
    keys: Option<u64>,
    /// Only the audit log alone.
    #[arg(long)]
    audit: bool,
    /// Only accounts and money; fewer keys with `--quick`.
    #[arg(long)]
    accounts: bool,
    /// Only translation.
    #[arg(long)]
    translation: bool,
    /// Only races: what one costs, and what it costs to wait.
    #[arg(long)]
    races: bool,
    /// Only CPU per request at 32 connections, and accounts and money with fewer keys.
    #[arg(long)]
    quick: bool,
    /// Said beside the figures.
    #[arg(long)]
    date: Option<String>,
    /// Write the table into this file, between its markers.
    #[arg(long)]
    write: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Role {
    /// The simulated vendor, in a process of its own; it ends with its standard input.
    Vendor,
    /// Verifies an audit log, in a process of its own.
    Verify {
        /// The export.
        export: PathBuf,
    },
    /// Clients that ask once and wait, each over a connection of its own, in a process of their own.
    Wait(waiting::Clients),
    /// The bare pass-through, in a process of its own.
    Bare {
        /// Where it listens.
        listen: SocketAddr,
        /// Where it forwards to.
        upstream: SocketAddr,
        /// Its worker threads.
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.role {
        Some(Role::Vendor) => contender::be_a_vendor(),
        Some(Role::Verify { export }) => audit::be_a_verifier(&export),
        Some(Role::Wait(clients)) => clients.wait(),
        Some(Role::Bare { listen, upstream, threads }) => bare::serve(listen, upstream, threads),
        None if cli.accounts => {
            println!("{}", accounts(&cli)?);
            Ok(())
        }
        None if cli.translation => {
            println!("{}", translation(&cli)?);
            Ok(())
        }
        None if cli.races => {
            println!("{}", races(&cli)?);
            Ok(())
        }
        None if cli.quick => quick(&cli),
        None if cli.audit => {
            let mut text = String::new();
            audit::run(cli.records)?.table(&mut text);
            println!("{text}");
            Ok(())
        }
        None => measure(cli),
    }
}

fn quick(cli: &Cli) -> anyhow::Result<()> {
    let contenders = cli.contenders.as_deref().unwrap_or(&[Contender::Bare, Contender::Tollgate]);
    let stand = Stand::new(contenders, cli.threads.into())?;
    rounds::quick(&stand, cli.rounds.into(), Duration::from_secs(cli.seconds.unwrap_or(2)))?;
    drop(stand);
    println!("{}", accounts(cli)?);
    Ok(())
}

/// Keys, limits and budgets: what they cost, and a gateway that has many of them.
fn accounts(cli: &Cli) -> anyhow::Result<String> {
    let mut text = String::new();
    let keys = cli.keys.unwrap_or(if cli.quick { 50_000 } else { 1_000_000 });
    if keys > 0 {
        cost::run(keys, cli.rounds.into())?.table(&mut text);
        crowd::run(keys, cli.threads.into())?.table(&mut text);
    }
    Ok(text)
}

/// What translation costs.
fn translation(cli: &Cli) -> anyhow::Result<String> {
    let mut text = String::new();
    tongues::run(cli.rounds.into())?.table(&mut text);
    Ok(text)
}

/// What a race costs, and what it costs to wait.
fn races(cli: &Cli) -> anyhow::Result<String> {
    let mut text = String::new();
    let span = Duration::from_secs(cli.seconds.unwrap_or(3));
    races::run(cli.rounds.into(), span, cli.threads.into())?.table(&mut text);
    waiting::run(cli.threads.into())?.table(&mut text);
    Ok(text)
}

fn measure(cli: Cli) -> anyhow::Result<()> {
    let results = cli.write.clone().map(Results::open).transpose()?;
    let (threads, seconds) = (cli.threads.into(), cli.seconds.unwrap_or(3));
    let contenders = cli.contenders.as_deref().unwrap_or(Contender::value_variants());
    let busy_before = quiet::busy_percent();
    if let Some(busy) = busy_before.filter(|busy| *busy > QUIET_PERCENT_MAX) {
        eprintln!("others use {busy:.0} % of this machine: figures will scatter");
    }
    let setting = Setting { date: cli.date.clone(), rounds: cli.rounds.into(), seconds, threads, busy_before };
    let stand = Stand::new(contenders, threads)?;
    let measured = rounds::all(&stand, cli.rounds.into(), Duration::from_secs(seconds))?;
    drop(stand);
    let soaks = cli.soak > 0 && contenders.contains(&Contender::Tollgate);
    let soaked = soaks.then(|| soak::run(cli.soak, threads)).transpose()?;
    let audited = contenders.contains(&Contender::Strict).then(|| audit::run(cli.records)).transpose()?;
    let mut text = table::text(&setting, &measured, soaked.as_ref(), audited.as_ref());
    text.push_str(&translation(&cli)?);
    text.push_str(&races(&cli)?);
    text.push_str(&accounts(&cli)?);
    println!("{text}");
    results.map_or(Ok(()), |results| results.write(&text))
}
