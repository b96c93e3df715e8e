//! What a race costs: requests that say how soon their answer must start, beside the same ones without.
//!
//! Both go to the same vendor through the same gateway, in turn. How many races there were, and of which kind,
//! the gateway's own metrics say: a race that did not come about must not count as a cheap one.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tollgate_simulate::{Fault, Profile};

use crate::contender::{Contender, Way, start_vendor};
use crate::figures::{Figures, Spread};
use crate::gateway::{Folder, Gateway, More};
use crate::load::{self, Load, Until};
use crate::running::Running;
use crate::shape::{Shape, request_with};

/// Its flex tier never answers, its standard one at once.
const LATE: &str = "late";
/// Nobody there ever answers.
pub(crate) const SILENT: &str = "silent";
/// For the metrics to say how the last race ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// The standard tier is given 200 ms, however fast it was seen to be, so that a request for 220 ms asks it after
/// 20 ms. Flex is never left alone.
const MORE: More = More {
    places: &[LATE, SILENT],
    sections: "deadlines: {least_wait: 200ms, first_content: 200ms, flex_stalls: 4000000000}\n",
};

/// One comparison.
struct Kind {
    title: &'static str,
    model: &'static str,
    shape: Shape,
    connections: u32,
    start_within: &'static str,
    /// The series of the gateway's metrics that counts races of this kind.
    counted: &'static str,
    goal: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        title: "whole answers, flex answers at once, 32 connections",
        model: "plain",
        shape: Shape::Whole,
        connections: 32,
        start_within: "30s",
        counted: "tollgate_races_total{winner=\"flex\"}",
        goal: "at most 1.15",
    },
    Kind {
        title: "streams of 50 events, flex answers at once, 32 connections",
        model: "burst",
        shape: Shape::Burst,
        connections: 32,
        start_within: "30s",
        counted: "tollgate_races_total{winner=\"flex\"}",
        goal: "at most 1.15",
    },
    Kind {
        title: "whole answers, flex is silent and the standard tier asked after 20 ms, 128 connections",
        model: LATE,
        shape: Shape::Whole,
        connections: 128,
        start_within: "220ms",
        counted: "tollgate_race_starts_total{why=\"late\"}",
        goal: "",
    },
];

/// The profiles of the vendor that only races ask.
pub(crate) fn profiles() -> [Profile; 2] {
    let tiers = || [("flex".to_owned(), SILENT.to_owned())].into();
    let late = Profile { name: LATE.to_owned(), tiers: tiers(), ..Shape::Whole.profile() };
    let silent = Profile { name: SILENT.to_owned(), tiers: tiers(), fault: Fault::AcceptAndHang, ..Profile::default() };
    [late, silent]
}

/// What was measured, by kind, by round: without a time to start in, and with one.
pub(crate) struct Raced(Vec<[Vec<Figures>; 2]>);

/// Measures, in rounds; one before the first is not counted.
pub(crate) fn run(rounds: usize, span: Duration, threads: usize) -> anyhow::Result<Raced> {
    let (_vendor, gateway) = gateway(threads)?;
    let mut figures = vec![[Vec::new(), Vec::new()]; KINDS.len()];
    for round in 0..=rounds {
        for (kind, figures) in KINDS.iter().zip(&mut figures) {
            // Neither always runs in the other's wake.
            for at in [round % 2, (round + 1) % 2] {
                let measured = kind.measure(&gateway, at == 1, span)?;
                if round > 0 {
                    figures[at].push(measured);
                }
            }
        }
        eprintln!("races: round {round} of {rounds}");
    }
    Ok(Raced(figures))
}

/// A gateway that lets races come about, and the vendor that it asks.
pub(crate) fn gateway(threads: usize) -> anyhow::Result<(Running, Gateway)> {
    let (vendor, upstream) = start_vendor()?;
    Ok((vendor, Gateway::start_in(Folder::new()?, upstream, threads, "off", MORE)?))
}

impl Kind {
    fn measure(&self, gateway: &Gateway, races: bool, span: Duration) -> anyhow::Result<Figures> {
        gateway.empty_log()?;
        let before = count(gateway.ops, self.counted)?;
        let load = Load { connections: self.connections, shape: self.shape, until: Until::Elapsed(span) };
        let members = if races { format!("\"start_within\":\"{}\",", self.start_within) } else { String::new() };
        let request = request_with("", self.model, &gateway.key, self.shape, &members);
        let way = Way { contender: Contender::Tollgate, process: &gateway.process, address: gateway.address, request };
        let outcome = load::run(&way, load)?;
        let expected = if races { outcome.latencies.len() as u64 } else { 0 };
        is_counted(expected, || Ok(count(gateway.ops, self.counted)?.saturating_sub(before)))
            .with_context(|| format!("{}: {}", self.title, self.counted))?;
        Ok(Figures::from(&outcome))
    }
}

fn is_counted(expected: u64, counted: impl Fn() -> anyhow::Result<u64>) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let now = counted()?;
        if now == expected {
            return Ok(());
        }
        ensure!(began.elapsed() < PATIENCE, "{now}, and not {expected}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How many races of a kind there were so far.
fn count(ops: SocketAddr, series: &str) -> anyhow::Result<u64> {
    let mut connection = TcpStream::connect(ops)?;
    connection.write_all(b"GET /metrics HTTP/1.1\r\nhost: bench.test\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    connection.read_to_string(&mut text)?;
    // One that nothing was counted in is not there.
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    Ok(value.map_or(Ok(0), str::parse)?)
}

impl Raced {
    /// Its part of the result.
    pub(crate) fn table(&self, text: &mut String) {
        text.push_str(
            "\n### Races\n\n| CPU time of the gateway for one request, in µs | without a time to start in | with \
             `start_within` | ratio | goal |\n| --- | --: | --: | --: | --: |\n",
        );
        for (kind, [without, with]) in KINDS.iter().zip(&self.0) {
            let each = |figures| Spread::each(figures, |f| f.cpu);
            let ratio = Spread::ratio(with, without, |f| f.cpu);
            let (Some(without), Some(with), Some(ratio)) = (each(without), each(with), ratio) else { continue };
            let Kind { title, goal, .. } = kind;
            let _ = writeln!(text, "| {title} | {:.1} | {:.1} | {ratio:.2} | {goal} |", without.median, with.median);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_race_is_compared_with_the_same_request_in_the_same_round() {
        let rounds = |cpu: [f64; 2]| cpu.map(|cpu| Figures { cpu, ..Figures::default() }).to_vec();
        let raced = Raced(KINDS.iter().map(|_| [rounds([20.0, 40.0]), rounds([22.0, 46.0])]).collect());
        let mut text = String::new();
        raced.table(&mut text);
        let whole = "| whole answers, flex answers at once, 32 connections | 30.0 | 34.0 | 1.12 (1.10 to 1.15) | at most 1.15 |";
        assert!(text.contains(whole), "{text}");
        let cells: Vec<_> = text.lines().filter(|l| l.starts_with('|')).map(|l| l.matches('|').count()).collect();
        assert!(cells.iter().all(|count| *count == 6), "{text}");
    }
}
