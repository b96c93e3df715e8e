//! Real clients, unchanged but for base URL and key.

use std::process::Command;

use crate::demo::Demo;

#[test]
fn the_official_openai_client_works_over_both_vendors() {
    let demo = Demo::start();
    let root = env!("CARGO_MANIFEST_DIR");
    let python = format!("{root}/.venv/bin/python");
    let run = Command::new(&python)
        .arg(format!("{root}/tests/clients/openai_client.py"))
        .env("BASE_URL", &demo.base_url)
        .env("KEY", &demo.key)
        .env("MODELS", "sim-small,sim-large")
        .output()
        .unwrap_or_else(|e| panic!("{python} cannot be run ({e}); `make test` installs it"));
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}");
}
