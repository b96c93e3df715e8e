//! Does memory grow? Many requests, and the resident set before and after.

use anyhow::Context;

use crate::contender;
use crate::load::{self, Shape, Until};

/// What the soak showed.
pub(crate) struct Soaked {
    pub(crate) requests: u64,
    pub(crate) before_kb: u64,
    pub(crate) after_kb: u64,
}

/// Soaks a fresh gateway. A tenth of the requests warms it up before its memory is read.
pub(crate) fn run(requests: u64) -> anyhow::Result<Soaked> {
    let contenders = contender::all()?;
    let gate = contenders.iter().find(|c| c.name == "tollgate").context("no gateway among the contenders")?;
    load::run(gate, 32, Shape::Whole, Until::Requests(requests / 10))?;
    let before_kb = gate.memory_kb("VmRSS");
    load::run(gate, 32, Shape::Whole, Until::Requests(requests))?;
    Ok(Soaked { requests, before_kb, after_kb: gate.memory_kb("VmRSS") })
}
