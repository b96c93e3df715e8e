//! Two tenants side by side: what one asks about the other's is answered as if it never was.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_admin::{ROUTES, Right, Route};
use tollgate_simulate::Profile;
use tollgate_store::Role;

use crate::http::{Answer, Connection};
use crate::office::{Office, TENANT};
use crate::world::{Chat, World, until};

/// The other tenant, and one that never was.
const OTHER: &str = "globex";
const NOBODY: &str = "nobody";
/// Half a minute of them, unoptimised and on two cores. `TOLLGATE_ISOLATION_TRIES` says otherwise.
const TRIES: usize = 100_000;
const CLIENTS: usize = 8;
const VERBS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Numbers that look drawn, the same in each run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// An id of the same form that was never given out.
fn ghost(id: &str) -> String {
    let begin = id.find('_').map_or(0, |at| at + 1);
    let other = |c: char| if c == '7' { '8' } else { '7' };
    id[..begin].chars().chain(id[begin..].chars().map(other)).collect()
}

/// Everything of the other tenant that has a name.
struct Others {
    keys: Vec<String>,
    members: Vec<String>,
    credentials: Vec<String>,
    budgets: Vec<String>,
    requests: Vec<String>,
}

impl Others {
    fn of(&self, name: &str) -> &[String] {
        match name {
            "key" => &self.keys,
            "member" => &self.members,
            "credential" => &self.credentials,
            "budget" => &self.budgets,
            "id" => &self.requests,
            other => panic!("what is `{other}`? Say here what the other tenant has of it"),
        }
    }

    /// What must never stand in an answer to anybody else.
    fn marks(&self) -> impl Iterator<Item = &str> {
        let ids = [&self.keys, &self.members, &self.credentials, &self.budgets, &self.requests];
        ids.into_iter().flatten().map(String::as_str).chain([OTHER, "mark-of-the-other"])
    }
}

/// The world, its two tenants, and who may ask for the first.
struct Street {
    world: World,
    operator: String,
    /// The management keys of the first tenant, by role, and its key for models.
    actors: Vec<String>,
    others: Others,
}

impl Street {
    fn new() -> Self {
        let world = World::with().openai("steady", Profile::default()).start();
        let office = Office::of(&world);
        office.tenant(OTHER, |tenant| tenant.name = "mark-of-the-other".into());
        let operator = office.manager(60, None, Role::Owner, None);
        let member = |tenant: &str, name: &str| {
            let email = format!("{name}@example.com");
            let member = json!({"email": email, "name": name, "role": "member"});
            id_of(&world.manage(&operator, "POST", &format!("/tenants/{tenant}/members"), Some(&member)))
        };
        office.is_taken_up_by(&world);
        let own = member(TENANT, "ada");
        let members = vec![member(OTHER, "mark-of-the-other")];
        let mut actors: Vec<String> = [(61, Role::Owner), (62, Role::Admin), (63, Role::Auditor)]
            .map(|(number, role)| office.manager(number, Some(TENANT), role, None))
            .into();
        actors.push(office.manager(64, Some(TENANT), Role::Member, Some(&own)));
        actors.push(world.key.clone());
        let calls = office.key(65, |key| key.tenant = Some(OTHER.into()));
        let manages = office.manager(66, Some(OTHER), Role::Owner, None);
        let of_member = office.manager(67, Some(OTHER), Role::Member, Some(&members[0]));
        let keys = [&calls, &manages, &of_member].map(|key| key[4..12].to_owned()).into();
        office.is_taken_up_by(&world);
        let make = |what: &str, body: Value| {
            id_of(&world.manage(&operator, "POST", &format!("/tenants/{OTHER}/{what}"), Some(&body)))
        };
        let secret = json!({"provider": "steady", "secret": "sk-0123456789-mark-of-the-other"});
        let credentials = vec![make("credentials", secret)];
        let budgets = vec![
            make("budgets", json!({"covers": "tenant", "period": "total", "limit": "25.00"})),
            make("budgets", json!({"covers": {"member": members[0]}, "period": "day", "limit": "25.00"})),
        ];
        for kind in ["managed", "byok"] {
            let paid = json!({"amount": "1.00", "idempotency_key": kind, "note": "mark-of-the-other"});
            let path = format!("/tenants/{OTHER}/balances/{kind}/top-ups");
            assert_eq!(world.manage(&operator, "POST", &path, Some(&paid)).status, 200);
        }
        office.is_taken_up_by(&world);
        let asked = |key: &str| {
            let answer = world.chat_as(key, Chat::only("steady"));
            assert_eq!(answer.status, 200, "{}", answer.text());
            answer.header("x-tollgate-request-id").expect("an id").to_owned()
        };
        let requests: Vec<String> = (0..4).map(|_| asked(&calls)).collect();
        asked(&world.key);
        let others = Others { keys, members, credentials, budgets, requests };
        let street = Self { world, operator, actors, others };
        until("the other's requests are on record and paid", || {
            let seen = street.inventory();
            (seen.matches("\"seq\":").count() == 4 && seen.contains("\"requests\":4")).then_some(())
        });
        street
    }

    /// All that the operator sees of the other tenant.
    fn inventory(&self) -> String {
        let lists = ["", "/limits", "/members", "/keys", "/credentials", "/budgets", "/balances", "/records"];
        let further = ["/balances/managed/top-ups", "/balances/byok/top-ups", "/usage?from=2020-01-01&to=2099-01-01"];
        let read = |what: &&str| {
            let answer = self.world.manage(&self.operator, "GET", &format!("/tenants/{OTHER}{what}"), None);
            assert_eq!(answer.status, 200, "{what}: {}", answer.text());
            // What is lent to a node comes back when nobody needs it.
            let text = answer.text();
            let settled = text.split("\"leased\":\"").map(|part| part.trim_start_matches(|c: char| c != '"'));
            settled.collect::<String>()
        };
        lists.iter().chain(&further).map(read).collect::<Vec<_>>().join("\n")
    }
}

fn id_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().expect("what is made has an id").to_owned()
}

/// A request that names something of the other's, and the same of something that never was.
struct Try {
    method: &'static str,
    real: (String, String),
    ghost: (String, String),
    /// Whether its path is the other tenant's, or names something of it.
    is_foreign: bool,
    is_other_tenant: bool,
    /// Whether the table has it.
    is_route: bool,
}

/// A path as the table has it, with something of the other's in it, and with something that never was.
fn paths(draw: &mut Draw, others: &Others, route: &Route, tenant: &str) -> (String, String) {
    let (mut real, mut never) = (String::new(), String::new());
    for part in route.path.split('/').skip(1) {
        let (here, there) = match part.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some("tenant") if tenant == OTHER => (OTHER.to_owned(), NOBODY.to_owned()),
            Some("tenant") => (TENANT.to_owned(), TENANT.to_owned()),
            Some("kind") => ("managed".to_owned(), "managed".to_owned()),
            Some("month") => ("2026-11".to_owned(), "2026-11".to_owned()),
            Some("node") | None => (part.replace(['{', '}'], ""), part.replace(['{', '}'], "")),
            Some(name) => {
                let id = draw.pick(others.of(name));
                (id.clone(), ghost(id))
            }
        };
        real = format!("{real}/{here}");
        never = format!("{never}/{there}");
    }
    (real, never)
}

/// Bodies that name something of the other's.
fn naming(id: &str, number: usize) -> String {
    match number {
        0 => json!({"member": id, "name": "x"}),
        1 => json!({"covers": {"key": id}, "period": "day", "limit": "1.00"}),
        2 => json!({"covers": {"member": id}, "period": "day", "limit": "1.00"}),
        3 => json!({"kind": "management", "role": "member", "member": id}),
        _ => json!({"id": id, "tenant": id}),
    }
    .to_string()
}

/// Bodies that would be taken, if what the path names were there.
const TAKEN: [&str; 5] = ["{\"limit\":\"1\"}", "{\"secret\":\"sk-x\"}", "{\"name\":\"x\"}", "{}", ""];

impl Try {
    fn draw(draw: &mut Draw, others: &Others) -> Self {
        loop {
            let route: &Route = draw.pick(ROUTES);
            let method = if draw.below(4) > 0 { route.method.as_str() } else { draw.pick(&VERBS) };
            let tenant = if draw.below(2) == 0 { OTHER } else { TENANT };
            let (mut real, mut never) = paths(draw, others, route, tenant);
            let is_foreign = real != never;
            let id = [&others.keys[0], &others.members[0]][draw.below(2)].as_str();
            let mut bodies = (String::new(), String::new());
            match draw.below(10) {
                n @ 0..5 => bodies = (naming(id, n), naming(&ghost(id), n)),
                n @ (5 | 6) => {
                    let parameter = ["member", "from=2026-01-01&to=2026-12-31&key"][n - 5];
                    real = format!("{real}?{parameter}={id}");
                    never = format!("{never}?{parameter}={}", ghost(id));
                }
                _ if is_foreign && method != "GET" => {
                    let body = (*draw.pick(&TAKEN)).to_owned();
                    bodies = (body.clone(), body);
                }
                _ => {}
            }
            let names_something = real != never || bodies.0 != bodies.1;
            let is_of_a_tenant = route.path.contains("{tenant}");
            if route.right != Right::Open && (names_something || !is_of_a_tenant) {
                let is_other_tenant = is_of_a_tenant && tenant == OTHER;
                let is_route = ROUTES.iter().any(|r| r.path == route.path && r.method.as_str() == method);
                let (real, ghost) = ((real, bodies.0), (never, bodies.1));
                return Self { method, real, ghost, is_foreign, is_other_tenant, is_route };
            }
        }
    }

    /// What is asked of models' listener: the log of the caller's tenant, and models.
    fn of_calls(draw: &mut Draw, others: &Others) -> Self {
        let id = draw.pick(&others.requests);
        let number = draw.below(12);
        let (real, ghost, is_foreign) = match draw.below(5) {
            0 => (format!("/v1/audit/receipts/{id}"), format!("/v1/audit/receipts/{}", ghost(id)), true),
            1 => (format!("/v1/models/{}", draw.pick(&others.credentials)), "/v1/models/x".to_owned(), false),
            2 => (format!("/api/v1/audit/records/{number}"), format!("/v1/audit/records/{number}"), false),
            3 => (format!("/v1/audit/proofs/inclusion?seq={number}"), String::new(), false),
            _ => ("/v1/models".to_owned(), "/api/v1/models".to_owned(), false),
        };
        let (real, ghost) = ((real, String::new()), (ghost, String::new()));
        Self { method: "GET", real, ghost, is_foreign, is_other_tenant: false, is_route: true }
    }
}

/// A connection that is kept, and opened again when the other side has closed it.
struct Line(std::net::SocketAddr, Option<Connection>);

impl Line {
    fn ask(&mut self, method: &str, (path, body): &(String, String), key: &str) -> (u16, String) {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        for _ in 0..3 {
            let connection = self.1.get_or_insert_with(|| Connection::open(self.0));
            match connection.request(method, path, &headers, body.as_bytes()).try_answer() {
                Ok(answer) => return (answer.status, answer.text()),
                Err(_) => self.1 = None,
            }
        }
        panic!("no answer to {method} {path}");
    }
}

/// One client's share of the tries.
fn client(street: &Street, seed: u64, tries: &AtomicUsize, statuses: &Mutex<BTreeMap<u16, usize>>) {
    let mut draw = Draw(seed);
    let mut managers = Line(street.world.managers(), None);
    let mut models = Line(street.world.clients(), None);
    let never = managers.ask("GET", &(format!("/api/v1/manage/tenants/{NOBODY}"), String::new()), &street.actors[0]);
    assert_eq!(never.0, 404, "{never:?}");
    while tries.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
        let key = draw.pick(&street.actors).as_str();
        let calls = draw.below(8) == 0;
        let it = if calls { Try::of_calls(&mut draw, &street.others) } else { Try::draw(&mut draw, &street.others) };
        let line = if calls { &mut models } else { &mut managers };
        let (status, body) = line.ask(it.method, &it.real, key);
        let told = format!("{} {:?} by {key}: {status} {body}", it.method, it.real);
        *statuses.lock().expect("no client panics").entry(status).or_default() += 1;
        if key.starts_with("tgk") != calls {
            assert_eq!(status, 401, "{told}");
            continue;
        }
        // A name that the caller wrote may come back to it; nothing else may.
        let echoed = |mark: &&str| it.real.0.contains(*mark) && calls;
        let mark = street.others.marks().filter(|mark| !echoed(mark)).find(|mark| body.contains(*mark));
        assert_eq!(mark, None, "{told}");
        if it.is_other_tenant {
            assert_eq!((status, &body), (404, &never.1), "{told}");
        } else if it.is_foreign {
            // A body or a query that the route does not take is told of before anything is looked for.
            let is_asked = !it.real.1.is_empty() || it.real.0.contains('?') || it.method != "GET";
            let fits = matches!(status, 403 | 404) || (status == 400 && is_asked) || (status == 405 && !it.is_route);
            assert!(fits, "{told}");
            assert_eq!((status, body), line.ask(it.method, &it.ghost, key), "{told}");
        } else if !calls {
            assert!(it.method == "GET" || status >= 400, "{told}");
            assert_eq!((status, body), line.ask(it.method, &it.ghost, key), "{told}");
        } else {
            assert!(matches!(status, 200 | 404), "{told}");
        }
    }
}

#[expect(clippy::print_stdout, reason = "the figures are worth knowing")]
#[test]
fn nothing_of_another_tenant_exists_however_it_is_asked_for() {
    let street = Street::new();
    let before = street.inventory();
    let asked = std::env::var("TOLLGATE_ISOLATION_TRIES").ok().and_then(|tries| tries.parse().ok());
    let (all, began) = (asked.unwrap_or(TRIES), Instant::now());
    let (left, statuses) = (AtomicUsize::new(all), Mutex::default());
    std::thread::scope(|scope| {
        for number in 0..CLIENTS as u64 {
            let (street, left, statuses) = (&street, &left, &statuses);
            scope.spawn(move || client(street, 0x9e37_79b9_7f4a_7c15 ^ (number + 1), left, statuses));
        }
    });
    println!("{all} tries in {:?}: {:?}", began.elapsed(), statuses.lock().expect("no client panicked"));
    assert_eq!(street.inventory(), before, "nothing of the other's has changed");
    assert!(street.others.keys.iter().all(|key| before.contains(key)), "the inventory is one: {before}");
}

/// What people and scanners write where a key belongs, a comma between.
const ODD: &str = "' OR '1'='1' --,tgk_'; DROP TABLE keys; --,tgm_aaaaaaaa_' UNION SELECT hash FROM keys --,\0,tgk_\0,\
    tgm_aaaaaaaa\0_x,$1,%00%0a,tgk_%27%3B,../../../etc/passwd,{\"$gt\":\"\"},\u{1}\u{7f},tgk_ключ,null,tgk_,tgm_,\
    tgm__,tgk_aaaaaaaa_,\t,\u{b},a\rb,x\r\n y";

fn nasty(draw: &mut Draw) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = ODD.split(',').map(|text| text.as_bytes().to_vec()).collect();
    all.extend([vec![0xff; 64], b"tgm_\xff\xfe\xc3\x28".to_vec(), vec![b'A'; 1 << 20], vec![b' '; 1 << 16]]);
    let byte = |draw: &mut Draw| match draw.below(4) {
        0 => *draw.pick(b"'\";\\%_-\0\xff\t"),
        _ => draw.below(256) as u8,
    };
    for _ in 0..150 {
        let length = 1 + draw.below(90);
        let random: Vec<u8> = (0..length).map(|_| byte(draw)).filter(|b| !matches!(b, b'\r' | b'\n')).collect();
        all.push([*draw.pick(&[&b"tgk_"[..], b"tgm_", b""]), &random].concat());
    }
    all
}

#[test]
fn no_authorization_however_odd_does_more_than_to_be_refused() {
    let street = Street::new();
    let mut draw = Draw(0x5eed);
    let before = street.world.resident_bytes();
    let places = [(street.world.clients(), "/v1/models"), (street.world.managers(), "/api/v1/manage/me")];
    let ask = |place: &(std::net::SocketAddr, &str), headers: &[u8]| {
        let mut connection = Connection::open(place.0);
        connection.patience(Duration::from_secs(10));
        let head = format!("GET {} HTTP/1.1\r\nhost: gate.test\r\nconnection: close\r\n", place.1);
        connection.send([head.as_bytes(), headers, b"\r\n\r\n"].concat());
        match connection.head() {
            Ok(answer) => answer.status,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("left without an answer")
            }
            // To be closed is an answer too.
            Err(_) => 0,
        }
    };
    let check = |headers: &[u8]| {
        for place in &places {
            let status = ask(place, headers);
            let shown = String::from_utf8_lossy(&headers[..headers.len().min(200)]);
            assert!(matches!(status, 0 | 400 | 401 | 413 | 431), "{status} at {} for {shown:?}", place.1);
        }
    };
    for value in nasty(&mut draw) {
        for name in ["authorization: Bearer ", "authorization: ", "x-api-key: "] {
            check(&[name.as_bytes(), &value].concat());
        }
    }
    for many in [100, 20_000] {
        let twice = |n: usize| format!("authorization: Bearer tgm_{n}\r\nx-api-key: tgk_{n}").into_bytes();
        check(&(0..many).map(twice).collect::<Vec<_>>().join(&b"\r\n"[..]));
    }
    let large = [b"authorization: Bearer ".to_vec(), vec![b'B'; 1 << 20]].concat();
    std::thread::scope(|scope| (0..32).for_each(|_| drop(scope.spawn(|| check(&large)))));
    let grown = street.world.resident_bytes().saturating_sub(before) >> 20;
    assert!(grown < 64, "it has grown by {grown} MiB");
    assert_eq!(street.world.get("/v1/models").status, 200, "it still serves");
    assert_eq!(street.inventory().matches("\"seq\":").count(), 4, "and still manages");
}
