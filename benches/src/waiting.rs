//! What it costs to wait: thousands of requests for answers that do not come, with a time to start in and
//! without. How long they wait is not its business.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::contender::{Contender, Way};
use crate::gateway::Gateway;
use crate::load::{self, Load, Until};
use crate::races::{self, SILENT};
use crate::running::{Running, roomy};
use crate::shape::{Shape, request, request_with};

/// So many wait, where so many connections may be open.
const WAITING_MAX: usize = 10_000;
/// What a gateway has open beside the two connections of each request, and more.
const OTHER_FILES: usize = 200;
/// So many are answered before anybody waits: the gateway has then made what it makes once.
const WARM_UP: u64 = 20_000;
/// For all of them to get through to the vendor.
const PATIENCE: Duration = Duration::from_secs(40);
/// Before memory is read, and before CPU time is counted.
const SETTLING: Duration = Duration::from_secs(2);
/// For how long CPU time is counted.
const WATCHED: Duration = Duration::from_secs(5);

/// Clients that ask once and wait.
#[derive(clap::Args)]
pub(crate) struct Clients {
    /// Whom they ask.
    address: SocketAddr,
    /// How many they are.
    count: usize,
}

impl Clients {
    /// Reads the request that all of them send, and waits for an answer.
    pub(crate) fn wait(self) -> anyhow::Result<()> {
        let mut request = Vec::new();
        std::io::stdin().read_to_end(&mut request)?;
        let mut waiting = Vec::with_capacity(self.count);
        for _ in 0..self.count {
            let mut connection = TcpStream::connect(self.address)?;
            connection.write_all(&request)?;
            waiting.push(connection);
        }
        println!("{} have asked", waiting.len());
        // Whoever is asked ends before they do, and hangs up.
        waiting.first_mut().map_or(Ok(0), |first| first.read(&mut [0]))?;
        Ok(())
    }
}

/// What was measured.
pub(crate) struct Waited {
    count: usize,
    /// Seconds of CPU time while nobody waited.
    idle: f64,
    without: Wait,
    with: Wait,
}

/// A gateway with all of them.
#[derive(Clone, Copy)]
struct Wait {
    /// What each of them added to its resident memory.
    bytes_each: f64,
    /// Seconds of CPU time while they waited.
    cpu: f64,
}

/// Measures one gateway after the other, each freshly started.
pub(crate) fn run(threads: usize) -> anyhow::Result<Waited> {
    let (without, idle, count) = waited("", threads)?;
    let (with, ..) = waited("\"start_within\":\"1h\",", threads)?;
    Ok(Waited { count, idle, without, with })
}

fn waited(members: &str, threads: usize) -> anyhow::Result<(Wait, f64, usize)> {
    let (_vendor, gateway) = races::gateway(threads)?;
    let room = gateway.process.files_max()?.map_or(WAITING_MAX, |max| max.saturating_sub(OTHER_FILES) / 2);
    let count = room.min(WAITING_MAX);
    warm_up(&gateway)?;
    std::thread::sleep(SETTLING);
    let idle = cpu(&gateway.process)?;
    let (resident_kb, files) = (gateway.process.resident_kb()?, gateway.process.files()?);
    let request = request_with("", SILENT, &gateway.key, Shape::Whole, members);
    let _clients = ask(gateway.address, count, &request)?;
    // Of what was open before, connections to the vendor are used again, or closed.
    let all = 2 * count;
    let began = Instant::now();
    while gateway.process.files()? < all {
        ensure!(began.elapsed() < PATIENCE, "{} files are open of {all}: some are not asked", gateway.process.files()?);
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(SETTLING);
    let grown_kb = gateway.process.resident_kb()?.saturating_sub(resident_kb);
    let cpu = cpu(&gateway.process)?;
    let open = gateway.process.files()?;
    ensure!(open >= all, "{open} files are open of {all} after {files}: some have been answered");
    eprintln!("waiting: {count} requests {}", if members.is_empty() { "" } else { "with a time to start in" });
    Ok((Wait { bytes_each: grown_kb as f64 * 1024.0 / count as f64, cpu }, idle, count))
}

fn warm_up(gateway: &Gateway) -> anyhow::Result<()> {
    let load = Load { connections: 32, shape: Shape::Whole, until: Until::Requests(WARM_UP) };
    let request = request("", Shape::Whole.name(), &gateway.key, Shape::Whole);
    let way = Way { contender: Contender::Tollgate, process: &gateway.process, address: gateway.address, request };
    load::run(&way, load)?;
    gateway.empty_log()
}

/// Seconds of CPU time in the next while.
fn cpu(process: &Running) -> anyhow::Result<f64> {
    let before = process.cpu_micros()?;
    std::thread::sleep(WATCHED);
    Ok(process.cpu_micros()?.saturating_sub(before) as f64 / 1e6)
}

/// So many clients, all of which have sent their request.
fn ask(address: SocketAddr, count: usize, request: &[u8]) -> anyhow::Result<Running> {
    let mut command = roomy(&std::env::current_exe()?);
    command.args(["wait", &address.to_string(), &count.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut clients = Running::start("clients", &mut command)?;
    clients.say(request)?;
    let said = clients.first_line()?;
    ensure!(said.starts_with(&count.to_string()), "not all {count} clients could ask: {said}");
    Ok(clients)
}

impl Waited {
    /// Its part of the result.
    pub(crate) fn table(&self, text: &mut String) {
        let Self { count, idle, without, with } = self;
        let seconds = WATCHED.as_secs();
        let _ = write!(
            text,
            "\n| {count} requests that wait for a vendor that never answers | nobody waits | without a time to start in \
             | with `start_within` | added |\n| --- | --: | --: | --: | --: |\n\
             | resident memory for each | | {:.0} bytes | {:.0} bytes | {:.0} bytes |\n\
             | CPU time of the gateway in {seconds} s of waiting | {idle:.2} s | {:.2} s | {:.2} s | {:.2} s |\n",
            without.bytes_each,
            with.bytes_each,
            with.bytes_each - without.bytes_each,
            without.cpu,
            with.cpu,
            with.cpu - without.cpu,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_race_adds_is_said_beside_what_waiting_costs_anyway() {
        let wait = |bytes_each| Wait { bytes_each, cpu: 0.02 };
        let mut text = String::new();
        Waited { count: 9_900, idle: 0.01, without: wait(40_000.0), with: wait(50_000.0) }.table(&mut text);
        assert!(text.contains("| resident memory for each | | 40000 bytes | 50000 bytes | 10000 bytes |"), "{text}");
        assert!(text.contains("| 0.01 s | 0.02 s | 0.02 s | 0.00 s |"), "{text}");
        let cells: Vec<_> = text.lines().filter(|l| l.starts_with('|')).map(|l| l.matches('|').count()).collect();
        assert!(cells.iter().all(|count| *count == 6), "{text}");
    }
}
