//! Does memory grow? Many requests, and what is resident between them.

use crate::contender::{Contender, Stand};
use crate::load::{self, Load, Until};
use crate::shape::Shape;

/// One request in so many is streamed.
const STREAMED_EVERY: u64 = 8;
/// How often the memory is read on the way.
const PARTS: u64 = 4;

/// What the soak showed.
pub(crate) struct Soaked {
    pub(crate) requests: u64,
    /// Resident kilobytes: before, between the parts, after.
    pub(crate) resident_kb: Vec<u64>,
}

/// Soaks a fresh gateway. A tenth of the requests warms it up before its memory is read.
pub(crate) fn run(requests: u64, threads: usize) -> anyhow::Result<Soaked> {
    let stand = Stand::new(&[Contender::Tollgate], threads)?;
    ask(&stand, requests / 10)?;
    let mut resident_kb = vec![resident(&stand)?];
    for part in 0..PARTS {
        ask(&stand, requests / PARTS + u64::from(requests % PARTS > part))?;
        resident_kb.push(resident(&stand)?);
        eprintln!("soak: part {} of {PARTS}", part + 1);
    }
    Ok(Soaked { requests, resident_kb })
}

fn ask(stand: &Stand, requests: u64) -> anyhow::Result<()> {
    let streamed = requests / STREAMED_EVERY;
    for (shape, requests) in [(Shape::Whole, requests - streamed), (Shape::Burst, streamed)] {
        let load = Load { connections: 32, shape, until: Until::Requests(requests) };
        load::run(&stand.way(Contender::Tollgate, shape)?, load)?;
    }
    stand.empty_log()
}

fn resident(stand: &Stand) -> anyhow::Result<u64> {
    stand.proxies().map(crate::running::Running::resident_kb).sum()
}
