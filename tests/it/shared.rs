//! What nodes hold in common: limits counted over all of them by Redis, and changes of accounts that one
//! takes up from the other. Each node alone is in `limits`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tollgate_auth::Algorithm;
use tollgate_simulate::{Fault, Profile};
use tollgate_store::{Limits, Role};

use crate::engines::Redis;
use crate::engines::postgres::Postgres;
use crate::http::Answer;
use crate::office::{Office, TENANT};
use crate::plans::{Key, Plans};
use crate::world::{Chat, World, faulty, until};

/// No address stays in Redis for longer.
const HOUR_SECONDS: i64 = 3600;

/// Two nodes with the same keys, and one vendor for both.
struct Pair([World; 2]);

impl Pair {
    /// With this `store` and what else `plans` adds.
    fn over(store: &str, plans: impl Fn(Plans) -> Plans) -> Self {
        let first =
            plans(World::with().openai("steady", Profile::default()).openai("silent", faulty(Fault::AcceptAndHang)));
        let first = first.section("store", store).start();
        let at = |name: &str| format!("{}/v1", first.vendor.base_url(name));
        let second = World::with().place("steady", "openai", at("steady"), "");
        let second = plans(second.place("silent", "openai", at("silent"), "")).section("store", store).start();
        let pair = Self([first, second]);
        pair.is_together();
        pair
    }

    /// Each with a store of its own.
    fn sharing(redis: &Redis, limits: &str) -> Self {
        Self::over(&format!("{{redis: \"{}\"}}", redis.url()), |plans| plans.section("limits", limits))
    }

    /// Waits until both count with the other.
    fn is_together(&self) {
        self.0.iter().for_each(|node| until("limits are shared", || (node.is_with_others()).then_some(())));
    }

    /// Asks the nodes in turn, and says what they answered.
    fn in_turn(&self, times: usize) -> Vec<Answer> {
        (0..times).map(|number| self.0[number % 2].chat(Chat::only("steady"))).collect()
    }
}

impl World {
    fn is_with_others(&self) -> bool {
        // A request is what makes a node look whether Redis is there again.
        let _ = self.chat_as("tgk_nobody", Chat::only("steady"));
        self.metric("tollgate_limits_local", &[]) < 0.5
    }
}

fn served(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 200).count()
}

fn number(answer: &Answer, header: &str) -> u64 {
    let value = answer.header(header).unwrap_or_else(|| panic!("no {header}: {:?}", answer.headers));
    value.parse().unwrap_or_else(|e| panic!("{header}: {value}: {e}"))
}

/// A conversation with Redis by hand: each answer flattened to its texts.
struct Asking(BufReader<TcpStream>);

impl Asking {
    fn of(redis: &Redis) -> Self {
        let url = redis.url();
        let place = url.strip_prefix("redis://").expect("a URL of Redis");
        Self(BufReader::new(TcpStream::connect(place).expect("Redis listens")))
    }

    fn ask(&mut self, words: &[&str]) -> Vec<String> {
        let mut text = format!("*{}\r\n", words.len());
        words.iter().for_each(|word| text.push_str(&format!("${}\r\n{word}\r\n", word.len())));
        self.0.get_mut().write_all(text.as_bytes()).expect("Redis reads");
        let mut all = Vec::new();
        self.read(&mut all);
        all
    }

    fn read(&mut self, all: &mut Vec<String>) {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("Redis answers");
        let (kind, rest) = line.trim_end().split_at(1);
        match (kind, rest.parse::<i64>()) {
            ("*", Ok(count)) => (0..count).for_each(|_| self.read(all)),
            ("$", Ok(length @ 0..)) => {
                let mut text = vec![0; length as usize + 2];
                self.0.read_exact(&mut text).expect("Redis answers");
                all.push(String::from_utf8_lossy(&text[..length as usize]).into_owned());
            }
            _ => all.push(rest.to_owned()),
        }
    }

    fn keys(&mut self) -> Vec<String> {
        self.ask(&["KEYS", "*"])
    }

    fn seconds_left(&mut self, key: &str) -> i64 {
        self.ask(&["TTL", key])[0].parse().expect("seconds")
    }

    /// What stands under a key, whatever kind it is.
    fn values(&mut self, key: &str) -> Vec<String> {
        match self.ask(&["TYPE", key])[0].as_str() {
            "hash" => self.ask(&["HGETALL", key]),
            "zset" => self.ask(&["ZRANGE", key, "0", "-1"]),
            "string" => self.ask(&["GET", key]),
            other => panic!("{key} is a {other}"),
        }
    }
}

#[test]
fn a_keys_requests_are_counted_over_all_nodes() {
    let redis = Redis::start();
    let pair = Pair::sharing(&redis, "{requests_per_minute: 6}");
    let answers = pair.in_turn(12);
    assert_eq!(served(&answers), 6);
    let left: Vec<u64> = answers.iter().map(|answer| number(answer, "x-ratelimit-remaining-requests")).collect();
    assert_eq!(left, [5, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0], "each node sees what the other let in");
    for refused in &answers[6..] {
        assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limited"));
        assert!((1..=60).contains(&number(refused, "retry-after")));
    }
    assert_eq!(pair.0[0].seen("steady").requests, 6);
}

#[test]
fn a_limit_is_exact_however_many_ask_two_nodes_at_once() {
    // On a busy machine Redis may take longer than a node waits for it; then each counts for itself, and there is
    // nothing to see.
    let was_shared = (0..5).any(|_| {
        let redis = Redis::start();
        let pair = Pair::sharing(&redis, "{requests_per_minute: 10}");
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let ask = |n: usize| pair.0[n % 2].chat(Chat::only("steady")).status;
            let asks: Vec<_> = (0..30).map(|n| scope.spawn(move || ask(n))).collect();
            asks.into_iter().map(|asked| asked.join().expect("an answer")).collect()
        });
        let is_shared = pair.0.iter().all(|node| node.metric("tollgate_limits_local", &[]) < 0.5);
        let served = statuses.iter().filter(|status| **status == 200).count();
        assert!(!is_shared || served == 10, "{statuses:?}");
        is_shared
    });
    assert!(was_shared, "Redis was there all the time, in one round of five");
}

#[test]
fn a_tenants_requests_are_counted_over_its_keys_and_all_nodes() {
    let redis = Redis::start();
    let second = Key::new(2, "second", Algorithm::Sha256, "");
    let pair = Pair::over(&format!("{{redis: \"{}\"}}", redis.url()), |plans| plans.key(&second));
    for node in &pair.0 {
        let office = Office::of(node);
        office.change_tenant(|t| t.limits = Limits { requests_per_minute: Some(5), ..Limits::default() });
        office.is_taken_up_by(node);
    }
    let ask = |number: usize| match number % 2 {
        0 => pair.0[0].chat(Chat::only("steady")),
        _ => pair.0[1].chat_as(&second.text, Chat::only("steady")),
    };
    let answers: Vec<Answer> = (0..10).map(ask).collect();
    assert_eq!(served(&answers), 5);
    assert!(answers[9].text().contains("tenant"), "it says whose limit it is: {}", answers[9].text());
}

#[test]
fn tokens_of_a_large_answer_stop_a_key_on_every_node_and_headers_say_so() {
    let redis = Redis::start();
    let pair = Pair::sharing(&redis, "{tokens_per_minute: 2000}");
    pair.0[0].set("steady", Profile { output_tokens: 5000, ..Profile::default() });
    let first = pair.0[0].chat(Chat::only("steady"));
    assert_eq!(first.status, 200);
    assert_eq!(number(&first, "x-ratelimit-limit-tokens"), 2000);
    assert!(number(&first, "x-ratelimit-remaining-tokens") <= 2000);
    let mut asking = Asking::of(&redis);
    let key = format!("limit:key:{}:tpm", &pair.0[0].key[4..12]);
    until("the answer is counted", || {
        let found = asking.keys().into_iter().find(|name| name.ends_with(&key))?;
        let used = asking.ask(&["HGET", &found, "u"])[0].parse::<u64>().ok()?;
        (used >= 5000).then_some(())
    });
    for node in &pair.0 {
        let answer = node.chat(Chat::only("steady"));
        assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"), "{}", answer.text());
        assert_eq!(number(&answer, "x-ratelimit-limit-tokens"), 2000);
        assert_eq!(number(&answer, "x-ratelimit-remaining-tokens"), 0);
        assert!((1..=60).contains(&number(&answer, "x-ratelimit-reset-tokens")));
        assert!((1..=60).contains(&number(&answer, "retry-after")));
    }
    assert_eq!(pair.0[0].seen("steady").requests, 1);
}

#[test]
fn open_requests_are_counted_over_all_nodes_and_a_hang_up_frees_a_place_for_all() {
    let redis = Redis::start();
    let pair = Pair::sharing(&redis, "{concurrent_requests: 2}");
    let [one, other] = &pair.0;
    let (first, second) = (one.begin(Chat::only("silent")), other.begin(Chat::only("silent")));
    one.wait_for_requests("silent", 2);
    for answer in pair.in_turn(4) {
        assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_concurrent"), "{}", answer.text());
    }
    first.hang_up();
    until("its place is free on the other node", || (other.chat(Chat::only("steady")).status == 200).then_some(()));
    second.hang_up();
}

#[test]
fn without_redis_each_node_counts_for_itself_and_with_it_again_together() {
    let mut redis = Redis::start();
    let pair = Pair::sharing(&redis, "{requests_per_minute: 4}");
    assert_eq!(served(&pair.in_turn(2)), 2);
    redis.kill();
    for node in &pair.0 {
        let answers: Vec<Answer> = (0..8).map(|_| node.chat(Chat::only("steady"))).collect();
        assert_eq!(served(&answers), 4, "it serves, and holds to its limits");
        assert_eq!(answers[7].code(), "rate_limited");
        assert!(node.metric("tollgate_limits_local", &[]) > 0.5, "and says so");
    }
    redis.start_again();
    pair.is_together();
    assert_eq!(served(&pair.in_turn(8)), 4, "a Redis that has lost everything begins anew");
}

#[expect(clippy::print_stdout, reason = "how long it took is worth knowing")]
#[test]
fn a_key_revoked_on_one_node_is_refused_by_the_others_within_five_seconds() {
    let (postgres, redis) = (Postgres::start(), Redis::start());
    for (name, further) in [("told", format!(", redis: \"{}\"", redis.url())), ("looking", String::new())] {
        let url = postgres.database(name);
        let pair = Pair::over(&format!("{{url: \"{url}\"{further}}}"), |plans| plans);
        let office = Office::at(&url);
        let operator = office.manager(90, None, Role::Owner, None);
        let key = office.key(91, |_| {});
        pair.0.iter().for_each(|node| office.is_taken_up_by(node));
        let ask = |node: &World| node.chat_as(&key, Chat::only("steady")).status;
        assert_eq!(pair.0.each_ref().map(ask), [200, 200]);
        let path = format!("/tenants/{TENANT}/keys/{}", &key[4..12]);
        let revoked = pair.0[0].manage(&operator, "DELETE", &path, None);
        let began = Instant::now();
        assert_eq!(revoked.status, 200, "{}", revoked.text());
        until("the other node refuses it", || (ask(&pair.0[1]) == 401).then_some(()));
        let took = began.elapsed();
        until("its own node refuses it", || (ask(&pair.0[0]) == 401).then_some(()));
        println!("revoked on one node, refused by the other, {name}: after {took:?}");
        assert!(took < Duration::from_secs(5), "{name}: {took:?}");
    }
}

/// How an address could be written so that it is known again.
fn spellings(address: &str) -> Vec<String> {
    let ip: std::net::Ipv4Addr = address.parse().expect("an address");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let short = |digest: &[u8]| hex(&digest[..16]);
    vec![
        address.to_owned(),
        hex(&ip.octets()),
        ip.to_bits().to_string(),
        short(&Sha256::digest(address)),
        short(&Sha256::digest(ip.octets())),
        short(&Sha256::digest(ip.to_ipv6_mapped().octets())),
    ]
}

#[test]
fn an_address_is_counted_over_all_nodes_and_nothing_of_it_stays_in_redis() {
    let (postgres, redis) = (Postgres::start(), Redis::start());
    let store = format!("{{url: \"{}\", redis: \"{}\"}}", postgres.database("addresses"), redis.url());
    let second = Key::new(2, "second", Algorithm::Sha256, "");
    let pair = Pair::over(&store, |plans| {
        plans.key(&second).section("limits", "{requests_per_minute_per_ip: 5, requests_per_day: 1000}")
    });
    let ask = |number: usize| match number % 2 {
        0 => pair.0[0].chat(Chat::only("steady")),
        _ => pair.0[1].chat_as(&second.text, Chat::only("steady")),
    };
    let answers: Vec<Answer> = (0..10).map(ask).collect();
    assert_eq!(served(&answers), 5, "whatever the key and the node");
    assert_eq!(answers[9].code(), "rate_limited");
    assert!(answers[9].text().contains("address"), "{}", answers[9].text());
    let mut asking = Asking::of(&redis);
    let keys = asking.keys();
    let of_addresses: Vec<_> = keys.iter().filter(|key| key.contains(":ip:")).collect();
    assert_eq!(of_addresses.len(), 1, "{keys:?}");
    for key in &of_addresses {
        let left = asking.seconds_left(key);
        assert!((0..=HOUR_SECONDS).contains(&left), "{key} lasts {left} s");
    }
    assert!(keys.iter().any(|key| key.ends_with(":rpd")), "others are there too: {keys:?}");
    for key in &keys {
        assert!(asking.seconds_left(key) > 0, "{key} lasts for ever");
        let text = format!("{key} {}", asking.values(key).join(" "));
        let known = spellings("127.0.0.1").into_iter().find(|spelling| text.contains(spelling));
        assert_eq!(known, None, "{text}");
    }
}
