//! The laws of the limits, with time injected: who is let in, who waits, and for how long.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tollgate_api::{Code, Refusal};
use tollgate_limit::{Admission, Denied, Exceeded, FloodGuard, KeyGate, KeyLimits, Rate};

fn of(n: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(n)
}

fn limit(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("not zero")
}

fn a_minute(requests: u32) -> KeyLimits {
    KeyLimits { requests_per_minute: of(requests), ..KeyLimits::default() }
}

fn at_once(requests: u32) -> KeyLimits {
    KeyLimits { concurrent_requests: of(requests), ..KeyLimits::default() }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A clock that goes only when told.
struct Clock(Instant);

impl Clock {
    fn new() -> Self {
        Self(Instant::now())
    }

    fn at(&self, ms: u64) -> Instant {
        self.0 + Duration::from_millis(ms)
    }
}

fn remaining(admission: &Admission) -> u64 {
    admission.rate().expect("a limit is set").remaining
}

fn exceeded(answer: Result<Admission, Denied>) -> Option<Exceeded> {
    answer.err().map(|denied| denied.exceeded)
}

#[test]
fn a_limit_of_ten_counts_down_refuses_the_eleventh_and_works_again_after_the_minute() {
    let clock = Clock::new();
    let gate = KeyGate::new(a_minute(10), clock.at(0));
    for minute in [0, 60_000, 200_000] {
        for left in (0..10).rev() {
            let admission = gate.admit(clock.at(minute + 500)).expect("within the limit");
            assert_eq!(admission.rate(), Some(Rate { limit: 10, remaining: left, reset_seconds: 60 }));
        }
        let denied = gate.admit(clock.at(minute + 20_499)).expect_err("the eleventh");
        assert_eq!(denied.rate(), Some(Rate { limit: 10, remaining: 0, reset_seconds: 41 }));
        let refusal = Refusal::from(denied);
        assert_eq!((refusal.code, refusal.retry_after), (Code::RateLimited, Some(Duration::from_secs(41))));
        assert!(gate.admit(clock.at(minute + 60_499)).is_err());
    }
}

#[test]
fn who_waits_as_long_as_told_is_let_in() {
    let clock = Clock::new();
    let gate = KeyGate::new(a_minute(1), clock.at(0));
    assert!(gate.admit(clock.at(123)).is_ok());
    for asked in [124, 1_000, 30_001, 60_122] {
        let wait = gate.admit(clock.at(asked)).expect_err("full").refusal().retry_after.expect("a time to wait");
        assert!(clock.at(asked) + wait >= clock.at(60_123), "asked at {asked} ms, told {wait:?}");
    }
    assert!(gate.admit(clock.at(60_123)).is_ok());
}

#[test]
fn refused_requests_use_nothing_up() {
    let clock = Clock::new();
    let gate = KeyGate::new(KeyLimits { requests_per_minute: of(2), concurrent_requests: of(1) }, clock.at(0));
    let first = gate.admit(clock.at(0)).expect("the first");
    for _ in 0..5 {
        assert_eq!(exceeded(gate.admit(clock.at(1))), Some(Exceeded::Concurrent { limit: 1 }));
    }
    drop(first);
    let second = gate.admit(clock.at(2)).expect("its place in the minute was not used");
    assert_eq!(remaining(&second), 0);
    drop(second);
    for _ in 0..5 {
        assert!(matches!(exceeded(gate.admit(clock.at(3))), Some(Exceeded::Requests { limit: 2, .. })));
    }
    assert_eq!(gate.open(), 0, "a request refused by rate holds no slot");
}

#[test]
fn a_slot_is_free_again_as_soon_as_its_request_ends() {
    let now = Instant::now();
    let gate = KeyGate::new(at_once(2), now);
    let one = gate.admit(now).expect("the first");
    let two = gate.admit(now).expect("the second");
    assert_eq!((one.rate(), gate.open()), (None, 2));
    let refusal = gate.admit(now).expect_err("the third").refusal();
    assert_eq!((refusal.code, refusal.retry_after), (Code::TooManyConcurrent, Some(Duration::from_secs(1))));
    drop(two);
    assert!(gate.admit(now).is_ok());
    drop(one);
    assert_eq!(gate.open(), 0);
}

#[test]
fn without_limits_all_are_let_in_and_nothing_is_counted() {
    let now = Instant::now();
    let gate = KeyGate::new(KeyLimits::default(), now);
    let all: Vec<_> = (0..1000).map(|_| gate.admit(now).expect("no limit")).collect();
    assert!(all.iter().all(|admission| admission.rate().is_none()));
    assert_eq!(gate.open(), 0);
}

#[test]
fn a_keys_own_limit_goes_before_the_general_one_each_by_itself() {
    let general = KeyLimits { requests_per_minute: of(10), concurrent_requests: of(4) };
    let both = a_minute(99).or(general);
    assert_eq!(both, KeyLimits { requests_per_minute: of(99), concurrent_requests: of(4) });
    assert_eq!(KeyLimits::default().or(general), general);
}

#[test]
fn a_reload_keeps_the_counts_and_applies_the_new_limits_at_once() {
    let now = Instant::now();
    let old = KeyGate::new(KeyLimits { requests_per_minute: of(10), concurrent_requests: of(1) }, now);
    let open = old.admit(now).expect("the first");
    let new = old.renew(KeyLimits { requests_per_minute: of(3), concurrent_requests: of(2) });
    let second = new.admit(now).expect("the second slot");
    assert_eq!(remaining(&second), 1);
    assert_eq!(exceeded(new.admit(now)), Some(Exceeded::Concurrent { limit: 2 }));
    drop(old);
    drop(open);
    assert_eq!(new.open(), 1, "a request begun before the reload frees its slot after it");
}

#[test]
fn slots_are_exact_among_threads() {
    const THREADS: usize = 32;
    const SLOTS: u32 = 5;
    let now = Instant::now();
    let gate = KeyGate::new(at_once(SLOTS), now);
    let (inside, most, entered) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    let Ok(admission) = gate.admit(now) else { continue };
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    entered.fetch_add(1, Ordering::Relaxed);
                    std::thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(admission);
                }
            });
        }
    });
    assert!(most.load(Ordering::SeqCst) <= SLOTS);
    assert!(entered.load(Ordering::Relaxed) >= SLOTS);
    assert_eq!(gate.open(), 0);
}

#[test]
fn of_many_threads_at_once_exactly_as_many_get_in_as_there_are_slots_and_places() {
    for limits in [at_once(7), a_minute(7)] {
        let now = Instant::now();
        let gate = KeyGate::new(limits, now);
        let start = Barrier::new(32);
        std::thread::scope(|scope| {
            let asking: Vec<_> = (0..32)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        gate.admit(now)
                    })
                })
                .collect();
            let answers: Vec<_> = asking.into_iter().map(|thread| thread.join().expect("no panic")).collect();
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 7);
        });
        assert_eq!(gate.open(), 0);
    }
}

#[test]
fn a_flood_is_refused_within_the_second_and_forgotten_after_it() {
    let clock = Clock::new();
    let guard = FloodGuard::new(limit(3), clock.at(0));
    for second in [0, 1_000, 2_000, 5_000, 6_000, 100_000] {
        for nth in 0..10 {
            let answer = guard.admit(ip("192.0.2.1"), clock.at(second + nth));
            assert_eq!(answer.is_ok(), nth < 3, "{second} + {nth} ms");
        }
    }
    let refusal = guard.admit(ip("192.0.2.1"), clock.at(100_999)).expect_err("still the same second");
    assert_eq!((refusal.code, refusal.retry_after), (Code::Flood, Some(Duration::from_secs(1))));
}

#[test]
fn addresses_do_not_pay_for_each_other() {
    let now = Instant::now();
    let guard = FloodGuard::new(limit(2), now);
    for _ in 0..100 {
        let _ = guard.admit(ip("192.0.2.1"), now);
    }
    assert!(guard.admit(ip("192.0.2.1"), now).is_err());
    assert!(guard.admit(ip("192.0.2.2"), now).is_ok());
    assert!(guard.admit(ip("2001:db8::1"), now).is_ok());
}

#[test]
fn an_ipv6_network_counts_as_one_address_and_a_mapped_ipv4_as_itself() {
    let cases = [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
        ("::ffff:192.0.2.1", "192.0.2.1", true),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
    ];
    for (one, other, same) in cases {
        let now = Instant::now();
        let guard = FloodGuard::new(limit(1), now);
        assert!(guard.admit(ip(one), now).is_ok());
        assert_eq!(guard.admit(ip(other), now).is_err(), same, "{one} {other}");
    }
}

#[test]
fn a_clock_that_lags_behind_another_thread_wins_no_fresh_second() {
    let clock = Clock::new();
    let guard = FloodGuard::new(limit(1), clock.at(0));
    assert!(guard.admit(ip("192.0.2.1"), clock.at(2_000)).is_ok());
    assert!(guard.admit(ip("192.0.2.1"), clock.at(1_999)).is_err());
    assert!(guard.admit(ip("192.0.2.1"), clock.at(2_001)).is_err());
}

#[test]
fn a_reload_keeps_what_the_guard_counted() {
    let now = Instant::now();
    let old = FloodGuard::new(limit(5), now);
    for _ in 0..4 {
        assert!(old.admit(ip("192.0.2.1"), now).is_ok());
    }
    assert!(old.renew(limit(4)).admit(ip("192.0.2.1"), now).is_err());
}

/// Run with `cargo test --release -p tollgate-limit -- --ignored --nocapture nanoseconds`.
#[test]
#[ignore = "a measurement, not a law"]
#[expect(clippy::print_stdout, reason = "the figures are its purpose")]
fn nanoseconds_of_an_admission() {
    const ROUNDS: u32 = 1_000_000;
    let now = Instant::now();
    let most = KeyLimits { requests_per_minute: of(u32::MAX), concurrent_requests: of(8) };
    let guard = FloodGuard::new(limit(u32::MAX), now);
    let cases: [(&str, &dyn Fn() -> bool); 3] = [
        ("admit, no limits", &{
            let gate = KeyGate::new(KeyLimits::default(), now);
            move || gate.admit(now).is_ok()
        }),
        ("admit, both limits", &{
            let gate = KeyGate::new(most, now);
            move || gate.admit(now).is_ok()
        }),
        ("flood guard", &|| guard.admit(ip("192.0.2.1"), now).is_ok()),
    ];
    for (what, admit) in cases {
        let started = Instant::now();
        for _ in 0..ROUNDS {
            std::hint::black_box(admit());
        }
        println!("{what}: {} ns", started.elapsed().as_nanos() / u128::from(ROUNDS));
    }
}
