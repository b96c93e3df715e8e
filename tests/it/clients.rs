//! Real clients, unchanged but for base URL and key: each asks vendors of several dialects, and sees no difference.

use std::process::Command;

use tollgate_simulate::{Fault, Profile};

use crate::world::{World, faulty};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Each served by a vendor of another dialect.
const MODELS: &str = "only-open,only-anthropic";

/// Vendors that call tools three times before they have words, and one that never answers.
fn world() -> World {
    let patient = || Profile { turns: 3, ..Profile::default() };
    World::with()
        .openai("open", patient())
        .anthropic("anthropic", patient())
        .openai("hanging", faulty(Fault::AcceptAndHang))
        .start()
}

/// Runs a script with this interpreter; it ends with 1 and says why where a client saw something else.
fn passes(interpreter: &str, script: &str) {
    let world = world();
    let interpreter = format!("{ROOT}/{interpreter}");
    let run = Command::new(&interpreter)
        .arg(format!("{ROOT}/tests/clients/{script}"))
        .env("GATE", format!("http://{}", world.clients()))
        .env("CONTROL", world.vendor.base_url("control"))
        .env("KEY", &world.key)
        .env("MODELS", MODELS)
        .env("HANGING", "only-hanging")
        .output()
        .unwrap_or_else(|e| panic!("{interpreter} cannot be run ({e}); `make test` installs it"));
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && said.contains("checks passed"), "{said}");
}

#[test]
fn openai_for_python_works() {
    passes(".venv/bin/python", "openai_client.py");
}

#[test]
fn langchain_works() {
    passes(".venv/bin/python", "langchain_client.py");
}

#[test]
fn llamaindex_works() {
    passes(".venvs/llamaindex/bin/python", "llamaindex_client.py");
}
