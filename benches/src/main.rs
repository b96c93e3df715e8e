//! `make bench`: one run, one machine, a table of ratios.
//!
//! Contenders take turns in rounds, so that a noisy neighbour hits all of them; what is printed are
//! medians. It measures CPU time of the proxy's process alone, and checks every answer.

#![allow(clippy::print_stdout, reason = "a table that nobody sees is none")]

mod bare;
mod contender;
mod load;
mod rounds;
mod soak;
mod table;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// The allocator of the gateway, so that the pass-through has it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measure Tollgate against a bare Pingora pass-through.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    /// Rounds; medians are taken over them.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds for each measurement.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Requests of the soak; 0 leaves it out.
    #[arg(long, default_value_t = 200_000)]
    soak: u64,
    /// Only CPU per request at 32 connections, in three short rounds.
    #[arg(long)]
    quick: bool,
    /// Write the table into this file, between its markers.
    #[arg(long)]
    write: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Role {
    /// The simulated vendor, in a process of its own.
    Vendor,
    /// The bare pass-through, in a process of its own.
    Bare {
        /// Where it listens.
        listen: SocketAddr,
        /// Where it forwards to.
        upstream: SocketAddr,
    },
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.role {
        Some(Role::Vendor) => contender::be_a_vendor(),
        Some(Role::Bare { listen, upstream }) => bare::serve(listen, upstream),
        None if cli.quick => rounds::quick(),
        None => {
            let measured = rounds::all(cli.rounds, cli.seconds)?;
            let soaked = (cli.soak > 0).then(|| soak::run(cli.soak)).transpose()?;
            let text = table::text(&measured, soaked.as_ref());
            println!("{text}");
            cli.write.map_or(Ok(()), |file| table::write(&file, &text))
        }
    }
}
