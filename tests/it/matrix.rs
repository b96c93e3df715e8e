//! The promise of a budget, on every way in and out: each surface, each dialect behind it, streamed and not,
//! over HTTP/1.1 and HTTP/2. A surface that comes is added to the list here.

use serde_json::json;
use tollgate_simulate::Profile;
use tollgate_store::{Covers, Period};

use crate::http::Answer;
use crate::office::Office;
use crate::world::{Chat, World};

/// `sim-small`, which every endpoint of a world is priced as, in nano-dollars a token.
const INPUT: i64 = 150;
const OUTPUT: i64 = 600;

type Ask = fn(&World, Chat) -> Answer;

/// Every way to ask, by its name.
const WAYS: [(&str, Ask); 4] = [
    ("/v1/chat/completions", |world, chat| world.chat(chat)),
    ("/api/v1/chat/completions", |world, chat| {
        let bearer = format!("Bearer {}", world.key);
        world.ask("POST", "/api/v1/chat/completions", &[("authorization", &bearer)], &chat.bytes())
    }),
    ("x-api-key", |world, chat| world.ask("POST", "/v1/chat/completions", &[("x-api-key", &world.key)], &chat.bytes())),
    ("HTTP/2", |world, chat| world.chat_over_h2(chat.bytes())),
];

fn chats(endpoint: &str) -> [Chat; 3] {
    let chat = || Chat::only(endpoint).with("max_tokens", json!(300));
    [chat(), chat().streamed(), chat().with_usage()]
}

#[test]
fn a_budget_is_never_overrun_nor_refused_in_vain_whichever_way_a_request_comes_and_goes() {
    for endpoint in ["north", "south"] {
        let world = World::with().openai("north", Profile::default()).anthropic("south", Profile::default()).start();
        let office = Office::of(&world);
        // What all of them cost at most, one at a time, and not enough for one more.
        let budget = office.budget(Covers::Tenant, Period::Total, 1_000_000);
        office.is_taken_up_by(&world);
        let mut served = 0;
        for (way, ask) in WAYS {
            for chat in chats(endpoint) {
                let answer = ask(&world, chat);
                assert_eq!(answer.status, 200, "{endpoint}, {way}: {}", answer.text());
                served += 1;
            }
        }
        let billed = || {
            let billed = world.seen(endpoint).billed;
            billed.input as i64 * INPUT + billed.output as i64 * OUTPUT
        };
        let spent = office.settled(&budget, |standing| standing.settled >= billed());
        assert_eq!((spent, world.seen(endpoint).requests), (billed(), served), "{endpoint}");
        // Now that there is next to nothing left, no way leads past it.
        let scope = tollgate_store::Scope::Operator;
        let mut lowered = office.store.budget(&scope, crate::office::TENANT, &budget).expect("it is there");
        lowered.limit = spent + 1_000;
        office.store.change_budget(&scope, &lowered).expect("it can be changed");
        office.is_taken_up_by(&world);
        for (way, ask) in WAYS {
            for chat in chats(endpoint) {
                let answer = ask(&world, chat);
                assert_eq!((answer.status, answer.code().as_str()), (402, "budget_exceeded"), "{endpoint}, {way}");
            }
        }
        assert_eq!(world.seen(endpoint).requests, served, "{endpoint}: nothing has left");
    }
}
