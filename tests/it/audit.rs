//! The audit log: what each request leaves, when it is on disk, and what those who did not write it can
//! find out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tollgate_auth::Algorithm;
use tollgate_simulate::Profile;

use crate::plans::Key;
use crate::world::{Chat, TOLLGATE, World, busy, paced, status, until};

/// `tollgate audit …`.
pub(crate) fn audit(args: &[&str]) -> Output {
    Command::new(TOLLGATE).arg("audit").args(args).output().expect("the binary runs")
}

/// What both have to say of a folder: ours and the auditor's own.
pub(crate) fn verify(folder: &Path, more: &[&str]) -> Result<(), String> {
    let path = folder.display().to_string();
    let ours = audit(&[&["verify", &path], more].concat());
    let root = env!("CARGO_MANIFEST_DIR");
    let script = format!("{root}/docs/verify_audit.py");
    let theirs = Command::new(format!("{root}/.venv/bin/python")).arg(script).arg(&path).args(more).output();
    let theirs = theirs.expect("`make test` installs Python");
    match (ours.status.code(), theirs.status.code()) {
        (Some(0), Some(0)) => Ok(()),
        (Some(1), Some(1)) => Err(text(&ours) + &text(&theirs)),
        codes => panic!("they do not agree: {codes:?}\n{}\n{}", text(&ours), text(&theirs)),
    }
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

impl World {
    pub(crate) fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// The leaf of an answer's request, as soon as it is signed.
    pub(crate) fn record_of(&self, answer: &crate::http::Answer) -> Value {
        let path = answer.header("x-tollgate-receipt").expect("every answer says where its receipt is").to_owned();
        let receipt = until("the receipt is there", || Some(self.get(&path)).filter(|a| a.status == 200)).json();
        let leaf: Value = serde_json::from_str(receipt["leaf"].as_str().expect("a leaf")).expect("JSON");
        leaf["record"].clone()
    }

    /// Exports it and has it verified by both.
    pub(crate) fn verified_export(&self, name: &str) -> PathBuf {
        let out = self.folder().join(name);
        let done = audit(&[
            "export",
            "--data-dir",
            &self.data().display().to_string(),
            "--out",
            &out.display().to_string(),
            "--details",
        ]);
        assert!(done.status.success(), "{}", text(&done));
        verify(&out, &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
        out
    }
}

#[test]
fn every_request_leaves_a_record_that_anyone_can_verify() {
    let world = World::with()
        .openai("busy", busy(1))
        .openai("steady", Profile::default())
        .anthropic("claude", paced(5, 200))
        .openai("cut", crate::world::faulty(tollgate_simulate::Fault::CutMidStream { after_events: 2 }))
        .model("chain", &["busy", "steady"])
        .start();
    let plain = world.record_of(&world.chat(Chat::to("chain")));
    assert_eq!(plain["attempts"][0]["failed"], "429");
    assert_eq!((plain["endpoint"].as_str(), plain["outcome"].as_str()), (Some("steady"), Some("answered")));
    assert!(plain["usage"]["output"].as_u64() > Some(0) && plain["detail"].as_str().is_some(), "{plain}");
    let streamed = world.record_of(&world.chat(Chat::only("claude").streamed()));
    assert_eq!((&streamed["stream"], streamed["asked"].as_str()), (&true.into(), Some("only-claude")));
    let named = Chat::only("steady").with("user", "ann".into());
    world.record_of(&world.chat_with(&[("x-tollgate-tags", "nightly, eu")], named));
    let refused = world.record_of(&world.chat(Chat::to("private words")));
    assert_eq!(refused["error"], serde_json::json!({"code": "model_not_found", "whose": "client"}));
    assert!(!refused.to_string().contains("private words"), "a client's own words are not for the log");
    let cut = world.record_of(&world.chat(Chat::only("cut").streamed()));
    assert_eq!((cut["outcome"].as_str(), &cut["error"]["whose"]), (Some("cut_upstream"), &"vendor".into()));
    assert_eq!(world.chat_as("tgk_wrong", Chat::only("steady")).status, 401);
    let out = world.verified_export("export");
    let details = fs::read_dir(out.join("logs"))
        .expect("logs")
        .filter_map(|log| fs::read_to_string(log.expect("a folder").path().join("details.jsonl")).ok());
    let details: String = details.collect();
    for kept in ["private words", "\"ip\":\"127.", "\"tags\":[\"nightly\",\"eu\"],\"user\":\"ann\""] {
        assert!(details.contains(kept), "{details}");
    }
}

#[test]
fn a_client_that_hangs_up_leaves_a_record_too() {
    let world = World::with().openai("paced", paced(1000, 100)).start();
    let mut connection = world.begin(Chat::only("paced").streamed());
    let head = connection.head().expect("a head");
    connection.read_until(" ");
    connection.hang_up();
    let record = world.record_of(&head);
    assert_eq!(record["outcome"], "hung_up");
    assert!(record["usage"]["input"].as_u64() > Some(0), "{record}");
}

#[test]
fn a_receipt_is_for_its_client_and_is_checked_with_a_key_alone() {
    let mut other = Key::new(9, "other", Algorithm::Sha256, "");
    other.entry = other.entry.replace("tenant: acme", "tenant: other");
    let world = World::with().openai("steady", Profile::default()).key(&other).start();
    let answer = world.chat(Chat::only("steady"));
    world.record_of(&answer);
    let path = answer.header("x-tollgate-receipt").expect("a receipt").to_owned();
    let file = world.folder().join("receipt.json");
    fs::write(&file, &world.get(&path).body).expect("written");
    let keys = fs::read_to_string(world.data().join("keys/log.pub")).expect("keys");
    let check = |file: &Path| audit(&["receipt", "--check", &file.display().to_string(), "--key", keys.trim_end()]);
    let theirs = |file: &Path| {
        let root = env!("CARGO_MANIFEST_DIR");
        let mut python = Command::new(format!("{root}/.venv/bin/python"));
        let run = python.arg(format!("{root}/docs/verify_receipt.py")).arg(file).arg(keys.trim_end()).output();
        text(&run.expect("`make test` installs Python"))
    };
    let whole = fs::read_to_string(&file).expect("readable");
    for said in [text(&check(&file)), theirs(&file)] {
        assert!(said.starts_with("holds: record 1 of "), "{said}");
    }
    let forgeries = [
        ("answered", "refused.", "does not lead to the checkpoint's root"),
        ("],\"seq\":1,", "],\"seq\":0,", "leaf"),
        ("\\n\\n\u{2014} tollgate/", "\\n\\n\u{2014} tollgate/x", "signed by this key"),
    ];
    for (from, to, why) in forgeries {
        let forged = whole.replacen(from, to, 1);
        assert_ne!(forged, whole, "{from}");
        fs::write(&file, forged).expect("written");
        for said in [text(&check(&file)), theirs(&file)] {
            assert!(said.contains(why) && !said.starts_with("holds"), "{said}");
        }
    }
    let stranger = world.ask("GET", &path, &[("authorization", &format!("Bearer {}", other.text))], b"");
    assert_eq!((stranger.status, stranger.code()), (404, "record_not_found".to_owned()));
    assert_eq!(world.ask("GET", &path, &[], b"").status, 401);
}

#[test]
fn proofs_of_inclusion_and_consistency_are_served() {
    let world = World::steady();
    let sizes = [1, 2].map(|_| {
        world.record_of(&world.chat(Chat::only("steady")));
        let note = world.get("/v1/audit/checkpoint").text();
        note.lines().nth(1).and_then(|size| size.parse::<u64>().ok()).expect("a size")
    });
    let proof = world.get(&format!("/v1/audit/proofs/consistency?old={}&new={}", sizes[0], sizes[1])).json();
    let proof: tollgate_audit::Consistency = serde_json::from_value(proof).expect("a proof");
    assert!(proof.holds() && proof.old < proof.new, "{proof:?}");
    let inclusion = world.get("/v1/audit/proofs/inclusion?seq=1").json();
    assert_eq!((inclusion["seq"].as_u64(), inclusion["root"].as_str()), (Some(1), Some(&*proof.new_root)));
    assert_eq!(world.get("/v1/audit/records/1").json()["seq"], 1);
    for none in [
        "records/4000",
        "proofs/inclusion?seq=4000",
        "proofs/consistency?old=9&new=3",
        "receipts/req_00000000000000000000000000000000",
    ] {
        assert_eq!(world.get(&format!("/v1/audit/{none}")).status, 404, "{none}");
    }
}

#[test]
fn what_was_rewritten_with_the_stolen_key_is_found_by_a_kept_checkpoint() {
    let world = World::steady();
    world.record_of(&world.chat(Chat::only("steady")));
    let first = world.verified_export("first");
    world.record_of(&world.chat(Chat::only("steady")));
    let second = world.verified_export("second");
    let kept = first.join("logs/deployment/checkpoint").display().to_string();
    verify(&second, &["--kept", &kept]).expect("it extends what was kept");
    let newer = second.join("logs/deployment/checkpoint").display().to_string();
    let wrong = verify(&first, &["--kept", &newer]).expect_err("rolled back");
    assert!(wrong.contains("kept"), "{wrong}");
}

#[test]
fn the_details_of_a_subject_are_destroyed_while_the_gateway_runs() {
    let world = World::steady();
    let answer = world.chat(Chat::only("steady"));
    let record = world.record_of(&answer);
    let data = world.data().display().to_string();
    let subject = record["key"].as_str().expect("a key id").to_owned();
    let done = audit(&[
        "erase",
        "--data-dir",
        &data,
        "--tenant",
        "acme",
        "--subject",
        &subject,
        "--why",
        "asked",
        "--by",
        "ann",
    ]);
    assert_eq!(text(&done).trim_end(), "erased the details of 1 records");
    let out = world.verified_export("export");
    let log = fs::read_dir(out.join("logs"))
        .expect("logs")
        .map(|e| e.expect("a log").path())
        .find(|p| p.join("details.jsonl").exists());
    let log = log.expect("a tenant's log");
    assert_eq!(fs::read_to_string(log.join("details.jsonl")).expect("readable"), "");
    assert!(fs::read_to_string(log.join("leaves/00000000.jsonl")).expect("readable").contains("\"kind\":\"erase\""));
}

#[test]
fn projections_are_made_again_from_the_log_with_equal_results() {
    let mut world = World::steady();
    for _ in 0..20 {
        assert_eq!(world.chat(Chat::only("steady")).status, 200);
    }
    world.signal("TERM");
    world.wait_for_exit();
    let path = world.data().join("totals.json");
    let before: Value = serde_json::from_slice(&fs::read(&path).expect("totals")).expect("JSON");
    let data = world.data().display().to_string();
    let said = text(&audit(&["rebuild", "--data-dir", &data]));
    assert!(said.contains("equal to what was there"), "{said}");
    let after: Value = serde_json::from_slice(&fs::read(&path).expect("totals")).expect("JSON");
    assert_eq!(before["logs"], after["logs"]);
    let lied = fs::read_to_string(&path).expect("totals").replace("\"requests\":20", "\"requests\":19");
    fs::write(&path, lied).expect("written");
    assert!(text(&audit(&["rebuild", "--data-dir", &data])).contains("WRONG"));
    assert!(text(&audit(&["rebuild", "--data-dir", &data])).contains("equal"));
}

#[test]
fn a_change_of_mode_is_a_leaf_and_off_writes_nothing() {
    let mut world = World::with().openai("steady", Profile::default()).section("audit", "{mode: relaxed}").start();
    world.record_of(&world.chat(Chat::only("steady")));
    world.signal("TERM");
    world.wait_for_exit();
    world.write(&world.yaml.replace("mode: relaxed", "mode: off"));
    let mut world = world.start_again();
    let answer = world.chat(Chat::only("steady"));
    assert_eq!((answer.status, answer.header("x-tollgate-receipt")), (200, None));
    assert_eq!(world.get("/v1/audit/checkpoint").code(), "record_not_found");
    world.signal("TERM");
    world.wait_for_exit();
    let leaves = fs::read_to_string(world.data().join("logs/deployment/leaves/00000000.jsonl")).expect("leaves");
    for change in [r#""record":{"from":"off","to":"relaxed"}"#, r#""record":{"from":"relaxed","to":"off"}"#] {
        assert!(leaves.contains(change), "{leaves}");
    }
    world.verified_export("export");
}

#[test]
fn a_bit_an_end_and_an_order_are_missed_by_neither_verifier() {
    let world = World::with().openai("steady", Profile::default()).openai("down", status(503)).start();
    world.chat(Chat::only("down"));
    world.record_of(&world.chat(Chat::only("steady")));
    let out = world.verified_export("export");
    let leaves =
        fs::read_dir(out.join("logs")).expect("logs").map(|e| e.expect("a log").path().join("leaves/00000000.jsonl"));
    for file in leaves {
        let whole = fs::read_to_string(&file).expect("readable");
        let mut lines: Vec<&str> = whole.split_inclusive('\n').collect();
        lines.swap(0, 1);
        for broken in [
            whole.replacen("\"v\":1", "\"v\":2", 1),
            whole[..whole.len() - 1].to_owned(),
            lines.concat(),
            whole.replacen('1', "2", 1),
        ] {
            fs::write(&file, broken).expect("written");
            verify(&out, &[]).expect_err("it must be found");
        }
        fs::write(&file, whole).expect("written");
    }
    verify(&out, &[]).expect("whole again");
}

#[test]
fn an_export_holds_what_was_answered_before_it_of_a_gateway_that_runs_or_was_killed() {
    let mut world = World::steady();
    let count = |out: &Path| {
        let logs = fs::read_dir(out.join("logs")).expect("logs").map(|log| log.expect("a log").path());
        let leaves = logs.map(|log| fs::read_to_string(log.join("leaves/00000000.jsonl")).expect("leaves"));
        leaves.map(|text| text.matches("\"kind\":\"request\"").count()).sum::<usize>()
    };
    for (round, name) in (1..).zip(["running", "killed"]) {
        for _ in 0..10 {
            assert_eq!(world.chat(Chat::only("steady")).status, 200);
        }
        if name == "killed" {
            world.kill();
        }
        assert_eq!(count(&world.verified_export(name)), 10 * round, "{name}");
    }
    assert_eq!(count(&world.verified_export("again")), 20);
}

#[test]
fn what_nobody_with_a_key_asked_for_is_counted_and_what_operators_do_is_a_leaf() {
    let mut world = World::steady();
    let answer = world.chat(Chat::only("steady"));
    let version = world.record_of(&answer)["config"].as_str().expect("a version").to_owned();
    for _ in 0..3 {
        assert_eq!(world.chat_as("tgk_wrong", Chat::only("steady")).status, 401);
    }
    assert!(world.reload(&format!("{}health: {{trip_after: 7}}\n", world.yaml)));
    let after = world.record_of(&world.chat(Chat::only("steady")))["config"].as_str().expect("a version").to_owned();
    assert_ne!(version, after);
    world.signal("TERM");
    world.wait_for_exit();
    let leaves = fs::read_to_string(world.data().join("logs/deployment/leaves/00000000.jsonl")).expect("leaves");
    for said in [
        r#""codes":{"invalid_key":3}"#.to_owned(),
        format!(r#""record":{{"by":"start","what":"configuration {version}"}}"#),
        format!(r#""record":{{"by":"reload","what":"configuration {after}"}}"#),
    ] {
        assert!(leaves.contains(&said), "{said} in {leaves}");
    }
    world.verified_export("export");
}

#[test]
fn changes_of_every_kind_are_found_by_the_auditors_verifier() {
    let root = env!("CARGO_MANIFEST_DIR");
    let script = format!("{root}/tests/audit/mutate.py");
    // `make mutate` asks for 10,000.
    let run = Command::new(format!("{root}/.venv/bin/python")).args([&script, "--count", "400"]).output();
    let run = run.expect("`make test` installs Python");
    assert!(run.status.success(), "{}", text(&run));
}

#[test]
fn a_witness_signs_that_the_log_only_grew_and_is_asked_for_by_an_auditor() {
    let mut world = World::steady();
    world.record_of(&world.chat(Chat::only("steady")));
    world.signal("TERM");
    world.wait_for_exit();
    let keys = fs::read_to_string(world.data().join("keys/log.pub")).expect("keys");
    let address = format!("{}:4010", world.address);
    let mut witness = Command::new(TOLLGATE)
        .args([
            "witness",
            "--name",
            "auditor.example/one",
            "--listen",
            &address,
            "--log",
            keys.trim_end(),
            "--data-dir",
        ])
        .arg(world.folder().join("witness"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut said = String::new();
    let out = witness.stdout.take().expect("its output is piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut said).expect("it says its key");
    let key = said.trim_end().rsplit(' ').next().expect("a key").to_owned();
    until("the witness listens", || std::net::TcpStream::connect(&address).ok());
    world.write(&format!("{}audit: {{witnesses: [{{url: \"http://{address}\", key: \"{key}\"}}]}}\n", world.yaml));
    let world = world.start_again();
    let answer = world.chat(Chat::only("steady"));
    world.record_of(&answer);
    let note = || fs::read_to_string(world.data().join("logs/deployment/checkpoint")).expect("a checkpoint");
    until("the witness has signed", || note().contains("auditor.example/one").then_some(()));
    let out = world.verified_export("export");
    verify(&out, &["--witness", &key]).expect("it is signed by the witness");
    witness.kill().expect("it ran");
    witness.wait().expect("it ended");
    world.record_of(&world.chat(Chat::only("steady")));
    until("a checkpoint without it", || (!note().contains("auditor.example/one")).then_some(()));
    let later = world.verified_export("later");
    let wrong = verify(&later, &["--witness", &key]).expect_err("nobody has seen that one");
    assert!(wrong.contains("auditor.example/one") || wrong.contains("not signed"), "{wrong}");
}
