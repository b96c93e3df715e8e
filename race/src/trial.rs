//! Many races on a clock of its own: what they would have saved, and cost, and how many began in time.
//!
//! The courses, the sketches and the rests are those that real requests go by; only the answers are drawn.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use serde::Serialize;
use tollgate_api::RaceMode;

use crate::{Course, Latencies, Latency, Rest, RestPolicy, Runner, Step, Times, Why, start};

/// A tier to be drawn from.
#[derive(Clone, Debug)]
pub struct Tier {
    /// How long its answers take to start.
    pub latencies: Latencies,
    /// How many of a million attempts are refused at once, for want of room.
    pub refused_millionths: u32,
}

/// What one request costs at a tier. Nano-dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    /// The prompt: what an attempt that was called off may still cost.
    pub prompt: u64,
    /// Prompt and answer.
    pub whole: u64,
}

/// What is to be played.
#[derive(Clone, Debug)]
pub struct Trial {
    /// So many requests.
    pub requests: u32,
    /// So far apart.
    pub gap: Duration,
    /// What happens to flex when the standard tier starts.
    pub mode: RaceMode,
    /// The deadline, and what the start is computed from.
    pub times: Times,
    /// The rests of the flex tier.
    pub rests: RestPolicy,
    /// The cheap tier, and what it costs.
    pub flex: (Tier, Prices),
    /// The ordinary tier, and what it costs.
    pub standard: (Tier, Prices),
    /// The same seed draws the same answers, in either mode.
    pub seed: u64,
}

/// How it went. Shares are of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Found {
    /// Of what the standard tier alone would have cost: what the answers that were taken cost less.
    pub saving: f64,
    /// Of the requests that the standard tier alone could have begun in time: those that began in time.
    pub started_in_time: f64,
    /// Of what the standard tier alone would have cost: what attempts that were called off cost at most.
    pub duplicate_spend: f64,
    /// The saving less the duplicates.
    pub saving_at_least: f64,
    /// The saving of whoever knows beforehand which flex attempts begin in time.
    pub best_saving: f64,
    /// Of all requests: those that flex answered.
    pub served_by_flex: f64,
    /// Of all requests: those for which both tiers were started.
    pub both_started: f64,
    /// Half of all answers began within this, in milliseconds.
    pub median_start_ms: u64,
    /// And 99 of a hundred within this.
    pub p99_start_ms: u64,
}

/// A refusal takes so long.
const REFUSED_AFTER: Duration = Duration::from_millis(50);

/// What may happen to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Arrives,
    Answers(bool),
    Refuses,
    IsTime,
}

/// A request under way.
struct Open {
    arrived: Duration,
    course: Course,
    /// Which of the tries of flex it is.
    number: u64,
    /// What is drawn for it; `None` for a refusal.
    flex: Option<Duration>,
    standard: Duration,
    /// When each of its attempts started, by the clock.
    started: [Option<Duration>; 2],
}

/// Sums while it plays. Nano-dollars, and counts.
#[derive(Default)]
struct Sums {
    standard: u128,
    saved: u128,
    lost: u128,
    best: u128,
    possible: u64,
    in_time: u64,
    by_flex: u64,
    both: u64,
    starts: Vec<Duration>,
}

struct Play<'a> {
    trial: &'a Trial,
    chance: fastrand::Rng,
    flex_seen: Latency,
    standard_seen: Latency,
    rest: Rest,
    open: HashMap<u32, Open>,
    events: BinaryHeap<Reverse<(Duration, u32, Happens)>>,
    sums: Sums,
}

/// Plays it to the end.
#[must_use]
pub fn run(trial: &Trial) -> Found {
    let mut play = Play {
        trial,
        chance: fastrand::Rng::with_seed(trial.seed),
        flex_seen: Latency::default(),
        standard_seen: Latency::default(),
        rest: Rest::default(),
        open: HashMap::new(),
        events: BinaryHeap::new(),
        sums: Sums::default(),
    };
    if trial.requests > 0 {
        play.events.push(Reverse((Duration::ZERO, 0, Happens::Arrives)));
    }
    while let Some(Reverse((now, request, what))) = play.events.pop() {
        play.happens(now, request, what);
    }
    play.sums.found()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Play<'_> {
    fn happens(&mut self, now: Duration, request: u32, what: Happens) {
        if what == Happens::Arrives {
            self.arrives(now, request);
        }
        let Some(mut open) = self.open.remove(&request) else { return };
        match what {
            Happens::Answers(true) => open.course.answered(Runner::First),
            Happens::Answers(false) => open.course.answered(Runner::Second),
            Happens::Refuses => {
                open.started[0] = None;
                open.course.failed(Runner::First, Why::Refused);
                self.rest.refused(&self.trial.rests, millis(now), open.number, self.chance.u64(..));
            }
            Happens::Arrives | Happens::IsTime => {}
        }
        if !self.goes_on(now, request, &mut open) {
            self.open.insert(request, open);
        }
    }

    fn arrives(&mut self, now: Duration, request: u32) {
        let Trial { requests, gap, flex, standard, times, mode, .. } = self.trial;
        if request + 1 < *requests {
            self.events.push(Reverse((now + *gap, request + 1, Happens::Arrives)));
        }
        let is_refused = self.chance.u32(..1_000_000) < flex.0.refused_millionths;
        let drawn = flex.0.latencies.draw(&mut self.chance);
        let found = start(times, &self.standard_seen, &self.flex_seen, Duration::ZERO);
        let number = found.flex_may_start.then(|| self.rest.may_try(millis(now)));
        let open = Open {
            number: number.flatten().unwrap_or(0),
            arrived: now,
            flex: (!is_refused).then_some(drawn),
            standard: standard.0.latencies.draw(&mut self.chance),
            course: match number {
                None => Course::without_first(Why::NoTime),
                Some(None) => Course::without_first(Why::Resting),
                Some(Some(_)) => Course::of_tiers(*mode, found.standard_at),
            },
            started: [None; 2],
        };
        self.sums.arrives(&open, self.trial);
        self.open.insert(request, open);
    }

    /// Takes every step that can be taken now. Whether that was the last.
    fn goes_on(&mut self, now: Duration, request: u32, open: &mut Open) -> bool {
        loop {
            match open.course.next(now.saturating_sub(open.arrived)) {
                Step::Start(Runner::First, _) => {
                    open.started[0] = Some(now);
                    self.events.push(Reverse(match open.flex {
                        Some(takes) => (now + takes, request, Happens::Answers(true)),
                        None => (now + REFUSED_AFTER, request, Happens::Refuses),
                    }));
                }
                Step::Start(Runner::Second, _) => {
                    open.started[1] = Some(now);
                    self.events.push(Reverse((now + open.standard, request, Happens::Answers(false))));
                }
                Step::CallOff(Runner::First) => self.loses(now, open, Runner::First),
                Step::Ask => open.course.grant(),
                Step::CallOff(Runner::Second) | Step::NobodyWon => return true,
                Step::Wait(Some(until)) => {
                    self.events.push(Reverse((open.arrived + until, request, Happens::IsTime)));
                    return false;
                }
                Step::Wait(None) => return false,
                Step::Won(runner) => {
                    self.wins(now, open, runner);
                    return true;
                }
            }
        }
    }

    fn wins(&mut self, now: Duration, open: &mut Open, runner: Runner) {
        self.sums.both += u64::from(open.started.iter().all(Option::is_some));
        let (seen, started, loser) = match runner {
            Runner::First => (&self.flex_seen, open.started[0], Runner::Second),
            Runner::Second => (&self.standard_seen, open.started[1], Runner::First),
        };
        seen.answered(now.saturating_sub(started.unwrap_or(now)), millis(now));
        if runner == Runner::First {
            self.rest.started(open.number);
        }
        self.loses(now, open, loser);
        self.sums.begins(now.saturating_sub(open.arrived), open, runner, self.trial);
    }

    /// One that was under way is called off.
    fn loses(&mut self, now: Duration, open: &mut Open, runner: Runner) {
        let (place, seen, prices) = match runner {
            Runner::First => (0, &self.flex_seen, self.trial.flex.1),
            Runner::Second => (1, &self.standard_seen, self.trial.standard.1),
        };
        // In sequence it is called off once, and has then never been for who wins.
        let Some(started) = open.started[place].take() else { return };
        seen.cut(now.saturating_sub(started), millis(now));
        self.sums.lost += u128::from(prices.prompt);
        if runner == Runner::First {
            self.rest.stalled(&self.trial.rests, millis(now), open.number);
        }
    }
}

impl Sums {
    fn arrives(&mut self, open: &Open, trial: &Trial) {
        let saved = trial.standard.1.whole.saturating_sub(trial.flex.1.whole);
        self.standard += u128::from(trial.standard.1.whole);
        self.possible += u64::from(open.standard <= trial.times.within);
        if open.flex.is_some_and(|flex| flex <= trial.times.within) {
            self.best += u128::from(saved);
        }
    }

    fn begins(&mut self, after: Duration, open: &Open, runner: Runner, trial: &Trial) {
        self.starts.push(after);
        self.in_time += u64::from(after <= trial.times.within && open.standard <= trial.times.within);
        if runner == Runner::First {
            self.by_flex += 1;
            self.saved += u128::from(trial.standard.1.whole.saturating_sub(trial.flex.1.whole));
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "shares to be shown; what they are of are integers")]
    fn found(mut self) -> Found {
        let of = |part: u128, whole: u128| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let requests = self.starts.len() as u128;
        self.starts.sort_unstable();
        let place = |hundredths: usize| self.starts.get(self.starts.len() * hundredths / 100);
        let (saving, duplicate_spend) = (of(self.saved, self.standard), of(self.lost, self.standard));
        Found {
            saving,
            started_in_time: of(self.in_time.into(), self.possible.into()),
            duplicate_spend,
            saving_at_least: saving - duplicate_spend,
            best_saving: of(self.best, self.standard),
            served_by_flex: of(self.by_flex.into(), requests),
            both_started: of(self.both.into(), requests),
            median_start_ms: place(50).map_or(0, |time| millis(*time)),
            p99_start_ms: place(99).map_or(0, |time| millis(*time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn trial(mode: RaceMode) -> Trial {
        let tail = |median, p99| {
            let latencies = Latencies::heavy_tail(Duration::from_millis(median), Duration::from_millis(p99));
            Tier { latencies: latencies.expect("in order"), refused_millionths: 0 }
        };
        Trial {
            requests: 20_000,
            gap: Duration::from_millis(100),
            mode,
            times: Times {
                within: seconds(30),
                prior: seconds(3),
                least: Duration::from_millis(100),
                late_millionths: 10_000,
            },
            rests: RestPolicy { refused: seconds(60), stalls: 8, stalled: seconds(300) },
            flex: (tail(6000, 240_000), Prices { prompt: 500, whole: 2000 }),
            standard: (tail(800, 5000), Prices { prompt: 1000, whole: 4000 }),
            seed: 1,
        }
    }

    #[test]
    fn nearly_all_begin_in_time_and_the_saving_is_nearly_the_best() {
        let [overlap, sequential] = [RaceMode::Overlap, RaceMode::Sequential].map(|mode| run(&trial(mode)));
        for found in [overlap, sequential] {
            assert!(found.started_in_time >= 0.99, "{found:?}");
            assert!(found.best_saving - found.saving < 0.03, "{found:?}");
            assert!(found.duplicate_spend > 0.0 && found.duplicate_spend < 0.1, "{found:?}");
        }
        assert!(overlap.saving > sequential.saving, "flex that comes late is still taken where both go on");
        assert!(overlap.both_started > 0.0 && sequential.both_started == 0.0);
    }

    #[test]
    fn the_same_seed_plays_the_same() {
        let trial = trial(RaceMode::Overlap);
        assert_eq!(run(&trial), run(&trial));
        assert_ne!(run(&trial), run(&Trial { seed: 2, ..trial.clone() }));
    }

    #[test]
    fn a_flex_tier_that_is_always_full_saves_nothing_and_delays_nobody() {
        let mut full = trial(RaceMode::Overlap);
        full.flex.0.refused_millionths = 1_000_000;
        let found = run(&full);
        assert_eq!((found.saving, found.duplicate_spend, found.served_by_flex), (0.0, 0.0, 0.0));
        assert!(found.started_in_time > 0.999, "{found:?}");
    }

    #[test]
    fn a_flex_tier_that_is_always_at_once_saves_all_that_can_be_saved() {
        let mut fast = trial(RaceMode::Sequential);
        fast.flex.0.latencies = "200".parse().expect("one");
        let found = run(&fast);
        assert_eq!((found.saving, found.best_saving, found.duplicate_spend), (0.5, 0.5, 0.0));
    }

    #[test]
    fn a_flex_tier_that_is_dead_is_left_alone_after_a_while() {
        let mut dead = trial(RaceMode::Overlap);
        dead.flex.0.latencies = "86400000".parse().expect("one");
        let found = run(&dead);
        assert!(found.both_started < 0.05, "{found:?}");
        assert!(found.duplicate_spend < 0.01 && found.started_in_time >= 0.98, "{found:?}");
    }

    #[test]
    fn nothing_is_played_of_nothing() {
        assert_eq!(run(&Trial { requests: 0, ..trial(RaceMode::Overlap) }), Found::default());
    }
}
