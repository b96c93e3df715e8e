//! Clients that leave, dawdle or drip: nobody works for someone who is gone, and what was used is
//! booked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tollgate_simulate::{Fault, Profile};

use crate::bare::BareVendor;
use crate::http::{Connection, exchange_over_h2};
use crate::world::{Chat, World, faulty, paced, until};

/// How long the vendor of `silent` works on after its client has hung up.
fn time_to_cancel(world: &World, chat: Chat) -> Duration {
    let (requests, cancelled) = (world.seen("silent").requests, world.seen("silent").cancelled);
    let connection = world.begin(chat);
    world.wait_for_requests("silent", requests + 1);
    let began = Instant::now();
    connection.hang_up();
    until("the attempt is cancelled", || (world.seen("silent").cancelled > cancelled).then_some(()));
    began.elapsed()
}

#[test]
fn a_hang_up_while_the_upstream_is_silent_cancels_the_attempt_within_100_ms() {
    for dialect in ["openai", "anthropic"] {
        let plans = World::with();
        let silent = faulty(Fault::AcceptAndHang);
        let world =
            if dialect == "openai" { plans.openai("silent", silent) } else { plans.anthropic("silent", silent) };
        let world = world.start();
        for chat in [Chat::only("silent"), Chat::only("silent").streamed()] {
            // The median of five: the machine may be busy with something else for a moment.
            let mut times: Vec<_> = (0..5).map(|_| time_to_cancel(&world, chat.clone())).collect();
            times.sort();
            assert!(times[2] < Duration::from_millis(100), "{dialect}: {times:?}");
        }
        world.wait_for_metric("tollgate_requests_in_flight", &[], 0.0);
        let labels = [("endpoint", "silent"), ("outcome", "hung_up")];
        world.wait_for_metric("tollgate_upstream_attempts_total", &labels, 10.0);
    }
}

#[test]
fn a_hang_up_before_the_answer_is_metered_as_an_estimate() {
    let world = World::with().openai("silent", faulty(Fault::AcceptAndHang)).start();
    time_to_cancel(&world, Chat::only("silent").saying("one two three four five six seven eight nine ten"));
    let line = world.only_line();
    assert_eq!((&line["outcome"], &line["status"]), (&"hung_up".into(), &499.into()));
    assert_eq!(line["usage"], "estimated");
    assert!(line["input_tokens"].as_u64() >= Some(10), "{line}");
    assert_eq!(line["output_tokens"], 0);
    assert!(line["cost_usd"].as_str().is_some_and(|c| c.parse::<f64>().is_ok_and(|c| c > 0.0)), "{line}");
    assert!(world.metric("tollgate_tokens_total", &[("endpoint", "silent"), ("type", "input")]) >= 10.0);
}

#[test]
fn a_hang_up_in_mid_stream_cancels_and_is_metered() {
    let world = World::with().openai("north", paced(2000, 50)).anthropic("south", paced(2000, 50)).start();
    for name in ["north", "south"] {
        let mut connection = world.begin(Chat::only(name).streamed());
        connection.head().expect("a head");
        connection.read_until(" ");
        connection.hang_up();
        until("the answer is cancelled", || (world.seen(name).cancelled == 1).then_some(()));
        let line = world.wait_for_line(name, |l| l["endpoint"] == name);
        assert_eq!(line["outcome"], "hung_up", "{line}");
        assert!(line["input_tokens"].as_u64() > Some(0) && line["output_tokens"].as_u64() > Some(0), "{line}");
        assert!(line["output_tokens"].as_u64() < Some(1000), "only what came: {line}");
    }
}

#[test]
fn a_client_of_http_2_that_resets_its_stream_or_closes_cancels_its_attempt() {
    let world = World::with().openai("silent", faulty(Fault::AcceptAndHang)).start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let begin = || {
        let (address, key) = (world.clients(), format!("Bearer {}", world.key));
        let body = Chat::only("silent").bytes();
        runtime.spawn(async move { exchange_over_h2(address, None, &[("authorization", &key)], body.into()).await })
    };
    let cancelled = |times: u64| {
        until("the attempt is cancelled", || (world.seen("silent").cancelled == times).then_some(()));
    };
    let reset = begin();
    world.wait_for_requests("silent", 1);
    reset.abort();
    cancelled(1);
    begin();
    world.wait_for_requests("silent", 2);
    runtime.shutdown_background();
    cancelled(2);
    world.wait_for_metric("tollgate_requests_in_flight", &[], 0.0);
}

#[test]
fn a_hang_up_resets_one_stream_of_a_shared_upstream_connection_and_no_other() {
    let world = World::with().over_h2c("shared").start();
    world.set("shared", paced(12, 20));
    let stays = world.begin(Chat::only("shared").streamed());
    world.wait_for_requests("shared", 1);
    let leaves = world.begin(Chat::only("shared").streamed());
    world.wait_for_requests("shared", 2);
    leaves.hang_up();
    until("one answer is cancelled", || (world.seen("shared").cancelled == 1).then_some(()));
    let mut stays = stays;
    assert!(stays.answer().text().ends_with("data: [DONE]\n\n"), "its neighbour flows on");
    assert_eq!(world.chat(Chat::only("shared")).status, 200);
    assert_eq!(world.seen("shared").cancelled, 1);
}

#[test]
fn a_client_that_leaves_while_it_sends_is_forgotten() {
    let world = World::steady();
    let mut connection = world.connect();
    connection.send(world.chat_head(Some(1000))).send("{\"model\":");
    connection.hang_up();
    let line = world.only_line();
    assert_eq!((&line["outcome"], line.get("input_tokens")), (&"hung_up".into(), None), "nothing was asked of anyone");
    world.wait_for_metric("tollgate_requests_in_flight", &[], 0.0);
    assert_eq!(world.seen("steady").requests, 0);
}

/// A vendor that talks as fast as it can, and how many bytes it got rid of.
fn torrent() -> (BareVendor, Arc<AtomicU64>) {
    let written = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&written);
    let vendor = BareVendor::spawn(move |_, mut wire| {
        wire.request();
        wire.open_stream();
        let word = "x".repeat(4000);
        while wire.say(&word) {
            count.fetch_add(4000, Relaxed);
        }
    });
    (vendor, written)
}

/// What a counter comes to rest at.
fn at_rest(counter: &AtomicU64) -> u64 {
    let mut last = (counter.load(Relaxed), Instant::now());
    until("the upstream stands still", || {
        let now = counter.load(Relaxed);
        if now != last.0 {
            last = (now, Instant::now());
        }
        (now > 0 && last.1.elapsed() > Duration::from_millis(700)).then_some(now)
    })
}

#[test]
fn a_slow_reader_slows_the_upstream_and_fills_no_memory() {
    let (vendor, written) = torrent();
    let world = World::with().at("torrent", vendor.base_url()).start();
    let before = world.resident_bytes();
    let mut connection = world.begin(Chat::only("torrent").streamed());
    connection.head().expect("a head");
    let stuck_at = at_rest(&written);
    let grown = world.resident_bytes().saturating_sub(before);
    assert!(stuck_at < 64 << 20, "only what fits into the sockets between: {stuck_at}");
    assert!(grown < 16 << 20, "grown by {grown} bytes");
    for _ in 0..4000 {
        connection.piece().expect("the stream goes on");
    }
    until("the upstream goes on as well", || (written.load(Relaxed) > stuck_at).then_some(()));
}

#[test]
fn a_client_that_reads_nothing_is_given_up_at_the_deadline() {
    let (vendor, written) = torrent();
    let world = World::with().at("torrent", vendor.base_url()).server("write_timeout: 1s").start();
    let mut connection = world.begin(Chat::only("torrent").streamed());
    connection.head().expect("a head");
    assert!(at_rest(&written) > 0);
    let line = world.wait_for_line("its end", |l| l["endpoint"] == "torrent");
    assert_eq!(line["outcome"], "hung_up");
    assert!(line["output_tokens"].as_u64() > Some(1000), "what went out is metered: {line}");
}

/// Drips bytes until the other side closes; how long it let us.
fn drip(world: &World, text: &str, patience: Duration) -> Option<Duration> {
    let mut connection = world.connect();
    connection.patience(Duration::from_millis(40));
    let began = Instant::now();
    for byte in text.bytes().cycle() {
        connection.send([byte]);
        if connection.is_closed() {
            return Some(began.elapsed());
        }
        if began.elapsed() > patience {
            return None;
        }
    }
    None
}

#[test]
fn a_dripped_head_is_cut_at_its_deadline() {
    let world = World::with().openai("steady", Profile::default()).server("header_timeout: 1s").start();
    for text in ["GET /v1/models HTTP/1.1\r\nx: ", "P"] {
        let cut = drip(&world, &format!("{text}{}", "x".repeat(100_000)), Duration::from_secs(6));
        let cut = cut.unwrap_or_else(|| panic!("still being read after six seconds: {text}"));
        assert!(cut > Duration::from_millis(800), "not before its time: {cut:?}");
    }
}

#[test]
fn a_connection_that_says_nothing_at_all_is_cut_too() {
    let world =
        World::with().openai("steady", Profile::default()).server("header_timeout: 1s").server("keepalive: 1s").start();
    let mut silent = world.connect();
    silent.patience(Duration::from_secs(6));
    assert!(silent.is_closed(), "still open after six seconds");
    let mut used = world.connect();
    assert_eq!(used.send(world.chat_bytes(&Chat::only("steady").bytes())).answer().status, 200);
    used.patience(Duration::from_secs(6));
    assert!(used.is_closed(), "idle after a request: `server.keepalive`");
}

#[test]
fn the_shortest_of_requests_is_answered_at_once() {
    let world = World::with().openai("steady", Profile::default()).server("header_timeout: 60s").start();
    for head in ["HEAD / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"] {
        let mut probe = world.connect();
        probe.patience(Duration::from_secs(6));
        assert_eq!(probe.send(head).head().expect("answered").status, 200, "{head:?}");
    }
}

#[test]
fn half_a_preface_of_http2_is_cut_at_its_deadline() {
    let world = World::with().openai("steady", Profile::default()).server("header_timeout: 1s").start();
    let mut half = world.connect();
    half.patience(Duration::from_secs(6));
    half.send("PRI * HTTP/2.0");
    assert!(half.is_closed(), "still open after six seconds");
}

#[test]
fn half_a_head_over_tls_is_cut_at_its_deadline() {
    let world = World::with().openai("steady", Profile::default()).server("header_timeout: 1s").tls().start();
    let (mut dripping, _) =
        Connection::open_tls(world.clients_tls(), world.ca_pem.as_deref().expect("it has TLS"), &[]);
    dripping.patience(Duration::from_secs(6));
    dripping.send("GET / HTTP/1.1\r\n");
    assert!(dripping.is_closed(), "still open after six seconds");
}

#[test]
fn a_dripped_body_is_a_408_at_its_deadline() {
    let world = World::with().openai("steady", Profile::default()).server("read_timeout: 1s").start();
    for head in [world.chat_head(Some(1000)), world.chat_head(None)] {
        let mut connection = world.connect();
        connection.send(&head);
        let chunk: &[u8] = if head.contains("chunked") { b"1\r\nx\r\n" } else { b"x" };
        let began = Instant::now();
        let answer = std::thread::scope(|scope| {
            let mut writer = connection.writer();
            scope.spawn(move || {
                while began.elapsed() < Duration::from_secs(3) && std::io::Write::write_all(&mut writer, chunk).is_ok()
                {
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
            connection.answer()
        });
        assert_eq!((answer.status, answer.code().as_str()), (408, "request_timeout"));
        let took = began.elapsed();
        assert!((Duration::from_millis(900)..Duration::from_millis(2500)).contains(&took), "{took:?}");
    }
}

#[test]
fn a_body_that_stops_coming_is_a_408_too() {
    let world = World::with().openai("steady", Profile::default()).server("read_timeout: 1s").start();
    let answer = world.connect().send(world.chat_head(Some(1000))).send("{").answer();
    assert_eq!((answer.status, answer.code().as_str()), (408, "request_timeout"));
    assert_eq!(world.line_of(&answer)["outcome"], "refused");
}
