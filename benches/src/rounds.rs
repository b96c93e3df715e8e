//! Rounds: every contender in turn, again and again; the figures of each are medians.

use std::time::Duration;

use crate::contender::{self, Contender};
use crate::load::{Outcome, Shape, Until, quantile, run};

/// One kind of load.
pub(crate) struct Kind {
    pub(crate) title: &'static str,
    pub(crate) connections: usize,
    pub(crate) shape: Shape,
}

/// The loads, in the order of the table.
pub(crate) const KINDS: [Kind; 5] = [
    Kind { title: "whole answers, 1 connection", connections: 1, shape: Shape::Whole },
    Kind { title: "whole answers, 32 connections", connections: 32, shape: Shape::Whole },
    Kind { title: "whole answers, 256 connections", connections: 256, shape: Shape::Whole },
    Kind { title: "streams of 50 events in a burst, 8 connections", connections: 8, shape: Shape::Burst },
    Kind { title: "streams of 20 events 10 ms apart, 8 connections", connections: 8, shape: Shape::Paced },
];

/// What one contender did in one round of one kind.
#[derive(Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) cpu: f64,
    pub(crate) first_p99: f64,
    pub(crate) events_per_second: f64,
}

impl Figures {
    fn of(outcome: &Outcome) -> Self {
        Self {
            per_second: outcome.per_second(),
            p50: quantile(&outcome.latencies, 500),
            p99: quantile(&outcome.latencies, 990),
            cpu: outcome.cpu_per_request(),
            first_p99: quantile(&outcome.first, 990),
            events_per_second: outcome.events as f64 / outcome.seconds,
        }
    }
}

/// All rounds: by kind, by contender, by round.
pub(crate) struct Measured {
    pub(crate) names: Vec<&'static str>,
    pub(crate) figures: Vec<Vec<Vec<Figures>>>,
    /// Peak memory of each contender, in kilobytes.
    pub(crate) peak_kb: Vec<u64>,
}

/// The whole programme.
pub(crate) fn all(rounds: usize, seconds: u64) -> anyhow::Result<Measured> {
    let contenders = contender::all()?;
    let mut figures = vec![vec![Vec::new(); contenders.len()]; KINDS.len()];
    for round in 0..=rounds {
        for (kind, figures) in KINDS.iter().zip(&mut figures) {
            for (contender, figures) in contenders.iter().zip(figures) {
                let outcome =
                    run(contender, kind.connections, kind.shape, Until::Elapsed(Duration::from_secs(seconds)))?;
                // The first round warms up caches, pools and branch predictors.
                if round > 0 {
                    figures.push(Figures::of(&outcome));
                }
            }
        }
        eprintln!("round {round} of {rounds}");
    }
    Ok(Measured {
        names: contenders.iter().map(|c| c.name).collect(),
        figures,
        peak_kb: contenders.iter().map(|c| c.memory_kb("VmHWM")).collect(),
    })
}

/// CPU per request alone: for whoever makes it cheaper.
pub(crate) fn quick() -> anyhow::Result<()> {
    let contenders = contender::all()?;
    let chosen: Vec<&Contender> = contenders.iter().filter(|c| matches!(c.name, "bare" | "tollgate")).collect();
    for _ in 0..3 {
        let mut cpu = Vec::new();
        for contender in &chosen {
            let outcome = run(contender, 32, Shape::Whole, Until::Elapsed(Duration::from_secs(2)))?;
            cpu.push(outcome.cpu_per_request());
        }
        println!("CPU per request: bare {:.1} µs, tollgate {:.1} µs, ratio {:.2}", cpu[0], cpu[1], cpu[1] / cpu[0]);
    }
    Ok(())
}
