//! The laws of tokens, days and several gates in a row, with time injected.

use std::hash::RandomState;
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use tollgate_api::Code;
use tollgate_limit::{
    AddressGuard, AddressLimits, Admission, Denied, Exceeded, Gate, Limits, Per, Rate, Whose, admit_all,
};

/// The 21st of November 2026, at noon.
const NOON: Duration = Duration::from_secs(1_795_262_400);
const HOUR: Duration = Duration::from_secs(3_600);

fn n32(n: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(n)
}

fn n64(n: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(n)
}

fn tokens_a_minute(tokens: u64) -> Limits {
    Limits { tokens_per_minute: n64(tokens), ..Limits::default() }
}

fn key(limits: Limits, now: Instant) -> Gate {
    Gate::new(Whose::Key, limits, now, NOON)
}

fn tokens_left(gate: &Gate, now: Instant) -> u64 {
    gate.figures(now)[1].expect("tokens are limited").remaining
}

/// A request that runs to its end with so many tokens.
fn run(gate: &Gate, now: Instant, estimate: u64, used: u64) -> Result<(), Denied> {
    let mut admission = gate.admit(now, estimate)?;
    admission.used_tokens(used);
    Ok(())
}

#[test]
fn an_estimate_is_taken_at_once_and_corrected_by_what_was_used() {
    let now = Instant::now();
    let gate = key(tokens_a_minute(1_000), now);
    let mut admission = gate.admit(now, 600).expect("room");
    assert_eq!(admission.tokens(), Some(Rate { limit: 1_000, remaining: 400, reset_seconds: 60 }));
    assert!(gate.admit(now, 401).is_err());
    admission.used_tokens(250);
    assert_eq!(tokens_left(&gate, now), 750);
    admission.used_tokens(300);
    assert_eq!(tokens_left(&gate, now), 700, "the last word counts, once");
    drop(admission);
    assert_eq!(tokens_left(&gate, now), 700);
}

#[test]
fn a_request_that_came_to_nothing_gives_its_estimate_back() {
    let now = Instant::now();
    let gate = key(Limits { tokens_per_day: n64(900), ..tokens_a_minute(1_000) }, now);
    drop(gate.admit(now, 800).expect("room"));
    assert!(gate.admit(now, 900).is_ok());
}

#[test]
fn more_was_used_than_estimated_and_the_next_waits_for_it() {
    let now = Instant::now();
    let gate = key(tokens_a_minute(100), now);
    run(&gate, now, 10, 5_000).expect("room");
    let denied = gate.admit(now + Duration::from_secs(20), 1).expect_err("used up");
    let exceeded = Exceeded::Tokens { per: Per::Minute, limit: 100, remaining: 0, estimate: 1 };
    assert_eq!((denied.exceeded, denied.wait.as_secs_f64().ceil() as u64), (exceeded, 40));
    assert!(gate.admit(now + Duration::from_secs(60), 1).is_ok());
}

#[test]
fn a_request_larger_than_the_limit_passes_an_empty_window_and_no_other() {
    let now = Instant::now();
    let gate = key(tokens_a_minute(100), now);
    let large = gate.admit(now, 5_000).expect("an empty window");
    assert!(gate.admit(now, 1).is_err());
    drop(large);
    run(&gate, now, 1, 1).expect("given back");
    assert!(gate.admit(now, 5_000).is_err());
}

#[test]
fn a_late_correction_does_not_touch_a_later_minute() {
    let now = Instant::now();
    let later = now + Duration::from_secs(61);
    let gate = key(tokens_a_minute(100), now);
    let mut slow = gate.admit(now, 80).expect("room");
    run(&gate, later, 50, 50).expect("a new minute");
    slow.used_tokens(5_000);
    assert_eq!(tokens_left(&gate, later), 50);
    drop(slow);
    assert_eq!(tokens_left(&gate, later), 50);
}

#[test]
fn a_day_ends_at_midnight_utc() {
    let now = Instant::now();
    let gate = key(Limits { requests_per_day: n32(1), tokens_per_day: n64(10), ..Limits::default() }, now);
    run(&gate, now, 5, 5).expect("the first");
    let denied = gate.admit(now + HOUR, 1).expect_err("the second of the day");
    assert_eq!((denied.exceeded, denied.wait), (Exceeded::Requests { per: Per::Day, limit: 1 }, 11 * HOUR));
    assert_eq!(denied.refusal().retry_after, Some(11 * HOUR));
    assert!(gate.admit(now + 12 * HOUR, 1).is_ok());
}

#[test]
fn a_refusal_by_any_limit_uses_up_none_of_the_others() {
    let now = Instant::now();
    let most = Limits {
        requests_per_minute: n32(5),
        requests_per_day: n32(7),
        tokens_per_minute: n64(100),
        tokens_per_day: n64(1_000),
        concurrent_requests: n32(3),
    };
    let gate = key(most, now);
    run(&gate, now, 60, 60).expect("the first");
    let before = gate.figures(now);
    for _ in 0..20 {
        let denied = gate.admit(now, 41).expect_err("too many tokens");
        assert!(matches!(denied.exceeded, Exceeded::Tokens { per: Per::Minute, .. }));
    }
    assert_eq!((gate.figures(now), gate.open()), (before, 0));
}

#[test]
fn a_withdrawn_request_was_never_there() {
    let now = Instant::now();
    let gate = key(
        Limits {
            requests_per_minute: n32(1),
            concurrent_requests: n32(1),
            requests_per_day: n32(1),
            ..tokens_a_minute(10)
        },
        now,
    );
    for _ in 0..3 {
        gate.admit(now, 10).expect("room").withdraw();
    }
    let mut told = gate.admit(now, 10).expect("room");
    told.used_tokens(7);
    told.withdraw();
    assert_eq!((tokens_left(&gate, now), gate.open()), (10, 0));
}

#[test]
fn key_and_tenant_let_in_together_or_not_at_all() {
    let now = Instant::now();
    let own = key(Limits { requests_per_minute: n32(5), ..tokens_a_minute(1_000) }, now);
    let tenant = Gate::new(Whose::Tenant, tokens_a_minute(100), now, NOON);
    let both = admit_all([Some(&own), Some(&tenant)], now, 70).expect("room");
    let before = own.figures(now);
    let denied = admit_all([Some(&own), None, Some(&tenant)], now, 70).expect_err("the tenant is full");
    assert_eq!((denied.whose, own.figures(now)), (Whose::Tenant, before));
    assert_eq!(denied.tokens().map(|rate| rate.remaining), Some(30));
    let said = denied.refusal();
    assert_eq!(said.code, Code::RateLimited);
    assert_eq!(
        said.message,
        "This tenant has 30 of its 100 tokens of this minute left; this request is estimated at 70."
    );
    drop(both);
    assert!(admit_all([Some(&own), Some(&tenant)], now, 70).is_ok());
}

#[test]
fn the_figures_are_those_of_the_window_that_is_used_up_sooner() {
    let now = Instant::now();
    let gate = key(Limits { requests_per_minute: n32(10), requests_per_day: n32(3), ..Limits::default() }, now);
    let figures: Vec<_> = [(); 3].map(|()| gate.admit(now, 0).expect("room").rate().expect("limited").remaining).into();
    assert_eq!(figures, [2, 1, 0]);
    let denied = gate.admit(now, 0).expect_err("the day is full");
    assert_eq!(denied.rate(), Some(Rate { limit: 3, remaining: 0, reset_seconds: 43_200 }));
}

#[test]
fn all_limits_hold_exactly_among_eight_threads() {
    const LIMIT: u32 = 1_000;
    let limits = [
        Limits { requests_per_minute: n32(LIMIT), ..Limits::default() },
        Limits { requests_per_day: n32(LIMIT), ..Limits::default() },
        tokens_a_minute(u64::from(LIMIT) * 7),
        Limits { tokens_per_day: n64(u64::from(LIMIT) * 7), ..Limits::default() },
    ];
    for limits in limits {
        let now = Instant::now();
        let (gate, start) = (key(limits, now), Barrier::new(8));
        let admitted: usize = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        (0..LIMIT).filter(|_| run(&gate, now, 7, 7).is_ok()).count()
                    })
                })
                .collect();
            asking.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!(admitted, LIMIT as usize, "{limits:?}");
    }
}

#[test]
fn what_threads_take_and_give_back_leaves_nothing_behind() {
    let now = Instant::now();
    let most = Limits {
        requests_per_minute: n32(50),
        requests_per_day: n32(40),
        tokens_per_minute: n64(300),
        tokens_per_day: n64(250),
        concurrent_requests: n32(4),
    };
    let (gate, tenant) = (key(most, now), Gate::new(Whose::Tenant, tokens_a_minute(40), now, NOON));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    if let Ok(both) = admit_all([Some(&gate), Some(&tenant)], now, 20) {
                        both.into_iter().flatten().for_each(Admission::withdraw);
                    }
                }
            });
        }
    });
    let untouched = key(most, now).figures(now);
    assert_eq!((gate.figures(now), gate.open(), tokens_left(&tenant, now)), (untouched, 0, 40));
}

#[test]
fn an_address_is_refused_beyond_its_minute_and_let_in_after_it() {
    let born = Instant::now();
    let at = |seconds| born + Duration::from_secs(seconds);
    let limits = AddressLimits { requests_per_minute: NonZeroU32::new(3).expect("not zero") };
    let guard = AddressGuard::new(limits, RandomState::new(), born);
    let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
    for left in [2, 1, 0] {
        let rate = guard.admit(ip("2001:db8:1:2::1"), at(15)).expect("within the limit");
        assert_eq!(rate, Rate { limit: 3, remaining: left, reset_seconds: 45 });
    }
    let denied = guard.admit(ip("2001:db8:1:2:ffff::9"), at(20)).expect_err("the same network");
    assert_eq!((denied.whose, denied.wait), (Whose::Address, Duration::from_secs(40)));
    assert_eq!(denied.refusal().message, "This address has used its 3 requests of this minute.");
    assert!(guard.admit(ip("2001:db8:1:3::1"), at(20)).is_ok(), "another network");
    assert!(guard.renew(limits).admit(ip("2001:db8:1:2::1"), at(59)).is_err(), "a reload forgets nothing");
    assert!(guard.admit(ip("2001:db8:1:2::1"), at(60)).is_ok());
}
