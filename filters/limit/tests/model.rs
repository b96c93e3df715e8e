//! The gate against a naive model that keeps every request in a list, at random times.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tollgate_limit::{Admission, Exceeded, Gate, Limits, Per, Whose};

const MINUTE: u64 = 60_000;
const DAY: u64 = 86_400_000;
/// The gate is born an hour before midnight.
const BORN: u64 = 20_000 * DAY - 3_600_000;

/// One window as a list of what was taken, each under a number.
#[derive(Default)]
struct Taken {
    begun: u64,
    taken: Vec<(usize, u64)>,
}

impl Taken {
    fn used(&self) -> u64 {
        self.taken.iter().map(|(_, amount)| amount).sum()
    }

    fn turn(&mut self, now: u64, length: u64, aligned: bool) {
        let begin = if aligned { now / length * length } else { now };
        if now >= self.begun + length {
            self.taken.clear();
        }
        if self.used() == 0 {
            self.begun = begin;
        }
    }

    fn has_room(&self, amount: u64, limit: Option<u64>) -> bool {
        limit.is_none_or(|limit| self.used() == 0 || self.used() + amount <= limit)
    }

    fn correct(&mut self, number: usize, used: u64) {
        self.taken.iter_mut().filter(|(n, _)| *n == number).for_each(|(_, amount)| *amount = used);
    }
}

#[derive(Default)]
struct Model {
    limits: [Option<u64>; 4],
    slots: Option<u64>,
    windows: [Taken; 4],
    open: Vec<usize>,
}

impl Model {
    /// `None` when the request is let in, otherwise which limit it met.
    fn admit(&mut self, number: usize, now: u64, estimate: u64) -> Option<usize> {
        let amounts = [1, 1, estimate, estimate];
        for (i, window) in self.windows.iter_mut().enumerate() {
            let day = i % 2 == 1;
            window.turn(if day { BORN + now } else { now }, if day { DAY } else { MINUTE }, day);
        }
        if self.slots.is_some_and(|slots| self.open.len() as u64 >= slots) {
            return Some(4);
        }
        let full = (0..4).find(|i| !self.windows[*i].has_room(amounts[*i], self.limits[*i]));
        if full.is_none() {
            self.windows.iter_mut().zip(amounts).for_each(|(window, amount)| window.taken.push((number, amount)));
            self.open.push(number);
        }
        full
    }

    fn close(&mut self, number: usize, used: u64) {
        self.windows[2..].iter_mut().for_each(|window| window.correct(number, used));
        self.open.retain(|open| *open != number);
    }
}

fn which(exceeded: Exceeded) -> usize {
    match exceeded {
        Exceeded::Requests { per: Per::Minute, .. } => 0,
        Exceeded::Requests { per: Per::Day, .. } => 1,
        Exceeded::Tokens { per: Per::Minute, .. } => 2,
        Exceeded::Tokens { per: Per::Day, .. } => 3,
        Exceeded::Concurrent { .. } => 4,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Ask { after: u64, estimate: u64 },
    End { which: usize, used: Option<u64> },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Minutes of tokens begin at multiples of 20 ms.
    let after = prop_oneof![6 => 0_u64..500, 2 => 2_000_u64..4_000, 1 => Just(180_000_u64)].prop_map(|n| n * 20);
    let ask = (after, 1_u64..60).prop_map(|(after, estimate)| Step::Ask { after, estimate });
    let end = (0_usize..8, proptest::option::of(0_u64..90)).prop_map(|(which, used)| Step::End { which, used });
    proptest::collection::vec(prop_oneof![3 => ask, 2 => end], 1..120)
}

fn some(range: std::ops::Range<u64>) -> impl Strategy<Value = Option<u64>> {
    proptest::option::weighted(0.7, range)
}

proptest! {
    #[test]
    fn the_gate_lets_in_exactly_what_a_list_of_requests_would(
        limits in [some(1..12), some(1..40), some(1..150), some(1..900)],
        slots in some(1..6),
        steps in steps(),
    ) {
        let n32 = |n: Option<u64>| n.and_then(|n| NonZeroU32::new(u32::try_from(n).expect("small")));
        let asked = Limits {
            requests_per_minute: n32(limits[0]),
            requests_per_day: n32(limits[1]),
            tokens_per_minute: limits[2].and_then(NonZeroU64::new),
            tokens_per_day: limits[3].and_then(NonZeroU64::new),
            concurrent_requests: n32(slots),
        };
        let born = Instant::now();
        let gate = Gate::new(Whose::Key, asked, born, Duration::from_millis(BORN));
        let mut model = Model { limits, slots, ..Model::default() };
        let (mut open, mut now): (Vec<(usize, Admission)>, u64) = (Vec::new(), 0);
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Ask { after, estimate } => {
                    now += after;
                    let answer = gate.admit(born + Duration::from_millis(now), estimate);
                    let met = answer.as_ref().err().map(|denied| which(denied.exceeded));
                    prop_assert_eq!(met, model.admit(number, now, estimate), "step {}", number);
                    open.extend(answer.ok().map(|admission| (number, admission)));
                }
                Step::End { which, used } if !open.is_empty() => {
                    let (number, mut admission) = open.remove(which % open.len());
                    if let Some(used) = used {
                        admission.used_tokens(used);
                    }
                    drop(admission);
                    model.close(number, used.unwrap_or(0));
                }
                Step::End { .. } => {}
            }
        }
    }
}
