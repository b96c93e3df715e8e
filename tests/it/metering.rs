//! Tokens and money: what the vendor reports, at the catalogue's prices, to the last nano-dollar.

use serde_json::{Value, json};
use tollgate_simulate::{Fault, Profile};

use crate::http::Answer;
use crate::world::{Chat, World, faulty};

/// Nano-dollars for each token of `simulated/sim-small`: 0.15 and 0.60 dollars a million.
const INPUT: u64 = 150;
const OUTPUT: u64 = 600;
const CACHED: u64 = 75;

/// Dollars as text, in nano-dollars.
fn nano(text: &str) -> u64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part: String = part.chars().chain(std::iter::repeat('0')).take(9).collect();
    whole.parse::<u64>().expect("dollars") * 1_000_000_000 + part.parse::<u64>().expect("a fraction")
}

fn cost(answer: &Answer, which: &str) -> u64 {
    nano(answer.header(which).unwrap_or_else(|| panic!("no {which}")))
}

/// The usage in the last chunk that has one.
fn usage(answer: &Answer) -> Option<Value> {
    answer.chunks().into_iter().rev().find_map(|c| c.get("usage").filter(|u| u.is_object()).cloned())
}

fn tokens(usage: &Value) -> (u64, u64) {
    let count = |name: &str| usage[name].as_u64().unwrap_or_else(|| panic!("no {name} in {usage}"));
    (count("prompt_tokens"), count("completion_tokens"))
}

#[test]
fn a_whole_answer_costs_what_its_usage_costs() {
    let world = World::with().openai("north", Profile::default()).anthropic("south", Profile::default()).start();
    for name in ["north", "south"] {
        let answer = world.chat(Chat::only(name));
        let (input, output) = tokens(&answer.json()["usage"]);
        assert!(input > 0 && output > 0);
        assert_eq!(cost(&answer, "x-tollgate-input-cost-usd"), input * INPUT, "{name}");
        assert_eq!(cost(&answer, "x-tollgate-output-cost-usd"), output * OUTPUT, "{name}");
        assert_eq!(cost(&answer, "x-tollgate-cost-usd"), input * INPUT + output * OUTPUT, "{name}");
        let line = world.line_of(&answer);
        assert_eq!((&line["input_tokens"], &line["output_tokens"]), (&json!(input), &json!(output)));
        assert_eq!(line["usage"], "reported");
        assert_eq!(nano(line["cost_usd"].as_str().expect("a price")), input * INPUT + output * OUTPUT);
        let metered = |kind| world.metric("tollgate_tokens_total", &[("endpoint", name), ("type", kind)]) as u64;
        assert_eq!((metered("input"), metered("output")), (input, output));
    }
}

#[test]
fn a_stream_carries_its_usage_and_cost_when_asked_and_hides_them_otherwise() {
    let world = World::with().openai("north", Profile::default()).anthropic("south", Profile::default()).start();
    for name in ["north", "south"] {
        let asked = world.chat(Chat::only(name).with_usage());
        let found = usage(&asked).unwrap_or_else(|| panic!("{name}: no usage in {}", asked.text()));
        let (input, output) = tokens(&found);
        let expected = input * INPUT + output * OUTPUT;
        let text = asked.text();
        // As it is written, not as floating point would read it.
        let shown = &text[text.rfind("\"cost\":").expect("a cost") + 7..];
        let shown = shown.split([',', '}']).next().expect("a number").trim_matches('"');
        assert_eq!(nano(shown), expected, "{name}: {found}");
        assert_eq!(nano(world.line_of(&asked)["cost_usd"].as_str().expect("a price")), expected);

        let unasked = world.chat(Chat::only(name).streamed());
        assert!(usage(&unasked).is_none(), "{name}: nobody asked: {}", unasked.text());
        assert!(
            unasked.chunks().iter().all(|c| c["choices"].as_array().is_some_and(|c| !c.is_empty())),
            "{name}: nor a chunk of nothing"
        );
        let line = world.line_of(&unasked);
        assert_eq!(
            (&line["usage"], &line["input_tokens"]),
            (&json!("reported"), &json!(input)),
            "{name}: known all the same"
        );
        assert_eq!(
            nano(line["cost_usd"].as_str().expect("a price")),
            line["output_tokens"].as_u64().expect("tokens") * OUTPUT + input * INPUT
        );
    }
    let sent: Value = serde_json::from_slice(&world.seen("north").last.expect("it was asked").body).expect("JSON");
    assert_eq!(sent["stream_options"]["include_usage"], true, "we ask for it ourselves");
}

#[test]
fn other_stream_options_survive_our_asking() {
    let world = World::steady();
    world.chat(Chat::only("steady").streamed().with("stream_options", json!({"x_own": 7, "include_usage": false})));
    let sent: Value = serde_json::from_slice(&world.seen("steady").last.expect("it was asked").body).expect("JSON");
    assert_eq!(sent["stream_options"], json!({"x_own": 7, "include_usage": true}));
}

#[test]
fn where_no_usage_is_reported_it_is_estimated_and_says_so() {
    let world =
        World::with().openai("north", faulty(Fault::NoUsage)).anthropic("south", faulty(Fault::NoUsage)).start();
    let question = "Why is the sky blue, and why is it red in the evening? ".repeat(10);
    for name in ["north", "south"] {
        for chat in [Chat::only(name), Chat::only(name).streamed()] {
            let answer = world.chat(chat.saying(question.as_str()));
            assert_eq!(answer.status, 200, "{}", answer.text());
            let line = world.line_of(&answer);
            assert_eq!(line["usage"], "estimated", "{name}: {line}");
            let (input, output) =
                (line["input_tokens"].as_u64().expect("tokens"), line["output_tokens"].as_u64().expect("tokens"));
            assert!((100..250).contains(&input), "{name}: ten times 14 words: {line}");
            assert!((5..40).contains(&output), "{name}: a dozen words: {line}");
            assert_eq!(nano(line["cost_usd"].as_str().expect("a price")), input * INPUT + output * OUTPUT);
        }
        let source =
            |source| world.metric("tollgate_usage_source_total", &[("endpoint", name), ("source", source)]) as u64;
        assert_eq!((source("estimated"), source("reported")), (2, 0));
    }
}

#[test]
fn what_the_vendors_cache_gave_is_cheaper() {
    let world = World::with().anthropic("south", Profile::default()).start();
    let cached = json!([{"role": "user", "content": [
        {"type": "text", "text": "word ".repeat(400), "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "And now?"},
    ]}]);
    for chat in [Chat::only("south"), Chat::only("south").streamed()] {
        let answer = world.chat(chat.with("messages", cached.clone()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let line = world.line_of(&answer);
        let count = |name: &str| line[name].as_u64().unwrap_or_default();
        assert!(count("cached_tokens") > 300, "{line}");
        let expected = (count("input_tokens") - count("cached_tokens")) * INPUT
            + count("cached_tokens") * CACHED
            + count("output_tokens") * OUTPUT;
        assert_eq!(nano(line["cost_usd"].as_str().expect("a price")), expected, "{line}");
    }
}

#[test]
fn a_model_without_a_price_is_counted_and_said_to_have_none() {
    let plans = World::with().openai("steady", Profile::default());
    let world = plans.start();
    assert!(world.reload(&world.yaml.replace(", price_as: simulated/sim-small", "")));
    let answer = world.chat(Chat::only("steady"));
    assert_eq!((answer.status, answer.header("x-tollgate-cost-usd")), (200, None));
    assert_eq!(answer.header("x-tollgate-unpriced"), Some("true"));
    let line = world.line_of(&answer);
    assert_eq!(line["cost_usd"], "unpriced");
    assert!(line["input_tokens"].as_u64() > Some(0));
    assert!((world.metric("tollgate_unpriced_requests_total", &[("endpoint", "steady")]) - 1.0).abs() < 0.1);
}

#[test]
fn an_operators_price_stands_over_the_built_in_one() {
    let world = World::with().openai("steady", Profile::default()).start();
    let prices = "provider: simulated\nsource: our contract\nchecked_on: 2026-11-20\nmodels:\n  - {id: sim-small, context: 1000, prices: {input: 2, output: 0.5}}\n";
    std::fs::write(world.folder().join("prices.yaml"), prices).expect("the file can be written");
    assert!(world.reload(&format!("{}catalogue: {{files: [prices.yaml]}}\n", world.yaml)), "{}", world.stderr());
    let answer = world.chat(Chat::only("steady"));
    let (input, output) = tokens(&answer.json()["usage"]);
    assert_eq!(cost(&answer, "x-tollgate-cost-usd"), input * 2000 + output * 500);
}

#[test]
fn who_is_refused_pays_nothing_and_who_fails_over_pays_once() {
    let world = World::with()
        .openai("down", crate::world::status(503))
        .openai("steady", Profile::default())
        .model("chain", &["down", "steady"])
        .start();
    for answer in [world.post("{"), world.chat(Chat::to("none")), world.chat(Chat::only("down"))] {
        assert_eq!(answer.header("x-tollgate-cost-usd"), None);
        assert_eq!(world.line_of(&answer).get("cost_usd"), None);
    }
    let answer = world.chat(Chat::to("chain"));
    assert_eq!(answer.status, 200);
    world.line_of(&answer);
    let dollars = world.metric("tollgate_cost_usd_total", &[]);
    assert!((dollars * 1e9 - cost(&answer, "x-tollgate-cost-usd") as f64).abs() < 1.0, "{dollars}");
    assert_eq!(world.metric("tollgate_tokens_total", &[("endpoint", "down")]) as u64, 0);
}
