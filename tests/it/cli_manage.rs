//! The operator's command line over the store: it does what the management API does, with and without a
//! gateway that runs, and gives no secret away.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tollgate_simulate::Profile;

use crate::office::Office;
use crate::plans;
use crate::world::{Chat, TOLLGATE, World, until};

const SECRET: &str = "sk-canary-of-acme-0123456789abcdef";

/// An empty folder for one test, with a configuration that is enough.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-manage").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder can be made");
    let small = "keys: []\nproviders:\n  ollama: {}\nmodels:\n  llama:\n    candidates: [ollama/llama3.2]\n";
    fs::write(folder.join("tollgate.yaml"), small).expect("the file can be written");
    folder
}

/// A command line, with what it reads on its standard input.
fn tollgate_given(folder: &Path, line: &[&str], input: &str) -> Output {
    let mut child = Command::new(TOLLGATE)
        .args(line)
        .current_dir(folder)
        .env_remove("TOLLGATE_CONFIG")
        .env_remove("TOLLGATE_LOG")
        .env("ACME_SECRET", SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // One that fails before it reads leaves nobody to write to.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn tollgate(folder: &Path, line: &str) -> Output {
    tollgate_given(folder, &line.split(' ').collect::<Vec<_>>(), "")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What a command answers that must work.
fn json(folder: &Path, line: &str) -> Value {
    let output = tollgate(folder, line);
    assert_eq!(output.status.code(), Some(0), "{line}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{line}: not one JSON value ({e})"))
}

/// What a command does that prints nothing, or no JSON.
fn done(folder: &Path, line: &str) -> String {
    let output = tollgate(folder, line);
    assert_eq!(output.status.code(), Some(0), "{line}: {}", said(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What a command says that must fail.
fn refusal(folder: &Path, line: &str) -> String {
    let output = tollgate(folder, line);
    assert_eq!(output.status.code(), Some(1), "{line}: {}", said(&output));
    assert!(output.stdout.is_empty(), "an error is no answer: {}", said(&output));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no `{member}` in {value}"))
}

/// Waits until a chat with this key has this status, which has to be soon.
fn soon(world: &World, key: &str, status: u16) {
    let began = Instant::now();
    until(&format!("{status}"), || (world.chat_as(key, Chat::only("steady")).status == status).then_some(()));
    // Half a second would do; a machine that is busy with other tests is given more.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_tenant_and_a_key_made_beforehand_work_until_they_are_taken_back() {
    let mut world = World::with().openai("steady", Profile::default()).start();
    world.signal("TERM");
    world.wait_for_exit();
    let folder = world.folder().to_owned();
    fs::remove_dir_all(folder.join("data")).expect("as if nothing had ever run here");
    let file = "-c tollgate.yaml";
    assert_eq!(text(&json(&folder, &format!("tenant create globex --name Globex {file}")), "name"), "Globex");
    let early = json(&folder, &format!("key create {file} --tenant globex --name early"));
    world.child = plans::gateway(Path::new(TOLLGATE), &folder).spawn().expect("the binary starts");
    let world = world.when_ready();
    soon(&world, text(&early, "key"), 200);
    let late = json(&folder, &format!("key create {file} --tenant globex --name late --model other-*"));
    soon(&world, text(&late, "key"), 403);
    json(&folder, &format!("key revoke {file} --tenant globex {}", text(&early, "id")));
    soon(&world, text(&early, "key"), 401);
    let keys = json(&folder, "key list --tenant globex");
    assert_eq!(keys["data"].as_array().map(Vec::len), Some(2));
    assert!(!keys.to_string().contains(text(&late, "key")), "a key is shown once");
    let rotated = json(&folder, &format!("key rotate --tenant globex {}", text(&late, "id")));
    soon(&world, text(&rotated, "key"), 403);
    soon(&world, text(&late, "key"), 401);
    json(&folder, &format!("key change --tenant globex {} --rebind", text(&rotated, "id")));
    soon(&world, text(&rotated, "key"), 200);
    json(&folder, "tenant change globex --suspended true");
    soon(&world, text(&rotated, "key"), 403);
}

#[test]
fn a_budget_made_on_the_command_line_refuses() {
    let world = World::steady();
    let folder = world.folder();
    json(folder, "tenant create acme");
    let limit = "budget create --tenant acme --covers tenant --period total --limit";
    assert!(refusal(folder, &format!("{limit} lots")).contains("25.00"));
    let budget = json(folder, &format!("{limit} 0.000001"));
    until("the budget refuses", || (world.chat(Chat::only("steady")).status == 402).then_some(()));
    json(folder, &format!("budget change --tenant acme {} --limit 25.00", text(&budget, "id")));
    until("the budget allows", || (world.chat(Chat::only("steady")).status == 200).then_some(()));
    assert_eq!(done(folder, &format!("budget remove --tenant acme {}", text(&budget, "id"))), "");
}

#[test]
fn balances_limits_members_and_reports_answer_as_the_management_api_does() {
    let folder = folder("answers");
    json(&folder, "tenant create acme --byok-only");
    let member = json(&folder, "member create --tenant acme --email a@example.com --role admin");
    assert_eq!(text(&member, "role"), "admin");
    let paid = "balance top-up --tenant acme --kind managed --amount";
    json(&folder, &format!("{paid} 100.00 --idempotency-key once"));
    json(&folder, &format!("{paid} 100.00 --idempotency-key once"));
    json(&folder, &format!("{paid} -1.50 --note correction"));
    let ups = json(&folder, "balance top-ups --tenant acme --kind managed");
    assert_eq!(ups["data"].as_array().map(Vec::len), Some(2), "the same payment counts once");
    let limits = json(&folder, "limit set --tenant acme --requests-per-minute 100");
    assert_eq!(limits, json(&folder, "limit show --tenant acme"));
    assert_eq!(limits["requests_per_minute"], 100);
    let line =
        format!("key create --store --tenant acme --member {} --expires 2100-01-01T00:00:00Z", text(&member, "id"));
    let key = json(&folder, &format!("{line} --ip 192.0.2.7 --tag night"));
    assert_eq!(key["bindings"]["ips"][0], "192.0.2.7/32");
    assert_eq!(key["expires_ms"], 4_102_444_800_000_i64);
    let change = format!("key change --tenant acme {}", text(&key, "id"));
    let changed = json(&folder, &format!("{change} --never-expires"));
    assert_eq!((&changed["expires_ms"], &changed["bindings"]), (&Value::Null, &key["bindings"]));
    assert_eq!(json(&folder, &format!("{change} --rebind --tag day"))["bindings"]["ips"], Value::Null);
    let month = json(&folder, "statement --tenant acme --month 2026-11");
    assert_eq!(text(&month, "month"), "2026-11");
    json(&folder, "usage --tenant acme --from 2026-11-01 --to 2026-11-30");
    json(&folder, "node list");
    assert_eq!(done(&folder, &format!("member remove --tenant acme {}", text(&member, "id"))), "");
    let key = json(&folder, &format!("key show --tenant acme {}", text(&key, "id")));
    assert!(key["revoked_ms"].is_i64(), "a member's keys go with it");
}

#[test]
fn a_tenants_deadlines_are_said_and_taken_back() {
    let folder = folder("deadlines");
    let made = json(&folder, "tenant create acme --start-within 30s --require-start-within true --race sequential");
    let all = serde_json::json!({"start_within": "30s", "require": true, "race": "sequential"});
    assert_eq!(made["deadlines"], all);
    assert_eq!(json(&folder, "tenant change acme --name Acme")["deadlines"], all, "what is not named stays");
    let less = json(&folder, "tenant change acme --require-start-within configured --race overlap");
    assert_eq!(less["deadlines"], serde_json::json!({"start_within": "30s", "race": "overlap"}));
    let none = json(&folder, "tenant change acme --start-within configured --race configured");
    assert_eq!(none["deadlines"], serde_json::json!({}));
    assert!(refusal(&folder, "tenant change acme --start-within soon").contains("it must be `default`"));
    assert_eq!(tollgate(&folder, "tenant change acme").status.code(), Some(2), "a change of nothing");
    assert_eq!(tollgate(&folder, "tenant change acme --race both").status.code(), Some(2));
}

#[test]
fn a_management_key_is_the_operators_or_a_tenants() {
    let folder = folder("management");
    let operators = json(&folder, "key create --management --name me");
    assert!(text(&operators, "key").starts_with("tgm_") && operators["tenant"].is_null(), "{operators}");
    assert_eq!(json(&folder, "key list")["data"][0]["id"], operators["id"]);
    json(&folder, "tenant create acme");
    let tenants = json(&folder, "key create --management --tenant acme --role admin");
    assert_eq!((text(&tenants, "tenant"), text(&tenants, "role")), ("acme", "admin"));
    json(&folder, &format!("key revoke {}", text(&operators, "id")));
    assert!(json(&folder, "key list")["data"][0]["revoked_ms"].is_i64());
}

#[test]
fn a_record_is_read_beside_the_gateway_that_writes_it() {
    let world = World::steady();
    let answer = world.chat(Chat::only("steady"));
    let id = answer.header("x-tollgate-request-id").expect("an id").to_owned();
    let show = format!("record show --tenant acme {id}");
    let record = until("the record is signed", || {
        let output = tollgate(world.folder(), &show);
        serde_json::from_slice::<Value>(&output.stdout).ok()
    });
    assert_eq!(text(&record, "id"), id, "{record}");
    let list = json(world.folder(), "record list --tenant acme --limit 10");
    assert_eq!(list["data"][0], record);
}

#[test]
fn what_is_not_there_is_said_plainly() {
    let folder = folder("absent");
    for line in [
        "tenant show nobody",
        "member list --tenant nobody",
        "key create -c tollgate.yaml --tenant nobody",
        "key create --store --tenant nobody",
        "budget list --tenant nobody",
        "limit set --tenant nobody --requests-per-day 1",
        "balance top-up --tenant nobody --kind byok --amount 1",
        "credential list --tenant no/bo?dy",
    ] {
        let said = refusal(&folder, line);
        assert!(said.contains("there is no tenant `no") && said.contains("tollgate tenant create"), "{line}: {said}");
    }
    json(&folder, "tenant create acme");
    assert!(refusal(&folder, "budget show --tenant acme bud_nothing").contains("there is no such thing"));
    assert!(refusal(&folder, "tenant create acme").contains("there is a tenant with this id"));
    assert!(refusal(&folder, "node write-off nobody").contains("there is no such thing"));
    assert_eq!(json(&folder, "member list --tenant acme")["data"], Value::Array(Vec::new()));
}

#[test]
fn an_entry_for_the_configuration_is_made_where_no_store_is_named() {
    let folder = folder("entries");
    for line in ["key create", "key create --tenant acme", "key create -c tollgate.yaml --yaml --tenant acme"] {
        let text = done(&folder, line);
        assert!(text.contains("Add to the configuration") && text.contains("hash: \"sha256:"), "{line}: {text}");
    }
    assert!(!folder.join("data").exists(), "no store is opened for it");
}

#[test]
fn a_credential_is_sealed_and_never_shown() {
    let world = World::steady();
    let folder = world.folder();
    json(folder, "tenant create acme --byok-only");
    let create: Vec<&str> = "credential create --tenant acme --provider steady".split(' ').collect();
    let output = tollgate_given(folder, &create, &format!("{SECRET}\n"));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let id = text(&serde_json::from_slice(&output.stdout).expect("JSON"), "id").to_owned();
    fs::write(folder.join("secret"), format!("{SECRET}\r\n")).expect("written");
    let replace = format!("credential replace --tenant acme {id}");
    let mut printed = said(&output);
    for line in [
        format!("{replace} --secret-file secret"),
        format!("{replace} --secret-env ACME_SECRET"),
        format!("credential show --tenant acme {id}"),
        "credential list --tenant acme".to_owned(),
    ] {
        let output = tollgate(folder, &line);
        assert_eq!(output.status.code(), Some(0), "{line}: {}", said(&output));
        printed.push_str(&said(&output));
    }
    assert!(!printed.contains(SECRET) && !printed.contains("sk-canary"), "{printed}");
    until("the tenant's own is used", || (world.chat(Chat::only("steady")).status == 200).then_some(()));
    assert!(format!("{:?}", world.seen("steady").last.expect("a request")).contains(SECRET), "it is what is sent");
    let mut files = 0;
    for file in fs::read_dir(folder.join("data")).expect("it is there").map(|f| f.expect("a file").path()) {
        if file.is_file() && file.to_string_lossy().contains("tollgate.db") {
            let bytes = fs::read(&file).expect("it can be read");
            let is_plain = bytes.windows(9).any(|part| part == &SECRET.as_bytes()[..9]);
            assert!(!is_plain, "the secret is in {}", file.display());
            files += 1;
        }
    }
    assert!(files > 0);
}

#[test]
fn a_secret_cannot_be_given_as_an_argument() {
    let folder = folder("arguments");
    json(&folder, "tenant create acme");
    let create = "credential create --tenant acme --provider ollama";
    for line in [format!("{create} --secret {SECRET}"), format!("{create} {SECRET}")] {
        assert_eq!(tollgate(&folder, &line).status.code(), Some(2), "{line}");
    }
    let both = format!("{create} --secret-file a --secret-env B");
    assert_eq!(tollgate(&folder, &both).status.code(), Some(2), "one source, or none");
    assert!(refusal(&folder, create).contains("`secret` is empty"), "nothing on standard input is no secret");
    assert!(refusal(&folder, &format!("{create} --secret-env NOT_SET_ANYWHERE")).contains("NOT_SET_ANYWHERE"));
    assert!(refusal(&folder, &format!("{create} --secret-file absent")).contains("absent"));
}

#[test]
fn a_backup_holds_all_and_goes_into_an_empty_store_only() {
    let folder = folder("backup");
    json(&folder, "tenant create acme --name Acme");
    json(&folder, "key create --store --tenant acme");
    json(&folder, "budget create --tenant acme --covers tag:night --period day --limit 1.25");
    assert_eq!(done(&folder, "backup --output all.jsonl"), "");
    let mode = fs::metadata(folder.join("all.jsonl")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(done(&folder, "backup"), fs::read_to_string(folder.join("all.jsonl")).expect("text"));
    assert!(refusal(&folder, "backup restore --input all.jsonl").contains("restore into an empty one"));
    let yaml = fs::read_to_string(folder.join("tollgate.yaml")).expect("text");
    let other = format!("{yaml}store: {{url: \"sqlite:other/tollgate.db\"}}\n");
    fs::write(folder.join("other.yaml"), other).expect("written");
    fs::create_dir_all(folder.join("other")).expect("made");
    assert_eq!(done(&folder, "backup restore -c other.yaml --input all.jsonl"), "");
    for line in ["tenant list", "key list --tenant acme", "budget list --tenant acme"] {
        assert_eq!(json(&folder, line), json(&folder, &format!("{line} -c other.yaml")), "{line}");
    }
    let drafts = fs::read_dir(&folder)
        .expect("a folder")
        .filter(|f| f.as_ref().expect("a file").file_name().to_string_lossy().starts_with(".tollgate"));
    assert_eq!(drafts.count(), 0);
}

#[test]
fn a_store_is_brought_up_to_date_once() {
    let folder = folder("migrate");
    assert!(done(&folder, "migrate").starts_with("0001_accounts\n"));
    assert_eq!(done(&folder, "migrate"), "nothing to do\n");
}

#[test]
fn credentials_stay_usable_while_the_master_key_is_changed() {
    let world = World::steady();
    let folder = world.folder();
    json(folder, "tenant create acme --byok-only");
    json(folder, "credential create --tenant acme --provider steady --secret-env ACME_SECRET");
    let works = |when: &str| {
        let by_own = || format!("{:?}", world.seen("steady").last.expect("a request")).contains(SECRET);
        let is_answered = || world.chat(Chat::only("steady")).status == 200 && by_own();
        until(&format!("{when}: it is answered by the tenant's own credential"), || is_answered().then_some(()));
    };
    works("before");
    let file = folder.join("data/vault.key");
    let first = fs::read_to_string(&file).expect("the gateway made it");
    let printed = done(folder, "vault rotate");
    let both = fs::read_to_string(&file).expect("it is there");
    let lines = |text: &str| text.lines().filter(|line| line.starts_with('v')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!((lines(&first).len(), lines(&both).len()), (1, 2));
    assert!(both.contains(&lines(&first)[0]), "the old key stays");
    assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
    for line in lines(&both) {
        assert!(!printed.contains(&line[3..]), "a master key is printed");
    }
    assert!(refusal(folder, "vault retire").contains("1 credentials are still sealed"));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), both);
    assert!(world.reload_by(|world| world.signal("HUP")), "the gateway takes the new key up");
    works("rotated");
    let resealed = json(folder, "vault reseal");
    assert_eq!((&resealed["resealed"], &resealed["failed"]), (&1.into(), &Value::Array(Vec::new())));
    works("resealed");
    assert!(done(folder, "vault retire").contains("v2 is the only master key, 1 dropped"));
    assert_eq!(lines(&fs::read_to_string(&file).expect("it is there")), lines(&both)[1..]);
    assert!(world.reload_by(|world| world.signal("HUP")), "the gateway reads the file");
    works("retired");
}

#[test]
fn resealing_fails_where_a_credential_does_not_open() {
    let world = World::steady();
    let folder = world.folder();
    json(folder, "tenant create acme");
    json(folder, "credential create --tenant acme --provider steady --secret-env ACME_SECRET");
    let store = Office::of(&world).store;
    let [credential] = &store.all_credentials().expect("the store answers")[..] else { panic!("one credential") };
    store.reseal(&credential.id, credential.version, b"not what was sealed").expect("it can be spoilt");
    let output = tollgate(folder, "vault reseal");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("which they are");
    assert_eq!(report["failed"], serde_json::json!([credential.id]));
}

#[test]
fn master_keys_that_are_not_in_a_file_are_left_to_their_owner() {
    let folder = folder("elsewhere");
    let yaml = fs::read_to_string(folder.join("tollgate.yaml")).expect("text");
    let key = "q83vEjRWeJASNFZ4kBI0VniQEjRWeJASNFZ4kBI0Vng=";
    fs::write(folder.join("tollgate.yaml"), format!("{yaml}vault: {{master_key_env: MASTER}}\n")).expect("written");
    for what in ["rotate", "retire"] {
        let mut command = Command::new(TOLLGATE);
        command.args(["vault", what]).current_dir(&folder).env_remove("TOLLGATE_CONFIG").env("MASTER", key);
        let output = command.output().expect("the binary runs");
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("the variable `MASTER`") && !text.contains(key), "{text}");
    }
}

#[test]
fn what_is_changed_on_the_command_line_is_in_the_audit_log() {
    let world = World::steady();
    json(world.folder(), "tenant create acme");
    json(world.folder(), "budget create --tenant acme --covers tenant --period day --limit 1.50");
    let log = |what: &str| {
        let logs = world.folder().join("data/logs");
        Command::new("grep").args(["-rqF", what]).arg(logs).status().expect("grep runs").success()
    };
    until("both acts are written down", || (log("tenant created") && log("budget bud_")).then_some(()));
    until("nothing is left to write", || {
        let waiting = fs::read_dir(world.folder().join("data/acts")).expect("acts").flatten();
        (!waiting.map(|act| act.path()).any(|path| path.extension().is_some_and(|e| e == "json"))).then_some(())
    });
}
