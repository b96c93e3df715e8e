//! Storms: more streams than a budget allows, over three nodes, with hang-ups, fallbacks, a node that is
//! killed and a PostgreSQL that is stopped. What vendors bill, what the ledger says and what the audit logs
//! say stay within the limit. In full by `make storm`.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_simulate::{Fault, Profile};
use tollgate_store::{Covers, Period};

use crate::engines::Redis;
use crate::engines::postgres::Postgres;
use crate::http::Connection;
use crate::office::Office;
use crate::world::{Chat, World, faulty, paced, until};

/// `sim-small`, which every endpoint of a world is priced as, in nano-dollars a token.
const INPUT: i64 = 150;
const OUTPUT: i64 = 600;
const NODES: usize = 3;

/// Three nodes over one store, and one vendor for all.
struct Fleet {
    nodes: Vec<Option<World>>,
    postgres: Postgres,
    _redis: Redis,
    office: Office,
}

impl Fleet {
    fn new(name: &str, profiles: &[(&str, Profile)], chain: &[&str], patience: &str) -> Self {
        let postgres = Postgres::start();
        let redis = Redis::start();
        let url = postgres.database(name);
        let office = Office::at(&url);
        let store = format!("{{url: \"{url}\", redis: \"{}\"}}", redis.url());
        let budgets = format!("{{patience: {patience}, drain: 10s}}");
        let mut nodes: Vec<Option<World>> = Vec::new();
        for _ in 0..NODES {
            let mut plans = World::with().section("store", &store).section("budgets", &budgets);
            for (name, profile) in profiles {
                plans = match nodes.first().and_then(Option::as_ref) {
                    None => plans.openai(name, profile.clone()),
                    Some(first) => plans.place(name, "openai", format!("{}/v1", first.vendor.base_url(name)), ""),
                };
            }
            nodes.push(Some(plans.model("storm", chain).start()));
        }
        Self { nodes, postgres, _redis: redis, office }
    }

    fn node(&self, number: usize) -> &World {
        self.nodes[number].as_ref().expect("it runs")
    }

    fn budget(&self, limit: i64) -> String {
        let budget = self.office.budget(Covers::Tenant, Period::Total, limit);
        (0..NODES).for_each(|n| self.office.is_taken_up_by(self.node(n)));
        budget
    }

    /// What all the vendor's profiles bill.
    fn billed(&self, profiles: &[&str]) -> i64 {
        let billed = profiles.iter().map(|name| self.node(0).seen(name).billed);
        billed.map(|b| b.input as i64 * INPUT + b.output as i64 * OUTPUT).sum()
    }

    /// What the audit logs of all nodes say was spent, cost and fee.
    fn audited(&self) -> i64 {
        (0..NODES).map(|n| audited(self.node(n))).sum()
    }

    /// Waits until the logs say what the ledger says: everything is signed.
    fn reckoned(&self, budget: &str) -> (i64, i64) {
        let ledger = self.office.settled(budget, |s| s.leased == 0);
        until("the audit logs are signed", || (self.audited() >= ledger).then_some(()));
        (self.office.standing(budget).settled, self.audited())
    }
}

fn audited(world: &World) -> i64 {
    let Ok(text) = std::fs::read_to_string(world.folder().join("data/totals.json")) else { return 0 };
    let totals: Value = serde_json::from_str(&text).expect("JSON");
    let months = totals["logs"].as_object().into_iter().flat_map(|logs| logs.values());
    let models = months.filter_map(Value::as_object).flat_map(|m| m.values()).filter_map(Value::as_object);
    let sums = models.flat_map(|models| models.values());
    sums.map(|sum| sum["cost"].as_i64().expect("a sum") + sum["fee"].as_i64().expect("a sum")).sum()
}

/// How a request ended, as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Whole,
    Shortened,
    Refused(u16),
    Left,
    Broken,
}

/// One client: asks, reads to the end, or hangs up after some pieces.
fn ask(address: std::net::SocketAddr, bytes: &[u8], leaves_after: Option<usize>) -> Ended {
    let Ok(mut connection) = Connection::try_open(address) else { return Ended::Broken };
    connection.patience(Duration::from_secs(60));
    let Ok(head) = connection.send(bytes).head() else { return Ended::Broken };
    if head.status != 200 {
        return Ended::Refused(head.status);
    }
    let mut text = String::new();
    for number in 0.. {
        if leaves_after.is_some_and(|after| number >= after) {
            connection.hang_up();
            return Ended::Left;
        }
        match connection.piece() {
            Ok(Some(piece)) => text.push_str(&String::from_utf8_lossy(&piece)),
            Ok(None) => break,
            Err(_) => return Ended::Broken,
        }
    }
    match text.contains("\"finish_reason\":\"length\"") {
        true => Ended::Shortened,
        false => Ended::Whole,
    }
}

/// The figures of a storm.
#[derive(Clone, Copy, Debug)]
struct Figures {
    limit: i64,
    billed: i64,
    ledger: i64,
    audited: i64,
}

impl Figures {
    fn overrun(&self) -> i64 {
        (self.billed.max(self.ledger).max(self.audited) - self.limit).max(0)
    }

    fn hold(&self) {
        assert_eq!(self.ledger, self.audited, "the ledger is what the audit logs say: {self:?}");
        assert!(self.billed <= self.ledger, "nothing that a vendor bills is unknown: {self:?}");
        assert_eq!(self.overrun(), 0, "{self:?}");
        assert!(self.billed > 0, "{self:?}");
    }
}

/// 256 streams against a budget for forty of them. A third of the clients hang up, the first endpoint fails
/// every time, one node is killed, and PostgreSQL is stopped for a while.
fn hard_storm() -> (Figures, Vec<Ended>) {
    const CLIENTS: usize = 256;
    const TOKENS: u32 = 300;
    let broken = faulty(Fault::Status { status: 500, retry_after: None, body: None });
    let profiles = [("broken", broken), ("steady", paced(TOKENS, 400))];
    let mut fleet = Fleet::new("hard", &profiles, &["broken", "steady"], "3s");
    let chat = Chat::to("storm").streamed().with("max_tokens", json!(TOKENS));
    let bytes = fleet.node(0).chat_bytes(&chat.bytes());
    let worst = i64::from(TOKENS) * OUTPUT + (chat.bytes().len() as i64 + 64) * INPUT + 3;
    let limit = 40 * worst;
    let budget = fleet.budget(limit);
    let ended = Mutex::new(Vec::new());
    let addresses: Vec<_> = (0..NODES).map(|n| fleet.node(n).clients()).collect();
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (bytes, ended, address) = (&bytes, &ended, addresses[number % NODES]);
            let leaves_after = (number / NODES).is_multiple_of(3).then_some(2 + number % 40);
            scope.spawn(move || {
                let how = ask(address, bytes, leaves_after);
                ended.lock().expect("no client panics").push(how);
            });
            // Each node has some under way before the rush: the one that dies, too.
            if number == 5 * NODES {
                fleet.node(0).wait_for_requests("steady", 5 * NODES as u64);
            }
        }
        std::thread::sleep(Duration::from_millis(300));
        let mut victim = fleet.nodes[2].take().expect("it runs");
        victim.kill();
        fleet.postgres.halt();
        std::thread::sleep(Duration::from_millis(700));
        fleet.postgres.run();
        fleet.nodes[2] = Some(victim.start_again());
    });
    // Whoever is left when the storm is over gets what is left of the money, and no more.
    for _ in 0..3 {
        ended.lock().expect("no client panicked").push(ask(addresses[2], &bytes, None));
    }
    let (ledger, audited) = fleet.reckoned(&budget);
    let figures = Figures { limit, billed: fleet.billed(&["steady", "broken"]), ledger, audited };
    (figures, ended.into_inner().expect("no client panicked"))
}

/// Agents that ask for 32,000 tokens and use 500. Returns the share of requests that were refused, or whose
/// answer was cut short, although the money would have sufficed.
fn storm_of_agents(agents: usize, each: usize) -> (Figures, f64) {
    const TOKENS: u32 = 500;
    let fleet = Fleet::new("agents", &[("steady", paced(TOKENS, 2000))], &["steady"], "20s");
    let chat = Chat::to("storm").streamed().with("max_tokens", json!(32_000));
    let bytes = fleet.node(0).chat_bytes(&chat.bytes());
    let total = agents * each;
    // The vendor's own count of the prompt, and what the answer has.
    let cost = i64::from(TOKENS) * OUTPUT + 4 * INPUT;
    let affordable = total * 8 / 10;
    let limit = cost * affordable as i64;
    let budget = fleet.budget(limit);
    let ended = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..agents {
            let (bytes, ended, address) = (&bytes, &ended, fleet.node(number % NODES).clients());
            scope.spawn(move || {
                for _ in 0..each {
                    let how = ask(address, bytes, None);
                    ended.lock().expect("no client panics").push(how);
                }
            });
        }
    });
    let ended = ended.into_inner().expect("no client panicked");
    let whole = ended.iter().filter(|how| **how == Ended::Whole).count();
    let (ledger, audited) = fleet.reckoned(&budget);
    let figures = Figures { limit, billed: fleet.billed(&["steady"]), ledger, audited };
    let wrongful = affordable.saturating_sub(whole) as f64 / total as f64;
    (figures, wrongful)
}

fn is_in_full() -> bool {
    std::env::var_os("TOLLGATE_STORM").is_some()
}

#[expect(clippy::print_stdout, reason = "`make storm` shows the figures")]
#[test]
fn no_storm_overruns_a_budget() {
    let began = Instant::now();
    let (hard, ended) = hard_storm();
    let count = |how: fn(&Ended) -> bool| ended.iter().filter(|e| how(e)).count();
    println!(
        "hard storm: {} whole, {} shortened, {} left, {} refused, {} broken; {hard:?}",
        count(|e| *e == Ended::Whole),
        count(|e| *e == Ended::Shortened),
        count(|e| *e == Ended::Left),
        count(|e| matches!(e, Ended::Refused(_))),
        count(|e| *e == Ended::Broken),
    );
    hard.hold();
    assert!(count(|e| matches!(e, Ended::Refused(402 | 429 | 503))) > 100, "most cannot be paid for: {ended:?}");
    let (agents, each) = if is_in_full() { (96, 20) } else { (48, 6) };
    let (soft, wrongful) = storm_of_agents(agents, each);
    println!("storm of agents: {} requests; {soft:?}; wrongful {wrongful:.4}; {:?}", agents * each, began.elapsed());
    soft.hold();
    let sum = |of: fn(&Figures) -> i64| of(&hard) + of(&soft);
    println!(
        "{}",
        json!({
            "limit": dollars(sum(|f| f.limit)), "billed": dollars(sum(|f| f.billed)),
            "ledger": dollars(sum(|f| f.ledger)), "audited": dollars(sum(|f| f.audited)),
            "overrun": dollars(hard.overrun() + soft.overrun()), "wrongful_refusal_share": wrongful,
        })
    );
    assert!(wrongful <= 0.02, "{wrongful}");
}

fn dollars(nano: i64) -> String {
    tollgate_api::Money::from_nano(nano).to_string()
}
