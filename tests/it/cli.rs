//! The command line: exit codes that scripts can trust, and commands that do what they say and no more.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tollgate_simulate::Profile;

use crate::world::{Chat, TOLLGATE, World};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// An empty folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

fn tollgate(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(TOLLGATE);
    command.args(arguments).current_dir(folder).env_remove("TOLLGATE_CONFIG");
    for (name, _) in std::env::vars().filter(|(n, _)| n.ends_with("_API_KEY")) {
        command.env_remove(name);
    }
    command.output().expect("the binary runs")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const SMALL: &str = "keys: []\nproviders:\n  ollama: {}\nmodels:\n  llama:\n    candidates: [ollama/llama3.2]\n";

#[test]
fn exit_codes_tell_right_from_wrong_from_misused() {
    let folder = folder("exit-codes");
    fs::write(folder.join("right.yaml"), SMALL).expect("the file can be written");
    fs::write(folder.join("wrong.yaml"), SMALL.replace("candidates", "kandidates")).expect("the file can be written");
    fs::write(folder.join("body.json"), Chat::to("llama").bytes()).expect("the file can be written");
    fs::write(folder.join("cut.json"), "{").expect("the file can be written");
    for (arguments, code) in [
        (&["check", "-c", "right.yaml"][..], 0),
        (&["schema"], 0),
        (&["schema", "classify"], 0),
        (&["schema", "catalogue"], 0),
        (&["--version"], 0),
        (&["--help"], 0),
        (&["key", "create"], 0),
        (&["explain", "-c", "right.yaml", "-f", "body.json"], 0),
        (&["explain", "-c", "right.yaml", "-f", "cut.json"], 1),
        (&["explain", "-c", "right.yaml", "-f", "absent.json"], 1),
        (&["check", "-c", "wrong.yaml"], 78),
        (&["check", "-c", "absent.yaml"], 78),
        (&["serve", "-c", "wrong.yaml"], 78),
        (&["explain", "-c", "wrong.yaml", "-f", "body.json"], 78),
        (&[], 2),
        (&["nothing"], 2),
        (&["check", "--nothing"], 2),
        (&["explain"], 2),
    ] {
        let output = tollgate(&folder, arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn a_mistake_is_reported_with_its_place_and_the_nearest_name() {
    let folder = folder("mistakes");
    let wrong = SMALL.replace("candidates", "kandidates").replace("ollama/", "olama/");
    fs::write(folder.join("wrong.yaml"), wrong).expect("the file can be written");
    let report = said(&tollgate(&folder, &["check", "-c", "wrong.yaml"]));
    assert!(
        report.contains("wrong.yaml:6:5") && report.contains("kandidates") && report.contains("candidates"),
        "{report}"
    );
}

#[test]
fn a_listener_that_is_taken_is_a_failure_with_its_address() {
    let folder = folder("taken");
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = holder.local_addr().expect("a bound socket");
    let yaml = format!(
        "server:\n  listen: [{{address: \"{address}\"}}]\n  ops: 127.0.0.1:0\nadmin: {{listen: 127.0.0.1:0}}\n{SMALL}"
    );
    fs::write(folder.join("taken.yaml"), yaml).expect("the file can be written");
    let mut child = Command::new(TOLLGATE)
        .args(["serve", "-c", "taken.yaml"])
        .current_dir(&folder)
        .stderr(fs::File::create(folder.join("stderr")).expect("the file can be made"))
        .spawn()
        .expect("the binary starts");
    let began = std::time::Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("its status can be asked") {
            break Some(status);
        }
        if began.elapsed() > std::time::Duration::from_secs(15) {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let stderr = fs::read_to_string(folder.join("stderr")).expect("it is written to a file");
    assert_eq!(status.and_then(|s| s.code()), Some(1), "{stderr}");
    assert!(stderr.contains(&address.to_string()) && !stderr.contains("panicked"), "{stderr}");
}

#[test]
fn init_writes_a_file_that_checks_and_never_overwrites_one() {
    let folder = folder("init");
    let init = |keys: &[(&str, &str)]| {
        Command::new(TOLLGATE)
            .args(["init"])
            .current_dir(&folder)
            .env_remove("TOLLGATE_CONFIG")
            .envs(keys.iter().copied())
            .output()
            .expect("the binary runs")
    };
    let keys = [("OPENAI_API_KEY", "canary-openai"), ("ANTHROPIC_API_KEY", "canary-anthropic")];
    assert_eq!(init(&keys).status.code(), Some(0));
    let written = fs::read_to_string(folder.join("tollgate.yaml")).expect("it wrote it");
    assert!(written.contains("openai") && written.contains("anthropic") && !written.contains("canary"), "{written}");
    let checked =
        Command::new(TOLLGATE).args(["check"]).current_dir(&folder).envs(keys).output().expect("the binary runs");
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    fs::write(folder.join("tollgate.yaml"), "mine").expect("the file can be written");
    let again = init(&keys);
    assert_eq!(again.status.code(), Some(1), "{}", said(&again));
    assert_eq!(fs::read_to_string(folder.join("tollgate.yaml")).expect("it is there"), "mine");
}

#[test]
fn explain_names_the_plan_and_sends_nothing() {
    let world = World::with()
        .openai("steady", Profile::default())
        .anthropic("other", Profile::default())
        .model("both", &["steady", "other"])
        .section("routes", "[{name: hard, match: {model: [auto], task: [code]}, candidates: [other]}]")
        .start();
    fs::write(world.folder().join("both.json"), Chat::to("both").bytes()).expect("the file can be written");
    let code = Chat::to("auto").saying("Write a Python function that sorts a list");
    fs::write(world.folder().join("auto.json"), code.bytes()).expect("the file can be written");
    let explain = |file| said(&tollgate(world.folder(), &["explain", "-c", "tollgate.yaml", "-f", file]));
    let both = explain("both.json");
    let (first, second) = (both.find("steady-model"), both.find("other-model"));
    assert!(first.is_some() && first < second, "in the order of the attempts: {both}");
    let auto = explain("auto.json");
    assert!(["code", "hard", "other-model"].iter().all(|word| auto.contains(word)), "{auto}");
    assert!(!auto.contains("credential-of") && !auto.contains("Python function"), "{auto}");
    assert_eq!(world.seen("steady").requests + world.seen("other").requests, 0);
}

#[test]
fn a_created_key_opens_the_door() {
    let world = World::steady();
    let output = tollgate(world.folder(), &["key", "create", "--name", "made", "--tenant", "acme", "--json"]);
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    let entry = format!(
        "keys:\n  - {{id: {}, name: made, tenant: acme, hash: \"{}\"}}\n",
        made["id"].as_str().expect("an id"),
        made["hash"].as_str().expect("a hash")
    );
    let key = made["key"].as_str().expect("a key");
    assert!(!entry.contains(key), "only its hash is stored");
    assert_eq!(world.chat_as(key, Chat::only("steady")).status, 401, "not known yet");
    assert!(world.reload(&world.yaml.replace("keys:\n", &entry)));
    assert_eq!(world.chat_as(key, Chat::only("steady")).status, 200);
    let text = said(&tollgate(world.folder(), &["key", "create"]));
    assert!(text.contains("tgk_") && text.contains("hash: \"sha256:"), "{text}");
}

#[test]
fn every_example_of_a_configuration_checks() {
    let folder = Path::new(ROOT).join("conf");
    let mut checked = 0;
    for file in fs::read_dir(&folder).expect("there are examples").map(|f| f.expect("a file").path()) {
        let text = fs::read_to_string(&file).unwrap_or_default();
        // Each file says by its first line what it is a file of.
        let is_configuration = file.extension().is_some_and(|e| e == "yaml")
            && text.lines().next().is_some_and(|l| l.contains("tollgate.schema.json"));
        if !is_configuration {
            assert!(!file.ends_with("tollgate.yaml") && !file.ends_with("minimal.yaml"), "{}", file.display());
            continue;
        }
        let output = Command::new(TOLLGATE)
            .args(["check", "-c"])
            .arg(&file)
            .envs(["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "INHOUSE_API_KEY"].map(|name| (name, "sk-example")))
            .env("TOLLGATE_DEMO_UPSTREAM", "http://127.0.0.1:9")
            .env("TOLLGATE_DEMO_KEY_HASH", format!("sha256:{}:{}", "0".repeat(32), "0".repeat(64)))
            .output()
            .expect("the binary runs");
        assert_eq!(output.status.code(), Some(0), "{}: {}", file.display(), said(&output));
        checked += 1;
    }
    assert!(checked >= 3, "tollgate.yaml, minimal.yaml, demo.yaml; found {checked}");
}

#[test]
fn check_points_at_a_price_that_looks_mistyped_and_accepts_it() {
    let world = World::steady();
    let prices = "provider: inhouse\nsource: ours\nchecked_on: 2026-11-20\nmodels:\n  - {id: big, prices: {input: 3, output: 1}}\n";
    fs::write(world.folder().join("prices.yaml"), prices).expect("written");
    let yaml = format!("{}catalogue: {{files: [prices.yaml]}}\n", world.yaml);
    fs::write(world.folder().join("odd.yaml"), yaml).expect("written");
    let text = said(&tollgate(world.folder(), &["check", "-c", "odd.yaml"]));
    assert!(text.contains("correct.") && text.contains("`inhouse/big`: `output` is less than `input`"), "{text}");
}

#[test]
fn the_error_reference_is_current() {
    let file = Path::new(ROOT).join("docs/errors.md");
    let text = tollgate::error_reference_markdown();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &text).expect("the file can be written");
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(written == text, "docs/errors.md is not what the code says; `make docs` writes it anew");
}

#[test]
fn schemas_are_draft_07_and_every_file_names_its_own() {
    for of in ["config", "classify", "catalogue"] {
        let output = tollgate(Path::new(ROOT), &["schema", of]);
        let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#", "{of}");
    }
}
