//! Twenty thousand requests against a flex tier with a heavy tail: how many start in time, what is saved
//! beside the best that any schedule could have had on the same draws, and what is paid twice.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_api::RaceMode;
use tollgate_simulate::{Distribution, Profile, Vendor};
use tollgate_store::{Covers, Period};

use crate::office::Office;
use crate::world::{Chat, World, until};

/// So many at once.
const AT_ONCE: u32 = 250;
/// What takes a second here takes ten outside.
const WITHIN: Duration = Duration::from_secs(3);

/// What the requests of one mode came to.
struct Sum {
    requests: u32,
    /// Could have begun in time, had the standard tier been asked at once.
    possible: u32,
    /// The gateway had its first content in time.
    in_time: u32,
    /// And its client, beside hundreds of others on the same machine, had all of it.
    seen_in_time: u32,
    by_flex: u32,
    /// Flex would have begun in time.
    best: u32,
    /// Nano-dollars: of winners, of losers at most, and what the vendor bills for both.
    cost: u64,
    at_most: u64,
}

/// The first draws of a request, whatever becomes of it: its trace says which.
fn trace(number: u32) -> String {
    format!("{:032x}", 0x1000_0000_u64 + u64::from(number))
}

fn drawn(vendor: &Vendor, profile: &str, number: u32) -> Duration {
    let foreseen = vendor.foresee(profile, &trace(number));
    foreseen.latency.saturating_add(foreseen.ttft)
}

fn world(mode: RaceMode) -> World {
    let flex = Distribution::LogNormal { median: 600, p99: 18_000, never_per_mille: 20 };
    let standard = Distribution::LogNormal { median: 120, p99: 600, never_per_mille: 0 };
    let of = |latency| Profile { latency, output_tokens: 20, ..Profile::default() };
    let world = World::with().timed().tiered("north", of(standard), of(flex));
    // What rests for minutes outside rests for seconds here.
    let deadlines = format!("{{race: {}, flex_stalled_rest: 200ms, flex_rest: 200ms}}", mode.as_str());
    world.section("deadlines", &deadlines).server("idle_upstream_connections: 2000").start()
}

/// Sends them all; every second one streamed.
fn play(world: &World, requests: u32) -> Sum {
    let (next, seen_in_time, by_flex) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let (mut in_time, mut cost, mut at_most) = (0, 0, 0);
    let possible = |number| drawn(&world.vendor, "north", number) <= WITHIN;
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let mut connection = world.connect();
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= requests {
                        return;
                    }
                    let traced = format!("00-{}-00f067aa0ba902b7-01", trace(number));
                    let chat = Chat::only("north").with("start_within", json!(format!("{}ms", WITHIN.as_millis())));
                    let chat = if number % 2 == 0 { chat } else { chat.streamed() };
                    let bearer = format!("Bearer {}", world.key);
                    let headers = [("authorization", bearer.as_str()), ("traceparent", &traced)];
                    let began = Instant::now();
                    let answer = connection.request("POST", "/v1/chat/completions", &headers, &chat.bytes()).answer();
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    // What is begun is read to its end within milliseconds: there is no pace.
                    seen_in_time.fetch_add(u32::from(began.elapsed() <= WITHIN && possible(number)), Relaxed);
                    by_flex.fetch_add(u32::from(answer.header("x-tollgate-race") == Some("flex")), Relaxed);
                }
            });
        }
    });
    let raced = |lines: &[Value]| lines.iter().filter(|line| !line["start_within"].is_null()).count();
    let lines = until("every request has left its line", || {
        Some(world.log_lines()).filter(|lines| raced(lines) == requests as usize)
    });
    for line in lines {
        let nano = |name: &str| {
            let text = line[name].as_str().unwrap_or("0");
            text.parse::<tollgate_api::Money>().map_or(0, |money| money.nano().unsigned_abs())
        };
        cost += nano("cost_usd");
        at_most += nano("duplicate_usd_at_most");
        let after = line["first_content_ms"].as_f64().unwrap_or(f64::MAX);
        in_time += u32::from(!line["start_within"].is_null() && after <= WITHIN.as_secs_f64() * 1000.0);
    }
    let count = |holds: &dyn Fn(u32) -> bool| u32::try_from((0..requests).filter(|n| holds(*n)).count()).expect("few");
    Sum {
        requests,
        possible: count(&possible),
        in_time,
        seen_in_time: seen_in_time.into_inner(),
        by_flex: by_flex.into_inner(),
        best: count(&|number| drawn(&world.vendor, "north-flex", number) <= WITHIN),
        cost,
        at_most,
    }
}

/// What the vendor bills at both tiers, in nano-dollars: 150 and 600 a token, and half of it at flex.
fn billed(world: &World) -> u64 {
    let (standard, flex) = (world.seen("north").billed, world.seen("north-flex").billed);
    let of = |input: u64, output: u64, whole: u64| (input * 150 + output * 600) / whole;
    of(standard.input, standard.output, 1) + of(flex.input, flex.output, 2)
}

fn prove(mode: RaceMode, requests: u32) {
    let world = world(mode);
    let office = Office::of(&world);
    let budget = office.budget(Covers::Tenant, Period::Total, 1_000_000_000_000);
    office.is_taken_up_by(&world);
    // A gateway that has served before: what the standard tier takes is known.
    for _ in 0..40 {
        assert_eq!(world.chat(Chat::only("north")).status, 200);
        assert_eq!(world.chat(Chat::only("north").streamed()).status, 200);
    }
    let sum = play(&world, requests);
    let share = |part: u32, whole: u32| f64::from(part) / f64::from(whole.max(1));
    // Flex is half the price: of what the standard tier would have cost, half is saved on each.
    let (saving, best) = (share(sum.by_flex, sum.requests) / 2.0, share(sum.best, sum.requests) / 2.0);
    let [in_time, seen_in_time] = [sum.in_time, sum.seen_in_time].map(|part| share(part, sum.possible));
    let settled = office.settled(&budget, |standing| standing.settled as u64 >= sum.cost + sum.at_most);
    until("every hold is settled", || (office.standing(&budget).leased == 0).then_some(()));
    eprintln!(
        "{}: {} requests, saved {:.2} % of the standard price (the best schedule: {:.2} %), started in time {:.2} % \
         (whole at the client: {:.2} %), spent twice at most {:.2} % of what was spent",
        mode.as_str(),
        sum.requests,
        100.0 * saving,
        100.0 * best,
        100.0 * in_time,
        100.0 * seen_in_time,
        100.0 * sum.at_most as f64 / sum.cost as f64,
    );
    // In sequence a flex answer that is nearly there is lost: that is what it is compared for.
    assert!(in_time >= if mode == RaceMode::Overlap { 0.99 } else { 0.98 }, "{in_time}");
    assert!(best - saving <= 0.03, "{saving} of {best}");
    // Its fee is a fifth of what was saved, and what was saved is what was paid at flex.
    let fees = settled as u64 - sum.cost - sum.at_most;
    assert!(fees < sum.cost / 4, "nothing is billed twice: {settled} for {} and {}", sum.cost, sum.at_most);
    assert!(settled as u64 >= billed(&world), "the vendor asks for no more than was booked");
    for profile in ["north", "north-flex"] {
        let seen = world.seen(profile);
        until("nobody is left", || {
            (world.seen(profile).answered + world.seen(profile).cancelled == seen.requests).then_some(())
        });
    }
}

/// As many as asked for: by default a part, so that all tests together stay fast.
fn requests() -> u32 {
    std::env::var("TOLLGATE_RACES").ok().and_then(|count| count.parse().ok()).unwrap_or(20_000)
}

#[test]
fn nearly_all_of_twenty_thousand_start_in_time_at_nearly_the_best_saving() {
    prove(RaceMode::Overlap, requests());
}

#[test]
fn in_sequence_nothing_runs_twice_at_once_and_nearly_all_start_in_time() {
    prove(RaceMode::Sequential, requests() / 4);
}
