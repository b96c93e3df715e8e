//! Streams flow: each event at once, none ahead of its reader, whoever speaks on either side.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use tollgate_simulate::Profile;

use crate::bare::{BareVendor, chunk};
use crate::world::{Chat, World, paced};

#[test]
fn an_event_is_with_the_client_within_milliseconds_of_the_upstreams() {
    let (tell, told) = channel();
    let vendor = BareVendor::spawn(move |_, mut wire| {
        wire.request();
        wire.open_stream();
        for word in 0..10 {
            let _ = tell.send(Instant::now());
            wire.say(&format!("word{word} "));
            std::thread::sleep(Duration::from_millis(50));
        }
        wire.write("data: [DONE]\n\n");
    });
    let world = World::with().at("paced", vendor.base_url()).start();
    let delays = || {
        let mut connection = world.begin(Chat::only("paced").streamed());
        assert_eq!(connection.head().expect("a head").status, 200);
        let mut delays: Vec<Duration> = (0..10)
            .map(|word| {
                connection.read_until(&format!("word{word} "));
                Instant::now() - told.recv().expect("it was said")
            })
            .collect();
        delays.sort();
        delays
    };
    // One of ten: the machine may be busy with something else for a moment.
    let (most, all) = (Duration::from_millis(5), Duration::from_millis(45));
    let found = (0..10).map(|_| delays()).find(|delays| delays[5] < most && delays[9] < all);
    assert!(found.is_some(), "half of the events within {most:?}, and none waits for the next");
}

#[test]
fn the_first_event_does_not_wait_for_the_second() {
    let world = World::with().openai("paced", paced(3, 4)).anthropic("other", paced(3, 4)).start();
    for name in ["paced", "other"] {
        let began = Instant::now();
        let mut connection = world.begin(Chat::only(name).streamed());
        connection.head().expect("a head");
        connection.read_until("\"content\":\"");
        let first = began.elapsed();
        connection.read_until("[DONE]");
        assert!(
            began.elapsed() - first > Duration::from_millis(400),
            "{name}: two more words follow, a quarter of a second apart"
        );
    }
}

#[test]
fn events_cut_anywhere_are_put_together_again() {
    let whole = format!("data: {}\n\ndata: {}\n\ndata: [DONE]\n\n", chunk("Grüße, "), chunk("welt"));
    let vendor = BareVendor::spawn(move |_, mut wire| {
        while wire.request().is_some() {
            wire.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
            for byte in whole.as_bytes() {
                wire.write(b"1\r\n");
                wire.write([*byte]);
                wire.write(b"\r\n");
            }
            wire.write(b"0\r\n\r\n");
        }
    });
    let world = World::with().at("bytewise", vendor.base_url()).start();
    for _ in 0..2 {
        let answer = world.chat(Chat::only("bytewise").streamed());
        assert_eq!((answer.status, answer.said().as_str()), (200, "Grüße, welt"));
        assert_eq!(answer.events().last().map(String::as_str), Some("[DONE]"));
    }
    assert_eq!(vendor.connections(), 1, "read to its end, the connection is kept");
}

#[test]
fn both_dialects_say_the_same_streamed_and_whole() {
    let echo = Profile { echo: true, ..Profile::default() };
    let world = World::with().openai("north", echo.clone()).anthropic("south", echo).start();
    let text = "Zwölf \"Boxkämpfer\" jagen\n\tViktor 🥊 \u{2028}quer \\ über";
    for name in ["north", "south"] {
        assert_eq!(world.chat(Chat::only(name).saying(text)).said(), text, "{name}, whole");
        assert_eq!(world.chat(Chat::only(name).saying(text).streamed()).said(), text, "{name}, streamed");
        let over_h2 = world.chat_over_h2(Chat::only(name).saying(text).streamed().bytes());
        assert_eq!(over_h2.said(), text, "{name}, over HTTP/2");
    }
}

#[test]
fn a_long_burst_arrives_whole_and_in_order() {
    let burst = Profile { burst: true, output_tokens: 20_000, ..Profile::default() };
    let world = World::with().openai("north", burst.clone()).anthropic("south", burst).start();
    for name in ["north", "south"] {
        let answer = world.chat(Chat::only(name).streamed().with("max_tokens", serde_json::json!(20_000)));
        assert_eq!(answer.said().split(' ').count(), 20_000, "{name}");
        assert_eq!(answer.events().last().map(String::as_str), Some("[DONE]"), "{name}");
    }
}
