//! Rounds: every contender in turn, again and again, so that noise of the machine hits all alike.

use std::time::Duration;

use crate::contender::{Contender, Stand};
use crate::figures::{Figures, Spread};
use crate::load::{self, Load, Until};
use crate::shape::Shape;

/// One kind of load.
pub(crate) struct Kind {
    pub(crate) title: &'static str,
    pub(crate) connections: u32,
    pub(crate) shape: Shape,
}

/// Whole answers one after the other: the added latency that a quiet gateway has.
pub(crate) const ALONE: usize = 0;
/// Whole answers over 32 connections: the load by which CPU time is judged.
pub(crate) const BUSY: usize = 1;
/// Paced streams: the load by which time to first content is judged.
pub(crate) const PACED: usize = 4;

/// Streams that begin nearly a thousand times a second: the load by which the audit log is judged.
pub(crate) const SPARSE: usize = 5;

/// The loads, in the order of the table.
pub(crate) const KINDS: [Kind; 6] = [
    Kind { title: "Whole answers, 1 connection", connections: 1, shape: Shape::Whole },
    Kind { title: "Whole answers, 32 connections", connections: 32, shape: Shape::Whole },
    Kind { title: "Whole answers, 256 connections", connections: 256, shape: Shape::Whole },
    Kind { title: "Streams of 50 events at once, 8 connections", connections: 8, shape: Shape::Burst },
    Kind { title: "Streams of 20 events 10 ms apart, 32 connections", connections: 32, shape: Shape::Paced },
    Kind { title: "Streams of 4 events 50 ms apart, 200 connections", connections: 200, shape: Shape::Sparse },
];

/// All rounds.
pub(crate) struct Measured {
    pub(crate) contenders: Vec<Contender>,
    /// By kind, by contender, by round.
    pub(crate) figures: Vec<Vec<Vec<Figures>>>,
    /// Peak memory of each proxy, in kilobytes.
    pub(crate) peaks: Vec<(&'static str, u64)>,
}

impl Measured {
    /// The rounds of a contender under a kind of load, if it took part.
    pub(crate) fn of(&self, kind: usize, contender: Contender) -> Option<&[Figures]> {
        let at = self.contenders.iter().position(|c| *c == contender)?;
        Some(self.figures.get(kind)?.get(at)?)
    }
}

/// The whole programme. One more round goes before: it warms caches and pools, and is not counted.
pub(crate) fn all(stand: &Stand, rounds: usize, span: Duration) -> anyhow::Result<Measured> {
    let many = stand.contenders.len();
    let mut figures = vec![vec![Vec::new(); many]; KINDS.len()];
    for round in 0..=rounds {
        for (kind, figures) in KINDS.iter().zip(&mut figures) {
            // Each begins once in a while: nobody always runs in another's wake.
            for at in (0..many).map(|at| (at + round) % many) {
                let measured = measure(stand, stand.contenders[at], kind, span)?;
                if round > 0 {
                    figures[at].push(measured);
                }
            }
        }
        eprintln!("round {round} of {rounds}");
    }
    let peaks = stand.proxies().map(|p| Ok((p.name(), p.peak_kb()?))).collect::<anyhow::Result<_>>()?;
    Ok(Measured { contenders: stand.contenders.clone(), figures, peaks })
}

fn measure(stand: &Stand, contender: Contender, kind: &Kind, span: Duration) -> anyhow::Result<Figures> {
    stand.empty_log()?;
    let load = Load { connections: kind.connections, shape: kind.shape, until: Until::Elapsed(span) };
    let outcome = load::run(&stand.way(contender, kind.shape)?, load)?;
    Ok(Figures::from(&outcome))
}

/// CPU per request alone, at 32 connections: for whoever makes it cheaper.
pub(crate) fn quick(stand: &Stand, rounds: usize, span: Duration) -> anyhow::Result<()> {
    for proxy in stand.proxies() {
        eprintln!("{} is process {}", proxy.name(), proxy.pid());
    }
    let mut cpu = vec![Vec::new(); stand.contenders.len()];
    for round in 0..=rounds {
        let mut line = format!("round {round}:");
        for (contender, cpu) in stand.contenders.iter().zip(&mut cpu) {
            let figures = measure(stand, *contender, &KINDS[BUSY], span)?;
            line += &format!("  {} {:.1} µs, {:.0} /s", contender.title(), figures.cpu, figures.per_second);
            if round > 0 {
                cpu.push(figures);
            }
        }
        println!("{line}{}", if round == 0 { "  (warm-up, not counted)" } else { "" });
    }
    let bare = stand.contenders.iter().position(|c| *c == Contender::Bare).and_then(|at| cpu.get(at));
    for (contender, own) in stand.contenders.iter().zip(&cpu) {
        let micros = Spread::each(own, |f| f.cpu).map_or_else(String::new, |s| format!("{s:.1}"));
        let ratio = bare.filter(|_| *contender != Contender::Bare).and_then(|bare| Spread::ratio(own, bare, |f| f.cpu));
        let ratio = ratio.map_or_else(String::new, |r| format!(", {r:.2} of bare"));
        println!("{}: {micros} µs of CPU per request{ratio}", contender.title());
    }
    Ok(())
}
