//! Races on a clock that only moves when everybody waits: what the driver does with real futures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::time::{Instant as Clock, sleep};

use super::*;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const DAY: Duration = Duration::from_secs(86_400);

/// What a runner does: after so long, this.
#[derive(Clone, Copy)]
enum Does {
    Answers(Duration),
    /// Its head comes at once, and it dies after so long.
    Dies(Duration, Why),
    Hangs,
}

/// How a race went.
#[derive(Debug, Default, PartialEq, Eq)]
struct Went {
    winner: Option<Runner>,
    /// When it ended, after the arrival.
    after: Duration,
    /// When each was started, and why.
    started: [Option<(Duration, Option<Why>)>; 2],
    /// How many were dropped before their end.
    called_off: usize,
}

/// Counts those that are dropped before their end.
struct Guard(Arc<AtomicUsize>, bool);

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.1 {
            self.0.fetch_add(1, SeqCst);
        }
    }
}

async fn runs(runner: Runner, does: Does, dropped: Arc<AtomicUsize>) -> Result<Runner, Why> {
    let mut guard = Guard(dropped, false);
    let out = match does {
        Does::Answers(after) => {
            sleep(after).await;
            Ok(runner)
        }
        Does::Dies(after, why) => {
            sleep(after).await;
            Err(why)
        }
        Does::Hangs => std::future::pending().await,
    };
    guard.1 = true;
    out
}

async fn play(course: Course, first: Does, second: Does, hedges: bool) -> Went {
    let arrived = Clock::now();
    let dropped = Arc::new(AtomicUsize::new(0));
    let mut started = [None; 2];
    let start = |runner, why| -> Option<Run<'_, Runner>> {
        started[place(runner)] = Some((arrived.elapsed(), why));
        let does = if runner == Runner::First { first } else { second };
        Some(Box::pin(runs(runner, does, Arc::clone(&dropped))))
    };
    let winner = run(course, arrived.into_std(), start, || hedges).await;
    Went { winner, after: arrived.elapsed(), started, called_off: dropped.load(SeqCst) }
}

fn flex(at: Duration) -> Option<(Duration, Option<Why>)> {
    Some((at, Some(Why::Flex)))
}

fn standard(at: Duration, why: Why) -> Option<(Duration, Option<Why>)> {
    Some((at, Some(why)))
}

async fn overlap(first: Does, second: Does) -> Went {
    play(Course::of_tiers(RaceMode::Overlap, ms(27_000)), first, second, true).await
}

async fn sequential(first: Does, second: Does) -> Went {
    play(Course::of_tiers(RaceMode::Sequential, ms(27_000)), first, second, true).await
}

#[tokio::test(start_paused = true)]
async fn flex_that_answers_at_the_last_moment_wins_alone() {
    for went in [
        overlap(Does::Answers(ms(27_000)), Does::Answers(ms(0))).await,
        sequential(Does::Answers(ms(27_000)), Does::Answers(ms(0))).await,
    ] {
        let expected =
            Went { winner: Some(Runner::First), after: ms(27_000), started: [flex(ms(0)), None], called_off: 0 };
        assert_eq!(went, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn flex_that_is_late_loses_to_the_standard_tier_and_is_called_off() {
    for went in
        [overlap(Does::Hangs, Does::Answers(ms(2000))).await, sequential(Does::Hangs, Does::Answers(ms(2000))).await]
    {
        assert_eq!((went.winner, went.after, went.called_off), (Some(Runner::Second), ms(29_000), 1));
        assert_eq!(went.started, [flex(ms(0)), standard(ms(27_000), Why::Late)]);
    }
}

#[tokio::test(start_paused = true)]
async fn flex_that_comes_while_both_run_still_wins_but_not_in_sequence() {
    let went = overlap(Does::Answers(ms(28_000)), Does::Answers(ms(2000))).await;
    assert_eq!((went.winner, went.after, went.called_off), (Some(Runner::First), ms(28_000), 1));
    let went = sequential(Does::Answers(ms(28_000)), Does::Answers(ms(2000))).await;
    assert_eq!((went.winner, went.after, went.called_off), (Some(Runner::Second), ms(29_000), 1));
}

#[tokio::test(start_paused = true)]
async fn both_at_the_same_moment_is_flex() {
    let went = overlap(Does::Answers(ms(29_000)), Does::Answers(ms(2000))).await;
    assert_eq!((went.winner, went.after, went.called_off), (Some(Runner::First), ms(29_000), 1));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_starts_the_standard_tier_at_once() {
    let went = overlap(Does::Dies(ms(5), Why::Refused), Does::Answers(ms(600))).await;
    assert_eq!((went.winner, went.after, went.called_off), (Some(Runner::Second), ms(605), 0));
    assert_eq!(went.started[1], standard(ms(5), Why::Refused));
}

#[tokio::test(start_paused = true)]
async fn flex_that_dies_after_its_head_starts_the_standard_tier_at_once() {
    for course in [RaceMode::Overlap, RaceMode::Sequential].map(|mode| Course::of_tiers(mode, ms(27_000))) {
        let went = play(course, Does::Dies(ms(9000), Why::Failed), Does::Answers(ms(600)), true).await;
        assert_eq!((went.winner, went.after), (Some(Runner::Second), ms(9600)));
        assert_eq!(went.started[1], standard(ms(9000), Why::Failed));
    }
}

#[tokio::test(start_paused = true)]
async fn a_standard_tier_that_fails_leaves_flex_its_time() {
    let went = overlap(Does::Answers(ms(40_000)), Does::Dies(ms(10), Why::Failed)).await;
    assert_eq!((went.winner, went.after, went.called_off), (Some(Runner::First), ms(40_000), 0));
}

#[tokio::test(start_paused = true)]
async fn nobody_wins_where_both_fail() {
    let went = overlap(Does::Dies(ms(28_000), Why::Failed), Does::Dies(ms(2000), Why::Failed)).await;
    assert_eq!((went.winner, went.after, went.called_off), (None, ms(29_000), 0));
    let went = sequential(Does::Hangs, Does::Dies(ms(2000), Why::Failed)).await;
    assert_eq!((went.winner, went.after, went.called_off), (None, ms(29_000), 1));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_in_the_race_calls_off_both() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let course = Course::of_tiers(RaceMode::Overlap, ms(100));
    let start =
        |runner, _| -> Option<Run<'_, Runner>> { Some(Box::pin(runs(runner, Does::Hangs, Arc::clone(&dropped)))) };
    let race = run(course, Clock::now().into_std(), start, || true);
    let hung_up = tokio::time::timeout(ms(150), race).await;
    assert!(hung_up.is_err());
    assert_eq!(dropped.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_past_starts_the_standard_tier_alone() {
    let went = play(Course::without_first(Why::NoTime), Does::Hangs, Does::Answers(ms(600)), true).await;
    assert_eq!((went.winner, went.after), (Some(Runner::Second), ms(600)));
    assert_eq!(went.started, [None, standard(ms(0), Why::NoTime)]);
}

#[tokio::test(start_paused = true)]
async fn a_millisecond_and_a_day_are_deadlines_like_others() {
    let went = play(Course::of_tiers(RaceMode::Overlap, ms(1)), Does::Hangs, Does::Answers(ms(1)), true).await;
    assert_eq!((went.winner, went.after), (Some(Runner::Second), ms(2)));
    let went = play(Course::of_tiers(RaceMode::Overlap, DAY), Does::Hangs, Does::Answers(ms(1)), true).await;
    assert_eq!((went.winner, went.after), (Some(Runner::Second), DAY + ms(1)));
    let went = play(Course::of_tiers(RaceMode::Overlap, Duration::MAX), Does::Answers(ms(7)), Does::Hangs, true).await;
    assert_eq!((went.winner, went.after), (Some(Runner::First), ms(7)), "a time that no clock can tell is never");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_an_hour_ahead_starts_the_standard_tier_once() {
    let arrived = Clock::now();
    let dropped = Arc::new(AtomicUsize::new(0));
    let mut starts = 0;
    let start = |runner, _| -> Option<Run<'_, Runner>> {
        starts += 1;
        Some(Box::pin(runs(runner, Does::Answers(DAY), Arc::clone(&dropped))))
    };
    // As after a suspension: the first time that anybody looks, an hour has passed.
    let course = Course::of_tiers(RaceMode::Overlap, ms(27_000));
    let race = run(course, arrived.into_std(), start, || true);
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(race.await, Some(Runner::First));
    assert_eq!((starts, dropped.load(SeqCst)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_is_sent_where_it_is_granted_and_only_there() {
    let went = play(Course::of_hedge(ms(100)), Does::Answers(ms(500)), Does::Answers(ms(50)), true).await;
    assert_eq!((went.winner, went.after, went.called_off), (Some(Runner::Second), ms(150), 1));
    assert_eq!(went.started, [Some((ms(0), None)), standard(ms(100), Why::Hedge)]);
    let went = play(Course::of_hedge(ms(100)), Does::Answers(ms(500)), Does::Answers(ms(50)), false).await;
    assert_eq!((went.winner, went.after, went.called_off), (Some(Runner::First), ms(500), 0));
    assert_eq!(went.started[1], None);
}
