//! Money: what is held before anything leaves, what is settled after, and what nobody can spend.

use serde_json::json;
use tollgate_simulate::{Distribution, Fault, Profile};
use tollgate_store::{BalanceKind, Covers, Period, Standing};

use crate::office::Office;
use crate::world::{Chat, World, faulty, paced, status};

/// `sim-small`, which every endpoint of a world is priced as, in nano-dollars a token.
const INPUT: i64 = 150;
const OUTPUT: i64 = 600;

/// A world whose tenant has this budget, and its id.
fn with_budget(world: World, covers: Covers, limit: i64) -> (World, Office, String) {
    let office = Office::of(&world);
    let budget = office.budget(covers, Period::Total, limit);
    office.is_taken_up_by(&world);
    (world, office, budget)
}

fn everything_is_back(standing: &Standing) -> bool {
    standing.settled > 0 && standing.leased == 0
}

/// What the vendor asks for, in nano-dollars.
fn billed(world: &World, profile: &str) -> i64 {
    let billed = world.seen(profile).billed;
    billed.input as i64 * INPUT + billed.output as i64 * OUTPUT
}

fn sent_cap(world: &World, member: &str) -> Option<u64> {
    let body = world.seen("steady").last.expect("a request").body;
    serde_json::from_slice::<serde_json::Value>(&body).expect("JSON")[member].as_u64()
}

#[test]
fn a_spent_budget_is_402_before_anything_leaves() {
    let (world, _office, budget) = with_budget(World::steady(), Covers::Tenant, 1_000);
    for chat in [Chat::only("steady"), Chat::only("steady").streamed()] {
        let answer = world.chat(chat);
        assert_eq!((answer.status, answer.code().as_str()), (402, "budget_exceeded"), "{}", answer.text());
        assert!(answer.text().contains("0 US dollars of 0.000001 are spent"), "{}", answer.text());
        assert!(answer.text().contains(&budget), "it says which: {}", answer.text());
    }
    assert_eq!(world.seen("steady").requests, 0);
}

#[test]
fn a_budget_of_a_day_says_when_it_is_whole_again() {
    let world = World::steady();
    let office = Office::of(&world);
    office.budget(Covers::Tenant, Period::Day, 1_000);
    office.is_taken_up_by(&world);
    let answer = world.chat(Chat::only("steady"));
    assert_eq!(answer.status, 402);
    assert!(answer.text().contains("it is whole again at 20"), "{}", answer.text());
    let wait: u64 = answer.header("retry-after").and_then(|w| w.parse().ok()).expect("seconds");
    assert!((1..=86_400).contains(&wait), "{wait}");
}

#[test]
fn far_from_its_end_a_budget_changes_nothing_but_what_is_not_capped() {
    let (world, ..) = with_budget(World::steady(), Covers::Tenant, 1_000_000_000_000);
    let body = br#"{"model":"only-steady","max_completion_tokens":77,"messages":[{"role":"user","content":"x"}]}"#;
    assert_eq!(world.post(body).status, 200);
    assert_eq!(sent_cap(&world, "max_completion_tokens"), Some(77));
    assert_eq!(sent_cap(&world, "max_tokens"), None);
    let answer = world.chat(Chat::only("steady"));
    assert_eq!(answer.status, 200);
    assert!(sent_cap(&world, "max_tokens").is_some(), "a request without a cap is given one");
    assert_eq!(answer.header("x-tollgate-max-output"), None);
}

#[test]
fn near_its_end_the_cap_is_lowered_to_what_is_affordable_in_the_member_that_was_used() {
    let (world, ..) = with_budget(World::steady(), Covers::Tenant, 300_000);
    for member in ["max_tokens", "max_completion_tokens"] {
        let answer = world.chat(Chat::only("steady").with(member, json!(32_000)));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cap = sent_cap(&world, member).expect("capped");
        assert!((256..500).contains(&cap), "{cap}");
        assert_eq!(answer.header("x-tollgate-max-output"), Some(cap.to_string().as_str()));
    }
}

#[test]
fn what_was_held_and_not_used_comes_back_and_the_ledger_says_what_the_vendor_bills() {
    let (world, office, budget) = with_budget(World::steady(), Covers::Tenant, 1_000_000_000);
    for chat in [Chat::only("steady"), Chat::only("steady").streamed(), Chat::only("steady").with_usage()] {
        assert_eq!(world.chat(chat).status, 200);
    }
    let spent = office.settled(&budget, |s| s.settled >= billed(&world, "steady"));
    assert_eq!(spent, billed(&world, "steady"));
}

#[test]
fn a_request_counts_against_the_budget_of_its_key_its_tag_and_its_tenant_or_against_none() {
    let world = World::steady();
    let office = Office::of(&world);
    let second = office.key(7, |_| {});
    let of_key = office.budget(Covers::Key(second[4..12].to_owned()), Period::Month, 1_000_000_000);
    let of_tag = office.budget(Covers::Tag("night".into()), Period::Day, 1_000);
    let of_all = office.budget(Covers::Tenant, Period::Total, 1_000_000_000);
    office.is_taken_up_by(&world);
    assert_eq!(world.chat_with(&[("x-tollgate-tags", "day, night")], Chat::only("steady")).status, 402);
    assert_eq!(world.chat_with(&[("x-tollgate-tags", "day")], Chat::only("steady")).status, 200);
    let once = office.settled(&of_all, |s| s.settled > 0);
    assert_eq!(world.chat_as(&second, Chat::only("steady")).status, 200);
    let twice = office.settled(&of_all, |s| s.settled > once);
    assert_eq!(office.standing(&of_key).settled, twice - once, "only the second was of that key");
    assert_eq!(office.standing(&of_tag).settled, 0, "what was refused holds nothing");
}

#[test]
fn the_budget_of_a_member_is_shared_by_its_keys() {
    let world = World::steady();
    let office = Office::of(&world);
    let member = tollgate_store::Member {
        id: String::new(),
        tenant: crate::office::TENANT.into(),
        email: "ada@example.com".into(),
        name: "Ada".into(),
        role: tollgate_store::Role::Owner,
        created_ms: 1,
    };
    let member = office.store.create_member(&tollgate_store::Scope::Operator, member).expect("a member").id;
    let keys = [11, 12].map(|n| office.key(n, |key| key.member = Some(member.clone())));
    let budget = office.budget(Covers::Member(member), Period::Total, 1_000_000_000);
    office.is_taken_up_by(&world);
    for key in &keys {
        assert_eq!(world.chat_as(key, Chat::only("steady")).status, 200);
    }
    let spent = office.settled(&budget, |s| s.settled >= billed(&world, "steady"));
    assert_eq!(spent, billed(&world, "steady"));
}

#[test]
fn an_answer_whose_client_has_gone_is_read_on_and_charged_as_the_vendor_bills_it() {
    let world = World::with().openai("north", paced(300, 500)).anthropic("south", paced(300, 500)).start();
    let (world, office, budget) = with_budget(world, Covers::Tenant, 1_000_000_000);
    let mut before = 0;
    for endpoint in ["north", "south"] {
        let mut connection = world.begin(Chat::only(endpoint).streamed());
        connection.head().expect("an answer begins");
        connection.read_until("data:");
        connection.hang_up();
        let due = before + 1;
        let spent = office.settled(&budget, |s| s.settled >= due);
        let seen = world.seen(endpoint);
        assert_eq!((seen.answered, seen.cancelled), (1, 0), "{endpoint} has finished");
        assert_eq!(spent, billed(&world, "north") + billed(&world, "south"), "{endpoint}");
        before = spent;
    }
}

#[test]
fn nobody_else_is_asked_for_a_client_that_has_gone() {
    let slow = Profile { latency: Distribution::Fixed(300), ..status(503) };
    let world = World::with().openai("north", slow).openai("south", Profile::default());
    let (world, ..) = with_budget(world.model("both", &["north", "south"]).start(), Covers::Tenant, 1_000_000_000);
    let connection = world.begin(Chat::to("both"));
    world.wait_for_requests("north", 1);
    connection.hang_up();
    let line =
        world.wait_for_line("the request has ended", |line| line["endpoint"] == "north" || line["status"] == 499);
    assert_eq!(line["outcome"], "hung_up", "{line}");
    assert_eq!((world.seen("north").requests, world.seen("south").requests), (1, 0));
}

#[test]
fn what_cannot_be_known_is_charged_as_all_that_was_held_and_marked() {
    let plans = World::with().openai("silent", faulty(Fault::AcceptAndHang));
    let world = plans.section("budgets", "{drain: 100ms}").start();
    let (world, office, budget) = with_budget(world, Covers::Tenant, 1_000_000_000);
    let connection = world.begin(Chat::only("silent").with("max_tokens", json!(1000)));
    world.wait_for_requests("silent", 1);
    connection.hang_up();
    let spent = office.settled(&budget, |s| s.settled > 0);
    assert!((1000 * OUTPUT..1000 * OUTPUT + 200_000).contains(&spent), "{spent}");
    let line = world.only_line();
    assert_eq!((&line["usage"], &line["output_tokens"]), (&"estimated".into(), &1000.into()), "{line}");
}

#[test]
fn a_request_that_nobody_answers_costs_nothing() {
    let world = World::with().openai("broken", status(500)).openai("refusing", status(400)).start();
    let (world, office, budget) = with_budget(world, Covers::Tenant, 1_000_000_000);
    assert_eq!(world.chat(Chat::only("broken")).status, 503);
    assert_eq!(world.chat(Chat::only("refusing")).status, 400);
    let standing = office.standing(&budget);
    assert_eq!(standing.settled, 0);
}

#[test]
fn the_hold_of_a_request_goes_with_it_to_the_next_endpoint() {
    let plans = World::with().openai("broken", status(500)).openai("steady", Profile::default());
    let world = plans.model("both", &["broken", "steady"]).start();
    let (world, office, budget) = with_budget(world, Covers::Tenant, 400_000);
    // The budget holds one such request, not two.
    for _ in 0..5 {
        assert_eq!(world.chat(Chat::to("both").with("max_tokens", json!(256))).status, 200);
    }
    let spent = office.settled(&budget, |s| s.settled >= billed(&world, "steady"));
    assert_eq!(spent, billed(&world, "steady"));
}

#[test]
fn a_model_without_a_price_is_refused_under_a_budget_and_served_without_one() {
    let world = World::with().openai("steady", Profile::default());
    let world = world.model("odd", &["steady/no-price"]).start();
    assert_eq!(world.chat(Chat::to("odd")).status, 200);
    let (world, ..) = with_budget(world, Covers::Tenant, 1_000_000_000);
    let answer = world.chat(Chat::to("odd"));
    assert_eq!((answer.status, answer.code().as_str()), (403, "unpriced_model"));
}

#[test]
fn what_no_cap_bounds_is_refused_under_a_budget_by_the_name_of_its_member() {
    let (world, ..) = with_budget(World::steady(), Covers::Tenant, 1_000_000_000);
    let hosted = json!([{"type": "web_search"}]);
    let own = json!([{"type": "function", "function": {"name": "web_search", "parameters": {"type": "object"}}}]);
    for (member, value) in [("web_search_options", json!({})), ("tools", hosted)] {
        let answer = world.chat(Chat::only("steady").with(member, value));
        assert_eq!((answer.status, answer.code().as_str()), (400, "unbounded_cost"), "{member}");
        assert_eq!(answer.json()["error"]["param"], member);
    }
    assert_eq!(world.chat(Chat::only("steady").with("tools", own)).status, 200, "a function may be called so");
}

#[test]
fn a_dear_tier_is_held_for_at_its_own_price_and_refused_where_no_list_has_one() {
    let (world, ..) = with_budget(World::steady(), Covers::Tenant, 1_000_000_000);
    let asking = |tier: &str| world.chat(Chat::only("steady").with("service_tier", json!(tier)));
    assert_eq!(asking("priority").status, 200, "its model has a list for priority");
    let refused = asking("ultrafast");
    assert_eq!((refused.status, refused.code().as_str()), (403, "unpriced_model"), "and none for ultrafast");
    assert_eq!(refused.json()["error"]["param"], "service_tier");
    // What one such request may cost at twice the standard prices is not there; at those, it is.
    let (world, ..) = with_budget(World::steady(), Covers::Tenant, 150_000);
    let asking =
        |tier: &str| world.chat(Chat::only("steady").with("max_tokens", json!(100)).with("service_tier", json!(tier)));
    assert_eq!(asking("priority").code(), "budget_exceeded");
    assert_eq!(asking("flex").status, 200);
}

#[test]
fn a_prepaid_balance_pays_cost_and_fee_and_an_empty_one_is_402() {
    let world = World::with().openai("steady", Profile::default()).section("fees", "{cost_percent: 10}").start();
    let office = Office::of(&world);
    office.top_up(BalanceKind::Managed, 400_000);
    office.is_taken_up_by(&world);
    let answer = world.chat(Chat::only("steady").with("max_tokens", json!(300)));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cost = billed(&world, "steady");
    let fee = (cost * 10 + 50) / 100;
    let dollars = |nano: i64| tollgate_api::Money::from_nano(nano).to_string();
    assert_eq!(answer.header("x-tollgate-fee-usd"), Some(dollars(fee).as_str()));
}

#[test]
fn a_limit_that_is_lowered_holds_for_what_is_lent_already() {
    let (world, office, budget) = with_budget(World::steady(), Covers::Tenant, 1_000_000_000_000);
    assert_eq!(world.chat(Chat::only("steady")).status, 200);
    let scope = tollgate_store::Scope::Operator;
    let mut lowered = office.store.budget(&scope, crate::office::TENANT, &budget).expect("a budget");
    lowered.limit = 10_000;
    office.store.change_budget(&scope, &lowered).expect("it can be changed");
    office.is_taken_up_by(&world);
    office.settled(&budget, everything_is_back);
    assert_eq!(world.chat(Chat::only("steady")).status, 402);
}

#[test]
fn a_gateway_that_leaves_gives_back_what_it_had_borrowed() {
    let (mut world, office, budget) = with_budget(World::steady(), Covers::Tenant, 1_000_000_000_000);
    assert_eq!(world.chat(Chat::only("steady")).status, 200);
    world.signal("TERM");
    world.wait_for_exit();
    let standing = office.standing(&budget);
    assert_eq!((standing.settled, standing.leased), (billed(&world, "steady"), 0));
}

#[test]
fn after_a_crash_what_was_open_is_charged_as_all_that_was_held_and_the_rest_comes_back() {
    ["strict", "relaxed"].into_iter().for_each(crash_under);
}

fn crash_under(mode: &str) {
    let plans = World::with().openai("slow", paced(300, 50)).openai("steady", Profile::default());
    let world = plans.section("audit", &format!("{{mode: {mode}}}")).start();
    let (mut world, office, budget) = with_budget(world, Covers::Tenant, 1_000_000_000_000);
    assert_eq!(world.chat(Chat::only("steady")).status, 200);
    let mut open = world.begin(Chat::only("slow").streamed().with("max_tokens", json!(1000)));
    open.head().expect("an answer begins");
    world.kill();
    assert!(office.standing(&budget).leased > 0, "what the dead node was lent counts as spent");
    let world = world.start_again();
    let spent = office.settled(&budget, everything_is_back);
    let all_that_was_held = spent - billed(&world, "steady");
    assert!((1000 * OUTPUT..1000 * OUTPUT + 200_000).contains(&all_that_was_held), "{all_that_was_held}");
    assert!(spent >= billed(&world, "steady") + billed(&world, "slow"));
}

#[test]
fn without_an_audit_log_what_a_dead_node_was_lent_counts_as_spent() {
    let world = World::with().openai("steady", Profile::default()).section("audit", "{mode: off}").start();
    let (mut world, office, budget) = with_budget(world, Covers::Tenant, 1_000_000_000);
    assert_eq!(world.chat(Chat::only("steady")).status, 200);
    office.settled(&budget, |s| s.settled == billed(&world, "steady"));
    let leased = office.standing(&budget).leased;
    world.kill();
    let world = world.start_again();
    let spent = office.settled(&budget, everything_is_back);
    assert_eq!(spent, billed(&world, "steady") + leased);
}

#[test]
fn while_money_is_plenty_no_cap_is_lowered_for_want_of_borrowing() {
    // Thirty times what one request may cost: a node borrows a twentieth of it at a time.
    let (world, ..) = with_budget(World::steady(), Covers::Tenant, 30 * 8_192 * OUTPUT);
    for number in 0..15 {
        let answer = world.chat(Chat::only("steady").with("max_tokens", json!(8_000)));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-tollgate-max-output"), None, "request {number}");
        assert_eq!(sent_cap(&world, "max_tokens"), Some(8_000));
    }
}
