//! A gateway with very many keys in its store: how soon it is ready, what a key weighs in memory, how
//! soon one that is taken back is refused. Requests are not its business.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::{Context, ensure};
use tollgate_store::{Scope, Store};

use crate::figures::Spread;
use crate::gateway::{DATA, Folder, Gateway, More, STORE};
use crate::keys;
use crate::running::free_port;

/// How often a key is taken back.
const REVOCATIONS: u64 = 20;
/// For a gateway to be ready, and for a key to be refused.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(1);
/// Before memory is read, so that what loading needed is given back: the allocator does so as it is used.
const SETTLING: Duration = Duration::from_secs(3);
/// A key is taken back at any time between two looks of the gateway at its store.
const LOOK_MS: u64 = 300;

/// What was measured.
pub(crate) struct Crowd {
    keys: u64,
    alone: Stand,
    crowded: Stand,
    /// The file that holds them.
    bytes_stored: u64,
    /// Milliseconds from the call that takes a key back to the first 401.
    refused_ms: Spread,
}

/// A gateway, as it stood.
#[derive(Clone, Copy)]
struct Stand {
    ready_seconds: f64,
    resident_kb: u64,
    peak_kb: u64,
}

/// Measures a gateway with one key, then one with so many.
pub(crate) fn run(keys: u64, threads: usize) -> anyhow::Result<Crowd> {
    let (_, alone) = start(1, threads)?;
    let began = Instant::now();
    let (gateway, crowded) = start(keys, threads)?;
    eprintln!("{keys} keys: written and loaded within {:.0} s", began.elapsed().as_secs_f64());
    let file = gateway.file(STORE);
    let bytes_stored = fs::metadata(&file)?.len();
    let store = Store::open(&keys::url(&file))?;
    let each = |at| refused_after(&gateway, &store, at * (keys / REVOCATIONS).max(1) % keys);
    let times = (0..REVOCATIONS.min(keys)).map(each).collect::<anyhow::Result<Vec<f64>>>()?;
    let refused_ms = Spread::of(times.into_iter()).context("no key was taken back")?;
    Ok(Crowd { keys, alone, crowded, bytes_stored, refused_ms })
}

fn start(keys: u64, threads: usize) -> anyhow::Result<(Gateway, Stand)> {
    let folder = Folder::new()?;
    fs::create_dir(folder.path().join(DATA))?;
    keys::fill(&folder.path().join(STORE), keys).context("filling a store")?;
    let began = Instant::now();
    // Nothing is sent on: no upstream is there.
    let gateway = Gateway::start_in(folder, free_port()?, threads, "off", More::default())?;
    let last = keys::key(keys - 1);
    until(200, || status(gateway.ops, "/ready", ""))?;
    until(200, || status(gateway.address, "/v1/models", last.reveal()))?;
    let ready_seconds = began.elapsed().as_secs_f64();
    let settled = Instant::now() + SETTLING;
    while Instant::now() < settled {
        ensure!(status(gateway.address, "/v1/models", last.reveal())? == 200, "a key is known no more");
        std::thread::sleep(PAUSE);
    }
    let (resident_kb, peak_kb) = (gateway.process.resident_kb()?, gateway.process.peak_kb()?);
    Ok((gateway, Stand { ready_seconds, resident_kb, peak_kb }))
}

/// Milliseconds until a key in use is refused that is taken back.
fn refused_after(gateway: &Gateway, store: &Store, number: u64) -> anyhow::Result<f64> {
    let (key, tenant) = (keys::key(number), keys::tenant(number));
    let ask = || status(gateway.address, "/v1/models", key.reveal());
    ensure!(ask()? == 200, "a key is refused that nobody has taken back");
    std::thread::sleep(Duration::from_millis(keys::mixed(number) % LOOK_MS));
    let now_ms = i64::try_from(UNIX_EPOCH.elapsed()?.as_millis())?;
    let began = Instant::now();
    store.revoke_key(&Scope::Operator, &tenant, key.id().as_str(), now_ms)?;
    until(401, ask)?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

/// Asks until this is the answer.
fn until(wanted: u16, ask: impl Fn() -> anyhow::Result<u16>) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let answer = ask();
        if answer.as_ref().is_ok_and(|status| *status == wanted) {
            return Ok(());
        }
        ensure!(began.elapsed() < PATIENCE, "{answer:?} after {PATIENCE:?}, and not {wanted}");
        std::thread::sleep(PAUSE);
    }
}

/// The status of a GET, over a connection of its own.
fn status(address: SocketAddr, path: &str, key: &str) -> anyhow::Result<u16> {
    let mut connection = TcpStream::connect(address)?;
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: bench.test\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes())?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer.split(' ').nth(1).context("an answer without a status")?.parse()?)
}

impl Crowd {
    /// Its part of the result.
    pub(crate) fn table(&self, text: &mut String) {
        let Self { keys, alone, crowded, bytes_stored, refused_ms } = self;
        let mebibytes = |kilobytes: u64| kilobytes as f64 / 1024.0;
        let bytes_each = |kilobytes: i64| kilobytes as f64 * 1024.0 / keys.saturating_sub(1).max(1) as f64;
        let resident = crowded.resident_kb.cast_signed() - alone.resident_kb.cast_signed();
        let peak = crowded.peak_kb.cast_signed() - alone.peak_kb.cast_signed();
        let _ = write!(
            text,
            "\n### A gateway with {keys} keys in its store\n\n| | 1 key | {keys} keys | for each key |\n\
             | --- | --: | --: | --: |\n\
             | from its start until it answers one of the keys | {:.2} s | {:.2} s | {:.1} µs |\n\
             | resident memory | {:.1} MiB | {:.1} MiB | {:.0} bytes |\n\
             | peak of it, while they are loaded | {:.1} MiB | {:.1} MiB | {:.0} bytes |\n\
             | the store's file (SQLite) | | {:.1} MiB | {:.0} bytes |\n\
             | from `revoke_key` in another process to the first 401, {REVOCATIONS} keys | | {refused_ms:.0} ms | |\n",
            alone.ready_seconds,
            crowded.ready_seconds,
            (crowded.ready_seconds - alone.ready_seconds) * 1e6 / *keys as f64,
            mebibytes(alone.resident_kb),
            mebibytes(crowded.resident_kb),
            bytes_each(resident),
            mebibytes(alone.peak_kb),
            mebibytes(crowded.peak_kb),
            bytes_each(peak),
            *bytes_stored as f64 / (1024.0 * 1024.0),
            *bytes_stored as f64 / *keys as f64,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_weighs_is_what_the_others_added() {
        let stand = |resident_kb| Stand { ready_seconds: 0.5, resident_kb, peak_kb: 2 * resident_kb };
        let refused_ms = Spread { median: 130.0, least: 9.0, most: 260.0 };
        let crowd = Crowd { keys: 1025, alone: stand(1024), crowded: stand(2048), bytes_stored: 2_099_200, refused_ms };
        let mut text = String::new();
        crowd.table(&mut text);
        assert!(text.contains("| resident memory | 1.0 MiB | 2.0 MiB | 1024 bytes |"), "{text}");
        assert!(text.contains("| 2.0 MiB | 4.0 MiB | 2048 bytes |"), "{text}");
        assert!(text.contains("130 (9 to 260) ms"), "{text}");
        let cells: Vec<_> = text.lines().filter(|l| l.starts_with('|')).map(|l| l.matches('|').count()).collect();
        assert!(cells.iter().all(|count| *count == 5), "{text}");
    }
}
