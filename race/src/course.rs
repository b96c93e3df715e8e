//! The course of one race: which of two runners starts when, which is called off, and who has won.
//!
//! It is told what happens and says what to do next. It starts nothing, waits for nothing, and knows
//! neither vendors nor tiers: the first runner is the one that is preferred, the second the one that is sure.

use std::time::Duration;

use tollgate_api::RaceMode;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Runner {
    /// The one that is preferred.
    First,
    /// The one that stands behind it.
    Second,
}

/// Why a runner starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The cheap tier, for as long as there is time.
    Flex,
    /// The first had not begun to answer when the second had to start.
    Late,
    /// The first was refused.
    Refused,
    /// The first has failed in another way: a lost connection, an answer that broke off.
    Failed,
    /// The first is left alone for now.
    Resting,
    /// There is no time for the first.
    NoTime,
    /// The first is later than nearly all of its answers were.
    Hedge,
    /// The endpoint before it has failed.
    Fallback,
    /// The same endpoint could not read the sealed reasoning that it was given.
    Unsealed,
}

impl Why {
    /// Every reason, in declaration order.
    pub const ALL: [Self; 9] = [
        Self::Flex,
        Self::Late,
        Self::Refused,
        Self::Failed,
        Self::Resting,
        Self::NoTime,
        Self::Hedge,
        Self::Fallback,
        Self::Unsealed,
    ];

    /// The word in records, headers, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Late => "late",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Resting => "resting",
            Self::NoTime => "no_time",
            Self::Hedge => "hedge",
            Self::Fallback => "fallback",
            Self::Unsealed => "unsealed",
        }
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Start this runner, for this reason; `None` where it is simply its turn.
    Start(Runner, Option<Why>),
    /// Say whether the second may start only because the first is late: [`Course::grant`], or
    /// [`Course::hold_back`].
    Ask,
    /// Call this runner off.
    CallOff(Runner),
    /// Wait for the runners that are under way, until this time after the arrival where there is one.
    Wait(Option<Duration>),
    /// This runner's answer is the answer. The other, if it is under way, is called off.
    Won(Runner),
    /// Neither will answer.
    NobodyWon,
}

/// Where a runner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    /// It failed, or was called off.
    Out,
    Answered,
}

/// A race. All times are counted from the arrival of its request.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    mode: RaceMode,
    first: State,
    second: State,
    /// Why the first starts.
    why_first: Option<Why>,
    /// When the second starts though the first is still under way; `None` for never.
    second_at: Option<Duration>,
    /// Why it does.
    why_late: Why,
    /// Whether it may.
    is_granted: bool,
    /// Why the second starts: known once the first is out.
    why_second: Option<Why>,
}

impl Course {
    /// The cheap tier against the ordinary one, which starts at `second_at` at the latest.
    #[must_use]
    pub fn of_tiers(mode: RaceMode, second_at: Duration) -> Self {
        Self {
            mode,
            first: State::Waiting,
            second: State::Waiting,
            why_first: Some(Why::Flex),
            second_at: Some(second_at),
            why_late: Why::Late,
            is_granted: true,
            why_second: None,
        }
    }

    /// The ordinary tier alone: the cheap one is not tried, for this reason.
    #[must_use]
    pub fn without_first(why: Why) -> Self {
        Self { first: State::Out, why_second: Some(why), ..Self::of_tiers(RaceMode::Overlap, Duration::ZERO) }
    }

    /// One endpoint, and another one where it is late, and that is granted.
    #[must_use]
    pub fn of_hedge(second_at: Duration) -> Self {
        Self {
            why_first: None,
            why_late: Why::Hedge,
            is_granted: false,
            ..Self::of_tiers(RaceMode::Overlap, second_at)
        }
    }

    /// What to do at this time. Ask again after each step.
    pub fn next(&mut self, now: Duration) -> Step {
        match (self.first, self.second) {
            (State::Answered, _) => Step::Won(Runner::First),
            (_, State::Answered) => Step::Won(Runner::Second),
            (State::Waiting, _) => {
                self.first = State::Running;
                Step::Start(Runner::First, self.why_first)
            }
            (State::Out, State::Waiting) => {
                self.second = State::Running;
                Step::Start(Runner::Second, self.why_second)
            }
            (State::Running, State::Waiting) => self.next_while_first_runs(now),
            (State::Running, _) | (_, State::Running) => Step::Wait(None),
            (State::Out, State::Out) => Step::NobodyWon,
        }
    }

    fn next_while_first_runs(&mut self, now: Duration) -> Step {
        match self.second_at {
            Some(at) if at <= now && !self.is_granted => Step::Ask,
            Some(at) if at <= now => match self.mode {
                RaceMode::Overlap => {
                    self.second = State::Running;
                    Step::Start(Runner::Second, Some(self.why_late))
                }
                RaceMode::Sequential => {
                    self.first = State::Out;
                    self.why_second = Some(self.why_late);
                    Step::CallOff(Runner::First)
                }
            },
            at => Step::Wait(at),
        }
    }

    /// The runner has begun to answer. Where both have, the first is preferred. One that was called off is not
    /// heard any more.
    pub fn answered(&mut self, runner: Runner) {
        if *self.state(runner) == State::Running {
            *self.state(runner) = State::Answered;
        }
    }

    /// The runner is out. `why` is the reason for the second to start where it was the first.
    pub fn failed(&mut self, runner: Runner, why: Why) {
        if *self.state(runner) != State::Running {
            return;
        }
        *self.state(runner) = State::Out;
        if runner == Runner::First {
            self.why_second = Some(why);
        }
    }

    /// The second may start although the first is under way.
    pub fn grant(&mut self) {
        self.is_granted = true;
    }

    /// The second may not start only because the first is late.
    pub fn hold_back(&mut self) {
        self.second_at = None;
    }

    fn state(&mut self, runner: Runner) -> &mut State {
        match runner {
            Runner::First => &mut self.first,
            Runner::Second => &mut self.second,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn flex(mode: RaceMode) -> Course {
        let mut course = Course::of_tiers(mode, ms(100));
        assert_eq!(course.next(ms(0)), Step::Start(Runner::First, Some(Why::Flex)));
        course
    }

    #[test]
    fn the_standard_tier_starts_when_it_must_and_not_before() {
        let mut course = flex(RaceMode::Overlap);
        assert_eq!(course.next(ms(99)), Step::Wait(Some(ms(100))));
        assert_eq!(course.next(ms(100)), Step::Start(Runner::Second, Some(Why::Late)));
        assert_eq!(course.next(ms(101)), Step::Wait(None));
        course.answered(Runner::Second);
        assert_eq!(course.next(ms(130)), Step::Won(Runner::Second));
    }

    #[test]
    fn flex_that_answers_at_the_last_moment_has_won_and_the_standard_tier_never_starts() {
        let mut course = flex(RaceMode::Overlap);
        course.answered(Runner::First);
        assert_eq!(course.next(ms(100)), Step::Won(Runner::First));
    }

    #[test]
    fn flex_that_answers_after_the_standard_tier_has_started_still_wins() {
        let mut course = flex(RaceMode::Overlap);
        course.next(ms(100));
        course.answered(Runner::First);
        course.answered(Runner::Second);
        assert_eq!(course.next(ms(120)), Step::Won(Runner::First), "both at once: the cheap one");
    }

    #[test]
    fn in_sequence_flex_is_called_off_before_the_standard_tier_starts() {
        let mut course = flex(RaceMode::Sequential);
        assert_eq!(course.next(ms(100)), Step::CallOff(Runner::First));
        assert_eq!(course.next(ms(100)), Step::Start(Runner::Second, Some(Why::Late)));
        course.answered(Runner::First);
        assert_eq!(course.next(ms(101)), Step::Wait(None), "one that was called off is not heard any more");
        course.failed(Runner::Second, Why::Failed);
        assert_eq!(course.next(ms(101)), Step::NobodyWon);
    }

    #[test]
    fn flex_that_is_out_starts_the_standard_tier_at_once() {
        for why in [Why::Refused, Why::Failed] {
            let mut course = flex(RaceMode::Sequential);
            course.failed(Runner::First, why);
            assert_eq!(course.next(ms(3)), Step::Start(Runner::Second, Some(why)));
            assert_eq!(course.next(ms(4)), Step::Wait(None));
        }
        let mut course = Course::without_first(Why::Resting);
        assert_eq!(course.next(ms(0)), Step::Start(Runner::Second, Some(Why::Resting)));
    }

    #[test]
    fn while_flex_is_under_way_a_standard_tier_that_fails_ends_nothing() {
        let mut course = flex(RaceMode::Overlap);
        course.next(ms(100));
        course.failed(Runner::Second, Why::Failed);
        assert_eq!(course.next(ms(101)), Step::Wait(None));
        course.failed(Runner::First, Why::Failed);
        assert_eq!(course.next(ms(102)), Step::NobodyWon);
    }

    #[test]
    fn a_hedge_that_may_not_start_waits_for_a_failure() {
        let mut course = Course::of_hedge(ms(50));
        assert_eq!(course.next(ms(0)), Step::Start(Runner::First, None));
        assert_eq!(course.next(ms(50)), Step::Ask);
        course.hold_back();
        assert_eq!(course.next(ms(60)), Step::Wait(None));
        course.failed(Runner::First, Why::Fallback);
        assert_eq!(course.next(ms(61)), Step::Start(Runner::Second, Some(Why::Fallback)));
    }

    #[test]
    fn a_hedge_that_is_granted_starts_at_once() {
        let mut course = Course::of_hedge(ms(50));
        course.next(ms(0));
        assert_eq!(course.next(ms(50)), Step::Ask);
        course.grant();
        assert_eq!(course.next(ms(50)), Step::Start(Runner::Second, Some(Why::Hedge)));
    }

    #[test]
    fn a_clock_that_jumps_starts_nobody_twice() {
        let mut course = flex(RaceMode::Overlap);
        assert_eq!(course.next(ms(3_600_000)), Step::Start(Runner::Second, Some(Why::Late)), "an hour ahead");
        assert_eq!(course.next(ms(0)), Step::Wait(None), "and back");
    }

    proptest! {
        /// Whatever happens, each runner starts at most once, never after the end, and every race ends.
        #[test]
        fn each_runner_starts_at_most_once(
            events in prop::collection::vec((0_u8..6, 0_u64..300), 0..40), sequential: bool, hedge: bool,
        ) {
            let mode = if sequential { RaceMode::Sequential } else { RaceMode::Overlap };
            let mut course = if hedge { Course::of_hedge(ms(100)) } else { Course::of_tiers(mode, ms(100)) };
            let (mut started, mut under_way) = ([0; 2], [false; 2]);
            let place = |runner| usize::from(runner == Runner::Second);
            for (event, now) in events {
                match course.next(ms(now)) {
                    Step::Start(runner, _) => {
                        started[place(runner)] += 1;
                        under_way[place(runner)] = true;
                        prop_assert!(mode == RaceMode::Overlap || hedge || under_way != [true, true]);
                    }
                    Step::CallOff(runner) => under_way[place(runner)] = false,
                    Step::Ask if sequential => course.hold_back(),
                    Step::Ask => course.grant(),
                    Step::Wait(_) => prop_assert!(under_way != [false, false]),
                    Step::Won(_) => return Ok(()),
                    Step::NobodyWon => {
                        prop_assert_eq!(under_way, [false, false]);
                        return Ok(());
                    }
                }
                let runner = if event % 2 == 0 { Runner::First } else { Runner::Second };
                match event / 2 {
                    0 if under_way[place(runner)] => course.answered(runner),
                    1 if under_way[place(runner)] => {
                        course.failed(runner, Why::Failed);
                        under_way[place(runner)] = false;
                    }
                    _ => {}
                }
                prop_assert!(started.iter().all(|times| *times <= 1));
            }
        }
    }
}
