//! The audit log on disks that wait, fail, fill up and lie.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tollgate_simulate::Profile;

use crate::audit::text;
use crate::disk::{Disk, on_small_disk};
use crate::world::{Chat, TOLLGATE, World, paced, until};

#[test]
fn no_answer_begins_before_its_beginning_is_on_disk_or_ends_before_its_end_is() {
    let mut world = World::with().openai("steady", Profile::default()).openai("paced", paced(100, 50)).start();
    world.kill();
    let (world, disk) = Disk::under(world);
    disk.hold();
    let whole = world.begin(Chat::only("steady"));
    let streamed = world.begin(Chat::only("paced").streamed());
    for connection in [&whole, &streamed] {
        assert_eq!(connection.peek(Duration::from_millis(400)), "", "an answer left before its record was on disk");
    }
    disk.let_go();
    let mut streamed = streamed;
    let mut whole = whole;
    assert_eq!(whole.answer().status, 200);
    streamed.head().expect("a head");
    streamed.read_until(" ");
    disk.hold();
    let until_last = streamed.read_until("\"finish_reason\":\"stop\"");
    assert!(!until_last.contains("[DONE]"), "the end left before its record was on disk");
    let more = streamed.peek(Duration::from_millis(300));
    assert!(!more.contains("[DONE]"), "the end left before its record was on disk");
    disk.let_go();
    streamed.read_until("[DONE]");
}

#[test]
fn a_disk_that_fails_ends_the_process_and_nothing_that_was_answered_is_lost() {
    let mut world = World::steady();
    world.kill();
    let (mut world, disk) = Disk::under(world);
    let answered = world.chat(Chat::only("steady"));
    assert_eq!(answered.status, 200);
    disk.fail();
    let refused = world.begin(Chat::only("steady")).try_answer();
    assert!(refused.as_ref().map_or(true, |a| a.status == 503 && a.code() == "audit_unavailable"), "{refused:?}");
    assert_eq!(world.wait_for_exit().code(), Some(74));
    assert!(world.stderr().contains("the audit log cannot go on"), "{}", world.stderr());
    let world = world.start_again();
    assert_eq!(world.record_of(&answered)["outcome"], "answered");
    world.verified_export("export");
}

#[test]
fn a_full_disk_refuses_new_requests_and_lets_those_in_flight_finish() {
    let plans = World::with().openai("steady", Profile::default()).openai("paced", paced(2400, 300));
    let mut world = plans.section("audit", "{journal_file: 1MiB}").start();
    world.kill();
    let world = on_small_disk(world, 12);
    let data =
        PathBuf::from(format!("/proc/{}/root", world.pid())).join(world.data().strip_prefix("/").expect("absolute"));
    let mut flying = world.begin(Chat::only("paced").streamed());
    flying.head().expect("a head");
    flying.read_until(" ");
    let mut filler = fs::File::create(data.join("filler")).expect("a file");
    for size in [1 << 20, 1 << 12, 1] {
        while std::io::Write::write_all(&mut filler, &vec![0; size]).is_ok() {}
    }
    drop(filler);
    let refused = ask_until_refused(&world);
    assert_eq!((refused.status, refused.code()), (503, "audit_unavailable".to_owned()));
    world.wait_for_metric("tollgate_audit_accepting", &[], 0.0);
    flying.read_until("[DONE]");
    fs::remove_file(data.join("filler")).expect("room again");
    until("requests are served again", || Some(world.chat(Chat::only("steady"))).filter(|a| a.status == 200));
}

/// Fills what is left of the journal with records, many at once.
fn ask_until_refused(world: &World) -> crate::http::Answer {
    let request = world.chat_bytes(&Chat::only("steady").bytes());
    let ask = || {
        let mut connection = world.connect();
        until("new requests are refused", || Some(connection.send(&request).answer()).filter(|a| a.status != 200))
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        all.into_iter().map(|client| client.join().expect("it is refused")).next_back().expect("six clients")
    })
}

#[test]
fn damage_before_the_tail_is_not_started_upon_and_the_message_says_what_to_do() {
    let mut world = World::steady();
    for _ in 0..5 {
        assert_eq!(world.chat(Chat::only("steady")).status, 200);
    }
    world.kill();
    let wal = fs::read_dir(world.data().join("journal")).expect("a journal").map(|e| e.expect("a file").path());
    let wal = wal.filter(|p| p.extension().is_some_and(|e| e == "wal")).max().expect("a file");
    let mut bytes = fs::read(&wal).expect("readable");
    bytes[100] ^= 1;
    fs::write(&wal, &bytes).expect("written");
    let started = Command::new(TOLLGATE).args(["serve"]).current_dir(world.folder()).output().expect("it runs");
    assert_eq!(started.status.code(), Some(1));
    let said = text(&started);
    assert!(
        said.contains("the audit log is damaged") && said.contains(".wal") && said.contains("put back a backup"),
        "{said}"
    );
    assert_eq!(fs::read(&wal).expect("readable"), bytes, "nothing was changed");
    bytes[100] ^= 1;
    fs::write(&wal, &bytes).expect("written");
    let world = world.start_again();
    world.record_of(&world.chat(Chat::only("steady")));
    world.verified_export("export");
}
