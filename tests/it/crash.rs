//! Crashes: load, a kill at a random moment, a start, again and again. In full by `make crash`.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tollgate_simulate::Profile;

use crate::http::Connection;
use crate::world::{Chat, World};

/// In `make test`; `TOLLGATE_CRASH_ROUNDS` asks for more.
const ROUNDS: u32 = 5;
const CLIENTS: usize = 6;

/// Asks until the gateway dies, and returns the ids of the answers that were read to their end.
fn client(world: &World, number: usize, stop: &AtomicBool, read: &Mutex<Vec<String>>) {
    let chat = match number % 2 {
        0 => Chat::only("steady"),
        _ => Chat::only("steady").streamed(),
    };
    let bytes = world.chat_bytes(&chat.bytes());
    while !stop.load(Relaxed) {
        let Ok(mut connection) = Connection::try_open(world.clients()) else { return };
        while !stop.load(Relaxed) {
            let Ok(answer) = connection.send(&bytes).try_answer() else { break };
            let whole = answer.status == 200 && (number.is_multiple_of(2) || answer.text().contains("[DONE]"));
            if let Some(id) = answer.header("x-tollgate-request-id").filter(|_| whole) {
                read.lock().expect("no client panics").push(id.to_owned());
            }
        }
    }
}

#[expect(clippy::print_stdout, reason = "`make crash` shows the figures")]
#[test]
fn after_any_crash_every_answer_whose_end_was_read_has_its_record() {
    let rounds = std::env::var("TOLLGATE_CRASH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let mut world = World::with().openai("steady", Profile::default()).section("audit", "{journal_file: 1MiB}").start();
    let read = Mutex::new(Vec::new());
    let began = Instant::now();
    for round in 0..rounds {
        let stop = AtomicBool::new(false);
        // Moments that are spread, and the same in every run.
        let moment = Duration::from_millis(40 + u64::from(round) * 7919 % 560);
        std::thread::scope(|scope| {
            for number in 0..CLIENTS {
                let (world, stop, read) = (&world, &stop, &read);
                scope.spawn(move || client(world, number, stop, read));
            }
            std::thread::sleep(moment);
            world.signal("KILL");
            stop.store(true, Relaxed);
        });
        world.kill();
        world = world.start_again();
    }
    let read = read.into_inner().expect("no client panicked");
    let last = world.chat(Chat::only("steady"));
    world.record_of(&last);
    let out = world.verified_export("export");
    let logs = std::fs::read_dir(out.join("logs")).expect("logs").map(|log| log.expect("a log").path());
    let mut records = HashSet::new();
    let (mut lost, mut recovered) = (0, 0);
    for leaves in logs.flat_map(|log| std::fs::read_dir(log.join("leaves")).expect("leaves")) {
        for line in std::fs::read_to_string(leaves.expect("a file").path()).expect("readable").lines() {
            let leaf: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let id = leaf["record"]["id"].as_str().unwrap_or_default().to_owned();
            match leaf["kind"].as_str() {
                Some("request") => assert!(records.insert(id), "twice: {line}"),
                Some("lost") => lost += 1,
                Some("start") => recovered += leaf["record"]["recovered"].as_u64().unwrap_or(0),
                _ => {}
            }
        }
    }
    let missing: Vec<_> = read.iter().filter(|id| !records.contains(*id)).collect();
    println!(
        "{rounds} crashes in {:.0} s: {} answers read to their end, {} records, {lost} requests lost under way; missing: {}",
        began.elapsed().as_secs_f64(),
        read.len(),
        records.len(),
        missing.len()
    );
    assert!(missing.is_empty(), "without a record: {missing:?}");
    assert!(read.len() > 10 * rounds as usize, "the load was too small to show anything: {}", read.len());
    assert_eq!(lost, recovered);
}
