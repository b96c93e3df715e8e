//! A new configuration while requests are under way: all of it or none, and nobody notices.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tollgate_auth::Algorithm;
use tollgate_simulate::Profile;

use crate::plans::Key;
use crate::world::{Chat, World, busy, paced, status, until};

#[test]
fn reloads_under_load_fail_not_one_request() {
    let world = World::with()
        .openai("north", paced(12, 200))
        .anthropic("south", Profile::default())
        .model("m", &["north"])
        .start();
    let other = world.yaml.replace("  m: {candidates: [north]}", "  m: {candidates: [south, north]}");
    assert_ne!(other, world.yaml);
    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for client in 0..4 {
            let (world, stop, served) = (&world, &stop, &served);
            scope.spawn(move || {
                let mut connection = world.connect();
                while !stop.load(Relaxed) {
                    let chat = if client % 2 == 0 { Chat::to("m") } else { Chat::to("m").streamed() };
                    let answer = connection.send(world.chat_bytes(&chat.bytes())).try_answer();
                    let answer = answer.expect("the connection outlives a reload");
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    assert!(!answer.said().is_empty());
                    assert!(client % 2 == 0 || answer.text().ends_with("data: [DONE]\n\n"));
                    served.fetch_add(1, Relaxed);
                }
            });
        }
        for round in 0..6 {
            let before = served.load(Relaxed);
            assert!(world.reload(if round % 2 == 0 { &other } else { &world.yaml }), "reload {round}");
            until("requests go on", || (served.load(Relaxed) > before + 8).then_some(()));
        }
        stop.store(true, Relaxed);
    });
    assert!(world.seen("north").requests > 0 && world.seen("south").requests > 0, "both configurations served");
    let served = u32::try_from(served.load(Relaxed)).expect("a few thousand");
    world.wait_for_metric("tollgate_requests_total", &[("outcome", "answered")], f64::from(served));
}

#[test]
fn a_stream_that_is_open_ends_under_the_configuration_it_began_with() {
    let world = World::with().openai("paced", paced(30, 20)).start();
    let mut connection = world.begin(Chat::only("paced").streamed());
    connection.head().expect("a head");
    connection.read_until(" ");
    let without = world.yaml.replace("  only-paced: {candidates: [paced]}", "  another: {candidates: [paced]}");
    assert!(world.reload(&without));
    assert_eq!(world.chat(Chat::only("paced")).status, 404, "new requests see the new file");
    connection.read_until("[DONE]");
}

#[test]
fn a_wrong_file_changes_nothing_and_says_so() {
    let world = World::with().openai("steady", Profile::default()).start();
    for (wrong, said) in [
        (world.yaml.replace("dialect: openai", "dialekt: openai"), "dialekt"),
        (world.yaml.replace("candidates: [steady]", "candidates: [stedy]"), "stedy"),
        ("{".to_owned(), "tollgate.yaml"),
        (format!("{}filters: [{{use: nothing}}]\n", world.yaml), "nothing"),
    ] {
        assert!(!world.reload(&wrong), "{said} is not taken");
        let message = until("the log says so", || {
            let stderr = world.stderr();
            stderr.lines().rev().find(|l| l.contains("not reloaded")).map(str::to_owned)
        });
        assert!(message.contains(said), "{said} in {message}");
        assert_eq!(world.chat(Chat::only("steady")).status, 200, "the old one serves on");
    }
    assert!(world.metric("tollgate_config_reloads_total", &[("result", "error")]) > 3.5);
    assert!(world.reload(&world.yaml), "mended, it is taken");
    assert_eq!(world.chat(Chat::only("steady")).status, 200);
}

#[test]
fn a_changed_file_is_taken_without_a_signal_and_a_signal_without_a_change() {
    let world = World::with().openai("steady", Profile::default()).start();
    let more = world.yaml.replace("models:\n", "models:\n  more: {candidates: [steady]}\n");
    assert!(world.reload_by(|w| w.write(&more)), "replaced, as editors do");
    assert_eq!(world.chat(Chat::to("more")).status, 200);
    assert!(
        world.reload_by(|w| std::fs::write(w.file(), &w.yaml).expect("the file can be written")),
        "written in place"
    );
    assert_eq!(world.chat(Chat::to("more")).status, 404);
    assert!(world.reload_by(|w| w.signal("HUP")), "told to");
}

#[test]
fn a_key_is_revoked_at_once_for_everyone_who_holds_it() {
    let second = Key::new(2, "second", Algorithm::Sha256, "");
    let world = World::with().openai("steady", Profile::default()).key(&second).start();
    assert_eq!(world.chat_as(&second.text, Chat::only("steady")).status, 200);
    assert!(world.reload(&world.yaml.replace("name: second,", "name: second, revoked: true,")));
    assert_eq!(world.chat_as(&second.text, Chat::only("steady")).status, 401, "though it was known a moment ago");
    assert_eq!(world.chat(Chat::only("steady")).status, 200);
}

#[test]
fn what_was_learnt_and_counted_outlives_a_reload() {
    let world = World::with()
        .openai("busy", busy(60))
        .openai("steady", Profile::default())
        .model("chain", &["busy", "steady"])
        .section("limits", "{requests_per_minute: 4}")
        .start();
    for _ in 0..2 {
        assert_eq!(world.chat(Chat::to("chain")).status, 200);
    }
    assert!(world.reload(&world.yaml.replace("requests_per_minute: 4", "requests_per_minute: 5")));
    let answer = world.chat(Chat::to("chain"));
    assert_eq!(world.seen("busy").requests, 1, "its wait is remembered");
    assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("5"), "the new limit");
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("2"), "what was used stays used");
}

#[test]
fn what_needs_a_restart_is_said_and_not_ignored() {
    let world = World::with().openai("steady", Profile::default()).start();
    assert!(world.reload(&world.yaml.replace("threads: 1", "threads: 2")));
    until("the log says so", || {
        world.stderr().contains("`server.threads` has changed: it takes effect after a restart").then_some(())
    });
    assert_eq!(world.chat(Chat::only("steady")).status, 200);
}

#[test]
fn time_limits_and_health_rules_change_with_the_next_request() {
    let world = World::with()
        .openai("shaky", status(500))
        .openai("steady", Profile::default())
        .model("chain", &["shaky", "steady"])
        .section("health", "{trip_after: 100}")
        .start();
    for _ in 0..5 {
        world.chat(Chat::to("chain"));
    }
    assert_eq!(world.seen("shaky").requests, 5);
    assert!(world.reload(&world.yaml.replace("trip_after: 100", "trip_after: 1")));
    for _ in 0..5 {
        world.chat(Chat::to("chain"));
    }
    assert_eq!(world.seen("shaky").requests, 6, "one more failure trips it now");
}

#[test]
fn a_termination_signal_lets_an_open_stream_finish_and_then_ends_with_0() {
    let mut world = World::with().openai("paced", paced(20, 20)).start();
    let mut connection = world.begin(Chat::only("paced").streamed());
    connection.head().expect("a head");
    connection.read_until(" ");
    let mut idle = world.connect();
    assert_eq!(idle.send(world.chat_bytes(&Chat::to("none").bytes())).answer().status, 404);
    world.signal("TERM");
    until("it is no longer ready", || (!world.is_ready()).then_some(()));
    let rest = connection.read_until("[DONE]");
    assert!(rest.len() > 1000, "most of it came after the signal: {}", rest.len());
    let exit = world.wait_for_exit();
    assert_eq!(exit.code(), Some(0), "{exit}");
    assert_eq!(
        world.wait_for_line("paced", |l| l["endpoint"] == "paced")["outcome"],
        "answered",
        "its line is written"
    );
}

#[test]
fn a_load_balancer_is_told_before_the_listeners_close() {
    let mut world = World::with().openai("steady", Profile::default()).server("shutdown_delay: 60s").start();
    world.signal("TERM");
    until("it says that it is not ready", || (world.ready_status() == Some(503)).then_some(()));
    assert_eq!(world.chat(Chat::only("steady")).status, 200, "new requests are still taken");
    world.signal("INT");
    assert_eq!(world.wait_for_exit().code(), Some(0), "a second signal ends the delay");
}

#[test]
fn a_gateway_with_nothing_to_finish_leaves_at_once() {
    for name in ["TERM", "INT"] {
        let mut world = World::steady();
        assert_eq!(world.chat(Chat::only("steady")).status, 200);
        let began = std::time::Instant::now();
        world.signal(name);
        assert_eq!(world.wait_for_exit().code(), Some(0));
        assert!(began.elapsed() < Duration::from_secs(3), "SIG{name}: {:?}", began.elapsed());
        assert_eq!(world.log_lines().len(), 1, "the last line is written before the end");
    }
}

#[test]
fn a_stream_that_never_ends_is_cut_when_the_patience_for_it_is_over() {
    let mut world = World::with().openai("endless", paced(100_000, 20)).server("drain: 1s").start();
    let mut connection = world.begin(Chat::only("endless").streamed());
    connection.head().expect("a head");
    connection.read_until(" ");
    let began = std::time::Instant::now();
    world.signal("TERM");
    let exit = world.wait_for_exit();
    assert_eq!(exit.code(), Some(0), "{exit}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
