//! `tollgate simulate tiers`: what a deadline would save, before it is switched on. No traffic: the answers
//! are drawn, and everything else is what real requests go by.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use tollgate_api::{RaceMode, StartWithin, Tier, Usage};
use tollgate_conf::{Config, SystemSources};
use tollgate_meter::Prices as List;
use tollgate_race::{Found, Latencies, Prices, Tier as Drawn, Times, Trial, run};

use super::{ConfigFile, Done, Exit, print};
use crate::deadlines::rest_policy;

/// What to play on a clock of its own.
#[derive(clap::Subcommand)]
pub(super) enum Simulate {
    /// Flex against the standard tier: what is saved, how many start in time, what is paid twice.
    Tiers(Tiers),
}

#[derive(clap::Args)]
pub(super) struct Tiers {
    /// The answer is to start within this time.
    #[arg(long, default_value = "30s")]
    start_within: StartWithin,
    /// So many requests.
    #[arg(long, default_value_t = 100_000)]
    requests: u32,
    /// So many of them in a second.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    per_second: u32,
    /// How long flex takes to start: a file with one time in milliseconds on each line, or `median,p99`.
    #[arg(long, default_value = "6s,4m", value_parser = latencies)]
    flex: Latencies,
    /// How long the standard tier takes to start, written in the same way.
    #[arg(long, default_value = "800ms,5s", value_parser = latencies)]
    standard: Latencies,
    /// So many per cent of flex attempts are refused at once.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    refused: u32,
    /// Whose prices: `provider/model` of the catalogue. Without it, flex costs half.
    #[arg(long)]
    model: Option<String>,
    /// Tokens of each prompt.
    #[arg(long, default_value_t = 2000)]
    input: u64,
    /// Tokens of each answer.
    #[arg(long, default_value_t = 400)]
    output: u64,
    /// The configuration whose `deadlines` and catalogue count; without it, the defaults.
    #[arg(short, long, env = "TOLLGATE_CONFIG")]
    config: Option<PathBuf>,
    /// The same seed draws the same answers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Both ways, on the same draws.
#[derive(Serialize)]
struct Played {
    requests: u32,
    start_within: String,
    overlap: Found,
    sequential: Found,
}

impl Simulate {
    pub(super) fn run(&self) -> Done {
        let Self::Tiers(tiers) = self;
        let played = tiers.play()?;
        if tiers.json {
            print(&format!("{}\n", serde_json::to_string_pretty(&played).context("writing JSON")?));
        } else {
            print(&tiers.page(&played));
        }
        Ok(Exit::Ok)
    }
}

impl Tiers {
    fn play(&self) -> Result<Played, Exit> {
        let StartWithin::Time(within) = self.start_within else {
            return Err(Exit::Failed(anyhow::anyhow!("`--start-within` must be a time here, such as `30s`")));
        };
        let config = match &self.config {
            Some(path) => ConfigFile { config: path.clone() }.load()?,
            None => tollgate_conf::parse("defaults", "{}", &SystemSources)?,
        };
        let deadlines = &config.deadlines;
        let (flex, standard, prior) = self.prices(&config)?;
        let trial = |mode| Trial {
            requests: self.requests,
            gap: Duration::from_secs(1) / self.per_second,
            mode,
            times: Times {
                within,
                prior: prior.unwrap_or(deadlines.first_content),
                least: deadlines.least_wait,
                late_millionths: deadlines.late_millionths,
            },
            rests: rest_policy(deadlines),
            flex: (Drawn { latencies: self.flex.clone(), refused_millionths: self.refused * 10_000 }, flex),
            standard: (Drawn { latencies: self.standard.clone(), refused_millionths: 0 }, standard),
            seed: self.seed,
        };
        Ok(Played {
            requests: self.requests,
            start_within: self.start_within.to_string(),
            overlap: run(&trial(RaceMode::Overlap)),
            sequential: run(&trial(RaceMode::Sequential)),
        })
    }

    /// Of flex and of the standard tier; and the prior of the model's time to first content.
    fn prices(&self, config: &Config) -> anyhow::Result<(Prices, Prices, Option<Duration>)> {
        let Some(model) = &self.model else {
            // Any price will do where flex is half of it; an answer's token costs five of a prompt's.
            let whole = self.input + 5 * self.output;
            let of = |nano: u64| Prices { prompt: self.input * nano, whole: whole * nano };
            return Ok((of(500), of(1000), None));
        };
        let named = model.split_once('/').context("`--model` must be `provider/model`")?;
        let entry =
            config.catalogue.lookup(named.0, named.1).with_context(|| format!("the catalogue has no {model}"))?;
        let list = entry.prices.as_ref().filter(|list| list.sells(Tier::Flex));
        let list = list.with_context(|| format!("the catalogue has no flex price for {model}"))?;
        Ok((self.priced(list, Tier::Flex), self.priced(list, Tier::Standard), entry.first_content))
    }

    fn priced(&self, list: &List, tier: Tier) -> Prices {
        let cost = list.cost(&Usage { input: self.input, output: self.output, tier, ..Usage::default() });
        let nano = |money: tollgate_api::Money| u64::try_from(money.nano()).unwrap_or(0);
        Prices { prompt: nano(cost.input), whole: nano(cost.total()) }
    }

    fn page(&self, played: &Played) -> String {
        let StartWithin::Time(within) = self.start_within else { return String::new() };
        let time =
            |latencies: &Latencies, share| humantime::format_duration(round(latencies.quantile(share))).to_string();
        let mut page = format!(
            "{} requests, {} a second, each to start within {}\n\
             flex      starts after {} (median), {} (99 of 100); {:.1} % within the deadline, {} % refused\n\
             standard  starts after {} (median), {} (99 of 100)\n\n",
            played.requests,
            self.per_second,
            self.start_within,
            time(&self.flex, 0.5),
            time(&self.flex, 0.99),
            100.0 * self.flex.share_within(within),
            self.refused,
            time(&self.standard, 0.5),
            time(&self.standard, 0.99),
        );
        let _ = writeln!(page, "{:42} {:>10} {:>10}", "", "overlap", "sequential");
        let Played { overlap, sequential, .. } = played;
        for (what, of) in ROWS {
            let _ = writeln!(page, "{what:42} {:>8.2} % {:>8.2} %", 100.0 * of(overlap), 100.0 * of(sequential));
        }
        for (what, of) in TIMES {
            let _ = writeln!(page, "{what:42} {:>7} ms {:>7} ms", of(overlap), of(sequential));
        }
        page
    }
}

type Share = fn(&Found) -> f64;
type Millis = fn(&Found) -> u64;

const ROWS: [(&str, Share); 7] = [
    ("saved, of the standard price", |found| found.saving),
    ("  the most that any schedule could save", |found| found.best_saving),
    ("spent twice at most, of the same", |found| found.duplicate_spend),
    ("saved at least, when that is taken off", |found| found.saving_at_least),
    ("started in time (where standard could)", |found| found.started_in_time),
    ("answered by flex", |found| found.served_by_flex),
    ("both tiers started", |found| found.both_started),
];
const TIMES: [(&str, Millis); 2] =
    [("half started within", |found| found.median_start_ms), ("99 of 100 started within", |found| found.p99_start_ms)];

/// For people: milliseconds are enough.
fn round(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// `6s,4m`, or the name of a file.
fn latencies(text: &str) -> Result<Latencies, String> {
    let time = |text: &str| match text.parse() {
        Ok(StartWithin::Time(time)) => Some(time),
        _ => None,
    };
    if let Some((median, p99)) = text.split_once(',').and_then(|(median, p99)| Some((time(median)?, time(p99)?))) {
        return Latencies::heavy_tail(median, p99).map_err(|wrong| wrong.to_string());
    }
    let read = std::fs::read_to_string(text).map_err(|error| {
        format!("it is neither `median,p99`, such as `6s,4m`, nor a file that can be read ({error})")
    })?;
    read.parse().map_err(|wrong: tollgate_race::NoLatencies| format!("{text}: {wrong}"))
}
