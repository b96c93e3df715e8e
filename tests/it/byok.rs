//! Tenants that bring their own credentials: where those are used and where never, what they cost, and
//! that nobody else hears of them.

use serde_json::{Value, json};
use tollgate_api::Money;
use tollgate_simulate::{Fault, Profile};
use tollgate_store::{BalanceKind, Covers, Credential, Period, Role, Scope, credential_id};
use tollgate_vault::{COMMAND_TIMEOUT, Context, SealRandom, Source};

use crate::bare::BareVendor;
use crate::http::Answer;
use crate::office::{Office, TENANT};
use crate::plans::Plans;
use crate::world::{Chat, World, faulty, status, until};

/// `sim-small`, which every endpoint of a world is priced as, in nano-dollars a token.
const INPUT: i64 = 150;
const OUTPUT: i64 = 600;
/// As no pattern of keys has it: only who knows it can mask it.
const OWN: &str = "own.key-of_acme";
const ALLOWED: &str = "{allow_networks: [127.0.0.0/8]}";

/// A world, its store, and the operator's key.
struct Bank {
    world: World,
    office: Office,
    operator: String,
}

impl Bank {
    fn of(plans: Plans) -> Self {
        let world = plans.start();
        let office = Office::of(&world);
        let operator = office.manager(80, None, Role::Owner, None);
        let bank = Self { world, office, operator };
        bank.settle();
        bank
    }

    fn settle(&self) {
        self.office.is_taken_up_by(&self.world);
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.world.manage(&self.operator, method, &format!("/tenants/{TENANT}{path}"), body)
    }

    /// The tenant gives a credential for a provider.
    fn give(&self, provider: &str, secret: &str, base_url: Option<String>) -> Answer {
        let body = json!({"provider": provider, "secret": secret, "base_url": base_url});
        let answer = self.ask("POST", "/credentials", Some(&body));
        self.settle();
        answer
    }

    fn gave(&self, provider: &str, secret: &str, base_url: Option<String>) {
        let answer = self.give(provider, secret, base_url);
        assert_eq!(answer.status, 201, "{}", answer.text());
    }

    /// Another tenant's key.
    fn neighbour(&self) -> String {
        self.office.tenant("globex", |_| {});
        let key = self.office.key(81, |key| key.tenant = Some("globex".into()));
        self.settle();
        key
    }

    /// What the vendor was shown last.
    fn shown(&self, profile: &str) -> Option<String> {
        let last = self.world.seen(profile).last?;
        last.header("authorization").or_else(|| last.header("x-api-key")).map(ToOwned::to_owned)
    }

    /// Writes a credential past the management API, sealed for `row_of` and kept as the tenant's.
    fn seal(&self, tenant: &str, sealed_for: &str, base_url: Option<&str>) {
        let file = Source::File(self.world.folder().join("data/vault.key"));
        let master = file.load(COMMAND_TIMEOUT).expect("the master key");
        let id = credential_id().expect("an id");
        let context = Context { tenant: sealed_for, row: &id, version: 1, base_url: base_url.unwrap_or_default() };
        let sealed = master.seal(&context, OWN.as_bytes(), SealRandom::draw().expect("randomness"));
        let credential = Credential {
            id: id.clone(),
            tenant: tenant.to_owned(),
            provider: "north".to_owned(),
            name: String::new(),
            base_url: base_url.map(ToOwned::to_owned),
            hint: String::new(),
            sealed,
            version: 1,
            created_ms: 1,
        };
        self.office.store.create_credential(&Scope::Operator, credential).expect("a credential");
        self.settle();
    }

    /// What was paid out of a balance and is written down.
    fn paid(&self, kind: BalanceKind) -> i64 {
        let balances = self.office.store.balances(&Scope::Operator, TENANT).expect("balances");
        balances.iter().find(|b| b.kind == kind).map_or(0, |b| b.standing.settled)
    }

    /// What the vendor asks for a profile's requests, in nano-dollars.
    fn billed(&self, profile: &str) -> i64 {
        let billed = self.world.seen(profile).billed;
        billed.input as i64 * INPUT + billed.output as i64 * OUTPUT
    }
}

fn two() -> Plans {
    World::with().openai("north", Profile::default()).anthropic("south", Profile::default())
}

#[test]
fn a_tenants_own_credential_goes_to_its_provider_and_the_operators_everywhere_else() {
    let bank = Bank::of(two().openai("west", Profile::default()));
    let neighbour = bank.neighbour();
    bank.gave("north", OWN, None);
    bank.gave("south", "own-key-of-the-south", None);
    for name in ["north", "south", "west"] {
        assert_eq!(bank.world.chat(Chat::only(name)).status, 200, "{name}");
    }
    assert_eq!(bank.shown("north").as_deref(), Some("Bearer own.key-of_acme"));
    assert_eq!(bank.shown("south").as_deref(), Some("own-key-of-the-south"));
    assert_eq!(bank.shown("west").as_deref(), Some("Bearer credential-of-west"));
    assert_eq!(bank.world.chat_as(&neighbour, Chat::only("north")).status, 200);
    assert_eq!(bank.shown("north").as_deref(), Some("Bearer credential-of-north"));
}

#[test]
fn without_a_credential_a_tenant_that_brings_its_own_sends_nothing() {
    let bank = Bank::of(two().model("both", &["north", "south"]));
    bank.office.change_tenant(|tenant| tenant.byok_only = true);
    bank.settle();
    for name in ["only-north", "only-south", "both", "north/north-model"] {
        let answer = bank.world.chat(Chat::to(name));
        assert_eq!((answer.status, answer.code().as_str()), (403, "credential_required"), "{}", answer.text());
    }
    assert_eq!(bank.world.seen("north").requests + bank.world.seen("south").requests, 0);
    bank.gave("south", OWN, None);
    assert_eq!(bank.world.chat(Chat::to("both")).status, 200);
    assert_eq!(bank.world.seen("north").requests, 0, "nor where another would serve");
    assert_eq!(bank.shown("south").as_deref(), Some(OWN));
}

#[test]
fn what_a_tenants_own_credential_comes_to_says_nothing_of_the_endpoint_for_others() {
    let strict = Profile { require_key: Some("credential-of-north".into()), ..Profile::default() };
    let bank = Bank::of(World::with().openai("north", strict).section("vault", ALLOWED));
    let neighbour = bank.neighbour();
    bank.gave("north", OWN, None);
    let others_are_served = |what: &str| {
        assert_eq!(bank.world.chat_as(&neighbour, Chat::only("north")).status, 200, "{what}");
        let flowing = bank.world.metric("tollgate_endpoint_health", &[("endpoint", "north"), ("state", "flowing")]);
        assert!(flowing > 0.5, "{what}");
    };
    (0..10).for_each(|_| assert_ne!(bank.world.chat(Chat::only("north")).status, 200));
    others_are_served("its key is refused");
    bank.world.set("broken", status(500));
    let broken = format!("{}/v1", bank.world.vendor.base_url("broken"));
    let made = bank.ask("GET", "/credentials", None).json()["data"][0]["id"].as_str().expect("an id").to_owned();
    let other = json!({"secret": "another-key", "base_url": broken});
    assert_eq!(bank.ask("PUT", &format!("/credentials/{made}"), Some(&other)).status, 200);
    bank.settle();
    (0..10).for_each(|_| assert_ne!(bank.world.chat(Chat::only("north")).status, 200));
    assert!(bank.world.seen("broken").requests > 2, "its own place was tried");
    others_are_served("its own place is broken");
}

#[test]
fn a_tenants_own_place_is_called_where_the_operator_allows_its_network_and_nowhere_else() {
    let bank = Bank::of(two().section("vault", ALLOWED));
    bank.world.set("mine", Profile::default());
    let mine = format!("{}/v1", bank.world.vendor.base_url("mine"));
    bank.gave("north", OWN, Some(mine.clone()));
    assert_eq!(bank.world.chat(Chat::only("north")).status, 200);
    assert_eq!((bank.world.seen("mine").requests, bank.world.seen("north").requests), (1, 0));
    assert_eq!(bank.shown("mine").as_deref(), Some("Bearer own.key-of_acme"));
    let elsewhere = [
        "http://10.0.0.1/v1",
        "https://10.0.0.1/v1",
        "https://169.254.169.254/latest",
        "http://[::1]:80/v1",
        "https://localhost/v1",
        "http://vendor.example/v1",
        "https://[::ffff:10.0.0.1]/v1",
        "https://0x7f000001/",
        "file:///etc/passwd",
        "https://user:x@vendor.example/v1",
        "https://192.168.1.1/v1",
        "ftp://127.0.0.1/",
    ];
    for url in elsewhere {
        let answer = bank.give("south", OWN, Some(url.into()));
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{url}: {}", answer.text());
    }
    let closed = Bank::of(two());
    assert_eq!(closed.give("north", OWN, Some(mine)).status, 400, "no network is allowed unless it is named");
}

#[test]
fn a_place_that_got_past_the_first_guard_is_not_called_either() {
    let bank = Bank::of(two());
    bank.world.set("mine", Profile::default());
    bank.seal(TENANT, TENANT, Some(&format!("{}/v1", bank.world.vendor.base_url("mine"))));
    let answer = bank.world.chat(Chat::only("north"));
    assert_eq!((answer.status, answer.code().as_str()), (403, "credential_required"), "{}", answer.text());
    assert_eq!((bank.world.seen("mine").requests, bank.world.seen("north").requests), (0, 0));
}

#[test]
fn a_credential_that_does_not_open_is_not_replaced_by_the_operators() {
    let bank = Bank::of(two());
    bank.seal(TENANT, "globex", None);
    let answer = bank.world.chat(Chat::only("north"));
    assert!(answer.status >= 400, "{}", answer.text());
    assert_eq!(bank.world.seen("north").requests, 0, "what was sealed for another tenant is of no use here");
    bank.office.tenant("globex", |_| {});
    bank.seal("globex", "globex", None);
    let key = bank.neighbour();
    assert_eq!(bank.world.chat_as(&key, Chat::only("north")).status, 200, "and there it opens");
    assert_eq!(bank.shown("north").as_deref(), Some("Bearer own.key-of_acme"));
}

#[test]
fn a_secret_that_no_header_can_hold_is_refused_when_it_is_given() {
    let bank = Bank::of(two());
    let answer = bank.give("north", "first-line\nsecond-line-of-it", None);
    let served = bank.world.chat(Chat::only("north"));
    let seen = bank.world.seen("north").last.map(|last| last.headers);
    assert_eq!(answer.status, 400, "taken, and then {} with {seen:?}", served.status);
}

#[test]
fn a_header_that_is_the_operators_credential_does_not_go_with_the_tenants_own() {
    let vendor = World::with().openai("base", Profile::default()).start();
    let base_url = format!("{}/v1", vendor.vendor.base_url("base"));
    let bank = Bank::of(World::with().place("north", "openai", base_url, "    headers: {api-key: operators-secret}\n"));
    bank.gave("north", OWN, None);
    assert_eq!(bank.world.chat(Chat::only("north")).status, 200);
    let last = vendor.seen("base").last.expect("a request");
    assert_eq!(last.header("authorization"), Some("Bearer own.key-of_acme"));
    assert_eq!(last.header("api-key"), None, "the vendor may ask the operator for what the tenant uses");
}

#[test]
fn a_redirect_is_an_answer_and_is_not_followed() {
    let bank = Bank::of(two().section("vault", ALLOWED));
    bank.world.set("elsewhere", Profile::default());
    let target = format!("{}/v1/chat/completions", bank.world.vendor.base_url("elsewhere"));
    bank.gave("north", OWN, Some(format!("{}/v1", bank.world.vendor.base_url("mine"))));
    for code in [301, 302, 303, 307, 308] {
        let no = Fault::Status { status: code, retry_after: None, body: None };
        let headers = vec![("location".to_owned(), target.clone())];
        bank.world.set("mine", Profile { headers, ..faulty(no) });
        let answer = bank.world.chat(Chat::only("north"));
        assert_ne!(answer.status, 200, "{code}");
        assert_eq!(answer.header("location"), None, "{code}: nor is the client sent there");
    }
    assert_eq!(bank.world.seen("elsewhere").requests, 0);
    assert!(bank.world.seen("mine").requests >= 5);
}

#[test]
fn an_empty_balance_for_own_credentials_is_402_and_no_other_pays() {
    let bank = Bank::of(two().section("fees", "{cost_percent: 10, byok_percent: 5}"));
    bank.gave("north", OWN, None);
    bank.office.top_up(BalanceKind::Managed, 1_000_000_000);
    bank.office.top_up(BalanceKind::Byok, 1);
    bank.settle();
    let answer = bank.world.chat(Chat::only("north"));
    assert_eq!((answer.status, answer.code().as_str()), (402, "byok_balance_empty"), "{}", answer.text());
    assert_eq!(bank.world.seen("north").requests, 0);
    assert_eq!(bank.world.chat(Chat::only("south")).status, 200, "the operator's are paid from the other");
    until("that is paid", || (bank.paid(BalanceKind::Managed) > 0).then_some(()));
    assert_eq!(bank.paid(BalanceKind::Byok), 0);
}

/// A sum over all that the totals of the audit log hold.
fn totals(world: &World, member: &str) -> i64 {
    let Ok(text) = std::fs::read_to_string(world.folder().join("data/totals.json")) else { return 0 };
    let totals: Value = serde_json::from_str(&text).expect("JSON");
    let inside = |v: &Value| v.as_object().into_iter().flatten().map(|(_, v)| v.clone()).collect::<Vec<_>>();
    let models = inside(&totals["logs"]).iter().flat_map(inside).collect::<Vec<_>>();
    models.iter().flat_map(inside).map(|sum| sum[member].as_i64().unwrap_or_default()).sum()
}

#[test]
fn own_credentials_cost_the_balance_the_fee_and_the_budget_everything() {
    let bank = Bank::of(two().section("fees", "{cost_percent: 10, byok_percent: 5}"));
    bank.gave("north", OWN, None);
    let budget = bank.office.budget(Covers::Tenant, Period::Total, 1_000_000_000);
    bank.office.top_up(BalanceKind::Managed, 1_000_000_000);
    bank.office.top_up(BalanceKind::Byok, 1_000_000_000);
    bank.settle();
    let mut ids = Vec::new();
    for name in ["north", "south", "north"] {
        let answer = bank.world.chat(Chat::only(name).with("max_tokens", json!(300)));
        assert_eq!(answer.status, 200, "{}", answer.text());
        ids.push(answer.header("x-tollgate-request-id").expect("an id").to_owned());
    }
    // Each fee is rounded for itself, and the two requests to the north are the same.
    let (own, operators) = (bank.billed("north"), bank.billed("south"));
    let byok = 2 * ((own / 2 * 5 + 50) / 100);
    let managed = (operators * 10 + 50) / 100;
    let all = own + byok + operators + managed;
    assert_eq!(bank.office.settled(&budget, |s| s.settled >= all), all);
    until("the balances are settled", || (bank.paid(BalanceKind::Byok) >= byok).then_some(()));
    assert_eq!(bank.paid(BalanceKind::Byok), byok, "the vendor asks the tenant for the rest");
    assert_eq!(bank.paid(BalanceKind::Managed), operators + managed);
    for (id, own) in ids.iter().zip([json!(true), Value::Null, json!(true)]) {
        let record = until("its record is signed", || {
            let answer = bank.ask("GET", &format!("/records/{id}"), None);
            (answer.status == 200).then(|| answer.json())
        });
        assert_eq!(record["own"], own, "{record}");
    }
    let month = &humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string()[..7];
    let statement = bank.ask("GET", &format!("/statements/{month}"), None).json();
    let nano = |what: &str| statement["total"][what].as_str().and_then(|m| m.parse::<Money>().ok()).map(Money::nano);
    until("the totals are written", || (totals(&bank.world, "requests") == 3).then_some(()));
    assert_eq!(nano("cost"), Some(totals(&bank.world, "cost")), "{statement}");
    assert_eq!(nano("fee"), Some(totals(&bank.world, "fee")), "{statement}");
    assert_eq!((nano("cost"), nano("fee")), (Some(own + operators), Some(byok + managed)), "{statement}");
    assert_eq!(statement["total"]["requests"], 3, "{statement}");
}

#[test]
fn a_vendor_that_repeats_the_tenants_key_is_not_quoted() {
    let mirrors = [400, 401, 403, 429, 500].map(|status| {
        BareVendor::spawn(move |_, mut wire| {
            while let Some(request) = wire.request() {
                let body = json!({"error": {"message": request, "type": request, "code": format!("was {OWN}")}});
                let (body, text) = (body.to_string(), "content-type: application/json");
                let head = format!("HTTP/1.1 {status} No\r\n{text}\r\nx-key: {OWN}\r\ncontent-length: {}", body.len());
                wire.write(format!("{head}\r\n\r\n{body}"));
            }
        })
    });
    for mirror in &mirrors {
        let bank = Bank::of(two().section("vault", ALLOWED));
        bank.gave("north", OWN, Some(mirror.base_url()));
        for chat in [Chat::only("north"), Chat::only("north").streamed()] {
            let answer = bank.world.chat(chat);
            let all = format!("{:?} {}", answer.headers, answer.text());
            assert!(answer.status >= 400 && !all.contains(OWN), "{all}");
        }
        assert!(mirror.connections() > 0, "it was asked");
    }
}

#[test]
fn what_flex_saves_a_tenant_with_its_own_credential_is_its_own_but_for_the_fee_on_it() {
    let fees = "{byok_percent: \"10\", saving_percent: \"20\"}";
    let plans = World::with().tiered("north", Profile::default(), Profile::default());
    let bank = Bank::of(plans.section("vault", ALLOWED).section("fees", fees));
    bank.gave("north", OWN, None);
    bank.office.top_up(BalanceKind::Byok, 1_000_000_000);
    bank.settle();
    let answer = bank.world.chat(Chat::only("north").with("start_within", json!("30s")));
    assert_eq!((answer.status, answer.header("x-tollgate-race")), (200, Some("flex")), "{}", answer.text());
    assert_eq!(bank.shown("north-flex").as_deref(), Some("Bearer own.key-of_acme"), "its race is run with its own");
    let billed = bank.world.seen("north-flex").billed;
    let cost = (billed.input as i64 * INPUT + billed.output as i64 * OUTPUT) / 2;
    // Flex is half the price: a tenth of the cost, and a fifth of as much again that was saved.
    let fee = (cost + 5) / 10 + (cost + 2) / 5;
    let said = answer.header("x-tollgate-fee-usd").and_then(|fee| fee.parse::<Money>().ok()).expect("a fee");
    assert!((said.nano() - fee).abs() <= 1, "{} for {fee}", said.nano());
    let paid = until("the fee is paid", || {
        let balances = bank.office.store.balances(&Scope::Operator, TENANT).expect("balances");
        balances.iter().find(|b| b.kind == BalanceKind::Byok).map(|b| b.standing.settled).filter(|paid| *paid > 0)
    });
    assert_eq!(paid, said.nano(), "the fee, and nothing else");
}
