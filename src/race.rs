//! Two attempts side by side: the first content wins, and the other is called off.
//!
//! Both run in the request's own task, so that a client that hangs up drops both. When what starts is for
//! the course of the race to say; what an attempt is, for `attempts`.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use tollgate_api::RaceMode;
use tollgate_race::{Course, Runner, Start, Step, Times, Why, start};

use crate::attempts::{Answering, Brief, NoAnswer, Ran, asked, chain, try_one};
use crate::clock;
use crate::deadlines::Asked;
use crate::endpoint::Endpoint;
use crate::fail::FailKind;
use crate::health::State;
use crate::live::{Hedge, Live};
use crate::plan::{Candidate, Plan};
use crate::tally::{How, Leg};

/// A runner under way. It ends with an answer, which may be a last "no", or with why it is out.
type Run<'a, T> = Pin<Box<dyn Future<Output = Result<T, Why>> + Send + 'a>>;
/// What ends a race of attempts.
type Last = Result<Answering, NoAnswer>;

/// The flex tier of one candidate against the standard tier of all.
pub(crate) async fn of_tiers<'r>(
    brief: Brief<'r>,
    plan: &'r Plan<'_>,
    (within, mode): (Duration, RaceMode),
    first: &'r mut Leg,
    second: &'r mut Leg,
) -> Ran {
    let (course, number) = match plan.flex() {
        Some(flex) => course(brief, plan.first().endpoint(), flex.endpoint(), within, mode),
        None => (Course::without_first(Why::NoTime), 0),
    };
    let standard = How { tier: Some(Asked::Standard), ..How::default() };
    let (mut first, mut second) = (Some(first), Some(second));
    let runners = |runner, why| -> Option<Run<'r, Last>> {
        Some(match runner {
            Runner::First => alone(
                brief,
                plan.flex()?,
                How { why, tier: Some(Asked::Flex), number, ..How::default() },
                first.take()?,
            ),
            Runner::Second => all(brief, plan, 0, How { why, ..standard }, second.take()?),
        })
    };
    last(run(course, brief.arrived, runners, || true).await)
}

/// What the course of a race of tiers is, at this moment; and which of the endpoint's tries of flex it is.
fn course(brief: Brief<'_>, standard: &Endpoint, flex: &Endpoint, within: Duration, mode: RaceMode) -> (Course, u64) {
    let stream = brief.exchange.call.stream;
    let found = schedule(brief.live, standard, flex, stream, within, brief.arrived.elapsed());
    if !found.flex_may_start {
        return (Course::without_first(Why::NoTime), 0);
    }
    let now = clock::now_ms();
    let is_flowing = flex.health.state(now) == State::Flowing;
    match is_flowing.then(|| flex.flex.may_try(now)).flatten() {
        Some(number) => (Course::of_tiers(mode, found.standard_at), number),
        None => (Course::without_first(Why::Resting), 0),
    }
}

/// When the standard tier of one endpoint starts beside the flex tier of another, or of the same, and why then.
pub(crate) fn schedule(
    live: &Live,
    standard: &Endpoint,
    flex: &Endpoint,
    stream: bool,
    within: Duration,
    now: Duration,
) -> Start {
    let deadlines = &live.deadlines;
    let times = Times {
        within,
        prior: standard.first_content.unwrap_or(deadlines.first_content),
        least: deadlines.least_wait,
        late_millionths: deadlines.late_millionths,
    };
    start(&times, standard.lately.standard(stream), flex.lately.flex(stream), now)
}

/// The first candidate, and the others where it is late; itself again where it is the only one.
pub(crate) async fn of_hedge<'r>(
    brief: Brief<'r>,
    plan: &'r Plan<'_>,
    hedge: &'r Hedge,
    first: &'r mut Leg,
    second: &'r mut Leg,
) -> Ran {
    /// What nearly all of its answers undercut.
    const LATE: f64 = 0.95;
    hedge.quota.earn(hedge.extra_millionths);
    let tier = asked(plan.pace);
    let candidate = plan.first();
    let endpoint = candidate.endpoint();
    let usual = endpoint.lately.standard(brief.exchange.call.stream).quantile(LATE);
    let is_flowing = endpoint.health.state(clock::now_ms()) == State::Flowing;
    let is_known = brief.seen_as(How { tier, ..How::default() }) == Some(Asked::Standard);
    let Some(usual) = usual.filter(|_| is_flowing && is_known) else {
        return chain(brief, plan, 0, None, tier, first).await;
    };
    let skip = usize::from(plan.candidates().count() > 1);
    let course = Course::of_hedge(brief.arrived.elapsed() + usual.max(brief.live.deadlines.least_wait));
    let (mut first, mut second) = (Some(first), Some(second));
    let runners = |runner, why| -> Option<Run<'r, Last>> {
        Some(match runner {
            Runner::First => alone(brief, candidate, How { why, tier, ..How::default() }, first.take()?),
            Runner::Second => all(brief, plan, skip, How { why, tier, ..How::default() }, second.take()?),
        })
    };
    last(run(course, brief.arrived, runners, || !brief.is_for_nobody() && hedge.quota.take()).await)
}

/// One try at one place.
fn alone<'a>(brief: Brief<'a>, candidate: &'a Candidate<'_>, how: How, leg: &'a mut Leg) -> Run<'a, Last> {
    Box::pin(async move {
        match try_one(brief, candidate, how, leg).await {
            Some(last) => Ok(last),
            None if how.tier != Some(Asked::Flex) => Err(Why::Fallback),
            None => Err(why_out(leg)),
        }
    })
}

/// Whether flex was refused, or broke.
fn why_out(leg: &Leg) -> Why {
    let said_no = [FailKind::RateLimited, FailKind::ClientError, FailKind::ServerError, FailKind::FirstEvent];
    match leg.tried.last() {
        Some(tried) if said_no.iter().any(|kind| tried.failed_as(*kind)) => Why::Refused,
        _ => Why::Failed,
    }
}

/// All of the plan, one after the other.
fn all<'a>(brief: Brief<'a>, plan: &'a Plan<'_>, skip: usize, how: How, leg: &'a mut Leg) -> Run<'a, Last> {
    Box::pin(async move {
        match chain(brief, plan, skip, how.why, how.tier, leg).await {
            Ok(answering) => Ok(Ok(answering)),
            Err(Some(last)) => Ok(Err(last)),
            Err(None) => Err(Why::Failed),
        }
    })
}

fn last(won: Option<Last>) -> Ran {
    match won {
        Some(last) => last.map_err(Some),
        None => Err(None),
    }
}

/// Runs a race by its course; `None` where nobody has won. Dropping a runner calls it off.
async fn run<'a, T>(
    mut course: Course,
    arrived: Instant,
    mut start: impl FnMut(Runner, Option<Why>) -> Option<Run<'a, T>>,
    may_start_late: impl Fn() -> bool,
) -> Option<T> {
    let arrived = tokio::time::Instant::from_std(arrived);
    let mut running: [Option<Run<'a, T>>; 2] = [None, None];
    let mut answer = None;
    loop {
        match course.next(arrived.elapsed()) {
            Step::Start(runner, why) => {
                running[place(runner)] = start(runner, why);
                if running[place(runner)].is_none() {
                    course.failed(runner, Why::Failed);
                }
            }
            Step::Ask if may_start_late() => course.grant(),
            Step::Ask => course.hold_back(),
            Step::CallOff(runner) => running[place(runner)] = None,
            Step::Wait(until) => {
                let Some((runner, out)) = either(&mut running, until.and_then(|at| arrived.checked_add(at))).await
                else {
                    continue;
                };
                running[place(runner)] = None;
                match out {
                    Ok(answered) => {
                        answer = Some(answered);
                        course.answered(runner);
                    }
                    Err(why) => course.failed(runner, why),
                }
            }
            Step::Won(_) => return answer,
            Step::NobodyWon => return None,
        }
    }
}

fn place(runner: Runner) -> usize {
    usize::from(runner == Runner::Second)
}

/// Waits for whoever ends first, the first runner where both do; `None` when it is time.
async fn either<T>(
    running: &mut [Option<Run<'_, T>>; 2],
    until: Option<tokio::time::Instant>,
) -> Option<(Runner, Result<T, Why>)> {
    async fn end<T>(run: &mut Option<Run<'_, T>>) -> Result<T, Why> {
        match run {
            Some(run) => run.await,
            None => std::future::pending().await,
        }
    }
    async fn time(until: Option<tokio::time::Instant>) {
        match until {
            Some(until) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        }
    }
    let [first, second] = running;
    tokio::select! {
        biased;
        out = end(first) => Some((Runner::First, out)),
        out = end(second) => Some((Runner::Second, out)),
        () = time(until) => None,
    }
}

#[cfg(test)]
mod tests;
