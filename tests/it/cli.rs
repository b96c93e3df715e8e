//! The command line: exit codes that scripts can trust, and commands that do what they say and no more.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;
use tollgate_simulate::Profile;

use crate::world::{Chat, TOLLGATE, World};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// An empty folder for one test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// The command, in this folder and without keys of vendors.
pub(crate) fn tollgate(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(TOLLGATE);
    command.args(arguments).current_dir(folder).env_remove("TOLLGATE_CONFIG");
    for (name, _) in std::env::vars().filter(|(n, _)| n.ends_with("_API_KEY")) {
        command.env_remove(name);
    }
    command.output().expect("the binary runs")
}

/// All that it printed.
pub(crate) fn said(output: &Output) -> String {
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
        (&["catalogue", "check"], 0),
        (&["catalogue", "check", "absent.yaml"], 1),
        (&["catalogue", "diff", "absent.json"], 1),
        (&["catalogue", "import", "body.json", "--provider", "openai"], 1),
        (&["catalogue"], 2),
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
fn explain_reads_a_request_of_any_surface() {
    let world = World::with().openai("steady", Profile::default()).anthropic("other", Profile::default()).start();
    let contents = json!({"contents": [{"parts": [{"text": "Hello"}]}]});
    let message = json!({"model": "only-other", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]});
    let explain = |path: &str, body: &serde_json::Value| {
        fs::write(world.folder().join("body.json"), body.to_string()).expect("the file can be written");
        tollgate(world.folder(), &["explain", "-c", "tollgate.yaml", "-f", "body.json", "--path", path])
    };
    let anthropics = said(&explain("/anthropic/v1/messages", &message));
    assert!(anthropics.contains("other-model at other, speaking anthropic"), "{anthropics}");
    let googles = said(&explain("/v1beta/models/only-steady:streamGenerateContent", &contents));
    assert!(googles.contains("model `only-steady`, streamed") && googles.contains("speaking openai"), "{googles}");
    let wrong = explain("/v1/messages", &contents);
    assert!(wrong.status.code() == Some(1) && said(&wrong).contains("invalid_request"), "{}", said(&wrong));
    let nowhere = explain("/v1/files", &message);
    assert!(nowhere.status.code() == Some(1) && said(&nowhere).contains("/v1/messages"), "{}", said(&nowhere));
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
    assert!(
        text.contains("correct.") && text.contains("`inhouse/big`: `output` is less than half of `input`"),
        "{text}"
    );
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

const PRICES: &str = r#"{
    "m": {"litellm_provider": "openai", "mode": "chat", "max_input_tokens": 1000, "max_output_tokens": 100,
          "input_cost_per_token": 1.5e-06, "output_cost_per_token": 6e-06, "supports_vision": true,
          "input_cost_per_token_priority": 1e-04, "output_cost_per_token_priority": 4e-04,
          "input_cost_per_token_flex": 7.5e-07, "output_cost_per_token_flex": 3e-06},
    "m2": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06},
    "video": {"litellm_provider": "openai", "mode": "video_generation"}
}"#;

#[test]
fn what_is_imported_is_a_correct_file_and_what_is_left_out_says_why() {
    let folder = folder("catalogue-import");
    fs::write(folder.join("prices.json"), PRICES).expect("the file can be written");
    let imported = tollgate(&folder, &["catalogue", "import", "prices.json", "--provider", "openai", "--model", "m*"]);
    let yaml = String::from_utf8_lossy(&imported.stdout).into_owned();
    assert!(yaml.contains("- id: m\n") && yaml.contains("flex: {input: 0.75, output: 3}"), "{}", said(&imported));
    assert!(!yaml.contains("priority:"), "fifty times as dear is a wrong row: {yaml}");
    let left = String::from_utf8_lossy(&imported.stderr).into_owned();
    assert!(left.starts_with("openai/m: left out of it:") && !left.contains("video"), "{left}");
    fs::write(folder.join("ours.yaml"), yaml).expect("the file can be written");
    let checked = tollgate(&folder, &["catalogue", "check", "ours.yaml"]);
    assert_eq!(said(&checked), "1 files, 2 models, 0 errors\n");
}

#[test]
fn a_check_says_all_that_is_wrong_at_once_and_fails() {
    let folder = folder("catalogue-check");
    let models = "models:\n  - {id: a, prices: {input: 1, output: 0.1}}\n  - {id: a, prices: {input: 1, output: 1}}\n";
    let head = "provider: v\nsource: s\nchecked_on: 2024-02-29\n";
    fs::write(folder.join("one.yaml"), format!("{head}{models}")).expect("the file can be written");
    fs::write(folder.join("two.yaml"), format!("{head}modles: []\n")).expect("the file can be written");
    let checked = tollgate(&folder, &["catalogue", "check", "one.yaml", "two.yaml"]);
    let said = said(&checked);
    assert_eq!(checked.status.code(), Some(1), "{said}");
    for part in [
        "one.yaml: error: `v` has the model `a` twice",
        "one.yaml: error: `v/a`: `output` is less than half of `input`",
        "one.yaml: note: its figures were looked up",
        "modles",
        "2 files, 2 models, ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_diff_names_each_figure_that_another_list_has_otherwise() {
    let folder = folder("catalogue-diff");
    fs::write(folder.join("prices.json"), PRICES).expect("the file can be written");
    let ours = "provider: openai\nsource: s\nchecked_on: 2026-11-21\nmodels:\n  - {id: m, context: 1000, max_output: 100, prices: {input: 2, output: 6}}\n";
    fs::write(folder.join("ours.yaml"), ours).expect("the file can be written");
    let json = tollgate(&folder, &["catalogue", "diff", "prices.json", "--ours", "ours.yaml"]);
    let lines = [
        "openai/m: input 2 here, 1.5 there",
        "openai/m: tiers.flex.input none here, 0.75 there",
        "openai/m: tiers.flex.output none here, 3 there",
        "and 1 models that only the other list has: `--all` names them",
    ];
    assert_eq!(said(&json), format!("{}\n", lines.join("\n")));
    fs::write(folder.join("theirs.yaml"), ours.replace("input: 2", "input: 3")).expect("the file can be written");
    let yaml = tollgate(&folder, &["catalogue", "diff", "theirs.yaml", "--ours", "ours.yaml"]);
    assert_eq!(said(&yaml), "openai/m: input 2 here, 3 there\n");
}
