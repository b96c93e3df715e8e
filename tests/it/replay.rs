//! Recorded traffic of real vendors through the running gateway, on every surface: what comes out says what
//! went in, is counted as the recording says, and costs what that costs. What is judged, and by which rules,
//! stands in `tests/replay`, in another language and without a line of the gateway's.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::world::World;

/// The vendor that says what was recorded.
struct Replay {
    child: Child,
    address: String,
}

impl Replay {
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut child = python("vendor.py")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python runs; `make test` installs it");
        let mut address = String::new();
        let read = BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut address);
        read.expect("it says where it listens");
        Self { child, address: address.trim().to_owned() }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn python(script: &str) -> Command {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut python = Command::new(format!("{root}/.venv/bin/python"));
    python.arg(format!("{root}/tests/replay/{script}"));
    python
}

/// A model for each dialect, named for what was recorded in it.
const PLACES: [(&str, &str, &str); 6] = [
    ("chat", "openai", "/v1"),
    ("responses", "responses", "/v1"),
    ("messages", "anthropic", ""),
    ("gemini", "gemini", ""),
    ("interactions", "interactions", ""),
    ("converse", "converse", ""),
];

#[test]
fn every_recording_says_the_same_on_every_surface_and_costs_what_it_says() {
    replayed(&[]);
}

/// Other bytes, the same answer: what is found must not depend on the order of members, on what else is there,
/// or on how lines end.
#[test]
fn a_recording_says_the_same_however_it_is_spelled() {
    replayed(&[("SPELLED", "otherwise"), ("SURFACES", "chat,messages")]);
}

fn replayed(variables: &[(&str, &str)]) {
    let replay = Replay::start(variables);
    let plans = PLACES.iter().fold(World::with(), |plans, (name, dialect, path)| {
        let base_url = format!("http://{}{path}", replay.address);
        plans.place(name, dialect, base_url, "").model(&format!("via-{name}"), &[name])
    });
    // Vendors' recorded failures are no reason to leave them alone.
    let world = plans.section("health", "{trip_after: 1000000}").start();
    let run = python("client.py")
        .env("BASE_URL", format!("http://{}", world.clients()))
        .env("KEY", &world.key)
        .env("LOG", world.folder().join("stdout"))
        .envs(variables.iter().copied())
        .output()
        .expect("Python runs");
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}");
}
