//! The promise of a budget, on every way in and out: each surface, each dialect behind it, streamed and not,
//! over HTTP/1.1 and HTTP/2. A surface that comes is added to the list here.

use serde_json::{Value, json};
use tollgate_simulate::Profile;
use tollgate_store::{Covers, Period};

use crate::http::Answer;
use crate::office::Office;
use crate::world::{Chat, World, until};

/// `sim-small`, which every endpoint of a world is priced as, in nano-dollars a token.
const INPUT: i64 = 150;
const OUTPUT: i64 = 600;

type Ask = fn(&World, Chat) -> Answer;

/// Every way to ask, by its name.
const WAYS: [(&str, Ask); 9] = [
    ("/v1/chat/completions", |world, chat| world.chat(chat)),
    ("/api/v1/chat/completions", |world, chat| {
        let bearer = format!("Bearer {}", world.key);
        world.ask("POST", "/api/v1/chat/completions", &[("authorization", &bearer)], &chat.bytes())
    }),
    ("x-api-key", |world, chat| world.ask("POST", "/v1/chat/completions", &[("x-api-key", &world.key)], &chat.bytes())),
    ("HTTP/2", |world, chat| world.chat_over_h2(chat.bytes())),
    ("/v1/responses", |world, chat| {
        on(world, &chat, |asked| {
            let body = json!({"model": asked.model, "input": TEXT, "max_output_tokens": 300, "stream": asked.stream});
            ("/v1/responses".into(), body)
        })
    }),
    ("/v1/messages", |world, chat| {
        on(world, &chat, |asked| {
            let messages = json!([{"role": "user", "content": TEXT}]);
            let body = json!({"model": asked.model, "messages": messages, "max_tokens": 300, "stream": asked.stream});
            ("/v1/messages".into(), body)
        })
    }),
    ("generateContent", |world, chat| {
        on(world, &chat, |asked| {
            let verb = if asked.stream { "streamGenerateContent" } else { "generateContent" };
            let contents = json!([{"role": "user", "parts": [{"text": TEXT}]}]);
            let body = json!({"contents": contents, "generationConfig": {"maxOutputTokens": 300}});
            (format!("/v1beta/models/{}:{verb}", asked.model), body)
        })
    }),
    ("/v1beta/interactions", |world, chat| {
        on(world, &chat, |asked| {
            let config = json!({"max_output_tokens": 300});
            let body =
                json!({"model": asked.model, "input": TEXT, "generation_config": config, "stream": asked.stream});
            ("/v1beta/interactions".into(), body)
        })
    }),
    ("/bedrock/model/converse", |world, chat| {
        on(world, &chat, |asked| {
            let verb = if asked.stream { "converse-stream" } else { "converse" };
            let messages = json!([{"role": "user", "content": [{"text": TEXT}]}]);
            let body = json!({"messages": messages, "inferenceConfig": {"maxTokens": 300}});
            (format!("/bedrock/model/{}/{verb}", asked.model), body)
        })
    }),
];

const TEXT: &str = "Good morning";

/// What a chat asks for that every surface has words for.
struct Asked {
    model: String,
    stream: bool,
}

/// The same question on another surface.
fn on(world: &World, chat: &Chat, say: impl Fn(&Asked) -> (String, Value)) -> Answer {
    let chat: Value = serde_json::from_slice(&chat.bytes()).expect("JSON");
    let model = chat["model"].as_str().expect("a name").to_owned();
    let (path, body) = say(&Asked { model, stream: chat["stream"] == true });
    let bearer = format!("Bearer {}", world.key);
    world.ask("POST", &path, &[("authorization", &bearer)], body.to_string().as_bytes())
}

/// Our code in an error, wherever its surface has it.
fn code(answer: &Answer) -> String {
    let said = answer.json();
    let places = ["/error/details/0/reason", "/error/code", "/code"];
    places.iter().find_map(|place| said.pointer(place)?.as_str()).unwrap_or_default().to_owned()
}

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
        let budget = office.budget(Covers::Tenant, Period::Total, 3_000_000);
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
        until("what was lent is given back", || (office.standing(&budget).leased == 0).then_some(()));
        for (way, ask) in WAYS {
            for chat in chats(endpoint) {
                let answer = ask(&world, chat);
                assert_eq!((answer.status, code(&answer).as_str()), (402, "budget_exceeded"), "{endpoint}, {way}");
            }
        }
        assert_eq!(world.seen(endpoint).requests, served, "{endpoint}: nothing has left");
    }
}
