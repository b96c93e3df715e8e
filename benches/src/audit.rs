//! The audit log alone: how many records a second it takes on a RAM disk, how long this machine's disk
//! needs, and how fast an export is verified.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use anyhow::Context;
use tollgate_audit::record::{Attempt, Cost, Record, Usage};
use tollgate_audit::{Audit, Detail, Kept, Mode, PriceList, Retention, SEGMENT_BYTES, Settings, canonical};

/// As many requests wait for the disk at once.
const AT_ONCE: u64 = 256;
/// How often the disk is asked.
const SYNCS: usize = 1000;

/// What was measured.
pub(crate) struct Audited {
    records: u64,
    per_second: f64,
    bytes_each: u64,
    verified_per_second: f64,
    peak_kb: (u64, u64),
    /// Of one `fdatasync` of four kilobytes, in microseconds: median and p99.
    sync: (f64, f64),
}

/// Measures.
pub(crate) fn run(records: u64) -> anyhow::Result<Audited> {
    let sync = sync_times(&std::env::temp_dir())?;
    let ram = Path::new("/dev/shm");
    let base = if ram.is_dir() { ram.to_owned() } else { std::env::temp_dir() };
    let folder = Folder(base.join(format!("tollgate-bench-audit-{}", std::process::id())));
    let export = |name: &str, records| {
        let per_second = fill(&folder.0.join(name), records)?;
        let export = folder.0.join(format!("{name}-export"));
        tollgate_audit::export(&folder.0.join(name), &export, false)?;
        anyhow::Ok((per_second, export))
    };
    let (_, quarter) = export("quarter", records / 4)?;
    let (per_second, whole) = export("whole", records)?;
    let (_, small_kb) = verified_alone(&quarter)?;
    let (seconds, large_kb) = verified_alone(&whole)?;
    Ok(Audited {
        records,
        per_second,
        bytes_each: size_of(&whole)? / records.max(1),
        verified_per_second: records as f64 / seconds,
        peak_kb: (small_kb, large_kb),
        sync,
    })
}

/// Seconds and peak memory of a verification in a process of its own.
fn verified_alone(export: &Path) -> anyhow::Result<(f64, u64)> {
    let output = Command::new(std::env::current_exe()?).arg("verify").arg(export).output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout)?;
    let (seconds, peak) = said.trim().split_once(' ').context("two numbers")?;
    Ok((seconds.parse()?, peak.parse()?))
}

/// Verifies, in a process of its own, and says how long it took and how much memory.
pub(crate) fn be_a_verifier(export: &Path) -> anyhow::Result<()> {
    let began = Instant::now();
    tollgate_audit::verify(export, &Kept::default())?;
    println!("{} {}", began.elapsed().as_secs_f64(), peak_kb()?);
    Ok(())
}

impl Audited {
    /// Its part of the result.
    pub(crate) fn table(&self, text: &mut String) {
        let Self { records, per_second, bytes_each, verified_per_second, peak_kb, sync } = self;
        let _ = write!(
            text,
            "\n### The audit log alone\n\n| | measured | goal |\n| --- | --: | --: |\n\
             | requests /s, each with its beginning, record and sealed detail, strict, on a RAM disk ({records} requests, {AT_ONCE} at once) | {per_second:.0} | 50,000 |\n\
             | records verified /s (`tollgate audit verify`, {bytes_each} bytes each) | {verified_per_second:.0} | 500,000 |\n\
             | peak memory while verifying a quarter of it, and all of it | {:.0} and {:.0} MiB | flat |\n\
             | one `fdatasync` of 4 kB on the disk of the other tables, median and p99 | {:.0} and {:.0} µs | |\n",
            peak_kb.0 as f64 / 1024.0,
            peak_kb.1 as f64 / 1024.0,
            sync.0,
            sync.1
        );
    }
}

/// Requests per second.
fn fill(data: &Path, requests: u64) -> anyhow::Result<f64> {
    let audit = Audit::open(Settings {
        data: data.to_owned(),
        mode: Mode::Strict,
        retention: Retention::default(),
        segment_bytes: SEGMENT_BYTES,
        clock: Arc::new(|| 1_795_000_000_000_000),
        witnesses: None,
        software: "bench".to_owned(),
        on_failure: Box::new(|what| panic!("{what}")),
    })?;
    let log = audit.log_of("bench")?;
    let prices = audit.keep_prices(&PriceList::new(std::iter::once(("bench".to_owned(), priced())).collect()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..AT_ONCE {
            let (audit, next, prices) = (Arc::clone(&audit), Arc::clone(&next), prices.clone());
            tasks.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= requests {
                        return Ok::<_, anyhow::Error>(());
                    }
                    let id: [u8; 16] = (u128::from(number) + 1).to_le_bytes();
                    let text = format!("req_{:032x}", u128::from_be_bytes(id));
                    audit.begin(log, id, canonical::write(&record(&text, &prices, None)));
                    let detail = Detail { subject: "bench".to_owned(), salt: [7; 32], json: DETAIL.to_vec() };
                    let hash = detail.commitment().hex();
                    let ticket =
                        audit.end(log, id, canonical::write(&record(&text, &prices, Some(&hash))), Some(detail));
                    audit.durable(ticket).await?;
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok::<_, anyhow::Error>(())
    })?;
    let seconds = began.elapsed().as_secs_f64();
    audit.close();
    Ok(requests as f64 / seconds)
}

const DETAIL: &[u8] = br#"{"answer":"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b","body":"d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35","ip":"203.0.113.7","user_agent":"OpenAI/Python 3.52.0"}"#;

fn priced() -> tollgate_audit::Listed {
    tollgate_audit::Listed { input: 150_000_000, output: 600_000_000, model: "bench".to_owned(), ..Default::default() }
}

fn record<'a>(id: &'a str, prices: &'a str, detail: Option<&'a str>) -> Record<'a> {
    Record {
        asked: Some("bench".into()),
        attempts: vec![Attempt { endpoint: "bench".into(), ms: 2, ..Attempt::default() }],
        cache: Some("off".into()),
        config: Some("e3b0c44298fc1c14".into()),
        cost: Some(Cost { input: 3_000, output: 6_000 }),
        detail: detail.map(Into::into),
        endpoint: Some("bench".into()),
        fee: Some(0),
        first_content_us: Some(1846),
        id: id.into(),
        key: "rglf75mD".into(),
        latency_us: Some(2007),
        model: Some("bench".into()),
        outcome: "answered".into(),
        prices: Some(prices.into()),
        served: Some("bench".into()),
        started_us: 1_795_000_000_000_000,
        status: Some(200),
        stream: Some(false),
        surface: "chat_completions".into(),
        tier: Some("default".into()),
        usage: Some(Usage { input: 20, output: 10, source: "reported".into(), ..Usage::default() }),
        ..Record::default()
    }
}

fn sync_times(folder: &Path) -> anyhow::Result<(f64, f64)> {
    let path = folder.join(format!("tollgate-bench-sync-{}", std::process::id()));
    let mut file = fs::File::create(&path).with_context(|| path.display().to_string())?;
    let mut micros = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&[0; 4096])?;
        let began = Instant::now();
        file.sync_data()?;
        micros.push(began.elapsed().as_secs_f64() * 1e6);
    }
    fs::remove_file(path)?;
    micros.sort_by(f64::total_cmp);
    Ok((micros[SYNCS / 2], micros[SYNCS * 99 / 100]))
}

fn peak_kb() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}

fn size_of(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { size_of(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

/// A folder that goes away with its owner.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
