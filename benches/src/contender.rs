//! The contenders of a run and the processes behind them.

use std::io::Read;
use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::Context;
use clap::ValueEnum;
use tollgate_simulate::{Options, Vendor};

use crate::gateway::Gateway;
use crate::races;
use crate::running::{Running, free_port, roomy};
use crate::shape::{self, Shape};

/// One way from the load to the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Contender {
    /// To the simulated vendor itself.
    Direct,
    /// Through Pingora with nothing but `upstream_peer`.
    Bare,
    /// Through the gateway, the model named.
    Tollgate,
    /// Through the gateway, the model chosen by classification.
    Auto,
    /// The same as `Tollgate`, with an audit log that the operating system keeps.
    Relaxed,
    /// With an audit log that is on disk before each answer ends.
    Strict,
}

impl Contender {
    /// As the table calls it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Direct => "direct to the vendor",
            Self::Bare => "bare pass-through",
            Self::Tollgate => "Tollgate",
            Self::Auto => "Tollgate, `model: auto`",
            Self::Relaxed => "Tollgate, audit relaxed",
            Self::Strict => "Tollgate, audit strict",
        }
    }
}

/// Everything that runs for a measurement.
pub(crate) struct Stand {
    /// Who takes part, in turn.
    pub(crate) contenders: Vec<Contender>,
    // Killed in this order: who asks before who answers.
    bare: Option<(Running, SocketAddr)>,
    gateway: Option<Gateway>,
    relaxed: Option<Gateway>,
    strict: Option<Gateway>,
    vendor: (Running, SocketAddr),
}

impl Stand {
    /// Starts the vendor and what the contenders need.
    pub(crate) fn new(contenders: &[Contender], threads: usize) -> anyhow::Result<Self> {
        let vendor = start_vendor()?;
        let bare = contenders.contains(&Contender::Bare).then(|| start_bare(vendor.1, threads)).transpose()?;
        let needs_gateway = contenders.iter().any(|c| matches!(c, Contender::Tollgate | Contender::Auto));
        let gateway = needs_gateway.then(|| Gateway::start(vendor.1, threads, "off")).transpose()?;
        let audited = |contender, mode| {
            contenders.contains(&contender).then(|| Gateway::start(vendor.1, threads, mode)).transpose()
        };
        let (relaxed, strict) = (audited(Contender::Relaxed, "relaxed")?, audited(Contender::Strict, "strict")?);
        Ok(Self { contenders: contenders.to_vec(), bare, gateway, relaxed, strict, vendor })
    }

    /// Its process, where it listens, and the bytes of a request to it.
    pub(crate) fn way(&self, contender: Contender, shape: Shape) -> anyhow::Result<Way<'_>> {
        let prefix = format!("/{}", shape.name());
        let through = |process, address, key, prefix, model| Way {
            contender,
            process,
            address,
            request: shape::request(prefix, model, key, shape),
        };
        Ok(match contender {
            Contender::Direct => through(&self.vendor.0, self.vendor.1, "none", &prefix, shape.name()),
            Contender::Bare => {
                let (process, address) = self.bare.as_ref().context("the pass-through was not started")?;
                through(process, *address, "none", &prefix, shape.name())
            }
            Contender::Tollgate | Contender::Auto | Contender::Relaxed | Contender::Strict => {
                let gateway = match contender {
                    Contender::Relaxed => self.relaxed.as_ref(),
                    Contender::Strict => self.strict.as_ref(),
                    _ => self.gateway.as_ref(),
                };
                let gateway = gateway.context("the gateway was not started")?;
                let model = if contender == Contender::Auto { "auto" } else { shape.name() };
                through(&gateway.process, gateway.address, &gateway.key, "", model)
            }
        })
    }

    /// The proxies that run.
    pub(crate) fn proxies(&self) -> impl Iterator<Item = &Running> {
        self.bare.iter().map(|(process, _)| process).chain(self.gateways().map(|g| &g.process))
    }

    /// Throws away what was logged so far.
    pub(crate) fn empty_log(&self) -> anyhow::Result<()> {
        self.gateways().try_for_each(Gateway::empty_log)
    }

    fn gateways(&self) -> impl Iterator<Item = &Gateway> {
        self.gateway.iter().chain(&self.relaxed).chain(&self.strict)
    }
}

/// How to reach a contender.
pub(crate) struct Way<'a> {
    pub(crate) contender: Contender,
    pub(crate) process: &'a Running,
    pub(crate) address: SocketAddr,
    pub(crate) request: Vec<u8>,
}

/// The simulated vendor, and where it listens.
pub(crate) fn start_vendor() -> anyhow::Result<(Running, SocketAddr)> {
    let mut command = roomy(&std::env::current_exe()?);
    // It lives as long as its standard input, which is ours to hold.
    command.arg("vendor").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = Running::start("vendor", &mut command)?;
    let address = process.first_line()?.trim().parse().context("the vendor's address")?;
    process.listens_at(address)?;
    Ok((process, address))
}

fn start_bare(upstream: SocketAddr, threads: usize) -> anyhow::Result<(Running, SocketAddr)> {
    let address = free_port()?;
    let mut command = roomy(&std::env::current_exe()?);
    command.args(["bare", &address.to_string(), &upstream.to_string(), "--threads", &threads.to_string()]);
    let mut process = Running::start("bare", &mut command)?;
    process.listens_at(address)?;
    Ok((process, address))
}

/// Is the simulated vendor, in a process of its own, until its standard input ends.
pub(crate) fn be_a_vendor() -> anyhow::Result<()> {
    let profiles = Shape::ALL.map(Shape::profile).into_iter().chain(races::profiles()).collect();
    let vendor = Vendor::spawn(Options { profiles, ..Options::default() })?;
    println!("{}", vendor.address());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
