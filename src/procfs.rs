//! What the kernel says of this process. Zeros where there is no `/proc`.

use std::fs;

/// A reading.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) resident_bytes: i64,
    pub(crate) cpu_seconds: f64,
    pub(crate) open_files: i64,
}

/// Linux's clock ticks per second and page size on every platform we build for.
const TICKS: f64 = 100.0;
const PAGE: i64 = 4096;

/// Reads `/proc/self`; called when metrics are scraped, never on the request path.
pub(crate) fn read() -> Reading {
    let pages = fs::read_to_string("/proc/self/statm").ok().and_then(|s| s.split(' ').nth(1)?.parse::<i64>().ok());
    let files = fs::read_dir("/proc/self/fd").map(Iterator::count).unwrap_or(0);
    Reading {
        resident_bytes: pages.unwrap_or(0).saturating_mul(PAGE),
        cpu_seconds: cpu_seconds().unwrap_or(0.0),
        open_files: i64::try_from(files).unwrap_or(i64::MAX),
    }
}

/// Fields 14 and 15 of `stat`, counted after the command, which may itself hold spaces.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((f64::from(user) + f64::from(system)) / TICKS)
}
